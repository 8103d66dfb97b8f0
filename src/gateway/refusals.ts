/** What a caller is told when money or a limit stands in the way, in OpenRouter's words (openrouter.md §3.6, §8). */
import type { Millis } from '../base/index.ts'
import { isoOf, nextInterval, type FailureDetail, type Interval, type NanoDollars } from '../protocol/index.ts'
import type { Failure } from '../router/index.ts'
import type { Limit } from './purse.ts'

const CREDITS_URL = 'https://openrouter.ai/settings/credits'
const KEYS_URL = 'https://openrouter.ai/settings/keys'
/** `Retry-After` of a call whose credits could not be verified, as recorded. */
const ADMISSION_RETRY_AFTER: Millis = 10_000

/** Nothing of it is about a provider. */
const OURS = { provider_name: null } as const

type Class = 'payment_required' | 'permission_denied' | 'rate_limited'
const STATUS: Readonly<Record<Class, number>> = { payment_required: 402, permission_denied: 403, rate_limited: 429 }

export type Refusal = Failure & { readonly detail: FailureDetail; readonly status: number }

function refusal(
  errorClass: Class,
  message: string,
  detail: FailureDetail,
  retryAfterMs: Millis | null = null,
): Refusal {
  const { metadata } = detail
  return {
    class: errorClass,
    status: STATUS[errorClass],
    retryAfterMs,
    message,
    detail: { ...detail, availability: null, metadata: { ...OURS, ...metadata } },
  }
}

/** The balance is below zero: not even free models answer. */
export function inDebt() {
  return refusal('payment_required', `Insufficient credits. Add more using ${CREDITS_URL}`, {
    limitSource: 'openrouter_credits',
    remedyHint: 'Add credits; free models need a balance that is not negative.',
  })
}

/** Whose money does not reach. */
export type Short = 'credits' | 'key'

/** Not enough for the answer that may come, at the price of this endpoint. */
export function tooDear(whose: Short, wanted: number, affordable: number) {
  const way =
    whose === 'key'
      ? `${KEYS_URL} and create a key with a higher monthly limit`
      : `${CREDITS_URL} and upgrade to a paid account`
  return refusal(
    'payment_required',
    `This request requires more credits, or fewer max_tokens. You requested up to ${wanted} tokens, but can only afford ${affordable}. To increase, visit ${way}`,
    {
      limitSource: whose === 'key' ? 'openrouter_key_limit' : 'openrouter_credits',
      remedyHint: 'Lower max_tokens, shorten the prompt, or add credits.',
    },
  )
}

/** Not enough for a server tool, or to read a file (our words: none were recorded). `what`: as requests name it. */
export function toolTooDear(whose: Short, what: string, price: NanoDollars) {
  return refusal(
    'payment_required',
    `This request requires more credits: ${what} costs $${price / 1e9}. To increase, visit ${whose === 'key' ? KEYS_URL : CREDITS_URL}`,
    {
      limitSource: whose === 'key' ? 'openrouter_key_limit' : 'openrouter_credits',
      remedyHint: 'Leave it out, or add credits.',
    },
  )
}

/** Not even enough for the prompt. */
export function promptTooDear(whose: Short, wanted: number, affordable: number) {
  return refusal(
    'payment_required',
    `Prompt tokens limit exceeded: ${wanted} > ${affordable}. To increase, visit ${whose === 'key' ? KEYS_URL : CREDITS_URL} and upgrade to a paid account`,
    {
      limitSource: whose === 'key' ? 'openrouter_key_limit' : 'openrouter_credits',
      remedyHint: 'Shorten the prompt, or add credits.',
    },
  )
}

/** There would be enough, were it not for what is in flight. */
export function inFlightFull(retryAfterMs: Millis) {
  return refusal(
    'payment_required',
    'This request would exceed your available credits given your current in-flight requests. Retry after in-flight requests settle, or add credits.',
    {
      reason: 'in_flight_budget_exhausted',
      limitSource: 'openrouter_in_flight_budget',
      remedyHint: 'Wait until requests in flight have ended, or add credits.',
    },
    retryAfterMs,
  )
}

/** Alone more than requests in flight may hold together: waiting does not help. */
export function tooHeavy() {
  return refusal(
    'payment_required',
    'This request alone exceeds what your available credits allow to be in flight. Lower max_tokens, or add credits.',
    {
      reason: 'weight_exceeds_budget',
      limitSource: 'openrouter_credits',
      remedyHint: 'Lower max_tokens, shorten the prompt, or add credits.',
    },
  )
}

export function admissionLate() {
  return refusal(
    'rate_limited',
    'OpenRouter could not verify available credits for this request in time. Retry shortly.',
    { limitSource: 'openrouter_admission_control', remedyHint: 'Retry shortly.' },
    ADMISSION_RETRY_AFTER,
  )
}

const TOTAL: Readonly<Record<Interval, string>> = {
  daily: 'daily',
  weekly: 'weekly',
  monthly: 'monthly',
  lifetime: 'total',
}

/** A key has spent what it may. Both statuses occur. */
export function keySpent(limit: Limit, status: 402 | 403, unixMs: number) {
  return refusal(
    status === 402 ? 'payment_required' : 'permission_denied',
    `Key limit exceeded (${TOTAL[limit.interval]} limit). Manage it using ${KEYS_URL}`,
    {
      limitSource: 'openrouter_key_limit',
      remedyHint: 'Raise the limit of the key, or wait until it begins anew.',
      metadata: spentOf(limit, 'key', unixMs),
    },
  )
}

/** A workspace has spent what it may. */
export function workspaceSpent(limit: Limit, unixMs: number) {
  return refusal(
    'permission_denied',
    `Workspace ${limit.interval} budget of $${(limit.amount / 1e9).toFixed(2)} exceeded. Contact your org admin.`,
    {
      limitSource: 'openrouter_workspace_budget',
      remedyHint: 'Ask whoever administers the workspace to raise its budget.',
      metadata: spentOf(limit, 'workspace', unixMs),
    },
  )
}

/** A guardrail has let as much be spent as it does. */
export function guardrailSpent(limit: Limit, unixMs: number) {
  return refusal('permission_denied', 'Budget limit exceeded', {
    limitSource: 'openrouter_guardrail_budget',
    remedyHint: 'Ask whoever administers the guardrail to raise its limit, or wait until it begins anew.',
    metadata: spentOf(limit, 'guardrail', unixMs),
  })
}

function spentOf({ interval, amount, spent }: Limit, scope: string, unixMs: number): Record<string, unknown> {
  const resetsAt = nextInterval(interval, unixMs)
  return {
    scope,
    limit_usd: amount / 1e9,
    spend_usd: spent / 1e9,
    resets_at: resetsAt === null ? null : isoOf(resetsAt),
  }
}

/** A free model has been asked often enough: `resetsAt` in Unix ms, and in headers; no `Retry-After` was ever recorded. */
export function freeSpent(kind: 'min' | 'day' | 'day-high', limit: number, resetsAt: number) {
  const named = {
    min: 'free-models-per-min.',
    day: 'free-models-per-day. Add 10 credits to unlock 1000 free model requests per day',
    'day-high': 'free-models-per-day-high-balance.',
  }[kind]
  return refusal('rate_limited', `Rate limit exceeded: ${named}`, {
    // Of the limit of a minute no source was recorded: who is told of the daily one gives up for the day.
    ...(kind !== 'min' && {
      limitSource: 'openrouter_free_tier_daily',
      remedyHint: 'Wait until the limit begins anew, or use a paid model.',
    }),
    headers: {
      'X-RateLimit-Limit': String(limit),
      'X-RateLimit-Remaining': '0',
      'X-RateLimit-Reset': String(resetsAt),
    },
  })
}

export function affordableTokens(left: NanoDollars, nanoPerKTok: number): number {
  return nanoPerKTok === 0 ? 0 : Math.max(0, Math.floor((left * 1_000) / nanoPerKTok))
}
