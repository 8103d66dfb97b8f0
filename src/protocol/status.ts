/** What an HTTP status alone says of an error. */
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
