/**
 * OpenRouter's typed error codes with their HTTP statuses (openrouter.md §3.3), and which of them a class of error is. A
 * status that comes with an answer wins over the one here: 529 and 408 are told as they are.
 */
import type { ErrorClass } from './error-class.ts'

export const ERROR_TYPES = {
  context_length_exceeded: 400,
  max_tokens_exceeded: 400,
  token_limit_exceeded: 400,
  string_too_long: 400,
  authentication: 401,
  permission_denied: 403,
  payment_required: 402,
  rate_limit_exceeded: 429,
  provider_overloaded: 503,
  provider_unavailable: 502,
  invalid_request: 400,
  invalid_prompt: 400,
  not_found: 404,
  payload_too_large: 413,
  precondition_failed: 412,
  unprocessable: 422,
  content_policy_violation: 400,
  refusal: 400,
  invalid_image: 400,
  image_too_large: 400,
  image_too_small: 400,
  unsupported_image_format: 400,
  image_not_found: 404,
  image_download_failed: 400,
  server: 500,
  timeout: 504,
  unmapped: 500,
} as const satisfies Record<string, number>

export type ErrorType = keyof typeof ERROR_TYPES

export const ERROR_TYPE_OF: Readonly<Record<ErrorClass, ErrorType>> = {
  connect_refused: 'provider_unavailable',
  dns_failure: 'provider_unavailable',
  connect_timeout: 'timeout',
  connection_reset: 'provider_unavailable',
  first_token_timeout: 'timeout',
  idle_timeout: 'timeout',
  attempt_timeout: 'timeout',
  deadline_exceeded: 'timeout',
  rate_limited: 'rate_limit_exceeded',
  overloaded: 'provider_overloaded',
  server_error: 'server',
  bad_gateway: 'provider_unavailable',
  gateway_timeout: 'timeout',
  authentication: 'authentication',
  payment_required: 'payment_required',
  permission_denied: 'permission_denied',
  not_found: 'not_found',
  request_timeout: 'timeout',
  payload_too_large: 'payload_too_large',
  invalid_request: 'invalid_request',
  context_length: 'context_length_exceeded',
  content_policy: 'content_policy_violation',
  invalid_response: 'provider_unavailable',
  stream_cut: 'provider_unavailable',
  stream_error: 'provider_unavailable',
  invalid_tool_call: 'provider_unavailable',
  invalid_output: 'provider_unavailable',
  empty_completion: 'provider_unavailable',
  no_endpoint: 'not_found',
  budget_exceeded: 'payment_required',
  circuit_open: 'provider_overloaded',
  gateway_down: 'provider_unavailable',
  client_timeout: 'timeout',
  cancelled: 'unmapped',
  shed: 'provider_overloaded',
}

/** The typed code of an error: that of its class, unless the status is one of those that the class does not tell apart. */
export function errorTypeOf(errorClass: ErrorClass, status: number): ErrorType {
  return errorClass === 'invalid_request' && status === 422 ? 'unprocessable' : ERROR_TYPE_OF[errorClass]
}
