/** The worked vectors of the contract's order (openrouter.md, appendix B), 1–10 and 13–16; the others stand with their areas. */
import { describe, expect, test } from 'vitest'
import { firstPicks, flat, names, planOf, priced, tolerance, type Speeds } from '../router/planning.ts'
import { offers } from './lab.ts'

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
