/**
 * Two sweeps of one scenario side by side: what differs, how surely, and whether any of it is a regression. A metric's
 * own example says which way is worse: of what is asserted to be `>=`, less is.
 *
 *   | compared                          | a difference is                                          |
 *   | --------------------------------- | -------------------------------------------------------- |
 *   | the same seeds                    | of one seed: both met the same storm, so little is noise  |
 *   | other seeds                       | of two seeds that have nothing to do with each other      |
 *
 * Failing is corrected for how many rows could fail by chance (Holm); passing is not: all of them have to.
 */
import { assert, at, type Millis } from '../base/index.ts'
import { countOf, formatValue } from './format.ts'
import { worseOf } from './gate-spec.ts'
import type { AnyMetric } from './metric.ts'
import { metricOf } from './metrics/index.ts'
import type { CostSplit, Selector, SourceText, Status, Unit, Verdict } from './result.ts'
import type { SeedRange, SweepResult } from './sweep.ts'
import { holm, mean, regression, RUNS_MIN, type Comparison } from './statistics.ts'

const CONFIDENCE = 0.95
/** A share is not held to less than this, however few failures there were: one request in a thousand. */
const SHARE_TOLERATED_MIN = 0.001

/** Values of one statistic of one metric, by seed. */
export interface Series {
  readonly metric: string
  readonly stat: string
  readonly unit: Unit
  readonly where: Selector
  readonly values: ReadonlyMap<number, number>
}

export interface Difference extends Omit<Series, 'values'> {
  readonly worse: 'higher' | 'lower'
  /** Means over the seeds that are compared; null where there is nothing to compare. */
  readonly before: number | null
  readonly after: number | null
  /** What it may be worse by, in the metric's unit. */
  readonly tolerated: number
  /** null: fewer than two pairs. */
  readonly comparison: Comparison | null
  readonly isPaired: boolean
  readonly status: Status
  /** Why it failed or cannot be told; null for a pass. */
  readonly cause: string | null
}

/**
 * How much worse a value may be. Of a share it is so much of what is missing to 0% or 100%, whichever is nearer: 5% of a
 * success rate of 98% are 0.1 points, or 5% more failures.
 */
export function toleratedOf(metric: AnyMetric, before: number, maxRegress: number): number {
  const [min, max] = metric.range
  if (metric.unit === 'count') return Math.abs(before) * maxRegress
  if (metric.unit !== 'ratio' || min !== 0 || max !== 1)
    return Math.max(Math.abs(before) * maxRegress, metric.resolution)
  return Math.max(Math.min(before, 1 - before) * maxRegress, SHARE_TOLERATED_MIN)
}

/** `among`: how many such differences share the error of failing by chance. `maxRegress`: 0.05 is 5%. */
export function differenceOf(before: Series, after: Series, maxRegress: number, among = 1): Difference {
  const metric = metricOf(after.metric)
  const worse = worseOf(metric)
  const { pairs, isPaired } = pairsOf(before.values, after.values)
  const told = { metric: after.metric, stat: after.stat, unit: after.unit, where: after.where, worse, isPaired }
  if (pairs.length < 2) {
    const cause = `${nameOf(after)} has a value with ${countOf(pairs.length, 'seeds')} on both sides, and needs ${RUNS_MIN} to be compared`
    return { ...told, before: null, after: null, tolerated: 0, comparison: null, status: 'inconclusive', cause }
  }
  const [meanBefore, meanAfter] = [mean(pairs.map(([value]) => value)), mean(pairs.map(([, value]) => value))]
  const tolerated = toleratedOf(metric, meanBefore, maxRegress)
  const differences = pairs.map(([from, to]) => to - from)
  const plain = regression(differences, tolerated, worse, CONFIDENCE)
  const strict = regression(differences, tolerated, worse, 1 - (1 - CONFIDENCE) / among)
  const status: Status = strict.status === 'fail' ? 'fail' : plain.status === 'pass' ? 'pass' : 'inconclusive'
  const comparison: Comparison = {
    ...plain,
    status,
    runsNeeded: status === 'inconclusive' ? needed(plain, strict) : null,
  }
  const cause = status === 'pass' ? null : causeOf(told, meanBefore, meanAfter, tolerated, comparison)
  return { ...told, before: meanBefore, after: meanAfter, tolerated, comparison, status, cause }
}

/** All of them together. Nothing to compare is no pass. */
export function verdictOfDifferences(rows: readonly Difference[]): Verdict {
  const causes = (['fail', 'inconclusive'] as const).flatMap((status) =>
    rows.filter((row) => row.status === status).map(({ cause }) => cause ?? status),
  )
  if (rows.length === 0) return { status: 'inconclusive', causes: ['there is nothing to compare'] }
  if (causes.length === 0) return { status: 'pass', causes }
  return { status: rows.some(({ status }) => status === 'fail') ? 'fail' : 'inconclusive', causes }
}

/** By seed where enough seeds are on both sides, otherwise in the order of seeds. */
function pairsOf(
  before: ReadonlyMap<number, number>,
  after: ReadonlyMap<number, number>,
): { readonly pairs: (readonly [number, number])[]; readonly isPaired: boolean } {
  const common = [...before.keys()].filter((seed) => after.has(seed)).sort((left, right) => left - right)
  if (common.length >= RUNS_MIN || common.length === Math.min(before.size, after.size))
    return { pairs: common.map((seed) => [before.get(seed) as number, after.get(seed) as number]), isPaired: true }
  const inOrder = (values: ReadonlyMap<number, number>): number[] =>
    [...values].sort(([left], [right]) => left - right).map(([, value]) => value)
  const [old, now] = [inOrder(before), inOrder(after)]
  const count = Math.min(old.length, now.length)
  return { pairs: Array.from({ length: count }, (_, n) => [old[n] as number, now[n] as number]), isPaired: false }
}

function needed(plain: Comparison, strict: Comparison): number {
  const runs = plain.runsNeeded ?? strict.runsNeeded
  assert(runs !== null, 'what cannot be told needs more runs')
  return runs
}

function causeOf(
  told: Pick<Difference, 'metric' | 'stat' | 'unit' | 'where' | 'worse' | 'isPaired'>,
  before: number,
  after: number,
  tolerated: number,
  { status, runs, runsNeeded, interval }: Comparison,
): string {
  const { unit, isPaired } = told
  const seen = `${nameOf(told)} went from ${formatValue(before, unit)} to ${formatValue(after, unit)} over ${countOf(runs, 'seeds')}${isPaired ? '' : ' of their own'}`
  const asked = `${formatValue(tolerated, unit)} ${told.worse} is tolerated`
  if (status === 'fail') return `${seen}; ${asked}`
  const reach = `the difference is from ${signed(interval.low, unit)} to ${signed(interval.high, unit)}`
  return `${seen}; ${reach}, and ${asked}: it takes about ${runsNeeded} seeds to tell`
}

/** `+1.2s`, `-0.30%`. */
export function signed(value: number, unit: Unit): string {
  return `${value < 0 ? '-' : '+'}${formatValue(unit === 'ms' || unit === 'nano_usd' ? Math.round(Math.abs(value)) : Math.abs(value), unit)}`
}

function nameOf({ metric, stat }: { readonly metric: string; readonly stat: string }): string {
  return stat === 'value' ? metric : `${metric} ${stat}`
}

/** Two sweeps side by side. */
export interface SweepComparison {
  readonly verdict: Verdict
  /** What decides: the gates of the scenario that do; without any, success and cost. */
  readonly deciding: readonly Difference[]
  /** Every other metric over the whole run. */
  readonly others: readonly Difference[]
}

/** The first request, in the order of arrival, that two policies treat differently under one seed. */
export interface Parting {
  readonly seed: number
  readonly request: string
  /** What is different about it first, as a sentence. */
  readonly why: string
  /** How many requests they treat differently, of how many. */
  readonly parted: number
  readonly requests: number
  /** Its story under each of them, in lines. */
  readonly before: readonly string[]
  readonly after: readonly string[]
}

/** Two policies under the same storms, told in full. The whole of `compare.json` but for its envelope. */
export interface ComparisonResult extends SweepComparison {
  readonly scenario: string
  readonly summary: string
  readonly file: string
  /** The policies, as they were named: a path, or `name=path`. */
  readonly before: string
  readonly after: string
  readonly durationMs: Millis
  readonly seeds: SeedRange
  /** How much worse anything may be, 0.05 for 5%. */
  readonly maxRegress: number
  /** null: they treat every request of the first seed alike. */
  readonly parting: Parting | null
  /** Of the first seed: what its requests cost under the second policy (`run`) and the first (`twin`), and why. */
  readonly costs: readonly CostSplit[]
  readonly sources: readonly SourceText[]
  /** The command that compares them again. */
  readonly reproduce: string
}

/** Metrics that decide where a scenario has no gates. */
const DECIDING: readonly string[] = ['success_rate', 'cost_per_success']

/** `maxRegress`: how much worse anything may be, 0.05 for 5%. */
export function compareSweeps(before: SweepResult, after: SweepResult, maxRegress: number): SweepComparison {
  const gates = after.gates.flatMap((gate, index) => ((gate.level ?? 'block') === 'block' ? [{ gate, index }] : []))
  const gateSeries = ({ runs }: SweepResult): Series[] =>
    gates.map(({ gate, index }) => seriesOf(gate, runs, (run) => run.gates[index]?.observed ?? null))
  const tableSeries = ({ runs, table }: SweepResult): Series[] =>
    table.flatMap((column, index) =>
      Object.keys(column.where).length > 0 ? [] : [seriesOf(column, runs, (run) => run.metrics[index] ?? null)],
    )
  const [old, now] = [tableSeries(before), tableSeries(after)]
  const isDeciding = ({ metric, stat }: Series): boolean =>
    gates.length === 0 ? DECIDING.includes(metric) : gates.some(({ gate }) => isSame(gate, { metric, stat }))
  const [oldDeciding, newDeciding] =
    gates.length === 0 ? [old.filter(isDeciding), now.filter(isDeciding)] : [gateSeries(before), gateSeries(after)]
  const deciding = differencesOf(oldDeciding, newDeciding, maxRegress)
  const isOther = (series: Series): boolean => !isDeciding(series)
  const others = differencesOf(old.filter(isOther), now.filter(isOther), maxRegress)
  return { verdict: verdictOfDifferences(deciding), deciding, others }
}

/** Column by column, failing by chance shared among them. */
function differencesOf(before: readonly Series[], after: readonly Series[], maxRegress: number): Difference[] {
  const count = Math.min(before.length, after.length)
  const difference = (index: number, among: number): Difference =>
    differenceOf(at(before, index), at(after, index), maxRegress, among)
  const shares = holm(count, (index, many) => difference(index, many).status === 'fail')
  return shares.map((among, index) => difference(index, among))
}

function isSame(
  { metric, stat, where }: { readonly metric: string; readonly stat: string; readonly where: Selector },
  other: { readonly metric: string; readonly stat: string },
): boolean {
  return metric === other.metric && stat === other.stat && Object.keys(where).length === 0
}

/** The values of one column of a sweep. */
export function seriesOf<Run extends { readonly seed: number }>(
  { metric, stat, unit, where }: Omit<Series, 'values'>,
  runs: readonly Run[],
  valueOf: (run: Run) => number | null,
): Series {
  const values = new Map<number, number>()
  for (const run of runs) {
    const value = valueOf(run)
    if (value !== null) values.set(run.seed, value)
  }
  return { metric, stat, unit, where, values }
}
