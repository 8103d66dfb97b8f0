/**
 * Rate limits: a real bucket that is smaller than usual, or a phantom: 429 while the headers say there is plenty left
 * (OpenAI, 2026-06-03: a rate-limit dependency was unhealthy).
 */
import { z } from 'zod'
import { count, duration, SECOND, type Millis } from '../../base/index.ts'
import { CONNECTED, type RetryAfterForm } from '../../protocol/index.ts'
import { defineFault, type Refusal, type Strike } from '../fault.ts'
import { strikeError } from '../refusal.ts'
import { Bucket } from '../limits.ts'

/** A quota that shrinks in the middle of traffic is all but used up: so much of a minute is left. */
const INITIAL_SHARE = 1 / 12

export const rateLimit = defineFault({
  kind: 'rate_limit',
  summary: 'Too many requests: a tighter bucket, or a 429 that no limit explains.',
  layer: 'limit',
  sees: '429 with the native body, rate-limit headers and a Retry-After in seconds, as a date, or none.',
  params: {
    mode: z.enum(['bucket', 'phantom']).default('bucket').meta({
      description: '`bucket`: only what exceeds the limit. `phantom`: regardless of any limit; needs no bucket.',
    }),
    requests_per_minute: count({ min: 1 })
      .optional()
      .meta({ examples: [300] }),
    tokens_per_minute: count({ min: 1 })
      .optional()
      .meta({ examples: [60000] }),
    retry_after: z
      .enum(['seconds', 'date', 'none'])
      .default('seconds')
      .meta({ description: 'How the hint is written.' }),
    hint: duration({ min: 1_000 })
      .prefault('5s')
      .meta({ description: 'The hint of a phantom. A bucket says when it can pay.', examples: ['5s'] }),
  },
  example: '{ at: 90s, for: 60s, on: { provider: anthropic }, fault: rate_limit, requests_per_minute: 300 }',
  ramps: 'share',
  variants: [
    {
      id: 'rl.phantom',
      summary: 'Turned away although the headers say that there is plenty left.',
      with: { mode: 'phantom' },
      sees: '429 with requests remaining.',
      expect: 'A short retry or the next endpoint; the breaker stays closed.',
      seen: 'OpenAI 2026-06-03, tombii/better-ccflare#375, googleapis/js-genai#1364',
    },
  ],
  misfit: ({ mode, requests_per_minute: rpm, tokens_per_minute: tpm }) =>
    mode === 'bucket' && rpm === undefined && tpm === undefined
      ? { message: 'a bucket needs a limit', fix: 'add "requests_per_minute: 300", or say "mode: phantom"' }
      : null,
  label: ({ mode, requests_per_minute: rpm, tokens_per_minute: tpm }) =>
    mode === 'phantom' ? 'phantom 429' : rpm !== undefined ? `${rpm} requests/min` : `${tpm ?? 0} tokens/min`,
  begin({ mode, requests_per_minute: rpm, tokens_per_minute: tpm, retry_after: form, hint }) {
    const buckets = new Map<string, { requests: Bucket | null; tokens: Bucket | null }>()
    const small = (perMinute: number | undefined, now: Millis): Bucket | null =>
      perMinute === undefined ? null : new Bucket(perMinute, now, Math.max(1, perMinute * INITIAL_SHARE))
    return {
      onAdmit(strike) {
        const { attempt, endpoint, now } = strike
        if (mode === 'phantom') return refusal(strike, form, hint, { 'x-ratelimit-remaining-requests': '4999' })
        let bucket = buckets.get(endpoint.provider)
        if (!bucket) buckets.set(endpoint.provider, (bucket = { requests: small(rpm, now), tokens: small(tpm, now) }))
        const tokens = attempt.request.inputTokens + (attempt.request.maxTokens ?? 0)
        const wait = Math.max(bucket.requests?.waitMs(1, now) ?? 0, bucket.tokens?.waitMs(tokens, now) ?? 0)
        if (wait > 0) return refusal(strike, form, wait, { 'x-ratelimit-remaining-requests': '0' })
        bucket.requests?.take(1, now)
        bucket.tokens?.take(tokens, now)
        return null
      },
    }
  },
})

/** Headers speak whole seconds, so the hint is one in both clocks. */
function refusal(
  strike: Strike,
  form: RetryAfterForm | 'none',
  waitMs: Millis,
  headers: Record<string, string>,
): Refusal {
  const retryAfterMs = form === 'none' ? null : Math.ceil(waitMs / SECOND) * SECOND
  const hint = form === 'none' ? {} : { retryAfterMs, retryAfterForm: form }
  return { signals: [CONNECTED, strikeError(strike, 'rate_limited', { status: 429, ...hint, headers })] }
}
