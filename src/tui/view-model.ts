/**
 * The view-model: everything that the screen shows, folded from ledger entries. It is pure: `now` comes with the
 * updates, and the same updates give the same Screen. Memory is bounded by configuration, never by the length of the
 * run: windows and sparklines are rings, events are the last 200, and the rest are sums.
 *
 *   | dial       | numerator                                         | denominator                      | over    |
 *   | ---------- | ------------------------------------------------- | -------------------------------- | ------- |
 *   | success    | requests that ended `ok`                          | requests over, but not cancelled | 10 s    |
 *   | fallback   | requests tried at another endpoint than the first | requests over, but not cancelled | 10 s    |
 *   | cost drift | upstream cost per ok request                      | the same of the twin, minus 1    | the run |
 *   | TTFT p95   | the 95th percentile over requests that ended `ok` |                                  | 10 s    |
 *
 * The words are those of the metrics of the same name in gates/metrics; here they are over a sliding window.
 */
import { formatDuration } from '../base/quantities.ts'
import { RollingWindow, type Millis } from '../base/index.ts'
import type { Directory, Entry, EntryOf } from '../ledger/index.ts'
import { EventLog } from './view-model/event-log.ts'
import { ProviderRow } from './view-model/provider-row.ts'
import { safe } from './view-model/safe.ts'
import type {
  Dial,
  FaultLane,
  GateView,
  Gauge,
  ProviderView,
  Screen,
  Totals,
  TwinTotals,
  Update,
} from './view-model/screen.ts'
import { Points, SampleWindow } from './view-model/series.ts'
import { faultLane, NO_FACTS, windowSegments, type FaultFacts } from './view-model/timeline.ts'
import {
  clockText,
  countOf,
  leftText,
  moneyText,
  msText,
  percentText,
  signedPercentText,
  spaced,
  thousands,
} from './view-model/words.ts'

export interface ViewModelOptions {
  /** Length of the sliding windows, in ms. Default 10000. */
  readonly slidingMs?: Millis
  /** Points kept for each sparkline, one per scenario second. Default 120. */
  readonly points?: number
  /** Events kept. Default 200. */
  readonly eventsMax?: number
  /** A name without the secrets in it. Default: names have none. */
  readonly conceal?: (name: string) => string
}

/** Up to this many endpoints each has its own row; above it a row is a provider. */
const ENDPOINT_ROWS_MAX = 8
const SAMPLES_MAX = 1024
/** Requests in flight of which we remember that an attempt failed; when there are more, the oldest are forgotten. */
const TRACES_MAX = 4096
const MINUTE_BUCKETS = 60
const SECOND: Millis = 1000

const [CLOSED, OK, FALLBACK] = [0, 1, 2]

const NOT_BEGUN: Screen['verdict'] = { status: 'pending', text: 'waiting for the run to begin' }

/** The full height of a sparkline grows in these steps, so that it does not jump with every sample. */
const TTFT_SCALES_MS = [500, 1_000, 2_000, 5_000, 10_000, 20_000, 60_000, 120_000] as const
const DRIFT_SCALES = [0.1, 0.25, 0.5, 1, 2, 5, 10] as const

/** What a request in flight has been through. */
interface Trace {
  /** Endpoint of its last failed attempt. */
  readonly failedAt: number
  /** It was tried at another endpoint afterwards. */
  readonly hasMoved: boolean
}

export class ViewModel {
  private readonly directory: Directory
  /** A name as it may be shown. */
  private readonly told: (name: string) => string
  private readonly rows: readonly ProviderRow[]
  private readonly rowOf = new Map<number, ProviderRow>()
  private readonly faults = new Map<number, FaultFacts>()
  private readonly log: EventLog
  private readonly traces = new Map<number, Trace>()

  private readonly window: RollingWindow
  private readonly fallbacksPerMinute = new RollingWindow(60_000, MINUTE_BUCKETS, 1)
  private readonly ttft: SampleWindow
  private readonly series: { success: Points; fallback: Points; drift: Points; ttft: Points }
  private readonly points: number

  private hasBegun = false
  private now: Millis = 0
  /** The next whole second at which the sparklines get a point. */
  private nextTickAt: Millis = SECOND
  private twin: TwinTotals | null = null
  private gates: readonly GateView[] = []
  private aborted: Update['aborted'] = null
  private speed = 1
  private state: Screen['state'] = 'running'
  private readonly sums = { requests: 0, ok: 0, fallbacks: 0, truncated: 0, attempts: 0, upstreamCost: 0 }

  constructor(directory: Directory, options: ViewModelOptions = {}) {
    const { slidingMs = 10_000, points = 120, eventsMax = 200, conceal = (name) => name } = options
    this.directory = directory
    this.told = (name) => safe(conceal(name))
    this.points = points
    this.log = new EventLog(eventsMax, directory.durationMs)
    this.window = new RollingWindow(slidingMs, Math.max(1, Math.round(slidingMs / SECOND)), 3)
    this.ttft = new SampleWindow(slidingMs, SAMPLES_MAX)
    const ring = () => new Points(points)
    this.series = { success: ring(), fallback: ring(), drift: ring(), ttft: ring() }
    this.rows = rowsOf(directory, slidingMs, points, this.told)
    for (const row of this.rows) for (const endpoint of row.endpoints) this.rowOf.set(endpoint, row)
  }

  fold(update: Update): void {
    this.hasBegun = true
    this.twin = update.twin
    this.speed = update.speed
    this.state = update.state
    this.gates = update.gauges.map((gauge) => gateView(gauge, this.told))
    this.aborted = update.aborted && { ...update.aborted, gate: this.told(update.aborted.gate) }
    for (const entry of update.entries) {
      this.tickUntil(entry.at)
      this.step(entry)
    }
    this.tickUntil(update.now)
    this.log.settle(this.now)
  }

  screen(): Screen {
    const { directory, now } = this
    const longest = directory.durationMs
    const faults = this.lanes()
    return {
      title: this.told(directory.scenario),
      seed: directory.seed,
      state: this.state,
      speed: this.speed,
      speedText: this.speed === Infinity ? 'max' : `×${Number(this.speed.toFixed(2))}`,
      now,
      clock: `${clockText(now, longest)}/${clockText(longest)}`,
      progress: longest <= 0 ? 0 : Math.min(1, now / longest),
      windows: windowSegments(directory, now, this.told),
      faults,
      nextFault: this.nextFault(faults),
      dials: this.dials(),
      providers: this.providers(),
      gates: this.gates,
      verdict: this.hasBegun ? verdictOf(this.gates, this.state === 'finished', this.aborted) : NOT_BEGUN,
      events: this.log.latest(),
      totals: this.totals(),
    }
  }

  // ── folding ───────────────────────────────────────────────────────────────────────────────────────────────────────

  private step(entry: Entry): void {
    switch (entry.kind) {
      case 'attempt.started':
        return this.attemptStarted(entry)
      case 'attempt.ended':
        return this.attemptEnded(entry)
      case 'fleet.charged':
        this.sums.upstreamCost += entry.cost
        this.rowOf.get(entry.endpoint)?.charged(entry.cost)
        return
      case 'request.closed':
        return this.requestClosed(entry)
      case 'health.changed':
        return this.healthChanged(entry)
      case 'fault.started':
        this.faults.set(entry.fault, { ...this.factsOf(entry.fault), startedAt: entry.at, endedAt: null })
        this.log.tell(entry.at, 'bad', `fault starts: ${this.faultLabel(entry.fault)}`)
        return
      case 'fault.ended': {
        const facts = this.factsOf(entry.fault)
        this.faults.set(entry.fault, { ...facts, endedAt: entry.at })
        const hits = countOf(facts.hits, 'hit')
        this.log.tell(entry.at, 'good', `fault over: ${this.faultLabel(entry.fault)} (${hits})`)
        return
      }
      case 'fault.fired': {
        const facts = this.factsOf(entry.fault)
        this.faults.set(entry.fault, { ...facts, hits: facts.hits + 1 })
        return
      }
      default:
        return // a fact that the screen does not show
    }
  }

  private attemptStarted(entry: EntryOf<'attempt.started'>): void {
    this.sums.attempts += 1
    this.rowOf.get(entry.endpoint)?.attemptStarted(entry.at)
    if (entry.reason === 'emergency') {
      const words = (count: number) => `${countOf(count, 'emergency attempt')} past the gateway`
      this.log.count(entry.at, 'bad', 'emergency', words)
    }
    if (entry.reason !== 'next_endpoint' && entry.reason !== 'next_model') return
    const trace = this.traces.get(entry.request)
    if (trace) this.traces.set(entry.request, { ...trace, hasMoved: true })
    const from = trace?.failedAt
    const way = from === undefined ? `to ${this.nameOf(entry.endpoint)}` : this.way(from, entry.endpoint)
    this.log.count(entry.at, 'warn', `failover ${from} ${entry.endpoint}`, (count) =>
      count === 1 ? `failover ${way}` : `${thousands(count)} failovers ${way}`,
    )
  }

  private attemptEnded(entry: EntryOf<'attempt.ended'>): void {
    this.rowOf.get(entry.endpoint)?.attemptEnded(entry)
    if (entry.outcome !== 'failed') return
    const hasMoved = this.traces.get(entry.request)?.hasMoved ?? false
    this.traces.set(entry.request, { failedAt: entry.endpoint, hasMoved })
    if (this.traces.size > TRACES_MAX) this.traces.delete(this.traces.keys().next().value as number)
  }

  private requestClosed(entry: EntryOf<'request.closed'>): void {
    const hasMoved = this.traces.get(entry.request)?.hasMoved ?? false
    this.traces.delete(entry.request)
    if (entry.outcome === 'ok' && entry.ttftMs !== null) this.ttft.record(entry.at, entry.ttftMs)
    if (entry.outcome === 'cancelled') return
    this.sums.requests += 1
    this.window.add(entry.at, CLOSED)
    if (entry.outcome === 'ok') {
      this.sums.ok += 1
      this.window.add(entry.at, OK)
    } else {
      this.loss(entry)
    }
    const isServedElsewhere = entry.firstChoice >= 0 && entry.servedBy >= 0 && entry.servedBy !== entry.firstChoice
    if (!isServedElsewhere && !hasMoved) return
    this.sums.fallbacks += 1
    this.window.add(entry.at, FALLBACK)
    this.fallbacksPerMinute.add(entry.at, 0)
  }

  /** A request that did not end well, in words and counted by burst. */
  private loss(entry: EntryOf<'request.closed'>): void {
    if (entry.outcome === 'truncated') this.sums.truncated += 1
    const endpoint = entry.servedBy >= 0 ? entry.servedBy : entry.firstChoice
    const where = endpoint < 0 ? '' : ` (${this.nameOf(endpoint)})`
    const why = entry.errorClass === null ? '' : `: ${spaced(entry.errorClass)}`
    const words = (count: number): string => {
      switch (entry.outcome) {
        case 'truncated':
          return `${countOf(count, 'answer')} truncated${why}${where}`
        case 'invalid_tool_call':
          return `${countOf(count, 'invalid tool call')}${where}`
        case 'invalid_output':
          return `${countOf(count, 'unusable answer')}${why}${where}`
        case 'timed_out':
          return `${countOf(count, 'request')} timed out${where}`
        case 'unfinished':
          return `${countOf(count, 'request')} still in flight at the end${where}`
        default:
          return `${countOf(count, 'request')} failed${why}${where}`
      }
    }
    const tone = entry.outcome === 'unfinished' ? 'warn' : 'bad'
    this.log.count(entry.at, tone, `${entry.outcome} ${entry.errorClass} ${endpoint}`, words)
  }

  private healthChanged(entry: EntryOf<'health.changed'>): void {
    this.rowOf.get(entry.endpoint)?.healthChanged(entry)
    const name = this.nameOf(entry.endpoint)
    const cause = entry.cause === null ? '' : ` (${spaced(entry.cause)})`
    const until = entry.until
    const wait = until === null || until === Infinity || until <= entry.at ? '' : ` for ${leftText(until - entry.at)}`
    // Each policy has its own breaker on an endpoint; several that do the same at once are told together.
    const tell = (tone: 'bad' | 'info' | 'good', does: string, many: string, more = '') =>
      this.log.count(entry.at, tone, `${entry.to} ${entry.endpoint}`, (count) =>
        count === 1 ? `breaker ${does}: ${name}${more}` : `${thousands(count)} breakers ${many}: ${name}${more}`,
      )
    switch (entry.to) {
      case 'open':
        return tell('bad', 'opens', 'open', `${wait}${cause}`)
      case 'half_open':
        return tell('info', 'half-open', 'half-open')
      case 'cooling':
        return this.log.count(entry.at, 'warn', `cooling ${entry.endpoint}`, (count) =>
          count === 1 ? `${name} cools down${wait}${cause}` : `${name} cooled down ${thousands(count)} times${cause}`,
        )
      case 'ejected':
        return this.log.count(entry.at, 'warn', `ejected ${entry.endpoint}`, (count) =>
          count === 1 ? `${name} is ejected${wait}${cause}` : `${name} was ejected ${thousands(count)} times${cause}`,
        )
      case 'closed':
        if (entry.from === 'ejected') {
          return this.log.count(entry.at, 'good', `back ${entry.endpoint}`, () => `${name} is back among its peers`)
        }
        if (entry.from !== 'cooling') tell('good', 'closes', 'close')
    }
  }

  /** Give the sparklines their points for every whole second up to `at`; no more than they can keep. */
  private tickUntil(at: Millis): void {
    if (at <= this.now) return
    this.now = at
    const behind = Math.floor((at - this.nextTickAt) / SECOND)
    if (behind > this.points) this.nextTickAt += (behind - this.points) * SECOND
    while (this.nextTickAt <= at) {
      const justBefore = this.nextTickAt - 1
      this.series.success.push(this.successAt(justBefore))
      this.series.fallback.push(this.fallbackAt(justBefore))
      this.series.ttft.push(this.ttft.quantile(justBefore, 0.95))
      this.series.drift.push(this.drift())
      for (const row of this.rows) row.tick()
      this.nextTickAt += SECOND
    }
  }

  // ── showing ───────────────────────────────────────────────────────────────────────────────────────────────────────

  private successAt(now: Millis): number | null {
    return ratio(this.window.total(now, OK), this.window.total(now, CLOSED))
  }

  private fallbackAt(now: Millis): number | null {
    return ratio(this.window.total(now, FALLBACK), this.window.total(now, CLOSED))
  }

  private drift(): number | null {
    const cost = ratio(this.sums.upstreamCost, this.sums.ok)
    const twinCost = this.twin && ratio(this.twin.upstreamCost, this.twin.ok)
    return cost === null || !twinCost ? null : cost / twinCost - 1
  }

  private dials(): Screen['dials'] {
    const { now, sums } = this
    const ttft = this.series.ttft.values()
    const ttftScale = scaleFor(ttft, TTFT_SCALES_MS)
    const drift = this.series.drift.values()
    const driftScale = scaleFor(drift, DRIFT_SCALES)
    const perMinute = this.fallbacksPerMinute.total(now, 0)
    return [
      {
        id: 'success_rate',
        title: 'success',
        valueText: percentText(this.successAt(now), 2),
        noteText: `run ${percentText(ratio(sums.ok, sums.requests), 1)}`,
        series: this.series.success.values(),
        scaleText: '',
        isMoreBetter: true,
        gate: this.gateOn('success_rate'),
      },
      {
        id: 'fallback_rate',
        title: 'fallback',
        valueText: percentText(this.fallbackAt(now), 1),
        noteText: `${thousands(perMinute)}/min`,
        series: this.series.fallback.values(),
        scaleText: '',
        isMoreBetter: false,
        gate: this.gateOn('fallback_rate'),
      },
      {
        id: 'cost_drift',
        title: 'cost drift',
        valueText: signedPercentText(this.drift()),
        noteText: moneyText(sums.upstreamCost),
        series: scaled(drift, driftScale),
        scaleText: `${driftScale * 100}%`,
        isMoreBetter: false,
        gate: this.gateOn('cost_drift'),
      },
      {
        id: 'ttft',
        title: 'TTFT p95',
        valueText: msText(this.ttft.quantile(now, 0.95)),
        noteText: `p50 ${msText(this.ttft.quantile(now, 0.5))}`,
        series: scaled(ttft, ttftScale),
        scaleText: ttftScale < SECOND ? `${ttftScale}ms` : `${ttftScale / SECOND}s`,
        isMoreBetter: false,
        gate: this.gateOn('ttft'),
      },
    ]
  }

  /** Of several gates on a metric, the one in the worst shape stands for them. */
  private gateOn(metric: Dial['id']): GateView | null {
    const on = this.gates.filter((gate) => gate.metric === metric)
    for (const status of ['fail', 'inconclusive', 'pending', 'pass']) {
      const found = on.find((gate) => gate.status === status)
      if (found) return found
    }
    return null
  }

  private providers(): ProviderView[] {
    const attempts = this.rows.reduce((sum, row) => sum + row.attemptsStarted(this.now), 0)
    return this.rows.map((row) => row.view(this.now, attempts, this.faultsOn(row)))
  }

  private faultsOn(row: ProviderRow): string {
    const kinds = this.directory.faults
      .filter(
        (fault, index) => this.isOn(index) && fault.endpoints.some((endpoint) => row.endpoints.includes(endpoint)),
      )
      .map((fault) => spaced(this.told(fault.kind)))
    return [...new Set(kinds)].join(', ')
  }

  private lanes(): FaultLane[] {
    return this.directory.faults.map((fault, index) =>
      faultLane(fault, this.factsOf(index), this.directory.durationMs, this.now, this.told),
    )
  }

  private nextFault(lanes: readonly FaultLane[]): Screen['nextFault'] {
    const next = lanes
      .filter((lane) => lane.state === 'upcoming')
      .reduce<FaultLane | null>((first, lane) => (first === null || lane.from < first.from ? lane : first), null)
    return next && { label: next.label, inText: next.statusText }
  }

  private totals(): Totals {
    const { requests, ok, fallbacks, truncated, attempts, upstreamCost } = this.sums
    const perRequest = requests === 0 ? '' : ` · ${(attempts / requests).toFixed(2)} attempts each`
    const parts = [
      countOf(requests, 'request'),
      `${percentText(ratio(ok, requests), 2)} ok`,
      countOf(fallbacks, 'fallback'),
      `${thousands(truncated)} truncated`,
    ]
    return { ...this.sums, text: `${parts.join(' · ')}${perRequest} · ${moneyText(upstreamCost)}` }
  }

  // ── names ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  private isOn(fault: number): boolean {
    const facts = this.factsOf(fault)
    return facts.startedAt !== null && facts.endedAt === null
  }

  private factsOf(fault: number): FaultFacts {
    return this.faults.get(fault) ?? NO_FACTS
  }

  private faultLabel(fault: number): string {
    return this.told(this.directory.faults[fault]?.label ?? `fault ${fault}`)
  }

  private nameOf(endpoint: number): string {
    return this.rowOf.get(endpoint)?.label ?? `endpoint ${endpoint}`
  }

  /** `openai → anthropic`; inside one provider's row the endpoints' own ids say more. */
  private way(from: number, to: number): string {
    if (this.rowOf.get(from) !== this.rowOf.get(to)) return `${this.nameOf(from)} → ${this.nameOf(to)}`
    const id = (endpoint: number) => this.told(this.directory.endpoints[endpoint]?.id ?? `endpoint ${endpoint}`)
    return `${id(from)} → ${id(to)}`
  }
}

function rowsOf(
  directory: Directory,
  slidingMs: Millis,
  points: number,
  told: (name: string) => string,
): ProviderRow[] {
  const byProvider = new Map<string, number[]>()
  directory.endpoints.forEach(({ provider }, endpoint) => {
    byProvider.set(provider, [...(byProvider.get(provider) ?? []), endpoint])
  })
  if (directory.endpoints.length > ENDPOINT_ROWS_MAX) {
    return [...byProvider].map(
      ([provider, endpoints]) =>
        new ProviderRow({ id: provider, provider, label: told(provider), endpoints, slidingMs, points }),
    )
  }
  return directory.endpoints.map(({ id, provider }, endpoint) => {
    const label = told(byProvider.get(provider)?.length === 1 ? provider : id)
    return new ProviderRow({ id, provider, label, endpoints: [endpoint], slidingMs, points })
  })
}

function gateView(gauge: Gauge, told: (name: string) => string): GateView {
  return {
    id: told(gauge.id),
    metric: gauge.metric,
    threshold: told(gauge.threshold),
    observedText: told(gauge.observedText),
    status: gauge.status,
  }
}

function verdictOf(gates: readonly GateView[], isFinished: boolean, aborted: Update['aborted']): Screen['verdict'] {
  const count = (status: GateView['status']) => gates.filter((gate) => gate.status === status).length
  const of = `of ${countOf(gates.length, 'gate')}`
  const soFar = isFinished ? '' : ' so far'
  const [failed, unclear, pending] = [count('fail'), count('inconclusive'), count('pending')]
  if (aborted) {
    const text = `aborted at ${formatDuration(aborted.at)} by gate ${aborted.gate}`
    return { status: failed > 0 ? 'fail' : 'inconclusive', text }
  }
  if (gates.length === 0) return { status: 'inconclusive', text: 'no gates to judge by' }
  if (failed > 0) return { status: 'fail', text: `${failed} ${of} ${failed === 1 ? 'fails' : 'fail'}${soFar}` }
  if (unclear > 0) return { status: 'inconclusive', text: `${unclear} ${of} inconclusive${soFar}` }
  if (pending > 0) return { status: 'pending', text: `${pending} ${of} still pending` }
  return { status: 'pass', text: `${gates.length} ${of} ${gates.length === 1 ? 'passes' : 'pass'}${soFar}` }
}

function ratio(numerator: number, denominator: number): number | null {
  return denominator === 0 ? null : numerator / denominator
}

/** The smallest scale that holds all points; the largest one cuts off what is above it. */
function scaleFor(points: readonly (number | null)[], scales: readonly number[]): number {
  const highest = points.reduce<number>((most, point) => Math.max(most, point ?? 0), 0)
  return scales.find((scale) => highest <= scale) ?? (scales.at(-1) as number)
}

function scaled(points: readonly (number | null)[], scale: number): (number | null)[] {
  return points.map((point) => (point === null ? null : Math.min(1, Math.max(0, point / scale))))
}
