/**
 * Azure OpenAI: `{ error: { code, message } }` of its own gateway, whose code is a status as a string or a word, and
 * OpenAI's body for what the model server says. A filtered prompt has an innererror. Retry-After comes twice, in seconds
 * and in milliseconds. Sources: learn.microsoft.com Azure OpenAI quota and content-filter pages; compl-ai#20, helm#3327.
 */
import { retryAfterHeaders } from '../retry-after.ts'
import { openai } from './openai.ts'
import { openaiLimits, uuid, type Native, type Occasion, type ProviderClass, type Saying } from './_native.ts'

interface Said extends Saying {
  /** Null: OpenAI's body. */
  readonly code: string | null
}

const said = (status: number, code: string | null, words: Saying['words']): Said => ({ status, code, words })
const quoted = (name: ProviderClass): Said => ({ ...openai.says[name], code: null })

const says: Readonly<Record<ProviderClass, Said>> = {
  rate_limited: said(
    429,
    '429',
    ({ retryAfterMs }) =>
      `Requests to the ChatCompletions_Create Operation under Azure OpenAI API version 2024-10-21 have exceeded token rate limit of your current OpenAI S0 pricing tier.${retryAfterMs === null || retryAfterMs === undefined ? '' : ` Please retry after ${Math.ceil(retryAfterMs / 1000)} seconds.`} Please go here: https://aka.ms/oai/quotaincrease if you would like to further increase the default rate limit.`,
  ),
  overloaded: quoted('overloaded'),
  server_error: said(500, 'InternalServerError', openai.says.server_error.words),
  bad_gateway: said(502, '502', () => 'Bad gateway'),
  gateway_timeout: said(504, '504', () => 'Gateway timeout'),
  authentication: said(
    401,
    '401',
    () =>
      'Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an active subscription and use a correct regional API endpoint for your resource.',
  ),
  payment_required: quoted('payment_required'),
  permission_denied: said(403, '403', () => 'Access denied due to Virtual Network/Firewall rules.'),
  not_found: said(
    404,
    'DeploymentNotFound',
    () =>
      'The API deployment for this resource does not exist. If you created the deployment within the last 5 minutes, please wait a moment and try again.',
  ),
  request_timeout: said(408, 'Timeout', () => 'The operation was timeout.'),
  payload_too_large: said(413, '413', () => 'Request body is too large.'),
  invalid_request: quoted('invalid_request'),
  context_length: quoted('context_length'),
  content_policy: said(
    400,
    'content_filter',
    () =>
      "The response was filtered due to the prompt triggering Azure OpenAI's content management policy. Please modify your prompt and retry.",
  ),
}

export const azure: Native = {
  id: 'azure',
  summary: 'Azure OpenAI: its gateway answers with a code alone, filters with an innererror, and hints twice.',
  host: 'squall.openai.azure.com',
  slugs: ['azure-openai', 'microsoft'],
  says,
  clear: {
    not_found: 'DeploymentNotFound',
    request_timeout: 'Timeout',
    content_policy: 'content_filter',
  },
  vague: { server_error: 'InternalServerError' },
  jsonType: 'application/json',
  body(failed, status, occasion) {
    const { code } = says[failed.class]
    if (code === null) return openai.body(failed, status, occasion)
    const { message } = failed
    if (failed.class !== 'content_policy') return JSON.stringify({ error: { code, message } })
    return JSON.stringify({ error: { message, type: null, param: 'prompt', code, status, innererror: FILTERED } })
  },
  headers: ({ id }) => ({
    'apim-request-id': uuid(id),
    'x-request-id': uuid(`${id}x`),
    'x-ms-region': 'East US',
    'azureml-model-session': 'squall',
  }),
  hint: (ms, form, { atSeconds }: Occasion) =>
    form === 'date'
      ? retryAfterHeaders(ms, form, atSeconds)
      : { 'retry-after': String(Math.ceil(ms / 1000)), 'retry-after-ms': String(roundedMs(ms, form)) },
  limits: openaiLimits,
}

/** Whole seconds stay whole in both. */
function roundedMs(ms: number, form: 'seconds' | 'milliseconds'): number {
  return form === 'seconds' ? Math.ceil(ms / 1000) * 1000 : Math.ceil(ms)
}

const SAFE = { filtered: false, severity: 'safe' }
const FILTERED = {
  code: 'ResponsibleAIPolicyViolation',
  content_filter_result: {
    hate: SAFE,
    jailbreak: { filtered: false, detected: false },
    self_harm: SAFE,
    sexual: SAFE,
    violence: { filtered: true, severity: 'medium' },
  },
}
