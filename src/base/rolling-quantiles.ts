import { exp, ln } from './portable-math.ts'
import type { Millis } from './time.ts'

const BUCKETS = 256
/** Neighbouring buckets differ by 6 %: fine enough to order endpoints by, and 512 bytes a slot. */
const GROWTH = 1.06
const LN_GROWTH = ln(GROWTH)
const MIDPOINTS: readonly number[] = Array.from({ length: BUCKETS }, (_, index) => exp((index + 0.5) * LN_GROWTH))

/**
 * Quantiles of positive values over the last `spanMs`, kept as a ring of coarse histograms. Fixed memory; a value is
 * read back to within 3 %, and forgotten to within one slot.
 */
export class RollingQuantiles {
  private readonly slots: Uint32Array[]
  private readonly slotMs: Millis
  private current = 0

  constructor(spanMs: Millis, slots: number) {
    this.slotMs = spanMs / slots
    this.slots = Array.from({ length: slots }, () => new Uint32Array(BUCKETS))
  }

  record(now: Millis, value: number): void {
    this.advance(now)
    const index = value <= 1 ? 0 : Math.min(BUCKETS - 1, Math.floor(ln(value) / LN_GROWTH))
    const slot = this.slots[this.current % this.slots.length] as Uint32Array
    slot[index] = (slot[index] as number) + 1
  }

  /** The value at quantile `q` (0..1), smallest first; null without samples. */
  quantile(now: Millis, q: number): number | null {
    this.advance(now)
    let total = 0
    for (const slot of this.slots) for (const n of slot) total += n
    if (total === 0) return null
    let left = Math.max(1, Math.ceil(q * total - 1e-9))
    for (let index = 0; index < BUCKETS; index += 1) {
      for (const slot of this.slots) left -= slot[index] as number
      if (left <= 0) return MIDPOINTS[index] as number
    }
    return MIDPOINTS[BUCKETS - 1] as number
  }

  private advance(now: Millis): void {
    const slot = Math.floor(now / this.slotMs)
    const steps = Math.min(slot - this.current, this.slots.length)
    for (let step = 1; step <= steps; step += 1) this.slots[(slot - steps + step) % this.slots.length]?.fill(0)
    if (slot > this.current) this.current = slot
  }
}
