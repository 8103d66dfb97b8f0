/**
 * OpenAI's errors: which words, status and code stand for which class, and back. The words a provider uses decide
 * first, because statuses lie (out of quota is a 429, too long a prompt a 400); then known phrases; then the status; vague words
 * come last. Sources: OpenAI's error guide, OpenRouter's error types, and messages seen in public issues.
 */
import { ERROR_CLASSES, type ErrorClass } from '../../error-class.ts'
import type { Failed } from '../../signal.ts'
import { classOfStatus, looksLikeHtml, titleOf } from '../_wire.ts'

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

/** Classes the provider has no word for, which only a gateway reports: their own name is the word. */
const own = (status: number, name: ErrorClass): Wording => said(status, name, name, name)

const WORDING: Readonly<Record<ErrorClass, Wording>> = {
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
  connect_refused: own(502, 'connect_refused'),
  connect_timeout: own(504, 'connect_timeout'),
  connection_reset: own(502, 'connection_reset'),
  first_token_timeout: own(504, 'first_token_timeout'),
  idle_timeout: own(504, 'idle_timeout'),
  attempt_timeout: own(504, 'attempt_timeout'),
  deadline_exceeded: own(504, 'deadline_exceeded'),
  invalid_response: own(502, 'invalid_response'),
  stream_cut: own(502, 'stream_cut'),
  stream_error: own(502, 'stream_error'),
  invalid_tool_call: own(502, 'invalid_tool_call'),
  no_endpoint: own(503, 'no_endpoint'),
  circuit_open: own(503, 'circuit_open'),
  gateway_down: own(503, 'gateway_down'),
  client_timeout: own(408, 'client_timeout'),
  cancelled: own(499, 'cancelled'),
}

/** Words that say exactly what happened. */
const CLEAR: ReadonlyMap<unknown, ErrorClass> = new Map<unknown, ErrorClass>([
  ...Object.entries({
    rate_limited: 'rate_limit_exceeded rate_limit_error requests tokens slow_down capacity_exhausted',
    overloaded: 'server_is_overloaded service_unavailable_error overloaded_error engine_overloaded provider_overloaded',
    bad_gateway: 'cf_bad_gateway provider_unavailable',
    authentication: 'invalid_api_key authentication authentication_error',
    payment_required: 'insufficient_quota credit_balance_exhausted billing_hard_limit_reached payment_required',
    permission_denied: 'request_forbidden unsupported_country_region_territory permission_denied region_restricted',
    not_found: 'model_not_found model_decommissioned model_deprecated no_endpoints not_found',
    request_timeout: 'request_timeout',
    payload_too_large: 'payload_too_large',
    context_length: 'context_length_exceeded token_limit_exceeded',
    content_policy: 'content_policy_violation content_filter invalid_prompt cyber_policy refusal',
  } satisfies Partial<Record<ErrorClass, string>>).flatMap(([name, words]) =>
    words.split(' ').map((word): [unknown, ErrorClass] => [word, name as ErrorClass]),
  ),
  ...ERROR_CLASSES.filter((name) => WORDING[name].code === name).map((name): [unknown, ErrorClass] => [name, name]),
])

/** Words that are used for anything: they count only when the status says nothing. */
const VAGUE: ReadonlyMap<unknown, ErrorClass> = new Map<unknown, ErrorClass>([
  ['server_error', 'server_error'],
  ['server', 'server_error'],
  ['internal_error', 'server_error'],
  ['timeout', 'gateway_timeout'],
  ['invalid_request_error', 'invalid_request'],
  ['invalid_request', 'invalid_request'],
])

/** One request above a whole minute's tokens: OpenAI calls it a rate limit, but waiting does not help. */
const OVER_LIMIT = /request too large for/i

const OVER_CONTEXT =
  /maximum context length|context (?:length|window|size)|input tokens exceed|(?:prompt|input) is too long|`inputs` tokens/i

/** Phrases of providers that reuse one code for everything, read only on these statuses (or where there is none). */
const PHRASES: readonly (readonly [phrase: RegExp, statuses: readonly number[], means: ErrorClass])[] = [
  [OVER_CONTEXT, [400, 403, 422], 'context_length'],
  [
    /out of credits|available credits|insufficient balance|current quota|more credits/i,
    [400, 403, 429],
    'payment_required',
  ],
  [/violating our usage policy|content management policy/i, [400, 403], 'content_policy'],
  [/model not exist|does not exist or you do not have access/i, [400], 'not_found'],
]

/** Whatever an error body has under its known names. */
export interface ErrorParts {
  readonly message: string
  readonly type: unknown
  readonly code: unknown
  readonly errorType: unknown
}

/** The class of an error; null when neither its words nor a status say anything. */
export function classOfError(parts: ErrorParts, status: number | null): ErrorClass | null {
  if (status === 413) return OVER_CONTEXT.test(parts.message) ? 'context_length' : 'payload_too_large'
  if (status === 429 && OVER_LIMIT.test(parts.message)) return 'payload_too_large'
  const words = [parts.errorType, parts.code, parts.type]
  for (const word of words) {
    const clear = CLEAR.get(word)
    if (clear) return clear
  }
  for (const [phrase, statuses, means] of PHRASES) {
    if ((status === null || statuses.includes(status)) && phrase.test(parts.message)) return means
  }
  if (status !== null) return classOfStatus(status)
  for (const word of words) {
    const vague = VAGUE.get(word)
    if (vague) return vague
  }
  return null
}

/** The provider's words are for people, and people stop reading. In UTF-16 units. */
const MESSAGE_LENGTH_MAX = 500

/** Read the body of an error status: OpenAI's shape, or one of the flat, nested and textual ones of its imitators. */
export function partsOfBody(text: string): ErrorParts {
  if (looksLikeHtml(text)) return partsOfError(titleOf(text))
  let body: unknown = null
  try {
    body = JSON.parse(text)
  } catch {
    // Plain text, then.
  }
  return partsOf(body) ?? partsOfError(text.trim())
}

/** The parts of a whole body; null when it is not an object. */
function partsOf(body: unknown): ErrorParts | null {
  const outer = recordOf(Array.isArray(body) ? body[0] : body)
  if (!outer) return null
  return partsOfError(outer['error'] ?? outer['detail'] ?? outer, outer['code'])
}

/** The parts of what stands under `error`, which may be an object, a list of objects, or prose. */
export function partsOfError(error: unknown, outerCode: unknown = null): ErrorParts {
  if (typeof error === 'string') {
    return { message: error.slice(0, MESSAGE_LENGTH_MAX), type: null, code: outerCode, errorType: null }
  }
  const inner = recordOf(Array.isArray(error) ? error[0] : error) ?? {}
  const message = inner['message'] ?? inner['msg'] ?? inner['error']
  const metadata = recordOf(inner['metadata'])
  return {
    message: typeof message === 'string' ? message.slice(0, MESSAGE_LENGTH_MAX) : '',
    type: inner['type'],
    code: inner['code'],
    errorType: metadata?.['error_type'] ?? (metadata?.['flagged_input'] ? 'content_policy_violation' : null),
  }
}

/** A status that an error carries as its code, as OpenRouter's do; null for any other code. */
export function statusOfCode(code: unknown): number | null {
  const status = typeof code === 'string' && /^\d{3}$/.test(code) ? Number(code) : code
  return typeof status === 'number' && Number.isInteger(status) && status >= 400 && status <= 599 ? status : null
}

export function statusOf(failed: Failed): number {
  return failed.status ?? WORDING[failed.class].status
}

/** The `error` object of an HTTP answer: OpenAI's words, or OpenRouter's number. */
export function errorOfAnswer(failed: Failed, surface: 'openai' | 'openrouter'): object {
  const { type, code, param, errorType } = WORDING[failed.class]
  if (surface === 'openai') return { message: failed.message, type, param, code }
  return { code: statusOf(failed), message: failed.message, metadata: { error_type: errorType } }
}

/** The `error` object inside a stream or beside a broken completion, where no HTTP status can say more. */
export function errorInBand(failed: Failed): object {
  const { type, code, param, errorType } = WORDING[failed.class]
  const spoken = failed.status ?? (typeof code === 'string' ? code : null)
  return { code: spoken, message: failed.message, type, param, metadata: { error_type: errorType } }
}

export function recordOf(value: unknown): Readonly<Record<string, unknown>> | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : null
}
