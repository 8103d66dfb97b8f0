/** Who is struck when several faults are at work, and when one is: the rules that make faults compose. */
import { describe, expect, test } from 'vitest'
import { hashName, MINUTE, Rng } from '../../src/base/index.ts'
import type { ChatRequest } from '../../src/protocol/index.ts'
import { courseOf, shapeSchema, type ScheduledFault } from '../../src/provider/index.ts'
import { endpoint, EXACT, fault, FleetLab, question } from './lab.ts'

const A = endpoint('a', { latency: EXACT })
const B = endpoint('b', { latency: EXACT })
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const ask = (n: number, more: Partial<ChatRequest> = {}) =>
  question({ id: n, weather: hashName(`question ${n}`), ...more })

type More = Parameters<typeof fault>[5]
const down = (id: string, more: More = {}, on = [0]) => fault('outage', 0, DAY, on, { mode: 'status' }, { id, ...more })

/** Which questions each fault struck, of so many that come ten a second. */
function struckBy(
  timeline: readonly ScheduledFault[],
  count = 2_000,
  more: (n: number) => Partial<ChatRequest> = () => ({}),
) {
  const it = new FleetLab([A, B], timeline)
  for (let n = 0; n < count; n += 1) it.at(n * 100).send(0, ask(n, more(n)))
  return timeline.map((_, index) =>
    it.of('fault.fired').flatMap((each) => (each.fault === index ? [each.request] : [])),
  )
}

describe('composition', () => {
  test('(a) layers: faults of different layers stack, one strikes per layer and attempt', () => {
    const slow = fault('latency', 0, DAY, [0], { mode: 'spike', add: '1s' }, { id: 'slow' })
    const cut = (id: string) => fault('stream', 0, DAY, [0], { mode: 'cut' }, { id })
    const [first, second, third] = struckBy([slow, cut('cut'), cut('again')], 50)
    expect([first?.length, second?.length, third?.length]).toEqual([50, 50, 0])
  })

  test('(b) exclusive group: one is drawn per attempt, by weight', () => {
    const group = (id: string, weight: number) => down(id, { exclusiveGroup: 'errors', weight })
    const [one, three] = struckBy([group('one', 1), group('three', 3)])
    expect((one?.length ?? 0) + (three?.length ?? 0)).toBe(2_000)
    // Four standard deviations of a binomial share of a quarter.
    expect(Math.abs((one?.length ?? 0) / 2_000 - 0.25)).toBeLessThan(4 * Math.sqrt(0.1875 / 2_000))
  })

  test('(b) exclusive group: one that is off, or has not come here yet, takes no turn', () => {
    const group = (id: string, more: More) => down(id, { exclusiveGroup: 'errors', ...more }, [0])
    const window = { kind: 'window', every: '1h', last: '1s' }
    const [off, on] = struckBy([group('off', { shape: window }), group('on', {})], 500)
    expect(off?.every((id) => id < 10)).toBe(true) // Its second is the first of them.
    expect(on?.length).toBeGreaterThanOrEqual(490)
    const late = down('late', { exclusiveGroup: 'errors', stagger: HOUR }, [1, 0])
    expect(struckBy([late, group('on', {})], 50).map((struck) => struck.length)).toEqual([0, 50])
  })

  test('(b) exclusive group: without it, the first of the timeline shadows the second', () => {
    const [first, second] = struckBy([down('one'), down('three')], 50)
    expect([first?.length, second?.length]).toEqual([50, 0])
  })

  test('(b) exclusive group: one more takes turns from the others, and moves none between them', () => {
    const group = (id: string, weight: number) => down(id, { exclusiveGroup: 'errors', weight })
    const [one = [], three = []] = struckBy([group('one', 1), group('three', 3)])
    const [oneOfThree = [], threeOfThree = [], newcomer = []] = struckBy([
      group('one', 1),
      group('three', 3),
      group('new', 2),
    ])
    expect(oneOfThree.filter((id) => !one.includes(id))).toEqual([])
    expect(threeOfThree.filter((id) => !three.includes(id))).toEqual([])
    expect(newcomer.length).toBeGreaterThan(500)
  })

  test('(c) draws: one more fault, earlier in the timeline and at the same endpoint, moves nobody else’s', () => {
    const half = down('half', { probability: 0.5 })
    const slow = fault('latency', 0, DAY, [0], { mode: 'spike', add: '1ms' }, { id: 'slow', probability: 0.5 })
    expect(struckBy([slow, half])[1]).toEqual(struckBy([half])[0])
  })

  test('(d) record: every strike names its attempt', () => {
    const it = new FleetLab([A], [down('half', { probability: 0.5 })])
    it.at(0)
    const refused = Array.from({ length: 200 }, (_, n) => it.send(0, ask(n))).filter(
      (attempt) => it.types(attempt).at(-1) === 'failed',
    )
    expect(it.of('fault.fired').map(({ request, call, attempt }) => [request, call, attempt])).toEqual(
      refused.map(({ request, call, number }) => [request.id, call, number]),
    )
  })
})

describe('draws', () => {
  test('per request: the same request is struck at every endpoint and visit, or at none', () => {
    const it = new FleetLab([A, B], [down('x', { probability: 0.5, per: 'request' }, [0, 1])])
    it.at(0)
    const fates = Array.from({ length: 200 }, (_, n) => {
      const request = ask(n)
      return [0, 1, 0].map((where) => it.types(it.send(where, request)).at(-1) === 'failed')
    })
    expect(new Set(fates.map(String))).toEqual(new Set(['true,true,true', 'false,false,false']))
  })

  test('per session: all turns of a session at an endpoint, or none; another endpoint draws for itself', () => {
    const it = new FleetLab([A, B], [down('x', { probability: 0.5, per: 'session' }, [0, 1])])
    it.at(0)
    const fates = Array.from({ length: 100 }, (_, session) =>
      [0, 0, 0, 1].map((where, turn) => {
        const request = ask(session * 10 + turn, { session: { key: session, turn, prefixTokens: 0 } })
        return it.types(it.send(where, request)).at(-1) === 'failed'
      }),
    )
    for (const [first, second, third] of fates) expect([second, third]).toEqual([first, first])
    expect(new Set(fates.map(([first, , , other]) => first === other)).size).toBe(2)
  })

  test('per connection: a few connections, each bad for a while', () => {
    const struck = (per: 'connection' | 'attempt') =>
      struckBy([down('x', { probability: 0.125, per })], 20_000)[0] ?? []
    // Runs of the same lane: where lanes are bad for a minute, a struck request's next on its lane is struck as well.
    const again = (ids: readonly number[]): number => {
      const bad = new Set(ids)
      const lane = (n: number) => (hashName(`question ${n}`) >>> 0) % 4
      const pairs = ids.flatMap(
        (n) => Array.from({ length: 40 }, (_, k) => n + k + 1).find((next) => lane(next) === lane(n)) ?? [],
      )
      return pairs.filter((next) => bad.has(next)).length / ids.length
    }
    expect(again(struck('connection'))).toBeGreaterThan(0.9)
    expect(again(struck('attempt'))).toBeLessThan(0.3)
  })

  test('stagger: each further endpoint is struck later', () => {
    const it = new FleetLab([A, B], [down('x', { stagger: MINUTE }, [0, 1])])
    const fates = [0, 30_000, 60_000].map((now) =>
      [0, 1].map((where) => it.types(it.at(now).send(where)).at(-1) === 'failed'),
    )
    expect(fates).toEqual([
      [true, false],
      [true, false],
      [true, true],
    ])
  })
})

test('stagger: what is in flight breaks at each endpoint when its turn comes, and nowhere else', () => {
  const reset = (stagger: number) => fault('outage', 200, DAY, [0, 1], { mode: 'reset' }, { stagger })
  const brokenAt = (stagger: number) => {
    const it = new FleetLab([A, B], [reset(stagger)])
    const attempts = [0, 1].map((where) => it.at(0).send(where))
    it.at(10_000)
    return attempts.map((attempt) => it.said(attempt).at(-1)).map((last) => [last?.signal.type, last?.at])
  }
  expect(brokenAt(0)).toEqual([['closed', 200], ['closed', 200]]) // prettier-ignore
  expect(brokenAt(500)).toEqual([['closed', 200], ['closed', 700]]) // prettier-ignore
  expect(brokenAt(5_000)).toEqual([['closed', 200], ['finished', 2_050]]) // prettier-ignore
})

describe('shapes', () => {
  /** The share struck in each of so many stretches. */
  const shares = (shape: Record<string, unknown>, stretches: number, stretchMs: number, count = 200): number[] => {
    const it = new FleetLab([A], [fault('outage', 0, stretches * stretchMs, [0], { mode: 'status' }, { shape })])
    return Array.from({ length: stretches }, (_, stretch) => {
      const before = it.of('fault.fired').length
      for (let n = 0; n < count; n += 1)
        it.at(stretch * stretchMs + (n * stretchMs) / count).send(0, ask(stretch * count + n))
      return (it.of('fault.fired').length - before) / count
    })
  }
  const near = (shape: Record<string, unknown>, stretchMs: number, expected: readonly number[]) =>
    shares(shape, expected.length, stretchMs).forEach((share, index) =>
      // Four standard deviations of the share of 200, at the most.
      expect(Math.abs(share - (expected[index] as number))).toBeLessThan(4 * Math.sqrt(0.25 / 200)),
    )

  test('step: to a level', () => near({ kind: 'step', level: 0.3 }, 1_000, [0.3, 0.3]))
  test('ramp: up and down', () =>
    near({ kind: 'ramp', up: '4s', down: '2s' }, 1_000, [0.125, 0.375, 0.625, 0.875, 1, 1, 0.75, 0.25]))
  test('ramp: down only, full at once', () => near({ kind: 'ramp', down: '2s' }, 1_000, [1, 1, 0.75, 0.25]))
  test('window: once in a while', () => near({ kind: 'window', every: '3s', last: '1s' }, 1_000, [1, 0, 0, 1, 0, 0]))
  test('diurnal: the peak, the trough, and half way', () => {
    const [first, quarter, peak, late] = shares(
      { kind: 'diurnal', period: '24h', peak: '12h', trough: 0.2 },
      24,
      HOUR,
    ).filter((_, hour) => [0, 6, 11, 18].includes(hour))
    expect(first).toBeLessThan(0.35)
    expect(peak).toBeGreaterThan(0.9)
    expect(Math.abs((quarter ?? 0) - 0.6)).toBeLessThan(0.2)
    expect(Math.abs((late ?? 0) - 0.6)).toBeLessThan(0.2)
  })

  const asked = { request: ask(0), call: 0, number: 0, endpoint: 0, visit: 0, slot: -1 }

  test('markov: bursts, bad for the share of time that its means say', () => {
    const course = courseOf(
      shapeSchema.parse({ kind: 'markov', mean_up: '30s', mean_down: '10s' }),
      DAY,
      Rng.fromSeed(1),
    )
    const seconds = Array.from({ length: 20_000 }, (_, second) => course(second * 1_000, asked, 0))
    const bad = seconds.filter((share) => share === 1).length / seconds.length
    // About 500 cycles: the relative error of the share of bad time is some 6 %; four of those.
    expect(Math.abs(bad - 0.25)).toBeLessThan(0.06)
    // A bad second is followed by a bad one nine times in ten (e to the −1/10).
    const pairs = seconds.slice(1).filter((_, index) => seconds[index] === 1)
    expect(pairs.filter((share) => share > 0).length / pairs.length).toBeGreaterThan(0.85)
  })

  test('markov: the same spells, whoever asks and however often', () => {
    const at = (everyMs: number) => {
      const it = new FleetLab(
        [A],
        [
          fault(
            'outage',
            0,
            DAY,
            [0],
            { mode: 'status' },
            { shape: { kind: 'markov', mean_up: '5s', mean_down: '5s' } },
          ),
        ],
      )
      const struck = new Set<number>()
      for (let now = 0; now < 200_000; now += everyMs)
        if (it.types(it.at(now).send()).at(-1) === 'failed') struck.add(now)
      return struck
    }
    const seldom = [...at(1_000)]
    expect(seldom).toEqual([...at(100)].filter((now) => now % 1_000 === 0))
    expect(seldom.length).toBeGreaterThan(20)
  })

  test('relapse: well after a quiet spell, once, and ill again', () => {
    const it = new FleetLab(
      [A],
      [fault('outage', 0, DAY, [0], { mode: 'status' }, { shape: { kind: 'relapse', quiet: '5s', good: 1 } })],
    )
    const fates = [0, 1_000, 5_900, 11_000, 11_100, 17_000, 17_001].map(
      (now) => it.types(it.at(now).send()).at(-1) === 'failed',
    )
    expect(fates).toEqual([true, true, true, false, true, false, true])
  })
})
