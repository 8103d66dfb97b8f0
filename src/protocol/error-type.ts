/** OpenRouter's `error_type` (openrouter.md §3.3): what kind of error a caller is told of. */
import type { ErrorClass } from './error-class.ts'

export const ERROR_TYPES = [
  'context_length_exceeded', 'max_tokens_exceeded', 'token_limit_exceeded', 'string_too_long', 'authentication',
  'permission_denied', 'payment_required', 'rate_limit_exceeded', 'provider_overloaded', 'provider_unavailable',
  'invalid_request', 'invalid_prompt', 'not_found', 'payload_too_large', 'unprocessable', 'content_policy_violation',
  'refusal', 'invalid_image', 'image_too_large', 'image_too_small', 'unsupported_image_format', 'image_not_found',
  'image_download_failed', 'server', 'timeout', 'unmapped', 'precondition_failed',
] as const // prettier-ignore
export type ErrorType = (typeof ERROR_TYPES)[number]

/** What each class of ours is to a caller. */
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
  gateway_down: 'server',
  client_timeout: 'timeout',
  cancelled: 'unmapped',
  shed: 'provider_overloaded',
}
