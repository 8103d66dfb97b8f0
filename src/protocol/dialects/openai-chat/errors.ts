/**
 * OpenAI's errors: which words, status and code stand for which class, and back. Sources: OpenAI's error guide,
 * OpenRouter's error types, and messages seen in public issues.
 */
import { ERROR_CLASSES, type ErrorClass } from '../../error-class.ts'
import type { Failed } from '../../signal.ts'
import type { ToldError } from '../_dialect.ts'
import { gatewayWording, statusOf, wordsOf, type Vocabulary } from '../_errors.ts'

interface Wording {
  /** HTTP status when the Signal names none. */
  readonly status: number
  readonly type: string
  readonly code: string | number | null
  readonly param: string | null
  /** OpenRouter's `metadata.error_type`. */
  readonly errorType: string
}

const said = (
  status: number,
  type: string,
  code: string | number | null,
  errorType: string,
  param: string | null = null,
): Wording => ({ status, type, code, param, errorType })

export const WORDING: Readonly<Record<ErrorClass, Wording>> = {
  rate_limited: said(429, 'requests', 'rate_limit_exceeded', 'rate_limit_exceeded'),
  overloaded: said(503, 'service_unavailable_error', 'server_is_overloaded', 'provider_overloaded'),
  server_error: said(500, 'server_error', null, 'server'),
  bad_gateway: said(502, 'cf_bad_gateway', 502, 'provider_unavailable'),
  gateway_timeout: said(504, 'timeout', null, 'timeout'),
  authentication: said(401, 'invalid_request_error', 'invalid_api_key', 'authentication'),
  payment_required: said(429, 'insufficient_quota', 'insufficient_quota', 'payment_required'),
  permission_denied: said(403, 'request_forbidden', 'unsupported_country_region_territory', 'permission_denied'),
  not_found: said(404, 'invalid_request_error', 'model_not_found', 'not_found'),
  request_timeout: said(408, 'request_timeout', null, 'request_timeout'),
  payload_too_large: said(413, 'invalid_request_error', 'payload_too_large', 'payload_too_large'),
  invalid_request: said(400, 'invalid_request_error', null, 'invalid_request'),
  context_length: said(400, 'invalid_request_error', 'context_length_exceeded', 'context_length_exceeded', 'messages'),
  content_policy: said(400, 'invalid_request_error', 'content_policy_violation', 'content_policy_violation'),
  ...gatewayWording((status, name) => said(status, name, name, name)),
}

export const VOCABULARY: Vocabulary = {
  clear: new Map<unknown, ErrorClass>([
    ...wordsOf({
      rate_limited: 'rate_limit_exceeded rate_limit_error requests tokens slow_down capacity_exhausted',
      overloaded:
        'server_is_overloaded service_unavailable_error overloaded_error engine_overloaded provider_overloaded',
      bad_gateway: 'cf_bad_gateway provider_unavailable',
      authentication: 'invalid_api_key authentication authentication_error',
      payment_required: 'insufficient_quota credit_balance_exhausted billing_hard_limit_reached payment_required',
      permission_denied: 'request_forbidden unsupported_country_region_territory permission_denied region_restricted',
      not_found: 'model_not_found model_decommissioned model_deprecated no_endpoints not_found',
      request_timeout: 'request_timeout',
      payload_too_large: 'payload_too_large',
      context_length: 'context_length_exceeded token_limit_exceeded',
      content_policy: 'content_policy_violation content_filter invalid_prompt cyber_policy refusal',
    }),
    ...ERROR_CLASSES.filter((name) => WORDING[name].code === name).map((name): [unknown, ErrorClass] => [name, name]),
  ]),
  vague: wordsOf({
    server_error: 'server_error server internal_error',
    gateway_timeout: 'timeout',
    invalid_request: 'invalid_request_error invalid_request',
  }),
}

/** The body of an error answer: OpenAI's words, or OpenRouter's number. */
export function errorBody(failed: Failed, surface: 'openai' | 'openrouter', told: ToldError | null): object {
  if (told !== null) return { error: toldObject(told), ...told.beside }
  const { type, code, param, errorType } = WORDING[failed.class]
  if (surface === 'openai') return { error: { message: failed.message, type, param, code } }
  return {
    error: { code: statusOf(failed, WORDING), message: failed.message, metadata: { error_type: errorType } },
  }
}

/** The `error` object inside a stream or beside a broken completion, where no HTTP status can say more. */
export function errorInBand(failed: Failed, told: ToldError | null): object {
  if (told !== null) return toldObject(told)
  const { type, code, param, errorType } = WORDING[failed.class]
  const spoken = failed.status ?? (typeof code === 'string' ? code : null)
  return { code: spoken, message: failed.message, type, param, metadata: { error_type: errorType } }
}

function toldObject({ code, message, metadata, more }: ToldError): object {
  return { code, message, metadata, ...more }
}
