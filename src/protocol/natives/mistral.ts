/**
 * Mistral: a flat `{ object: "error", message, type, param, code, raw_status_code }` whose code is a number as a string;
 * validation is FastAPI's `detail`. Limits are told per minute, under names of their own. Sources: docs.mistral.ai;
 * bodies as quoted in raycast/extensions#31107, cline#9085, continue#6185, eca#233.
 */
import { coded, plainHint, uuid, type CodedSaying, type LimitSaid, type Native, type ProviderClass } from './_native.ts'

const says: Readonly<Record<ProviderClass, CodedSaying>> = {
  rate_limited: coded(429, 'rate_limited', '1300', () => 'Rate limit exceeded'),
  overloaded: coded(503, 'unreachable_backend', '1100', () => 'Service unavailable.'),
  server_error: coded(500, 'internal_server_error', '1000', () => 'Service unavailable.'),
  bad_gateway: coded(502, 'unreachable_backend', null, () => 'Bad gateway'),
  gateway_timeout: coded(504, 'unreachable_backend', null, () => 'The upstream server is timing out'),
  authentication: coded(401, 'unauthorized', null, () => 'Unauthorized'),
  payment_required: coded(402, 'payment_required', null, () => 'Payment required'),
  permission_denied: coded(403, 'forbidden', null, () => 'Forbidden'),
  not_found: coded(404, 'invalid_model', '1500', ({ model }) => `Invalid model: ${model}`),
  request_timeout: coded(408, 'request_timeout', null, () => 'Request timeout'),
  payload_too_large: coded(413, 'invalid_request', null, () => 'Request size limit exceeded'),
  invalid_request: coded(422, 'invalid_request_error', null, () => 'Field required'),
  context_length: coded(
    400,
    'invalid_request_prompt',
    '3051',
    ({ limit, wanted }) =>
      `Prompt contains ${wanted ?? 'too many'} tokens, too large for model with ${limit ?? 32_768} maximum context length`,
  ),
  content_policy: coded(403, 'content_policy_violation', null, () => 'The request was flagged by our moderation.'),
}

export const mistral: Native = {
  id: 'mistral',
  summary: 'Mistral: one flat object with a numeric code as a string; limits per minute under names of its own.',
  host: 'api.mistral.ai',
  slugs: ['mistralai'],
  says,
  clear: {
    rate_limited: 'rate_limited 1300 service_tier_capacity_exceeded 3505',
    overloaded: '1100',
    authentication: 'unauthorized',
    payment_required: 'payment_required',
    permission_denied: 'forbidden',
    not_found: 'invalid_model 1500',
    context_length: '3051',
    content_policy: 'content_policy_violation',
  },
  vague: {
    server_error: 'internal_server_error 1000',
    overloaded: 'unreachable_backend',
    invalid_request:
      'invalid_request invalid_request_error invalid_request_message_order invalid_function_call 3230 3280',
  },
  jsonType: 'application/json',
  body({ class: name, message }, status, { id }) {
    if (name === 'authentication') return JSON.stringify({ message, request_id: uuid(id) })
    if (name === 'invalid_request') {
      return JSON.stringify({ detail: [{ type: 'missing', loc: ['body', 'messages'], msg: message, input: null }] })
    }
    const { type, code } = says[name]
    return JSON.stringify({ object: 'error', message, type, param: null, code, raw_status_code: status })
  },
  headers: ({ id }) => ({
    'mistral-correlation-id': uuid(id),
    'x-kong-request-id': uuid(`${id}k`),
    'x-envoy-upstream-service-time': '212',
  }),
  hint: plainHint,
  limits: ({ requests, tokens }) => ({ ...both('req', requests), ...both('tokens', tokens) }),
}

function both(unit: string, { limit, remaining }: LimitSaid): Record<string, string> {
  return {
    ...(limit !== undefined && { [`x-ratelimit-limit-${unit}-minute`]: String(limit) }),
    ...(remaining !== undefined && { [`x-ratelimit-remaining-${unit}-minute`]: String(remaining) }),
  }
}
