/**
 * What the router believes about endpoints, from its own attempts alone: uptime, outages of the last 30 seconds,
 * measured speed, the quality of tool calls (exacto.ts), which conversations stay where (sticky.ts): shared by all
 * policies; and breakers, ejections and cooldowns (each policy its own, because each has its own thresholds; one
 * endpoint's are in guard.ts).
 */
import { at, NEVER, RollingQuantiles, RollingWindow, SECOND, type Millis } from '../base/index.ts'
import type { BreakerState, Entry, Out } from '../ledger/index.ts'
import {
  OUTAGE_WINDOW,
  PERCENTILE_WINDOW,
  UPTIME_DEGRADED,
  UPTIME_NORMAL,
  UPTIME_REQUESTS_MIN,
  type ChatRequest,
  type Choices,
  type ErrorClass,
  type Offer,
} from '../protocol/index.ts'
import type { Attempt } from './attempt.ts'
import { doorsOf, type Turn } from './door.ts'
import { Exacto } from './exacto.ts'
import type { Failure } from './failures.ts'
import { guardsOf, type Guard, type HealthCause } from './guard.ts'
import { LoadBook } from './policies/balance.ts'
import { cooldownMs } from './policies/cooldown.ts'
import type { OutlierEjection } from './policies/outlier-ejection.ts'
import type { Policy } from './policy.ts'
import { REACTIONS } from './reactions.ts'
import { readsCheaper, Sticky } from './sticky.ts'
import { STATUS, type Belief, type Grade, type Measured, type Status } from './strategy.ts'
import type { Terms } from './terms.ts'

const OUTAGE_BUCKETS = 30
const UPTIME_BUCKETS = 60
const STATISTICS_SLOTS = 10

const TRIED = 0
const FAILED = 1

interface Known {
  /** Of the last 30 seconds, and of the window of the uptime. */
  readonly results: RollingWindow
  readonly uptime: RollingWindow
  failedAt: Millis
  ttft: RollingQuantiles | null
  throughput: RollingQuantiles | null
}

/** Who asked for a pause means it; whose breaker is open failed often; who is ejected was only worse than others. */
const RISK: Readonly<Record<HealthCause, number>> = { ejected: 0, breaker: 1, cooling: 2 }

/** An ejection that has begun or ended, and is not in the ledger yet. */
interface EjectionNews {
  readonly policy: number
  readonly endpoint: number
  readonly until: Millis | null
}

export class Health implements Measured {
  /** Calls that wait at a door and were let go on, in order; whoever carries events to calls empties it. */
  readonly woken: Turn[] = []
  /** What each policy believes, by policy. */
  readonly beliefs: readonly Belief[]
  /** Attempts in flight, by endpoint. */
  private readonly inFlight: Float64Array
  private readonly known: readonly Known[]
  /** What stands between each policy and each endpoint, by policy and endpoint. */
  readonly guards: readonly (readonly Guard[])[]
  private readonly offers: readonly Offer[]
  private readonly choices: Choices
  private readonly policies: readonly Policy[]
  /** Where conversations stay; null where no endpoint reads from a cache for less. */
  readonly sticky: Sticky | null
  /** null until the first request is ordered by it. */
  private exacto: Exacto | null = null
  private readonly loads: readonly LoadBook[]
  private readonly ejections: readonly OutlierEjection[]
  private readonly ejectionNews: EjectionNews[] = []
  /** When the next sweep for outliers is due. */
  private sweepAt: Millis

  constructor({ offers, choices }: Terms, policies: readonly Policy[], measuresSpeed: boolean) {
    this.offers = offers
    this.choices = choices
    this.policies = policies
    this.sticky = offers.some(readsCheaper) ? new Sticky(offers, choices) : null
    const statistics = (): RollingQuantiles | null =>
      measuresSpeed ? new RollingQuantiles(PERCENTILE_WINDOW, STATISTICS_SLOTS) : null
    this.known = offers.map(() => ({
      results: new RollingWindow(OUTAGE_WINDOW, OUTAGE_BUCKETS, 2),
      uptime: new RollingWindow(choices.uptime_window, UPTIME_BUCKETS, 2),
      failedAt: -Infinity,
      ttft: statistics(),
      throughput: statistics(),
    }))
    this.guards = policies.map((policy, index) =>
      guardsOf(policy, offers, doorsOf(policy.resilience, offers, this.woken), (endpoint, until) =>
        this.ejectionNews.push({ policy: index, endpoint, until }),
      ),
    )
    this.inFlight = new Float64Array(offers.length)
    const loads = policies.map(({ resilience: { balance } }) => (balance ? new LoadBook(balance, this.inFlight) : null))
    this.loads = loads.flatMap((load) => load ?? [])
    this.beliefs = this.guards.map(
      (guards, index) => new PolicyBelief(this, guards, loads[index] ?? null, this.inFlight),
    )
    this.ejections = [...new Set(this.guards.flat().flatMap(({ ejection }) => ejection ?? []))]
    this.sweepAt = this.nextSweepAt()
  }

  status(endpoint: number, now: Millis): Status {
    const known = at(this.known, endpoint)
    const sinceMs = now - known.failedAt
    if (sinceMs > OUTAGE_WINDOW && sinceMs > this.choices.uptime_window) return STATUS.normal
    const uptime = this.uptime(endpoint, now) ?? 1
    if (uptime < UPTIME_DEGRADED) return STATUS.down
    if (sinceMs <= OUTAGE_WINDOW && this.hasOutage(known, now)) return STATUS.outage
    return uptime < UPTIME_NORMAL ? STATUS.degraded : STATUS.normal
  }

  /** Share of requests that went well, of those that were not the caller's mistake; null before there are 100. */
  uptime(endpoint: number, now: Millis): number | null {
    const { uptime } = at(this.known, endpoint)
    const tried = uptime.total(now, TRIED)
    return tried < UPTIME_REQUESTS_MIN ? null : 1 - uptime.total(now, FAILED) / tried
  }

  private hasOutage({ results }: Known, now: Millis): boolean {
    const failed = results.total(now, FAILED)
    return failed > 0 && failed >= this.choices.outage_share * results.total(now, TRIED)
  }

  grade(endpoint: number, now: Millis): Grade {
    this.exacto ??= new Exacto(this.offers, this.choices)
    return this.exacto.grade(endpoint, now)
  }

  stay(request: ChatRequest, endpoint: number, now: Millis): number {
    return this.sticky === null ? -1 : this.sticky.stay(request, endpoint, now)
  }

  ttftMs(endpoint: number, q: number, now: Millis): number | null {
    return at(this.known, endpoint).ttft?.quantile(now, q) ?? null
  }

  throughput(endpoint: number, q: number, now: Millis): number | null {
    // pN: N % of requests perform better, so throughput is read from the other end.
    return at(this.known, endpoint).throughput?.quantile(now, 1 - q) ?? null
  }

  /** How risky an endpoint is that is held back; less is better. */
  risk(policy: number, endpoint: number, now: Millis): number {
    const { results } = at(this.known, endpoint)
    const tried = results.total(now, TRIED)
    const failed = tried === 0 ? 0 : results.total(now, FAILED) / tried
    // The share is at most 1: the cause counts first.
    return 2 * RISK[this.guard(policy, endpoint).heldBack(now).cause] + failed
  }

  /** Hold the sweeps for outliers that are due. A sweep is held when somebody first looks: before it, nobody can tell. */
  sweep(now: Millis, out: Out<unknown>): void {
    if (now < this.sweepAt) return
    for (const ejection of this.ejections) while (ejection.sweepAt <= now) ejection.sweep()
    this.sweepAt = this.nextSweepAt()
    this.tellEjections(null, now, out)
  }

  /** An attempt is on its way. */
  started(endpoint: number): void {
    this.inFlight[endpoint] = (this.inFlight[endpoint] as number) + 1
  }

  /** The first content of an attempt has come. */
  heard(policy: number, attempt: Attempt, now: Millis): void {
    const { endpoint, startedAt, firstContentAt } = attempt
    this.guard(policy, endpoint).door?.heard(attempt, now)
    for (const load of this.loads) load.heard(endpoint, (firstContentAt ?? now) - startedAt, now)
  }

  /** An attempt is over, whatever came of it. */
  ended(policy: number, attempt: Attempt, errorClass: ErrorClass | null, now: Millis): void {
    const { endpoint } = attempt
    this.inFlight[endpoint] = (this.inFlight[endpoint] as number) - 1
    this.guard(policy, endpoint).door?.left(attempt, errorClass, now)
  }

  beginProbe(policy: number, endpoint: number, now: Millis, out: Out<unknown>): void {
    const { breaker, sharers } = this.guard(policy, endpoint)
    if (!breaker) return
    const from = breaker.state
    breaker.beginProbe(now)
    if (from === 'half_open') return
    for (const sharer of sharers) record(out, now, policy, sharer, from, 'half_open', null, null)
  }

  abandonProbe(policy: number, endpoint: number, startedAt: Millis): void {
    this.guard(policy, endpoint).breaker?.abandonProbe(startedAt)
  }

  /** An attempt came to an end of its own; `why` is null when it went well. */
  report(policy: number, attempt: Attempt, why: Failure | null, now: Millis, out: Out<unknown>): void {
    const { endpoint } = attempt
    const errorClass = why?.class ?? null
    this.sweep(now, out)
    const known = at(this.known, endpoint)
    const isFailure = errorClass !== null && REACTIONS[errorClass].health === 'failure'
    if (this.exacto !== null) this.exacto.report(attempt, isWhole(errorClass), now)
    if (errorClass === null || isFailure) {
      known.results.add(now, TRIED)
      known.uptime.add(now, TRIED)
      if (isFailure) {
        known.results.add(now, FAILED)
        known.uptime.add(now, FAILED)
        known.failedAt = now
      } else {
        this.measure(known, attempt, now)
        if (this.sticky !== null) this.sticky.answered(attempt.request, endpoint, attempt.usage, now)
      }
      this.reportToGuard(policy, attempt, errorClass, isFailure, now, out)
    } else if (attempt.start.isProbe) this.abandonProbe(policy, endpoint, attempt.startedAt)
    if (errorClass !== null && this.loads.length > 0 && (isFailure || REACTIONS[errorClass].cooldown !== 'none')) {
      for (const load of this.loads) load.failed(endpoint, now - attempt.startedAt, now)
    }
    if (why !== null) this.coolDown(policy, endpoint, why, now, out)
  }

  private reportToGuard(
    policy: number,
    attempt: Attempt,
    errorClass: ErrorClass | null,
    isFailure: boolean,
    now: Millis,
    out: Out<unknown>,
  ): void {
    const { breaker, sharers, ejection, host } = this.guard(policy, attempt.endpoint)
    // While a probe is out, it alone decides; panic may have sent others.
    if (breaker !== null && (attempt.start.isProbe || breaker.state !== 'half_open')) {
      const { startedAt, firstContentAt } = attempt
      const from = breaker.state
      if (breaker.report(isFailure, startedAt, now, firstContentAt === null ? null : firstContentAt - startedAt)) {
        const until = breaker.state === 'open' ? breaker.openUntil : null
        for (const sharer of sharers) record(out, now, policy, sharer, from, breaker.state, until, errorClass)
      }
    }
    if (ejection === null) return
    ejection.report(host, isFailure, now)
    this.tellEjections(errorClass, now, out)
  }

  private tellEjections(cause: ErrorClass | null, now: Millis, out: Out<unknown>): void {
    if (this.ejectionNews.length === 0) return
    for (const { policy, endpoint, until } of this.ejectionNews.splice(0)) {
      const beside = this.guard(policy, endpoint).breaker?.state ?? 'closed'
      if (until === null) record(out, now, policy, endpoint, 'ejected', beside, null, null)
      else record(out, now, policy, endpoint, beside, 'ejected', until, cause)
    }
  }

  private nextSweepAt(): Millis {
    return this.ejections.reduce((earliest, { sweepAt }) => Math.min(earliest, sweepAt), NEVER)
  }

  private coolDown(policy: number, endpoint: number, why: Failure, now: Millis, out: Out<unknown>): void {
    const { class: errorClass, retryAfterMs } = why
    const rules = at(this.policies, policy).resilience.cooldown
    const { cooldown: scope } = REACTIONS[errorClass]
    if (!rules || scope === 'none') return
    const until = now + cooldownMs(rules, errorClass, retryAfterMs)
    const { provider } = at(this.offers, endpoint)
    for (const offer of this.offers) {
      const isMeant = scope === 'endpoint' ? offer.index === endpoint : offer.provider === provider
      const guard = this.guard(policy, offer.index)
      if (!isMeant || guard.coolUntil >= until) continue
      guard.coolUntil = until
      record(out, now, policy, offer.index, guard.state, 'cooling', until, errorClass)
    }
  }

  private measure(known: Known, attempt: Attempt, now: Millis): void {
    if (known.ttft === null || known.throughput === null || attempt.firstContentAt === null) return
    known.ttft.record(now, attempt.firstContentAt - attempt.startedAt)
    const seconds = (now - attempt.startedAt) / SECOND
    if (seconds > 0) known.throughput.record(now, attempt.outputTokens / seconds)
  }

  private guard(policy: number, endpoint: number): Guard {
    return at(at(this.guards, policy), endpoint)
  }
}

/** Measurements are everybody's; guards and loads are one policy's own. */
class PolicyBelief implements Belief {
  private readonly measured: Measured
  private readonly guards: readonly Guard[]
  private readonly book: LoadBook | null
  private readonly inFlight: Float64Array

  constructor(measured: Measured, guards: readonly Guard[], book: LoadBook | null, inFlight: Float64Array) {
    this.measured = measured
    this.guards = guards
    this.book = book
    this.inFlight = inFlight
  }

  status(endpoint: number, now: Millis): Status {
    return this.measured.status(endpoint, now)
  }

  grade(endpoint: number, now: Millis): Grade {
    return this.measured.grade(endpoint, now)
  }

  stay(request: ChatRequest, endpoint: number, now: Millis): number {
    return this.measured.stay(request, endpoint, now)
  }

  ttftMs(endpoint: number, q: number, now: Millis): number | null {
    return this.measured.ttftMs(endpoint, q, now)
  }

  throughput(endpoint: number, q: number, now: Millis): number | null {
    return this.measured.throughput(endpoint, q, now)
  }

  isOpen(endpoint: number, now: Millis): boolean {
    return at(this.guards, endpoint).admits(now) !== false
  }

  share(endpoint: number, now: Millis): number {
    return at(this.guards, endpoint).share(now)
  }

  load(endpoint: number, now: Millis): number {
    return this.book === null ? (this.inFlight[endpoint] as number) : this.book.load(endpoint, now)
  }

  cost(endpoint: number, now: Millis): number {
    return this.book === null ? 0 : this.book.cost(endpoint, now)
  }
}

/** Answers that came to their end, if only to be refused for what they were. */
function isWhole(errorClass: ErrorClass | null): boolean {
  return errorClass === null || errorClass === 'invalid_tool_call'
}

function record(
  out: Out<unknown>,
  now: Millis,
  policy: number,
  endpoint: number,
  from: BreakerState,
  to: BreakerState,
  until: Millis | null,
  cause: ErrorClass | null,
): void {
  out.record({ kind: 'health.changed', at: now, policy, endpoint, from, to, until, cause } satisfies Entry)
}
