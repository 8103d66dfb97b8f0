/**
 * HTTP errors: any status, in the provider's own words or in those of whatever stands in front of it; late, empty,
 * wrapped in another error, under a status that hides it, or under a 200.
 */
import { z } from 'zod'
import { duration, type Millis } from '../../base/index.ts'
import { ACCEPTED, classOfStatus, CONNECTED, EDGES, type Failed, type Signal } from '../../protocol/index.ts'
import { defineFault, type FaultVariant, type Strike } from '../fault.ts'
import { strikeError } from '../refusal.ts'
import { isWhole } from '../service.ts'

const STATUSES = [
  400, 401, 402, 403, 404, 408, 409, 413, 422, 425, 429, 498, 499, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529, 530,
] as const // prettier-ignore

const ERRORS = ['rate_limited', 'overloaded', 'server_error', 'context_length', 'not_found', 'authentication'] as const

/** Statuses under which the words of every provider still tell what it is: its usual ones, and those that mask it. */
const TOLD_UNDER: Readonly<Record<(typeof ERRORS)[number], readonly number[]>> = {
  rate_limited: [429, 500, 502, 503],
  overloaded: [503, 529],
  server_error: [500],
  context_length: [400, 403, 422, 500, 502, 503],
  not_found: [400, 404, 429],
  authentication: [401],
}

const VARIANTS: readonly FaultVariant[] = [
  {
    id: 'http.5xx',
    summary: 'A server error in the provider’s own words.',
    with: { status: 500 },
    sees: '500 with the native body.',
    expect: 'Try again, or the next endpoint.',
    seen: 'Every provider’s error page; OpenAI 2025-06-10',
  },
  {
    id: 'http.529_overloaded',
    summary: 'Overloaded, under Anthropic’s own status.',
    with: { status: 529 },
    sees: '529 with the native body (Anthropic: overloaded_error).',
    expect: 'Overload, not an unknown 5xx: back off, or go elsewhere.',
    seen: 'BerriAI/litellm#5512, anthropics/claude-code#35777',
  },
  {
    id: 'http.slow_error',
    summary: 'Twenty seconds of silence, and then a 500.',
    with: { status: 500, delay: '20s' },
    sees: 'Nothing for 20 s, then a 500.',
    expect: 'The deadline of an attempt is shorter than that of the request.',
    seen: 'deepankarm/agent-chaos README',
  },
  {
    id: 'http.html_error',
    summary: 'An edge answers with its own page.',
    with: { status: 502, body: 'cloudflare' },
    sees: '502 with text/html in the manner of Cloudflare.',
    expect: 'No JSON parser crashes; it counts as a 502.',
    seen: 'QuantumNous/new-api#556, openwhyd/openwhyd#839, TriliumNext/Trilium#11628',
  },
  {
    id: 'http.html_error.timeout',
    summary: 'An edge gives up waiting, in fifteen bytes.',
    with: { status: 524, body: 'cloudflare_text' },
    sees: '524 with text/plain `error code: 524`.',
    expect: 'A timeout of theirs: go elsewhere.',
    seen: 'fatwang2/search2ai#12',
  },
  {
    id: 'http.html_error.banned',
    summary: 'An edge limits the rate, not the provider.',
    with: { status: 429, body: 'cloudflare_1015' },
    sees: '429 with an HTML page, Error 1015, and no Retry-After.',
    expect: 'A rate limit like any other, with a back-off of one’s own.',
    seen: 'Cloudflare Error 1015',
  },
  {
    id: 'http.html_error.nginx',
    summary: 'A reverse proxy gives up waiting.',
    with: { status: 504, body: 'nginx' },
    sees: '504 with nginx’s page.',
    expect: 'A timeout of theirs: go elsewhere.',
    seen: 'nginx’s own page, `504 Gateway Time-out`',
  },
  {
    id: 'http.html_error.alb',
    summary: 'A load balancer has nobody behind it.',
    with: { status: 503, body: 'alb' },
    sees: '503 with the page of an AWS load balancer.',
    expect: 'Overload: back off, or go elsewhere.',
    seen: 'AWS ELB’s own page',
  },
  {
    id: 'http.html_error.envoy',
    summary: 'A mesh cannot reach the provider.',
    with: { status: 503, body: 'envoy' },
    sees: '503 with Envoy’s line of text.',
    expect: 'Overload: back off, or go elsewhere.',
    seen: 'Envoy’s own text, `upstream connect error`',
  },
  {
    id: 'http.html_error.google',
    summary: 'Google’s front end answers for what is behind it.',
    with: { status: 502, body: 'google_front_end' },
    sees: '502 with Google’s page.',
    expect: 'It counts as a 502.',
    seen: 'Google’s own page, `Error 502 (Server Error)!!1`',
  },
  {
    id: 'http.empty_body_error',
    summary: 'A server error without a body.',
    with: { status: 502, body: 'empty' },
    sees: '502 and no byte more.',
    expect: 'The status decides.',
    seen: 'Miosa-osa/OSA#254',
  },
  {
    id: 'http.200_with_error',
    summary: 'An error under a status that says that all is well.',
    with: { error: 'overloaded', with_200: true },
    sees: '200 with the native error body where an answer should be.',
    expect: 'A failure, not a success.',
    seen: 'OpenRouter errors page, nodetool-ai/nodetool#5755, maximhq/bifrost#5425, BerriAI/litellm#32237',
  },
  {
    id: 'http.masked_status',
    summary: 'A rate limit shown as a bad gateway.',
    with: { error: 'rate_limited', status: 502 },
    sees: '502 whose body says 429.',
    expect: 'The words inside decide: a rate limit is no outage.',
    seen: 'kortix-ai/suna#5986, Lore-Hex/quill-router#287',
  },
  {
    id: 'http.masked_status.404_as_429',
    summary: 'A missing model shown as a rate limit.',
    with: { error: 'not_found', status: 429 },
    sees: '429 whose body says that there is no such model.',
    expect: 'The words inside decide: waiting brings no model back.',
    seen: 'Lore-Hex/quill-router#287',
  },
  {
    id: 'http.nested_error',
    summary: 'An error quoted as text in an error, twice.',
    with: { error: 'rate_limited', body: 'nested' },
    sees: 'A JSON error whose message is a JSON text whose message is the error.',
    expect: 'Unwrapped: what is innermost counts.',
    seen: 'forgecode#571, tech-shrimp/gemini-balance-lite#7',
  },
  {
    id: 'http.408_409_425.408',
    summary: 'A proxy waited too long for the request.',
    with: { status: 408, body: 'github_proxy' },
    sees: '408 with a line of text.',
    expect: 'It was not processed, so it may be sent again.',
    seen: 'github/app#3386',
  },
  {
    id: 'http.408_409_425.409',
    summary: 'A conflict with another request.',
    with: { status: 409 },
    sees: '409 with the native body.',
    expect: 'It was not processed, so it may be sent again, as official clients do.',
    seen: 'llm-emulator; the retry lists of OpenAI’s and Anthropic’s clients',
  },
  {
    id: 'http.408_409_425.425',
    summary: 'Too early: the server will not risk a replay.',
    with: { status: 425 },
    sees: '425 with the native body.',
    expect: 'It was not processed, so it may be sent again.',
    seen: 'RFC 8470 §5.2',
  },
]

export const httpError = defineFault({
  kind: 'http_error',
  summary: 'An error status: native or an edge’s, late, empty, nested, masked, or under a 200.',
  layer: 'http',
  sees: 'An error status with the body of the provider, or of whoever answers in its place.',
  params: {
    status: z
      .literal(STATUSES)
      .optional()
      .meta({ description: 'Default: the one that the provider uses for `error`, else 503.' }),
    error: z
      .enum(ERRORS)
      .optional()
      .meta({ description: 'What the body says. Default: what the status says. With another status: a masked error.' }),
    body: z
      .enum(['native', 'empty', 'nested', ...EDGES])
      .default('native')
      .meta({ description: '`native`: the provider’s own. `nested`: the same as text in another. Others: an edge’s.' }),
    with_200: z.boolean().default(false).meta({ description: 'Send the same body with status 200.' }),
    delay: duration({ min: 0, max: 600_000 })
      .prefault('0s')
      .meta({ description: 'Silence before it.', examples: ['20s'] }),
    retry_after: duration({ min: 1_000 })
      .optional()
      .meta({ description: 'The hint it sends.', examples: ['5s'] }),
  },
  example: '{ at: 60s, for: 30s, on: { provider: openai }, fault: http_error, status: 502, body: cloudflare }',
  ramps: 'share',
  variants: VARIANTS,
  misfit({ with_200: isMasked, body, status, error }) {
    if (isMasked && body !== 'native') {
      return { message: 'a 200 has the native body', fix: 'leave out "body", or "with_200"' }
    }
    if (isMasked && (error === undefined || error === 'authentication' || error === 'server_error')) {
      return { message: 'under a 200 only words tell the error', fix: 'add "error: overloaded"' }
    }
    if (error === undefined) return null
    if (body !== 'native' && body !== 'nested') {
      return { message: 'whoever answers in the place of the provider does not know its error', fix: 'give a "status"' }
    }
    const told = TOLD_UNDER[error]
    return status !== undefined && !told.includes(status)
      ? {
          message: `not every provider's words tell ${error} under a ${status}`,
          fix: `choose one of ${told.join(', ')}`,
        }
      : null
  },
  label: ({ status, error, with_200: isMasked }) =>
    isMasked
      ? `200 with ${error ?? status ?? 503}`
      : [error, status].filter((part) => part !== undefined).join(' as ') || '503',
  begin({ delay, ...said }) {
    if (delay === 0) return { onAdmit: (strike) => ({ signals: [CONNECTED, ...signalsOf(strike, said)] }) }
    return {
      onScript: (script, strike) =>
        isWhole(script)
          ? { ...script, cues: signalsOf(strike, said).map((signal) => ({ afterMs: delay, signal })) }
          : null,
    }
  },
})

interface Said {
  readonly status?: number | undefined
  readonly error?: (typeof ERRORS)[number] | undefined
  readonly body: Exclude<Failed['written'], undefined> | 'native'
  readonly with_200: boolean
  readonly retry_after?: Millis | undefined
}

function signalsOf(
  strike: Strike,
  { status: given, error, body, with_200: isMasked, retry_after: hint }: Said,
): Signal[] {
  const status = given ?? (error === undefined ? 503 : undefined)
  const errorClass = error ?? classOfStatus(status ?? 503)
  if (isMasked) {
    const failed = strikeError(strike, errorClass, { status: null, where: 'stream' })
    return [{ type: 'quirk', name: 'http.error_with_200' }, ACCEPTED, failed]
  }
  return [
    strikeError(strike, errorClass, {
      ...(status !== undefined && { status }),
      ...(hint !== undefined && { retryAfterMs: hint }),
      ...(body !== 'native' && { written: body }),
    }),
  ]
}
