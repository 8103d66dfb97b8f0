/**
 * Google (Gemini API, Vertex): `{ error: { code, message, status, details } }`, pretty-printed. `status` is gRPC's word,
 * details are typed messages; the hint when to come back is a RetryInfo among them, never a header, and there are no
 * rate-limit headers. A 502 is a page of its front end. Sources: ai.google.dev/gemini-api/docs/troubleshooting,
 * google.rpc error model; messages as quoted in gemini-cli#8437, #4231, #5191, continue#9570.
 */
import type { Failed } from '../signal.ts'
import { retryAfterHeaders } from '../retry-after.ts'
import { noLimits, type Native, type Occasion, type ProviderClass, type Saying } from './_native.ts'

interface Said extends Saying {
  /** gRPC's word. */
  readonly word: string
  /** Reason of an ErrorInfo; null: the word says it all. */
  readonly reason: string | null
}

const said = (status: number, word: string, words: Saying['words'], reason: string | null = null): Said => ({
  status,
  word,
  words,
  reason,
})

const INVALID = 'INVALID_ARGUMENT'

const says: Readonly<Record<ProviderClass, Said>> = {
  rate_limited: said(429, 'RESOURCE_EXHAUSTED', ({ model, limit, retryAfterMs }) =>
    [
      'You exceeded your current quota, please check your plan and billing details. For more information on this error, head to: https://ai.google.dev/gemini-api/docs/rate-limits.',
      `* Quota exceeded for metric: generativelanguage.googleapis.com/generate_content_requests, limit: ${limit ?? 0}, model: ${model}`,
      ...(retryAfterMs === null || retryAfterMs === undefined ? [] : [`Please retry in ${retryAfterMs / 1000}s.`]),
    ].join('\n'),
  ),
  overloaded: said(503, 'UNAVAILABLE', () => 'The model is overloaded. Please try again later.'),
  server_error: said(
    500,
    'INTERNAL',
    () =>
      'An internal error has occurred. Please retry or report in https://developers.generativeai.google/guide/troubleshooting',
  ),
  bad_gateway: said(502, 'UNKNOWN', () => 'Error 502 (Server Error)!!1'),
  gateway_timeout: said(504, 'DEADLINE_EXCEEDED', () => 'Deadline expired before operation could complete.'),
  authentication: said(400, INVALID, () => 'API key not valid. Please pass a valid API key.', 'API_KEY_INVALID'),
  payment_required: said(
    402,
    'RESOURCE_EXHAUSTED',
    () => 'Your prepayment credits are depleted. Please go to AI Studio to manage your project and billing.',
    'BILLING_DISABLED',
  ),
  permission_denied: said(
    403,
    'PERMISSION_DENIED',
    () => 'Generative Language API has not been used in project squall before or it is disabled.',
    'SERVICE_DISABLED',
  ),
  not_found: said(
    404,
    'NOT_FOUND',
    ({ model }) =>
      `models/${model} is not found for API version v1beta, or is not supported for generateContent. Call ListModels to see the list of available models and their supported methods.`,
  ),
  request_timeout: said(499, 'CANCELLED', () => 'The operation was cancelled.'),
  payload_too_large: said(
    400,
    INVALID,
    ({ limit }) => `Request payload size exceeds the limit: ${limit ?? 20_971_520} bytes.`,
  ),
  invalid_request: said(400, INVALID, () => 'Request contains an invalid argument.'),
  context_length: said(
    400,
    INVALID,
    ({ limit, wanted }) =>
      `The input token count (${wanted ?? 'unknown'}) exceeds the maximum number of tokens allowed (${limit ?? 1_048_576}).`,
  ),
  // A blocked prompt is a 200 with a blockReason; an error status is what its filters in front of the model give.
  content_policy: said(400, INVALID, () => 'The request was blocked by a safety filter.', 'CONTENT_POLICY'),
}

export const google: Native = {
  id: 'google',
  summary: 'Google: gRPC words and typed details; the hint is a RetryInfo in the body, and limits are not told.',
  host: 'generativelanguage.googleapis.com',
  slugs: ['google-vertex', 'google-ai-studio', 'vertex', 'gemini'],
  says,
  clear: {
    rate_limited: 'RESOURCE_EXHAUSTED RATE_LIMIT_EXCEEDED',
    overloaded: 'UNAVAILABLE',
    gateway_timeout: 'DEADLINE_EXCEEDED',
    authentication: 'UNAUTHENTICATED API_KEY_INVALID',
    permission_denied: 'PERMISSION_DENIED SERVICE_DISABLED CONSUMER_INVALID',
    payment_required: 'BILLING_DISABLED',
    not_found: 'NOT_FOUND',
    request_timeout: 'CANCELLED',
    content_policy: 'CONTENT_POLICY',
  },
  vague: { server_error: 'INTERNAL UNKNOWN', invalid_request: 'INVALID_ARGUMENT FAILED_PRECONDITION' },
  jsonType: 'application/json; charset=UTF-8',
  edges: { bad_gateway: 'google_front_end' },
  body(failed, status) {
    const { word } = says[failed.class]
    const details = detailsOf(failed)
    const error = { code: status, message: failed.message, status: word, ...(details.length > 0 && { details }) }
    return `${JSON.stringify({ error }, null, 2)}\n`
  },
  headers: () => ({
    server: 'scaffolding on HTTPServer2',
    'server-timing': 'gfet4t7; dur=212',
    vary: 'Origin, X-Origin, Referer',
  }),
  hint: (ms, form, { atSeconds }: Occasion) => (form === 'date' ? retryAfterHeaders(ms, form, atSeconds) : {}),
  limits: noLimits,
}

const RPC = 'type.googleapis.com/google.rpc'

function detailsOf(failed: Failed & { readonly class: ProviderClass }): object[] {
  const { reason } = says[failed.class]
  const delay = delayOf(failed)
  return [
    ...(reason === null
      ? []
      : [{ '@type': `${RPC}.ErrorInfo`, reason, domain: 'googleapis.com', metadata: { service: google.host } }]),
    ...(failed.class === 'rate_limited'
      ? [
          {
            '@type': `${RPC}.QuotaFailure`,
            violations: [
              {
                quotaMetric: 'generativelanguage.googleapis.com/generate_content_requests',
                quotaId: 'GenerateRequestsPerMinutePerProjectPerModel',
              },
            ],
          },
        ]
      : []),
    ...(delay === null ? [] : [{ '@type': `${RPC}.RetryInfo`, retryDelay: delay }]),
  ]
}

/** A protobuf Duration: whole seconds, or seconds with milliseconds. A date can only be a header's. */
export function delayOf({ retryAfterMs, retryAfterForm }: Failed): string | null {
  if (retryAfterMs === null || retryAfterForm === 'date') return null
  if (retryAfterForm !== 'milliseconds') return `${Math.ceil(retryAfterMs / 1000)}s`
  return `${(Math.ceil(retryAfterMs) / 1000).toFixed(3)}s`
}
