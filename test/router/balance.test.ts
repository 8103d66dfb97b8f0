/** Load-aware strategies, stickiness and slow starts: who is asked first, and how often. */
import { describe, expect, test } from 'vitest'
import { hashName, mix32, Rng } from '../../src/base/index.ts'
import type { Signal } from '../../src/protocol/index.ts'
import { CHOICES } from '../../src/protocol/index.ts'
import { policySchema } from '../../src/router/index.ts'
import { leastRequestScore, PeakEwma } from '../../src/router/policies/balance.ts'
import { stickyEndpoint } from '../../src/router/policies/stickiness.ts'
import { GRADE, STATUS, type Belief } from '../../src/router/strategy.ts'
import { leastLoad } from '../../src/router/strategies/least-load.ts'
import { powerOfTwo } from '../../src/router/strategies/power-of-two.ts'
import { DONE, failed, Lab, offers, OPEN, policy, tokens } from './lab.ts'

const GOOD: readonly Signal[] = [...OPEN, tokens(1), DONE]

const balancing = (by: string, more: Record<string, unknown> = {}, rest: Record<string, unknown> = {}) =>
  policy({ resilience: { balance: { by, ...more }, ...rest } })

function believing(more: Partial<Belief>): Belief {
  return {
    status: () => STATUS.normal,
    grade: () => GRADE.insufficient,
    stay: () => -1,
    ttftMs: () => null,
    throughput: () => null,
    isOpen: () => true,
    share: () => 1,
    load: () => 0,
    cost: () => 0,
    ...more,
  }
}

describe('the schema', () => {
  test.each([{ sort: 'price' }, { order: ['a'] }])('balance beside %j: refused, with what to drop', (provider) => {
    const parsed = policySchema.safeParse({ name: 'x', models: ['m'], provider, resilience: { balance: {} } })
    expect(parsed.error?.issues[0]).toMatchObject({ path: ['resilience', 'balance'] })
    expect(parsed.error?.issues[0]?.message).toContain('drop')
  })
})

describe('formulas', () => {
  test('E3: least request with weight 2 and 4 active requests, is 0.4', () => {
    expect(1 / leastRequestScore(4, 2)).toBe(0.4)
  })

  test('peak EWMA: a higher sample counts at once, and is 36.8 % after one decay time', () => {
    const it = new PeakEwma(10_000)
    it.observe(100, 0)
    it.observe(1_000, 0)
    expect(it.value(0)).toBe(1_000)
    expect(it.value(10_000) / 1_000).toBeCloseTo(Math.exp(-1), 12)
  })

  test('peak EWMA: a lower sample pulls it down by the time since the last', () => {
    const it = new PeakEwma(10_000)
    it.observe(1_000, 0)
    it.observe(100, 10_000)
    expect(it.value(10_000)).toBeCloseTo(1_000 * Math.exp(-1) + 100 * (1 - Math.exp(-1)), 9)
  })
})

describe('power of two', () => {
  const rank = (count: number, belief: Belief, key: number) => {
    const fleet = offers(...Array.from({ length: count }, (_, n) => `p${n}`))
    const context = { offers: fleet, choices: CHOICES, belief, rng: Rng.fromSeed(1).fork(key), now: 0 }
    return powerOfTwo.rank(
      fleet.map(({ index }) => index),
      context,
    )
  }

  test('power of two: of three, the busiest is never first and the idlest in two of three', () => {
    const firsts = [0, 0, 0]
    for (let key = 0; key < 9_000; key += 1) {
      firsts[rank(3, believing({ load: (n) => n }), key)[0]!.endpoint]! += 1
    }
    expect(firsts[2]).toBe(0)
    // Of three pairs two hold the idlest: standard error √(2/9 · 9000) ≈ 45.
    expect(Math.abs(firsts[0]! - 6_000)).toBeLessThan(4 * 45)
  })

  test('power of two: an endpoint at a tenth of its share, counts as ten times as busy', () => {
    const belief = believing({ load: () => 1, share: (n) => (n === 0 ? 0.1 : 1) })
    for (let key = 0; key < 200; key += 1) expect(rank(3, belief, key)[0]!.endpoint).not.toBe(0)
  })

  test('power of two: those that are held back, come last', () => {
    const belief = believing({ isOpen: (n) => n % 2 === 1 })
    for (let key = 0; key < 50; key += 1) {
      const order = rank(6, belief, key).map(({ endpoint }) => endpoint % 2)
      expect(order).toEqual([1, 1, 1, 0, 0, 0])
    }
  })

  test('power of two: of a thousand endpoints, sixteen are listed, each once', () => {
    for (let key = 0; key < 50; key += 1) {
      const order = rank(1_000, believing({}), key).map(({ endpoint }) => endpoint)
      expect(order).toHaveLength(16)
      expect(new Set(order).size).toBe(16)
    }
  })

  test('power of two: nine tenths of a thousand are held back, the first is open all the same', () => {
    let open = 0
    for (let key = 0; key < 200; key += 1) {
      open += rank(1_000, believing({ isOpen: (n) => n % 10 === 0 }), key)[0]!.endpoint % 10 === 0 ? 1 : 0
    }
    // Nobody open in 64 draws: 0.9^64, about one in a thousand.
    expect(open).toBeGreaterThanOrEqual(198)
  })
})

test('least load: the least busy of all, and among equals everybody in turn', () => {
  const fleet = offers('a', 'b', 'c', 'd')
  const firsts = [0, 0, 0, 0]
  for (let key = 0; key < 100; key += 1) {
    const context = { offers: fleet, choices: CHOICES, belief: believing({ load: (n) => (n < 2 ? 5 : 3) }), rng: Rng.fromSeed(1).fork(key), now: 0 } // prettier-ignore
    firsts[leastLoad.rank([0, 1, 2, 3], context)[0]!.endpoint]! += 1
  }
  expect(firsts.map((count) => count > 0)).toEqual([false, false, true, true])
})

describe('the router', () => {
  test('load: counts from start to end, whatever the end', () => {
    const it = new Lab(offers('a', 'b'), balancing('least_load'))
    const held = it.ask()
    const [busy] = it.went(held)
    const [idle] = ['a', 'b'].filter((name) => name !== busy)
    expect(it.went(it.ask())).toEqual([idle])
    it.cancel(held)
    expect(it.went(it.ask())).toEqual([busy])
  })

  /** One endpoint refuses at once, the others take a second; 20 requests a second for 60 s. Share of first choices. */
  function sacrificed(resilience: Parameters<typeof balancing>): number {
    const it = new Lab(offers('hole', 'b', 'c', 'd'), balancing(...resilience))
    const open: { call: ReturnType<Lab['ask']>; endsAt: number }[] = []
    let first = 0
    let asked = 0
    for (let now = 0; now < 60_000; now += 50) {
      it.at(now)
      while (open.length > 0 && open[0]!.endsAt <= now) it.hear(open.shift()!.call, ...GOOD)
      const call = it.ask()
      if (now >= 20_000) asked += 1
      if (it.went(call)[0] === 'hole') {
        if (now >= 20_000) first += 1
        it.hear(call, failed('server_error'))
      }
      // Its second choice may be anybody but the hole.
      open.push({ call, endsAt: now + 1_000 })
    }
    return first / asked
  }

  test.each(['power_of_two', 'least_load', 'peak_ewma'])(
    'black hole: %s, an endpoint that fails at once gets no more than its share',
    (by) => {
      const share = sacrificed([by])
      expect(share).toBeLessThan(0.1)
      // And it is still looked at now and then, so that it is found when it is well again.
      expect(share).toBeGreaterThan(0)
    },
  )

  test('black hole: without the penalty it draws everything it can, which is why there is one', () => {
    expect(sacrificed(['power_of_two', { failure_penalty: '0s' }])).toBeGreaterThan(0.45)
    expect(sacrificed(['least_load', { failure_penalty: '0s' }])).toBeGreaterThan(0.9)
  })

  test('peak ewma: an endpoint whose first tokens are late, gets less', () => {
    const it = new Lab(offers('slow', 'b'), balancing('peak_ewma'))
    const counts = { slow: 0, b: 0 }
    const open: { call: ReturnType<Lab['ask']>; endsAt: number }[] = []
    for (let now = 0; now < 60_000; now += 100) {
      it.at(now)
      for (const each of open.filter(({ endsAt }) => endsAt <= now)) {
        it.hear(each.call, ...GOOD)
        open.splice(open.indexOf(each), 1)
      }
      const call = it.ask()
      const name = it.went(call)[0] as 'slow' | 'b'
      counts[name] += 1
      open.push({ call, endsAt: now + (name === 'slow' ? 2_000 : 200) })
    }
    // Cost is latency × (in flight + 1): ten times as slow, at most about a tenth of the traffic.
    expect(counts.slow / (counts.slow + counts.b)).toBeLessThan(0.15)
    expect(counts.slow).toBeGreaterThan(0)
  })
})

describe('stickiness', () => {
  const names = Array.from({ length: 10 }, (_, n) => hashName(`endpoint-${n}`))
  const all = names.map((_, n) => n)
  const keys = Array.from({ length: 10_000 }, (_, n) => mix32(n + 1))
  const home = (key: number, endpoints: readonly number[]): number =>
    stickyEndpoint(key, endpoints, names, 100, () => 0)

  test('E5: one of ten leaves, its keys move and no others', () => {
    const before = keys.map((key) => home(key, all))
    const after = keys.map((key) => home(key, all.slice(1)))
    const moved = keys.filter((_, n) => before[n] !== after[n])
    expect(moved.length).toBe(before.filter((endpoint) => endpoint === 0).length)
    expect(Math.abs(moved.length / keys.length - 0.1)).toBeLessThan(0.01)
  })

  test('E4: a thousand requests on ten endpoints with a bound of 1.25, none has more than 125', () => {
    const load = names.map(() => 0)
    for (const key of keys.slice(0, 1_000)) {
      load[stickyEndpoint(key, all, names, 1.25, (endpoint) => load[endpoint]!)]! += 1
    }
    expect(load.reduce((sum, busy) => sum + busy, 0)).toBe(1_000)
    expect(Math.max(...load)).toBeLessThanOrEqual(125)
  })

  test('bound: one key alone, spreads as far as the bound says', () => {
    const load = names.map(() => 0)
    for (let n = 0; n < 1_000; n += 1) load[stickyEndpoint(42, all, names, 1.25, (endpoint) => load[endpoint]!)]! += 1
    expect(Math.max(...load)).toBe(125)
  })

  const FLEET = offers('a', 'b', 'c', 'd')
  const STICKY = { stickiness: {} }
  const session = (key: number) => ({ key, turn: 0, prefixTokens: 0 })

  test('session: all turns go to one endpoint, with the reason; without a session, by price as ever', () => {
    const it = new Lab(FLEET, policy({ resilience: STICKY }))
    const homes = new Set<string>()
    for (let turn = 0; turn < 20; turn += 1) {
      const call = it.ask({ session: session(7) })
      homes.add(it.went(call)[0]!)
      expect(it.of('call.routed').at(-1)?.order[0]?.reason).toBe('sticky')
      it.hear(call, ...GOOD)
    }
    expect(homes.size).toBe(1)
    it.ask()
    expect(it.of('call.routed').at(-1)?.order[0]?.reason).toBe('price-weighted pick')
  })

  test('session: its endpoint is held back, the next of its own order is asked until it is back', () => {
    const it = new Lab(FLEET, policy({ resilience: { ...STICKY, breaker: { consecutive: 1, open_for: '10s' } } }))
    const ask = (): string => {
      const call = it.ask({ session: session(7) })
      it.hear(call, ...GOOD)
      return it.went(call)[0]!
    }
    const first = ask()
    it.hear(it.ask({ session: session(7) }), failed('server_error'))
    const others = new Set(Array.from({ length: 10 }, ask))
    expect(others.size).toBe(1)
    expect(others.has(first)).toBe(false)
    it.at(10_000)
    expect(ask()).toBe(first)
  })

  test('order: the request half comes first', () => {
    const it = new Lab(FLEET, policy({ provider: { order: ['c'] }, resilience: STICKY }))
    for (let key = 0; key < 10; key += 1) expect(it.went(it.ask({ session: session(key) }))).toEqual(['c'])
  })

  test('session: with a balance, the endpoint it sticks to comes before the two that were drawn', () => {
    const it = new Lab(FLEET, policy({ resilience: { ...STICKY, balance: {} } }))
    const went = Array.from({ length: 4 }, () => it.went(it.ask({ session: session(9) }))[0])
    // Four in flight on four endpoints: the bound is ⌈1.25 · (n + 1) / 4⌉, so the second of two already moves on.
    expect(new Set(went.slice(0, 1)).size).toBe(1)
    expect(new Set(went).size).toBeGreaterThan(1)
  })
})

describe('slow start', () => {
  test('slow start: first choice for its share of requests, and last choice for the others', () => {
    const slowStart = { breaker: { consecutive: 1, open_for: '10s', slow_start: { over: '60s', min: '10%' } } }
    const it = new Lab(offers('a', 'b'), policy({ provider: { order: ['a', 'b'] }, resilience: slowStart }))
    const tripping = it.ask()
    it.hear(tripping, failed('server_error')).hear(tripping, ...GOOD)
    it.at(10_000).hear(it.ask(), ...GOOD)
    const shareAt = (now: number): number => {
      it.at(now)
      let first = 0
      for (let n = 0; n < 1_000; n += 1) {
        const call = it.ask()
        if (it.went(call)[0] === 'a') first += 1
        it.cancel(call)
      }
      return first / 1_000
    }
    // Standard error of a share of a thousand: below 1.6 points.
    expect(Math.abs(shareAt(11_000) - 0.1)).toBeLessThan(0.05)
    expect(it.of('call.routed').some(({ order }) => order.at(-1)?.reason === 'slow start')).toBe(true)
    expect(Math.abs(shareAt(40_000) - 0.5)).toBeLessThan(0.065)
    expect(shareAt(70_000)).toBe(1)
  })
})
