/**
 * How many: always the same, evenly between two ends, or a lognormal as tables publish it. One draw each, so that two
 * policies under one seed get the same numbers.
 */
import { z } from 'zod'
import {
  count,
  duration,
  lognormalFromPercentiles,
  quantize,
  sampleExponential,
  sampleLognormal,
} from '../base/index.ts'
import type { Lognormal, Millis, Rng } from '../base/index.ts'

/** A whole number from `min` to `max`, drawn anew each time. */
export function spread(min: number, max: number) {
  const whole = count({ min, max })
  return z.union([
    whole,
    z.strictObject({ from: whole, to: whole }).refine(({ from, to }) => from <= to, {
      path: ['to'],
      error: 'ends before it begins',
    }),
    z.strictObject({ p50: whole, p95: whole }).refine(({ p50, p95 }) => p50 > 0 && p50 <= p95, {
      path: ['p95'],
      error: 'the 95th percentile is not below the median, and both are above 0',
    }),
  ])
}

export type Spread = z.output<ReturnType<typeof spread>>

/** What a spread comes to for one draw, at most `max`. */
export function drawSpread(given: Spread, max: number, rng: Rng): number {
  if (typeof given === 'number') return given
  if ('from' in given) return given.from + rng.below(given.to - given.from + 1)
  return Math.min(max, Math.max(1, Math.round(sampleLognormal(lawOf(given), rng))))
}

/** The most that a spread can come to. */
export function mostOf(given: Spread, max: number): number {
  if (typeof given === 'number') return given
  return 'from' in given ? given.to : max
}

/** A pause: its mean, and then it is exponential; or a lognormal by its percentiles. */
export function pause() {
  const length = duration({ min: 1 })
  return z.union([
    length,
    z.strictObject({ p50: length, p95: length }).refine(({ p50, p95 }) => p50 <= p95, {
      path: ['p95'],
      error: 'the 95th percentile is below the median',
    }),
  ])
}

export type Pause = z.output<ReturnType<typeof pause>>

export function drawPause(given: Pause, rng: Rng): Millis {
  return quantize(typeof given === 'number' ? sampleExponential(given, rng) : sampleLognormal(lawOf(given), rng))
}

const laws = new WeakMap<object, Lognormal>()

function lawOf(given: { readonly p50: number; readonly p95: number }): Lognormal {
  let law = laws.get(given)
  if (law === undefined) laws.set(given, (law = lognormalFromPercentiles(given.p50, given.p95)))
  return law
}
