/** The funnel and the order: what the worked vectors leave out (those are in test/openrouter/). */
import { describe, expect, test } from 'vitest'
import { Rng } from '../../src/base/index.ts'
import { PLAIN_CHAT, type RequestShape } from '../../src/protocol/index.ts'
import { policySchema } from '../../src/router/index.ts'
import { Planner } from '../../src/router/plan.ts'
import { termsOf } from '../../src/router/terms.ts'
import { offers, request, TOOLS } from './lab.ts'
import { believing, firstPicks, flat, names, planOf, priced } from './planning.ts'

describe('preferred thresholds', () => {
  const ABC = priced({ a: 1, b: 2, c: 3 })
  const TWO_MODELS = offers(
    { provider: 'slow-1', model: 'm1' },
    { provider: 'fast-1', model: 'm1' },
    { provider: 'slow-2', model: 'm2' },
    { provider: 'fast-2', model: 'm2' },
  )
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
    ['context length', {}, { context_length: 10_000 }, { inputTokens: 10_001 }, 'Filter by Context Length'],
    ['output length', {}, { max_output: 100 }, { maxTokens: 101 }, 'Filter by Context Length'],
    [
      'context with output',
      {},
      { context_length: 20_000 },
      { inputTokens: 10_001, maxTokens: 10_000 },
      'Filter by Context Length',
    ],
  ] as const)(
    '%s: nobody is left, the failing step is named and ends at 0',
    (_name, provider, endpoint, asked, step) => {
      const fleet = offers({ provider: 'a', ...endpoint })
      const plan = planOf(fleet, provider, asked)
      expect(plan.order).toEqual([])
      expect(plan.funnel[0]).toEqual({ step: 'Initial Endpoints', left: 1, removed: [] })
      expect(plan.funnel.at(-1)).toMatchObject({ step, left: 0, removed: [0] })
    },
  )

  test('context length: exactly as long as it takes, fits', () => {
    const fleet = offers({ provider: 'a', context_length: 200, max_output: 100 })
    expect(planOf(fleet, {}, { inputTokens: 100, maxTokens: 100 }).order).toHaveLength(1)
  })

  test('context length: a long request after a short one, is still turned away', () => {
    const fleet = offers({ provider: 'a', context_length: 20_000 }, { provider: 'b', context_length: 100_000 })
    const planner = new Planner(policySchema.parse({ name: 'lab', models: ['m'] }), termsOf(fleet))
    const belief = believing(fleet, {})
    const sizes = [10_000, 50_000, 10_000].map(
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
})
