/** Behaviours 38–63: in which order those are tried that may serve. */
import { describe, expect } from 'vitest'
import { SECOND } from '../../src/base/index.ts'
import type { Candidate } from '../../src/ledger/index.ts'
import type { ErrorClass, Signal } from '../../src/protocol/index.ts'
import { call, DONE, OPEN, tokens, type Asked } from '../router/lab.ts'
import { behaviour } from './card.ts'
import { failed, fleet, Lab, offers, policy, TOOLS, type OfferInput } from './lab.ts'

type Fields = Readonly<Record<string, unknown>>

/** Endpoints of model `m`, by provider and price. */
function priced(prices: Readonly<Record<string, number>>, more: Fields = {}): OfferInput[] {
  return Object.entries(prices).map(([provider, usd]) => ({ provider, price: { input: usd, output: usd }, ...more }))
}

/**
 * A gateway with one policy under test and, for each provider, one that asks nobody else: by these, endpoints are made to
 * answer as a test wants it.
 */
class Bench extends Lab {
  constructor(inputs: readonly OfferInput[], subject: Fields = {}, gateway: Fields = {}) {
    const models = [...new Set(inputs.map(({ model }) => (model as string | undefined) ?? 'm'))]
    const feeders = inputs.map(({ provider, tag }) => policy({ models, provider: { only: [tag ?? provider] } }))
    super(fleet(offers(...inputs), gateway), policy({ models, ...subject }), ...feeders)
  }

  /** The endpoints of the subject's plan for one more request. */
  order(asked: Asked = {}): Candidate[] {
    this.ask(asked)
    return [...(this.of('call.routed').at(-1)?.order ?? [])]
  }

  /** The same, by tag. */
  tags(asked: Asked = {}): string[] {
    return this.order(asked).map(({ endpoint }) => this.offers[endpoint]!.tag)
  }

  /** Tags of many plans, each order once. */
  orders(count: number, asked: Asked = {}): string[] {
    return [...new Set(Array.from({ length: count }, () => this.tags(asked).join(' ')))].sort()
  }

  /** One request to an endpoint alone; what it says, it says at once, or after so long. */
  feed(tag: string, signals: readonly Signal[], forMs = 0, asked: Asked = {}): void {
    const asking = this.ask({ ...asked, policy: 1 + this.indexOf(tag) })
    if (forMs > 0) this.at(this.now + forMs)
    this.hear(asking, ...signals)
  }

  /** The same for several at once, each with an answer of its own. */
  feedAll(answers: Readonly<Record<string, readonly Signal[]>>, forMs: number, asked: Asked = {}): void {
    const asking = Object.entries(answers).map(
      ([tag, signals]) => [this.ask({ ...asked, policy: 1 + this.indexOf(tag) }), signals] as const,
    )
    this.at(this.now + forMs)
    for (const [one, signals] of asking) this.hear(one, ...signals)
  }

  private indexOf(tag: string): number {
    return this.offers.findIndex((offer) => offer.tag === tag)
  }
}

const ANSWER = [...OPEN, tokens(10), DONE]
/** How often 10,000 draws may miss a share: 2 %, as the contract has it. */
const SHARE_TOLERANCE = 0.02

describe('load balancing', () => {
  behaviour(38, 'over 10,000 runs, first picks follow 1/price² within 2 %', () => {
    const it = new Bench(priced({ a: 1, b: 2, c: 3 }))
    const counts = new Map<string, number>()
    for (let run = 0; run < 10_000; run += 1) it.ask()
    for (const { order } of it.of('call.routed')) {
      const tag = it.offers[order[0]!.endpoint]!.tag
      counts.set(tag, (counts.get(tag) ?? 0) + 1)
    }
    const share = (tag: string): number => (counts.get(tag) ?? 0) / 10_000
    expect(Math.abs(share('a') - 0.7347)).toBeLessThan(SHARE_TOLERANCE)
    expect(Math.abs(share('b') - 0.1837)).toBeLessThan(SHARE_TOLERANCE)
    expect(Math.abs(share('c') - 0.0816)).toBeLessThan(SHARE_TOLERANCE)
  })

  behaviour(39, 'an endpoint that failed within the last 30 s is tried after all stable ones', () => {
    const it = new Bench(priced({ a: 1, b: 2, c: 3 }))
    it.feed('b', [failed('server_error')])
    expect(it.at(29 * SECOND).orders(200)).toEqual(['a c b', 'c a b'])
  })

  behaviour(40, 'after 30 s without failures it is back among the stable ones', () => {
    const it = new Bench(priced({ a: 1, b: 2, c: 3 }))
    it.feed('b', [failed('server_error')])
    expect(it.at(31 * SECOND).orders(500)).toEqual(['a b c', 'b a c', 'c a b'])
  })

  /** `count` requests at `a`, of which so many fail in this way; then the outage is over. */
  const afterUptime = (count: number, failing: number, signals: readonly Signal[]): Bench => {
    const it = new Bench(priced({ a: 1, b: 2, c: 3 }))
    for (let n = 0; n < count; n += 1) it.feed('a', n < failing ? signals : ANSWER)
    return it.at(40 * SECOND)
  }

  behaviour(41, 'under 100 requests no uptime tier; at 80..94 % lower priority; below 80 % only a fallback', () => {
    const failure = [failed('server_error')]
    expect(afterUptime(99, 50, failure).orders(500)).toContain('a b c')
    expect(afterUptime(100, 5, failure).orders(500)).toContain('a b c')
    expect(afterUptime(100, 6, failure).orders(200)).toEqual(['b c a', 'c b a'])
    expect(afterUptime(100, 20, failure).order().at(-1)?.reason).toContain('degraded')
    const down = afterUptime(100, 21, failure)
    expect(down.order().at(-1)?.reason).toContain('down')
    // Even one that fails right now goes before one that is down.
    down.feed('b', [failed('server_error')])
    expect(down.orders(50)).toEqual(['c b a'])
  })

  behaviour(42, '429, 400, 413 and geo-403 do not lower uptime; 401, 402, 404, 5xx and broken answers do', () => {
    const isLowered = (...signals: Signal[]): boolean => !afterUptime(100, 30, signals).orders(200).includes('a b c')
    const innocent: ErrorClass[] = ['rate_limited', 'invalid_request', 'payload_too_large', 'permission_denied']
    const guilty: ErrorClass[] = [
      ...(['authentication', 'payment_required', 'not_found', 'server_error'] as const),
      ...(['bad_gateway', 'overloaded', 'gateway_timeout'] as const),
    ]
    expect(innocent.filter((name) => isLowered(failed(name)))).toEqual([])
    expect(guilty.filter((name) => !isLowered(failed(name)))).toEqual([])
    expect(isLowered(...OPEN, tokens(5), failed('stream_error', { where: 'stream', status: null }))).toBe(true)
    expect(isLowered(...OPEN, tokens(5), { type: 'finished', reason: 'error' })).toBe(true)
  })
})

describe('sort and order', () => {
  const THREE = priced({ b: 2, c: 3, a: 1 })

  behaviour(43, '`sort: price` is the same on every request', () => {
    const it = new Bench(THREE, { provider: { sort: 'price' } })
    it.feed('a', [failed('server_error')])
    expect(it.orders(200)).toEqual(['a b c'])
    const choices = { choices: { status_sorting: 'always' } }
    const moved = new Bench(THREE, { provider: { sort: 'price' } }, choices)
    moved.feed('a', [failed('server_error')])
    expect(moved.orders(50)).toEqual(['b c a'])
  })

  /** An answer that begins after so long, and has so many tokens. */
  const measured = (it: Bench, tag: string, ttftMs: number, count: number): void => {
    it.feed(tag, [...OPEN, tokens(count), DONE], ttftMs)
  }

  behaviour(44, '`sort: throughput` and `latency` order by current statistics', () => {
    for (const [sort, first, later] of [
      ['throughput', 'c b a', 'a c b'],
      ['latency', 'a b c', 'a b c'],
    ] as const) {
      const it = new Bench(THREE, { provider: { sort } })
      measured(it, 'a', 100, 1)
      measured(it, 'b', 200, 20)
      measured(it, 'c', 300, 300)
      expect(it.tags().join(' '), sort).toBe(first)
      // Five minutes later that is forgotten, and something else is known.
      it.at(10 * 60 * SECOND)
      measured(it, 'a', 100, 500)
      measured(it, 'b', 150, 20)
      measured(it, 'c', 300, 300)
      expect(it.tags().join(' '), sort).toBe(later)
    }
    const unknown = new Bench(THREE, { provider: { sort: 'latency' } })
    measured(unknown, 'c', 300, 300)
    expect(unknown.tags()).toEqual(['c', 'b', 'a'])
    const curious = new Bench(THREE, { provider: { sort: 'latency' } }, { choices: { without_statistics: 'first' } })
    measured(curious, 'c', 300, 300)
    expect(curious.tags()).toEqual(['b', 'a', 'c'])
  })

  const TWO_MODELS: OfferInput[] = [
    { provider: 'a', model: 'm1', price: { input: 4, output: 4 } },
    { provider: 'b', model: 'm1', price: { input: 2, output: 2 } },
    { provider: 'c', model: 'm2', price: { input: 3, output: 3 } },
    { provider: 'd', model: 'm2', price: { input: 1, output: 1 } },
  ]

  behaviour(45, '`partition: none` mixes endpoints of several models', () => {
    const it = new Bench(TWO_MODELS, { provider: { sort: { by: 'price', partition: 'none' } } })
    expect(it.tags()).toEqual(['d', 'b', 'c', 'a'])
  })

  behaviour(46, 'by default the primary model’s slowest endpoint precedes a fallback model’s fastest', () => {
    const it = new Bench(TWO_MODELS, { provider: { sort: 'throughput' } })
    for (const [tag, count] of [['a', 1], ['b', 10], ['c', 100], ['d', 1_000]] as const) measured(it, tag, 100, count) // prettier-ignore
    expect(it.tags()).toEqual(['b', 'a', 'd', 'c'])
  })

  behaviour(47, '`order` beats `sort`, sticky routing and Exacto', () => {
    const cached = THREE.map((offer) => ({ ...offer, price: { ...(offer['price'] as object), cache_read: 0.1 } }))
    const it = new Bench(cached, { provider: { order: ['c'], sort: 'price' } })
    const session = { key: 7, turn: 1, prefixTokens: 50 }
    const usage = { type: 'usage', inputTokens: 100, outputTokens: 10, cachedInputTokens: 50 } as const
    it.feed('b', [...OPEN, tokens(10), usage, DONE], 0, { session })
    expect(it.tags({ session, shape: TOOLS })).toEqual(['c', 'a', 'b'])
    expect(it.order({ session, shape: TOOLS }).map(({ reason }) => reason)).toEqual([
      'provider.order',
      'sort: price',
      'sort: price',
    ])
  })

  behaviour(48, '`order` entries that do not serve the model are skipped silently', () => {
    const it = new Bench(THREE, { provider: { order: ['nobody', 'b', 'elsewhere', 'a'] } })
    expect(it.tags()).toEqual(['b', 'a', 'c'])
  })

  behaviour(49, 'with fallbacks, endpoints that `order` does not name are tried after those it names', () => {
    const it = new Bench(THREE, { provider: { order: ['c'] } })
    const asking = it.ask()
    it.hear(asking, failed('server_error')).hear(asking, failed('server_error')).hear(asking, failed('server_error'))
    expect(it.went(asking)).toEqual(['c', 'a', 'b'])
    // Of these, who is not well comes last.
    expect(new Set(it.orders(20))).toEqual(new Set(['c a b']))
    const well = new Bench(THREE, { provider: { order: ['c'] } })
    well.feed('a', [failed('server_error')])
    expect(well.tags()).toEqual(['c', 'b', 'a'])
  })

  behaviour(50, '`allow_fallbacks: false` without `order`: exactly one endpoint is tried', () => {
    const it = new Bench(THREE, { provider: { allow_fallbacks: false } })
    const asking = it.ask()
    it.hear(asking, failed('server_error'))
    expect(it.went(asking)).toEqual(['a'])
    expect(it.end(asking)).toMatchObject({ outcome: 'failed', attempts: 1 })
  })
})

describe('service tiers', () => {
  const price = (usd: number) => ({ input: usd, output: usd })
  const TIERED: OfferInput[] = [
    { provider: 'x', price: price(2) },
    { provider: 'y', price: price(3) },
    { provider: 'x', tag: 'x/priority', tier: 'priority', price: price(4) },
    { provider: 'x', tag: 'x/flex', tier: 'flex', price: price(1) },
  ]
  /** Each is faster than those before it. */
  const raced = (subject: Fields, inputs = TIERED): Bench => {
    const it = new Bench(inputs, subject)
    for (const [place, { tag }] of it.offers.entries()) it.feed(tag, [...OPEN, tokens(10 * 2 ** place), DONE], 500)
    return it
  }

  behaviour(
    51,
    '`:nitro` sorts by throughput and admits the priority tier; `sort: throughput` does not admit it',
    () => {
      expect(raced({ models: ['m:nitro'] }).tags()).toEqual(['x/priority', 'y', 'x'])
      expect(raced({ provider: { sort: 'throughput' } }).tags()).toEqual(['y', 'x'])
    },
  )

  behaviour(52, '`:floor` sorts by price and admits the flex tier, unless `order` or `service_tier: default`', () => {
    expect(raced({ models: ['m:floor'] }).tags()).toEqual(['x/flex', 'x', 'y'])
    expect(raced({ models: ['m:floor'], service_tier: 'default' }).tags()).toEqual(['x', 'y'])
    expect(raced({ models: ['m:floor'], provider: { order: ['y'] } }).tags()).toEqual(['y', 'x'])
    expect(raced({ models: ['m:floor'], provider: { order: ['y', 'x/flex'] } }).tags()).toEqual(['y', 'x/flex', 'x'])
  })

  behaviour(53, '`service_tier: flex` never falls back to the default tier when flex endpoints exist', () => {
    const it = raced({ service_tier: 'flex' })
    const asking = it.ask()
    it.hear(asking, failed('overloaded'))
    expect(it.went(asking)).toEqual(['x'])
    expect(it.end(asking)).toMatchObject({ outcome: 'failed', attempts: 1 })
    expect(it.tags()).toEqual(['x/flex'])
    expect(raced({ service_tier: 'flex' }, TIERED.slice(0, 3)).tags()).toEqual(['x', 'y'])
  })

  behaviour(54, '`service_tier: priority` tries priority endpoints first, and bills the tier that served', () => {
    for (const service of ['priority', 'fast']) {
      const it = raced({ service_tier: service })
      expect(it.tags()).toEqual(['x/priority', 'y', 'x'])
      const bill = (fails: number): number | undefined => {
        const asking = it.ask({ inputTokens: 1_000 })
        for (let n = 0; n < fails; n += 1) it.hear(asking, failed('rate_limited'))
        it.hear(asking, ...OPEN, tokens(10), { type: 'usage', inputTokens: 1_000, outputTokens: 10 }, DONE)
        return it.end(asking)?.billed
      }
      expect([bill(0), bill(1)]).toEqual([1_010 * 4_000, 1_010 * 3_000])
    }
  })
})

describe('thresholds', () => {
  /** Endpoints whose answers begin after so many ms, and have so many tokens per second. */
  const running = (speeds: Readonly<Record<string, readonly [ttftMs: number, speed: number][]>>, subject: Fields) => {
    const it = new Bench(
      Object.keys(speeds).map((provider, place) => ({
        provider,
        price: { input: 1 + place, output: 1 + place },
        ...(provider.startsWith('second') && { model: 'm2' }),
      })),
      subject,
    )
    for (const [tag, answers] of Object.entries(speeds)) {
      for (const [ttftMs, speed] of answers) {
        it.feed(tag, [...OPEN, tokens(Math.round((speed * ttftMs) / 1_000)), DONE], ttftMs)
      }
    }
    return it
  }

  behaviour(
    55,
    '`preferred_min_throughput` as a number is the median; slower endpoints go to the end, and are used',
    () => {
      const slow = [[1_000, 20], [1_000, 20], [1_000, 90]] as const // prettier-ignore
      const fast = [[1_000, 20], [1_000, 90], [1_000, 90]] as const // prettier-ignore
      const it = running(
        { a: [...slow].map(([t, s]) => [t, s]), b: [...fast].map(([t, s]) => [t, s]) },
        {
          provider: { sort: 'price', preferred_min_throughput: 50 },
        },
      )
      expect(it.tags()).toEqual(['b', 'a'])
      const asking = it.ask()
      it.hear(asking, failed('server_error')).hear(asking, ...ANSWER)
      expect(it.end(asking)).toMatchObject({ outcome: 'ok', attempts: 2, servedBy: 0 })
    },
  )

  behaviour(56, 'of a percentile object, all cutoffs must hold', () => {
    const nine = Array.from({ length: 8 }, (): [number, number] => [800, 50])
    const speeds = {
      a: [...nine, [3_500, 50], [3_500, 50]] as [number, number][],
      b: [[900, 50]] as [number, number][],
    }
    const by = (latency: Fields) => running(speeds, { provider: { sort: 'price', preferred_max_latency: latency } })
    expect(by({ p50: 1 }).tags()).toEqual(['a', 'b'])
    expect(by({ p50: 1, p90: 3 }).tags()).toEqual(['b', 'a'])
    expect(by({ p50: 1, p90: 4 }).tags()).toEqual(['a', 'b'])
  })

  behaviour(57, 'thresholds never cause an error, even when no endpoint meets them', () => {
    const it = running(
      { a: [[5_000, 1]], b: [[6_000, 1]] },
      { provider: { preferred_max_latency: 0.1, preferred_min_throughput: 10_000 } },
    )
    const asking = it.ask()
    it.hear(asking, ...ANSWER)
    expect(it.end(asking)).toMatchObject({ outcome: 'ok' })
    expect(it.tags().toSorted()).toEqual(['a', 'b'])
  })

  behaviour(58, 'a fallback model that meets a threshold comes before the primary that does not', () => {
    const it = running(
      { a: [[2_000, 50]], 'second-b': [[300, 50]] },
      { models: ['m', 'm2'], provider: { preferred_max_latency: 1 } },
    )
    expect(it.tags()).toEqual(['second-b', 'a'])
  })
})

describe('Auto Exacto', () => {
  const called = (...calls: readonly Signal[]): Signal[] => [
    ...OPEN,
    tokens(100),
    ...calls,
    { type: 'finished', reason: 'tool_calls' },
  ]
  const RIGHT = called(call('{"n": 1}'))
  const TOOL_REQUESTS = 200

  /** 200 requests with tools at each of these endpoints, the first few of which are answered otherwise. */
  const judged = (
    it: Bench,
    tags: readonly string[],
    bad: Readonly<Record<string, readonly [number, readonly Signal[]]>>,
    asked: Asked = { shape: TOOLS },
  ): Bench => {
    for (let n = 0; n < TOOL_REQUESTS; n += 1) {
      const answerOf = (tag: string): readonly Signal[] => {
        const [count, signals] = bad[tag] ?? [0, RIGHT]
        return n < count ? signals : RIGHT
      }
      it.feedAll(Object.fromEntries(tags.map((tag) => [tag, answerOf(tag)])), SECOND, asked)
    }
    return it
  }
  const FIVE = priced({ bad: 1, unknown: 2, a: 3, b: 4, c: 5, d: 6 })
  const KNOWN = ['a', 'b', 'c', 'd', 'bad']
  const WRONG = called(call('{"n": "one"}'))
  const tiersOf = (it: Bench, asked: Asked = { shape: TOOLS }): string[] =>
    it.order(asked).map(({ endpoint, reason }) => `${it.offers[endpoint]!.tag}: ${reason}`)
  const bads = (tiers: readonly string[]): boolean => tiers.includes('bad: exacto: deprioritized')

  behaviour(59, 'requests with tools are ordered by Exacto tiers, not by price', () => {
    const it = judged(new Bench(FIVE), KNOWN, { bad: [60, WRONG] })
    for (let n = 0; n < 20; n += 1) {
      const order = it.tags({ shape: TOOLS })
      expect(order.slice(0, 4).toSorted()).toEqual(['a', 'b', 'c', 'd'])
      expect(order.slice(4)).toEqual(['unknown', 'bad'])
    }
    expect(tiersOf(it).slice(4)).toEqual(['unknown: exacto: insufficient data', 'bad: exacto: deprioritized'])
    // Speed counts as well: half as fast as the others is more than 1.5 standard deviations below them.
    const slow = [...OPEN, tokens(50), call('{"n": 1}'), { type: 'finished', reason: 'tool_calls' }] as Signal[]
    expect(bads(tiersOf(judged(new Bench(FIVE), KNOWN, { bad: [TOOL_REQUESTS, slow] })))).toBe(true)
    // So do published benchmarks.
    const scored = FIVE.map((offer) => ({
      ...offer,
      benchmarks: { gpqa_diamond: offer.provider === 'bad' ? 0.6 : 0.8 },
    }))
    expect(bads(tiersOf(judged(new Bench(scored), KNOWN, {})))).toBe(true)
    // Without tools, price decides.
    expect(it.orders(200).map((order) => order.split(' ')[0])).toContain('bad')
  })

  behaviour(
    60,
    '`sort: price`, `:floor` or an account’s sort restores the order by price for requests with tools',
    () => {
      const account = { account: { default_provider_sort: 'price' } }
      for (const [subject, gateway] of [
        [{ provider: { sort: 'price' } }, {}],
        [{ models: ['m:floor'] }, {}],
        [{}, account],
      ] as const) {
        // prettier-ignore
        const it = judged(new Bench(FIVE, subject, gateway), KNOWN, { bad: [60, WRONG] })
        expect(it.tags({ shape: TOOLS })).toEqual(['bad', 'unknown', 'a', 'b', 'c', 'd'])
      }
    },
  )

  behaviour(61, 'with fewer than 4 providers nobody is deprioritized', () => {
    const it = judged(new Bench(priced({ bad: 1, a: 3, b: 4 })), ['a', 'b', 'bad'], { bad: [150, WRONG] })
    expect(tiersOf(it).some((tier) => tier.includes('deprioritized'))).toBe(false)
    expect(it.orders(200, { shape: TOOLS })).toContain('bad a b')
    // Of three that are measured and two that are not, the former go first only where the fleet says so.
    const few = (choices: Fields) => judged(new Bench(FIVE, {}, { choices }), ['a', 'b', 'bad'], { bad: [150, WRONG] })
    expect(tiersOf(few({})).some((tier) => tier.includes('exacto: good'))).toBe(false)
    expect(few({ exacto_few: 'measured_first' }).tags({ shape: TOOLS }).slice(3)).toEqual(['unknown', 'c', 'd'])
  })

  behaviour(62, '`:exacto` applies the Exacto order to requests without tools', () => {
    for (const subject of [{ models: ['m:exacto'] }, { provider: { sort: 'exacto' } }]) {
      const it = judged(new Bench(FIVE, subject), KNOWN, { bad: [60, WRONG] })
      expect(tiersOf(it, {}).slice(4)).toEqual(['unknown: exacto: insufficient data', 'bad: exacto: deprioritized'])
    }
  })

  behaviour(
    63,
    'the tool-call error rate counts requests; unknown name, invalid JSON and schema mismatch count',
    () => {
      const five = (...args: readonly string[]): Signal[] =>
        called(...args.map((text, index) => call(text, { index, id: `call_${index}` })))
      const good = '{"n": 1}'
      // Five in 200 requests are 2.5 %, beyond two standard deviations; of 1,000 calls they would be 0.5 %.
      const bad = five(good, good, '{"n": "one"}', good, good)
      const all = (answers: readonly [number, readonly Signal[]]) =>
        bads(tiersOf(judged(new Bench(FIVE), KNOWN, { bad: answers })))
      expect(all([5, bad])).toBe(true)
      // Three requests with five wrong calls each are 1.5 %; of all calls they would be more than that allows.
      expect(all([3, five('{', '{', '{', '{', '{')])).toBe(false)
      expect(all([60, called(call(good, { name: 'subtract' }))])).toBe(true)
      expect(all([60, called(call('{"n": 1'))])).toBe(true)
      expect(all([60, called(call('{"n": 1.5}'))])).toBe(true)
      const anything = { ...TOOLS, tools: [{ name: 'add', description: 'Add.', parameters: {} }] }
      const without = judged(new Bench(FIVE), KNOWN, { bad: [60, called(call('{"n": 1'))] }, { shape: anything })
      expect(bads(tiersOf(without))).toBe(false)
    },
  )
})
