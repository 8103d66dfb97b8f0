/**
 * The judge of one run: holds every fold that its gates and its report need, and comes to a verdict in the end.
 *
 *   const judge = new Judge({ directory, gates, isLegal })
 *   judge.attach(log)            // before the first entry
 *   judge.attachTwin(twinLog)    // the same run without faults, if there is one
 *   judge.gauges(now)            // during the run, for the screen
 *   judge.finish({ endedAt, partial })
 *
 *   | first that applies                                                        | verdict      |
 *   | ------------------------------------------------------------------------- | ------------ |
 *   | a gate failed                                                              | fail         |
 *   | stopped early · no gates · no requests · a fault that did not strike ·     | inconclusive |
 *   | the run without faults was unhealthy · a gate is inconclusive              |              |
 *   | otherwise                                                                  | pass         |
 */
import { assert, at, SECOND, type Millis } from '../base/index.ts'
import { formatDuration, formatRatio } from '../base/quantities.ts'
import type { Directory, Log } from '../ledger/index.ts'
import { AbortWatch, type Aborted, type AbortRule } from './abort.ts'
import { countOf } from './format.ts'
import { selectorOf, sharesError, type GateSpec } from './gate-spec.ts'
import { Gate, HELD_SO_FAR, type Standing } from './gate.ts'
import { FoldSet } from './fold-set.ts'
import type { MetricFold } from './metric-fold.ts'
import type { Aftermath, AnyMetric, IsLegal, Stat } from './metric.ts'
import { ChronicleFold } from './chronicle.ts'
import { METRICS, metricOf } from './metrics/index.ts'
import type { Recovery } from './recovery.ts'
import type { GateResult, MetricRow, RunResult, Selector, Status, Verdict } from './result.ts'
import { CoverageFold, type Provision } from './coverage.ts'
import { CostSplitFold, type Prices } from './cost-split.ts'
import { holm } from './statistics.ts'
import { Tally } from './tally.ts'

/** Below this success rate without faults, a run proves nothing about faults. */
const HEALTHY_MIN = 0.9
/** What the report tells of a distribution. */
const TABLE_STATS: readonly Stat[] = ['p50', 'p95', 'p99']
const EVERYWHERE: Selector = {}
/** So often it is looked how gates stand, in a long run: to a thousandth of it. At most once a second. */
const LOOKS = 1_000

export interface JudgeOptions {
  readonly directory: Directory
  readonly gates: readonly GateSpec[]
  /** Rules that end the run early, each on one of the gates. Absent: none. */
  readonly abort?: readonly AbortRule[]
  readonly isLegal: IsLegal
  /** What the policies say that a run may call upon, and the policy of each workflow. Absent: nobody asks. */
  readonly provisions?: { readonly list: readonly Provision[]; readonly workflowPolicies: readonly number[] }
  /** What the endpoints charge. Absent: cost is not split by cause. */
  readonly prices?: Prices
}

export interface FinishOptions {
  readonly endedAt: Millis
  /** The run was stopped before its duration was over. */
  readonly partial: boolean
  /** Whether it came back by itself, where somebody asks. */
  readonly recovery?: Recovery
  /** Live runs: the 99th percentile of the loop's own lag in wall ms, and how many scenario ms pass in one of those. */
  readonly lag?: { readonly speed: number; readonly p99Ms: Millis }
}

export type Judgement = Pick<
  RunResult,
  'verdict' | 'aborted' | 'gates' | 'metrics' | 'faults' | 'providers' | 'counts' | 'costs' | 'chronicle' | 'coverage'
>

/** What a gate says so far. */
export type Gauge = GateResult

export class Judge {
  private readonly directory: Directory
  private readonly gates: readonly Gate[]
  private readonly run: FoldSet
  private readonly twin: FoldSet
  private readonly tally: Tally
  private readonly chronicle: ChronicleFold
  private readonly twinChronicle: ChronicleFold
  private readonly prices: Prices | null
  private costs: CostSplitFold | null = null
  private readonly coverage: CoverageFold | null
  private readonly aftermath: Aftermath = { recovery: null }
  private readonly watch: AbortWatch | null
  private readonly lookEveryMs: Millis
  private aborted: Aborted | null = null
  private log: Log | null = null
  private hasTwin = false

  constructor({ directory, gates, abort = [], isLegal, prices, provisions }: JudgeOptions) {
    this.coverage = provisions ? new CoverageFold(provisions.list, provisions.workflowPolicies) : null
    this.directory = directory
    this.lookEveryMs = SECOND * Math.max(1, Math.ceil(directory.durationMs / (SECOND * LOOKS)))
    this.prices = prices ?? null
    this.run = new FoldSet(directory, remembering(isLegal), this.aftermath)
    this.twin = new FoldSet(directory, remembering(isLegal))
    this.tally = new Tally(directory)
    this.chronicle = new ChronicleFold(directory, this.run.traces)
    this.twinChronicle = new ChronicleFold(directory, this.twin.traces)
    this.gates = gates.map((spec) => {
      if (needsTwin(spec.metric)) this.twin.add(spec.metric, selectorOf(spec.where), spec.book ?? 'upstream')
      return Gate.over(this.run, spec)
    })
    this.watch =
      abort.length === 0 ? null : new AbortWatch(abort, gates, this.run, (spec) => this.twinOf(spec.metric, spec))
    this.twin.add('success_rate', EVERYWHERE, 'upstream')
    for (const { kind, where } of tableOf(directory)) {
      this.run.add(kind, where, 'upstream')
      if (metricOf(kind).needsTwin) this.twin.add(kind, where, 'upstream')
    }
  }

  /** Listen to the run. Once, before its first entry. */
  attach(log: Log): void {
    assert(this.log === null && log.length === 0, 'a judge is attached once, before the first entry')
    this.log = log
    log.attach(this.tally)
    this.run.attach(log)
    log.attach(this.chronicle)
    if (this.coverage !== null) log.attach(this.coverage)
  }

  /** Listen to the same run without faults. Only what is compared with it is folded. */
  attachTwin(log: Log): void {
    assert(!this.hasTwin && log.length === 0, 'a twin is attached once, before the first entry')
    this.hasTwin = true
    this.twin.attach(log)
    log.attach(this.twinChronicle)
    if (this.prices !== null) {
      this.costs = new CostSplitFold(this.directory, this.prices, this.run.traces, this.twin.traces)
    }
  }

  /** What every gate would say if the run ended now. */
  gauges(now: Millis): Gauge[] {
    return this.gates.map((gate) => gate.judge(now, this.twinOf(gate.spec.metric, gate.spec)))
  }

  /**
   * To be asked at every whole second of the run: since when gates are broken is told by that, and whether a rule ends the
   * run now.
   */
  look(now: Millis): boolean {
    if (now % this.lookEveryMs === 0) this.lookAtGates(now)
    this.aborted ??= this.watch?.check(now) ?? null
    return this.aborted !== null
  }

  /** The rule that has ended the run early; null for none. */
  get abortedBy(): Aborted | null {
    return this.aborted
  }

  private lookAtGates(now: Millis): void {
    for (const gate of this.gates) gate.look(now, this.twinOf(gate.spec.metric, gate.spec))
  }

  finish({ endedAt, partial, lag, recovery }: FinishOptions): Judgement {
    if (recovery) this.aftermath.recovery = recovery
    this.lookAtGates(endedAt)
    const standing = { lagMs: lag === undefined ? 0 : lag.speed * lag.p99Ms, partial }
    const gates = this.together(endedAt, standing)
    const doubts = [
      ...this.stoppedEarly(endedAt, partial),
      ...this.nothingToJudge(),
      ...this.twinUnhealthy(endedAt),
      ...this.faultsMissed(endedAt),
    ]
    const costs = this.costs?.finish()
    const coverage = this.coverage?.finish()
    return {
      verdict: verdictOf(gates, doubts),
      ...(this.aborted && { aborted: this.aborted }),
      gates,
      metrics: this.table(endedAt),
      faults: this.tally.faultRows(endedAt),
      providers: this.tally.providerRows(),
      counts: this.tally.counts(this.log?.length ?? 0),
      ...(costs && { costs }),
      ...(coverage && { coverage }),
      chronicle: this.chronicle.finish(endedAt, this.hasTwin ? this.twinChronicle : null),
    }
  }

  /** What each gate says, those that must be sure held to what they leave each other. */
  private together(endedAt: Millis, standing: Standing): GateResult[] {
    const judge = (gate: Gate, among = 1): GateResult =>
      gate.judge(endedAt, this.twinOf(gate.spec.metric, gate.spec), { ...standing, among })
    const sure = this.gates.filter(({ spec }) => spec.compare === undefined && sharesError(spec))
    const shares = holm(sure.length, (index, many) => judge(at(sure, index), many).status === 'fail')
    return this.gates.map((gate) => judge(gate, shares[sure.indexOf(gate)]))
  }

  private stoppedEarly(endedAt: Millis, partial: boolean): string[] {
    if (!partial) return []
    const { aborted } = this
    if (aborted !== null)
      return [
        `the run was aborted at ${formatDuration(aborted.at)} by rule ${aborted.rule}, on gate ${aborted.gate}: ${aborted.reason}`,
      ]
    return [`the run was stopped at ${formatDuration(endedAt)} of ${formatDuration(this.directory.durationMs)}`]
  }

  private nothingToJudge(): string[] {
    const { requests, closed } = this.tally
    if (requests === 0) return ['no request arrived']
    const hasSay = this.gates.some(({ spec: { level = 'block' } }) => level === 'block')
    const causes = hasSay ? [] : ['there are no gates that decide: nothing was asserted']
    if (closed < requests)
      causes.push(`${requests - closed} of ${countOf(requests, 'requests')} never closed in the ledger`)
    return causes
  }

  private faultsMissed(endedAt: Millis): string[] {
    return this.tally
      .faultRows(endedAt)
      .filter(({ hits, minHits }) => hits < minHits)
      .map(({ id, label, hits, minHits }) => {
        const seen = hits === 0 ? 'never struck' : `struck ${countOf(hits, 'times')}`
        return `fault ${id} (${label}) ${seen}, and must strike at least ${countOf(minHits, 'times')} for the run to mean anything`
      })
  }

  /** Gates on success are held against the twin, too: what fails without a storm was not the storm's doing. */
  private twinUnhealthy(endedAt: Millis): string[] {
    if (!this.hasTwin) return []
    const { value } = this.twin.add('success_rate', EVERYWHERE, 'upstream').observe('value', endedAt, null)
    if (value === null) return ['the run without faults closed no request']
    if (value < HEALTHY_MIN) {
      return [
        `the run without faults already had a success rate of ${formatRatio(value)}, below ${formatRatio(HEALTHY_MIN, 0)}`,
      ]
    }
    return this.gates.flatMap(({ spec }) => {
      const fold =
        spec.metric === 'success_rate' ? this.twin.get(spec.metric, selectorOf(spec.where), 'upstream') : null
      const result = fold && new Gate(spec, fold).judge(endedAt, null)
      return result?.status === 'fail' ? [`the run without faults already fails gate ${spec.id}: ${result.cause}`] : []
    })
  }

  private table(endedAt: Millis): MetricRow[] {
    return tableOf(this.directory).flatMap(({ kind, where }) => {
      const metric = metricOf(kind)
      const fold = this.run.add(kind, where, 'upstream')
      const twin = this.twinOf(kind, { where })
      const stats = metric.stats.length === 1 ? metric.stats : TABLE_STATS
      return stats.map((stat) => {
        const { value, n, censored } = fold.observe(stat, endedAt, twin)
        const shown = censored ? null : value
        return { metric: kind, stat, unit: metric.unit, where, value: shown, n }
      })
    })
  }

  private twinOf(kind: string, { where, book }: Partial<GateSpec>): MetricFold | null {
    if (!this.hasTwin || !metricOf(kind).needsTwin) return null
    return this.twin.get(kind, selectorOf(where), book ?? 'upstream')
  }
}

/** Every metric that is not told on demand only, over the whole run, then by window. What is told per fault is told once. */
function tableOf({ windows }: Directory): { readonly kind: string; readonly where: Selector }[] {
  const told = (METRICS as readonly AnyMetric[]).filter(({ onDemand }) => !onDemand)
  const whole = told.map(({ kind }) => ({ kind, where: EVERYWHERE }))
  const traffic = told.filter(({ scope }) => scope === 'traffic')
  return [...whole, ...windows.flatMap(({ name }) => traffic.map(({ kind }) => ({ kind, where: { window: name } })))]
}

function verdictOf(gates: readonly GateResult[], doubts: readonly string[]): Verdict {
  const deciding = gates.filter(({ level = 'block' }) => level === 'block')
  const causesOf = (status: Status) =>
    deciding.filter((gate) => gate.status === status).map(({ id, cause }) => `gate ${id}: ${cause ?? status}`)
  const failed = causesOf('fail')
  // That the run was cut short is told once, and not of every gate.
  const unclear = causesOf('inconclusive').filter((cause) => !cause.endsWith(HELD_SO_FAR))
  const causes = [...failed, ...doubts, ...unclear]
  return { status: failed.length > 0 ? 'fail' : causes.length > 0 ? 'inconclusive' : 'pass', causes }
}

/** 0 when it came out as expected. Otherwise fail → 1, inconclusive → 3, and a pass that should not have been → 1. */
export function exitCodeOf(status: Status, expect: Status): number {
  if (status === expect) return 0
  return status === 'inconclusive' ? 3 : 1
}

const WORST_FIRST = [70, 5, 2, 1, 3, 0] as const

/** The exit code of several runs: the worst of theirs. A code that is not in the order outranks all that are. */
export function worstExit(codes: readonly number[]): number {
  const stranger = codes.find((code) => !(WORST_FIRST as readonly number[]).includes(code))
  return stranger ?? WORST_FIRST.find((code) => codes.includes(code)) ?? 0
}

/** The whole run and a window ask about the same attempt one after the other: the oracle is asked once. */
function remembering(isLegal: IsLegal): IsLegal {
  let request = -1
  let endpoint = -1
  let rule = -1
  let rung = 0
  let answer: string | null = null
  return (nextRequest, workflow, nextEndpoint, nextRule, nextRung, asked) => {
    if (asked !== undefined) return isLegal(nextRequest, workflow, nextEndpoint, nextRule, nextRung, asked)
    const isSame = nextRequest === request && nextEndpoint === endpoint && nextRule === rule && nextRung === rung
    if (isSame) return answer
    request = nextRequest
    endpoint = nextEndpoint
    rule = nextRule
    rung = nextRung
    answer = isLegal(nextRequest, workflow, nextEndpoint, nextRule, nextRung)
    return answer
  }
}

/** `success_rate` gates are judged on the twin, too. */
function needsTwin(kind: string): boolean {
  return kind === 'success_rate' || metricOf(kind).needsTwin
}
