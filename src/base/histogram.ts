/**
 * A log-linear histogram (the idea of HdrHistogram): values in a power of two share 512 equal buckets, so a quantile
 * is off by at most 0.1 %, and below 32 by at most 1/32. Bounded memory whatever the run length, exact counts, and two
 * histograms merge by adding.
 */

const SUB_BITS = 9
const SUB_COUNT = 1 << SUB_BITS
/** Values are kept in 1/16 units, so that sub-millisecond latencies are told apart. */
const SCALE = 16
const OCTAVES = 32

export class Histogram {
  private counts = new Uint32Array(SUB_COUNT * 2)
  private total = 0
  private sum = 0
  private highest = 0

  /** How many values were recorded. */
  get count(): number {
    return this.total
  }

  get mean(): number | null {
    return this.total === 0 ? null : this.sum / this.total
  }

  get max(): number | null {
    return this.total === 0 ? null : this.highest
  }

  /** Record a value of 0 or more. Values above 2^27 units share the last bucket. */
  record(value: number): void {
    const index = indexOf(value)
    if (index >= this.counts.length) this.grow(index)
    this.counts[index] = (this.counts[index] as number) + 1
    this.total += 1
    this.sum += value
    if (value > this.highest) this.highest = value
  }

  /** The value at quantile `q` in (0, 1], by nearest rank; null without samples. */
  quantile(q: number): number | null {
    if (this.total === 0) return null
    let left = Math.max(1, Math.ceil(q * this.total - 1e-9))
    if (left >= this.total) return this.highest
    for (let index = 0; index < this.counts.length; index += 1) {
      left -= this.counts[index] as number
      if (left <= 0) return Math.min(this.highest, midpointOf(index))
    }
    return this.highest
  }

  merge(other: Histogram): void {
    if (other.counts.length > this.counts.length) this.grow(other.counts.length - 1)
    for (let index = 0; index < other.counts.length; index += 1) {
      this.counts[index] = (this.counts[index] as number) + (other.counts[index] as number)
    }
    this.total += other.total
    this.sum += other.sum
    this.highest = Math.max(this.highest, other.highest)
  }

  private grow(index: number): void {
    const next = new Uint32Array(Math.ceil((index + 1) / SUB_COUNT) * SUB_COUNT)
    next.set(this.counts)
    this.counts = next
  }
}

/** Bucket of a value: linear below one octave of sub-buckets, then 512 buckets per power of two. */
function indexOf(value: number): number {
  const units = Math.min(4294967295, Math.round(value * SCALE))
  if (units < SUB_COUNT) return units
  const shift = OCTAVES - 1 - Math.clz32(units) - SUB_BITS
  return (shift + 1) * SUB_COUNT + ((units >>> shift) - SUB_COUNT)
}

function midpointOf(index: number): number {
  if (index < SUB_COUNT) return index / SCALE
  const shift = Math.floor(index / SUB_COUNT) - 1
  const low = (SUB_COUNT + (index % SUB_COUNT)) * (POWERS[shift] as number)
  return (low + ((POWERS[shift] as number) - 1) / 2) / SCALE
}

const POWERS: readonly number[] = Array.from({ length: OCTAVES }, (_, power) => (1 << Math.min(power, 30)) >>> 0)
