/**
 * A failed call in OpenRouter's words (openrouter.md §3): status, headers and JSON envelope of the answer, and the
 * `error` object inside a stream or beside a completion that broke off. Pure, and called only for calls that failed.
 *
 *   told of                      code            message                     metadata
 *   ──────────────────────────   ─────────────   ─────────────────────────   ────────────────────────────────────────────
 *   an attempt                   its status      Provider returned error     provider_name, raw, is_byok, codes
 *   an attempt with status 500   500             Internal Server Error       provider_name: nothing that could leak
 *   several, all 429             429             All providers … capacity    the same, the shortest hint
 *   several, all transient       503             Service temporarily …       the same
 *   a moderation                 403             … requires moderation …     reasons, flagged_input
 *   the funnel                   404 or 503      the funnel's                routing_funnel, failed_routing_step
 *   anything else of ours        its class's     its own                     what the detail says
 *
 * Attempts before the one that is told are in `metadata.previous_errors`, in order.
 */
import {
  AVAILABILITY,
  errorTypeOf,
  FLAGGED_INPUT_MAX,
  type CallFailure,
  type Choices,
  type ErrorType,
  type FailedAttempt,
  type FailureDetail,
  type Offer,
} from '../protocol/index.ts'

/** What the words depend on besides the failure. */
export interface Telling {
  readonly offers: readonly Offer[]
  readonly choices: Choices
  /** The models as the caller named them. */
  readonly requested: readonly string[]
  /** The text of the prompt, for what a moderation flagged. Absent: not known. */
  input?(): string
  /** Absent: the body has no `user_id`. */
  readonly userId?: string | null
  /** `openrouter_metadata`, where the caller asked for it. It is left out on 500. */
  readonly routing?: object | null
}

type Fields = Readonly<Record<string, unknown>>

/** What stands under `error`; about availability with `error_type`, `http_status` and `availability` beside these. */
export interface ErrorBody {
  readonly code: number
  readonly message: string
  readonly metadata: Fields
}

export interface ErrorAnswer {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: { readonly error: ErrorBody; readonly openrouter_metadata?: object; readonly user_id?: string | null }
}

const UPSTREAM = 'Provider returned error'
const MASKED = 'Internal Server Error'
const NO_DETAIL: FailureDetail = {}

/** The answer of a call that failed before anything of it was shown. */
export function errorAnswer(failure: CallFailure, telling: Telling): ErrorAnswer {
  const { status, detail = NO_DETAIL } = failure
  const { userId } = telling
  return {
    status,
    headers: headersOf(failure, detail),
    body: {
      error: {
        ...spoken(failure, telling),
        metadata: metadataOf(failure, telling),
        ...availabilityOf(failure, telling),
      },
      ...routingOfFailure(failure, telling),
      ...(userId !== undefined && { user_id: userId }),
    },
  }
}

/** The `error` object where a status cannot say it any more: inside a stream, and on a choice that broke off. */
export function errorPart(failure: CallFailure, telling: Telling): ErrorBody {
  const { class: errorClass, status, message, detail = NO_DETAIL } = failure
  const providerCode = status === 500 ? undefined : told(detail)?.providerCode
  return {
    code: status,
    message: status === 500 ? MASKED : message || UPSTREAM,
    metadata: {
      error_type: detail.errorType ?? errorTypeOf(errorClass, status),
      ...(providerCode !== undefined && { provider_code: providerCode }),
    },
    ...availabilityOf(failure, telling),
  }
}

/** The error inside a stream, with how its call was routed where somebody asked for that. */
export function errorInStream(
  failure: CallFailure,
  telling: Telling,
): Pick<ErrorAnswer['body'], 'error' | 'openrouter_metadata'> {
  return { error: errorPart(failure, telling), ...routingOfFailure(failure, telling) }
}

/** Absent on a 500 (§3.3). */
function routingOfFailure({ status }: CallFailure, { routing }: Telling): { openrouter_metadata?: object } {
  return routing && status !== 500 ? { openrouter_metadata: routing } : {}
}

/** The typed code of a failure (§3.3): what every surface tells in its own place. */
export function typeOf({ class: errorClass, status, detail }: CallFailure): ErrorType {
  return detail?.errorType ?? errorTypeOf(errorClass, status)
}

function spoken(failure: CallFailure, telling: Telling): { code: number; message: string } {
  return { code: failure.status, message: messageOf(failure, telling) }
}

function messageOf(failure: CallFailure, telling: Telling): string {
  const { status, message, retryAfterMs, detail = NO_DETAIL } = failure
  const { requested, choices } = telling
  if (status === 500) return MASKED
  if (detail.moderation) return moderationMessage(detail, telling)
  if (detail.told === undefined) return message || MASKED
  if (!choices.availability || (detail.attempts?.length ?? 0) < 2) return UPSTREAM
  const { code } = detail.availability ?? {}
  if (code === 'temporarily_unavailable') return 'Service temporarily unavailable'
  if (code !== 'capacity_exhausted') return UPSTREAM
  const again = retryAfterMs === null ? '' : ` Retry after ${seconds(retryAfterMs)} seconds.`
  return `All providers for ${requested.join(', ')} are at capacity.${again}`
}

function moderationMessage(detail: FailureDetail, { offers }: Telling): string {
  const offer = offers[told(detail)?.endpoint ?? -1]
  const reasons = detail.moderation?.reasons.join(', ') ?? ''
  return `${offer?.model ?? 'The model'} requires moderation on ${offer?.providerName ?? 'its provider'}. Your input was flagged for "${reasons}". No credits were charged.`
}

function headersOf({ retryAfterMs }: CallFailure, { headers = {} }: FailureDetail): Record<string, string> {
  const lower: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) lower[name.toLowerCase()] = value
  if (retryAfterMs !== null) lower['retry-after'] = String(seconds(retryAfterMs))
  return lower
}

function metadataOf(failure: CallFailure, telling: Telling): Fields {
  const { status, retryAfterMs, detail = NO_DETAIL } = failure
  const { limitSource, remedyHint } = limitOf(failure, detail, telling)
  const { reason, funnel, moderation, availableProviders, requestedProviders } = detail
  const flagging = telling.offers[told(detail)?.endpoint ?? -1]
  const headers = { ...detail.headers, ...(retryAfterMs !== null && { 'Retry-After': String(seconds(retryAfterMs)) }) }
  return {
    error_type: typeOf(failure),
    ...upstreamOf(failure, telling),
    ...(limitSource !== undefined && { limit_source: limitSource, remedy_hint: remedyHint ?? 'Try again later.' }),
    ...(reason !== undefined && { reason }),
    ...(retryAfterMs !== null && {
      retry_after_seconds: seconds(retryAfterMs),
      retry_after_seconds_raw: retryAfterMs / 1_000,
    }),
    ...(Object.keys(headers).length > 0 && { headers }),
    ...(funnel && {
      routing_funnel: funnel.map((row) => ({
        step: row.step,
        endpoint_count: row.left,
        ...(row.reason !== undefined && { reason: row.reason }),
      })),
      failed_routing_step: failedStepOf(detail)?.step ?? detail.failedStep,
    }),
    ...(availableProviders && { available_providers: availableProviders }),
    ...(requestedProviders && { requested_providers: requestedProviders }),
    ...(moderation && {
      reasons: moderation.reasons,
      flagged_input: cutInTheMiddle(telling.input?.() ?? ''),
      provider_name: flagging?.providerName ?? null,
      model_slug: flagging?.model ?? '',
    }),
    ...previousOf(detail, telling),
    ...(detail.fileAnnotations && { file_annotations: detail.fileAnnotations }),
    ...(status === 500 ? {} : detail.metadata),
  }
}

// ── attempts ──────────────────────────────────────────────────────────────────────────────────────────────────────────

function told({ attempts, told: place }: FailureDetail): FailedAttempt | undefined {
  return place === undefined ? undefined : attempts?.[place]
}

/** Of the attempt that is told: who it was, and what he said. On 500 only who. */
function upstreamOf({ status, detail = NO_DETAIL }: CallFailure, { offers }: Telling): Fields {
  const attempt = told(detail)
  if (attempt === undefined || detail.moderation) return {}
  const { endpoint, class: errorClass, providerCode } = attempt
  const offer = offers[endpoint]
  const isByok = isOwnKey(offer)
  const who = { provider_name: offer?.providerName ?? null, is_byok: isByok }
  if (status === 500) return who
  const isShared = errorClass === 'rate_limited' && !isByok
  return {
    ...who,
    raw: isShared && offer ? sharedPool(offer.model) : rawOf(attempt),
    provider_error_code: providerCode ?? String(attempt.status),
    ...(providerCode !== undefined && { provider_code: providerCode }),
  }
}

/** Whether an endpoint is called with a key of the caller's own. */
function isOwnKey(offer: Offer | undefined): boolean {
  return offer !== undefined && offer.byok !== null
}

function rawOf({ raw, message }: FailedAttempt): string {
  return raw ?? message
}

function sharedPool(model: string): string {
  return `${model} is temporarily rate-limited upstream. Please retry shortly, or add your own key to accumulate your rate limits: https://openrouter.ai/settings/integrations`
}

/** Whose limit it was: that of the pool that all callers of the gateway share, where a provider said so. */
function limitOf(
  { status }: CallFailure,
  detail: FailureDetail,
  { offers }: Telling,
): Pick<FailureDetail, 'limitSource' | 'remedyHint'> {
  if (detail.limitSource !== undefined) return detail
  const attempt = told(detail)
  if (attempt?.class !== 'rate_limited' || status !== 429 || isOwnKey(offers[attempt.endpoint])) return {}
  return {
    limitSource: 'upstream_provider_shared_pool',
    remedyHint: 'Retry shortly, add a fallback model, or bring your own key for this provider.',
  }
}

function previousOf({ attempts = [], told: place }: FailureDetail, { offers, choices }: Telling): Fields {
  const others = attempts.filter((_, index) => index !== place)
  if (others.length === 0) return {}
  return {
    previous_errors: others.map((attempt) => {
      const { endpoint, status, message } = attempt
      const offer = offers[endpoint]
      const slim = { provider: offer?.provider ?? '', status }
      const full = {
        code: status,
        message: message || UPSTREAM,
        provider_name: offer?.providerName ?? '',
        raw: rawOf(attempt),
      }
      if (choices.previous_errors === 'slim') return { ...slim, code: errorTypeOf(attempt.class, status) }
      return choices.previous_errors === 'full' ? full : { ...full, ...slim }
    }),
  }
}

// ── availability (§3.8) ───────────────────────────────────────────────────────────────────────────────────────────────

function availabilityOf(failure: CallFailure, { choices, requested }: Telling): Fields {
  const { retryAfterMs, detail = NO_DETAIL } = failure
  const known = detail.availability
  if (!known || !choices.availability) return {}
  const { code, affectedProviders, excludedBy, fallbackModels, constraint } = known
  const { retryable, type } = AVAILABILITY[code]
  return {
    error_type: detail.errorType ?? type,
    http_status: failure.status,
    availability: {
      code,
      retryable,
      requested_models: requested,
      docs_url: `https://openrouter.ai/docs/errors#${code}`,
      ...(retryAfterMs !== null && { retry_after: seconds(retryAfterMs) }),
      ...(affectedProviders?.length && { affected_providers: affectedProviders }),
      ...(excludedBy?.length && { excluded_by: excludedBy }),
      ...(fallbackModels?.length && { fallback_models: fallbackModels }),
      ...(constraint && { constraint }),
    },
  }
}

/** The step that emptied the list; one that never had anything, where nobody serves the models. */
function failedStepOf({ funnel, failedStep }: FailureDetail) {
  return funnel?.find(({ step, left }) => (failedStep === undefined ? left === 0 : step === failedStep)) ?? null
}

// ── small things ──────────────────────────────────────────────────────────────────────────────────────────────────────

/** Whole seconds, as `Retry-After` has them: never too early. */
function seconds(ms: number): number {
  return Math.ceil(ms / 1_000)
}

/** At most so many characters as the contract allows: beginning and end, with dots between. */
function cutInTheMiddle(text: string): string {
  if (text.length <= FLAGGED_INPUT_MAX) return text
  const half = Math.floor((FLAGGED_INPUT_MAX - 3) / 2)
  return `${text.slice(0, half)}...${text.slice(-half)}`
}
