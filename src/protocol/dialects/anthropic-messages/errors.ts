/**
 * Anthropic's errors: which words and statuses stand for which class, and back. `type` says the kind; where a kind
 * means several classes, `details.error_code` says which. Sources: Anthropic's error page, its SDK's error codes, and
 * messages seen in public issues.
 */
import type { ErrorClass } from '../../error-class.ts'
import type { ErrorType } from '../../error-type.ts'
import type { Failed } from '../../signal.ts'
import type { ToldError } from '../_dialect.ts'
import { gatewayWording, wordsOf, type GatewayClass, type Vocabulary } from '../_errors.ts'

interface Wording {
  /** HTTP status when the Signal names none. */
  readonly status: number
  readonly type: string
  /** Null: the type says it all. */
  readonly code: string | null
}

const said = (status: number, type: string, code: string | null = null): Wording => ({ status, type, code })

export const WORDING: Readonly<Record<ErrorClass, Wording>> = {
  rate_limited: said(429, 'rate_limit_error'),
  overloaded: said(529, 'overloaded_error'),
  server_error: said(500, 'api_error'),
  bad_gateway: said(502, 'api_error', 'bad_gateway'),
  gateway_timeout: said(504, 'timeout_error'),
  authentication: said(401, 'authentication_error'),
  payment_required: said(402, 'billing_error'),
  permission_denied: said(403, 'permission_error'),
  not_found: said(404, 'not_found_error'),
  request_timeout: said(408, 'timeout_error', 'request_timeout'),
  payload_too_large: said(413, 'request_too_large'),
  invalid_request: said(400, 'invalid_request_error'),
  context_length: said(400, 'invalid_request_error', 'prompt_too_long'),
  content_policy: said(400, 'invalid_request_error', 'content_policy'),
  ...gatewayWording((status, name) => said(status, 'api_error', name)),
}

const gatewayWords = gatewayWording<string>((_status, name) => name) satisfies Record<GatewayClass, string>

export const VOCABULARY: Vocabulary = {
  clear: wordsOf({
    ...gatewayWords,
    rate_limited: 'rate_limit_error ramp_limit_exceeded',
    overloaded: 'overloaded_error compaction_unavailable',
    bad_gateway: 'bad_gateway',
    authentication: 'authentication_error',
    payment_required:
      'billing_error enforced_spend_limit_reached contract_spend_limit_reached linked_organization_spend_limit_reached linked_organization_billing_unavailable',
    permission_denied: 'permission_error organization_on_hold',
    not_found: 'not_found_error',
    request_timeout: 'request_timeout',
    payload_too_large: 'request_too_large request_body_too_large_after_decoding',
    context_length: 'prompt_too_long',
    content_policy: 'content_policy',
  }),
  vague: wordsOf({
    server_error: 'api_error',
    gateway_timeout: 'timeout_error',
    invalid_request: 'invalid_request_error',
  }),
}

/** The body of an error, as an answer and as the data of an `error` event alike. */
export function errorBody(failed: Failed, requestId: string): string {
  const { type, code } = WORDING[failed.class]
  const details = code === null ? null : { error_code: code }
  return JSON.stringify({ type: 'error', error: { details, type, message: failed.message }, request_id: requestId })
}

/** OpenRouter's kinds in Anthropic's words (openrouter.md §3.9); everything else is an invalid request. */
const TYPES: Readonly<Partial<Record<ErrorType, string>>> = {
  authentication: 'authentication_error',
  permission_denied: 'permission_error',
  payment_required: 'billing_error',
  not_found: 'not_found_error',
  image_not_found: 'not_found_error',
  rate_limit_exceeded: 'rate_limit_error',
  provider_overloaded: 'overloaded_error',
  timeout: 'timeout_error',
  provider_unavailable: 'api_error',
  server: 'api_error',
  unmapped: 'api_error',
}

/** The same as OpenRouter writes it on `/messages`. */
export function toldBody({ errorType, message, metadata, generation, more, beside }: ToldError): string {
  const type = TYPES[errorType] ?? 'invalid_request_error'
  return JSON.stringify({
    type: 'error',
    error: { type, message, error_type: errorType, ...more },
    request_id: generation,
    metadata,
    ...beside,
  })
}
