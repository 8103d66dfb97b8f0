/**
 * Distributions as quantile functions of one uniform draw, so that a draw costs one random number and two policies
 * under one seed get comparable values. The normal and exponential quantiles are tables with linear interpolation,
 * finer towards the tails, and computed where no table is fine enough; nothing here calls a transcendental function of
 * the engine.
 */
import { exp, ln } from './portable-math.ts'
import type { Rng } from './rng.ts'

const TABLE_SIZE = 4096
/** Below this probability (and above one minus it) the tail table takes over. */
const TAIL = 1 / 64
/**
 * Below this probability (and above one minus it) the quantile is computed: over the last cell of a tail it bends so
 * sharply that a straight line would add a fifth to the second moment of a wide lognormal.
 */
const OUTERMOST = TAIL / TABLE_SIZE

/** Standard normal quantile by Acklam's rational approximation (relative error below 1.2e-9). */
function normalQuantileExact(p: number): number {
  if (p > 0.5) return -normalQuantileExact(1 - p)
  if (p < 0.02425) {
    const q = Math.sqrt(-2 * ln(p))
    return (
      (((((-7.784894002430293e-3 * q - 3.223964580411365e-1) * q - 2.400758277161838) * q - 2.549732539343734) * q +
        4.374664141464968) *
        q +
        2.938163982698783) /
      ((((7.784695709041462e-3 * q + 3.224671290700398e-1) * q + 2.445134137142996) * q + 3.754408661907416) * q + 1)
    )
  }
  const q = p - 0.5
  const r = q * q
  return (
    ((((((-3.969683028665376e1 * r + 2.209460984245205e2) * r - 2.759285104469687e2) * r + 1.38357751867269e2) * r -
      3.066479806614716e1) *
      r +
      2.506628277459239) *
      q) /
    (((((-5.447609879822406e1 * r + 1.615858368580409e2) * r - 1.556989798598866e2) * r + 6.680131188771972e1) * r -
      1.328068155288572e1) *
      r +
      1)
  )
}

/** Two tables over (0, 1): one for the body, one for the upper tail, both midpoints-free and interpolated linearly. */
function tabulate(quantile: (p: number) => number): (u: number) => number {
  const body = new Float64Array(TABLE_SIZE + 1)
  const upper = new Float64Array(TABLE_SIZE + 1)
  const lower = new Float64Array(TABLE_SIZE + 1)
  const floor = 1 / 4294967296
  for (let index = 0; index <= TABLE_SIZE; index += 1) {
    const share = index / TABLE_SIZE
    body[index] = quantile(Math.min(1 - floor, Math.max(floor, share)))
    upper[index] = quantile(Math.min(1 - floor, 1 - TAIL + TAIL * share))
    lower[index] = quantile(Math.max(floor, TAIL * share))
  }
  const interpolate = (table: Float64Array, position: number): number => {
    const index = Math.min(TABLE_SIZE - 1, Math.floor(position))
    const left = table[index] ?? 0
    return left + ((table[index + 1] ?? 0) - left) * (position - index)
  }
  return (u) => {
    if (u < OUTERMOST) return quantile(Math.max(floor, u))
    if (u > 1 - OUTERMOST) return quantile(Math.min(1 - floor, u))
    if (u < TAIL) return interpolate(lower, (u / TAIL) * TABLE_SIZE)
    if (u > 1 - TAIL) return interpolate(upper, ((u - (1 - TAIL)) / TAIL) * TABLE_SIZE)
    return interpolate(body, u * TABLE_SIZE)
  }
}

/** Standard normal quantile, u in [0, 1). */
export const normalQuantile: (u: number) => number = tabulate(normalQuantileExact)

/** Quantile of the exponential distribution with mean 1, u in [0, 1). */
export const exponentialQuantile: (u: number) => number = tabulate((p) => -ln(1 - p))

const Z95 = 1.6448536269514722

/** A lognormal, given by its median and its 95th percentile, as latency tables publish it. */
export interface Lognormal {
  readonly mu: number
  readonly sigma: number
}

/** Lognormal from a published pair. `p95` must be at least `p50`, both above 0. */
export function lognormalFromPercentiles(p50: number, p95: number): Lognormal {
  return { mu: ln(p50), sigma: (ln(p95) - ln(p50)) / Z95 }
}

const Z99 = 2.3263478740408408

/**
 * A lognormal up to its 95th percentile, and from there on one with a spread of its own, so that the 99th is met as
 * well: published latencies have a heavier tail than one lognormal. Still one draw.
 */
export interface HeavyLognormal extends Lognormal {
  readonly tailSigma: number
}

/** `p99` must be at least `p95`, and that at least `p50`, all above 0. */
export function heavyLognormal(p50: number, p95: number, p99: number): HeavyLognormal {
  return { ...lognormalFromPercentiles(p50, p95), tailSigma: (ln(p99) - ln(p95)) / (Z99 - Z95) }
}

export function sampleHeavyLognormal({ mu, sigma, tailSigma }: HeavyLognormal, rng: Rng): number {
  const z = normalQuantile(rng.next())
  return exp(mu + (z <= Z95 ? sigma * z : sigma * Z95 + tailSigma * (z - Z95)))
}

export function sampleLognormal({ mu, sigma }: Lognormal, rng: Rng): number {
  return sigma === 0 ? exp(mu) : exp(mu + sigma * normalQuantile(rng.next()))
}

/** Exponential with the given mean. */
export function sampleExponential(mean: number, rng: Rng): number {
  return mean * exponentialQuantile(rng.next())
}

/**
 * Gamma with the given shape and mean 1, by Marsaglia and Tsang's method (ACM TOMS 26, 2000); below shape 1 through
 * shape + 1, as they say. Its coefficient of variation is 1/√shape. Takes as many draws as it needs from its stream.
 */
export function sampleGamma(shape: number, rng: Rng): number {
  if (shape < 1) {
    const boosted = marsagliaTsang(shape + 1, rng)
    return (boosted * exp(ln(1 - rng.next()) / shape)) / shape
  }
  return marsagliaTsang(shape, rng) / shape
}

function marsagliaTsang(shape: number, rng: Rng): number {
  const d = shape - 1 / 3
  const c = 1 / Math.sqrt(9 * d)
  for (;;) {
    const normal = normalQuantile(rng.next())
    const root = 1 + c * normal
    if (root <= 0) continue
    const v = root * root * root
    if (ln(1 - rng.next()) < 0.5 * normal * normal + d - d * v + d * ln(v)) return d * v
  }
}
