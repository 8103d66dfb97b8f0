/**
 * What the router believes about endpoints, from its own attempts alone: outages of the last 30 seconds and measured
 * speed (shared by all policies), breakers and cooldowns (each policy its own, because each has its own thresholds).
 */
import { at, RollingQuantiles, RollingWindow, SECOND, type Millis } from '../base/index.ts'
import type { BreakerState, Entry, Out } from '../ledger/index.ts'
import type { ErrorClass, Offer } from '../protocol/index.ts'
import { Breaker, type Admission } from './policies/breaker.ts'
import { cooldownMs } from './policies/cooldown.ts'
import type { Policy } from './policy.ts'
import { REACTIONS } from './reactions.ts'
import type { Belief } from './strategy.ts'

/** OpenRouter looks back this far for a significant outage. */
const OUTAGE_WINDOW: Millis = 30 * SECOND
const OUTAGE_BUCKETS = 30
/**
 * What makes an outage significant is not published. Ours: one in twenty attempts of the window failed, the line
 * below which OpenRouter's published uptime tiers stop calling an endpoint normal (95 %).
 */
const OUTAGE_SHARE = 0.05
const STATISTICS_WINDOW: Millis = 300 * SECOND
const STATISTICS_SLOTS = 10

const TRIED = 0
const FAILED = 1

interface Known {
  readonly results: RollingWindow
  failedAt: Millis
  ttft: RollingQuantiles | null
  throughput: RollingQuantiles | null
}

interface Guard {
  readonly breaker: Breaker | null
  coolUntil: Millis
}

/** What came of one attempt, for the books of health. */
export interface AttemptReport {
  readonly endpoint: number
  /** null: it went well. */
  readonly errorClass: ErrorClass | null
  readonly retryAfterMs: Millis | null
  readonly startedAt: Millis
  readonly firstContentAt: Millis | null
  readonly outputTokens: number
  /** Whether it was the probe of a half-open breaker. */
  readonly isProbe: boolean
}

export class Health implements Belief {
  private readonly known: readonly Known[]
  private readonly guards: readonly (readonly Guard[])[]
  private readonly offers: readonly Offer[]
  private readonly policies: readonly Policy[]

  constructor(offers: readonly Offer[], policies: readonly Policy[], measuresSpeed: boolean) {
    this.offers = offers
    this.policies = policies
    const statistics = (): RollingQuantiles | null =>
      measuresSpeed ? new RollingQuantiles(STATISTICS_WINDOW, STATISTICS_SLOTS) : null
    this.known = offers.map(() => ({
      results: new RollingWindow(OUTAGE_WINDOW, OUTAGE_BUCKETS, 2),
      failedAt: -Infinity,
      ttft: statistics(),
      throughput: statistics(),
    }))
    this.guards = policies.map(({ resilience }) =>
      offers.map(() => ({ breaker: resilience.breaker ? new Breaker(resilience.breaker) : null, coolUntil: 0 })),
    )
  }

  isStable(endpoint: number, now: Millis): boolean {
    const known = at(this.known, endpoint)
    if (now - known.failedAt > OUTAGE_WINDOW) return true
    const failed = known.results.total(now, FAILED)
    return failed === 0 || failed < OUTAGE_SHARE * known.results.total(now, TRIED)
  }

  ttftMs(endpoint: number, q: number, now: Millis): number | null {
    return at(this.known, endpoint).ttft?.quantile(now, q) ?? null
  }

  throughput(endpoint: number, q: number, now: Millis): number | null {
    // pN: N % of requests perform better, so throughput is read from the other end.
    return at(this.known, endpoint).throughput?.quantile(now, 1 - q) ?? null
  }

  /** Whether an attempt may go to the endpoint now, under the given policy. */
  admits(policy: number, endpoint: number, now: Millis): Admission {
    const guard = this.guard(policy, endpoint)
    if (now < guard.coolUntil) return false
    return guard.breaker === null ? true : guard.breaker.admits(now)
  }

  /** Why an endpoint is held back, and until when. */
  heldBack(policy: number, endpoint: number, now: Millis): { cause: 'cooling' | 'breaker'; until: Millis | null } {
    const guard = this.guard(policy, endpoint)
    if (now < guard.coolUntil) return { cause: 'cooling', until: guard.coolUntil }
    return { cause: 'breaker', until: guard.breaker?.state === 'open' ? guard.breaker.openUntil : null }
  }

  beginProbe(policy: number, endpoint: number, now: Millis, out: Out<unknown>): void {
    const breaker = this.guard(policy, endpoint).breaker
    if (!breaker) return
    const from = breaker.state
    breaker.beginProbe(now)
    if (from !== 'half_open') record(out, now, policy, endpoint, from, 'half_open', null, null)
  }

  abandonProbe(policy: number, endpoint: number): void {
    this.guard(policy, endpoint).breaker?.abandonProbe()
  }

  report(policy: number, attempt: AttemptReport, now: Millis, out: Out<unknown>): void {
    const { endpoint, errorClass } = attempt
    const known = at(this.known, endpoint)
    const isFailure = errorClass !== null && REACTIONS[errorClass].health === 'failure'
    if (errorClass === null || isFailure) {
      known.results.add(now, TRIED)
      if (isFailure) {
        known.results.add(now, FAILED)
        known.failedAt = now
      } else this.measure(known, attempt, now)
      this.reportToBreaker(policy, attempt, isFailure, now, out)
    } else if (attempt.isProbe) this.abandonProbe(policy, endpoint)
    if (errorClass !== null) this.coolDown(policy, attempt, errorClass, now, out)
  }

  private reportToBreaker(
    policy: number,
    attempt: AttemptReport,
    isFailure: boolean,
    now: Millis,
    out: Out<unknown>,
  ): void {
    const { breaker } = this.guard(policy, attempt.endpoint)
    if (!breaker) return
    const from = breaker.state
    if (!breaker.report(isFailure, attempt.startedAt, now)) return
    const until = breaker.state === 'open' ? breaker.openUntil : null
    record(out, now, policy, attempt.endpoint, from, breaker.state, until, attempt.errorClass)
  }

  private coolDown(
    policy: number,
    attempt: AttemptReport,
    errorClass: ErrorClass,
    now: Millis,
    out: Out<unknown>,
  ): void {
    const rules = at(this.policies, policy).resilience.cooldown
    const { cooldown: scope } = REACTIONS[errorClass]
    if (!rules || scope === 'none') return
    const until = now + cooldownMs(rules, errorClass, attempt.retryAfterMs)
    const { provider } = at(this.offers, attempt.endpoint)
    for (const offer of this.offers) {
      const isMeant = scope === 'endpoint' ? offer.index === attempt.endpoint : offer.provider === provider
      const guard = this.guard(policy, offer.index)
      if (!isMeant || guard.coolUntil >= until) continue
      guard.coolUntil = until
      record(out, now, policy, offer.index, guard.breaker?.state ?? 'closed', 'cooling', until, errorClass)
    }
  }

  private measure(known: Known, attempt: AttemptReport, now: Millis): void {
    if (known.ttft === null || known.throughput === null || attempt.firstContentAt === null) return
    known.ttft.record(now, attempt.firstContentAt - attempt.startedAt)
    const seconds = (now - attempt.startedAt) / SECOND
    if (seconds > 0) known.throughput.record(now, attempt.outputTokens / seconds)
  }

  private guard(policy: number, endpoint: number): Guard {
    return at(at(this.guards, policy), endpoint)
  }
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
