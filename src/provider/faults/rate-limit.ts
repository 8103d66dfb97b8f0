/**
 * Rate limits: real buckets that are smaller than usual, or a phantom: 429 while the headers say there is plenty left
 * (OpenAI, 2026-06-03: a rate-limit dependency was unhealthy).
 *
 * Several buckets may be set at once; a request is admitted when all of them can pay. Tokens are counted as providers
 * count them at the door: what is asked for, `max_tokens` included, whether or not it will be used.
 */
import { z } from 'zod'
import { count, duration, MINUTE, type Millis } from '../../base/index.ts'
import type { AttemptHandle } from '../../protocol/index.ts'
import { defineFault } from '../fault.ts'
import { hinted, hintParams } from '../hint.ts'
import { Bucket } from '../limits.ts'
import { strikeError, turnAway } from '../refusal.ts'
import { PerScope, scopeParam } from '../scope.ts'
import { breakAfter, isWhole } from '../service.ts'

/** A quota that shrinks in the middle of traffic is all but used up: so much of a window is left. */
const INITIAL_SHARE = 1 / 12

const perMinute = (description: string, example: number) =>
  count({ min: 1 })
    .optional()
    .meta({ description, examples: [example] })

const LIMITS = [
  'requests_per_minute',
  'tokens_per_minute',
  'input_tokens_per_minute',
  'output_tokens_per_minute',
] as const

export const rateLimit = defineFault({
  kind: 'rate_limit',
  summary: 'Too many requests: a tighter bucket, or a 429 that no limit explains.',
  layer: 'limit',
  sees: '429 with the native body, rate-limit headers and a Retry-After in one of its forms, or none.',
  params: {
    mode: z.enum(['bucket', 'phantom', 'in_stream']).default('bucket').meta({
      description:
        '`bucket`: only what exceeds a limit. `phantom`: regardless of any limit; needs no bucket. `in_stream`: the same, as an error event after the 200.',
    }),
    requests_per_minute: perMinute('Requests.', 300),
    tokens_per_minute: perMinute('Prompt and declared `max_tokens` together.', 60_000),
    input_tokens_per_minute: perMinute('Prompt tokens.', 40_000),
    output_tokens_per_minute: perMinute('Declared `max_tokens`.', 8_000),
    cached_exempt: z
      .boolean()
      .default(false)
      .meta({ description: 'Prompt tokens that an earlier turn of the conversation has sent do not count.' }),
    window: duration({ min: 100, max: MINUTE })
      .prefault('60s')
      .meta({
        description: 'The limit holds in every window so long: bursts longer than it are cut.',
        examples: ['1s'],
      }),
    scope: scopeParam,
    ...hintParams,
    hint: duration({ min: 1_000 })
      .prefault('5s')
      .meta({ description: 'The hint of a phantom. A bucket says when it can pay.', examples: ['5s'] }),
  },
  example: '{ at: 90s, for: 60s, on: { provider: anthropic }, fault: rate_limit, requests_per_minute: 300 }',
  ramps: 'share',
  gateway: true,
  variants: [
    {
      id: 'rl.rpm',
      summary: 'A limit per minute that is held every second.',
      with: { mode: 'bucket', window: '1s' },
      ask: { requests_per_minute: 300 },
      sees: '429 earlier than the budget of the minute suggests.',
      expect: 'Requests are spread evenly, not only counted.',
      seen: 'Azure OpenAI quota pages (1 s and 10 s windows), Microsoft Dev Proxy',
    },
    {
      id: 'rl.tpm_reserved',
      summary: 'Tokens are reserved at the door: the declared `max_tokens` count, used or not.',
      with: { mode: 'bucket' },
      ask: { tokens_per_minute: 20_000 },
      sees: '429 although few tokens were generated.',
      expect: 'A realistic `max_tokens`, and headroom counted as the provider counts it.',
      seen: 'Azure OpenAI quota pages',
    },
    {
      id: 'rl.itpm_otpm',
      summary: 'Separate buckets for what is read and what is written; what is cached is free.',
      with: { mode: 'bucket', cached_exempt: true },
      ask: { input_tokens_per_minute: 40_000, output_tokens_per_minute: 8_000 },
      sees: '429 from whichever bucket is empty first.',
      expect: 'Headroom is read from the right bucket.',
      seen: 'Anthropic rate limits (ITPM, OTPM)',
    },
    ...(
      [
        ['seconds', 'in whole seconds', 'Wait that long, with jitter on top.', 'RFC 9110; Anthropic'],
        ['milliseconds', 'as `retry-after-ms`', 'Read it before `retry-after`.', 'openai/openai-dotnet#838; Azure'],
        ['date', 'as an HTTP-date', 'Read it against the answer’s own Date.', 'RFC 9110; Vertex, gateways'],
        ['zero', '`0`: at once', 'A floor under the wait; no hot loop.', 'openai/openai-dotnet#838'],
        ['negative', '`-1`', 'As if it were missing.', 'openai/openai-dotnet#838'],
        ['none', 'missing', 'Back-off of one’s own.', 'Google Gemini; decolua/9router, OmniRoute'],
        [
          'huge',
          'a day',
          'A cap on the wait; the next endpoint meanwhile.',
          'lidge-jun/opencodex#4024; Anthropic OAuth 7999 s',
        ],
        ['garbage', 'a word', 'As if it were missing; no crash.', 'openai/openai-dotnet#838'],
      ] as const
    ).map(([form, words, expect, seen]) => ({
      id: `rl.retry_after.${form}`,
      summary: `429 with a Retry-After that is ${words}.`,
      with: { mode: 'phantom', retry_after: form },
      sees: `429, the hint when to come back ${words}.`,
      expect,
      seen,
    })),
    {
      id: 'pattern.clock_skew',
      summary: 'The clock that writes the Retry-After date is a minute and a half ahead.',
      with: { mode: 'phantom', retry_after: 'date', skew: '90s' },
      sees: '429 with a date that is later than meant.',
      expect: 'Relative time where there is any, and a cap on the wait.',
      seen: 'Follows from HTTP-dates; RFC 9110 §10.2.3',
    },
    {
      id: 'rl.phantom',
      summary: 'Turned away although the headers say that there is plenty left.',
      with: { mode: 'phantom' },
      sees: '429 with requests remaining.',
      expect: 'A short retry or the next endpoint; the breaker stays closed.',
      seen: 'OpenAI 2026-06-03, tombii/better-ccflare#375, googleapis/js-genai#1364',
    },
    {
      id: 'rl.shared_org_bucket',
      summary: 'Everything that the fault is on drains one bucket.',
      with: { mode: 'bucket', scope: 'target' },
      ask: { tokens_per_minute: 20_000 },
      sees: '429 at one endpoint because of what was sent to another.',
      expect: 'No failing over inside the bucket.',
      seen: 'manaflow-ai/subrouter#49',
    },
    {
      id: 'rl.region_bucket',
      summary: 'One region is out of tokens, the others are not.',
      with: { mode: 'bucket', scope: 'region' },
      ask: { tokens_per_minute: 20_000 },
      sees: '429 in one region.',
      expect: 'Spill over to another region.',
      seen: 'manaflow-ai/subrouter#61 (86 % of calls), danny-avila/LibreChat#2712',
    },
    {
      id: 'rl.as_200_stream_error',
      summary: 'The limit is noticed when the stream has begun.',
      with: { mode: 'in_stream' },
      sees: '200, some tokens, and then a rate-limit error as an event.',
      expect: 'The next endpoint while nothing was shown; otherwise a typed error. No splice.',
      seen: 'Wei-Shaw/sub2api#991, BerriAI/litellm#38606',
    },
  ],
  misfit: (params) =>
    params.mode === 'bucket' && LIMITS.every((name) => params[name] === undefined)
      ? { message: 'a bucket needs a limit', fix: 'add "requests_per_minute: 300", or say "mode: phantom"' }
      : null,
  label: (params) =>
    params.mode === 'bucket'
      ? LIMITS.flatMap((name) =>
          params[name] === undefined
            ? []
            : [`${params[name]} ${name.replace('_per_minute', '/min').replace('_', ' ')}`],
        ).join(', ')
      : `${params.mode.replace('_', '-')} 429`,
  begin(params) {
    const { mode, window, scope, hint, cached_exempt: isCachedExempt } = params
    if (mode === 'in_stream') {
      return {
        onScript: (script, strike) =>
          script.stream && isWhole(script)
            ? breakAfter(script, strike.rng.next(), [
                strikeError(strike, 'rate_limited', { status: null, where: 'stream' }),
              ])
            : null,
      }
    }
    const bucketsOf = (now: Millis) =>
      LIMITS.map((name) => {
        const limit = params[name]
        if (limit === undefined) return null
        const capacity = Math.max(1, (limit * window) / MINUTE)
        return new Bucket(limit, now, Math.max(1, capacity * INITIAL_SHARE), capacity)
      })
    const buckets = new PerScope(scope, () => ({ now: null as (Bucket | null)[] | null }))
    return {
      onAdmit(strike) {
        const { attempt, endpoint, now } = strike
        if (mode === 'phantom') {
          const said = hinted(hint, params)
          return turnAway(strike, 'rate_limited', {
            status: 429,
            ...said,
            headers: { 'x-ratelimit-remaining-requests': '4999', ...said.headers },
          })
        }
        const shared = buckets.of(endpoint)
        const all = (shared.now ??= bucketsOf(now))
        const wanted = wantedBy(attempt, isCachedExempt)
        let wait = 0
        all.forEach((bucket, index) => {
          if (bucket) wait = Math.max(wait, bucket.waitMs(wanted[index] as number, now))
        })
        if (wait === 0) {
          all.forEach((bucket, index) => bucket?.take(wanted[index] as number, now))
          return null
        }
        const said = hinted(wait, params)
        return turnAway(strike, 'rate_limited', {
          status: 429,
          ...said,
          headers: { 'x-ratelimit-remaining-requests': '0', ...said.headers },
        })
      },
    }
  },
})

/** What a request takes from each of LIMITS. */
function wantedBy({ request }: AttemptHandle, isCachedExempt: boolean): readonly number[] {
  const output = request.maxTokens ?? 0
  // A prompt that was compressed may be shorter than what the turn before sent.
  const input = Math.max(0, request.inputTokens - (isCachedExempt ? (request.session?.prefixTokens ?? 0) : 0))
  return [1, request.inputTokens + output, input, output]
}
