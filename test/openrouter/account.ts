/** Behaviours 4, 79, 83, 84 and 90–92: who may call, and what he may spend. */
import { describe, expect, test } from 'vitest'
import type { Signal, Usage } from '../../src/protocol/index.ts'
import { DONE, OPEN, tokens } from '../router/lab.ts'
import { behaviour } from './card.ts'
import { failed, fleet, Lab, offers, policy } from './lab.ts'
import { failureOf, toldOf } from './telling.ts'
import { CHAT, HELLO, MODEL, onWire } from './wire.ts'

const KEYS = [
  { name: 'app' },
  { name: 'admin', management: true },
  { name: 'old', expires_at: '2026-01-01T00:00:10Z' },
  { name: 'off', disabled: true },
]
const MINUTE = 60_000
const DAY = 1_440 * MINUTE
/** The run begins at midnight UTC of a Thursday. */
const EPOCH = Date.UTC(2026, 0, 1)

/** A whole answer of so many tokens, with its usage. */
export function answer(inputTokens: number, outputTokens: number, more: Partial<Usage> = {}): Signal[] {
  return [...OPEN, tokens(outputTokens), { type: 'usage', inputTokens, outputTokens, ...more }, DONE]
}

/** A $1 per million model, in and out: a token costs a thousand nano-dollars. */
const account = (fields: Record<string, unknown>, gateway: Record<string, unknown> = {}) => ({
  account: fields,
  ...gateway,
})

describe('account', () => {
  behaviour(4, 'no or bad key: 401; a management key on inference: 403', () => {
    const it = new Lab(fleet(offers('a'), { keys: KEYS }), policy())
    const answers = [null, -1, 1, 3].map((key) => it.end(it.ask({ key }))?.status)
    expect(answers).toEqual([401, 401, 403, 401])
    expect(it.sent('client.fail').map(({ failure }) => failure.message)).toEqual([
      'No cookie auth credentials found',
      'User not found.',
      'Management keys cannot be used for inference requests',
      'API key is disabled',
    ])
    it.ask({ key: 2 })
    it.at(10_000)
    expect(it.end(it.ask({ key: 2 }))?.status).toBe(401)
    expect(it.went(it.ask({ key: 0 }))).toEqual(['a'])
    // Nobody was asked for those who may not.
    expect(it.sent('attempt.dispatch')).toHaveLength(2)
  })

  test('keys: who may not call is told that before anything about his request, and his attempt is nobody’s', () =>
    onWire({ gateway: { keys: KEYS } }, async (wire) => {
      for (const [secret, status] of [
        [null, 401],
        ['sk-or-v1-nobody', 401],
        ['sk-or-v1-off', 401],
        ['sk-or-v1-admin', 403],
      ] as const) {
        const headers = secret === null ? {} : { authorization: `Bearer ${secret}` }
        for (const body of ['{', { messages: [] }, { model: 'acme/none', messages: HELLO }]) {
          const refused = await wire.post(CHAT, body, headers)
          expect(refused.status, refused.text).toBe(status)
          expect(refused.json()).not.toHaveProperty('user_id')
          expect((await wire.post('/v1/chat/completions', body, headers)).status).toBe(status)
        }
        const message = { model: MODEL, max_tokens: 9, messages: HELLO }
        const refused = await wire.post('/api/v1/messages', message, headers)
        expect(refused.status).toBe(status)
        expect(refused.json()).toMatchObject({ type: 'error', request_id: null })
      }
      expect(wire.of('call.routed')).toEqual([])
      const known = { authorization: 'Bearer sk-or-v1-app' }
      expect((await wire.chat({ model: 'acme/none' }, known)).json()).toMatchObject({ error: { code: 400 } })
      expect((await wire.get('/api/v1/key', { authorization: 'Bearer sk-or-v1-off' })).json()).toEqual({
        error: { code: 401, message: 'API key is disabled' },
      })
    }))

  behaviour(79, 'free daily cap: falling back to another free model gives the same 429', () => {
    const free = [
      { provider: 'a', model: 'one:free', price: { input: 0, output: 0 } },
      { provider: 'b', model: 'two:free', price: { input: 0, output: 0 } },
    ]
    const it = new Lab(fleet(offers(...free), account({ credits: '$0' })), policy({ models: ['one:free', 'two:free'] }))
    for (let minute = 0; minute < 50; minute += 1) it.at(minute * MINUTE).ask()
    it.at(50 * MINUTE)
    const before = it.sent('attempt.dispatch').length
    const call = it.ask()
    const { status, body } = toldOf(it, call)
    expect(status).toBe(429)
    expect(body.error.message).toContain('free-models-per-day')
    expect(body.error.metadata).toMatchObject({
      limit_source: 'openrouter_free_tier_daily',
      previous_errors: [{ code: 429, message: body.error.message }],
    })
    expect(it.sent('attempt.dispatch')).toHaveLength(before)
  })

  behaviour(83, 'a free daily cap says when it begins anew, in headers and metadata', () => {
    const it = new Lab(
      fleet(offers({ provider: 'a', model: 'm:free', price: { input: 0, output: 0 } }), account({ credits: '$0' })),
      policy({ models: ['m:free'] }),
    )
    for (let minute = 0; minute < 50; minute += 1) it.at(minute * MINUTE).ask()
    const { status, headers, body } = toldOf(it, it.ask())
    expect(status).toBe(429)
    expect(headers).toMatchObject({
      'x-ratelimit-limit': '50',
      'x-ratelimit-remaining': '0',
      'x-ratelimit-reset': String(EPOCH + DAY),
    })
    expect(body.error.metadata).toMatchObject({
      headers: { 'X-RateLimit-Limit': '50', 'X-RateLimit-Remaining': '0', 'X-RateLimit-Reset': String(EPOCH + DAY) },
    })
    // The next day begins at midnight UTC.
    it.at(DAY - 1)
    expect(it.end(it.ask())?.status).toBe(429)
    it.at(DAY)
    expect(it.end(it.ask())).toBeNull()
  })

  behaviour(
    84,
    'free models: the 21st in a minute, the 51st a day, or the 1001st with ten credits once bought: 429',
    () => {
      const model = { provider: 'a', model: 'm:free', price: { input: 0, output: 0 } }
      const lab = (credits: string) =>
        new Lab(fleet(offers(model), account({ credits })), policy({ models: ['m:free'] }))
      const hasty = lab('$10')
      for (let n = 0; n < 20; n += 1) expect(hasty.end(hasty.ask())).toBeNull()
      const late = hasty.at(MINUTE - 1).ask()
      expect(failureOf(hasty, late).failure).toMatchObject({
        status: 429,
        message: 'Rate limit exceeded: free-models-per-min.',
        retryAfterMs: null,
        detail: { headers: { 'X-RateLimit-Limit': '20', 'X-RateLimit-Reset': String(EPOCH + MINUTE) } },
      })
      expect(failureOf(hasty, late).failure.detail).not.toHaveProperty('limitSource')
      expect(hasty.of('candidate.skipped')).toMatchObject([{ cause: 'free_limit' }])
      expect(hasty.end(hasty.at(MINUTE).ask())).toBeNull()
      for (const [credits, perDay] of [
        ['$0', 50],
        ['$8.99', 50],
        ['$9', 1_000],
      ] as const) {
        const it = lab(credits)
        for (let n = 0; n < perDay; n += 1) expect(it.end(it.at(n * 4_000).ask())).toBeNull()
        expect(it.end(it.at(perDay * 4_000).ask())?.status).toBe(429)
      }
    },
  )

  test('failed requests to free models count, unless the fleet says otherwise', () => {
    const model = { provider: 'a', model: 'm:free', price: { input: 0, output: 0 } }
    for (const [counts, expected] of [
      [true, 429],
      [false, null],
    ] as const) {
      const it = new Lab(
        fleet(offers(model), account({ credits: '$0' }, { choices: { free_counts_failures: counts } })),
        policy({ models: ['m:free'] }),
      )
      for (let n = 0; n < 20; n += 1) it.hear(it.ask(), failed('server_error'))
      expect(it.end(it.ask())?.status ?? null).toBe(expected)
    }
  })

  behaviour(
    90,
    'insufficient balance: 402; affordable is what each endpoint’s price allows, with its longest answer when max_tokens is absent',
    () => {
      // A prompt of 100 tokens, and $0.001: a thousand thousandths of a million tokens at $1.
      const dear = { provider: 'dear', price: { input: 2, output: 10 }, max_output: 1_000 }
      const cheap = { provider: 'cheap', price: { input: 1, output: 1 }, max_output: 1_000 }
      const it = new Lab(
        fleet(offers(dear, cheap), account({ credits: '$0.001' })),
        policy({ provider: { order: ['cheap', 'dear'] } }),
      )
      const call = it.ask()
      const { status, body } = toldOf(it, call)
      expect(status).toBe(402)
      expect(body.error.message).toBe(
        'This request requires more credits, or fewer max_tokens. You requested up to 1000 tokens, but can only afford 80. To increase, visit https://openrouter.ai/settings/credits and upgrade to a paid account',
      )
      expect(body.error.metadata).toMatchObject({
        limit_source: 'openrouter_credits',
        provider_name: null,
        previous_errors: [{ code: 402, provider_name: 'cheap' }],
      })
      expect(body.error.metadata).toMatchObject({
        previous_errors: [{ message: expect.stringContaining('can only afford 900') }],
      })
      expect(it.went(call)).toEqual([])
      expect(it.of('candidate.skipped').map(({ cause }) => cause)).toEqual(['credits', 'credits'])

      // Fewer tokens, and the cheap one can be paid for; one that cannot is passed over.
      expect(it.went(it.ask({ maxTokens: 700 }))).toEqual(['cheap'])
      const turned = new Lab(
        fleet(offers(dear, cheap), account({ credits: '$0.001' })),
        policy({ provider: { order: ['dear', 'cheap'] } }),
      )
      expect(turned.went(turned.ask({ maxTokens: 500 }))).toEqual(['cheap'])
      // Not even the prompt.
      const long = turned.ask({ inputTokens: 2_000, maxTokens: 1 })
      expect(failureOf(turned, long).failure.message).toContain('Prompt tokens limit exceeded: 2000 > 1000.')
    },
  )

  behaviour(
    91,
    'in-flight budget: 402 in_flight_budget_exhausted with Retry-After; a request too big for it weight_exceeds_budget without',
    () => {
      // $1, of which 80 % may be in flight: 800,000 tokens at $1 a million.
      const it = new Lab(
        fleet(
          offers({ provider: 'a', context_length: 2_000_000 }),
          account({ credits: '$1' }, { choices: { overshoot: 'slight', in_flight_output: 500_000 } }),
        ),
        policy(),
      )
      const first = it.ask({ maxTokens: 500_000 - 100 })
      expect(it.end(first)).toBeNull()
      const second = toldOf(it, it.ask({ maxTokens: 300_000 - 99 }))
      expect(second.status).toBe(402)
      expect(second.headers['retry-after']).toBe('120')
      expect(second.body.error.metadata).toMatchObject({
        reason: 'in_flight_budget_exhausted',
        limit_source: 'openrouter_in_flight_budget',
        retry_after_seconds: 120,
      })
      expect(it.end(it.ask({ maxTokens: 300_000 - 100 }))).toBeNull()

      const heavy = toldOf(it, it.ask({ inputTokens: 400_001, maxTokens: 400_000 }))
      expect(heavy.status).toBe(402)
      expect(heavy.body.error.metadata).toMatchObject({
        reason: 'weight_exceeds_budget',
        limit_source: 'openrouter_credits',
      })
      expect(heavy.headers).not.toHaveProperty('retry-after')

      // What it came to is held for a short settlement window, then it is not in flight any more.
      it.hear(first, ...answer(100, 200_000))
      expect(it.end(it.ask({ maxTokens: 200_000 }))?.status).toBe(402)
      it.at(5_000)
      expect(it.end(it.ask({ maxTokens: 200_000 }))).toBeNull()
    },
  )

  test('what is in flight is held in full, unless a budget may be overrun slightly', () => {
    const gateway = account({ credits: '$100' }, { keys: [{ name: 'app', limit: '$0.001' }] })
    const it = new Lab(fleet(offers('a'), gateway), policy())
    const first = it.ask({ key: 0, maxTokens: 500 })
    expect(failureOf(it, it.ask({ key: 0, maxTokens: 500 })).failure.detail).toMatchObject({
      reason: 'in_flight_budget_exhausted',
    })
    // It came to less than the most that it could.
    it.hear(first, ...answer(100, 100))
    const second = it.ask({ key: 0, maxTokens: 700 })
    expect(it.end(second)).toBeNull()
    const third = it.ask({ key: 0, maxTokens: 701 })
    expect(failureOf(it, third).failure.message).toContain('create a key with a higher monthly limit')
  })

  behaviour(92, 'a workspace budget: 403 naming the broadest exceeded interval; what is in flight completes', () => {
    const budgets = { daily: '$0.001', weekly: '$0.0015', monthly: '$500' }
    const gateway = account({ workspaces: { default: { budgets } } }, { choices: { overshoot: 'slight' } })
    const it = new Lab(fleet(offers('a'), gateway), policy())
    const [first, second] = [it.ask({ maxTokens: 800 }), it.ask({ maxTokens: 800 })]
    it.hear(first, ...answer(100, 900))
    const daily = toldOf(it, it.ask())
    expect(daily.status).toBe(403)
    expect(daily.body.error.message).toBe('Workspace daily budget of $0.00 exceeded. Contact your org admin.')
    it.hear(second, ...answer(100, 900))
    expect(it.end(second)).toMatchObject({ outcome: 'ok', billed: 1_000_000 })
    const weekly = toldOf(it, it.ask())
    expect(weekly.body.error.message).toContain('Workspace weekly budget')
    expect(weekly.body.error.metadata).toMatchObject({
      limit_source: 'openrouter_workspace_budget',
      scope: 'workspace',
      spend_usd: 0.002,
      resets_at: '2026-01-05T00:00:00.000Z',
    })
    expect(weekly.headers).not.toHaveProperty('retry-after')
    it.at(DAY)
    expect(it.end(it.ask())?.status).toBe(403)
    it.at(4 * DAY) // Monday.
    expect(it.end(it.ask())).toBeNull()
  })

  test('a spent key is 403 or, by choice, 402, until its limit begins anew', () => {
    for (const status of [403, 402] as const) {
      const it = new Lab(
        fleet(offers('a'), {
          keys: [{ name: 'app', limit: '$0.001', limit_reset: 'daily' }],
          choices: { key_limit_status: status },
        }),
        policy(),
      )
      it.hear(it.ask({ key: 0, maxTokens: 900 }), ...answer(100, 900))
      const told = toldOf(it, it.ask({ key: 0 }))
      expect(told.status).toBe(status)
      expect(told.body.error.message).toBe(
        'Key limit exceeded (daily limit). Manage it using https://openrouter.ai/settings/keys',
      )
      expect(told.body.error.metadata).toMatchObject({
        limit_source: 'openrouter_key_limit',
        scope: 'key',
        limit_usd: 0.001,
        resets_at: '2026-01-02T00:00:00.000Z',
      })
      expect(it.end(it.at(DAY).ask({ key: 0, maxTokens: 900 }))).toBeNull()
    }
  })

  test('a debt: 402 even on free models, until credits are bought', () => {
    const model = { provider: 'a', model: 'm:free', price: { input: 0, output: 0 } }
    const it = new Lab(
      fleet(offers(model), account({ credits: '$1', used: '$1.01', purchases: [{ at: '1m', amount: '$5' }] })),
      policy({ models: ['m:free'] }),
    )
    expect(toldOf(it, it.ask())).toMatchObject({
      status: 402,
      body: { error: { metadata: { limit_source: 'openrouter_credits' } } },
    })
    expect(it.end(it.at(MINUTE).ask())).toBeNull()
  })

  test('credit checks that are late are 429 from admission control, for their share of calls', () => {
    const it = new Lab(fleet(offers('a'), account({ credits: '$10', credit_checks_late: '30%' })), policy())
    const late = Array.from({ length: 1_000 }, () => it.ask({ maxTokens: 1 })).filter((call) => it.end(call) !== null)
    expect(late.length).toBeGreaterThan(250)
    expect(late.length).toBeLessThan(350)
    expect(toldOf(it, late[0]!)).toMatchObject({
      status: 429,
      headers: { 'retry-after': '10' },
      body: { error: { metadata: { limit_source: 'openrouter_admission_control', provider_name: null } } },
    })
  })
})
