/**
 * xAI: a flat `{ code, error }` of two pieces of prose. Spent credits are a 429, and nothing but the prose tells them
 * from a rate limit. Sources: docs.x.ai; bodies as quoted in continue#10373 and sub2api#4069.
 */
import { openaiLimits, plainHint, uuid, type Native, type ProviderClass, type Saying } from './_native.ts'

interface Said extends Saying {
  readonly code: string
}

const said = (status: number, code: string, words: Saying['words']): Said => ({ status, code, words })

const BAD = 'Client specified an invalid argument'

const says: Readonly<Record<ProviderClass, Said>> = {
  rate_limited: said(
    429,
    'Some resource has been exhausted',
    ({ model }) => `Too many requests for model ${model}. Your team has reached its rate limit.`,
  ),
  overloaded: said(503, 'The service is currently unavailable', () => 'The model is currently at capacity.'),
  server_error: said(500, 'Internal error', () => 'Internal server error'),
  bad_gateway: said(502, 'Bad gateway', () => 'Bad gateway'),
  gateway_timeout: said(504, 'Deadline expired before operation could complete', () => 'Timeout'),
  authentication: said(
    401,
    'Unauthenticated',
    () => 'Incorrect API key provided: xa***ck. You can obtain an API key from https://console.x.ai.',
  ),
  payment_required: said(
    429,
    'Some resource has been exhausted',
    () =>
      `Your team ${uuid('squall')} has either used all available credits or reached its monthly spending limit. To continue making API requests, please purchase more credits or raise your spending limit.`,
  ),
  permission_denied: said(
    403,
    'The caller does not have permission to execute the specified operation',
    () => 'Your API key is not allowed to use this endpoint.',
  ),
  not_found: said(
    404,
    'Some requested entity was not found',
    ({ model }) => `The model ${model} does not exist or your team does not have access to it.`,
  ),
  request_timeout: said(408, 'Request timeout', () => 'Request timed out'),
  payload_too_large: said(413, BAD, () => 'Request body is too large'),
  invalid_request: said(400, BAD, () => 'Invalid request content.'),
  context_length: said(
    400,
    BAD,
    ({ limit, wanted }) =>
      `This model's maximum prompt length is ${limit ?? 131_072} but the request contains ${wanted ?? 'more'} tokens.`,
  ),
  content_policy: said(403, BAD, () => 'Content violates usage guidelines.'),
}

export const xai: Native = {
  id: 'xai',
  summary: 'xAI: two pieces of prose; only the words tell spent credits from a rate limit.',
  host: 'api.x.ai',
  slugs: ['x-ai'],
  says,
  clear: {},
  vague: {},
  jsonType: 'application/json',
  body: ({ class: name, message }) => JSON.stringify({ code: says[name].code, error: message }),
  headers: ({ id }) => ({ 'x-request-id': uuid(id), 'x-zero-data-retention': 'true' }),
  hint: plainHint,
  limits: openaiLimits,
}
