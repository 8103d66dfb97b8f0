/**
 * What may be said of a number that was seen a few times. Runs are the units: requests of one run depend on each other,
 * so what is resampled and paired is runs, by their seeds. Deterministic: resampling draws from a keyed stream.
 */
import jstat from 'jstat'
import { assert, type Rng } from '../base/index.ts'

const { normal, studentt } = jstat.jStat

export interface Interval {
  readonly low: number
  readonly high: number
}

/** How often a sample is drawn anew. */
export const RESAMPLES = 10_000
/** Below so many runs, resampling says less than the t distribution does. */
export const RUNS_MIN = 5

/** Wilson's score interval for a share: within 0 to 1, and of some width even where all went well. */
export function wilson(successes: number, n: number, confidence = 0.95): Interval {
  assert(n > 0 && successes >= 0 && successes <= n, `${successes} of ${n} is no share`)
  const z = normal.inv(1 - (1 - confidence) / 2, 0, 1)
  const share = successes / n
  const scale = 1 + (z * z) / n
  const middle = (share + (z * z) / (2 * n)) / scale
  const reach = (z / scale) * Math.sqrt((share * (1 - share)) / n + (z * z) / (4 * n * n))
  return { low: Math.max(0, middle - reach), high: Math.min(1, middle + reach) }
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

/** Nearest rank. */
export function median(values: readonly number[]): number {
  return nearestRank(values, 0.5)
}

/** The value at quantile `q` in (0, 1] of a list, by nearest rank. */
export function nearestRank(values: readonly number[], q: number): number {
  const sorted = values.toSorted((left, right) => left - right)
  return sorted[Math.max(0, Math.ceil(q * sorted.length - 1e-9) - 1)] ?? NaN
}

export function deviation(values: readonly number[]): number {
  const middle = mean(values)
  return Math.sqrt(values.reduce((sum, value) => sum + (value - middle) * (value - middle), 0) / (values.length - 1))
}

/** Student's interval for the mean of a few values. At least two. */
export function meanInterval(values: readonly number[], confidence = 0.95): Interval {
  const n = values.length
  assert(n >= 2, 'an interval needs two values')
  const reach = (studentt.inv(1 - (1 - confidence) / 2, n - 1) * deviation(values)) / Math.sqrt(n)
  const middle = mean(values)
  return { low: middle - reach, high: middle + reach }
}

/** Slope of y on x by least squares, and Student's interval for it; null for fewer than three points, or one x. */
export function slopeInterval(
  points: readonly { readonly x: number; readonly y: number }[],
  confidence = 0.95,
): ({ readonly value: number } & Interval) | null {
  const n = points.length
  if (n < 3) return null
  const middleX = mean(points.map(({ x }) => x))
  const middleY = mean(points.map(({ y }) => y))
  const spread = points.reduce((sum, { x }) => sum + (x - middleX) * (x - middleX), 0)
  if (spread === 0) return null
  const value = points.reduce((sum, { x, y }) => sum + (x - middleX) * (y - middleY), 0) / spread
  const left = points.reduce((sum, { x, y }) => {
    const off = y - middleY - value * (x - middleX)
    return sum + off * off
  }, 0)
  const reach = studentt.inv(1 - (1 - confidence) / 2, n - 2) * Math.sqrt(left / (n - 2) / spread)
  return { value, low: value - reach, high: value + reach }
}

/** Percentile bootstrap of any statistic of a list: for medians, quantiles and ratios, which have no formula. */
export function bootstrap(
  values: readonly number[],
  statistic: (sample: readonly number[]) => number,
  rng: Rng,
  confidence = 0.95,
): Interval {
  const n = values.length
  const seen = Array.from({ length: RESAMPLES }, () =>
    statistic(Array.from({ length: n }, () => values[rng.below(n)] as number)),
  ).sort((left, right) => left - right)
  const at = (q: number): number => seen[Math.min(RESAMPLES - 1, Math.max(0, Math.floor(q * RESAMPLES)))] as number
  return { low: at((1 - confidence) / 2), high: at(1 - (1 - confidence) / 2) }
}

/**
 * Holm's correction: with many gates that fail when they are surely broken, one of them fails by chance sooner or later.
 * So each has only its part of the error at first, and when one fails all the same, the others share what it leaves.
 * `failsAmong(index, many)`: whether it fails when its error is divided by so many. Gives for each how many it was last
 * divided by: whether it fails is told by that. S. Holm, "A simple sequentially rejective multiple test procedure",
 * Scandinavian Journal of Statistics 6 (1979).
 */
export function holm(count: number, failsAmong: (index: number, many: number) => boolean): number[] {
  const shares = Array.from({ length: count }, () => count)
  const open = new Set(shares.keys())
  for (let many = open.size; many > 0; many = open.size) {
    for (const index of open) shares[index] = many
    const failing = [...open].filter((index) => failsAmong(index, many))
    for (const index of failing) open.delete(index)
    if (failing.length === 0) break
  }
  return shares
}

/** What comparing two versions run by run comes to. */
export interface Comparison {
  /** `fail`: worse, and by more than is tolerated. `pass`: not worse by more than that. */
  readonly status: 'pass' | 'fail' | 'inconclusive'
  /** Mean of the differences, after minus before, and its interval. */
  readonly difference: number
  readonly interval: Interval
  readonly runs: number
  /** Runs with which it could probably be told; null where it was. */
  readonly runsNeeded: number | null
}

/**
 * Whether a metric got worse, from runs in pairs (same seed, same storm). Two one-sided tests: it passes when the whole
 * interval is below what is tolerated, it fails when the interval excludes zero and the median difference is beyond it,
 * and otherwise nobody knows yet. `tolerated`: 0 or more, in the metric's unit. `isWorse`: which way is worse.
 */
export function regression(
  differences: readonly number[],
  tolerated: number,
  isWorse: 'higher' | 'lower',
  confidence = 0.95,
): Comparison {
  const runs = differences.length
  const difference = mean(differences)
  const worse = isWorse === 'higher' ? differences : differences.map((value) => -value)
  if (runs < 2)
    return {
      status: 'inconclusive',
      difference,
      interval: { low: -Infinity, high: Infinity },
      runs,
      runsNeeded: RUNS_MIN,
    }
  const interval = meanInterval(differences, confidence)
  // One-sided at 1 − confidence each is the interval at 1 − 2 (1 − confidence).
  const tested = meanInterval(worse, 1 - 2 * (1 - confidence))
  const isSurelyWorse = tested.low > 0 && median(worse) > tolerated
  const isSurelyFine = tested.high <= tolerated
  if (isSurelyWorse) return { status: 'fail', difference, interval, runs, runsNeeded: null }
  if (isSurelyFine) return { status: 'pass', difference, interval, runs, runsNeeded: null }
  return { status: 'inconclusive', difference, interval, runs, runsNeeded: runsNeeded(worse, tolerated, confidence) }
}

/** Runs after which the interval would be narrow enough, if the values go on as they are. */
function runsNeeded(worse: readonly number[], tolerated: number, confidence: number): number {
  const distance = Math.abs(tolerated - mean(worse))
  const spread = deviation(worse)
  if (distance === 0) return worse.length * 100
  const reach = (normal.inv(confidence, 0, 1) * spread) / distance
  return Math.max(worse.length + 1, Math.min(worse.length * 100, Math.ceil(reach * reach) + 2))
}
