/**
 * Quotas: so many requests, or so much money, until a day that may be far. They look like rate limits and are none: no
 * back-off outlives them, so whoever tries again only makes noise.
 */
import { z } from 'zod'
import { count, duration, formatDuration, MINUTE, type Millis } from '../../base/index.ts'
import { costOf, raritiesOf, type PriceBook } from '../../protocol/index.ts'
import { defineFault, type Strike } from '../fault.ts'
import { turnAway, strikeError } from '../refusal.ts'
import { PerScope, scopeParam } from '../scope.ts'
import { breakAfter, isWhole, type Script } from '../service.ts'

const NANO = 1e9

const USED_UP = {
  rate_limit: 'You have reached your rate limit.',
  no_credit: 'You exceeded your current quota.',
  spend_cap: 'You exceeded your current quota.',
} as const

interface Spent {
  requests: number
  cost: number
  /** Number of the period that this was spent in. */
  period: number
}

export const quota = defineFault({
  kind: 'quota',
  summary: 'Used up until a day that may be far.',
  layer: 'limit',
  sees: '429, 402 or 400 until the quota is renewed, with a hint, with a date in the text, or with neither.',
  params: {
    requests: count({ min: 0 })
      .optional()
      .meta({ description: 'Requests per period.', examples: [50] }),
    dollars: z
      .number()
      .min(0)
      .optional()
      .meta({ description: 'USD per period, at the endpoint’s prices.', examples: [5] }),
    period: duration({ min: 1_000 })
      .prefault('24h')
      .meta({ description: 'Renewed at every multiple of it, by the clock of the fault.', examples: ['24h'] }),
    shown_as: z.enum(['rate_limit', 'no_credit', 'spend_cap']).default('rate_limit').meta({
      description:
        '`rate_limit`: 429 like any other. `no_credit`: out of quota, in the provider’s words, under `status`. `spend_cap`: the same, and in the middle of a stream too.',
    }),
    status: z
      .literal([400, 402, 403, 429])
      .optional()
      .meta({ description: 'Of the refusal. Default: the provider’s own (OpenAI: 429 for both).', examples: [402] }),
    tell: z.enum(['header', 'text', 'none']).default('header').meta({
      description: 'Where it says when it is renewed: in Retry-After, only in its text, or nowhere.',
    }),
    scope: scopeParam,
  },
  example: '{ at: 30s, for: 5m, on: { provider: openai }, fault: quota, requests: 100, period: 24h }',
  ramps: 'share',
  variants: [
    {
      id: 'rl.daily_free',
      summary: 'The free requests of the day are gone.',
      with: { shown_as: 'rate_limit', period: '24h' },
      ask: { requests: 50 },
      sees: '429 until midnight.',
      expect: 'A cooldown as long as the hint, not a retry.',
      seen: 'Gitlawb/openclaude#936, OpenRouter free models (50 a day)',
    },
    {
      id: 'rl.monthly_quota_as_429',
      summary: 'The quota of the month is gone; the status says too many requests.',
      with: { shown_as: 'no_credit', period: '720h', tell: 'text' },
      ask: { requests: 50 },
      sees: '429 insufficient_quota for weeks (OpenAI; others say 400 or 402).',
      expect: 'No retry: the key is parked until the date.',
      seen: 'BerriAI/litellm#27470, anomalyco/opencode#32120, lidge-jun/opencodex#4024',
    },
    {
      id: 'rl.reset_in_body_only',
      summary: 'When it is renewed stands in the text, and nowhere else.',
      with: { shown_as: 'rate_limit', period: '27h', tell: 'text' },
      ask: { requests: 50 },
      sees: '429 whose text says hours; no header.',
      expect: 'The text is read, or the endpoint parked after a few of them.',
      seen: 'diegosouzapw/OmniRoute#858 (8,826 of them)',
    },
    {
      id: 'bill.spend_cap',
      summary: 'A budget trips in the middle of the run, and in the middle of answers.',
      with: { shown_as: 'spend_cap', status: 402, period: '720h', tell: 'none' },
      ask: { dollars: 0.005 },
      sees: 'A stream that ends with a billing error, then 402.',
      expect: 'A typed error, distinct from a rate limit.',
      seen: 'Gitlawb/openclaude#1263, OpenRouter guardrails',
    },
  ],
  misfit({ requests, dollars, shown_as: shownAs, status }) {
    if (requests === undefined && dollars === undefined) {
      return { message: 'a quota is of requests or of dollars', fix: 'add "requests: 1000"' }
    }
    return shownAs === 'rate_limit' && (status ?? 429) !== 429
      ? { message: `a rate limit is a 429, and ${status} means something else`, fix: 'say "shown_as: no_credit"' }
      : null
  },
  label: ({ requests, dollars, period }) =>
    [
      ...(requests === undefined ? [] : [`${requests} requests`]),
      ...(dollars === undefined ? [] : [`$${dollars}`]),
    ].join(', ') + ` in ${formatDuration(period)}`,
  begin({ requests, dollars, period, shown_as: shownAs, status, tell, scope }) {
    const books = new PerScope<Spent>(scope, () => ({ requests: 0, cost: 0, period: 0 }))
    const capacity = dollars === undefined ? Infinity : dollars * NANO
    const now = ({ endpoint, sinceMs }: Strike): Spent => {
      const spent = books.of(endpoint)
      const number = Math.floor(sinceMs / period)
      if (number > spent.period) Object.assign(spent, { requests: 0, cost: 0, period: number })
      return spent
    }
    const detailsOf = ({ sinceMs }: Strike) => {
      const leftMs = period - (sinceMs % period)
      return {
        ...(status !== undefined && { status }),
        ...(tell === 'header' && { retryAfterMs: Math.ceil(leftMs / 1_000) * 1_000 }),
        ...(tell === 'text' && { message: `${USED_UP[shownAs]} It resets in ${inHours(leftMs)}.` }),
      }
    }
    const errorClass = shownAs === 'rate_limit' ? 'rate_limited' : 'payment_required'
    return {
      onAdmit(strike) {
        const spent = now(strike)
        if (spent.requests >= (requests ?? Infinity) || spent.cost >= capacity) {
          return turnAway(strike, errorClass, detailsOf(strike))
        }
        spent.requests += 1
        return null
      },
      ...(dollars !== undefined && {
        onScript(script: Script, strike: Strike) {
          const spent = now(strike)
          const cost = costIn(script, strike.endpoint.price)
          const left = capacity - spent.cost
          spent.cost += Math.min(cost, left)
          if (shownAs !== 'spend_cap' || cost <= left || !script.stream || !isWhole(script)) return null
          const failed = strikeError(strike, errorClass, { status: null, where: 'stream' })
          return breakAfter(script, Math.max(0, left / cost), [failed])
        },
      }),
    }
  },
})

function costIn({ cues }: Script, price: PriceBook): number {
  for (const { signal } of cues)
    if (signal.type === 'usage') {
      const { inputTokens, outputTokens, cachedInputTokens: cached, writtenInputTokens: written, details } = signal
      return costOf(price, inputTokens, outputTokens, cached, written, 0, raritiesOf(details, undefined))
    }
  return 0
}

function inHours(ms: Millis): string {
  return `${Math.ceil(ms / (60 * MINUTE))} hours`
}
