/**
 * Circuit breaker of an endpoint (or of all that share its provider, model or key), as one policy sees it. *When* it
 * trips and *what* tripping means are apart: `trips` decides the first, the state machine below the second.
 *
 *   closed ──trip──▶ open ──open_for elapsed, next request──▶ half_open ──probe ok──▶ closed, in slow start
 *                      ▲                                          │
 *                      └────────────probe failed or slow──────────┘
 *
 * Half-open is decided lazily, when a request wants to come; exactly one probe is let through, and while it is out
 * everybody else is held back, at most for `probe_timeout`. Results of attempts that began before the last change of
 * state are ignored, as Polly and Linkerd do.
 *
 *   | field         | default  | source                                                                            |
 *   | ------------- | -------- | --------------------------------------------------------------------------------- |
 *   | scope         | endpoint | what OpenRouter's uptime is kept by                                                |
 *   | consecutive   | 5        | Envoy consecutive_5xx                                                             |
 *   | ratio         | 50 %     | resilience4j failureRateThreshold                                                 |
 *   | opens         | at       | resilience4j and Polly open at the share itself; cockatiel and opossum only above |
 *   | window        | 10 s     | opossum rollingCountTimeout                                                       |
 *   | last          | none     | resilience4j COUNT_BASED; its size there is 100                                   |
 *   | min_requests  | 20       | between opossum (0) and Polly (100)                                               |
 *   | slow_call     | none     | resilience4j slowCallRateThreshold 100 %; here by first token, not by the whole   |
 *   | open_for      | 15 s     | between Polly (5 s) and opossum (30 s)                                            |
 *   | backoff       | none     | Finagle 5 s → 300 s and Linkerd grow; the others wait equally long                |
 *   | probe_timeout | none     | the probe's own clocks end it; Polly has none and gets stuck on a hung probe      |
 *   | slow_start    | none     | Envoy slow_start_config: min_weight_percent 10 %, aggression 1                    |
 */
import { z } from 'zod'
import {
  count,
  duration,
  exp,
  ln,
  NEVER,
  quantize,
  ratio,
  Recent,
  RollingWindow,
  type Millis,
} from '../../base/index.ts'
import type { BreakerState } from '../../ledger/index.ts'

export const slowStartSchema = z.strictObject({
  over: duration({ min: 1 })
    .prefault('60s')
    .meta({ description: 'How long until it has its whole share again.', examples: ['60s'] }),
  min: ratio({ min: 0.001 })
    .default(0.1)
    .meta({ description: 'The share of its traffic that it begins with.', examples: ['10%'] }),
  aggression: z
    .number()
    .min(0.1)
    .max(10)
    .default(1)
    .meta({ description: '1: its share grows evenly; above 1: faster at first.', examples: [1] }),
})

export type SlowStart = z.infer<typeof slowStartSchema>

export const breakerSchema = z.strictObject({
  scope: z.enum(['endpoint', 'model', 'provider', 'key']).default('endpoint').meta({
    description:
      'What shares one breaker: an endpoint alone, all endpoints a provider has for a model, all of the provider, or all behind one API key.',
  }),
  consecutive: count({ min: 1, max: 100_000 })
    .default(5)
    .meta({ description: 'Failures in a row that open it.', examples: [5] }),
  ratio: ratio()
    .default(0.5)
    .meta({ description: 'Share of failures in the window that opens it.', examples: ['50%'] }),
  opens: z
    .enum(['at', 'above'])
    .default('at')
    .meta({ description: 'Whether it opens at exactly that share, or only above it.' }),
  window: duration({ min: 100 })
    .prefault('10s')
    .meta({ description: 'Length of that window.', examples: ['10s'] }),
  last: count({ min: 1, max: 10_000 })
    .optional()
    .meta({ description: 'Look at so many last attempts instead of a window of time.', examples: [100] }),
  min_requests: count({ min: 1, max: 1_000_000 })
    .default(20)
    .meta({ description: 'Below this many requests in the window the ratio is not looked at.', examples: [20] }),
  slow_call: z
    .strictObject({
      ttft: duration({ min: 1 }).meta({ description: 'A first token later than this is slow.', examples: ['5s'] }),
      ratio: ratio()
        .default(1)
        .meta({ description: 'Share of slow attempts in the window that opens it.', examples: ['80%'] }),
    })
    .optional()
    .meta({ description: 'Absent: slow is as good as fast.', examples: [{ ttft: '5s', ratio: '80%' }] }),
  open_for: duration({ min: 1 })
    .prefault('15s')
    .meta({ description: 'How long it stays open before one probe is let through.', examples: ['15s'] }),
  backoff: z
    .strictObject({
      multiplier: z
        .number()
        .min(1)
        .max(100)
        .default(2)
        .meta({ description: 'How much longer each time, until it has been closed.', examples: [2] }),
      max: duration({ min: 1 })
        .prefault('5m')
        .meta({ description: 'Longest time it stays open.', examples: ['5m'] }),
    })
    .optional()
    .meta({ description: 'Absent: it stays open equally long each time.', examples: [{ multiplier: 2, max: '5m' }] }),
  probe_timeout: duration({ min: 1 })
    .optional()
    .meta({ description: 'A probe that is out longer than this no longer keeps the next one back.', examples: ['5s'] }),
  slow_start: slowStartSchema
    .optional()
    .meta({ description: 'Absent: once closed, it has its whole traffic at once.', examples: [{ over: '60s' }] }),
})

export type BreakerPolicy = z.infer<typeof breakerSchema>

const WINDOW_BUCKETS = 10
const TRIED = 0
const FAILED = 1
const SLOW = 2

/** `true`: come in. `probe`: come in, you are the probe. `false`: held back. */
export type Admission = true | 'probe' | false

export class Breaker {
  state: Extract<BreakerState, 'closed' | 'open' | 'half_open'> = 'closed'
  /** While open: when the next request may probe. */
  openUntil: Millis = 0
  private consecutiveFailures = 0
  private changedAt: Millis = 0
  private isProbing = false
  private probeAt: Millis = 0
  /** Times opened since it was last closed. */
  private reopened = 0
  /** When a probe last closed it; NEVER before. */
  private recoveredAt: Millis = NEVER
  private readonly results: Results
  private readonly policy: BreakerPolicy

  constructor(policy: BreakerPolicy) {
    this.policy = policy
    this.results = new Results(policy)
  }

  /** Whether a request would be let in; changes nothing. */
  admits(now: Millis): Admission {
    switch (this.state) {
      case 'closed':
        return true
      case 'open':
        return now >= this.openUntil ? 'probe' : false
      case 'half_open':
        return this.isProbing && now - this.probeAt < (this.policy.probe_timeout ?? NEVER) ? false : 'probe'
    }
  }

  /** The probe is on its way. */
  beginProbe(now: Millis): void {
    this.moveTo('half_open', now)
    this.isProbing = true
    this.probeAt = now
  }

  /** A probe ended without a result (it was cancelled): the next request may probe. */
  abandonProbe(startedAt: Millis): void {
    if (startedAt >= this.probeAt) this.isProbing = false
  }

  /** Count a result; `ttftMs` is null without a first token. Returns whether the state changed. */
  report(isFailure: boolean, startedAt: Millis, now: Millis, ttftMs: Millis | null = null): boolean {
    if (startedAt < this.changedAt) return false
    const isSlow = this.policy.slow_call !== undefined && ttftMs !== null && ttftMs > this.policy.slow_call.ttft
    if (this.state === 'half_open') {
      this.isProbing = false
      if (isFailure || isSlow) this.open(now)
      else this.close(now)
      return true
    }
    if (this.state === 'open') return false
    this.results.add(isFailure, isSlow, now)
    this.consecutiveFailures = isFailure ? this.consecutiveFailures + 1 : 0
    if (!isFailure && !isSlow) return false
    if (!this.trips(now)) return false
    this.open(now)
    return true
  }

  /** The part of its traffic that it may have, 0..1: below 1 for a while after it was closed, if it starts slowly. */
  share(now: Millis): number {
    const { slow_start: slowStart } = this.policy
    if (slowStart === undefined || this.recoveredAt === NEVER) return 1
    return slowStartShare(slowStart, now - this.recoveredAt)
  }

  private trips(now: Millis): boolean {
    const { consecutive, ratio: share, min_requests: minRequests, slow_call: slowCall } = this.policy
    if (this.consecutiveFailures >= consecutive) return true
    const tried = this.results.total(TRIED, now)
    if (tried < minRequests) return false
    if (this.isTooMany(this.results.total(FAILED, now), share * tried)) return true
    return slowCall !== undefined && this.isTooMany(this.results.total(SLOW, now), slowCall.ratio * tried)
  }

  private isTooMany(counted: number, allowed: number): boolean {
    return this.policy.opens === 'at' ? counted > 0 && counted >= allowed : counted > allowed
  }

  private open(now: Millis): void {
    const { open_for: openFor, backoff } = this.policy
    let openMs = openFor
    if (backoff !== undefined) {
      for (let time = 0; time < this.reopened && openMs < backoff.max; time += 1) openMs *= backoff.multiplier
      openMs = quantize(Math.max(openFor, Math.min(backoff.max, openMs)))
    }
    this.reopened += 1
    this.moveTo('open', now)
    this.openUntil = now + openMs
  }

  private close(now: Millis): void {
    this.reopened = 0
    this.recoveredAt = now
    this.moveTo('closed', now)
  }

  private moveTo(state: Breaker['state'], now: Millis): void {
    this.state = state
    this.changedAt = now
    this.consecutiveFailures = 0
    this.results.clear()
  }
}

/**
 * Envoy's slow start: max(min, (t/T)^(1/aggression)), t being the time since recovery and T how long it takes.
 * https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/load_balancing/slow_start
 */
export function slowStartShare({ over, min, aggression }: SlowStart, sinceMs: Millis): number {
  if (sinceMs >= over) return 1
  const elapsed = Math.max(0, sinceMs) / over
  const grown = aggression === 1 || elapsed === 0 ? elapsed : exp(ln(elapsed) / aggression)
  return Math.max(min, grown)
}

/** What came of the attempts of the window, by time or by number. */
class Results {
  private readonly byTime: RollingWindow | null
  private readonly byNumber: Recent | null

  constructor({ last, window, slow_call: slowCall }: BreakerPolicy) {
    const width = slowCall === undefined ? 2 : 3
    this.byNumber = last === undefined ? null : new Recent(last, width)
    this.byTime = last === undefined ? new RollingWindow(window, WINDOW_BUCKETS, width) : null
  }

  add(isFailure: boolean, isSlow: boolean, now: Millis): void {
    if (this.byTime === null) {
      this.byNumber?.add((1 << TRIED) | (isFailure ? 1 << FAILED : 0) | (isSlow ? 1 << SLOW : 0))
      return
    }
    this.byTime.add(now, TRIED)
    if (isFailure) this.byTime.add(now, FAILED)
    if (isSlow) this.byTime.add(now, SLOW)
  }

  total(counter: number, now: Millis): number {
    return this.byTime?.total(now, counter) ?? this.byNumber?.total(counter) ?? 0
  }

  clear(): void {
    this.byTime?.clear()
    this.byNumber?.clear()
  }
}
