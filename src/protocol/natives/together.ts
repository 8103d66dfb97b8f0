/**
 * Together: `{ id, error: { message, type, param, code } }`; prompt and asked-for output above the context are a 403, in
 * the words of text-generation-inference. Requests and tokens are limited per second or minute under two prefixes.
 * Sources: docs.together.ai/docs/error-codes and rate-limits; helm#2079, UI-TARS-desktop#626; Portkey's transforms.
 */
import {
  cloudflare,
  coded,
  plainHint,
  type CodedSaying,
  type LimitSaid,
  type Native,
  type ProviderClass,
} from './_native.ts'

const INVALID = 'invalid_request_error'

const says: Readonly<Record<ProviderClass, CodedSaying>> = {
  rate_limited: coded(
    429,
    'model_rate_limit',
    null,
    ({ model, limit }) =>
      `You have reached the rate limit specific to this model ${model}.${limit === undefined ? '' : ` The maximum rate limit for this model is ${limit} queries per minute.`} This limit differs from the general rate limits published at Together AI rate limits documentation (https://docs.together.ai/docs/rate-limits).`,
  ),
  overloaded: coded(503, 'service_unavailable', null, () => 'The engine is overloaded. Please try again later.'),
  server_error: coded(500, 'server_error', null, () => 'Internal server error'),
  bad_gateway: coded(502, 'server_error', null, () => 'Bad gateway'),
  gateway_timeout: coded(504, 'server_error', null, () => 'Gateway timeout'),
  authentication: coded(
    401,
    INVALID,
    'invalid_api_key',
    () => 'Invalid API key provided. You can find your API key at https://api.together.xyz/settings/api-keys.',
  ),
  payment_required: coded(402, 'credit_limit', null, () => 'Credit limit exceeded, please navigate to billing.'),
  permission_denied: coded(403, 'forbidden', null, () => 'You do not have permission to use this resource.'),
  not_found: coded(
    404,
    INVALID,
    'model_not_available',
    ({ model }) =>
      `Unable to access model ${model}. Please visit https://api.together.ai/models to view the list of supported models.`,
  ),
  request_timeout: coded(408, 'server_error', null, () => 'Request timed out'),
  payload_too_large: coded(413, INVALID, null, () => 'Request body is too large'),
  invalid_request: coded(400, INVALID, null, () => 'Input validation error'),
  context_length: coded(
    403,
    INVALID,
    null,
    ({ limit, wanted }) =>
      `Input validation error: \`inputs\` tokens + \`max_new_tokens\` must be <= ${limit ?? 131_072}.${wanted === undefined ? '' : ` Given: ${wanted} \`inputs\` tokens and 0 \`max_new_tokens\``}`,
  ),
  content_policy: coded(422, INVALID, 'content_filter', () => 'The request was blocked by the safety model.'),
}

export const together: Native = {
  id: 'together',
  summary: 'Together: OpenAI’s shape beside an id; a prompt above the context is a 403.',
  host: 'api.together.xyz',
  slugs: ['togetherai', 'together-ai'],
  says,
  clear: {
    rate_limited: 'model_rate_limit rate_limit',
    overloaded: 'service_unavailable',
    authentication: 'invalid_api_key',
    payment_required: 'credit_limit',
    not_found: 'model_not_available',
    content_policy: 'content_filter',
  },
  vague: { server_error: 'server_error', invalid_request: 'invalid_request_error' },
  jsonType: 'application/json',
  body({ class: name, message }, _status, { id }) {
    const { type, code } = says[name]
    return JSON.stringify({ id, error: { message, type, param: null, code } })
  },
  headers: (occasion) => ({ 'x-request-id': occasion.id, ...cloudflare(occasion) }),
  hint: plainHint,
  limits: ({ requests, tokens }) => ({ ...three('x-ratelimit', requests), ...three('x-tokenlimit', tokens) }),
}

function three(prefix: string, { limit, remaining, resetMs }: LimitSaid): Record<string, string> {
  return {
    ...(limit !== undefined && { [`${prefix}-limit`]: String(limit) }),
    ...(remaining !== undefined && { [`${prefix}-remaining`]: String(remaining) }),
    ...(resetMs !== undefined && { [`${prefix}-reset`]: String(Math.ceil(resetMs / 1000)) }),
  }
}
