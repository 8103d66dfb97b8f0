/**
 * What went wrong on the way, and what the caller is told when nothing worked: the last failure, unless all were of one
 * kind (openrouter.md §3.8): all rate-limited is 429, all transient is 503, both with the shortest hint.
 */
import { at, type Millis } from '../base/index.ts'
import {
  STATUS_OF,
  type Availability,
  type CallFailure,
  type ErrorClass,
  type Failed,
  type FailedAttempt,
  type FailureDetail,
  type Offer,
  type Signal,
} from '../protocol/index.ts'
import type { Plan } from './plan.ts'
import { REACTIONS } from './reactions.ts'

/** Why an attempt failed, or why none was made. */
export interface Failure {
  readonly class: ErrorClass
  readonly status: number | null
  readonly retryAfterMs: Millis | null
  readonly message: string
  /** The provider's own code and body, where they were read from the wire. */
  readonly code?: string
  readonly raw?: string
  /** What a moderation flagged the prompt for. */
  readonly reasons?: readonly string[]
  /** `stream`: inside an answer that had begun. */
  readonly where?: Failed['where']
  /** Nothing was said at all: no content, and no reason for that. */
  readonly isBlank?: boolean
  /** The gateway's own: what it says beyond that. */
  readonly detail?: FailureDetail
}

/** An attempt as far as its failure goes. */
export interface Tried {
  readonly endpoint: number
  /** null: it did not fail, or was not to blame. */
  readonly why: Failure | null
  /** What of its answer nobody has seen yet. */
  readonly held: readonly Signal[]
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

/** The answer for a call that ends for this reason, after these attempts, in order. */
export function answerOf(
  why: Failure,
  tried: readonly Tried[],
  offers: readonly Offer[],
  { nobody }: Plan,
): CallFailure {
  const { class: errorClass, message } = why
  const answer = { class: errorClass, status: statusOf(why), retryAfterMs: why.retryAfterMs, message }
  if (errorClass === 'no_endpoint' && nobody !== null) return { ...answer, detail: nobody.detail }
  const failed = tried.filter(hasFailed)
  if (why.detail !== undefined) return { ...answer, detail: { ...why.detail, ...before(failed, why) } }
  const detail = detailOf(why, failed, offers)
  if (detail.told === undefined) return { ...answer, detail }
  const hints = failed.flatMap(({ why: { retryAfterMs } }) => retryAfterMs ?? [])
  const shared = { ...answer, retryAfterMs: hints.length === 0 ? null : Math.min(...hints), detail }
  switch (detail.availability?.code) {
    case 'capacity_exhausted':
      return shared
    case 'temporarily_unavailable':
      return { ...shared, status: 503 }
    default:
      return { ...answer, ...(detail.moderation && { status: MODERATED }), detail }
  }
}

/** An answer that broke off after the commit: nobody else is asked, and what failed before it is told with it. */
export function breachOf(why: Failure, tried: readonly Tried[], offers: readonly Offer[]): CallFailure {
  const detail = { ...detailOf(why, tried.filter(hasFailed), offers), availability: null }
  return { class: why.class, status: statusOf(why), retryAfterMs: null, message: why.message, detail }
}

/** The status of a moderation that flags a prompt. */
const MODERATED = 403

function hasFailed(one: Tried): one is Lost {
  return one.why !== null
}

/** What failed before the gateway itself said no. */
function before(failed: readonly Lost[], why: Failure): Pick<FailureDetail, 'attempts'> {
  const others = failed.filter((one) => one.why !== why)
  return others.length === 0 ? {} : { attempts: others.map(attemptOf) }
}

interface Lost extends Tried {
  readonly why: Failure
}

function detailOf(why: Failure, failed: readonly Lost[], offers: readonly Offer[]): FailureDetail {
  const place = failed.findLastIndex((one) => one.why === why)
  const told = failed[place]
  const availability = told === undefined ? ownAvailability(why) : availabilityOf(failed)
  return {
    ...(failed.length > 0 && { attempts: failed.map(attemptOf) }),
    ...(told && { told: place }),
    ...(told && isModeration(told, offers) && { moderation: { reasons: why.reasons ?? NO_REASON } }),
    ...(told && why.where === 'stream' && told.held.some(isContent) && { partial: told.held }),
    ...(availability?.code === 'temporarily_unavailable' && { errorType: 'provider_overloaded' }),
    availability,
  }
}

function isContent({ type }: Signal): boolean {
  return type === 'content'
}

/** Whether it was the gateway's moderation that refused: where it moderates for the endpoint, or says so by its status. */
function isModeration({ why, endpoint }: Lost, offers: readonly Offer[]): boolean {
  return why.class === 'content_policy' && (why.status === MODERATED || at(offers, endpoint).isModerated)
}

const NO_REASON: readonly string[] = ['flagged']

function attemptOf({ endpoint, why }: Lost): FailedAttempt {
  const { class: errorClass, message, retryAfterMs, code, raw } = why
  return {
    endpoint,
    class: errorClass,
    status: statusOf(why),
    message,
    retryAfterMs,
    ...(raw !== undefined && { raw }),
    ...(code !== undefined && { providerCode: code }),
  }
}

/** What the attempts say together of the models; null where they do not agree. One alone keeps its status. */
function availabilityOf(failed: readonly Lost[]): Availability | null {
  if (failed.every(({ why }) => why.class === 'rate_limited')) return { code: 'capacity_exhausted' }
  if (failed.every(({ why }) => why.class === 'not_found')) return { code: 'model_unavailable_upstream' }
  const isOne = failed.length < 2 && failed.some(({ why }) => statusOf(why) !== 503)
  return !isOne && failed.every(({ why }) => isTransient(why)) ? { code: 'temporarily_unavailable' } : null
}

function ownAvailability({ class: errorClass }: Failure): Availability | null {
  return errorClass === 'circuit_open' || errorClass === 'shed' ? { code: 'temporarily_unavailable' } : null
}

function isTransient(why: Failure): boolean {
  return REACTIONS[why.class].health === 'failure' && statusOf(why) >= 500
}
