/**
 * Short memories of fixed size: the last points of a sparkline, and the latest samples behind a percentile.
 */
import type { Millis } from '../../base/index.ts'

/** The last `capacity` points, one per second of scenario time. */
export class Points {
  private readonly ring: (number | null)[] = []
  private readonly capacity: number
  private pushed = 0

  constructor(capacity: number) {
    this.capacity = capacity
  }

  push(point: number | null): void {
    this.ring[this.pushed % this.capacity] = point
    this.pushed += 1
  }

  /** Oldest first. */
  values(): (number | null)[] {
    const start = this.pushed > this.capacity ? this.pushed % this.capacity : 0
    return [...this.ring.slice(start), ...this.ring.slice(0, start)]
  }
}

/**
 * Samples of the last `spanMs`, at most `capacity` of them. Exact below the capacity; above it a quantile is that of
 * the latest `capacity` samples, which for a p95 of a thousand is good to a fraction of a percent of rank.
 */
export class SampleWindow {
  private readonly spanMs: Millis
  private readonly capacity: number
  private readonly samples: Float64Array
  private readonly instants: Float64Array
  private readonly scratch: Float64Array
  private recorded = 0

  constructor(spanMs: Millis, capacity: number) {
    this.spanMs = spanMs
    this.capacity = capacity
    this.samples = new Float64Array(capacity)
    this.instants = new Float64Array(capacity)
    this.scratch = new Float64Array(capacity)
  }

  record(now: Millis, sample: number): void {
    this.samples[this.recorded % this.capacity] = sample
    this.instants[this.recorded % this.capacity] = now
    this.recorded += 1
  }

  /** The value at quantile `q` in (0, 1] of the window that ends at `now`, by nearest rank; null without samples. */
  quantile(now: Millis, q: number): number | null {
    let count = 0
    const oldest = Math.max(0, this.recorded - this.capacity)
    for (let index = this.recorded - 1; index >= oldest; index -= 1) {
      if ((this.instants[index % this.capacity] as number) <= now - this.spanMs) break
      this.scratch[count] = this.samples[index % this.capacity] as number
      count += 1
    }
    if (count === 0) return null
    return this.scratch.subarray(0, count).sort()[Math.max(0, Math.ceil(q * count - 1e-9) - 1)] as number
  }
}
