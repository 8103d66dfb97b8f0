/**
 * One scenario over many seeds, judged as one. Runs are the units: each was judged by itself, and here is what all of
 * them say together.
 *
 *   | gate                                | observed           | status                                                |
 *   | ----------------------------------- | ------------------ | ----------------------------------------------------- |
 *   | by what was seen, and every count   | the worst of seeds | that of the worst seed: fail, inconclusive, pass       |
 *   | `evidence: { rule: bound }`         | the mean           | by the interval over seeds, as in one run by its own   |
 *   | a share of runs (`metastability`)   | the share          | by the share, or with `rule: bound` by Wilson's around |
 *   | `compare: { baseline, … }`          | the mean           | by the difference from the baseline, see compare.ts   |
 *   | fewer seeds than `min_seeds`        |                    | inconclusive, unless it has failed already             |
 *
 * Gates that must be sure, and those that compare with a baseline, share the error of failing by chance (Holm): a release
 * is not stopped by one of twenty because one of twenty looks bad now and then. Passing is not corrected: all must pass.
 * An interval is Student's below BOOTSTRAP_MIN runs, and by resampling runs from there on. Where a share is the same on
 * every seed there is nothing to resample: then it is Wilson's, over the requests of all of them. What is told of a whole
 * run, yes or no, is a share of the runs, and its interval Wilson's over these: P(metastable).
 */
import { at, Rng, type Millis } from '../base/index.ts'
import { holds } from './assertion.ts'
import { countOf, formatBeside } from './format.ts'
import { seriesInBaseline, type Baselines } from './baseline.ts'
import { differenceOf, seriesOf } from './compare.ts'
import { sharesError, type GateSpec } from './gate-spec.ts'
import { ASKS_BASELINE, byChance } from './gate.ts'
import { marginOf } from './margin.ts'
import { metricOf } from './metrics/index.ts'
import type { GateResult, MetricRow, RunResult, SourceText, Status, Verdict } from './result.ts'
import { bootstrap, holm, mean, meanInterval, wilson, type Interval } from './statistics.ts'

/** With as many runs, resampling them covers what it says. */
const BOOTSTRAP_MIN = 20
/** The longest sweep. */
export const SEEDS_MAX = 10_000
/** How many seeds a sentence names. */
const NAMED_MAX = 5

/** A column of the table of metrics. */
export type SweepMetric = Omit<MetricRow, 'value' | 'n'>

const NO_BASELINES: Baselines = new Map()

/** What is kept of the run of one seed. */
export interface SeedRun {
  readonly seed: number
  readonly fingerprint: string | null
  readonly requests: number
  /** What a reader must doubt beside its gates. */
  readonly doubts: readonly string[]
  /** In the order of the scenario. */
  readonly gates: readonly Pick<GateResult, 'status' | 'observed' | 'n' | 'cause' | 'firstViolation'>[]
  /** In the order of the table. */
  readonly metrics: readonly (number | null)[]
}

/** A gate over all seeds. */
export interface SweepGate extends Omit<GateResult, 'cause'> {
  readonly cause: string | null
  readonly rule: 'point' | 'bound' | 'share' | 'baseline'
  /** What the baseline had, as a mean over the seeds that are compared. */
  readonly before?: number
  readonly seeds: { readonly passed: number; readonly failed: number; readonly inconclusive: number }
  /** Where it came out worst; null where it has a value on no seed. */
  readonly worstSeed: number | null
}

/** What a gate is called and bound by. */
export type Judged = Omit<GateResult, 'status' | 'observed' | 'n' | 'cause' | 'interval' | 'margin' | 'firstViolation'>

/** Seeds in a row. */
export interface SeedRange {
  readonly first: number
  readonly count: number
}

/** What all runs of a sweep have in common. */
export interface SweepHead {
  readonly scenario: string
  readonly summary: string
  readonly file: string
  /** Policies that were played in place of its own. Absent: none. */
  readonly policies?: readonly string[]
  readonly durationMs: Millis
  readonly expect: Status
  /** The gates as the scenario writes them. */
  readonly asked: readonly GateSpec[]
  /** The seeds that were to be played, by all shards together. */
  readonly planned: SeedRange
  /** Which part of them this is, counted from 1. Absent: all of them. */
  readonly shard?: { readonly index: number; readonly of: number }
  readonly sources: readonly SourceText[]
  /** The command that plays the scenario, to which `--seed` or `--seeds` is added. */
  readonly command: string
}

/** A sweep, told in full. The whole of `sweep.json` but for its envelope. */
export interface SweepResult extends SweepHead {
  readonly verdict: Verdict
  readonly gates: readonly SweepGate[]
  /** What `metrics` of each run are. */
  readonly table: readonly SweepMetric[]
  /** By seed. */
  readonly runs: readonly SeedRun[]
}

/** The gates as each run is judged by them: how sure they must be is asked over seeds. */
export function seedGates(gates: readonly GateSpec[]): GateSpec[] {
  return gates.map((spec) => ({ ...spec, evidence: undefined }))
}

/** What is kept of a run that was judged by `seedGates`. */
export function seedRunOf(result: RunResult): { readonly run: SeedRun; readonly table: readonly SweepMetric[] } {
  const { seed, fingerprint, counts, verdict, gates, metrics } = result
  const told = new Set(gates.map(({ id, cause, status }) => `gate ${id}: ${cause ?? status}`))
  return {
    run: {
      seed,
      fingerprint,
      requests: counts.requests,
      doubts: verdict.causes.filter((cause) => !told.has(cause)),
      gates: gates.map(({ status, observed, n, cause, firstViolation }) =>
        cause === ASKS_BASELINE
          ? { status: 'pass', observed, n, cause: null }
          : { status, observed, n, cause, ...(firstViolation && { firstViolation }) },
      ),
      metrics: metrics.map(({ value }) => value),
    },
    table: metrics.map(({ metric, stat, unit, where }) => ({ metric, stat, unit, where })),
  }
}

/** Judge the runs together. `judged`: any one of them, for what its gates are called and bound by. */
export function judgeSweep(
  head: SweepHead,
  judged: readonly Judged[],
  table: readonly SweepMetric[],
  played: readonly SeedRun[],
  baselines: Baselines = NO_BASELINES,
): SweepResult {
  const runs = played.toSorted((left, right) => left.seed - right.seed)
  const gates = runs.length === 0 ? [] : judgeGates(judged, head.asked, runs, baselines)
  return { ...head, verdict: verdictOf(head, gates, runs), gates, table, runs }
}

/** Those that must be sure share the error of failing by chance. */
function judgeGates(
  judged: readonly Judged[],
  asked: readonly GateSpec[],
  runs: readonly SeedRun[],
  baselines: Baselines,
): SweepGate[] {
  const judge = (index: number, among = 1): SweepGate =>
    judgeGate(at(judged, index), asked, index, runs, baselines, among)
  const sure = [...judged.keys()].filter((index) => asked[index] !== undefined && sharesError(at(asked, index)))
  const shares = holm(sure.length, (place, many) => judge(at(sure, place), many).status === 'fail')
  return judged.map((_, index) => judge(index, shares[sure.indexOf(index)]))
}

function judgeGate(
  told: Judged,
  asked: readonly GateSpec[],
  index: number,
  runs: readonly SeedRun[],
  baselines: Baselines,
  among: number,
): SweepGate {
  const spec = asked[index]
  const { metric, unit, operator, bound, threshold } = told
  const cells = runs.flatMap(({ seed, gates }) => {
    const cell = gates[index]
    return cell === undefined ? [] : [{ seed, ...cell }]
  })
  const count = (status: Status): number => cells.filter((cell) => cell.status === status).length
  const seeds = { passed: count('pass'), failed: count('fail'), inconclusive: count('inconclusive') }
  const measured = cells.filter((cell) => cell.observed !== null)
  const worst = worstOf(measured, told)
  const evidence = spec?.evidence
  const isOfRuns = metricOf(metric).isOfRun === true && unit === 'ratio'
  const isBound = evidence?.rule === 'bound' && unit !== 'count'
  const rule = spec?.compare !== undefined ? 'baseline' : isOfRuns ? 'share' : isBound ? 'bound' : 'point'
  const values = measured.map(({ observed }) => observed as number)
  const n = cells.reduce((sum, cell) => sum + cell.n, 0)
  const interval = rule === 'bound' || rule === 'share' ? intervalOf(told, values, n, evidence?.confidence) : null
  const against = spec?.compare === undefined ? null : byBaseline(spec, spec.compare)
  const observed = rule !== 'point' ? (values.length === 0 ? null : mean(values)) : (worst?.observed ?? null)
  const [status, cause] = against?.outcome ?? (rule === 'bound' ? byBound() : rule === 'share' ? byShare() : byWorst())
  const tooFew = status !== 'fail' && cells.length < (evidence?.min_seeds ?? 1)
  return {
    ...named(told),
    status: tooFew ? 'inconclusive' : status,
    observed,
    ...(interval && { interval }),
    ...(observed !== null &&
      spec?.compare === undefined && { margin: marginOf(told, observed, metricOf(metric).range) }),
    ...(status === 'fail' &&
      worst?.firstViolation && { firstViolation: { ...worst.firstViolation, seed: worst.seed } }),
    n,
    cause: tooFew
      ? `it was played with ${countOf(cells.length, 'seeds')}, and needs ${evidence?.min_seeds} to be judged${cause === null ? '' : `; ${cause}`}`
      : cause,
    rule,
    ...(against?.before !== undefined && { before: against.before }),
    seeds,
    worstSeed: worst?.seed ?? null,
  }

  function byWorst(): [Status, string | null] {
    const bad = seeds.failed > 0 ? 'fail' : seeds.inconclusive > 0 ? 'inconclusive' : 'pass'
    if (bad === 'pass') return ['pass', null]
    const them = cells.filter((cell) => cell.status === bad)
    const first = bad === 'fail' ? (them.find(({ seed }) => seed === worst?.seed) ?? them[0]) : them[0]
    const verb = bad === 'fail' ? 'it fails' : 'it cannot be told'
    const place = bad === 'fail' ? `worst on seed ${first?.seed}` : `as on seed ${first?.seed}`
    return [bad, `${verb} on ${them.length} of ${countOf(cells.length, 'seeds')}, ${place}: ${first?.cause}`]
  }

  function byBaseline(
    { book, where }: GateSpec,
    { baseline: name, max_regress }: NonNullable<GateSpec['compare']>,
  ): { readonly outcome: [Status, string | null]; readonly before?: number } {
    const baseline = baselines.get(name) ?? `there is no baseline ${name}`
    if (typeof baseline === 'string') return { outcome: ['inconclusive', baseline] }
    const unclear = cells.filter((cell) => cell.status === 'inconclusive')
    if (unclear.length > 0) return { outcome: byDoubt(unclear) }
    const before = seriesInBaseline(baseline, told, { where, book })
    if (before === null)
      return { outcome: ['inconclusive', `baseline ${name} has no such metric over this traffic; save it again`] }
    const after = seriesOf({ metric, stat: told.stat, unit, where: told.where }, cells, (cell) => cell.observed)
    const found = differenceOf(before, after, max_regress, among)
    return { outcome: [found.status, found.cause], ...(found.before !== null && { before: found.before }) }
  }

  /** Runs that say nothing have no part in it, unless most say nothing. */
  function byShare(): [Status, string | null] {
    const unclear = cells.filter((cell) => cell.observed === null)
    if (unclear.length >= values.length) return byDoubt(unclear)
    if (isBound) return byEnds()
    const seen = formatBeside(observed ?? 0, bound, unit)
    return holds({ operator, bound }, observed ?? 0, metricOf(metric).resolution)
      ? ['pass', null]
      : ['fail', `it is ${seen} of ${countOf(values.length, 'seeds')}, the gate asks for ${threshold}`]
  }

  function byBound(): [Status, string | null] {
    const unclear = cells.filter((cell) => cell.status === 'inconclusive')
    return unclear.length > 0 ? byDoubt(unclear) : byEnds()
  }

  function byEnds(): [Status, string | null] {
    const strict =
      among === 1 ? interval : intervalOf(told, values, n, 1 - (1 - (evidence?.confidence ?? 0.95)) / among)
    if (interval === null || strict === null)
      return ['inconclusive', 'one seed says nothing about how sure it is: play several']
    const resolution = metricOf(metric).resolution
    const [low, high] = [interval.low, interval.high].map((end) => formatBeside(end, bound, unit))
    const seen = `its mean over ${countOf(cells.length, 'seeds')} is ${formatBeside(observed ?? 0, bound, unit)}, from ${low} to ${high}, the gate asks for ${threshold}`
    const ends = [interval.low, interval.high].map((end) => holds({ operator, bound }, end, resolution))
    if (ends.every((end) => end)) return ['pass', null]
    if ([strict.low, strict.high].every((end) => !holds({ operator, bound }, end, resolution))) return ['fail', seen]
    const chance = ends.every((end) => !end) ? `; ${byChance(among)}` : ''
    return ['inconclusive', `${seen}${chance}: play more seeds`]
  }

  function byDoubt(unclear: readonly (typeof cells)[number][]): [Status, string | null] {
    const [first] = unclear
    const many = `it cannot be told on ${unclear.length} of ${countOf(cells.length, 'seeds')}`
    return ['inconclusive', `${many}, as on seed ${first?.seed}: ${first?.cause}`]
  }
}

/** What a gate is called and bound by, and nothing of what was seen. */
function named(told: Judged): Judged {
  const { id, metric, stat, where, unit, operator, bound, threshold, level } = told
  return { id, metric, stat, where, unit, operator, bound, threshold, ...(level && { level }) }
}

function worstOf<Cell extends { readonly observed: number | null }>(
  cells: readonly Cell[],
  { operator, bound }: Pick<GateResult, 'operator' | 'bound'>,
): Cell | undefined {
  const badness = ({ observed }: Cell): number => {
    const value = observed ?? 0
    return operator === '==' ? Math.abs(value - bound) : operator.startsWith('>') ? -value : value
  }
  return cells.reduce<Cell | undefined>(
    (worst, cell) => (worst === undefined || badness(cell) > badness(worst) ? cell : worst),
    undefined,
  )
}

/** Where the mean of a value may be; null when there are too few to say. */
function intervalOf(
  { id, metric, unit }: Pick<GateResult, 'id' | 'metric' | 'unit'>,
  values: readonly number[],
  n: number,
  confidence: number | undefined,
): Interval | null {
  const { range, isOfRun } = metricOf(metric)
  const [min, max] = range
  const isShare = unit === 'ratio' && min === 0 && max === 1
  if (isOfRun && isShare && values.length > 0)
    return wilson(Math.round(mean(values) * values.length), values.length, confidence)
  if (values.length < 2) return null
  const isSteady = values.every((value) => value === values[0])
  if (isSteady && isShare && n > 0) return wilson(Math.round(mean(values) * n), n, confidence)
  const { low, high } =
    values.length < BOOTSTRAP_MIN
      ? meanInterval(values, confidence)
      : bootstrap(values, mean, Rng.fromSeed(`sweep ${id}`), confidence)
  return { low: Math.max(min, low), high: Math.min(max, high) }
}

function verdictOf(head: SweepHead, gates: readonly SweepGate[], runs: readonly SeedRun[]): Verdict {
  const deciding = gates.filter(({ level = 'block' }) => level === 'block')
  const causesOf = (status: Status): string[] =>
    deciding.filter((gate) => gate.status === status).map(({ id, cause }) => `gate ${id}: ${cause ?? status}`)
  const failed = causesOf('fail')
  const causes = [...failed, ...incomplete(head, runs), ...doubtsOf(runs), ...causesOf('inconclusive')]
  return { status: failed.length > 0 ? 'fail' : causes.length > 0 ? 'inconclusive' : 'pass', causes }
}

function incomplete({ shard, planned }: SweepHead, runs: readonly SeedRun[]): string[] {
  if (shard !== undefined)
    return [`this is shard ${shard.index} of ${shard.of}; all of them are judged together by squall merge`]
  return runs.length < planned.count ? [`the sweep was stopped after ${runs.length} of ${planned.count} seeds`] : []
}

/** What makes runs doubtful, each sentence once, with the seeds it was said of. */
function doubtsOf(runs: readonly SeedRun[]): string[] {
  const seeds = new Map<string, number[]>()
  for (const { seed, doubts } of runs) for (const doubt of doubts) seeds.set(doubt, [...(seeds.get(doubt) ?? []), seed])
  return [...seeds].map(([doubt, of]) =>
    of.length === runs.length ? `on every seed: ${doubt}` : `on ${seedsText(of)}: ${doubt}`,
  )
}

/** `seed 7`, `12 seeds (7, 8, 9, 10, 11, …)`. */
export function seedsText(seeds: readonly number[]): string {
  if (seeds.length === 1) return `seed ${seeds[0]}`
  const named = seeds.slice(0, NAMED_MAX).join(', ')
  return `${seeds.length} seeds (${named}${seeds.length > NAMED_MAX ? ', …' : ''})`
}

/** The seeds of one shard, counted from 1: stretches of the range that differ in length by one at most. */
export function shardOf({ first, count }: SeedRange, { index, of }: { index: number; of: number }): SeedRange {
  const from = Math.floor(((index - 1) * count) / of)
  const to = Math.floor((index * count) / of)
  return { first: first + from, count: to - from }
}

/**
 * One sweep out of several: shards of one, or stretches of seeds that follow each other. A sentence where they are not
 * of one piece: another scenario, a seed twice, a seed that nobody played.
 */
export function mergeSweeps(parts: readonly SweepResult[], baselines: Baselines = NO_BASELINES): SweepResult | string {
  const [first, ...others] = parts
  if (first === undefined) return 'there is nothing to merge'
  for (const other of others) {
    const mismatch = mismatchOf(first, other)
    if (mismatch !== null) return mismatch
  }
  const runs = parts.flatMap((part) => part.runs).toSorted((left, right) => left.seed - right.seed)
  const twice = runs.filter(({ seed }, index) => seed === runs[index - 1]?.seed).map(({ seed }) => seed)
  if (twice.length > 0) return `${seedsText(twice)} ${twice.length === 1 ? 'is' : 'are'} in more than one of them`
  const from = Math.min(...parts.map(({ planned }) => planned.first))
  const to = Math.max(...parts.map(({ planned }) => planned.first + planned.count - 1))
  if (to - from >= runs.length + SEEDS_MAX) return 'their seeds are not next to each other'
  const has = new Set(runs.map(({ seed }) => seed))
  const missing: number[] = []
  for (let seed = from; seed <= to; seed += 1) if (!has.has(seed)) missing.push(seed)
  if (missing.length > 0) {
    const shards = new Set(parts.map(({ shard }) => shard?.of))
    const [of] = shards.size === 1 ? shards : [undefined]
    const there = parts.map(({ shard }) => shard?.index)
    const lost = of === undefined ? [] : Array.from({ length: of }, (_, n) => n + 1).filter((n) => !there.includes(n))
    const which = lost.length === 0 ? '' : `; shard ${lost.map((n) => `${n}/${of}`).join(', ')} is not among them`
    return `${seedsText(missing)} ${missing.length === 1 ? 'is' : 'are'} missing${which}`
  }
  const { shard: _, ...head } = first
  const gates = parts.find((part) => part.gates.length > 0)?.gates ?? []
  return judgeSweep({ ...head, planned: { first: from, count: to - from + 1 } }, gates, first.table, runs, baselines)
}

/** Why two sweeps are not of the same scenario; null when they are. */
function mismatchOf(one: SweepResult, other: SweepResult): string | null {
  if (one.scenario !== other.scenario) return `one is of ${one.scenario}, another of ${other.scenario}`
  if (JSON.stringify(one.policies) !== JSON.stringify(other.policies))
    return `one plays the policies ${one.policies?.join(', ') ?? 'of the scenario'}, another ${other.policies?.join(', ') ?? 'of the scenario'}`
  const changed = one.sources.find(({ text }, index) => text !== other.sources[index]?.text)
  if (changed !== undefined || one.sources.length !== other.sources.length)
    return `${changed?.file ?? one.file} is not the same in all of them`
  if (JSON.stringify(one.asked) !== JSON.stringify(other.asked)) return 'their gates are not the same'
  return null
}
