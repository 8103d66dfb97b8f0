/**
 * OpenAI: `{ error: { message, type, param, code } }`. Out of quota is a 429, and so is one request above a minute's
 * tokens. Sources: developers.openai.com/api/docs/guides/error-codes and rate-limits; messages as quoted in
 * continue#11472, pls#4, openai-agents-python#458, deer-flow#310, cursor#1293, dspy#203, t0-1#69.
 */
import {
  cloudflare,
  figures,
  openaiLimits,
  plainHint,
  tryAgain,
  type Native,
  type Occasion,
  type ProviderClass,
  type Saying,
} from './_native.ts'

interface Said extends Saying {
  readonly type: string
  readonly code: string | number | null
  readonly param: string | null
}

const said = (
  status: number,
  type: string,
  code: string | number | null,
  words: Saying['words'],
  param: string | null = null,
): Said => ({ status, type, code, words, param })

const INVALID = 'invalid_request_error'

const says: Readonly<Record<ProviderClass, Said>> = {
  rate_limited: said(
    429,
    'requests',
    'rate_limit_exceeded',
    (facts) =>
      `Rate limit reached for ${facts.model} in organization org-squall on requests per min (RPM)${figures(facts)}.${tryAgain(facts.retryAfterMs)} Visit https://platform.openai.com/account/rate-limits to learn more.`,
  ),
  overloaded: said(
    503,
    'service_unavailable_error',
    'server_is_overloaded',
    () => 'The engine is currently overloaded, please try again later',
  ),
  server_error: said(
    500,
    'server_error',
    null,
    () => 'The server had an error while processing your request. Sorry about that!',
  ),
  bad_gateway: said(502, 'cf_bad_gateway', 502, () => 'Bad gateway.'),
  gateway_timeout: said(504, 'timeout', null, () => 'The request timed out.'),
  authentication: said(
    401,
    INVALID,
    'invalid_api_key',
    () =>
      'Incorrect API key provided: sk-squal**************mock. You can find your API key at https://platform.openai.com/account/api-keys.',
  ),
  payment_required: said(
    429,
    'insufficient_quota',
    'insufficient_quota',
    () =>
      'You exceeded your current quota, please check your plan and billing details. For more information on this error, read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors.',
  ),
  permission_denied: said(
    403,
    'request_forbidden',
    'unsupported_country_region_territory',
    () => 'Country, region, or territory not supported',
  ),
  not_found: said(
    404,
    INVALID,
    'model_not_found',
    ({ model }) => `The model \`${model}\` does not exist or you do not have access to it.`,
  ),
  request_timeout: said(408, 'request_timeout', null, () => 'Timed out reading request body. Try again.'),
  payload_too_large: said(413, INVALID, 'payload_too_large', () => 'The request body is too large.'),
  invalid_request: said(400, INVALID, 'invalid_value', () => 'Invalid value in the request.'),
  context_length: said(
    400,
    INVALID,
    'context_length_exceeded',
    ({ limit, wanted }) =>
      `This model's maximum context length is ${limit ?? 128_000} tokens.${wanted === undefined ? '' : ` However, your messages resulted in ${wanted} tokens.`} Please reduce the length of the messages.`,
    'messages',
  ),
  content_policy: said(
    400,
    INVALID,
    'invalid_prompt',
    () =>
      'Invalid prompt: your prompt was flagged as potentially violating our usage policy. Please try again with a different prompt.',
  ),
}

export const openai: Native = {
  id: 'openai',
  summary: 'OpenAI: type, code and param; limits as x-ratelimit-* with Go durations.',
  host: 'api.openai.com',
  slugs: [],
  says,
  clear: {
    rate_limited: 'rate_limit_exceeded rate_limit_error requests tokens slow_down',
    overloaded: 'server_is_overloaded service_unavailable_error engine_overloaded',
    bad_gateway: 'cf_bad_gateway',
    authentication: 'invalid_api_key',
    payment_required: 'insufficient_quota credit_balance_exhausted billing_hard_limit_reached',
    permission_denied: 'request_forbidden unsupported_country_region_territory',
    not_found: 'model_not_found',
    request_timeout: 'request_timeout',
    payload_too_large: 'payload_too_large',
    context_length: 'context_length_exceeded',
    content_policy: 'content_policy_violation invalid_prompt cyber_policy',
  },
  vague: { server_error: 'server_error', gateway_timeout: 'timeout', invalid_request: 'invalid_request_error' },
  jsonType: 'application/json',
  body: (failed) => JSON.stringify({ error: openaiError(failed.message, says[failed.class]) }),
  headers: (occasion, failed) => ({
    ...(failed?.class !== 'bad_gateway' && openaiHeaders(occasion)), // Its edge does not know the request.
    ...cloudflare(occasion),
  }),
  hint: plainHint,
  limits: openaiLimits,
}

/** The `error` object. */
function openaiError(message: string, { type, param, code }: Omit<Said, keyof Saying>): object {
  return { message, type, param, code }
}

function openaiHeaders({ id }: Occasion): Record<string, string> {
  return {
    'x-request-id': `req_${id}`,
    'openai-organization': 'squall',
    'openai-processing-ms': '212',
    'openai-version': '2020-10-01',
  }
}
