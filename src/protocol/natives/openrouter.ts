/**
 * OpenRouter: `{ error: { code, message, metadata: { error_type } }, user_id }`, where the code is the status as a
 * number. Rate-limit headers come on its own 429 alone, their reset in Unix milliseconds. Source: OpenRouterTeam/docs
 * api_reference/errors-and-debugging.mdx and limits.mdx.
 */
import { cloudflare, plainHint, type Native, type ProviderClass, type Saying } from './_native.ts'

interface Said extends Saying {
  readonly errorType: string
}

const said = (status: number, errorType: string, words: Saying['words']): Said => ({ status, errorType, words })

const says: Readonly<Record<ProviderClass, Said>> = {
  rate_limited: said(429, 'rate_limit_exceeded', ({ limit }) =>
    limit === undefined ? 'Rate limit exceeded' : `Rate limit exceeded: ${limit} requests per minute`,
  ),
  overloaded: said(503, 'provider_overloaded', () => 'Provider overloaded'),
  server_error: said(500, 'server', () => 'Internal Server Error'),
  bad_gateway: said(502, 'provider_unavailable', () => 'Provider returned error'),
  gateway_timeout: said(504, 'timeout', () => 'Provider timed out'),
  authentication: said(401, 'authentication', () => 'No auth credentials found'),
  payment_required: said(
    402,
    'payment_required',
    () =>
      'This request requires more credits, or fewer max_tokens. To increase, visit https://openrouter.ai/settings/credits',
  ),
  permission_denied: said(403, 'permission_denied', () => 'This key is not allowed to use this model'),
  not_found: said(404, 'not_found', ({ model }) => `No endpoints found for ${model}.`),
  request_timeout: said(408, 'request_timeout', () => 'Request timed out'),
  payload_too_large: said(413, 'payload_too_large', () => 'Payload too large'),
  invalid_request: said(400, 'invalid_request', () => 'Invalid request'),
  context_length: said(
    400,
    'context_length_exceeded',
    ({ limit, wanted }) =>
      `This endpoint's maximum context length is ${limit ?? 128_000} tokens.${wanted === undefined ? '' : ` However, you requested about ${wanted} tokens (${wanted} of text input).`} Please reduce the length of either one, or use the "middle-out" transform to compress your prompt automatically.`,
  ),
  content_policy: said(403, 'content_policy_violation', () => 'Your input was flagged'),
}

export const openrouter: Native = {
  id: 'openrouter',
  summary: 'OpenRouter: the status as a number in the body, and an error_type beside it.',
  host: 'openrouter.ai',
  slugs: [],
  says,
  clear: {
    rate_limited: 'rate_limit_exceeded capacity_exhausted in_flight_budget_exhausted',
    overloaded: 'provider_overloaded temporarily_unavailable',
    bad_gateway: 'provider_unavailable',
    authentication: 'authentication',
    payment_required: 'payment_required weight_exceeds_budget',
    permission_denied: 'permission_denied region_restricted',
    not_found: 'not_found no_endpoints model_not_found model_deprecated model_unavailable_upstream',
    request_timeout: 'request_timeout',
    payload_too_large: 'payload_too_large',
    context_length: 'context_length_exceeded token_limit_exceeded',
    content_policy: 'content_policy_violation refusal invalid_prompt',
  },
  vague: { server_error: 'server', gateway_timeout: 'timeout', invalid_request: 'invalid_request' },
  jsonType: 'application/json',
  body: ({ class: name, message, reasons }, status) =>
    JSON.stringify({
      error: { code: status, message, metadata: { error_type: says[name].errorType, ...(reasons && { reasons }) } },
      user_id: 'user_squall',
    }),
  headers: cloudflare,
  hint: plainHint,
  limits({ requests: { limit, remaining, resetMs } }, { atSeconds }, failed) {
    if (failed === null) return {}
    return {
      ...(limit !== undefined && { 'x-ratelimit-limit': String(limit) }),
      ...(remaining !== undefined && { 'x-ratelimit-remaining': String(remaining) }),
      ...(resetMs !== undefined && { 'x-ratelimit-reset': String(atSeconds * 1000 + Math.ceil(resetMs)) }),
    }
  },
}
