/**
 * The instruments themselves: what is measured where the answer is known. Their kinds of error are those of load
 * generators and statistics that others publish: latency from when a request was sent and not from when it was due,
 * users who wait for a stalled server and so never see it stall, an interval beyond 1, a cost that does not add up.
 *
 * I1 to I3 in real time are in test/live/instruments.test. I8 is the score of Litmus, a mean of probes by weight. Squall
 * gives no score, because a mean hides the probe that failed; but a success rate over traffic is one, by its shares.
 */
import { describe, expect, test } from 'vitest'
import {
  Histogram,
  quantize,
  Rng,
  SECOND,
  TICK,
  sampleExponential,
  sampleLognormal,
  lognormalFromPercentiles,
} from '../../src/base/index.ts'
import { nearestRank, wilson, type CostSplit } from '../../src/gates/index.ts'
import { ordinalOf } from '../../src/protocol/index.ts'
import { bookOf, bothOk, ledgerOf, split, sumOf } from '../gates/cost-lab.ts'
import { check, checkCaught, load, metric, play, tell, type Story } from './lab.ts'
import { sum } from './statistics.ts'

describe('latency', () => {
  /** A histogram is off by a thousandth at most. */
  const BUCKET = 1e-3

  test('I1: a server of 100 ms at 50/s', () => {
    const result = tell(
      {
        seconds: 60,
        endpoints: ['provider: a, capacity: { service: constant, time: 100ms }'],
        arrivals: 'kind: constant, rate: 50/s',
      },
      () => {},
    )
    const row = { id: 'I1', what: 'a server of 100 ms at 50/s: p50 in ms', measured: metric(result, 'latency', 'p50') }
    check({ ...row, expected: 100, tolerance: 100 * BUCKET })
    // What autocannon 9 reports, whose histogram takes seconds for milliseconds when it corrects.
    checkCaught({ ...row, expected: 52, tolerance: 100 * BUCKET })
  })

  /** Nobody is answered from the fifth to the eighth second of ten. */
  const stalled = (arrivals: string, timeMs: number): Story => ({
    seconds: 10,
    endpoints: [`provider: a, capacity: { service: constant, time: ${timeMs}ms, slots: 1, queue: unbounded }`],
    arrivals,
    timeline: ['at: 4s, for: 50ms, on: { provider: a }, fault: latency, mode: spike, add: 3s'],
  })
  const p99 = (story: Story): number =>
    metric(
      tell(story, () => {}),
      'latency',
      'p99',
    )

  test('I2: a stall of 3 s in 10 s: seen by those who come whatever happens, and not by one who waits', () => {
    const truth = { id: 'I2', what: '3 s of stall in 10 s, open loop: p99 in ms', expected: 2_900, tolerance: 50 }
    check({ ...truth, measured: p99(stalled('kind: constant, rate: 50/s', 1)) })
    const waiting = p99(stalled('kind: closed_loop, users: 1, think: 1ms', 20))
    check({ id: 'I2', what: 'the same, one user who waits (closed_loop)', expected: 20, measured: waiting, tolerance: 20 * BUCKET }) // prettier-ignore
    checkCaught({ ...truth, what: 'open loop by one who waits', measured: waiting })
  })
})

describe('the generator', () => {
  test('I3: sends when it should: at 280/s, no instant is off by more than half a tick', () => {
    const RATE = 280
    const due = (ordinal: number): number => ((ordinal + 1) * SECOND) / RATE
    const gap = quantize(SECOND / RATE)
    let [off, added] = [0, 0]
    const story = { seconds: 600, endpoints: ['provider: a'], arrivals: `kind: constant, rate: ${RATE}/s` }
    tell(story, (entry) => {
      if (entry.kind !== 'request.arrived') return
      const ordinal = ordinalOf(entry.request)
      off = Math.max(off, Math.abs(entry.at - due(ordinal)))
      added = Math.max(added, Math.abs((ordinal + 1) * gap - due(ordinal)))
    })
    const row = { id: 'I3', what: '168,000 arrivals at 280/s: most that one is off, in ms', expected: 0, tolerance: TICK / 2 } // prettier-ignore
    check({ ...row, measured: off })
    checkCaught({ ...row, what: 'the same, gap by gap: rounding adds up', measured: added })
  })
})

describe('percentiles', () => {
  const HUNDRED = Array.from({ length: 100 }, (_, index) => 100 - index)
  const counted = (values: readonly number[]): Histogram => {
    const histogram = new Histogram()
    for (const value of values) histogram.record(value)
    return histogram
  }

  test.each([0.5, 0.95, 0.99, 1])('I4: of 1 to 100, quantile %d', (q) => {
    const row = { id: 'I4', what: `1 to 100: p${q * 100} by nearest rank`, expected: q * 100 }
    check({ ...row, measured: nearestRank(HUNDRED, q), tolerance: 0 })
    check({ ...row, what: `1 to 100: p${q * 100} by histogram`, measured: counted(HUNDRED).quantile(q) as number, tolerance: q * 0.1 }) // prettier-ignore
  })

  test('I4: of nothing: no value', () => {
    expect(counted([]).quantile(0.5)).toBeNull()
    expect(nearestRank([], 0.5)).toBeNaN()
    const quiet = tell({ seconds: 10, endpoints: ['provider: a'], arrivals: 'kind: constant, rate: 1/h' }, () => {})
    const values = quiet.metrics.filter(({ metric: kind, value }) => kind === 'latency' && value !== null).length
    check({ id: 'I4', what: 'percentiles of a run without requests: values', expected: 0, measured: values, tolerance: 0 }) // prettier-ignore
    checkCaught({ id: 'I4', what: '1 to 100: p95, one rank too high', expected: 96, measured: nearestRank(HUNDRED, 0.95), tolerance: 0 }) // prettier-ignore
  })

  const SHAPES: Record<string, (rng: Rng) => number> = {
    uniform: (rng) => 1 + 999 * rng.next(),
    exponential: (rng) => 1 + sampleExponential(200, rng),
    lognormal: (rng) => 1 + sampleLognormal(lognormalFromPercentiles(300, 3_000), rng),
    'heavy (1/U)': (rng) => 1 / Math.max(1e-6, rng.next()),
  }
  /** Below, a bucket is 1/16 ms wide; from here on at most two thousandths of its value. */
  const FINE_MS = 32
  /** The most that quantiles are off by, as a share of what sorting says, or of FINE_MS. */
  const worst = (shape: string, factor = 1): number => {
    const rng = Rng.fromSeed(`I5 ${shape}`)
    const values = Array.from({ length: 100_000 }, () => (SHAPES[shape] as (rng: Rng) => number)(rng))
    const histogram = counted(values)
    const sorted = values.toSorted((left, right) => left - right)
    const errors = [0.01, 0.1, 0.5, 0.9, 0.95, 0.99, 0.999, 0.9999].map((q) => {
      const exact = sorted[Math.ceil(q * sorted.length - 1e-9) - 1] as number
      return Math.abs((histogram.quantile(q) as number) * factor - exact) / Math.max(FINE_MS, exact)
    })
    return Math.max(...errors)
  }

  test.each(Object.keys(SHAPES))('I5: 100,000 values, %s, by histogram and by sorting', (shape) => {
    const row = { id: 'I5', what: `100,000 values, ${shape}: worst quantile against sorting`, expected: 0 }
    check({ ...row, measured: worst(shape), tolerance: 1e-3 })
    checkCaught({ ...row, what: `${row.what}, 0.3 % too high`, measured: worst(shape, 1.003), tolerance: 1e-3 })
  })
})

describe('costs', () => {
  const LEDGERS = 10_000

  test(`I6: the parts of ${LEDGERS} random ledgers leave nothing over`, () => {
    let [over, apart, parts] = [0, 0, 0]
    for (let seed = 0; seed < LEDGERS; seed += 1) {
      const dice = Rng.fromSeed(`I6 ${seed}`)
      const books = [bookOf(dice), bookOf(dice)]
      const count = 1 + dice.below(6)
      const [run, twin] = [ledgerOf(dice, count), ledgerOf(dice, count)]
      const [whole] = split(run, twin, books) as [CostSplit]
      const truth = bothOk(run, twin, books)
      over += Math.abs(whole.run - whole.twin - sumOf(whole.parts))
      apart += Math.abs(whole.run - truth.run) + Math.abs(whole.twin - truth.twin)
      parts += Math.abs(whole.parts.cacheLoss)
    }
    const row = { id: 'I6', what: `${LEDGERS} random ledgers: nano-dollars left over`, expected: 0, tolerance: 0 }
    check({ ...row, measured: over })
    check({ ...row, what: 'the same: nano-dollars apart from what was charged', measured: apart })
    checkCaught({ ...row, what: 'the same, without the part of the cache', measured: parts })
  })
})

describe('one number for many', () => {
  test('I8: three probes of weight 10, 5 and 1 that succeed always, half of the time, never', () => {
    const weights = [10, 5, 1]
    const result = play(
      load(`
name: weights
summary: Three workflows, weighted by how much they ask.
seed: 1
duration: 200s
fleet:
  name: three
  endpoints:
    - { provider: a, model: a, price: { input: 1, output: 2 }, capacity: { service: constant, time: 1ms } }
    - { provider: b, model: b, price: { input: 1, output: 2 }, capacity: { service: constant, time: 1ms } }
    - { provider: c, model: c, price: { input: 1, output: 2 }, capacity: { service: constant, time: 1ms } }
policies: { a: { name: a, models: [a] }, b: { name: b, models: [b] }, c: { name: c, models: [c] } }
workload:
${['a', 'b', 'c'].map((name, index) => `  - { workflow: ${name}, policy: ${name}, mix: short-chat, arrivals: { kind: constant, rate: ${weights[index]}/s } }`).join('\n')}
timeline:
  - { at: 100001ms, for: 1h, on: { provider: b }, fault: outage, mode: status }
  - { at: 0s, for: 1h, on: { provider: c }, fault: outage, mode: status }
`),
      () => {},
    )
    const row = { id: 'I8', what: 'weights 10, 5, 1 and 100, 50, 0 %: success of all', measured: metric(result, 'success_rate') } // prettier-ignore
    check({ ...row, expected: sum([10, 2.5]) / sum(weights), tolerance: 0.001 })
    checkCaught({ ...row, what: 'the same, as if all weighed the same', expected: 0.5, tolerance: 0.001 })
  })

  test.each([
    [9, 10, 0.596, 0.982, 5e-4],
    [995, 1_000, 0.9883, 0.9979, 5e-5],
    [30, 30, 0.886, 1, 5e-4],
  ])('I10: Wilson of %d in %d', (hits, n, low, high, tolerance) => {
    const seen = wilson(hits, n)
    check({ id: 'I10', what: `Wilson, ${hits} of ${n}: low`, expected: low, measured: seen.low, tolerance })
    check({ id: 'I10', what: `Wilson, ${hits} of ${n}: high`, expected: high, measured: seen.high, tolerance })
  })

  test('I10: the textbook interval around 9 of 10 goes beyond 1: caught', () => {
    const high = 0.9 + 1.96 * Math.sqrt((0.9 * 0.1) / 10)
    checkCaught({ id: 'I10', what: 'Wald, 9 of 10: high', expected: 0.982, measured: high, tolerance: 5e-4 })
  })
})
