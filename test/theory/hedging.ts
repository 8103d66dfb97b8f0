/**
 * Hedging against order statistics. The first content of an endpoint takes X, of the other X′; with a hedge at d the
 * answer takes min(X, d + X′), and the hedge is sent whenever X > d. H4, a fan-out of a thousand whose tail has to be
 * known to one in a million, is left out: it would need tens of millions of leaves.
 */
import { describe, test } from 'vitest'
import { check, checkCaught, decimal, metric, rowOf, tell, type Story } from './lab.ts'
import { independent, share } from './statistics.ts'

const REQUESTS = 40_000
const PER_SECOND = 20
const seconds = REQUESTS / PER_SECOND

interface Seen {
  /** Seconds to the answer, request by request. */
  readonly times: readonly number[]
  readonly hedges: number
}

function hedged(afterMs: number | null, story: Pick<Story, 'endpoints'> & Partial<Story>): Seen {
  const times: number[] = []
  let hedges = 0
  const hedge = afterMs === null ? '' : `, hedge: { after: ${decimal(afterMs)}ms, extra_load: 100% }`
  tell(
    {
      seconds,
      policy: `provider: { order: [a, b] }, resilience: { timeouts: { attempt: 24h }${hedge} }`,
      arrivals: `kind: poisson, rate: ${PER_SECOND}/s`,
      ...story,
    },
    (entry) => {
      if (entry.kind === 'request.closed') times.push(entry.latencyMs / 1_000)
      else if (entry.kind === 'attempt.started' && entry.reason === 'hedge') hedges += 1
    },
  )
  return { times, hedges }
}

describe('hedging', () => {
  const EXPONENTIAL = ['a', 'b'].map(
    (provider) => `provider: ${provider}, capacity: { service: exponential, time: 1s }`,
  )

  test.each([0.5, 1, 2])('H1: exponential service of 1 s, hedge at %d s: mean, tail and extra load', (d) => {
    const { times, hedges } = hedged(d * 1_000, { seed: 1, endpoints: EXPONENTIAL })
    check(rowOf('H1', `Exp(1), hedge at ${d}: mean 1 − e⁻ᵈ/2`, 1 - Math.exp(-d) / 2, independent(times)))
    // S(t) = e^(d−2t) beyond d: 1 % are left at (d + ln 100)/2.
    const p99 = (d + Math.log(100)) / 2
    const beyond = times.filter((time) => time > p99).length
    check(rowOf('H1', `Exp(1), hedge at ${d}: share beyond ${p99.toFixed(4)}`, 0.01, share(beyond, REQUESTS, 0.01)))
    const extra = Math.exp(-d)
    check(rowOf('H1', `Exp(1), hedge at ${d}: extra load e⁻ᵈ`, extra, share(hedges, REQUESTS, extra)))
  })

  test('H1: a hedge a tenth later than believed: caught', () => {
    const { hedges } = hedged(1_100, { seed: 2, endpoints: EXPONENTIAL })
    const extra = Math.exp(-1)
    checkCaught(rowOf('H1', 'Exp(1), hedge at 1, sent at 1.1: extra load', extra, share(hedges, REQUESTS, extra)))
  })

  test('H2: 10 ms, and one time in twenty a second: the hedge at 20 ms takes the tail away', () => {
    const slow = (provider: string): string =>
      `at: 0s, for: ${seconds + 10}s, on: { provider: ${provider} }, fault: latency, mode: spike, add: 990ms, probability: 5%`
    const { times, hedges } = hedged(20, {
      seed: 3,
      endpoints: ['a', 'b'].map((provider) => `provider: ${provider}, capacity: { service: constant, time: 10ms }`),
      timeline: [slow('a'), slow('b')],
    })
    const ms = times.map((time) => time * 1_000)
    check(rowOf('H2', '10 ms | 1 s, hedge at 20 ms: mean in ms', 13.425, independent(ms)))
    const late = ms.filter((time) => time > 500).length
    check(rowOf('H2', '10 ms | 1 s, hedge at 20 ms: slow all the same .05²', 0.0025, share(late, REQUESTS, 0.0025)))
    check(rowOf('H2', '10 ms | 1 s, hedge at 20 ms: extra load', 0.05, share(hedges, REQUESTS, 0.05)))
  })

  test('H3: one stream for both endpoints, so that X = X′: nothing is won, and all of the extra load is paid', () => {
    const together = ['a', 'b'].map(
      (provider) => `provider: ${provider}, stream: one, capacity: { service: exponential, time: 1s }`,
    )
    const alone = hedged(null, { seed: 4, endpoints: together })
    const both = hedged(1_000, { seed: 4, endpoints: together })
    const won = alone.times.reduce((most, time, index) => Math.max(most, time - both.times[index]!), 0)
    check({
      id: 'H3',
      what: 'X = X′, hedge at 1: most that any request won, in s',
      expected: 0,
      measured: won,
      tolerance: 0,
    })
    const extra = Math.exp(-1)
    check(rowOf('H3', 'X = X′, hedge at 1: extra load e⁻¹', extra, share(both.hedges, REQUESTS, extra)))
  })

  test('extra load: a cap of 2 % holds where 37 % would be hedged', () => {
    const times = EXPONENTIAL
    const result = tell(
      {
        seed: 5,
        seconds,
        endpoints: times,
        policy: 'provider: { order: [a, b] }, resilience: { hedge: { after: 1s, extra_load: 2% } }',
        arrivals: `kind: constant, rate: ${PER_SECOND}/s`,
      },
      () => {},
    )
    check({ id: 'H1', what: 'Exp(1), hedge at 1, extra_load 2 %: amplification', expected: 1.02, measured: metric(result, 'amplification'), tolerance: 0.0005 }) // prettier-ignore
  })
})
