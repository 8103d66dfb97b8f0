/**
 * Anthropic: `{ type: "error", error: { details, type, message }, request_id }`. No credit is a 400, overload a 529.
 * Limits are anthropic-ratelimit-*, resets RFC 3339, remaining tokens rounded to thousands. A body above 32 MB is
 * answered by its edge, which knows no request id. Sources: docs.anthropic.com/en/api/errors and rate-limits; messages
 * as quoted in claude-code#66314, #12186, #35777 and BoltAI#338.
 */
import {
  cloudflare,
  plainHint,
  typed,
  uuid,
  type LimitSaid,
  type LimitsSaid,
  type Native,
  type Occasion,
  type ProviderClass,
  type TypedSaying,
} from './_native.ts'

const INVALID = 'invalid_request_error'
const ORGANIZATION = uuid('squall')

const says: Readonly<Record<ProviderClass, TypedSaying>> = {
  rate_limited: typed(
    429,
    'rate_limit_error',
    ({ limit }) =>
      `This request would exceed the rate limit for your organization (${ORGANIZATION})${limit === undefined ? '' : ` of ${thousands(limit)} requests per minute`}. For details, refer to: https://docs.anthropic.com/en/api/rate-limits.`,
  ),
  overloaded: typed(529, 'overloaded_error', () => 'Overloaded'),
  server_error: typed(500, 'api_error', () => 'Internal server error'),
  bad_gateway: typed(502, 'api_error', () => 'Bad gateway'),
  gateway_timeout: typed(504, 'timeout_error', () => 'Request timed out'),
  authentication: typed(401, 'authentication_error', () => 'invalid x-api-key'),
  payment_required: typed(
    400,
    INVALID,
    () =>
      'Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits.',
  ),
  permission_denied: typed(
    403,
    'permission_error',
    () => 'Your API key does not have permission to use the specified resource.',
  ),
  not_found: typed(404, 'not_found_error', ({ model }) => `model: ${model}`),
  request_timeout: typed(408, 'timeout_error', () => 'Request timed out'),
  payload_too_large: typed(413, 'request_too_large', () => 'Request exceeds the maximum size'),
  invalid_request: typed(400, INVALID, () => 'messages: at least one message is required'),
  context_length: typed(400, INVALID, ({ limit, wanted }) =>
    limit === undefined || wanted === undefined
      ? 'prompt is too long'
      : `prompt is too long: ${wanted} tokens > ${limit} maximum`,
  ),
  content_policy: typed(400, INVALID, () => 'Output blocked by content filtering policy'),
}

export const anthropic: Native = {
  id: 'anthropic',
  summary: 'Anthropic: a type and a request id; limits as anthropic-ratelimit-* with RFC 3339 resets.',
  host: 'api.anthropic.com',
  slugs: [],
  says,
  clear: {
    rate_limited: 'rate_limit_error ramp_limit_exceeded',
    overloaded: 'overloaded_error compaction_unavailable',
    authentication: 'authentication_error',
    payment_required:
      'billing_error enforced_spend_limit_reached contract_spend_limit_reached linked_organization_spend_limit_reached linked_organization_billing_unavailable',
    permission_denied: 'permission_error organization_on_hold',
    not_found: 'not_found_error',
    payload_too_large: 'request_too_large request_body_too_large_after_decoding',
  },
  vague: { server_error: 'api_error', gateway_timeout: 'timeout_error', invalid_request: 'invalid_request_error' },
  jsonType: 'application/json',
  body(failed, status, occasion) {
    const { type } = says[failed.class]
    const kind = status === 402 ? 'billing_error' : type
    return JSON.stringify({
      type: 'error',
      error: { details: null, type: kind, message: failed.message },
      ...(failed.class !== 'payload_too_large' && { request_id: requestId(occasion) }),
    })
  },
  headers: (occasion) => ({
    'request-id': requestId(occasion),
    'anthropic-organization-id': ORGANIZATION,
    ...cloudflare(occasion),
  }),
  hint: plainHint,
  limits: ({ requests, tokens }: LimitsSaid, { atSeconds }) => ({
    ...third('requests', requests, atSeconds, 1),
    ...third('tokens', tokens, atSeconds, 1_000),
  }),
}

function requestId({ id }: Occasion): string {
  return `req_${id}`
}

function third(
  unit: string,
  { limit, remaining, resetMs }: LimitSaid,
  atSeconds: number,
  grain: number,
): Record<string, string> {
  const name = `anthropic-ratelimit-${unit}`
  const resetAt = (ms: number) => new Date((atSeconds + Math.ceil(ms / 1000)) * 1000).toISOString().replace('.000', '')
  return {
    ...(limit !== undefined && { [`${name}-limit`]: String(limit) }),
    ...(remaining !== undefined && { [`${name}-remaining`]: String(Math.round(remaining / grain) * grain) }),
    ...(resetMs !== undefined && { [`${name}-reset`]: resetAt(resetMs) }),
  }
}

function thousands(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',')
}
