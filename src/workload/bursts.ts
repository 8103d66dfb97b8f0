/**
 * Bursts: arrival processes that are not Poisson, for whoever needs them.
 *
 * | measure                          | says                                                        | Poisson |
 * | -------------------------------- | ----------------------------------------------------------- | ------- |
 * | CV of the gaps                   | standard deviation over mean of the time between arrivals   | 1       |
 * | index of dispersion, per `t`     | variance over mean of the number of arrivals within t       | 1       |
 *
 * A renewal process with Gamma gaps has the CV that it is given. A modulated one has a rate that jumps between states,
 * stays in each for an exponential time, and goes through them in their order, round and round. Real traces have both: a
 * CV near 1 from gap to gap, and yet counts per minute that vary twenty times as much as Poisson's would.
 */
import { at, NEVER, quantize, sampleExponential, sampleGamma, SECOND, type Millis, type Rng } from '../base/index.ts'
import { exp } from '../base/portable-math.ts'
import type { OpenArrivals } from './arrival.ts'

/** A stretch of steady rate. */
export interface RateState {
  /** Per second; 0: nobody comes. */
  readonly rate: number
  /** Mean time in it, in ms. */
  readonly forMs: Millis
}

const STEP_STREAM = 0x7374
const STAY_STREAM = 0x7379

/** Gaps of mean `1 / rate` whose coefficient of variation is `cv`. */
export function renewal(rate: number, cv: number, rng: Rng): OpenArrivals {
  const gapMs = SECOND / rate
  const shape = 1 / (cv * cv)
  return {
    loop: 'open',
    next: (after, ordinal) => quantize(after + gapMs * sampleGamma(shape, rng.fork(ordinal))),
  }
}

/** Poisson arrivals at the rate of the state that holds. It begins anywhere in its round. */
export function modulated(states: readonly RateState[], rng: Rng, durationMs: Millis): OpenArrivals {
  const stayMs = (stay: number, mean: Millis): Millis => sampleExponential(mean, rng.fork(STAY_STREAM, stay))
  let stays = 0
  let place = firstState(states, rng.fork(STAY_STREAM, -1))
  let until = stayMs(stays, at(states, place).forMs)
  return {
    loop: 'open',
    next(after, ordinal) {
      let left = sampleExponential(1, rng.fork(STEP_STREAM, ordinal))
      let now = after
      for (;;) {
        const perMs = at(states, place).rate / SECOND
        const room = Math.max(0, until - now) * perMs
        if (left < room) return quantize(now + left / perMs)
        if (until >= durationMs) return NEVER
        left -= room
        now = Math.max(now, until)
        stays += 1
        place = (place + 1) % states.length
        until = now + stayMs(stays, at(states, place).forMs)
      }
    },
  }
}

function firstState(states: readonly RateState[], rng: Rng): number {
  const whole = states.reduce((sum, { forMs }) => sum + forMs, 0)
  let left = rng.next() * whole
  const found = states.findIndex(({ forMs }) => (left -= forMs) < 0)
  return Math.max(0, found)
}

/** The mean rate of a round, per second. */
export function meanRate(states: readonly RateState[]): number {
  const whole = states.reduce((sum, { forMs }) => sum + forMs, 0)
  return states.reduce((sum, { rate, forMs }) => sum + rate * forMs, 0) / whole
}

/**
 * Two states whose arrivals have the given mean rate (per second) and index of dispersion of counts within `perMs`, with
 * a mean stay of `stayMs`. As long as it can the rate swings evenly around its mean; beyond that it is all or nothing.
 *
 * With the variance σ² of the rate and correlations that fade as e^(−rt), r = 2 / stay, the index within t is
 * 1 + 2σ² / (λr) · (1 − (1 − e^(−rt)) / (rt)) (Fischer and Meier-Hellstern, The MMPP cookbook, 1993).
 */
export function twoStates(rate: number, dispersion: number, perMs: Millis, stayMs: Millis): readonly RateState[] {
  const fading = 2 / stayMs
  const faded = fading * perMs
  const perVariance = ((2 * rate) / (fading * SECOND)) * (1 - (1 - exp(-faded)) / faded)
  const variance = (dispersion - 1) / perVariance // of the rate, in units of its mean squared
  if (variance <= 1) {
    const swing = Math.sqrt(variance)
    return [
      { rate: rate * (1 - swing), forMs: stayMs },
      { rate: rate * (1 + swing), forMs: stayMs },
    ]
  }
  const share = 1 / (1 + variance)
  return [
    { rate: 0, forMs: stayMs / (2 * share) },
    { rate: rate / share, forMs: stayMs / (2 * (1 - share)) },
  ]
}

/** Poisson arrivals at a rate that changes, by thinning (Lewis and Shedler, 1979). `rateAt` is at most `most`, per second. */
export function thinned(rateAt: (now: Millis) => number, most: number, rng: Rng, durationMs: Millis): OpenArrivals {
  const gapMs = SECOND / most
  return {
    loop: 'open',
    next(after, ordinal) {
      const dice = rng.fork(ordinal)
      let now = after
      while (now < durationMs) {
        now += sampleExponential(gapMs, dice)
        if (dice.next() * most < rateAt(now)) return quantize(now)
      }
      return NEVER
    },
  }
}

const HOURS = 24

export interface Day {
  /** Hour of the day at which the run begins, 0 to 24. */
  readonly from: number
  /** How long a day lasts in the run. */
  readonly dayMs: Millis
}

/** The hour of the day, 0 to 24, at an instant of the run. */
export function hourAt({ from, dayMs }: Day, now: Millis): number {
  return (from + (now * HOURS) / dayMs) % HOURS
}

/** Poisson arrivals at a rate for each hour of the day, given over the mean and scaled to have the mean `rate`. */
export function hourly(rate: number, hours: readonly number[], day: Day, rng: Rng, durationMs: Millis): OpenArrivals {
  const scale = (rate * hours.length) / hours.reduce((sum, hour) => sum + hour, 0)
  const rateAt = (now: Millis): number => scale * at(hours, Math.floor(hourAt(day, now)))
  return thinned(rateAt, scale * Math.max(...hours), rng, durationMs)
}
