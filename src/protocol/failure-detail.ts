/**
 * Why a call failed, beyond its class: pure data that router and gateway fill in, and that a surface words as its
 * contract has it (gateway/errors.ts for OpenRouter's). Everything is optional, and absent means that there is nothing
 * to say. Made when a call fails, never before.
 */
import type { Millis } from '../base/index.ts'
import type { ErrorClass } from './error-class.ts'
import type { ErrorType } from './error-type.ts'
import type { Signal } from './signal.ts'

/** Whose limit a call has met, in OpenRouter's words (openrouter.md §3.6). */
export const LIMIT_SOURCES = [
  'upstream_provider_shared_pool',
  'openrouter_free_tier_daily',
  'openrouter_admission_control',
  'openrouter_in_flight_budget',
  'openrouter_credits',
  'openrouter_key_limit',
  'openrouter_guardrail_budget',
  'openrouter_workspace_budget',
] as const
export type LimitSource = (typeof LIMIT_SOURCES)[number]

/** An attempt that failed. */
export interface FailedAttempt {
  /** Index of the endpoint. */
  readonly endpoint: number
  readonly class: ErrorClass
  readonly status: number
  /** The provider's own words, or ours where it said none. */
  readonly message: string
  /** The body of its answer as it came; absent where there was none, or where nobody wrote bytes. */
  readonly raw?: string
  /** The provider's own code, such as `engine_overloaded`. */
  readonly providerCode?: string
  readonly retryAfterMs: Millis | null
}

/** One step of the funnel, as it is told: how many endpoints it left, and which it removed. */
export interface FunnelRow {
  readonly step: string
  readonly left: number
  readonly removed: readonly number[]
  /** Why, in words, where the name of the step does not say it. */
  readonly reason?: string
}

/** `error.availability` (openrouter.md §3.8): its codes with the status and the type that go with them. */
export const AVAILABILITY = {
  model_not_found: { status: 400, type: 'invalid_request', retryable: false },
  wrong_endpoint: { status: 400, type: 'invalid_request', retryable: false },
  no_endpoints: { status: 404, type: 'not_found', retryable: false },
  model_deprecated: { status: 404, type: 'not_found', retryable: false },
  model_unavailable_upstream: { status: 404, type: 'not_found', retryable: false },
  capacity_exhausted: { status: 429, type: 'rate_limit_exceeded', retryable: true },
  temporarily_unavailable: { status: 503, type: 'provider_overloaded', retryable: true },
  region_restricted: { status: 403, type: 'permission_denied', retryable: false },
  privacy_restricted: { status: 404, type: 'not_found', retryable: false },
  constraint_filtered: { status: 404, type: 'not_found', retryable: false },
  free_variant_ended: { status: 404, type: 'not_found', retryable: false },
} as const satisfies Record<string, { status: number; type: ErrorType; retryable: boolean }>
export type AvailabilityCode = keyof typeof AVAILABILITY

/** What removed the endpoints, in the contract's vocabulary. */
export const EXCLUDED_BY = [
  'geo',
  'data_region',
  'data_policy:zdr',
  'data_policy:training',
  'max_price',
  'context_length',
  'require_parameters',
  'quantization',
  'allowed_providers',
] as const
export type ExcludedBy = (typeof EXCLUDED_BY)[number]

export interface Availability {
  readonly code: AvailabilityCode
  readonly affectedProviders?: readonly string[]
  readonly excludedBy?: readonly ExcludedBy[]
  readonly fallbackModels?: readonly string[]
  readonly constraint?: { readonly field: string; readonly detail: string }
}

/** A moderation has flagged the prompt of the attempt that is told. */
export interface Moderation {
  readonly reasons: readonly string[]
}

export interface FailureDetail {
  /** Absent: that of the class. */
  readonly errorType?: ErrorType
  /** The attempts that failed, in order. */
  readonly attempts?: readonly FailedAttempt[]
  /** Place among them of the one that is the error; absent: none is, it is the gateway's own. */
  readonly told?: number
  readonly limitSource?: LimitSource
  readonly remedyHint?: string
  /** `in_flight_budget_exhausted`, `weight_exceeds_budget`. */
  readonly reason?: string
  /** Headers of the answer that its metadata repeats, such as `X-RateLimit-Limit`; names as they are written. */
  readonly headers?: Readonly<Record<string, string>>
  readonly funnel?: readonly FunnelRow[]
  /** The step that emptied the list. Absent: the first of `funnel` that left nothing. */
  readonly failedStep?: string
  /** Providers that serve the models, and those that the request or the account admits. */
  readonly availableProviders?: readonly string[]
  readonly requestedProviders?: readonly string[]
  /** Absent or null: not about availability. */
  readonly availability?: Availability | null
  readonly moderation?: Moderation
  /** What there was of the answer that is told as the error, when it broke off before anybody saw it. */
  readonly partial?: readonly Signal[]
  /** Further keys of `metadata`, as they are written on the wire. */
  readonly metadata?: Readonly<Record<string, unknown>>
  /** What was read of the files of the prompt, as annotations: told even on 500, for it is paid. */
  readonly fileAnnotations?: readonly object[]
}
