/**
 * Groq: OpenAI's shape with fewer keys, and other statuses: one request above a minute's tokens is a 413. Requests are
 * limited per day, tokens per minute; Retry-After comes with 429 alone. Sources: console.groq.com/docs/errors and
 * rate-limits; messages as quoted in aider#3265, farfalle#107, ai_automation_suggester#61.
 */
import {
  cloudflare,
  coded,
  figures,
  openaiLimits,
  plainHint,
  tryAgain,
  type CodedSaying,
  type LimitSaid,
  type Native,
  type ProviderClass,
} from './_native.ts'

const INVALID = 'invalid_request_error'

const says: Readonly<Record<ProviderClass, CodedSaying>> = {
  rate_limited: coded(
    429,
    'requests',
    'rate_limit_exceeded',
    (facts) =>
      `Rate limit reached for model \`${facts.model}\` in organization \`org_squall\` service tier \`on_demand\` on requests per minute (RPM)${figures(facts)}.${tryAgain(facts.retryAfterMs)} Need more tokens? Upgrade to Dev Tier today at https://console.groq.com/settings/billing`,
  ),
  overloaded: coded(
    503,
    'internal_server_error',
    'over_capacity',
    ({ model }) => `${model} is currently over capacity. Please try again and back off exponentially.`,
  ),
  server_error: coded(500, 'internal_server_error', null, () => 'Internal Server Error'),
  bad_gateway: coded(502, 'internal_server_error', null, () => 'Bad Gateway'),
  gateway_timeout: coded(504, 'internal_server_error', null, () => 'Gateway Timeout'),
  authentication: coded(401, INVALID, 'invalid_api_key', () => 'Invalid API Key'),
  payment_required: coded(402, INVALID, 'billing_required', () => 'Your organization has no payment method on file.'),
  permission_denied: coded(
    403,
    'permissions_error',
    null,
    () => 'The model is blocked at the organization level. Please have the org admin enable it.',
  ),
  not_found: coded(
    404,
    INVALID,
    'model_not_found',
    ({ model }) => `The model \`${model}\` does not exist or you do not have access to it.`,
  ),
  request_timeout: coded(408, INVALID, null, () => 'Request timed out'),
  payload_too_large: coded(413, INVALID, 'request_too_large', () => 'Request Entity Too Large'),
  invalid_request: coded(400, INVALID, null, () => "'messages' : minimum number of items is 1"),
  context_length: coded(
    400,
    INVALID,
    'context_length_exceeded',
    () => 'Please reduce the length of the messages or completion.',
  ),
  content_policy: coded(
    400,
    INVALID,
    'content_policy_violation',
    () => 'The prompt was rejected by the content policy.',
  ),
}

export const groq: Native = {
  id: 'groq',
  summary: 'Groq: OpenAI’s shape; requests limited per day, tokens per minute, a 413 for one request above them.',
  host: 'api.groq.com',
  slugs: [],
  says,
  clear: {
    rate_limited: 'rate_limit_exceeded',
    overloaded: 'over_capacity capacity_exceeded',
    permission_denied: 'permissions_error',
    payment_required: 'billing_required',
    not_found: 'model_not_found model_decommissioned',
    context_length: 'context_length_exceeded',
    content_policy: 'content_policy_violation',
  },
  vague: {
    server_error: 'internal_server_error',
    invalid_request: 'invalid_request_error tool_use_failed json_validate_failed',
  },
  jsonType: 'application/json',
  body({ class: name, message }) {
    const { type, code } = says[name]
    return JSON.stringify({ error: { message, type, ...(code !== null && { code }) } })
  },
  headers: (occasion) => ({
    'x-request-id': `req_01${occasion.id.replaceAll(/[^a-z0-9]/gi, '')}`,
    'x-groq-region': 'us-west-1',
    via: '1.1 google',
    ...cloudflare(occasion),
  }),
  hint: plainHint,
  limits: ({ requests, tokens }) => openaiLimits({ requests: perDay(requests), tokens }),
}

const MINUTES_A_DAY = 1_440

/** What an endpoint counts by the minute, this provider publishes by the day. */
function perDay({ limit, remaining, resetMs }: LimitSaid): LimitSaid {
  return {
    ...(limit !== undefined && { limit: limit * MINUTES_A_DAY }),
    ...(limit !== undefined && remaining !== undefined && { remaining: limit * (MINUTES_A_DAY - 1) + remaining }),
    ...(resetMs !== undefined && { resetMs }),
  }
}
