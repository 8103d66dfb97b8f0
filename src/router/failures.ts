/**
 * What went wrong on the way, and what the caller is told when nothing worked: the last failure, unless all were of one
 * kind (openrouter.md §3.8): all rate-limited is 429 with the shortest hint, all transient is 503.
 */
import type { Millis } from '../base/index.ts'
import type { CallFailure, ErrorClass } from '../protocol/index.ts'
import { REACTIONS, STATUS_OF } from './reactions.ts'

/** Why an attempt failed. */
export interface Failure {
  readonly class: ErrorClass
  readonly status: number | null
  readonly retryAfterMs: Millis | null
  readonly message: string
}

export function failure(errorClass: ErrorClass, message: string): Failure {
  return { class: errorClass, status: null, retryAfterMs: null, message }
}

/** The status a caller is told: the upstream's own, unless that is no error (a redirect, say). */
export function statusOf(why: Failure): number {
  return why.status !== null && why.status >= 400 ? why.status : STATUS_OF[why.class]
}

export class Failures {
  last: Failure | null = null
  private count = 0
  private areAllRateLimits = true
  private areAllTransient = true
  private shortestHintMs: Millis | null = null

  add(why: Failure): void {
    this.last = why
    this.count += 1
    if (why.class !== 'rate_limited') this.areAllRateLimits = false
    if (REACTIONS[why.class].health !== 'failure' || statusOf(why) < 500) this.areAllTransient = false
    if (why.retryAfterMs !== null) this.shortestHintMs = Math.min(this.shortestHintMs ?? Infinity, why.retryAfterMs)
  }

  /** The answer for a call that ends for this reason. */
  answer(why: Failure): CallFailure {
    const { class: errorClass, message } = why
    const answer = { class: errorClass, status: statusOf(why), retryAfterMs: why.retryAfterMs, message }
    if (why !== this.last || this.count < 2) return answer
    if (this.areAllRateLimits) return { ...answer, retryAfterMs: this.shortestHintMs }
    return this.areAllTransient ? { ...answer, status: 503 } : answer
  }
}
