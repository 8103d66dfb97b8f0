/**
 * What went wrong, in words that do not depend on a provider's status codes. A dialect's `classify` maps bytes to one
 * of these; the router's reaction table (router/reactions.ts) says what each of them means for the request.
 */
export const ERROR_CLASSES = [
  // The connection
  'connect_refused', //     nobody listens
  'dns_failure', //         its name does not resolve
  'connect_timeout', //     the connection did not open in time
  'connection_reset', //    closed by the peer before any response byte
  // The clocks of the router
  'first_token_timeout', // connected, but no content in time
  'idle_timeout', //        content stopped coming
  'attempt_timeout', //     the attempt as a whole took too long
  'deadline_exceeded', //   the request as a whole took too long
  // What providers answer
  'rate_limited', //        429
  'overloaded', //          503, 529
  'server_error', //        500
  'bad_gateway', //         502, 520 and its like: an edge answered instead of the provider
  'gateway_timeout', //     504, 524
  'authentication', //      401
  'payment_required', //    402, or out of quota under another status
  'permission_denied', //   403
  'not_found', //           404: no such model
  'request_timeout', //     408
  'payload_too_large', //   413
  'invalid_request', //     400, 422
  'context_length', //      the prompt does not fit the model
  'content_policy', //      refused by a filter
  // 200, and yet
  'invalid_response', //    not what the dialect promises: HTML, empty, broken JSON
  'stream_cut', //          the stream ended without its terminal marker
  'stream_error', //        an error event inside the stream
  'invalid_tool_call', //   the call does not parse, match its schema, or name a known tool
  'invalid_output', //      the text is not the JSON that was asked for
  'empty_completion', //    no text and no call: a good status, a good finish, nothing said
  // Ourselves
  'no_endpoint', //         nothing eligible is left to try
  'budget_exceeded', //     no endpoint that is left can be paid for
  'circuit_open', //        every eligible endpoint is held back by its breaker or cooldown
  'gateway_down', //        the application could not reach the gateway
  'client_timeout', //      the application gave up waiting
  'cancelled', //           the caller, or a lost race, ended it
  'shed', //                turned away to keep the load down
] as const

export type ErrorClass = (typeof ERROR_CLASSES)[number]

const numbers = new Map<string, number>(ERROR_CLASSES.map((name, index) => [name, index]))

/** A stable small number for the binary ledger; -1 for none. */
export function errorClassNumber(errorClass: ErrorClass | null): number {
  return errorClass === null ? -1 : (numbers.get(errorClass) ?? -1)
}
