/**
 * A gate as a scenario writes it: its schema, how its parts must fit together, and what they come to.
 */
import { z } from 'zod'
import { didYouMean } from '../base/did-you-mean.ts'
import { assert, count, duration, lowerCase, ratio } from '../base/index.ts'
import { formatRatio } from '../base/quantities.ts'
import { parseAssertion, type Assertion } from './assertion.ts'
import { BOUNDS, boundsShape } from './bounds.ts'
import { BOOKS, GATE_STATS, type AnyMetric, type Stat } from './metric.ts'
import { METRIC_KINDS, metricOf } from './metrics/index.ts'
import { GATE_LEVELS, type Selector } from './result.ts'
import { WINDOW_MS_MIN, windowsProblem, type Windows } from './window-fold.ts'

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

const name = (what: string, example: string) =>
  z
    .string()
    .min(1)
    .max(128)
    .optional()
    .meta({ description: `Only ${what}. Absent: all.`, examples: [example] })

const selectorSchema = z
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

/**
 * Whether the error of failing by chance is shared with others: what is counted and what was seen alone have none, and
 * what decides nothing takes none from those that do.
 */
export function sharesError({ evidence, metric, compare, level = 'block' }: GateSpec): boolean {
  if (level !== 'block') return false
  return compare !== undefined || (evidence?.rule === 'bound' && metricOf(metric).unit !== 'count')
}

/** The statistic of its metric that a gate looks at: over everything, or within each window. */
export function innerStatOf({ stat }: GateSpec, metric: AnyMetric): Stat {
  return stat === undefined || stat === 'worst_window' ? metric.stats[0] : stat
}

/** null: it looks at everything at once. */
export function windowsOf(spec: GateSpec): Windows | null {
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

export function askedOf(spec: GateSpec, metric: AnyMetric): Assertion {
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
