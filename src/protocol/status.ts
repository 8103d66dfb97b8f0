/** HTTP statuses: what one says of an error, and which a class of error is told with. */
import type { ErrorClass } from './error-class.ts'
import type { ProviderClass } from './natives/index.ts'

const CLASS_OF_STATUS: Readonly<Record<number, ProviderClass>> = {
  400: 'invalid_request',
  401: 'authentication',
  402: 'payment_required',
  403: 'permission_denied',
  404: 'not_found',
  405: 'not_found',
  408: 'request_timeout',
  409: 'request_timeout', //   not done this time, and may be sent again
  410: 'not_found',
  413: 'payload_too_large',
  424: 'bad_gateway', //       a dependency of the provider failed
  425: 'request_timeout', //   too early: send it again
  429: 'rate_limited',
  451: 'permission_denied',
  498: 'overloaded', //        Groq's flex tier is out of capacity
  499: 'request_timeout', //   the edge believes that we hung up
  500: 'server_error',
  502: 'bad_gateway',
  503: 'overloaded',
  504: 'gateway_timeout',
  522: 'gateway_timeout', //   Cloudflare: no connection to the origin
  524: 'gateway_timeout', //   Cloudflare: no answer from the origin
  529: 'overloaded',
}

/** What a status alone says. */
export function classOfStatus(status: number): ProviderClass {
  const known = CLASS_OF_STATUS[status]
  if (known) return known
  if (status >= 520 && status <= 530) return 'bad_gateway' // The rest of Cloudflare's own
  if (status >= 500) return 'server_error'
  return status >= 400 ? 'invalid_request' : 'bad_gateway' // A redirect or worse: not the provider speaking
}

/** The status that a caller is told a class with, when no answer carries one (OpenRouter's table, openrouter.md §3.3). */
export const STATUS_OF: Readonly<Record<ErrorClass, number>> = {
  connect_refused: 502,
  dns_failure: 502,
  connect_timeout: 504,
  connection_reset: 502,
  first_token_timeout: 504,
  idle_timeout: 504,
  attempt_timeout: 504,
  deadline_exceeded: 504,
  rate_limited: 429,
  overloaded: 503,
  server_error: 500,
  bad_gateway: 502,
  gateway_timeout: 504,
  authentication: 401,
  payment_required: 402,
  permission_denied: 403,
  not_found: 404,
  request_timeout: 408,
  payload_too_large: 413,
  invalid_request: 400,
  context_length: 400,
  content_policy: 400,
  invalid_response: 502,
  stream_cut: 502,
  stream_error: 502,
  invalid_tool_call: 502,
  invalid_output: 502,
  empty_completion: 502,
  no_endpoint: 404,
  budget_exceeded: 402,
  circuit_open: 503,
  gateway_down: 502,
  client_timeout: 408,
  cancelled: 499,
  shed: 503,
}
