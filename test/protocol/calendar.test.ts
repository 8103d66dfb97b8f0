/** The UTC calendar is held against the platform's own, over four centuries. */
import { describe, expect, test } from 'vitest'
import {
  DAY,
  EPOCH_MS,
  INTERVALS,
  intervalOf,
  isoOf,
  minuteOfDay,
  nextInterval,
  utcInstant,
  weekdayOf,
} from '../../src/protocol/index.ts'

const CENTURIES = Array.from({ length: 3_000 }, (_, index) => Date.UTC(1900, 0, 1) + index * 49 * DAY + index * 7_777)

describe('calendar', () => {
  test('instants read and write like the platform reads and writes them', () => {
    for (const instant of CENTURIES) {
      expect(isoOf(instant)).toBe(new Date(instant).toISOString())
      expect(utcInstant().parse(new Date(instant).toISOString())).toBe(instant)
      expect(weekdayOf(instant)).toBe(new Date(instant).getUTCDay())
      expect(minuteOfDay(instant)).toBe(new Date(instant).getUTCHours() * 60 + new Date(instant).getUTCMinutes())
    }
    expect(isoOf(EPOCH_MS)).toBe('2026-01-01T00:00:00.000Z')
    expect(utcInstant().safeParse('2026-01-01T00:00Z').success).toBe(false)
    expect(utcInstant().safeParse('2026-02-30T00:00:00Z').success).toBe(false)
  })

  test('an interval ends where the next begins: days, weeks from Monday, months', () => {
    for (const interval of INTERVALS) {
      for (const instant of CENTURIES) {
        const next = nextInterval(interval, instant)
        if (next === null) continue
        expect(next).toBeGreaterThan(instant)
        expect(intervalOf(interval, next - 1)).toBe(intervalOf(interval, instant))
        expect(intervalOf(interval, next)).not.toBe(intervalOf(interval, instant))
      }
    }
    expect(nextInterval('weekly', EPOCH_MS)).toBe(Date.UTC(2026, 0, 5)) // A Monday.
    expect(nextInterval('monthly', Date.UTC(2026, 11, 31))).toBe(Date.UTC(2027, 0, 1))
  })
})
