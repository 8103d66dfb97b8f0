/**
 * Breakers: how soon they see an outage, and what a dead endpoint costs while they hold. Averages (B4) are not a
 * mechanism of this router; sweeps and ejection (B5, B8, B9), slow start, spill-over and balancing (E1 to E5) are exact
 * and have their tables in test/router.
 */
import { describe, expect, test } from 'vitest'
import { trialsToRun } from './formulas.ts'
import { check, checkCaught, decimal, rowOf, tell } from './lab.ts'
import { independent, meanOf, type Estimate } from './statistics.ts'

const INSTANT = 'capacity: { service: constant, time: 1ms }'
/** A breaker that counts in a row and never looks at ratios. */
const inARow = (k: number, openFor: string): string =>
  `resilience: { breaker: { consecutive: ${k}, min_requests: 1000000, open_for: ${openFor} } }`

describe('a dead endpoint', () => {
  test.each([
    { perSecond: 10, openS: 5, seconds: 1_500 },
    { perSecond: 1, openS: 5, seconds: 6_000 },
    { perSecond: 50, openS: 30, seconds: 450 },
  ])('B1: $perSecond/s, open for $openS s: probes, and what they take', ({ perSecond, openS, seconds }) => {
    const probes: number[] = []
    const arrivals: number[] = []
    tell(
      {
        seed: 1,
        seconds,
        endpoints: [`provider: dead, ${INSTANT}`, `provider: alive, ${INSTANT}`],
        policy: `provider: { order: [dead, alive] }, ${inARow(5, `${openS}s`)}`,
        arrivals: `kind: poisson, rate: ${perSecond}/s`,
        timeline: [`at: 0s, for: ${seconds}s, on: { provider: dead }, fault: outage, mode: refuse`],
      },
      (entry) => {
        if (entry.kind === 'request.arrived') arrivals.push(entry.at)
        else if (entry.kind === 'attempt.started' && entry.reason === 'probe') probes.push(entry.at / 1_000)
      },
    )
    // Cycles of `openS` and one exponential gap: from first to last probe, so that no cycle is cut off.
    const cycles = probes.length - 1
    const [first, last] = [probes[0]!, probes.at(-1)!]
    const cycleS = openS + 1 / perSecond
    const words = `λ=${perSecond}/s, D=${openS}s`
    const rate = cycles / (last - first)
    check(rowOf('B1', `dead endpoint, ${words}: probes per s, 1/(D+1/λ)`, 1 / cycleS, { mean: rate, error: 1 / perSecond / Math.sqrt(cycles) / cycleS ** 2 })) // prettier-ignore
    // A cycle has 1 + Poisson(λD) arrivals.
    const between = arrivals.filter((at) => at / 1_000 >= first && at / 1_000 < last).length
    const perCycle = 1 + perSecond * openS
    const error = Math.sqrt(perSecond * openS) / perCycle / Math.sqrt(cycles) / perCycle
    check(rowOf('B1', `dead endpoint, ${words}: share sacrificed, 1/(1+λD)`, 1 / perCycle, { mean: cycles / between, error })) // prettier-ignore
  })
})

describe('partial failure', () => {
  /** Requests from closing to tripping, over and over. */
  function runs(k: number, p: number, requests: number): number[] {
    const seconds = requests / 100
    const list: number[] = []
    let tried = 0
    tell(
      {
        seed: 2,
        seconds,
        endpoints: [`provider: a, ${INSTANT}`],
        // Open for less than it takes the next request to come: nobody is ever held back.
        policy: inARow(k, '1ms'),
        arrivals: 'kind: constant, rate: 100/s',
        timeline: [
          `at: 0s, for: ${decimal(seconds)}s, on: { provider: a }, fault: outage, mode: status, probability: ${decimal(100 * p)}%`,
        ],
      },
      (entry) => {
        if (entry.kind === 'attempt.started' && entry.reason === 'primary') tried += 1
        else if (entry.kind === 'health.changed' && entry.from === 'closed') list.push(tried)
        else if (entry.kind === 'health.changed' && entry.to === 'closed') tried = 0
      },
    )
    return list
  }
  const estimate = (list: readonly number[], k: number, p: number): Estimate => ({
    mean: meanOf(list),
    error: Math.sqrt(trialsToRun(p, k).variance / list.length),
  })

  test.each([
    [5, 0.5, 40_000],
    [3, 0.5, 20_000],
    [5, 0.9, 20_000],
  ])('B2: %d in a row, each with %d: requests to trip', (k, p, requests) => {
    check(rowOf('B2', `${k} in a row at p=${p}: requests to trip`, trialsToRun(p, k).mean, estimate(runs(k, p, requests), k, p))) // prettier-ignore
  })

  test('a breaker that needs one failure more than it says: caught', () => {
    const list = runs(4, 0.5, 20_000)
    checkCaught(rowOf('B2', '3 in a row at p=0.5: requests to trip, breaker of 4', trialsToRun(0.5, 3).mean, estimate(list, 3, 0.5))) // prettier-ignore
  })
})

describe('time to detect a total outage', () => {
  const EVERY_S = 40
  const startOf = (outage: number): number => 20 + outage * EVERY_S + (outage * 137) / 1_000

  /** From the beginning of each of many outages to the breaker's opening, in seconds. */
  function detections(arrivals: string, policy: string, outages: number): number[] {
    const list: number[] = []
    let since: number | null = null
    tell(
      {
        seed: 3,
        seconds: EVERY_S * (outages + 1),
        endpoints: [`provider: a, ${INSTANT}`],
        policy,
        arrivals,
        timeline: Array.from(
          { length: outages },
          (_, outage) => `at: ${decimal(startOf(outage))}s, for: 12s, on: { provider: a }, fault: outage, mode: status`,
        ),
      },
      (entry) => {
        if (entry.kind === 'fault.started') since = entry.at
        else if (entry.kind === 'health.changed' && entry.to === 'open' && since !== null) {
          list.push((entry.at - since) / 1_000)
          since = null
        }
      },
    )
    expect(list).toHaveLength(outages)
    return list
  }

  test.each([
    [5, 10],
    [3, 4],
  ])('%d in a row at %d/s: k/λ', (k, perSecond) => {
    const list = detections(`kind: poisson, rate: ${perSecond}/s`, inARow(k, '1s'), 60)
    // The k-th arrival of a Poisson process: Erlang(k, λ).
    const error = Math.sqrt(k) / perSecond / Math.sqrt(list.length)
    check(rowOf('TTD', `${k} in a row, λ=${perSecond}/s: seconds to detect, k/λ`, k / perSecond, { ...independent(list), error })) // prettier-ignore
  })

  test('B3: half of a window of 10 s, at 20/s', () => {
    const policy = 'resilience: { breaker: { consecutive: 100000, ratio: 50%, window: 10s, min_requests: 20, open_for: 1s } }' // prettier-ignore
    const list = detections('kind: constant, rate: 20/s', policy, 25)
    // Ten buckets: the window that is looked at is between 9 and 10 s long, so f·W is reached between 4.5 and 5 s.
    for (const [word, measured] of [
      ['earliest', Math.min(...list)],
      ['latest', Math.max(...list)],
    ] as const)
      check({ id: 'B3', what: `50 % of 10 s in ten buckets: seconds to detect, ${word}`, expected: 4.75, measured, tolerance: 0.25 }) // prettier-ignore
  })

  test('B6: exactly at the threshold it opens', () => {
    let requests = 0
    let opened: number | null = null
    tell(
      {
        seconds: 60,
        endpoints: [`provider: a, ${INSTANT}`],
        policy: 'resilience: { breaker: { consecutive: 100000, ratio: 50%, window: 100s, min_requests: 20 } }',
        arrivals: 'kind: constant, rate: 1/s',
        // The first request goes well, the second does not, and so on: ten of twenty.
        timeline: [
          'at: 1500ms, for: 58s, on: { provider: a }, fault: outage, mode: status, shape: { kind: flap, period: 2s, duty: 50% }',
        ],
      },
      (entry) => {
        if (entry.kind === 'request.arrived') requests += 1
        else if (entry.kind === 'health.changed' && entry.to === 'open') opened ??= requests
      },
    )
    check({ id: 'B6', what: 'ok, failed, ok, failed …, 50 % of 20: opens at request', expected: 20, measured: opened ?? NaN, tolerance: 0 }) // prettier-ignore
  })
})
