/**
 * Retries and redundancy: what failing attempts cost, and what a second endpoint is worth.
 *
 * R2 and R4, R9, R11 and R12 are other systems' own simulators and formulas of back-off that this router does not have;
 * R6 and R7 are held against those systems' packages, in test/oracles.
 */
import { describe, expect, test } from 'vitest'
import type { EntryOf } from '../../src/ledger/index.ts'
import { attemptsUpTo } from './formulas.ts'
import { check, checkCaught, decimal, metric, rowOf, tell, type Story } from './lab.ts'
import { independent, share } from './statistics.ts'

const INSTANT = 'capacity: { service: constant, time: 1ms }'
/** Evenly, so that the last request of a run is done with its retries before the weather clears. */
const PER_SECOND = 100
const EVENLY = `kind: constant, rate: ${PER_SECOND}/s`

/** A fault that strikes a share of the attempts at a provider, each by itself, from the first request to the last. */
function strikes(provider: string, probability: number, seconds: number, more = ''): string {
  return `at: 0s, for: ${decimal(seconds)}s, on: { provider: ${provider} }, fault: outage, mode: status, status: 500, probability: ${decimal(probability * 100)}%, min_hits: 0${more}`
}

/** Retries without a wait worth speaking of. */
const retries = (attempts: number): string =>
  `resilience: { retry: { attempts: ${attempts}, base: 1ms, cap: 1ms }, max_attempts: 100 }`

describe('retries at one endpoint', () => {
  const REQUESTS = 15_000
  const seconds = REQUESTS / PER_SECOND
  const story = (p: number, k: number): Story => ({
    seed: 1,
    seconds,
    endpoints: [`provider: a, ${INSTANT}`],
    policy: retries(k - 1),
    arrivals: EVENLY,
    timeline: [strikes('a', p, seconds)],
  })
  const errorOf = (p: number, k: number): number => Math.sqrt(attemptsUpTo(k, p).variance / REQUESTS)

  test.each([
    [0.1, 3],
    [0.3, 4],
    [0.5, 3],
    [0.5, 4],
    [0.9, 4],
  ])('R1: each attempt fails with %d, %d attempts at most', (p, k) => {
    const result = tell(story(p, k), () => {})
    const attempts = { mean: metric(result, 'amplification'), error: errorOf(p, k) }
    check(rowOf('R1', `p=${p}, ${k} attempts: amplification (1−pᵏ)/(1−p)`, (1 - p ** k) / (1 - p), attempts))
    const success = metric(result, 'success_rate')
    check(rowOf('R1', `p=${p}, ${k} attempts: success 1−pᵏ`, 1 - p ** k, share(success * REQUESTS, REQUESTS, 1 - p ** k))) // prettier-ignore
  })

  test('a failure rate 5 % higher than believed: caught', () => {
    const result = tell(story(0.5 * 1.05, 4), () => {})
    const attempts = { mean: metric(result, 'amplification'), error: errorOf(0.5, 4) }
    checkCaught(rowOf('R1', 'p=0.5, 4 attempts: amplification, p ×1.05', attemptsUpTo(4, 0.5).mean, attempts))
  })

  test('full jitter: waits are even between nothing and base · 2ⁿ, capped', () => {
    const waits: number[][] = []
    const failedAt = new Map<number, number>()
    tell(
      {
        seed: 2,
        seconds,
        endpoints: [`provider: a, ${INSTANT}`],
        policy: 'resilience: { retry: { attempts: 5, base: 1s, cap: 8s } }',
        arrivals: EVENLY,
        timeline: [strikes('a', 1, seconds)],
      },
      (entry) => {
        if (entry.kind === 'attempt.ended') failedAt.set(entry.request, entry.at)
        else if (entry.kind === 'attempt.started' && entry.reason === 'retry')
          (waits[entry.attempt - 1] ??= []).push(entry.at - failedAt.get(entry.request)!)
      },
    )
    for (const [index, list] of waits.entries()) {
      const ceiling = Math.min(8_000, 1_000 * 2 ** index)
      const error = ceiling / Math.sqrt(12 * list.length)
      check(rowOf('jitter', `full jitter 1s·2ⁿ up to 8s, wait ${index + 1}: mean in ms`, ceiling / 2, { ...independent(list), error })) // prettier-ignore
      const late = list.filter((ms) => ms > 0.9 * ceiling).length
      check(
        rowOf('jitter', `full jitter, wait ${index + 1}: share in its last tenth`, 0.1, share(late, list.length, 0.1)),
      )
    }
  })
})

describe('retries in layers', () => {
  /** Attempts of the requests that arrive while there is time for all of their retries. */
  function attemptsOf(story: Story, untilMs: number): number[] {
    const list: number[] = []
    tell(story, (entry) => {
      if (entry.kind === 'request.closed' && entry.arrivedAt < untilMs) list.push(entry.attempts)
    })
    return list
  }

  test.each([
    { calls: 3, endpoints: 1, tries: 2 },
    { calls: 3, endpoints: 3, tries: 3 },
    { calls: 4, endpoints: 4, tries: 4 },
  ])(
    'R13: $calls calls of the client, $endpoints endpoints, $tries tries at each: the product',
    ({ calls, endpoints, tries }) => {
      const providers = ['a', 'b', 'c', 'd'].slice(0, endpoints)
      const list = attemptsOf(
        {
          seconds: 60,
          endpoints: providers.map((provider) => `provider: ${provider}, ${INSTANT}`),
          policy: retries(tries - 1),
          arrivals: 'kind: constant, rate: 5/s',
          workflow: `client: { retries: ${calls - 1} }`,
          timeline: providers.map((provider) => strikes(provider, 1, 60)),
        },
        30_000,
      )
      const expected = calls * endpoints * tries
      for (const measured of new Set(list))
        check({ id: 'R13', what: `${calls} calls × ${endpoints} endpoints × ${tries} tries in an outage: attempts`, expected, measured, tolerance: 0 }) // prettier-ignore
      expect(list).toHaveLength(149)
    },
  )

  test('a client that retries a router that retries: one geometric series', () => {
    const [p, tries, calls] = [0.6, 2, 3]
    const seconds = 330
    const list = attemptsOf(
      {
        seed: 3,
        seconds,
        endpoints: [`provider: a, ${INSTANT}`],
        policy: retries(tries - 1),
        arrivals: 'kind: constant, rate: 50/s',
        workflow: `client: { retries: ${calls - 1} }`,
        timeline: [strikes('a', p, seconds)],
      },
      300_000,
    )
    const { mean, variance } = attemptsUpTo(tries * calls, p)
    const error = Math.sqrt(variance / list.length)
    check(rowOf('R13', `p=${p}, ${calls} calls × ${tries} tries: attempts (1−p⁶)/(1−p)`, mean, { ...independent(list), error })) // prettier-ignore
  })
})

describe('retry budgets', () => {
  const REQUESTS = 300
  const CLIENTS = 100
  const budgeted = (budget: string): string =>
    `resilience: { retry: { attempts: 3, base: 1ms, cap: 1ms }, max_attempts: 100, retry_budget: { ${budget} } }`

  // A client sends 300 requests, and a hundred clients have a budget each.
  test.each([
    { p: 0.1, amplification: 1.096, success: 0.988 },
    { p: 0.3, amplification: 1.113, success: 0.779 },
    { p: 0.5, amplification: 1.114, success: 0.56 },
    { p: 1, amplification: 1.115, success: 0 },
  ])('R3: a token bucket of 0.1 and 5, each attempt fails with $p', ({ p, amplification, success }) => {
    const seen = Array.from({ length: CLIENTS }, (_, client) =>
      tell(
        {
          seed: client + 1,
          seconds: REQUESTS / 10,
          endpoints: [`provider: a, ${INSTANT}`],
          policy: budgeted('kind: token_bucket, fill: 0.1, capacity: 5'),
          arrivals: 'kind: constant, rate: 10/s',
          timeline: [strikes('a', p, REQUESTS / 10 + 10)],
        },
        () => {},
      ),
    )
    const mean = (kind: string): number => seen.reduce((total, result) => total + metric(result, kind), 0) / CLIENTS
    check({ id: 'R3', what: `p=${p}, bucket 0.1/5: amplification`, expected: amplification, measured: mean('amplification'), tolerance: 0.02 }) // prettier-ignore
    check({ id: 'R3', what: `p=${p}, bucket 0.1/5: success`, expected: success, measured: mean('success_rate'), tolerance: 0.02 }) // prettier-ignore
    check({ id: 'R5', what: `p=${p}, bucket 0.1/5: above the bound 1+r+B/N by`, expected: 0, measured: Math.max(0, ...seen.map((result) => metric(result, 'amplification') - (1 + 0.1 + 5 / REQUESTS))), tolerance: 1e-9 }) // prettier-ignore
  })

  test('R8: Finagle’s budget of 20 % and 10/s, 100/s in an outage', () => {
    const result = tell(
      {
        seed: 1,
        seconds: 300,
        endpoints: [`provider: a, ${INSTANT}`],
        policy: budgeted('kind: ratio'),
        arrivals: 'kind: constant, rate: 100/s',
        timeline: [strikes('a', 1, 310)],
      },
      () => {},
    )
    check({ id: 'R8', what: 'Finagle 20 % + 10/s, λ=100, outage: amplification', expected: 1.3, measured: metric(result, 'amplification'), tolerance: 0.01 }) // prettier-ignore
  })

  test('R10: gRPC’s back-off, 100 ms doubled three times, ±20 %', () => {
    const started = new Map<number, number>()
    const sums: number[] = []
    tell(
      {
        seed: 2,
        seconds: 200,
        endpoints: [`provider: a, ${INSTANT}`],
        policy: 'resilience: { retry: { attempts: 3, base: 100ms, cap: 10s, jitter: { from: 0.8, to: 1.2 } } }',
        arrivals: 'kind: constant, rate: 50/s',
        timeline: [strikes('a', 1, 210)],
      },
      (entry) => {
        if (entry.kind === 'attempt.started' && entry.attempt === 0) started.set(entry.request, entry.at)
        else if (entry.kind === 'attempt.started' && entry.attempt === 3)
          sums.push((entry.at - started.get(entry.request)!) / 1_000)
      },
    )
    check(rowOf('R10', 'gRPC .1 s × 2ⁿ × .8..1.2, three retries: sum in s', 0.7, independent(sums)))
    expect(Math.min(...sums)).toBeGreaterThanOrEqual(0.56)
    expect(Math.max(...sums)).toBeLessThanOrEqual(0.84)
  })
})

describe('redundancy', () => {
  const PROVIDERS = ['a', 'b', 'c']

  /** Whether each request was answered, and after how many attempts, when each endpoint fails by its own dice. */
  function failover(failing: readonly number[], requests: number, seed: number): EntryOf<'request.closed'>[] {
    const seconds = requests / PER_SECOND
    const providers = PROVIDERS.slice(0, failing.length)
    const closed: EntryOf<'request.closed'>[] = []
    tell(
      {
        seed,
        seconds,
        endpoints: providers.map((provider) => `provider: ${provider}, ${INSTANT}`),
        policy: `provider: { order: [${providers.join(', ')}] }`,
        arrivals: EVENLY,
        timeline: providers.map((provider, index) => strikes(provider, failing[index]!, seconds)),
      },
      (entry) => {
        if (entry.kind === 'request.closed') closed.push(entry)
      },
    )
    return closed
  }
  const failedOf = (closed: readonly EntryOf<'request.closed'>[]): number =>
    closed.filter(({ outcome }) => outcome !== 'ok').length

  // Not .99 and .99: one request in 10,000 would need a million of them to tell it from one in 8,000.
  test.each([
    { available: [0.7, 0.7], requests: 15_000 },
    { available: [0.7, 0.7, 0.7], requests: 15_000 },
    { available: [0.9, 0.9, 0.9], requests: 30_000 },
  ])('R14: independent endpoints, available $available', ({ available, requests }) => {
    const closed = failover(available.map((a) => 1 - a), requests, 4) // prettier-ignore
    const lost = available.reduce((product, a) => product * (1 - a), 1)
    check(rowOf('R14', `available ${available.join(', ')}: unanswered ∏(1−a)`, lost, share(failedOf(closed), closed.length, lost))) // prettier-ignore
  })

  test('R16: ordered failover', () => {
    const closed = failover([0.2, 0.1, 0.05], 20_000, 5)
    const lost = 0.2 * 0.1 * 0.05
    check(rowOf('R16', 'p = .2, .1, .05 in order: unanswered', lost, share(failedOf(closed), closed.length, lost)))
    const [one, two, three] = [0.8, 0.2 * 0.9, 0.2 * 0.1]
    const mean = one + 2 * two + 3 * three
    const variance = one + 4 * two + 9 * three - mean ** 2
    const attempts = { ...independent(closed.map((each) => each.attempts)), error: Math.sqrt(variance / closed.length) }
    check(rowOf('R16', 'p = .2, .1, .05 in order: attempts', mean, attempts))
  })

  test.each([
    { q: 0.1, beta: 0, requests: 15_000 },
    { q: 0.1, beta: 0.1, requests: 15_000 },
    { q: 0.1, beta: 0.2, requests: 15_000 },
    { q: 0.01, beta: 0.2, requests: 40_000 },
  ])('R15: two endpoints that fail with $q, a share of $beta of it together', ({ q, beta, requests }) => {
    const seconds = requests / PER_SECOND
    const [own, common] = [(1 - beta) * q, beta * q]
    // One stream for both: a fault that names neither alone rolls one pair of dice for the two of them.
    const result = tell(
      {
        seed: 6,
        seconds,
        endpoints: ['a', 'b'].map((provider) => `provider: ${provider}, stream: cloud, ${INSTANT}`),
        arrivals: EVENLY,
        timeline: [
          strikes('a', own, seconds, ', id: only-a'),
          strikes('b', own, seconds, ', id: only-b'),
          strikes('a', common, seconds, ', id: both').replace('provider: a', 'model: m'),
        ],
      },
      () => {},
    )
    const lost = common + (1 - common) * own ** 2
    const failed = Math.round((1 - metric(result, 'success_rate')) * requests)
    check(rowOf('R15', `β=${beta}, a=${1 - q}: unanswered`, lost, share(failed, requests, lost)))
  })
})
