/** The funnel and the order, by the worked vectors of OpenRouter's documented behaviour (openrouter.md, Appendix B). */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Rng } from '../../src/base/index.ts'
import { PLAIN_CHAT, type Offer, type RequestShape } from '../../src/protocol/index.ts'
import { policySchema } from '../../src/router/index.ts'
import { Planner, type Plan } from '../../src/router/plan.ts'
import { GRADE, STATUS, type Belief } from '../../src/router/strategy.ts'
import { termsOf } from '../../src/router/terms.ts'
import { offers, request, TOOLS, type Asked, type OfferInput } from './lab.ts'

interface Speeds {
  readonly unstable?: readonly string[]
  /** Quantile functions in ms, and in tokens per second where N % perform better. */
  readonly ttft?: Readonly<Record<string, (q: number) => number>>
  readonly throughput?: Readonly<Record<string, (q: number) => number>>
}

function believing(fleet: readonly Offer[], { unstable = [], ttft = {}, throughput = {} }: Speeds): Belief {
  const name = (endpoint: number): string => fleet[endpoint]?.provider ?? '?'
  return {
    isOpen: () => true,
    share: () => 1,
    load: () => 0,
    cost: () => 0,
    status: (endpoint) => (unstable.includes(name(endpoint)) ? STATUS.outage : STATUS.normal),
    grade: () => GRADE.insufficient,
    stay: () => -1,
    ttftMs: (endpoint, q) => ttft[name(endpoint)]?.(q) ?? null,
    throughput: (endpoint, q) => throughput[name(endpoint)]?.(q) ?? null,
  }
}

const flat = (value: number) => (): number => value

function planOf(
  fleet: readonly Offer[],
  provider: Record<string, unknown>,
  { models = ['m'], speeds = {}, key = 0, ...asked }: Asked & { models?: string[]; speeds?: Speeds; key?: number } = {},
): Plan {
  const half = policySchema.parse({ name: 'lab', models, provider })
  return new Planner(half, termsOf(fleet)).plan(request(asked), believing(fleet, speeds), Rng.fromSeed(1).fork(key), 0)
}

const names = (fleet: readonly Offer[], plan: Plan): string[] =>
  plan.order.map(({ endpoint }) => fleet[endpoint]!.provider)
const priced = (prices: Readonly<Record<string, number>>, more: Record<string, unknown> = {}): Offer[] =>
  offers(
    ...Object.entries(prices).map(([provider, usd]): OfferInput => ({
      provider,
      price: { input: usd, output: usd },
      ...more,
    })),
  )

/** Shares of first picks over 10,000 keyed draws. */
function firstPicks(
  fleet: readonly Offer[],
  provider: Record<string, unknown>,
  speeds: Speeds = {},
): Record<string, number> {
  const counts: Record<string, number> = {}
  const planner = new Planner(policySchema.parse({ name: 'lab', models: ['m'], provider }), termsOf(fleet))
  const belief = believing(fleet, speeds)
  for (let key = 0; key < 10_000; key += 1) {
    const [first] = planner.plan(request(), belief, Rng.fromSeed(1).fork(key), 0).order
    const name = fleet[first!.endpoint]!.provider
    counts[name] = (counts[name] ?? 0) + 1 / 10_000
  }
  return counts
}

/** Three standard errors of a share over 10,000 draws. */
const tolerance = (p: number): number => 3 * Math.sqrt((p * (1 - p)) / 10_000)

describe('worked vectors', () => {
  const ABC = priced({ a: 1, b: 2, c: 3 })

  test.each([
    ['B1: prices 1, 2, 3', ABC, {}, { a: 0.7347, b: 0.1837, c: 0.0816 }],
    ['B2: the middle one unstable', ABC, { unstable: ['b'] }, { a: 0.9, c: 0.1 }],
    ['B3: prices 0.5 and 0.6', priced({ a: 0.5, b: 0.6 }), {}, { a: 0.5902, b: 0.4098 }],
  ] as const)('%s, first picks follow 1/price²', (_name, fleet, speeds, expected) => {
    const picks = firstPicks(fleet, {}, speeds)
    expect(Object.keys(picks).sort()).toEqual(Object.keys(expected).sort())
    for (const [name, share] of Object.entries(expected)) {
      expect(Math.abs(picks[name]! - share), name).toBeLessThan(tolerance(share) + 1e-4)
    }
  })

  test('B2: the unstable one, is always last and the rest go by price', () => {
    const orders = Array.from({ length: 200 }, (_, key) =>
      names(ABC, planOf(ABC, {}, { key, speeds: { unstable: ['b'] } })).join(''),
    )
    expect([...new Set(orders)].sort()).toEqual(['acb', 'cab'])
  })

  test('B1: after the pick, the others follow from cheap to dear', () => {
    const orders = Array.from({ length: 500 }, (_, key) => names(ABC, planOf(ABC, {}, { key })).join(''))
    expect([...new Set(orders)].sort()).toEqual(['abc', 'bac', 'cab'])
  })

  test('B4: sort by price, is the same on every request', () => {
    for (let key = 0; key < 50; key += 1) {
      expect(names(ABC, planOf(ABC, { sort: 'price' }, { key, speeds: { unstable: ['b'] } }))).toEqual(['a', 'b', 'c'])
    }
  })

  test('B5: order [c] with fallbacks, c first and then the rest', () => {
    expect(names(ABC, planOf(ABC, { order: ['c'] }))).toEqual(['c', 'a', 'b'])
  })

  test('B6: order [c, a] without fallbacks, these two and nobody else', () => {
    const plan = planOf(ABC, { order: ['c', 'a'], allow_fallbacks: false })
    expect(names(ABC, plan)).toEqual(['c', 'a'])
    expect(plan.funnel.at(-1)).toEqual({ step: 'Filter by Fallback', left: 2, removed: [1] })
  })

  test('B7: order of somebody unknown with fallbacks, no load balancing', () => {
    for (let key = 0; key < 50; key += 1)
      expect(names(ABC, planOf(ABC, { order: ['x'] }, { key }))).toEqual(['a', 'b', 'c'])
  })

  test('B8: order of somebody unknown without fallbacks, nobody: the funnel ends at Filter by Fallback with 0', () => {
    const plan = planOf(ABC, { order: ['x'], allow_fallbacks: false })
    expect(plan.order).toEqual([])
    expect(plan.funnel.at(-1)).toMatchObject({ step: 'Filter by Fallback', left: 0 })
  })

  test('B9: only [b, c], load balancing inside and nobody outside', () => {
    expect(firstPicks(ABC, { only: ['b', 'c'] })['b']).toBeCloseTo(9 / 13, 1)
    expect(names(ABC, planOf(ABC, { only: ['b', 'c'] })).sort()).toEqual(['b', 'c'])
  })

  test('B10: only somebody who is not there, the funnel ends at Filter by Allowed Providers with 0', () => {
    expect(planOf(ABC, { only: ['x'] }).funnel.at(-1)).toMatchObject({ step: 'Filter by Allowed Providers', left: 0 })
  })

  const TWO_MODELS = offers(
    { provider: 'slow-1', model: 'm1' },
    { provider: 'fast-1', model: 'm1' },
    { provider: 'slow-2', model: 'm2' },
    { provider: 'fast-2', model: 'm2' },
  )
  const speeds: Speeds = {
    throughput: { 'slow-1': flat(10), 'fast-1': flat(30), 'slow-2': flat(20), 'fast-2': flat(40) },
  }

  test('B13: two models by throughput, model by model', () => {
    const plan = planOf(TWO_MODELS, { sort: 'throughput' }, { models: ['m1', 'm2'], speeds })
    expect(names(TWO_MODELS, plan)).toEqual(['fast-1', 'slow-1', 'fast-2', 'slow-2'])
  })

  test('B14: the same with partition none, one list', () => {
    const plan = planOf(TWO_MODELS, { sort: { by: 'throughput', partition: 'none' } }, { models: ['m1', 'm2'], speeds })
    expect(names(TWO_MODELS, plan)).toEqual(['fast-2', 'fast-1', 'slow-2', 'slow-1'])
  })

  test('B15: a preferred threshold missed at one percentile, goes to the end and stays usable', () => {
    const ttft = { a: (q: number) => (q > 0.8 ? 3_500 : 800), b: flat(900), c: flat(500) }
    const plan = planOf(ABC, { sort: 'price', preferred_max_latency: { p50: 1, p90: 3 } }, { speeds: { ttft } })
    expect(names(ABC, plan)).toEqual(['b', 'c', 'a'])
    expect(plan.order.at(-1)?.reason).toContain('misses')
  })

  test.each([
    ['a number', 1, ['b', 'c', 'a']],
    ['met exactly', 2, ['a', 'b', 'c']],
    ['an object of nulls', { p50: null }, ['a', 'b', 'c']],
  ])('preferred latency: %s, means p50 in seconds', (_name, threshold, expected) => {
    const ttft = { a: flat(2_000), b: flat(500) } // c has no samples, which is not held against it.
    const plan = planOf(ABC, { sort: 'price', preferred_max_latency: threshold }, { speeds: { ttft } })
    expect(names(ABC, plan)).toEqual(expected)
  })

  test('preferred throughput: p90 is what nine in ten exceed', () => {
    const throughput = { a: (q: number) => (q === 0.9 ? 5 : 100), b: flat(20) }
    const plan = planOf(ABC, { sort: 'price', preferred_min_throughput: { p90: 10 } }, { speeds: { throughput } })
    expect(names(ABC, plan)).toEqual(['b', 'c', 'a'])
  })

  test('preferred: nobody meets it, everybody is still tried', () => {
    const ttft = { a: flat(9_000), b: flat(9_000), c: flat(9_000) }
    const plan = planOf(ABC, { sort: 'price', preferred_max_latency: 1 }, { speeds: { ttft } })
    expect(names(ABC, plan)).toEqual(['a', 'b', 'c'])
  })

  test('preferred: with two models, a fallback model that meets it goes first', () => {
    const ttft = { 'slow-1': flat(9_000), 'fast-1': flat(9_000), 'slow-2': flat(100), 'fast-2': flat(100) }
    const plan = planOf(
      TWO_MODELS,
      { sort: 'price', preferred_max_latency: 1 },
      { models: ['m1', 'm2'], speeds: { ttft } },
    )
    expect(names(TWO_MODELS, plan)).toEqual(['slow-2', 'fast-2', 'slow-1', 'fast-1'])
  })

  test.each([
    [{ prompt: 1 }, ['a']],
    [{ prompt: '1' }, ['a']],
    [{ prompt: 0.99 }, []],
    [{ completion: 2 }, ['a', 'b']],
    [{ request: 0 }, ['a', 'b', 'c']],
    [{ prompt: null }, ['a', 'b', 'c']],
  ])('B16: max_price %o, admits what costs as much or less', (cap, expected) => {
    expect(names(ABC, planOf(ABC, { max_price: cap, sort: 'price' }))).toEqual(expected)
  })
})

describe('order and fallbacks', () => {
  const ABC = priced({ a: 1, b: 2, c: 3 })

  test('allow_fallbacks false without an order, exactly one', () => {
    expect(planOf(ABC, { allow_fallbacks: false }).order).toHaveLength(1)
    expect(names(ABC, planOf(ABC, { allow_fallbacks: false, sort: 'price' }))).toEqual(['a'])
  })

  test('order beats sort; the rest goes by price', () => {
    const throughput = { a: flat(1), b: flat(2), c: flat(3) }
    const plan = planOf(ABC, { order: ['b'], sort: 'throughput' }, { speeds: { throughput } })
    expect(names(ABC, plan)).toEqual(['b', 'a', 'c'])
  })

  test('order: the same provider twice, is tried once', () => {
    expect(names(ABC, planOf(ABC, { order: ['b', 'b', 'a'] }))).toEqual(['b', 'a', 'c'])
  })

  test('order: a base slug, means every variant; a full slug only that one', () => {
    const fleet = offers(
      { provider: 'a' },
      { provider: 'd', tag: 'd/turbo', price: { input: 5, output: 5 } },
      { provider: 'd', price: { input: 6, output: 6 } },
    )
    const tags = (provider: Record<string, unknown>): string[] =>
      planOf(fleet, provider).order.map(({ endpoint }) => fleet[endpoint]!.tag)
    expect(tags({ order: ['d'] })).toEqual(['d/turbo', 'd', 'a'])
    expect(tags({ order: ['d/turbo'] })).toEqual(['d/turbo', 'a', 'd'])
    expect(tags({ ignore: ['d/turbo'], sort: 'price' })).toEqual(['a', 'd'])
    expect(tags({ ignore: ['d'] })).toEqual(['a'])
  })

  test('models: named twice, its endpoints are tried once', () => {
    expect(names(ABC, planOf(ABC, { sort: 'price' }, { models: ['m', 'm'] }))).toEqual(['a', 'b', 'c'])
  })

  test('models: one without endpoints, the next one answers', () => {
    const fleet = offers({ provider: 'a', model: 'm2' })
    expect(names(fleet, planOf(fleet, {}, { models: ['gone', 'm2'] }))).toEqual(['a'])
  })

  test('strategies: latency and throughput without samples, after those that have some, in fleet order', () => {
    expect(names(ABC, planOf(ABC, { sort: 'latency' }, { speeds: { ttft: { c: flat(900) } } }))).toEqual([
      'c',
      'a',
      'b',
    ])
    expect(names(ABC, planOf(ABC, { sort: 'throughput' }, { speeds: { throughput: { b: flat(1) } } }))).toEqual([
      'b',
      'a',
      'c',
    ])
  })

  test('price: a free endpoint, takes nearly every first pick and divides by nothing', () => {
    const fleet = priced({ free: 0, paid: 1 })
    expect(firstPicks(fleet, {})['free']).toBeGreaterThan(0.999)
  })
})

describe('funnel', () => {
  const shape = (more: Partial<RequestShape>): RequestShape => ({ ...PLAIN_CHAT, ...more })
  const without = (...names: string[]): string[] =>
    ['temperature', 'max_tokens', 'tools', 'tool_choice', 'response_format', 'structured_outputs'].filter(
      (name) => !names.includes(name),
    )

  test.each([
    ['data_collection deny', { data_collection: 'deny' }, { data_collection: 'allow' }, {}, 'Filter by Data Policy'],
    ['zdr', { zdr: true }, {}, {}, 'Filter by Data Policy'],
    ['only', { only: ['b'] }, {}, {}, 'Filter by Allowed Providers'],
    ['ignore', { ignore: ['a'] }, {}, {}, 'Filter by Allowed Providers'],
    ['quantizations', { quantizations: ['fp16'] }, {}, {}, 'Filter by Quantization'],
    [
      'require_parameters',
      { require_parameters: true },
      { parameters: without('max_tokens') },
      {},
      'Filter by Parameters',
    ],
    ['tools', {}, { parameters: without('tools') }, { shape: TOOLS }, 'Filter by Tool Compatibility'],
    ['max_price', { max_price: { prompt: 0.5 } }, {}, {}, 'Filter by Max Price'],
    ['context length', {}, { context_length: 100 }, { inputTokens: 101 }, 'Filter by Context Length'],
    ['output length', {}, { max_output: 100 }, { maxTokens: 101 }, 'Filter by Context Length'],
    [
      'context with output',
      {},
      { context_length: 200 },
      { inputTokens: 101, maxTokens: 100 },
      'Filter by Context Length',
    ],
  ] as const)(
    '%s: nobody is left, the failing step is named and ends at 0',
    (_name, provider, endpoint, asked, step) => {
      const fleet = offers({ provider: 'a', ...endpoint })
      const plan = planOf(fleet, provider, asked)
      expect(plan.order).toEqual([])
      expect(plan.funnel[0]).toEqual({ step: 'Initial Endpoints', left: 1, removed: [] })
      expect(plan.funnel.at(-1)).toEqual({ step, left: 0, removed: [0] })
    },
  )

  test('context length: exactly as long as it takes, fits', () => {
    const fleet = offers({ provider: 'a', context_length: 200, max_output: 100 })
    expect(planOf(fleet, {}, { inputTokens: 100, maxTokens: 100 }).order).toHaveLength(1)
  })

  test('context length: a long request after a short one, is still turned away', () => {
    const fleet = offers({ provider: 'a', context_length: 200 }, { provider: 'b', context_length: 1_000 })
    const planner = new Planner(policySchema.parse({ name: 'lab', models: ['m'] }), termsOf(fleet))
    const belief = believing(fleet, {})
    const sizes = [100, 500, 100].map(
      (inputTokens) => planner.plan(request({ inputTokens }), belief, Rng.fromSeed(1), 0).order.length,
    )
    expect(sizes).toEqual([2, 1, 2])
  })

  test.each([
    ['fp8', ['fp8', 'mxfp8']],
    ['fp4', ['fp4', 'mxfp4', 'nvfp4']],
    ['mxfp8', ['mxfp8']],
    ['unknown', ['unknown']],
    ['int8', ['int8']],
  ])('quantizations: %s, admits its family', (asked, family) => {
    const all = ['int4', 'int8', 'fp4', 'mxfp4', 'nvfp4', 'fp6', 'fp8', 'mxfp8', 'fp16', 'bf16', 'fp32', 'unknown']
    const fleet = offers(...all.map((quantization) => ({ provider: quantization, quantization })))
    expect(names(fleet, planOf(fleet, { quantizations: [asked], sort: 'price' }))).toEqual(family)
  })

  test.each([
    ['json_object', 'response_format'],
    ['json_schema', 'structured_outputs'],
  ] as const)(
    'response format %s: preferred where somebody of the model has it, dropped where nobody has',
    (format, needs) => {
      const fleet = offers(
        { provider: 'able', model: 'm1' },
        { provider: 'unable', model: 'm1', parameters: without(needs) },
        { provider: 'alone', model: 'm2', parameters: without(needs) },
      )
      const plan = planOf(fleet, { sort: 'price' }, { models: ['m1', 'm2'], shape: shape({ responseFormat: format }) })
      expect(names(fleet, plan)).toEqual(['able', 'alone'])
    },
  )

  test('funnel: whatever is asked, its counts never rise, count what is left, and end in the order', () => {
    const name = fc.constantFrom('a', 'b', 'c', 'd')
    const list = fc.option(fc.array(name, { maxLength: 3 }), { nil: null })
    const provider = fc.record({
      order: list,
      only: list,
      ignore: list,
      allow_fallbacks: fc.option(fc.boolean(), { nil: null }),
      require_parameters: fc.boolean(),
      data_collection: fc.constantFrom('allow', 'deny', null),
      zdr: fc.option(fc.boolean(), { nil: null }),
      sort: fc.constantFrom('price', 'latency', 'throughput', null, { by: 'price', partition: 'none' }),
      max_price: fc.option(fc.record({ prompt: fc.double({ min: 0, max: 4, noNaN: true }) }), { nil: null }),
      preferred_max_latency: fc.option(fc.double({ min: 0, max: 4, noNaN: true }), { nil: null }),
    })
    const one = fc.record({
      provider: name,
      model: fc.constantFrom('m', 'm2', 'm3'),
      price: fc.record({ input: fc.integer({ min: 0, max: 4 }), output: fc.integer({ min: 0, max: 4 }) }),
      zdr: fc.boolean(),
      data_collection: fc.constantFrom('allow', 'deny'),
      context_length: fc.constantFrom(50, 1_000),
      parameters: fc.constantFrom(without(), without('tools')),
    })
    fc.assert(
      fc.property(
        fc.array(one, { minLength: 1, maxLength: 8 }),
        provider,
        fc.constantFrom(TOOLS, PLAIN_CHAT),
        (inputs, asked, kind) => {
          const fleet = offers(...inputs)
          const { funnel, order } = planOf(fleet, asked, { models: ['m', 'm2'], shape: kind })
          let left = funnel[0]!.left
          expect(left).toBe(fleet.filter(({ model }) => model !== 'm3').length)
          for (const step of funnel.slice(1)) {
            expect(step.left).toBe(left - step.removed.length)
            left = step.left
          }
          expect(order).toHaveLength(left)
          const tried = order.map(({ endpoint }) => endpoint)
          expect(new Set(tried).size).toBe(tried.length)
          for (const step of funnel) for (const removed of step.removed) expect(tried).not.toContain(removed)
        },
      ),
      { seed: 1, numRuns: 500 },
    )
  })
})
