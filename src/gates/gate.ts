/**
 * A gate: a metric over a part of the traffic, and what is asserted of it. The schema is what a scenario writes; a Gate
 * is one bound to its fold, which judges whenever it is asked.
 *
 *   | what is seen                              | status                                                  |
 *   | ----------------------------------------- | ------------------------------------------------------- |
 *   | nothing to measure, or too few samples    | inconclusive, with the number needed                    |
 *   | a lower bound only (it never happened)    | fail where the lower bound breaks `<`, else inconclusive |
 *   | a latency, and a loop that lagged         | inconclusive                                            |
 *   | a value                                   | pass or fail                                            |
 *   | a worst window, and others too thin to tell | fail where it breaks the gate, else inconclusive       |
 *   | a value that holds, of a run cut short    | inconclusive                                            |
 *   | a value, and `evidence: { rule: bound }`  | pass where the worse end of its interval holds, fail     |
 *   |                                           | where the better end does not, otherwise inconclusive;   |
 *   |                                           | several such gates share the error of failing (Holm)     |
 */
import type { Millis } from '../base/index.ts'
import { formatDuration } from '../base/quantities.ts'
import { holds, roundTo, type Assertion } from './assertion.ts'
import { boundsOf } from './bounds.ts'
import { countOf, formatBeside } from './format.ts'
import type { FoldSet, GateFold } from './fold-set.ts'
import { askedOf, innerStatOf, minSamplesOf, selectorOf, windowsOf, type GateSpec } from './gate-spec.ts'
import { marginOf } from './margin.ts'
import { MetricFold } from './metric-fold.ts'
import type { AnyMetric, Stat } from './metric.ts'
import { metricOf } from './metrics/index.ts'
import type { FirstViolation, GateResult, Observation, Selector, Status } from './result.ts'
import { wilson, type Interval } from './statistics.ts'
import { isWitnessed, type Witness } from './witness.ts'

/** A latency is not believed when the loop lagged by more than this share of its bound. */
const LAG_SHARE_MAX = 0.05

/** How a run stands when a gate is asked. */
export interface Standing {
  /** The 99th percentile of the loop's lag in scenario ms. Default 0, as in virtual time. */
  readonly lagMs?: Millis
  /** The run was not played to its end: what holds so far is no pass. Default false. */
  readonly partial?: boolean
  /** Gates that share the error of failing by chance, this one among them. Default 1: see `holm`. */
  readonly among?: number
}

export class Gate {
  readonly spec: GateSpec
  readonly metric: AnyMetric
  /** Of the metric; with `worst_window`, within a window. */
  readonly stat: Stat
  readonly assertion: Assertion
  /** As reports write it. */
  private readonly statName: string
  private readonly fold: GateFold
  /** null: no one request breaks it, or its fold tells by window. */
  private readonly witness: Witness | null
  private readonly where: Selector
  private readonly samplesMin: number
  /** When it was first seen broken of the stretch in which it still is; null while it holds. */
  private brokenAt: Millis | null = null

  constructor(spec: GateSpec, fold: GateFold, witness: Witness | null = null) {
    this.spec = spec
    this.fold = fold
    this.witness = witness
    this.metric = metricOf(spec.metric)
    this.stat = innerStatOf(spec, this.metric)
    this.statName = spec.window === undefined ? this.stat : `worst_window(${formatDuration(spec.window)})`
    this.where = selectorOf(spec.where)
    this.samplesMin = spec.min_samples ?? minSamplesOf(this.metric, this.stat)
    this.assertion = askedOf(spec, this.metric)
  }

  /** The gate over the part of the traffic that it looks at, for a log that the folds will be attached to. */
  static over(folds: FoldSet, spec: GateSpec): Gate {
    return new Gate(spec, foldOf(folds, spec), witnessOf(folds, spec))
  }

  /** Look how it stands, now and then: since when it has been broken is told by that. */
  look(now: Millis, twin: MetricFold | null): void {
    const { fold, metric, spec } = this
    if (!(fold instanceof MetricFold) || metric.scope === 'faults' || spec.compare !== undefined) return
    const { value, n, censored } = fold.observe(this.stat, now, twin)
    if (value === null || n < this.samplesMin || censored) return
    if (!holds(this.assertion, value, metric.resolution)) this.brokenAt ??= now
    else {
      this.brokenAt = null
      this.witness?.forget()
    }
  }

  /** What the gate says if the run ended at `endedAt`. `twin` is its fold over the run without faults. */
  judge(
    endedAt: Millis,
    twin: MetricFold | null,
    { lagMs = 0, partial = false, among = 1 }: Standing = {},
  ): GateResult {
    const observation = this.fold.observe(this.stat, endedAt, twin)
    const { spec, metric, statName: stat, where, assertion } = this
    const { value, n } = observation
    const observed = value === null ? null : roundTo(value, metric.resolution)
    const interval = observed === null ? null : this.intervalOf(observation)
    const strict = observed === null || among === 1 ? interval : this.intervalOf(observation, among)
    const decided = this.withOneSeed(...this.decide(observation, observed, { interval, strict, among }, lagMs))
    const holdsSoFar = decided[0] === 'pass' || decided[1] === ASKS_BASELINE
    const [status, cause] = partial && holdsSoFar ? (['inconclusive', HELD_SO_FAR] as const) : decided
    const { operator, bound, threshold } = assertion
    const hasMargin = observed !== null && spec.compare === undefined && observation.censored !== true
    const violation = status === 'fail' ? this.violation(observation) : null
    const told = { id: spec.id, metric: metric.kind, stat, where, unit: metric.unit, status, observed }
    return {
      ...told,
      bound,
      operator,
      threshold,
      n,
      cause,
      ...(spec.level && { level: spec.level }),
      ...(interval && { interval }),
      ...(hasMargin && { margin: marginOf(assertion, observed, metric.range) }),
      ...(violation && { firstViolation: violation }),
    }
  }

  private violation({ firstViolation }: Observation): FirstViolation | null {
    const { witness, brokenAt } = this
    return firstViolation ?? witness?.seen ?? (brokenAt === null ? null : { at: brokenAt, requests: [] })
  }

  /** A share of so many has an interval by itself; null for anything else, and where nobody asks for it. */
  private intervalOf({ value, n, windows = 1 }: Observation, among = 1): Interval | null {
    const { spec, metric } = this
    if (spec.evidence?.rule !== 'bound' || value === null || n === 0 || !isShare(metric)) return null
    // The worst of many looks bad by chance: each window is held to its part of the error (Bonferroni).
    return wilson(Math.round(value * n), n, 1 - (1 - spec.evidence.confidence) / (windows * among))
  }

  private decide(
    { n, censored, note, unclear }: Observation,
    observed: number | null,
    bounds: Sureness,
    lagMs: Millis,
  ): [Status, string | null] {
    const { metric, assertion, samplesMin } = this
    const why = note === undefined ? '' : `; ${note}`
    if (observed === null) return ['inconclusive', `${this.what()} has no value: ${note ?? 'nothing to measure'}`]
    const seen = `${this.what()} is ${censored ? 'at least ' : ''}${formatBeside(observed, assertion.bound, metric.unit)}`
    if (n < samplesMin) {
      return ['inconclusive', `${seen} over ${countOf(n, metric.samples)}, and needs ${samplesMin} to be judged${why}`]
    }
    if (this.spec.compare !== undefined) return ['inconclusive', ASKS_BASELINE]
    const isHeld = holds(assertion, observed, metric.resolution)
    const asked = `the gate asks for ${assertion.threshold}`
    if (censored) return this.decideCensored(isHeld, `${seen}, ${asked}${why}`)
    if (isTimeOfRequests(metric) && lagMs > LAG_SHARE_MAX * assertion.bound) {
      const lag = formatDuration(lagMs)
      return ['inconclusive', `${seen}, but the loop itself lagged by ${lag}, more than 5% of ${assertion.threshold}`]
    }
    const sentence = `${seen} over ${countOf(n, metric.samples)}, ${asked}${why}`
    if (isHeld && unclear !== undefined) return ['inconclusive', `${sentence}; ${unclear}`]
    if (this.spec.evidence?.rule === 'bound') return this.decideByBound(isHeld, bounds, sentence)
    return isHeld ? ['pass', null] : ['fail', sentence]
  }

  /** By the interval around what was seen. Within one run only shares have one; a count is what it is. */
  private decideByBound(
    isHeld: boolean,
    { interval, strict, among }: Sureness,
    sentence: string,
  ): [Status, string | null] {
    const { metric, assertion } = this
    if (metric.unit === 'count') return isHeld ? ['pass', null] : ['fail', sentence]
    if (interval === null || strict === null)
      return ['inconclusive', `${sentence}; one run says nothing about how sure that is: play several, with --seeds`]
    const ends = [interval.low, interval.high].map((end) => holds(assertion, end, metric.resolution))
    if (ends.every((end) => end)) return ['pass', null]
    if ([strict.low, strict.high].every((end) => !holds(assertion, end, metric.resolution))) return ['fail', sentence]
    if (ends.every((end) => !end))
      return ['inconclusive', `${sentence}; ${byChance(among)}: play longer, or several seeds`]
    const [low, high] = [interval.low, interval.high].map((end) => formatBeside(end, assertion.bound, metric.unit))
    return ['inconclusive', `${sentence}; it may be anything from ${low} to ${high}: play longer, or several seeds`]
  }

  /** The true value is at least the observed one: that can break an upper bound or keep a lower one, and no more. */
  private decideCensored(isHeld: boolean, sentence: string): [Status, string | null] {
    const isUpper = this.assertion.operator === '<' || this.assertion.operator === '<='
    if (isUpper && !isHeld) return ['fail', sentence]
    if (!isUpper && isHeld) return ['pass', null]
    return ['inconclusive', `${sentence}; the run ended too early to tell`]
  }

  /** One run can break a gate that asks for several; it cannot keep it. */
  private withOneSeed(status: Status, cause: string | null): [Status, string | null] {
    const { min_seeds: seedsMin = 1 } = this.spec.evidence ?? {}
    if (status !== 'pass' || seedsMin === 1) return [status, cause]
    return ['inconclusive', `it holds with one seed, and needs ${seedsMin} to be judged: play --seeds ${seedsMin}`]
  }

  private what(): string {
    return this.statName === 'value' ? this.metric.kind : `${this.metric.kind} ${this.statName}`
  }
}

/** Where the true value may be: by itself, and when the gate shares its error with others. */
interface Sureness {
  readonly interval: Interval | null
  readonly strict: Interval | null
  readonly among: number
}

/** Why a gate does not fail that would by itself. */
export function byChance(among: number): string {
  return `of ${among} gates that must be as sure, one may look like this by chance`
}

/** What a gate says that holds, of a run that was not played to its end. */
export const HELD_SO_FAR = 'it holds so far, and the run was not played to its end'

/** What a gate that compares with a baseline says of one run that was measured well enough. */
export const ASKS_BASELINE = 'it is compared with a baseline over several seeds: play --seeds 20'

/** The fold of a gate, over a log that it will be attached to. */
export function foldOf(folds: FoldSet, spec: GateSpec): GateFold {
  const { metric, where, book = 'upstream' } = spec
  const windows = windowsOf(spec)
  return windows === null
    ? folds.add(metric, selectorOf(where), book, boundsOf(spec))
    : folds.addWindows(metric, selectorOf(where), book, boundsOf(spec), windows)
}

function witnessOf(folds: FoldSet, spec: GateSpec): Witness | null {
  const { metric, where, window, compare, book = 'upstream' } = spec
  const asked = askedOf(spec, metricOf(metric))
  if (window !== undefined || compare !== undefined || !isWitnessed(metricOf(metric), asked)) return null
  return folds.addWitness(metric, selectorOf(where), book, boundsOf(spec), asked.bound)
}

/** Whether a value is a share of so many that are alike. */
function isShare({ unit, range: [min, max] }: AnyMetric): boolean {
  return unit === 'ratio' && min === 0 && max === 1
}

function isTimeOfRequests({ unit, scope }: AnyMetric): boolean {
  return unit === 'ms' && scope === 'traffic'
}
