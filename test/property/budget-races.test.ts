/**
 * Budget races: many requests at once draw on one balance, on keys, on workspaces and on what guardrails let keys and
 * their users spend, and answers, failures, departures and midnights come in between in any order. Nothing is ever spent that was not there: not by a nano-dollar.
 */
import { describe, expect, test } from 'vitest'
import { Rng } from '../../src/base/index.ts'
import type { EntryOf } from '../../src/ledger/index.ts'
import {
  DAY,
  EPOCH_MS,
  intervalOf,
  type AttemptHandle,
  type Call,
  type Interval,
  type Offer,
} from '../../src/protocol/index.ts'
import { failed, fleet, Lab, offers, policy } from '../openrouter/lab.ts'
import { OPEN, tokens } from '../router/lab.ts'

const INTERLEAVINGS = 1_000
const STEPS = 60
const USD = 1e9

/** Everything is scarce: a request costs up to a cent, and there are a few of them. */
const GATEWAY = {
  account: {
    credits: '$0.05',
    purchases: [{ at: '12h', amount: '$0.02' }],
    markup: '7%',
    workspaces: {
      default: { budgets: { daily: '$0.02', weekly: '$0.03' } },
      research: { budgets: { daily: '$0.015', monthly: '$0.04' } },
    },
  },
  keys: [
    { name: 'one', limit: '$0.01', limit_reset: 'daily', creator_user_id: 'ada' },
    { name: 'two', limit: '$0.012', workspace: 'research', creator_user_id: 'bob' },
    { name: 'three', workspace: 'research', creator_user_id: 'bob' },
  ],
  guardrails: [
    { name: 'everybody', default: true, limit_usd: '$0.016', reset_interval: 'weekly' },
    { name: 'bob', users: ['bob'], limit_usd: '$0.009', reset_interval: 'daily' },
    { name: 'three', keys: ['three'], limit_usd: '$0.004', reset_interval: 'daily' },
  ],
  choices: { in_flight_below: '$0' },
}
const ENDPOINTS = [
  {
    provider: 'a',
    price: { input: 3, output: 11, cache_read: 0.3, cache_write: 3.75 },
    input_tokenizer: 1.3,
    max_output: 700,
  },
  {
    provider: 'b',
    price: { input: 1.7, output: 7, request: 0.0003, discount: 0.1 },
    input_tokenizer: 0.9,
    max_output: 900,
  },
  {
    provider: 'c',
    price: {
      input: 2,
      output: 9,
      overrides: [
        { min_prompt_tokens: 300, input: 5 },
        { utc_start: '2200', utc_end: '0400', output: 12 },
      ],
    },
    max_output: 500,
  },
]
const LIMITS: readonly { readonly keys: readonly number[]; readonly interval: Interval; readonly amount: number }[] = [
  { keys: [0], interval: 'daily', amount: 0.01 * USD },
  { keys: [1], interval: 'lifetime', amount: 0.012 * USD },
  { keys: [0], interval: 'daily', amount: 0.02 * USD },
  { keys: [0], interval: 'weekly', amount: 0.03 * USD },
  { keys: [1, 2], interval: 'daily', amount: 0.015 * USD },
  { keys: [1, 2], interval: 'monthly', amount: 0.04 * USD },
  { keys: [0], interval: 'weekly', amount: 0.016 * USD },
  { keys: [1, 2], interval: 'weekly', amount: 0.016 * USD },
  { keys: [1, 2], interval: 'daily', amount: 0.009 * USD },
  { keys: [2], interval: 'daily', amount: 0.004 * USD },
]

describe('budget races', () => {
  test(`${INTERLEAVINGS} interleavings, and no overspend`, () => {
    const seen = { billed: 0, refused: 0, inFlight: 0, guarded: 0 }
    for (let seed = 0; seed < INTERLEAVINGS; seed += 1) {
      const lab = play(seed)
      const bills = lab.of('call.billed')
      const where = `seed ${seed}`
      expect(sum(bills), where).toBeLessThanOrEqual(0.07 * USD)
      expect(sum(bills.filter(({ at }) => at < DAY / 2)), where).toBeLessThanOrEqual(0.05 * USD)
      for (const { keys, interval, amount } of LIMITS) {
        const spent = new Map<number, number>()
        for (const { key, at, cost } of bills) {
          if (!keys.includes(key)) continue
          const window = intervalOf(interval, EPOCH_MS + at)
          spent.set(window, (spent.get(window) ?? 0) + cost)
        }
        for (const total of spent.values())
          expect(total, `${where}, ${interval} of ${keys.join(' and ')}`).toBeLessThanOrEqual(amount)
      }
      expect(sum(bills), where).toBe(lab.of('call.closed').reduce((total, { billed }) => total + billed, 0))
      seen.billed += bills.length
      for (const { failure } of lab.sent('client.fail')) {
        if (failure.status === 402 || failure.status === 403) seen.refused += 1
        if (failure.detail?.reason === 'in_flight_budget_exhausted') seen.inFlight += 1
        if (failure.detail?.limitSource === 'openrouter_guardrail_budget') seen.guarded += 1
      }
    }
    // The races were races: money was spent, ran out, and was held by others.
    expect(seen.billed).toBeGreaterThan(INTERLEAVINGS * 5)
    expect(seen.refused).toBeGreaterThan(INTERLEAVINGS * 5)
    expect(seen.inFlight).toBeGreaterThan(INTERLEAVINGS / 2)
    expect(seen.guarded).toBeGreaterThan(INTERLEAVINGS / 2)
  }, 60_000)
})

/** One interleaving: at every step somebody asks, hears something, leaves, or time goes by. */
function play(seed: number): Lab {
  const dice = Rng.fromSeed(seed)
  const it = new Lab(fleet(offers(...ENDPOINTS), GATEWAY), policy({ resilience: { timeouts: { total: '48h' } } }))
  const said: Said = new Map()
  let open: Call[] = []
  for (let step = 0; step < STEPS; step += 1) {
    open = open.filter((call) => call.slot >= 0)
    const call = open[dice.below(Math.max(1, open.length))]
    const drawn = dice.next()
    if (drawn < 0.45 || call === undefined) {
      const maxTokens = dice.chance(0.3) ? null : 1 + dice.below(600)
      open.push(it.ask({ key: dice.below(3), inputTokens: 1 + dice.below(400), maxTokens }))
    } else if (drawn < 0.75) answer(it, call, said, dice)
    else if (drawn < 0.83) it.hear(call, failed('server_error'))
    else if (drawn < 0.88) begin(it, call, said, dice)
    else if (drawn < 0.92) it.cancel(call)
    else it.at(it.now + dice.below(4 * 3_600_000))
  }
  return it
}

/** Tokens that attempts have said so far. */
type Said = Map<AttemptHandle, number>

/** The longest answer that an attempt may give. */
function longest({ request, endpoint }: AttemptHandle, it: Lab): number {
  return Math.min(request.maxTokens ?? Infinity, (it.offers[endpoint] as Offer).maxOutput)
}

/** Some of an answer. */
function begin(it: Lab, call: Call, said: Said, dice: Rng): void {
  const attempt = it.attempt(call)
  const before = said.get(attempt) ?? 0
  const more = dice.below(longest(attempt, it) - before + 1)
  said.set(attempt, before + more)
  it.hear(call, ...OPEN, tokens(more))
}

/** As long and as dear as it may be, as often as not. */
function answer(it: Lab, call: Call, said: Said, dice: Rng): void {
  const attempt = it.attempt(call)
  const { request, endpoint } = attempt
  const offer = it.offers[endpoint] as Offer
  const before = said.get(attempt) ?? 0
  const rest = longest(attempt, it) - before
  const more = dice.chance(0.5) ? rest : dice.below(rest + 1)
  const outputTokens = before + more
  const inputTokens = Math.round(request.inputTokens * offer.inputTokenizer)
  const writtenInputTokens = offer.price.cache_write === undefined || dice.chance(0.5) ? 0 : inputTokens
  const told = { type: 'usage', inputTokens, outputTokens, writtenInputTokens } as const
  const usage = dice.chance(0.9) ? [told] : []
  it.hear(call, ...OPEN, tokens(more), ...usage, { type: 'finished', reason: 'stop' })
}

function sum(bills: readonly EntryOf<'call.billed'>[]): number {
  return bills.reduce((total, { cost }) => total + cost, 0)
}
