/** Outlier ejection, by the vectors of @grpc/grpc-js and Envoy (resilience.md B8, B9), and as the router lives with it. */
import { describe, expect, test } from 'vitest'
import type { Signal } from '../../src/protocol/index.ts'
import { OutlierEjection, outlierEjectionSchema } from '../../src/router/policies/outlier-ejection.ts'
import { DONE, failed, inOrder, Lab, offers, OPEN, tokens } from './lab.ts'

const GOOD: readonly Signal[] = [...OPEN, tokens(1), DONE]

interface Bench {
  readonly it: OutlierEjection
  readonly changes: (readonly [host: number, until: number | null])[]
}

function bench(hosts: number, rules: Record<string, unknown>): Bench {
  const changes: (readonly [number, number | null])[] = []
  const policy = outlierEjectionSchema.parse({ consecutive: 'off', ...rules })
  return { it: new OutlierEjection(policy, hosts, (host, until) => changes.push([host, until])), changes }
}

/** So many requests at each host, of which the given share goes well; then the sweep. */
function interval({ it }: Bench, rates: readonly number[], volume: number): void {
  rates.forEach((rate, host) => {
    for (let n = 0; n < volume; n += 1) it.report(host, n >= Math.round(rate * volume), it.sweepAt - 1)
  })
  it.sweep()
}

const dead = (hosts: number, count: number, bad = 0, good = 1): number[] =>
  Array.from({ length: hosts }, (_, host) => (host < count ? bad : good))

describe('success rate', () => {
  test.each([
    ['one of five is dead', dead(5, 1), 1_000, {}, 1],
    ['one of five is a thousandth worse', dead(5, 1, 0.999), 1_000, {}, 1],
    ['two of five are dead', dead(5, 2), 1_000, {}, 0],
    ['four hosts', dead(4, 1), 1_000, {}, 0],
    ['two of ten are dead', dead(10, 2), 1_000, {}, 2],
    ['three of ten are dead', dead(10, 3), 1_000, {}, 0],
    ['four of twenty are dead', dead(20, 4), 1_000, {}, 4],
    ['five of twenty are dead', dead(20, 5), 1_000, {}, 0],
    ['all are dead', dead(10, 10), 1_000, {}, 0],
    ['all are equally good', dead(7, 0, 1, 0.9), 1_000, {}, 0],
    ['too few requests', dead(10, 2), 99, {}, 0],
    ['enough requests', dead(10, 2), 100, {}, 2],
    ['two of ten, a tenth at most', dead(10, 2), 1_000, { max_share: '10%' }, 1],
  ])('B8: %s', (_what, rates, volume, rules, expected) => {
    const it = bench(rates.length, { max_share: '100%', ...rules })
    interval(it, rates, volume)
    expect(it.changes.map(([host]) => host)).toEqual(Array.from({ length: expected }, (_, host) => host))
  })

  test('off: nobody is compared', () => {
    const it = bench(5, { success_rate: 'off' })
    interval(it, dead(5, 1), 1_000)
    expect(it.changes).toEqual([])
  })
})

describe('failure percentage', () => {
  const rule = (more: Record<string, unknown> = {}) => ({
    success_rate: 'off',
    failure_percentage: { threshold: '85%', ...more },
    max_share: '100%',
  })

  test.each([
    ['at the threshold', dead(5, 1, 0.15), {}, 1],
    ['just below it', dead(5, 1, 0.16), {}, 0],
    ['all but the last one kept', dead(5, 5), {}, 4],
    ['three hosts, when three are enough', dead(3, 1), { min_hosts: 3 }, 1],
    ['three hosts, when five are needed', dead(3, 1), {}, 0],
  ])('failure percentage: %s', (_what, rates, more, expected) => {
    const it = bench(rates.length, rule(more))
    interval(it, rates, 100)
    expect(it.changes).toHaveLength(expected)
  })

  test('B5: an outage at a uniform phase of sweeps every 10 s, detected after 13.5 s in the mean', () => {
    // 100 requests a second, in the first sweep that sees more than 85 % of them fail.
    const times: number[] = []
    for (let phase = 0; phase < 10_000; phase += 100) {
      const { it, changes } = bench(5, rule({ threshold: '85.1%' }))
      for (let now = 0; changes.length === 0; now += 10) {
        while (it.sweepAt <= now) {
          it.sweep()
          if (changes.length > 0) times.push(it.sweepAt - 10_000 - (10_000 + phase))
        }
        for (let host = 0; host < 5; host += 1) it.report(host, host === 0 && now >= 10_000 + phase, now)
      }
    }
    expect(times.reduce((sum, time) => sum + time, 0) / times.length).toBeCloseTo(13_500, -2.5)
    expect(Math.min(...times)).toBeCloseTo(8_500, -2.5)
    expect(Math.max(...times)).toBeCloseTo(18_500, -2.5)
  })
})

describe('how long, and how many', () => {
  test('B9: 30 s, 60 s, 90 s … up to 300 s', () => {
    const it = bench(5, { consecutive: 1, success_rate: 'off' })
    const lengths: number[] = []
    for (let time = 0; time < 12; time += 1) {
      const now = it.it.sweepAt - 10_000
      it.it.report(0, true, now)
      lengths.push(it.it.ejectedUntil(0) - now)
      while (it.it.isEjected(0)) it.it.sweep()
    }
    expect(lengths).toEqual([30, 60, 90, 120, 150, 180, 210, 240, 270, 300, 300, 300].map((s) => s * 1_000))
  })

  test('B9: each sweep without, takes one from the count', () => {
    const it = bench(5, { consecutive: 1, success_rate: 'off' })
    const ejectedFor = (): number => {
      const now = it.it.sweepAt - 10_000
      it.it.report(0, true, now)
      const length = it.it.ejectedUntil(0) - now
      while (it.it.isEjected(0)) it.it.sweep()
      return length
    }
    expect([ejectedFor(), ejectedFor(), ejectedFor()]).toEqual([30_000, 60_000, 90_000])
    it.it.sweep()
    it.it.sweep()
    expect(ejectedFor()).toBe(60_000)
  })

  test('consecutive: five in a row eject at once, four and a success do not', () => {
    const it = bench(3, { consecutive: 5 })
    for (const isFailure of [true, true, true, true, false, true, true, true, true]) it.it.report(0, isFailure, 7)
    expect(it.changes).toEqual([])
    it.it.report(0, true, 7)
    expect(it.changes).toEqual([[0, 30_007]])
  })

  test.each([
    [3, '10%', 1, 1],
    [3, '100%', 1, 2],
    [3, '100%', 0, 3],
    [1, '100%', 1, 0],
    [10, '30%', 1, 3],
    [10, '0%', 1, 1],
  ])('of %d hosts, at most %s and keeping %d: %d are ejected', (hosts, maxShare, keep, expected) => {
    const it = bench(hosts, { consecutive: 1, max_share: maxShare, keep })
    for (let host = 0; host < hosts; host += 1) it.it.report(host, true, 1)
    expect(it.changes).toHaveLength(expected)
  })
})

describe('the router', () => {
  const rules = { outlier_ejection: { consecutive: 2, success_rate: 'off' } }

  test('ejection: the endpoint is passed over until the sweep after its time, and then asked without a probe', () => {
    const it = new Lab(offers('a', 'b'), inOrder(['a', 'b'], rules))
    it.at(1_000)
    for (let n = 0; n < 2; n += 1) {
      const call = it.ask()
      it.hear(call, failed('server_error')).hear(call, ...GOOD)
    }
    expect(it.went(it.ask())).toEqual(['b'])
    expect(it.of('candidate.skipped')).toMatchObject([{ endpoint: 0, cause: 'ejected' }])
    it.at(39_999)
    expect(it.went(it.ask())).toEqual(['b'])
    it.at(40_000)
    const back = it.ask()
    expect(it.went(back)).toEqual(['a'])
    expect(it.of('health.changed')).toMatchObject([
      { at: 1_000, endpoint: 0, from: 'closed', to: 'ejected', until: 31_000, cause: 'server_error' },
      { at: 40_000, endpoint: 0, from: 'ejected', to: 'closed', until: null },
    ])
    expect(it.of('attempt.started').at(-1)?.reason).toBe('primary')
  })

  test('ejection: models are compared each for itself, and one candidate of each is kept', () => {
    const fleet = offers('a', { provider: 'b', model: 'm2' })
    const it = new Lab(fleet, inOrder(['a'], rules))
    for (let n = 0; n < 9; n += 1) it.hear(it.ask(), failed('server_error'))
    expect(it.of('health.changed')).toEqual([])
  })
})
