/**
 * Whether a system came back by itself once its trouble was over, and if not, what kept it down. Told from the run, the
 * same run without faults (the twin), the same run in which nobody tries again from the trigger on (the drain twin), and
 * the same run in which, half-way to the horizon, everybody is turned away until the backlog is gone (the shed test).
 *
 *   G(t)   share of the requests that arrive in a window and succeed in time; by arrival, or what has collapsed looks alive
 *   A(t)   attempts started in it, by requests arriving in it
 *   t₁     the trigger is over: no fault is at work, and as many arrive as without one
 *   TTR    the first instant after t₁ from which, for `hold`, every window has G ≥ 99 % of the twin's and A ≤ 105 % of it
 *
 *   | verdict       | when                                                                                            |
 *   | ------------- | ----------------------------------------------------------------------------------------------- |
 *   | INCONCLUSIVE  | it cannot be told: the trigger is not over, too few requests, unwell without faults, or the        |
 *   |               | backlog is still being worked off when the horizon comes                                           |
 *   | RECOVERED     | TTR ≤ 3 × that of the drain twin, or two windows                                                  |
 *   | SLOW_RECOVERY | later, but before the horizon: retries keep the trouble alive for a while                         |
 *   | METASTABLE    | not before the horizon, and shedding brings it back: the same load, and another state of the system |
 *   | OVERLOADED    | not before the horizon, and not by shedding either: there is too little for the load              |
 *
 * Definitions and the constants below: resilience.md §2.3, after "Metastable Failures in Distributed Systems" (HotOS'21).
 */
import { Histogram, SECOND, type Millis } from '../base/index.ts'
import { formatDuration, formatRatio } from '../base/quantities.ts'
import type { AttemptStarted, RequestArrived, RequestClosed, SortedFold, Steps } from '../ledger/index.ts'
import { slopeInterval } from './statistics.ts'

export const RECOVERY_VERDICTS = ['RECOVERED', 'SLOW_RECOVERY', 'METASTABLE', 'OVERLOADED', 'INCONCLUSIVE'] as const
export type RecoveryVerdict = (typeof RECOVERY_VERDICTS)[number]

/** G may be so much less than the twin's, and A so much more. */
const SUCCESS_SHARE_MIN = 0.99
const AMPLIFICATION_MAX = 1.05
/** So many times as long as without retries is slow. */
const SLOW_FACTOR = 3
/** Of the twin's amplification, at the end: retries are what keeps it down. */
const SUSTAINED_BY_RETRIES = 1.2
/** Of what was outstanding half-way to the horizon: less at the horizon, and the backlog is being worked off. */
const DRAINING = 0.95
/** Below this success without faults there is nothing to return to. */
const HEALTHY_MIN = 0.9
/** Requests that each quarter of what is judged must have. */
export const ARRIVALS_MIN = 200
/** Requests of an average window: one in a hundred can be seen. */
const ARRIVALS_PER_WINDOW = 100

export interface Recovery {
  readonly verdict: RecoveryVerdict
  /** Why, as a sentence. */
  readonly cause: string
  readonly trigger: { readonly from: Millis; readonly to: Millis }
  readonly windowMs: Millis
  readonly holdMs: Millis
  /** How long after the trigger it was watched, at most. */
  readonly horizonMs: Millis
  /** From the end of the trigger; null: not within the horizon. */
  readonly timeToRecoverMs: Millis | null
  /** The same where nobody tries again: what is owed to the backlog alone. */
  readonly drainMs: Millis | null
  /** What was lost of the success after the trigger, as a share of what there would have been over the horizon. 0 to 1. */
  readonly residualDeficit: number
  /** How much A rises where G falls by 1, outside of the trigger; null where G never changes. Feedback: `low` above 0. */
  readonly sustainingGain: { readonly value: number; readonly low: number; readonly high: number } | null
  /** Without faults. */
  readonly healthy: Level
  /** The last quarter of what was watched. */
  readonly tail: Level
  /** null: it was not needed. */
  readonly shed: { readonly from: Millis; readonly to: Millis | null; readonly recovered: boolean } | null
}

export interface Level {
  readonly success: number
  readonly amplification: number
}

// ── a log, by windows ───────────────────────────────────────────────────────────────────────────────────────────────

interface Counts {
  arrived: number
  closed: number
  ok: number
  /** Ok with the first attempt. */
  atOnce: number
  attempts: number
}

type Line = keyof Counts
const LINES = ['arrived', 'closed', 'ok', 'atOnce', 'attempts'] as const satisfies readonly Line[]
const SPANS_START = 1_024

/** What a run was like in spans of equal width, one of which begins at `origin`. Memory: five numbers a span. */
export class RecoverySeries implements SortedFold {
  readonly steps: Steps = {
    'request.arrived': (entry) => this.arrived(entry),
    'attempt.started': (entry) => this.started(entry),
    'request.closed': (entry) => this.closed(entry),
  }
  readonly origin: Millis
  readonly spanMs: Millis
  private readonly before: number
  private readonly sloMs: Millis
  private readonly lines: Record<Line, Float64Array>
  private readonly latencies = new Histogram()

  constructor(origin: Millis, spanMs: Millis, sloMs: Millis) {
    this.origin = origin
    this.spanMs = spanMs
    this.sloMs = sloMs
    this.before = Math.ceil(origin / spanMs)
    this.lines = Object.fromEntries(LINES.map((line) => [line, new Float64Array(SPANS_START)])) as Record<
      Line,
      Float64Array
    >
  }

  private arrived({ at }: RequestArrived): void {
    this.add('arrived', at, 1)
  }

  private started({ at }: AttemptStarted): void {
    this.add('attempts', at, 1)
  }

  private closed({ arrivedAt, outcome, latencyMs, attempts }: RequestClosed): void {
    if (outcome === 'cancelled') {
      this.add('arrived', arrivedAt, -1)
      return
    }
    this.add('closed', arrivedAt, 1)
    if (outcome !== 'ok' || latencyMs > this.sloMs) return
    this.add('ok', arrivedAt, 1)
    if (attempts === 1) this.add('atOnce', arrivedAt, 1)
    this.latencies.record(latencyMs)
  }

  private add(line: Line, at: Millis, amount: number): void {
    const span = this.spanOf(at)
    let counts = this.lines[line]
    if (span >= counts.length) {
      counts = new Float64Array(Math.max(span + 1, counts.length * 2))
      counts.set(this.lines[line])
      this.lines[line] = counts
    }
    counts[span] = (counts[span] as number) + amount
  }

  private spanOf(at: Millis): number {
    return Math.floor((at - this.origin) / this.spanMs) + this.before
  }

  /** All from one instant to another; both are edges of spans, or are taken to the edge before them. */
  between(from: Millis, to: Millis): Counts {
    const counts: Counts = { arrived: 0, closed: 0, ok: 0, atOnce: 0, attempts: 0 }
    const last = this.spanOf(to)
    for (const line of LINES) {
      for (let span = Math.max(0, this.spanOf(from)); span < last; span += 1) {
        counts[line] += this.lines[line][span] ?? 0
      }
    }
    return counts
  }

  /** 95th percentile of the latency of what succeeded, in ms; 0 without any. */
  get latencyP95(): Millis {
    return this.latencies.quantile(0.95) ?? 0
  }
}

/** What a window is held against. */
export type Bar = (from: Millis, to: Millis) => Level

/** The twin: its success in the same window, and its amplification from the trigger on. */
export function barOfTwin(twin: RecoverySeries, from: Millis, to: Millis, line: 'ok' | 'atOnce' = 'ok'): Bar {
  const { amplification } = levelOf(twin.between(from, to))
  return (begins, ends) => {
    const counts = twin.between(begins, ends)
    return { success: counts.arrived === 0 ? 0 : counts[line] / counts.arrived, amplification }
  }
}

/** Where the arrivals are the trigger there is no twin: the run itself, before. */
export function barOfBefore(run: RecoverySeries, until: Millis, line: 'ok' | 'atOnce' = 'ok'): Bar {
  const counts = run.between(0, until)
  const level = { ...levelOf(counts), success: counts.arrived === 0 ? 0 : counts[line] / counts.arrived }
  return () => level
}

export function levelOf({ arrived, ok, attempts }: Counts): Level {
  return arrived === 0 ? { success: 0, amplification: 0 } : { success: ok / arrived, amplification: attempts / arrived }
}

/**
 * How wide a window is: a second, twice the 95th percentile of latency without faults, or as long as a hundred requests
 * take to come, whichever is most. A multiple of the spans.
 */
export function windowOf(healthy: RecoverySeries, until: Millis): Millis {
  const { arrived } = healthy.between(0, until)
  const perRequest = arrived === 0 ? 0 : until / arrived
  const wanted = Math.max(SECOND, 2 * healthy.latencyP95, ARRIVALS_PER_WINDOW * perRequest)
  return Math.ceil(wanted / healthy.spanMs) * healthy.spanMs
}

/** Which windows are looked at: from `from`, of this width, for as long as `hold`, those that begin before `until`. */
export interface Watch {
  readonly from: Millis
  readonly until: Millis
  readonly windowMs: Millis
  readonly holdMs: Millis
  /** Whether amplification counts, too. */
  readonly isWhole: boolean
  /** What arrived up to here has been answered, or never will be. */
  readonly settledUntil: Millis
}

/** When it had recovered, in ms after `from`; null when it has not, or not yet. Windows nobody arrives in say nothing. */
export function recoveredAt(run: RecoverySeries, bar: Bar, watch: Watch): Millis | null {
  const { from, until, windowMs, holdMs, settledUntil } = watch
  let since: Millis | null = null
  for (let begins = from; begins < until + holdMs; begins += windowMs) {
    const ends = begins + windowMs
    const counts = run.between(begins, ends)
    if (ends > settledUntil && (counts.closed < counts.arrived || counts.arrived === 0)) return null
    if (counts.arrived > 0) {
      if (!isGood(counts, bar(begins, ends), watch)) since = null
      else since ??= begins
    }
    if (since === null && ends >= until) return null
    if (since !== null && ends - since >= holdMs) return since - from
  }
  return null
}

function isGood(counts: Counts, bar: Level, { isWhole }: Watch): boolean {
  const { success, amplification } = levelOf(counts)
  return (
    success >= SUCCESS_SHARE_MIN * bar.success && (!isWhole || amplification <= AMPLIFICATION_MAX * bar.amplification)
  )
}

// ── the verdict ─────────────────────────────────────────────────────────────────────────────────────────────────────

/** What all the worlds have shown. */
export interface RecoveryFacts extends Omit<Recovery, 'verdict' | 'cause'> {
  /** Arrivals of the run in each quarter of what was judged. */
  readonly quarters: readonly number[]
  /** Requests and attempts outstanding half-way to the horizon, and there; null: it was not watched for so long. */
  readonly backlog: { readonly halfway: number; readonly atHorizon: number } | null
  /** Why nothing can be told, whatever was seen; null for nothing. */
  readonly doubt: string | null
}

export function judgeRecovery(known: RecoveryFacts): Recovery {
  const { quarters: _quarters, backlog: _backlog, doubt: _doubt, ...facts } = known
  const [verdict, cause] = decide(known)
  return { verdict, cause, ...facts }
}

function decide(facts: RecoveryFacts): [RecoveryVerdict, string] {
  const { quarters, backlog, doubt, timeToRecoverMs, drainMs, windowMs, horizonMs, healthy, shed } = facts
  if (doubt !== null) return ['INCONCLUSIVE', doubt]
  if (healthy.success < HEALTHY_MIN)
    return [
      'INCONCLUSIVE',
      `without the trigger only ${formatRatio(healthy.success)} succeed: there is no health to return to`,
    ]
  const fewest = Math.min(...quarters)
  if (fewest < ARRIVALS_MIN)
    return [
      'INCONCLUSIVE',
      `only ${fewest} requests arrived in a quarter of what was judged, and ${ARRIVALS_MIN} are needed: raise the rates, or lengthen hold or horizon`,
    ]
  const alone = drainMs === null ? 'not at all' : `within ${formatDuration(drainMs)}`
  if (timeToRecoverMs !== null) {
    const took = `recovered ${formatDuration(timeToRecoverMs)} after the trigger; without retries, ${alone}`
    const isSlow = drainMs !== null && timeToRecoverMs > Math.max(SLOW_FACTOR * drainMs, 2 * windowMs)
    return isSlow ? ['SLOW_RECOVERY', took] : ['RECOVERED', took]
  }
  const stayed = `not recovered ${formatDuration(horizonMs)} after the trigger`
  if (backlog !== null && backlog.atHorizon < DRAINING * backlog.halfway)
    return ['INCONCLUSIVE', `${stayed}, but what is outstanding was getting less: the horizon is too short`]
  if (shed === null) return ['INCONCLUSIVE', `${stayed}, and shedding was not tried`]
  if (!shed.recovered) return ['OVERLOADED', `${stayed}, and not by shedding either: there is too little for the load`]
  return ['METASTABLE', `${stayed}, but once load was shed the same load is served: ${sustainedBy(facts)}`]
}

function sustainedBy({ healthy, tail }: RecoveryFacts): string {
  const now = tail.amplification.toFixed(2)
  const was = healthy.amplification.toFixed(2)
  const served = `${formatRatio(tail.success)} of the requests are served`
  return tail.amplification >= SUSTAINED_BY_RETRIES * healthy.amplification
    ? `retries keep it down, with ${now} attempts for each request instead of ${was}, and ${served}`
    : `capacity is lost while it is down, at ${now} attempts for each request, and ${served}`
}

/** What was lost after the trigger, of what there would have been, over the horizon. */
export function residualDeficit(
  run: RecoverySeries,
  bar: Bar,
  from: Millis,
  to: Millis,
  windowMs: Millis,
  horizonMs: Millis,
): number {
  let lost = 0
  for (let begins = from; begins < to; begins += windowMs) {
    const counts = run.between(begins, begins + windowMs)
    const { success } = bar(begins, begins + windowMs)
    if (counts.arrived === 0 || success === 0) continue
    lost += (windowMs * Math.max(0, success - counts.ok / counts.arrived)) / success
  }
  return Math.min(1, lost / horizonMs)
}

/** Of A on 1 − G, over windows outside of the trigger. */
export function sustainingGain(
  run: RecoverySeries,
  stretches: readonly { readonly from: Millis; readonly to: Millis }[],
  windowMs: Millis,
): Recovery['sustainingGain'] {
  const points = stretches.flatMap(({ from, to }) => {
    const list: { x: number; y: number }[] = []
    for (let begins = from; begins + windowMs <= to; begins += windowMs) {
      const counts = run.between(begins, begins + windowMs)
      if (counts.arrived === 0) continue
      const { success, amplification } = levelOf(counts)
      list.push({ x: 1 - success, y: amplification })
    }
    return list
  })
  return slopeInterval(points)
}
