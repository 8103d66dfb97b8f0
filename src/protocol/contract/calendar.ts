/**
 * The UTC calendar of a run: which day, week (Monday to Sunday, openrouter.md §4.8) and month an instant of the scenario
 * is in, and when the next begins. Pure arithmetic on the proleptic Gregorian calendar; scenario instant 0 is the epoch.
 */
import { z } from 'zod'
import { MINUTE, type Millis } from '../../base/index.ts'

export const DAY: Millis = 1_440 * MINUTE

/** Unix time of scenario instant 0, in ms, unless the gateway says otherwise: 2026-01-01T00:00:00Z, a Thursday. */
export const EPOCH_MS = 1_767_225_600_000

const INSTANT = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,3}))?Z$/

/** An instant as `2026-01-01T00:00:00Z`, seconds and Z included (openrouter.md §8.4); Unix time in ms. */
export const utcInstant = () =>
  z.iso
    .datetime({ error: 'an instant is written in UTC, with seconds, like 2026-01-01T00:00:00Z' })
    .refine((text) => INSTANT.test(text), {
      error: 'an instant is written in UTC, with seconds, like 2026-01-01T00:00:00Z',
    })
    .transform(instantOf)

function instantOf(text: string): Millis {
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = (INSTANT.exec(text) ?? [])
    .slice(1, 7)
    .map(Number)
  const fraction = Number(`0.${INSTANT.exec(text)?.[7] ?? '0'}`)
  const seconds = (hour * 60 + minute) * 60 + second
  return dayNumber(year, month, day) * DAY + seconds * 1_000 + Math.round(fraction * 1_000)
}

export const INTERVALS = ['daily', 'weekly', 'monthly', 'lifetime'] as const
export type Interval = (typeof INTERVALS)[number]

/** A number for the interval that a Unix instant is in: the same for two instants of one day, week or month. */
export function intervalOf(interval: Interval, unixMs: number): number {
  const day = Math.floor(unixMs / DAY)
  switch (interval) {
    case 'daily':
      return day
    case 'weekly':
      return mondayOf(day)
    case 'monthly': {
      const { year, month } = civilOf(day)
      return year * 12 + month - 1
    }
    case 'lifetime':
      return 0
  }
}

/** When the interval after the one that a Unix instant is in begins, as Unix ms; null: never. */
export function nextInterval(interval: Interval, unixMs: number): number | null {
  const day = Math.floor(unixMs / DAY)
  switch (interval) {
    case 'daily':
      return (day + 1) * DAY
    case 'weekly':
      return (mondayOf(day) + 7) * DAY
    case 'monthly': {
      const { year, month } = civilOf(day)
      return (month === 12 ? dayNumber(year + 1, 1, 1) : dayNumber(year, month + 1, 1)) * DAY
    }
    case 'lifetime':
      return null
  }
}

/** 0 for Sunday to 6 for Saturday. Day 0 of Unix time was a Thursday. */
export function weekdayOf(unixMs: number): number {
  return (((Math.floor(unixMs / DAY) + 4) % 7) + 7) % 7
}

/** Minutes since midnight UTC, 0 to 1439. */
export function minuteOfDay(unixMs: number): number {
  return Math.floor((unixMs - Math.floor(unixMs / DAY) * DAY) / MINUTE)
}

/** `2026-01-01T00:00:00.000Z` of a Unix instant in ms. */
export function isoOf(unixMs: number): string {
  const day = Math.floor(unixMs / DAY)
  const { year, month, day: date } = civilOf(day)
  const rest = Math.floor(unixMs) - day * DAY
  const two = (value: number): string => String(value).padStart(2, '0')
  const clock = [Math.floor(rest / 3_600_000), Math.floor(rest / 60_000) % 60, Math.floor(rest / 1_000) % 60].map(two)
  return `${String(year).padStart(4, '0')}-${two(month)}-${two(date)}T${clock.join(':')}.${String(rest % 1_000).padStart(3, '0')}Z`
}

function mondayOf(day: number): number {
  return day - ((((day + 3) % 7) + 7) % 7)
}

const DAYS_PER_ERA = 146_097
const YEARS_PER_ERA = 400
/** From 0000-03-01, where the count of eras begins, to 1970-01-01. */
const DAYS_BEFORE_UNIX = 719_468

/** Days since 1970-01-01, counted in eras of 400 years that begin in March, so that a leap day is the last of its year. */
function dayNumber(year: number, month: number, day: number): number {
  const shifted = month <= 2 ? year - 1 : year
  const era = Math.floor(shifted / YEARS_PER_ERA)
  const yearOfEra = shifted - era * YEARS_PER_ERA
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear
  return era * DAYS_PER_ERA + dayOfEra - DAYS_BEFORE_UNIX
}

function civilOf(dayNumberSinceUnix: number): { year: number; month: number; day: number } {
  const shifted = dayNumberSinceUnix + DAYS_BEFORE_UNIX
  const era = Math.floor(shifted / DAYS_PER_ERA)
  const dayOfEra = shifted - era * DAYS_PER_ERA
  const leaps = Math.floor(dayOfEra / 1_460) - Math.floor(dayOfEra / 36_524) + Math.floor(dayOfEra / 146_096)
  const yearOfEra = Math.floor((dayOfEra - leaps) / 365)
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const shiftedMonth = Math.floor((5 * dayOfYear + 2) / 153)
  const day = dayOfYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1
  const month = shiftedMonth + (shiftedMonth < 10 ? 3 : -9)
  const year = yearOfEra + era * YEARS_PER_ERA + (month <= 2 ? 1 : 0)
  return { year, month, day }
}
