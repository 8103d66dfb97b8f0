/**
 * DeepSeek: OpenAI's shape with one code for everything, so that type and text must tell; no balance is a 402, and limits
 * are not told. Sources: api-docs.deepseek.com/quick_start/error_codes and rate_limit; fast-agent#621, addi#13.
 */
import { hexId, noLimits, plainHint, typed, type Native, type ProviderClass, type TypedSaying } from './_native.ts'

const INVALID = 'invalid_request_error'

const says: Readonly<Record<ProviderClass, TypedSaying>> = {
  rate_limited: typed(429, 'rate_limit_error', () => 'Rate limit reached. Please pace your requests reasonably.'),
  overloaded: typed(
    503,
    'service_unavailable_error',
    () => 'Service is too busy. We advise users to temporarily switch to alternative LLM API service providers.',
  ),
  server_error: typed(500, 'server_error', () => 'Our server encounters an issue. Please retry your request.'),
  bad_gateway: typed(502, 'server_error', () => 'Bad gateway'),
  gateway_timeout: typed(504, 'server_error', () => 'Gateway timeout'),
  authentication: typed(401, 'authentication_error', () => 'Authentication Fails, Your api key: ****mock is invalid'),
  payment_required: typed(402, 'unknown_error', () => 'Insufficient Balance'),
  permission_denied: typed(403, INVALID, () => 'Forbidden'),
  not_found: typed(400, INVALID, () => 'Model Not Exist'),
  request_timeout: typed(408, INVALID, () => 'Request timed out'),
  payload_too_large: typed(413, INVALID, () => 'Request body is too large'),
  invalid_request: typed(422, INVALID, () => 'Your request contains invalid parameters.'),
  context_length: typed(
    400,
    INVALID,
    ({ limit, wanted }) =>
      `This model's maximum context length is ${limit ?? 131_072} tokens.${wanted === undefined ? '' : ` However, you requested ${wanted} tokens.`} Please reduce the length of the messages or completion.`,
  ),
  content_policy: typed(400, INVALID, () => 'Content Exists Risk'),
}

export const deepseek: Native = {
  id: 'deepseek',
  summary: 'DeepSeek: one code for everything, 402 for no balance, and no rate-limit headers.',
  host: 'api.deepseek.com',
  slugs: [],
  says,
  clear: {
    rate_limited: 'rate_limit_error',
    overloaded: 'service_unavailable_error',
    authentication: 'authentication_error',
  },
  vague: { server_error: 'server_error', invalid_request: 'invalid_request_error unknown_error' },
  jsonType: 'application/json',
  body({ class: name, message }) {
    const { type, status } = says[name]
    return JSON.stringify({ error: { message, type, param: null, code: status < 500 ? INVALID : type } })
  },
  headers: ({ id }) => ({ 'x-ds-trace-id': hexId(id), server: 'CloudFront' }),
  hint: plainHint,
  limits: noLimits,
}
