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
import { z } from 'zod'
import { didYouMean } from '../base/did-you-mean.ts'
import { assert, count, duration, lowerCase, ratio, type Millis } from '../base/index.ts'
import { formatDuration, formatRatio } from '../base/quantities.ts'
import { holds, parseAssertion, roundTo, type Assertion } from './assertion.ts'
import { BOUNDS, boundsOf, boundsShape } from './bounds.ts'
import { countOf, formatBeside } from './format.ts'
import type { FoldSet, GateFold } from './fold-set.ts'
import { marginOf } from './margin.ts'
import { MetricFold } from './metric-fold.ts'
import { BOOKS, GATE_STATS, type AnyMetric, type Stat } from './metric.ts'
import { METRIC_KINDS, metricOf } from './metrics/index.ts'
import {
  GATE_LEVELS,
  type FirstViolation,
  type GateResult,
  type Observation,
  type Selector,
  type Status,
} from './result.ts'
import { wilson, type Interval } from './statistics.ts'
import { WINDOW_MS_MIN, windowsProblem, type Windows } from './window-fold.ts'
import { isWitnessed, type Witness } from './witness.ts'

/** Below these, a gate is inconclusive. A quantile needs five samples beyond it: 5 / (1 − q). */
const MIN_SAMPLES: Readonly<Record<Stat, number>> = {
  value: 30,
  mean: 30,
  max: 30,
  p50: 10,
  p90: 50,
  p95: 100,
  p99: 500,
}
const MIN_SAMPLES_MAX = 1_000_000_000
/** A latency is not believed when the loop lagged by more than this share of its bound. */
const LAG_SHARE_MAX = 0.05

const name = (what: string, example: string) =>
  z
    .string()
    .min(1)
    .max(128)
    .optional()
    .meta({ description: `Only ${what}. Absent: all.`, examples: [example] })

export const selectorSchema = z
  .strictObject({
    workflow: name('requests of this workflow', 'support-chat'),
    window: name('requests that arrived in this window', 'storm'),
    provider: name('requests that this provider served, or was tried for first when none did', 'openai'),
    model: name('requests that this model served, or was tried for first when none did', 'openai/gpt-5-mini'),
    phase: z
      .enum(['before', 'during', 'after'])
      .optional()
      .meta({ description: 'Only requests that arrived before, during or after the faults.', examples: ['after'] }),
    fallback: z
      .boolean()
      .optional()
      .meta({ description: 'Only requests served by another endpoint than their first choice, or only the others.' }),
    rung: count({ min: 0, max: 100 })
      .optional()
      .meta({ description: 'Only requests that ended on this rung of their ladder; 0: on none.', examples: [1] }),
  })
  .meta({ description: 'The part of the traffic to look at. Absent: all of it.', examples: [{ window: 'storm' }] })

const shape = z.strictObject({
  id: lowerCase('an id', /^[a-z][a-z0-9-]{0,63}$/, 'a letter, then letters, digits and "-", 64 at most').meta({
    description: 'Its name in reports. Unique in a scenario.',
    examples: ['chat-success'],
  }),
  metric: z
    .enum(METRIC_KINDS, { error: ({ input }) => unknownMetric(input) })
    .meta({ description: 'What is measured; `squall list metrics` explains each.', examples: ['success_rate'] }),
  stat: z
    .enum(GATE_STATS)
    .optional()
    .meta({
      description:
        'Which statistic of it. Default: p95 for times of requests, otherwise its value. `worst_window`: the same in the worst stretch as long as `window`.',
      examples: ['p99'],
    }),
  window: duration({ min: WINDOW_MS_MIN })
    .optional()
    .meta({
      description:
        'How long a window of `stat: worst_window` is; a new one begins at every half of it. A window needs `min_samples`, too: where one in which requests arrived has fewer, what holds in the others is inconclusive.',
      examples: ['30s'],
    }),
  where: selectorSchema.optional(),
  assert: z
    .string({ error: 'an assertion is a text such as ">= 99.5%", in quotes' })
    .optional()
    .meta({
      description: 'Operator and bound, with its unit. A gate has this or `compare`.',
      examples: ['>= 99.5%', '< 2s', '== 0', '<= $0.01'],
    }),
  compare: z
    .strictObject({
      baseline: lowerCase('a name', /^[a-z0-9][a-z0-9-]{0,63}$/, 'letters, digits and "-", 64 at most').meta({
        description: 'Name of the baseline, as `squall baseline save` stored it.',
        examples: ['primary-outage'],
      }),
      max_regress: ratio()
        .prefault('5%')
        .meta({
          description:
            'How much worse it may be than the baseline, as a share of what it was there; of a share, of what is missing to 0% or 100%.',
          examples: ['5%'],
        }),
    })
    .optional()
    .meta({
      description: 'Instead of `assert`: no worse than a baseline, over several seeds.',
      examples: [{ baseline: 'primary-outage', max_regress: '5%' }],
    }),
  min_samples: z
    .int()
    .min(1)
    .max(MIN_SAMPLES_MAX)
    .optional()
    .meta({
      description:
        'With fewer samples the gate is inconclusive. Default: 30 for shares, 100 for p95, 500 for p99, 1 for counts.',
      examples: [200],
    }),
  evidence: z
    .strictObject({
      rule: z.enum(['point', 'bound']).default('point').meta({
        description:
          '`point`: what was seen decides. `bound`: the interval around it does, and what it straddles is inconclusive. Shares have one within a run; everything has one over several seeds.',
      }),
      confidence: ratio()
        .refine((value) => value >= 0.5 && value <= 0.9999, { error: 'a confidence is from 50% to 99.99%' })
        .prefault('95%')
        .meta({ examples: ['99%'] }),
      min_seeds: z
        .int()
        .min(1)
        .max(100_000)
        .optional()
        .meta({ description: 'With fewer seeds the gate is inconclusive. Default: any number.', examples: [20] }),
    })
    .optional()
    .meta({
      description: 'How sure it must be. Absent: what was seen decides.',
      examples: [{ rule: 'bound', confidence: '95%', min_seeds: 20 }],
    }),
  level: z
    .enum(GATE_LEVELS)
    .optional()
    .meta({
      description: '`block` decides the verdict; `warn` and `info` are told and decide nothing. Default: block.',
      examples: ['warn'],
    }),
  book: z
    .enum(BOOKS)
    .optional()
    .meta({
      description:
        'For costs: what the fleet charged, what the caller is billed, or that with the fee on buying the credits for it. Default: upstream.',
      examples: ['billed'],
    }),
  ...boundsShape,
})

type Shape = z.infer<typeof shape>

/** The key of a gate at fault, and the sentence. Null when the parts fit together. */
type Misfit = { readonly path: readonly string[]; readonly message: (gate: Shape, metric: AnyMetric) => string | null }

const MISFITS: readonly Misfit[] = [
  { path: ['stat'], message: ({ stat }, metric) => (stat === undefined ? null : statProblem(stat, metric)) },
  {
    path: ['window'],
    message({ stat, window }) {
      if (stat !== undefined && !isStat(stat)) return null
      if (stat === 'worst_window') return window === undefined ? 'say how long a window is; write one like "30s"' : null
      return window === undefined ? null : '`window` is for stat: worst_window; remove it, or write that'
    },
  },
  {
    path: ['assert'],
    message({ assert: text, compare }, metric) {
      if (text === undefined)
        return compare === undefined ? `a gate asserts something; write one like "${metric.example}"` : null
      if (compare !== undefined) return 'a gate has either assert or compare; remove one of them'
      const parsed = parseAssertion(text, metric)
      return parsed.ok ? null : parsed.message
    },
  },
  ...(['phase', 'fallback', 'rung'] as const).map((key): Misfit => ({
    path: ['where', key],
    message: ({ where }, { scope, kind }) =>
      scope === 'faults' && where?.[key] !== undefined
        ? `${kind} is told per fault and has no ${key}; remove it`
        : null,
  })),
  ...BOUNDS.map((key): Misfit => ({
    path: [key],
    message: (gate, { kind, takes = [] }) =>
      gate[key] === undefined || takes.includes(key) ? null : `${kind} takes no ${key}; remove it`,
  })),
  {
    path: ['where'],
    message: ({ where }, { isOfRun, kind }) =>
      isOfRun && Object.keys(where ?? {}).length > 0 ? `${kind} is told of the whole run; remove \`where\`` : null,
  },
  {
    path: ['book'],
    message: ({ book }, { hasBooks, kind }) =>
      book === undefined || hasBooks ? null : `${kind} has no book: only cost_per_success and cost_drift do; remove it`,
  },
]

/** One gate as a scenario writes it. The parts are checked against each other as soon as each of them can be read. */
export const gateSchema = MISFITS.reduce<typeof shape>(
  (schema, { path, message }) =>
    schema.refine((gate) => misfit(message, gate) === null, {
      path: [...path],
      error: ({ input }) => misfit(message, input as Shape) ?? undefined,
      when: ({ value }) => isReadable(value),
    }),
  shape,
).meta({
  description: 'A metric over a part of the traffic, and what must hold of it.',
  examples: [{ id: 'chat-success', metric: 'success_rate', where: { window: 'storm' }, assert: '>= 99.5%' }],
})

export type GateSpec = z.infer<typeof shape>

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

/**
 * Whether the error of failing by chance is shared with others: what is counted and what was seen alone have none, and
 * what decides nothing takes none from those that do.
 */
export function sharesError({ evidence, metric, compare, level = 'block' }: GateSpec): boolean {
  if (level !== 'block') return false
  return compare !== undefined || (evidence?.rule === 'bound' && metricOf(metric).unit !== 'count')
}

/** What a gate says that holds, of a run that was not played to its end. */
export const HELD_SO_FAR = 'it holds so far, and the run was not played to its end'

/** What a gate that compares with a baseline says of one run that was measured well enough. */
export const ASKS_BASELINE = 'it is compared with a baseline over several seeds: play --seeds 20'

/** The statistic of its metric that a gate looks at: over everything, or within each window. */
function innerStatOf({ stat }: GateSpec, metric: AnyMetric): Stat {
  return stat === undefined || stat === 'worst_window' ? metric.stats[0] : stat
}

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

/** null: it looks at everything at once. */
function windowsOf(spec: GateSpec): Windows | null {
  if (spec.window === undefined) return null
  const metric = metricOf(spec.metric)
  const stat = innerStatOf(spec, metric)
  return {
    lengthMs: spec.window,
    assertion: askedOf(spec, metric),
    samplesMin: spec.min_samples ?? minSamplesOf(metric, stat),
    stat,
  }
}

function askedOf(spec: GateSpec, metric: AnyMetric): Assertion {
  return spec.compare === undefined ? assertionOf(spec, metric) : comparisonOf(spec.compare, metric)
}

function assertionOf({ id, assert: text = '' }: GateSpec, metric: AnyMetric): Assertion {
  const parsed = parseAssertion(text, metric)
  assert(parsed.ok, `gate ${id}: the schema let ${JSON.stringify(text)} through`)
  return parsed.value
}

/** A bound that only a baseline can tell: until then it is 0. */
function comparisonOf({ baseline, max_regress }: NonNullable<GateSpec['compare']>, metric: AnyMetric): Assertion {
  const threshold = `at most ${formatRatio(max_regress, 0)} worse than baseline ${baseline}`
  return { operator: worseOf(metric) === 'higher' ? '<=' : '>=', bound: 0, threshold }
}

/** Which way a metric gets worse, by its own example: of what is asserted to be `>=`, less is. */
export function worseOf({ example }: Pick<AnyMetric, 'example'>): 'higher' | 'lower' {
  return example.trim().startsWith('>') ? 'lower' : 'higher'
}

/** Samples below which a gate on this statistic is inconclusive: see MIN_SAMPLES; 1 for counts and times of faults. */
export function minSamplesOf(metric: Pick<AnyMetric, 'unit' | 'scope'>, stat: Stat): number {
  return metric.unit === 'count' || metric.scope === 'faults' ? 1 : MIN_SAMPLES[stat]
}

/** A selector without the keys that the file left out. */
export function selectorOf(where: GateSpec['where']): Selector {
  return Object.fromEntries(Object.entries(where ?? {}).filter(([, value]) => value !== undefined))
}

/** Whether a value is a share of so many that are alike. */
function isShare({ unit, range: [min, max] }: AnyMetric): boolean {
  return unit === 'ratio' && min === 0 && max === 1
}

function isTimeOfRequests({ unit, scope }: AnyMetric): boolean {
  return unit === 'ms' && scope === 'traffic'
}

function misfit(message: Misfit['message'], gate: Shape): string | null {
  return message(gate, metricOf(gate.metric))
}

/** Whether the parts of a gate can be held against each other, even if some other key of it is wrong. */
function isReadable(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const { metric, assert: text, where } = value as Record<string, unknown>
  const hasWhere = where === undefined || (typeof where === 'object' && where !== null)
  const hasText = text === undefined || typeof text === 'string'
  return typeof metric === 'string' && METRIC_KINDS.includes(metric) && hasText && hasWhere
}

function statProblem(stat: string, metric: AnyMetric): string | null {
  const { kind, stats } = metric
  const problem = windowsProblem(metric)
  if (!isStat(stat)) return null // It is told that nobody knows such a statistic.
  if (stat === 'worst_window') return problem
  if ((stats as readonly string[]).includes(stat)) return null
  return `${kind} has no ${stat}; allowed: ${[...stats, ...(problem === null ? ['worst_window'] : [])].join(', ')}`
}

function isStat(stat: string): boolean {
  return (GATE_STATS as readonly string[]).includes(stat)
}

function unknownMetric(input: unknown): string {
  const meant = typeof input === 'string' ? didYouMean(input, METRIC_KINDS) : undefined
  const hint = meant === undefined ? `allowed: ${METRIC_KINDS.join(', ')}` : `did you mean "${meant}"?`
  return `${JSON.stringify(input) ?? 'nothing'} is not a metric; ${hint}`
}
