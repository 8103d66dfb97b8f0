/** Behaviours 105–110: what a request costs, and how it is accounted for. */
import { describe, expect, test } from 'vitest'
import { AccountPages } from '../../src/gateway/index.ts'
import { Generations } from '../../src/ledger/index.ts'
import {
  cacheDiscount,
  costOf,
  DAY,
  EPOCH_MS,
  feesBy,
  feeShare,
  generationId,
  gatewaySchema,
  PLAIN_CHAT,
  priceBook,
  worstCost,
  type Call,
} from '../../src/protocol/index.ts'
import { DONE, OPEN, tokens } from '../router/lab.ts'
import { answer } from './account.ts'
import { behaviour } from './card.ts'
import { failed, fleet, keyed, Lab, offers, policy } from './lab.ts'
import { endpoint, play, policyOf } from '../virtual/lab.ts'
import { onWire, type Wire } from './wire.ts'

const at = (time: string): number => Date.parse(`2026-01-01T${time}Z`)
const book = (fields: Record<string, unknown>) => priceBook.parse({ input: 1, output: 4, ...fields })

describe('prices', () => {
  behaviour(
    106,
    'overrides by prompt length apply strictly above it; windows are half open and may wrap midnight; later entries win per key',
    () => {
      const long = book({ overrides: [{ min_prompt_tokens: 1_000, input: 2 }] })
      expect(costOf(long, 1_000, 10)).toBe(1_000 * 1_000 + 10 * 4_000)
      expect(costOf(long, 1_001, 10)).toBe(1_001 * 2_000 + 10 * 4_000)

      const night = book({ overrides: [{ utc_start: '2200', utc_end: '0600', input: 0.5 }] })
      const perToken = (time: string): number => costOf(night, 1_000, 0, 0, 0, at(time)) / 1_000
      expect(['21:59:59', '22:00:00', '23:30:00', '00:00:00', '05:59:59', '06:00:00'].map(perToken)).toEqual([
        1_000, 500, 500, 500, 500, 1_000,
      ])
      const noon = book({ overrides: [{ utc_start: 1_200, utc_end: 1_230, input: 3 }] })
      expect(
        ['11:59:59', '12:00:00', '12:29:59', '12:30:00'].map((time) => costOf(noon, 1, 0, 0, 0, at(time))),
      ).toEqual([1_000, 3_000, 3_000, 1_000])

      const layered = book({
        cache_read: 0.1,
        overrides: [
          { min_prompt_tokens: 100, input: 2, output: 8 },
          { utc_days: ['thu'], output: 6 },
        ],
      })
      // 2026-01-01 is a Thursday: the later entry has its word on the output, the earlier one on the input alone.
      expect(costOf(layered, 101, 1, 0, 0, at('00:00:00'))).toBe(101 * 2_000 + 6_000)
      expect(costOf(layered, 101, 1, 0, 0, at('00:00:00') + DAY)).toBe(101 * 2_000 + 8_000)
      expect(costOf(layered, 101, 0, 101, 0, at('00:00:00'))).toBe(101 * 100) // Not named, so inherited.
    },
  )

  test('vector B17: what is read from and written to a prompt cache costs its multiple', () => {
    const p = 3
    const anthropic = book({ input: p, cache_read: p * 0.1, cache_write: p * 1.25, cache_write_1h: p * 2 })
    const nano = p * 1_000
    expect(costOf(anthropic, 11_000, 0, 10_000)).toBe(nano * (1_000 + 1_000))
    expect(costOf(anthropic, 10_000, 0, 0, 10_000)).toBe(nano * 12_500)
    expect(costOf(anthropic, 10_000, 0, 0, 10_000, EPOCH_MS, { written1hTokens: 10_000 })).toBe(nano * 20_000)
    expect(cacheDiscount(anthropic, 11_000, 5, 10_000, 0, EPOCH_MS)).toBe(nano * 9_000)
    expect(cacheDiscount(anthropic, 10_000, 5, 0, 10_000, EPOCH_MS)).toBe(-nano * 2_500)
  })

  test('a discount is taken off the whole bill, which is rounded once; rarer things have prices of their own', () => {
    const rare = { image: 0.001, audio: 10, internal_reasoning: 8, web_search: 0.01, request: 0.002 }
    const cost = (fields: Record<string, unknown>) =>
      costOf(book({ ...rare, ...fields }), 300, 70, 0, 0, EPOCH_MS, {
        images: 2,
        audioTokens: 100,
        reasoningTokens: 20,
        webSearches: 3,
      })
    const list = 200 * 1_000 + 100 * 10_000 + 50 * 4_000 + 20 * 8_000 + 2 * 1_000_000 + 3 * 10_000_000 + 2_000_000
    expect(cost({})).toBe(list)
    expect(cost({ discount: 0.25 })).toBe(list * 0.75)
    expect(costOf(book({ input: 0.333, discount: 0.01 }), 10, 0)).toBe(Math.round(3_330 * 0.99))
    expect(costOf(book({ input: 1, discount: 1 }), 10, 7)).toBe(0)
  })

  test('the most that a request can cost is the dearest that its prompt can be counted to', () => {
    const stepped = book({
      input: 10,
      cache_write: 12,
      overrides: [{ min_prompt_tokens: 120, input: 1, cache_write: 1 }],
    })
    const dearest = Math.max(...Array.from({ length: 51 }, (_, more) => costOf(stepped, 100 + more, 0, 0, 100 + more)))
    expect(worstCost(stepped, 100, 150, 0, EPOCH_MS)).toBe(dearest)
  })
})

/** What `/generation` would tell of the calls of a lab. */
function pagesOf(it: Lab, gateway: Record<string, unknown>): AccountPages {
  const spec = gatewaySchema.parse(gateway)
  const generations = new Generations({ epoch: spec.epoch })
  const steps = generations.steps as Record<string, ((entry: unknown) => void) | undefined>
  for (const entry of it.entries) steps[entry.kind]?.(entry)
  return new AccountPages({ gateway: spec, offers: it.offers, generations })
}

function generationOf(it: Lab, call: Call, gateway: Record<string, unknown>, now = it.now): Record<string, unknown> {
  const page = pagesOf(it, gateway).generation(generationId(call.request.id, call.number), now)
  if (!('data' in page)) throw new Error(page.message)
  return page.data as Record<string, unknown>
}

const CREDITS = { account: { credits: '$100' } }

describe('bills', () => {
  behaviour(
    105,
    'cost: prompt, completion, cache read and cache write tokens at the endpoint’s prices, less the discount',
    () => {
      const price = { input: 2, output: 6, cache_read: 0.2, cache_write: 2.5, request: 0.001, discount: 0.1 }
      const it = new Lab(fleet(offers({ provider: 'a', price }), CREDITS), policy())
      const call = it.ask({ maxTokens: 100 })
      it.hear(call, ...answer(1_000, 50, { cachedInputTokens: 600, writtenInputTokens: 300 }))
      const list = 100 * 2_000 + 600 * 200 + 300 * 2_500 + 50 * 6_000 + 1_000_000
      expect(it.end(call)).toMatchObject({ outcome: 'ok', billed: list * 0.9 })
      expect(it.of('call.billed')).toMatchObject([{ cost: list * 0.9, listCost: list * 0.9, key: -1, endpoint: 0 }])
    },
  )

  test('a markup is taken on top of the price, to the nano-dollar; buying credits costs a fee, and at least so much', () => {
    const gateway = { account: { credits: '$100', markup: '5.5%' } }
    const it = new Lab(fleet(offers('a'), gateway), policy())
    const call = it.ask({ maxTokens: 100 })
    it.hear(call, ...answer(100, 1))
    expect(it.end(call)).toMatchObject({ billed: Math.round(101_000 * 1.055) })
    expect(it.router.accounts?.balance(0)).toBe(100e9 - Math.round(101_000 * 1.055))
    const buying = { credits: '$100', purchases: [{ at: '1h', amount: '$10' }] }
    const { account } = gatewaySchema.parse({ account: buying })
    expect([0, 3_599_999, 3_600_000].map((now) => feesBy(account!, now))).toEqual([5.5e9, 5.5e9, 6.3e9])
    expect(feeShare(account!)).toBe(6.3 / 110)
    expect(feesBy(gatewaySchema.parse({ account: {} }).account!, Infinity)).toBe(0)
  })

  behaviour(107, 'zero completion insurance: vector B18', () => {
    const it = new Lab(fleet(offers('a'), CREDITS), policy({ resilience: { max_attempts: 1 } }))
    const usage = (outputTokens: number) => ({ type: 'usage', inputTokens: 200, outputTokens }) as const
    // 200 prompt, 0 completion, and the answer ends without a reason.
    const blank = it.ask({ inputTokens: 200 })
    it.hear(blank, ...OPEN, usage(0), { type: 'closed', how: 'clean' })
    // 200 prompt, 5 completion, finish `error`.
    const broken = it.ask({ inputTokens: 200 })
    it.hear(broken, ...OPEN, tokens(5), usage(5), { type: 'finished', reason: 'error' })
    // 200 prompt, 0 completion, finish `stop`: neither rule applies.
    const empty = it.ask({ inputTokens: 200 })
    it.hear(empty, ...OPEN, usage(0), DONE)
    expect([blank, broken, empty].map((call) => it.end(call)?.billed)).toEqual([0, 0, 200_000])
    expect(it.router.accounts?.used).toBe(200_000)
  })

  test('failed attempts are free; who leaves pays for what he has had, and nothing before the first content', () => {
    const it = new Lab(fleet(offers('a', 'b'), CREDITS), policy({ provider: { order: ['a', 'b'] } }))
    const call = it.ask({ maxTokens: 10 })
    it.hear(call, failed('server_error')).hear(call, ...answer(100, 10))
    expect(it.end(call)).toMatchObject({ attempts: 2, billed: 110_000 })
    const early = it.ask()
    it.hear(early, ...OPEN).cancel(early)
    expect(it.end(early)).toMatchObject({ outcome: 'cancelled', billed: 0 })
    const late = it.ask()
    it.hear(late, ...OPEN, tokens(7)).cancel(late)
    expect(it.end(late)).toMatchObject({ outcome: 'cancelled', billed: 107_000 })
    expect(it.router.accounts?.used).toBe(217_000)
  })

  test('an answer in one piece, or of a provider that cannot be stopped, is paid in full by whoever leaves', () => {
    const stubborn = { provider: 'a', capacity: { abandoned: 'finish' } }
    for (const [offer, stream] of [
      ['a', false],
      [stubborn, true],
      ['groq', true],
    ] as const) {
      const it = new Lab(fleet(offers(offer), CREDITS), policy())
      const call = it.ask({ stream, maxTokens: 50 })
      it.hear(call, ...OPEN, tokens(stream ? 7 : 0)).cancel(call)
      expect(it.sent('client.left')).toHaveLength(1)
      expect(it.end(call)).toBeNull()
      expect(it.sent('attempt.cancel')).toHaveLength(0)
      const written = it.sent('client.write').length
      it.at(500).hear(call, tokens(stream ? 43 : 50), { type: 'usage', inputTokens: 100, outputTokens: 50 }, DONE)
      expect(it.end(call)).toMatchObject({ outcome: 'cancelled', status: 499, billed: 150_000 })
      expect(it.router.accounts?.used).toBe(150_000)
      // The caller hears nothing of it.
      expect(it.sent('client.write')).toHaveLength(written)
      expect(it.sent('client.end')).toHaveLength(0)
      expect(it.router.inFlight).toBe(0)
    }
    for (const offer of ['a', 'openai', { provider: 'groq', capacity: { abandoned: 'drop' } }]) {
      const it = new Lab(fleet(offers(offer), CREDITS), policy())
      const call = it.ask({ maxTokens: 50 })
      it.hear(call, ...OPEN, tokens(7)).cancel(call)
      expect(it.end(call)).toMatchObject({ outcome: 'cancelled', billed: 107_000 })
      expect(it.sent('attempt.cancel')).toHaveLength(1)
    }
    // One that fails after that is free, and nobody else is asked.
    const it = new Lab(fleet(offers(stubborn, 'b'), CREDITS), policy({ provider: { order: ['a', 'b'] } }))
    const call = it.ask()
    it.hear(call, ...OPEN)
      .cancel(call)
      .hear(call, failed('server_error'))
    expect(it.end(call)).toMatchObject({ outcome: 'cancelled', billed: 0 })
    expect(it.went(call)).toEqual(['a'])
    // The run ends before the answer does: what there is of it is paid for.
    const last = it.ask()
    it.hear(last, ...OPEN, tokens(5)).cancel(last)
    it.router.handle({ type: 'run.ended' }, it.now, { push: () => {}, record: (entry) => void it.entries.push(entry) })
    expect(it.end(last)).toMatchObject({ outcome: 'cancelled', billed: 105_000 })
    expect(it.router.inFlight).toBe(0)
  })

  behaviour(
    108,
    'cache multipliers give the amounts of vector B17; cache_discount is below zero on writes and above it on reads',
    () => {
      const price = { input: 3, output: 15, cache_read: 0.3, cache_write: 3.75 }
      const it = new Lab(fleet(offers({ provider: 'a', price }), CREDITS), policy())
      const [write, read] = [
        it.ask({ inputTokens: 10_000, maxTokens: 1 }),
        it.ask({ inputTokens: 11_000, maxTokens: 1 }),
      ]
      it.hear(write, ...OPEN, { type: 'usage', inputTokens: 10_000, outputTokens: 0, writtenInputTokens: 10_000 }, DONE)
      it.hear(read, ...OPEN, { type: 'usage', inputTokens: 11_000, outputTokens: 0, cachedInputTokens: 10_000 }, DONE)
      expect([write, read].map((call) => it.end(call)?.billed)).toEqual([12_500 * 3_000, 2_000 * 3_000])
      expect(generationOf(it, write, CREDITS)).toMatchObject({ cache_discount: -0.0075, total_cost: 0.0375 })
      expect(generationOf(it, read, CREDITS)).toMatchObject({ cache_discount: 0.027, native_tokens_cached: 10_000 })
    },
  )

  behaviour(109, 'BYOK: is_byok, cost is 5 % of the price, upstream_inference_cost all of it', () => {
    const gateway = { account: { credits: '$100', byok_allowance: '$10' } }
    const it = new Lab(
      keyed([{ provider: 'a', price: { input: 1_900, output: 0 } }], [{ name: 'mine', provider: 'a' }], gateway),
      policy(),
    )
    const asked = { inputTokens: 10_000, maxTokens: 1 }
    const [within, above] = [it.ask(asked), it.ask(asked)]
    for (const call of [within, above]) it.hear(call, ...answer(10_000, 1))
    // $19 at the normal price. The first uses up the month's allowance of $10, and pays 5 % of the other $9.
    expect(it.end(within)?.billed).toBe(0.45e9)
    expect(it.end(above)?.billed).toBe(0.95e9)
    expect(generationOf(it, above, gateway)).toMatchObject({
      is_byok: true,
      total_cost: 0.95,
      upstream_inference_cost: 19,
    })
    const next = it.at(31 * DAY).ask(asked)
    it.hear(next, ...answer(10_000, 1))
    expect(it.end(next)?.billed).toBe(0.45e9)
  })

  test('requests with a key of one’s own count toward a limit only where the key says so', () => {
    for (const includes of [false, true]) {
      const keys = [{ name: 'app', limit: '$1', include_byok_in_limit: includes }]
      const it = new Lab(
        keyed(['a'], [{ name: 'mine', provider: 'a' }], { account: { byok_allowance: '$0' }, keys }),
        policy(),
      )
      for (let n = 0; n < 11; n += 1) {
        const call = it.ask({ key: 0, inputTokens: 90_000, maxTokens: 5_000 })
        if (it.end(call) === null) it.hear(call, ...answer(90_000, 5_000))
      }
      // $0.095 each at the normal price: ten fit into the limit, if they count.
      expect(it.of('call.closed').filter(({ outcome }) => outcome === 'ok')).toHaveLength(includes ? 10 : 11)
    }
  })

  behaviour(
    110,
    '`/generation` lists every attempt with status and latency; it may not know the answer for some seconds',
    () => {
      const gateway = { ...CREDITS, choices: { generation_delay: '10s' } }
      const it = new Lab(fleet(offers('a', 'b'), gateway), policy({ provider: { order: ['a', 'b'] } }))
      const call = it.ask({ maxTokens: 10 })
      it.at(40).hear(call, failed('overloaded'))
      it.at(140).hear(call, ...OPEN, tokens(3))
      it.at(300).hear(call, tokens(7), { type: 'usage', inputTokens: 100, outputTokens: 10 }, DONE)
      const pages = pagesOf(it, gateway)
      const id = generationId(call.request.id, 0)
      expect(pages.generation(id, 300)).toEqual({ status: 404, message: `Generation ${id} not found` })
      expect(pages.generation('gen-nobody', 300)).toMatchObject({ status: 404 })
      expect(generationOf(it, call, gateway, 10_300)).toMatchObject({
        id,
        model: 'm',
        provider_name: 'b',
        provider_responses: [
          { endpoint_id: 'a:m', status: 503, latency: 40, is_byok: false },
          { endpoint_id: 'b:m', status: 200, latency: 260 },
        ],
        latency: 140,
        generation_time: 160,
        native_tokens_prompt: 100,
        native_tokens_completion: 10,
        total_cost: 0.00011,
        finish_reason: 'stop',
        created_at: '2026-01-01T00:00:00.000Z',
      })
    },
  )
})

describe('an account on the wire', () => {
  test('the parts of a cost are at the prices of when it was asked for, and for a prompt of its length', async () => {
    const overrides = [
      { utc_start: '2300', utc_end: '0100', input: 7, output: 9 },
      { min_prompt_tokens: 1_000, output: 20 },
    ]
    const price = { input: 1, output: 2, request: 0.001, overrides }
    const gateway = { epoch: '2026-01-01T23:30:00Z', account: { credits: '$10' } }
    await onWire({ endpoints: [{ provider: 'alpha', price }], gateway }, async (wire: Wire) => {
      const long = 'and so it went on, '.repeat(400)
      for (const [content, output] of [
        ['Who goes there?', 9],
        [long, 20],
      ] as const) {
        const told = await wire.chat({ messages: [{ role: 'user', content }], max_tokens: 20 })
        const { prompt_tokens: prompt, completion_tokens: completion, cost, cost_details: parts } = told.json().usage
        expect(parts.upstream_inference_prompt_cost).toBeCloseTo((prompt * 7) / 1e6 + 0.001, 9)
        expect(parts.upstream_inference_completions_cost).toBeCloseTo((completion * output) / 1e6, 9)
        expect(parts.upstream_inference_prompt_cost + parts.upstream_inference_completions_cost).toBeCloseTo(cost, 9)
      }
    })
  })

  const KEYS = [
    { name: 'app', limit: '$1', limit_reset: 'daily', expires_at: '2026-06-01T00:00:00Z' },
    { name: 'admin', management: true },
  ]
  const setup = { gateway: { account: { credits: '$10' }, keys: KEYS } }
  const by = (name: string) => ({ authorization: `Bearer sk-or-v1-${name}` })

  test('/generation, /key and /credits tell what an answer has cost', () =>
    onWire(setup, async (wire: Wire) => {
      const told = await wire.chat({ max_tokens: 20 }, by('app'))
      const { id, usage } = told.json()
      expect(told.status).toBe(200)
      const { prompt_tokens: prompt, completion_tokens: completion } = usage
      const cost = (prompt + completion * 2) / 1e6
      expect(wire.of('call.billed')).toMatchObject([{ cost: Math.round(cost * 1e9), key: 0 }])
      const generation = await wire.get(`/api/v1/generation?id=${id}`, by('app'))
      expect(generation.json().data).toMatchObject({ id, total_cost: cost, usage: cost, streamed: false })
      const key = await wire.get('/api/v1/key', by('app'))
      expect(key.json().data).toMatchObject({
        label: 'app',
        limit: 1,
        limit_remaining: 1 - cost,
        limit_reset: 'daily',
        usage: cost,
        usage_daily: cost,
        is_management_key: false,
        expires_at: '2026-06-01T00:00:00.000Z',
        rate_limit: { requests: -1 },
      })
      const credits = await wire.get('/api/v1/credits', by('admin'))
      expect(credits.json()).toEqual({ data: { total_credits: 10, total_usage: cost } })

      const [chunk] = (await wire.chat({ stream: true, max_tokens: 20 }, by('app'))).chunks()
      const streamed = await wire.get(`/api/v1/generation?id=${chunk.id}`, by('app'))
      expect(streamed.json().data).toMatchObject({ total_cost: wire.of('call.billed')[1]!.cost / 1e9, streamed: true })
    }))

  test('/generation tells what the caller said of itself', () =>
    onWire({ gateway: { presets: { careful: { models: ['openrouter/auto'] } }, models: {} } }, async (wire: Wire) => {
      const tell = async (body: object, headers: Record<string, string> = {}) => {
        const { id } = (await wire.chat({ ...body, max_tokens: 20 }, headers)).json()
        return (await wire.get(`/api/v1/generation?id=${id}`)).json().data
      }
      const nothing = { session_id: null, preset_id: null, http_referer: null, user_agent: null, router: null }
      expect(await tell({})).toMatchObject({
        ...nothing,
        external_user: null,
        num_search_results: null,
        num_fetches: null,
      })
      const headers = { 'http-referer': 'https://app.example', 'user-agent': 'app/1.0', 'x-session-id': 'header' }
      expect(await tell({ user: 'ada', session_id: 'talk' }, headers)).toMatchObject({
        session_id: 'talk',
        external_user: 'ada',
        http_referer: 'https://app.example',
        user_agent: 'app/1.0',
      })
      expect(await tell({ model: '@preset/careful' }, headers)).toMatchObject({
        session_id: 'header',
        preset_id: 'careful',
        external_user: null,
        router: 'openrouter/auto',
      })
      expect(await tell({})).toMatchObject(nothing)
    }))

  test('who may not, is told as documented', () =>
    onWire(setup, async (wire: Wire) => {
      const statusOf = async (path: string, name?: string) => (await wire.get(path, name ? by(name) : {})).status
      expect(await statusOf('/api/v1/key')).toBe(401)
      expect(await statusOf('/api/v1/key', 'stranger')).toBe(401)
      expect(await statusOf('/api/v1/credits', 'app')).toBe(403)
      expect(await statusOf('/api/v1/generation?id=gen-x', 'app')).toBe(404)
      const refused = await wire.chat({}, by('admin'))
      expect(refused.status).toBe(403)
      expect(refused.json().error).toMatchObject({ code: 403, metadata: { error_type: 'permission_denied' } })
      expect((await wire.chat()).json().error).toMatchObject({ code: 401, message: 'No cookie auth credentials found' })
    }))
})

describe('what is rarely there', () => {
  const price = { input: 2, output: 6, internal_reasoning: 10, audio: 30, image: 0.001 }
  const taking = { input_modalities: ['text', 'image', 'audio'] }
  const ILLUSTRATED = { ...PLAIN_CHAT, inputs: ['image' as const] }

  test('reasoning and audio tokens have prices of their own, and so has every image', () => {
    const it = new Lab(fleet(offers({ provider: 'a', price, ...taking }), CREDITS), policy())
    const call = it.ask({ maxTokens: 100, shape: ILLUSTRATED, images: 3 })
    it.hear(call, ...answer(1_000, 50, { details: { reasoningTokens: 20, audioTokens: 100, videoTokens: 40 } }))
    const list = 900 * 2_000 + 100 * 30_000 + 30 * 6_000 + 20 * 10_000 + 3 * 1_000_000
    expect(it.end(call)).toMatchObject({ outcome: 'ok', billed: list })
    expect(it.of('call.billed')).toMatchObject([
      { cost: list, rarities: { reasoningTokens: 20, audioTokens: 100, images: 3 } },
    ])
    expect(generationOf(it, call, CREDITS)).toMatchObject({
      native_tokens_completion: 50,
      native_tokens_reasoning: 20,
      num_media_prompt: 3,
      total_cost: list / 1e9,
    })
    // Without any of it, nothing is said of it.
    const plain = it.ask({ maxTokens: 100 })
    it.hear(plain, ...answer(10, 5))
    expect(it.of('call.billed').at(-1)).not.toHaveProperty('rarities')
  })

  test('what cannot be true of an answer is not believed: it is counted anew', () => {
    const it = new Lab(fleet(offers({ provider: 'a', price }), CREDITS), policy())
    const call = it.ask({ inputTokens: 100, maxTokens: 100 })
    it.hear(call, ...answer(100, 50, { details: { reasoningTokens: 51 } }))
    expect(it.end(call)).toMatchObject({ billed: 100 * 2_000 + 50 * 6_000, usageEstimated: true })
  })

  test('the most that a request can cost has its answer all of reasoning, its prompt all of audio, and its images', () => {
    const dear = book({ ...price, cache_write: 2.5 })
    expect(worstCost(dear, 100, 100, 10, EPOCH_MS, 2)).toBe(100 * (30_000 + 500) + 10 * 10_000 + 2_000_000)
    const cheap = book({ input: 2, output: 6, internal_reasoning: 1, audio: 1 })
    expect(worstCost(cheap, 100, 100, 10, EPOCH_MS)).toBe(100 * 2_000 + 10 * 6_000)
    // 10 tokens of reasoning are not paid for, 10 of text would be.
    const gateway = { account: { credits: '$0.00027' }, choices: { in_flight_below: '$0' } }
    const it = new Lab(
      fleet(offers({ provider: 'a', price: { input: 2, output: 6, internal_reasoning: 10 }, max_output: 10 }), gateway),
      policy(),
    )
    expect(it.end(it.ask({ inputTokens: 100 }))).toMatchObject({ outcome: 'failed', status: 402 })
    expect(it.attempts(it.ask({ inputTokens: 85 }))).toHaveLength(1)
  })

  test('a mock that reasons does so before it answers, by its effort, and within the longest answer', () => {
    const endpointOf = (reasoning: object) =>
      endpoint('a', { price: { input: 1, output: 2, internal_reasoning: 5 }, reasoning })
    const run = (spec: ReturnType<typeof endpoint>, fields: Record<string, unknown> = {}) => {
      const world = play({
        endpoints: [spec],
        policies: [policyOf(fields)],
        workflows: [{ arrivals: { kind: 'constant', rate: '1/s' }, stream: 0.5 }],
        gateway: { account: {} },
      })
      const byRequest = (left: { request: number }, right: { request: number }) => left.request - right.request
      const billed = world.of('call.billed').toSorted(byRequest)
      const charged = world.of('fleet.charged').toSorted(byRequest)
      expect(billed.length).toBeGreaterThan(5)
      expect(billed.map(({ listCost }) => listCost)).toEqual(charged.map(({ cost }) => cost))
      return charged.map(({ outputTokens, rarities, cost, inputTokens }) => {
        const { reasoningTokens = 0 } = rarities ?? {}
        expect(cost).toBe(inputTokens * 1_000 + (outputTokens - reasoningTokens) * 2_000 + reasoningTokens * 5_000)
        return { reasoning: reasoningTokens, said: outputTokens - reasoningTokens }
      })
    }
    const fixed = { tokens_p50: 100 }
    const said = run(endpoint('a')).map((one) => one.said)
    const tokensAt = (effort: string) => run(endpointOf(fixed), { reasoning: { effort } })
    const cap = 1_024 // Of the mix.
    expect(run(endpointOf(fixed))).toEqual(
      said.map((tokens) => ({ reasoning: 100, said: Math.min(tokens, cap - 100) })),
    )
    for (const [effort, reasoning] of [
      ['none', 0],
      ['minimal', 20],
      ['low', 40],
      ['medium', 100],
      ['high', 160],
      ['xhigh', 190],
    ] as const) {
      // prettier-ignore
      expect(new Set(tokensAt(effort).map((one) => one.reasoning))).toEqual(new Set([reasoning]))
    }
    expect(run(endpointOf(fixed), { reasoning: { max_tokens: 30 } })[0]?.reasoning).toBe(30)
    expect(run(endpointOf(fixed), { reasoning: { enabled: false } })[0]?.reasoning).toBe(0)
    expect(run(endpointOf({ share: '75%' })).map((one) => one.reasoning)).toEqual(
      said.map((tokens) => Math.min(tokens * 3, cap)),
    )
    // It may take all that there is, and then nothing is said.
    expect(run(endpointOf({ tokens_p50: 2_000 }))).toEqual(said.map(() => ({ reasoning: cap, said: 0 })))
    expect(Math.max(...run(endpointOf({ tokens_p50: cap - 4 })).map((one) => one.said))).toBe(4)
    const drawn = run(endpointOf({ tokens_p50: 100, tokens_p95: 500 })).map((one) => one.reasoning)
    expect(new Set(drawn).size).toBeGreaterThan(3)
  })

  test('who leaves in the middle of it pays for what was thought and said until then, each at its price', () => {
    const it = new Lab(fleet(offers({ provider: 'a', price }), CREDITS), policy())
    const call = it.ask()
    const thought = { type: 'content', channel: 'reasoning', tokens: 30, forMs: 0, everyMs: 0 } as const
    it.hear(call, ...OPEN, thought, tokens(7)).cancel(call)
    const list = 100 * 2_000 + 30 * 10_000 + 7 * 6_000
    expect(it.end(call)).toMatchObject({ outcome: 'cancelled', billed: list })
    expect(it.of('call.billed')).toMatchObject([{ cost: list, outputTokens: 37, rarities: { reasoningTokens: 30 } }])
  })

  test('on the wire its reasoning comes first, and usage counts it and the images in every dialect', async () => {
    for (const dialect of ['openai-chat', 'anthropic-messages', 'gemini', 'openai-responses']) {
      const endpoints = [
        { provider: 'alpha', dialect, price: { input: 1, output: 2, internal_reasoning: 10, image: 0.001 }, input_modalities: ['text', 'image'], reasoning: { tokens_p50: 40 } }, // prettier-ignore
      ]
      await onWire({ endpoints, gateway: { account: {} } }, async (wire: Wire) => {
        const image = { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0KGgo=' } }
        const messages = [{ role: 'user', content: [{ type: 'text', text: 'What is this?' }, image, image] }]
        const { usage, choices } = (await wire.chat({ messages })).json()
        expect(choices[0].message.reasoning).toHaveLength(160)
        expect(usage.completion_tokens_details).toMatchObject({ reasoning_tokens: 40 })
        const text = usage.completion_tokens - 40
        expect(usage.cost).toBeCloseTo((usage.prompt_tokens * 1 + text * 2 + 40 * 10) / 1e6 + 0.002, 9)
        expect(usage.cost_details.upstream_inference_prompt_cost).toBeCloseTo(usage.prompt_tokens / 1e6 + 0.002, 9)
        const [billed] = wire.of('call.billed')
        const [charged] = wire.of('fleet.charged')
        expect(billed?.rarities).toEqual({ reasoningTokens: 40, images: 2 })
        expect([billed?.cost, charged?.rarities]).toEqual([charged?.cost, billed?.rarities])

        const chunks = (await wire.chat({ messages, stream: true, reasoning: { effort: 'low' } })).chunks()
        const thought = chunks.findIndex(({ choices: [choice] }) => choice?.delta.reasoning)
        const spoken = chunks.findIndex(({ choices: [choice] }) => choice?.delta.content)
        expect(thought).toBeGreaterThanOrEqual(0)
        expect(spoken).toBeGreaterThan(thought)
        expect(chunks.at(-1).usage.completion_tokens_details.reasoning_tokens).toBe(16)
        const off = (await wire.chat({ messages, reasoning: { enabled: false } })).json()
        expect(off.usage.completion_tokens_details.reasoning_tokens).toBe(0)
      })
    }
  })
})
