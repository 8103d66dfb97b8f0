/**
 * What went wrong on the way, and what the caller is told when nothing worked: the last failure, unless all were of one
 * kind (openrouter.md §3.8): all rate-limited is 429 with the shortest hint, all transient is 503.
 */
import type { Millis } from '../base/index.ts'
import type { CallFailure, ErrorClass } from '../protocol/index.ts'
import { REACTIONS, STATUS_OF } from './reactions.ts'

/** Why an attempt failed, or why none was made. */
export interface Failure {
  readonly class: ErrorClass
  readonly status: number | null
  readonly retryAfterMs: Millis | null
  readonly message: string
}

export function failure(errorClass: ErrorClass, message: string): Failure {
  return { class: errorClass, status: null, retryAfterMs: null, message }
}

/** What the router itself decides. */
export const OUT_OF_TIME = failure('deadline_exceeded', 'the time for this request is over')
export const SHED = failure('shed', 'turned away to keep the load down')
export const TOO_DEAR = failure('budget_exceeded', 'no endpoint that is left can be paid for')
export const HELD_BACK = failure(
  'circuit_open',
  'every eligible endpoint is held back by its circuit breaker or a cooldown',
)

/** The status a caller is told: the upstream's own, unless that is no error (a redirect, say). */
export function statusOf(why: Failure): number {
  return why.status !== null && why.status >= 400 ? why.status : STATUS_OF[why.class]
}

/** The answer for a call that ends for this reason, after these failures of attempts. */
export function answerOf(why: Failure, failures: readonly Failure[]): CallFailure {
  const { class: errorClass, message } = why
  const answer = { class: errorClass, status: statusOf(why), retryAfterMs: why.retryAfterMs, message }
  if (failures.length < 2 || why !== failures.at(-1)) return answer
  if (failures.every((one) => one.class === 'rate_limited')) {
    const hints = failures.flatMap(({ retryAfterMs }) => retryAfterMs ?? [])
    return { ...answer, retryAfterMs: hints.length === 0 ? null : Math.min(...hints) }
  }
  return failures.every(isTransient) ? { ...answer, status: 503 } : answer
}

function isTransient(why: Failure): boolean {
  return REACTIONS[why.class].health === 'failure' && statusOf(why) >= 500
}
