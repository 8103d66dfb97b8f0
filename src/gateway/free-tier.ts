/**
 * How often free models may be asked: so many times a minute, and a day, by the calendar of UTC (openrouter.md §8.6). All
 * free models of an account share the count, so another of them is no way around it.
 */
import { MINUTE, type Millis } from '../base/index.ts'
import {
  DAY,
  FREE_HIGH_FROM_USD,
  FREE_PER_DAY,
  FREE_PER_DAY_HIGH,
  FREE_PER_MINUTE,
  type NanoDollars,
} from '../protocol/index.ts'
import type { Failure } from '../router/index.ts'
import { freeSpent } from './refusals.ts'

export class FreeTier {
  private minute = -1
  private inMinute = 0
  private day = -1
  private inDay = 0

  /** What stands against one more; `bought`: credits ever bought, on which the number a day depends. */
  objection(bought: NanoDollars, unixMs: number): Failure | null {
    this.roll(unixMs)
    const isHigh = bought >= FREE_HIGH_FROM_USD * 1e9
    const perDay = isHigh ? FREE_PER_DAY_HIGH : FREE_PER_DAY
    if (this.inDay >= perDay) {
      return freeSpent(isHigh ? 'day-high' : 'day', perDay, (this.day + 1) * DAY)
    }
    if (this.inMinute < FREE_PER_MINUTE) return null
    return freeSpent('min', FREE_PER_MINUTE, (this.minute + 1) * MINUTE)
  }

  count(unixMs: number): void {
    this.roll(unixMs)
    this.inMinute += 1
    this.inDay += 1
  }

  /** One that was counted then does not count after all. */
  uncount(countedAt: number, unixMs: number): void {
    this.roll(unixMs)
    if (Math.floor(countedAt / MINUTE) === this.minute) this.inMinute -= 1
    if (Math.floor(countedAt / DAY) === this.day) this.inDay -= 1
  }

  private roll(unixMs: Millis): void {
    const minute = Math.floor(unixMs / MINUTE)
    if (minute === this.minute) return
    this.minute = minute
    this.inMinute = 0
    const day = Math.floor(unixMs / DAY)
    if (day === this.day) return
    this.day = day
    this.inDay = 0
  }
}
