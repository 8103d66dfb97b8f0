import type { Millis } from './time.ts'

/**
 * Counts over the last `spanMs`, kept in a ring of equal buckets: memory is fixed, and a count is exact to one bucket.
 * Each bucket holds `width` counters side by side (for example: tried, failed, slow).
 */
export class RollingWindow {
  private readonly counts: Float64Array
  private readonly bucketMs: number
  private current = 0
  private readonly buckets: number
  private readonly width: number

  constructor(spanMs: Millis, buckets: number, width: number) {
    this.buckets = buckets
    this.width = width
    this.bucketMs = spanMs / buckets
    this.counts = new Float64Array(buckets * width)
  }

  /** Add to one counter at the instant `now`, which never decreases. */
  add(now: Millis, counter: number, amount = 1): void {
    this.advance(now)
    const index = (this.current % this.buckets) * this.width + counter
    this.counts[index] = (this.counts[index] as number) + amount
  }

  /** The sum of one counter over the window that ends at `now`. */
  total(now: Millis, counter: number): number {
    this.advance(now)
    let sum = 0
    for (let index = counter; index < this.counts.length; index += this.width) sum += this.counts[index] as number
    return sum
  }

  clear(): void {
    this.counts.fill(0)
  }

  private advance(now: Millis): void {
    const bucket = Math.floor(now / this.bucketMs)
    if (bucket <= this.current) return
    if (bucket - this.current >= this.buckets) this.counts.fill(0)
    else {
      for (let next = this.current + 1; next <= bucket; next += 1) {
        const start = (next % this.buckets) * this.width
        this.counts.fill(0, start, start + this.width)
      }
    }
    this.current = bucket
  }
}
