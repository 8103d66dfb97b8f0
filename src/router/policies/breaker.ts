/**
 * Circuit breaker of one endpoint, as one policy sees it. *When* it trips and *what* tripping means are apart: `trips`
 * decides the first, the state machine below the second.
 *
 *   closed ──trip──▶ open ──open_for elapsed, next request──▶ half_open ──probe ok──▶ closed
 *                      ▲                                          │
 *                      └────────────probe failed──────────────────┘
 *
 * Half-open is decided lazily, when a request wants to come; exactly one probe is let through, and while it is out
 * everybody else is held back. Results of attempts that began before the last change of state are ignored.
 *
 *   | field        | default | source                                             |
 *   | ------------ | ------- | -------------------------------------------------- |
 *   | consecutive  | 5       | Envoy consecutive_5xx                              |
 *   | ratio        | 50 %    | resilience4j failureRateThreshold; opens at ≥      |
 *   | window       | 10 s    | opossum rollingCountTimeout                        |
 *   | min_requests | 20      | between opossum (0) and Polly (100)                |
 *   | open_for     | 15 s    | between Polly (5 s) and opossum (30 s)             |
 */
import { z } from 'zod'
import { count, duration, ratio, RollingWindow, type Millis } from '../../base/index.ts'
import type { BreakerState } from '../../ledger/index.ts'

export const breakerSchema = z.strictObject({
  consecutive: count({ min: 1, max: 100_000 })
    .default(5)
    .meta({ description: 'Failures in a row that open it.', examples: [5] }),
  ratio: ratio()
    .default(0.5)
    .meta({ description: 'Share of failures in the window that opens it (at or above).', examples: ['50%'] }),
  window: duration({ min: 100 })
    .prefault('10s')
    .meta({ description: 'Length of that window.', examples: ['10s'] }),
  min_requests: count({ min: 1, max: 1_000_000 })
    .default(20)
    .meta({ description: 'Below this many requests in the window the ratio is not looked at.', examples: [20] }),
  open_for: duration({ min: 1 })
    .prefault('15s')
    .meta({ description: 'How long it stays open before one probe is let through.', examples: ['15s'] }),
})

export type BreakerPolicy = z.infer<typeof breakerSchema>

const WINDOW_BUCKETS = 10
const TRIED = 0
const FAILED = 1

/** `true`: come in. `probe`: come in, you are the probe. `false`: held back. */
export type Admission = true | 'probe' | false

export class Breaker {
  state: Extract<BreakerState, 'closed' | 'open' | 'half_open'> = 'closed'
  /** While open: when the next request may probe. */
  openUntil: Millis = 0
  private consecutiveFailures = 0
  private changedAt: Millis = 0
  private isProbing = false
  private readonly results: RollingWindow
  private readonly policy: BreakerPolicy

  constructor(policy: BreakerPolicy) {
    this.policy = policy
    this.results = new RollingWindow(policy.window, WINDOW_BUCKETS, 2)
  }

  /** Whether a request would be let in; changes nothing. */
  admits(now: Millis): Admission {
    switch (this.state) {
      case 'closed':
        return true
      case 'open':
        return now >= this.openUntil ? 'probe' : false
      case 'half_open':
        return this.isProbing ? false : 'probe'
    }
  }

  /** The probe is on its way. */
  beginProbe(now: Millis): void {
    this.moveTo('half_open', now)
    this.isProbing = true
  }

  /** The probe ended without a result (it was cancelled): the next request may probe. */
  abandonProbe(): void {
    this.isProbing = false
  }

  /** Count a result. Returns whether the state changed. */
  report(isFailure: boolean, startedAt: Millis, now: Millis): boolean {
    if (startedAt < this.changedAt) return false
    if (this.state === 'half_open') {
      this.isProbing = false
      if (isFailure) this.open(now)
      else this.moveTo('closed', now)
      return true
    }
    if (this.state === 'open') return false
    this.results.add(now, TRIED)
    this.consecutiveFailures = isFailure ? this.consecutiveFailures + 1 : 0
    if (!isFailure) return false
    this.results.add(now, FAILED)
    if (!this.trips(now)) return false
    this.open(now)
    return true
  }

  private trips(now: Millis): boolean {
    if (this.consecutiveFailures >= this.policy.consecutive) return true
    const tried = this.results.total(now, TRIED)
    return tried >= this.policy.min_requests && this.results.total(now, FAILED) >= this.policy.ratio * tried
  }

  private open(now: Millis): void {
    this.moveTo('open', now)
    this.openUntil = now + this.policy.open_for
  }

  private moveTo(state: Breaker['state'], now: Millis): void {
    this.state = state
    this.changedAt = now
    this.consecutiveFailures = 0
    this.results.clear()
  }
}
