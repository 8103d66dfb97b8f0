/**
 * Google's errors: which words and statuses stand for which class, and back. `status` is one of gRPC's words; where it
 * means several classes, the `reason` of an ErrorInfo among the details says which. A hint when to come back is a
 * RetryInfo among the details, not a header. Sources: Google's API error model (google.rpc), the Gemini
 * troubleshooting page, and messages seen in public issues.
 */
import { ERROR_CLASSES, type ErrorClass } from '../../error-class.ts'
import type { Failed } from '../../signal.ts'
import { delayOf } from '../../natives/google.ts'
import { gatewayWording, wordsOf, type Vocabulary } from '../_errors.ts'

interface Wording {
  /** HTTP status when the Signal names none. */
  readonly status: number
  /** gRPC's word. */
  readonly word: string
  /** Null: the word says it all. */
  readonly reason: string | null
}

const said = (status: number, word: string, reason: string | null = null): Wording => ({ status, word, reason })

export const WORDING: Readonly<Record<ErrorClass, Wording>> = {
  rate_limited: said(429, 'RESOURCE_EXHAUSTED'),
  overloaded: said(503, 'UNAVAILABLE'),
  server_error: said(500, 'INTERNAL'),
  bad_gateway: said(502, 'UNAVAILABLE', 'BAD_GATEWAY'),
  gateway_timeout: said(504, 'DEADLINE_EXCEEDED'),
  authentication: said(400, 'INVALID_ARGUMENT', 'API_KEY_INVALID'),
  payment_required: said(402, 'RESOURCE_EXHAUSTED', 'BILLING_DISABLED'),
  permission_denied: said(403, 'PERMISSION_DENIED'),
  not_found: said(404, 'NOT_FOUND'),
  request_timeout: said(499, 'CANCELLED'),
  payload_too_large: said(413, 'INVALID_ARGUMENT', 'PAYLOAD_TOO_LARGE'),
  invalid_request: said(400, 'INVALID_ARGUMENT'),
  context_length: said(400, 'INVALID_ARGUMENT', 'CONTEXT_LENGTH_EXCEEDED'),
  content_policy: said(400, 'INVALID_ARGUMENT', 'CONTENT_POLICY'),
  ...gatewayWording((status, name) => said(status, 'INTERNAL', `GATEWAY_${name.toUpperCase()}`)),
}

export const VOCABULARY: Vocabulary = {
  clear: new Map<unknown, ErrorClass>([
    ...wordsOf({
      rate_limited: 'RESOURCE_EXHAUSTED RATE_LIMIT_EXCEEDED',
      overloaded: 'UNAVAILABLE',
      gateway_timeout: 'DEADLINE_EXCEEDED',
      authentication: 'UNAUTHENTICATED',
      permission_denied: 'PERMISSION_DENIED SERVICE_DISABLED CONSUMER_INVALID',
      not_found: 'NOT_FOUND',
      request_timeout: 'CANCELLED',
    }),
    ...ERROR_CLASSES.map((name): [unknown, ErrorClass] => [WORDING[name].reason, name]).filter(([reason]) => reason),
  ]),
  vague: wordsOf({ server_error: 'INTERNAL UNKNOWN', invalid_request: 'INVALID_ARGUMENT FAILED_PRECONDITION' }),
}

const RPC = 'type.googleapis.com/google.rpc'

/** The `error` object, with its number and its details. */
export function errorObject(failed: Failed, status: number | null): object {
  const { word, reason } = WORDING[failed.class]
  const delay = failed.where === 'stream' ? null : delayOf(failed)
  const details = [
    ...(reason === null ? [] : [{ '@type': `${RPC}.ErrorInfo`, reason, domain: 'googleapis.com' }]),
    ...(delay === null ? [] : [{ '@type': `${RPC}.RetryInfo`, retryDelay: delay }]),
  ]
  return {
    ...(status !== null && { code: status }),
    message: failed.message,
    status: word,
    ...(details.length > 0 && { details }),
  }
}
