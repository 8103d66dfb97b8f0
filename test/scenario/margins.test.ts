/** Margins without playing anything: against arithmetic that can be done by hand. */
import { describe, expect, test } from 'vitest'
import type { Contingency, Margins } from '../../src/scenario/index.ts'
import { fileOf, load, type Story } from '../theory/lab.ts'

function marginsOf(story: Partial<Story> & Pick<Story, 'endpoints' | 'arrivals'>): Margins {
  return load(fileOf({ seconds: 60, ...story })).margins()
}

function rows({ endpoints }: Contingency): Record<string, [offered: number, margin: number | null]> {
  return Object.fromEntries(endpoints.map(({ endpoint, offered, margin }) => [endpoint, [offered, margin]]))
}

const SERVER = 'provider: a, capacity: { service: constant, time: 10ms, slots: 3 }'
const RETRY = 'resilience: { retry: { attempts: 1 } }'

describe('margins', () => {
  test.each([
    [149, 300 / 298],
    [151, 300 / 302],
    [280, 300 / 560],
  ])("HotOS'21, one retry at %d/s: 300 are advertised, and half of it may be used", (rate, margin) => {
    const { contingencies, warnings } = marginsOf({ endpoints: [SERVER], policy: RETRY, arrivals: `kind: constant, rate: ${rate}/s` }) // prettier-ignore
    const [all, without] = contingencies
    expect(all).toMatchObject({ out: null, unserved: 0 })
    expect(all?.endpoints[0]).toMatchObject({ endpoint: 'a:m', offered: rate, worst: 2 * rate, limit: 'slots' })
    expect(all?.endpoints[0]?.capacity).toBeCloseTo(300, 6)
    expect(all?.endpoints[0]?.margin).toBeCloseTo(margin, 9)
    expect(without).toEqual({ out: 'a', unserved: rate, endpoints: [], models: [] })
    expect(warnings.some((warning) => warning.includes('failures can turn into'))).toBe(margin < 1)
  })

  test('without a retry: capacity over load', () => {
    const { contingencies } = marginsOf({ endpoints: [SERVER], arrivals: 'kind: constant, rate: 280/s' })
    expect(contingencies[0]?.endpoints[0]?.margin).toBeCloseTo(300 / 280, 9)
  })

  test('a retry budget: bounds what retries can make of the load', () => {
    const budget = 'retry_budget: { kind: ratio, ratio: 10%, min_rate: 0/s }'
    const policy = `resilience: { retry: { attempts: 3 }, ${budget} }`
    const { demand } = marginsOf({ endpoints: [SERVER], policy, arrivals: 'kind: constant, rate: 100/s' })
    expect(demand[0]?.attemptsMax).toBeCloseTo(1.1, 12)
  })

  test('layers: what the application calls again, the gateway tries again', () => {
    const story = { endpoints: [SERVER], policy: 'resilience: { retry: { attempts: 2 } }', workflow: 'client: { retries: 3 }' } // prettier-ignore
    const { demand } = marginsOf({ ...story, arrivals: 'kind: constant, rate: 1/s' })
    expect(demand[0]?.attemptsMax).toBe(12)
  })

  test('N−1: whoever is next takes over all of it, and may be too small', () => {
    const order = 'provider: { order: [a, b] }'
    const small = 'provider: b, capacity: { service: constant, time: 100ms, slots: 3 }'
    const { contingencies, unasked, warnings } = marginsOf({ endpoints: [SERVER, small], policy: order, arrivals: 'kind: constant, rate: 60/s' }) // prettier-ignore
    expect(contingencies.map(({ out }) => out)).toEqual([null, 'a'])
    expect(unasked).toEqual(['b'])
    expect(rows(contingencies[0]!)['a:m']).toEqual([60, 5])
    expect(rows(contingencies[1]!)['b:m']).toEqual([60, 0.5])
    expect(contingencies[1]?.models).toEqual([{ model: 'm', offered: 60, worst: 60, capacity: 30, margin: 0.5 }])
    expect(warnings).toEqual(['without a, b:m can take 30/s and is asked for 60/s, before anybody tries again'])
  })

  test('limits: the least of slots and quotas counts; without any there is no margin', () => {
    const limited = 'provider: a, limits: { requests_per_minute: 600 }, capacity: { service: constant, time: 10ms, slots: 3 }' // prettier-ignore
    const { contingencies } = marginsOf({ endpoints: [limited], arrivals: 'kind: constant, rate: 20/s' })
    expect(contingencies[0]?.endpoints[0]).toMatchObject({ limit: 'requests_per_minute', capacity: 10, margin: 0.5 })
    const free = marginsOf({ endpoints: ['provider: a'], arrivals: 'kind: constant, rate: 20/s' })
    expect(free.contingencies[0]?.endpoints[0]).toMatchObject({ limit: null, capacity: null, margin: null })
  })

  test('load: the busiest stretch of the run, and of a closed loop as many as may come at once', () => {
    const spike = marginsOf({ seconds: 600, endpoints: [SERVER], arrivals: 'kind: spike, rate: 10/s, peak: 80/s, at: 60s, for: 30s' }) // prettier-ignore
    expect(spike.demand[0]?.perSecond).toBeCloseTo(80, 9)
    const loop = marginsOf({ endpoints: [SERVER], arrivals: 'kind: closed_loop, users: 20, think: 2s' })
    expect(loop.demand[0]?.perSecond).toBeGreaterThan(8)
    expect(loop.demand[0]?.perSecond).toBeLessThan(12)
  })

  test('asked twice: the same margins', () => {
    const story = { endpoints: [SERVER, 'provider: b'], arrivals: 'kind: poisson, rate: 20/s' }
    expect(marginsOf(story)).toEqual(marginsOf(story))
  })
})
