import type { Millis } from './time.ts'

/**
 * Counts over the last `spanMs`, kept in a ring of equal buckets: memory is fixed, and a count is exact to one bucket.
 * Each bucket holds `width` counters side by side (for example: tried, failed, slow). Whole numbers only: their sums are
 * kept beside them, so that looking costs nothing.
 */
export class RollingWindow {
  private readonly counts: Float64Array
  private readonly sums: Float64Array
  private readonly bucketMs: number
  private current = 0
  private readonly buckets: number
  private readonly width: number

  constructor(spanMs: Millis, buckets: number, width: number) {
    this.buckets = buckets
    this.width = width
    this.bucketMs = spanMs / buckets
    this.counts = new Float64Array(buckets * width)
    this.sums = new Float64Array(width)
  }

  /** Add to one counter at the instant `now`, which never decreases. */
  add(now: Millis, counter: number, amount = 1): void {
    this.advance(now)
    const index = (this.current % this.buckets) * this.width + counter
    this.counts[index] = (this.counts[index] as number) + amount
    this.sums[counter] = (this.sums[counter] as number) + amount
  }

  /** The sum of one counter over the window that ends at `now`. */
  total(now: Millis, counter: number): number {
    this.advance(now)
    return this.sums[counter] as number
  }

  clear(): void {
    this.counts.fill(0)
    this.sums.fill(0)
  }

  private advance(now: Millis): void {
    const bucket = Math.floor(now / this.bucketMs)
    if (bucket <= this.current) return
    if (bucket - this.current >= this.buckets) this.clear()
    else {
      for (let next = this.current + 1; next <= bucket; next += 1) this.forget((next % this.buckets) * this.width)
    }
    this.current = bucket
  }

  /** The bucket that begins at `start` is too old. */
  private forget(start: number): void {
    for (let counter = 0; counter < this.width; counter += 1) {
      this.sums[counter] = (this.sums[counter] as number) - (this.counts[start + counter] as number)
      this.counts[start + counter] = 0
    }
  }
}
