/**
 * Mechanisms of ours beside the packages they are known from: the same sequences of calls, and the same decisions at
 * every step as far as both mean the same. Where they do not, the row says why, and the comparison stops there.
 */
import { RetryThrottler } from '@grpc/grpc-js/build/src/retrying-call.js'
import { StandardRetryStrategy } from '@smithy/util-retry'
import {
  circuitBreaker,
  CircuitState,
  ConsecutiveBreaker,
  CountBreaker,
  ExponentialBackoff,
  handleAll,
  noJitterGenerator,
  SamplingBreaker,
  type IBreaker,
} from 'cockatiel'
import Opossum from 'opossum'
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { NEVER, Rng } from '../../src/base/index.ts'
import { retryBudget, retryBudgetSchema } from '../../src/router/policies/retry-budget.ts'
import { retryDelayMs, retrySchema } from '../../src/router/policies/retry.ts'
import { calls, compared, countSame, ours, table, type Seen, type Step } from './lab.ts'

const SEQUENCES = 40
const CALLS = 400
const NEVER_BY_RATIO = { min_requests: 1_000_000 }
const NEVER_IN_A_ROW = { consecutive: 100_000 }

beforeEach(() => {
  vi.useFakeTimers({ now: 0 })
})
afterEach(() => {
  vi.useRealTimers()
})
afterAll(() => console.log(`\n${table()}\n`))

async function cockatiel(breaker: IBreaker, halfOpenAfter: number, steps: readonly Step[]): Promise<Seen[]> {
  vi.setSystemTime(0)
  const policy = circuitBreaker(handleAll, { halfOpenAfter, breaker })
  const trace: Seen[] = []
  for (const { afterMs, fails } of steps) {
    vi.setSystemTime(Date.now() + afterMs)
    let called = false
    await policy
      .execute(() => {
        called = true
        if (fails) throw new Error('failed')
      })
      .catch(() => {})
    trace.push(called ? 'through' : 'held back')
  }
  return trace
}

async function opossum(options: Opossum.Options, steps: readonly Step[]): Promise<Seen[]> {
  vi.setSystemTime(0)
  let called = false
  const breaker = new Opossum((fails: boolean) => {
    called = true
    return fails ? Promise.reject(new Error('failed')) : Promise.resolve()
  }, options)
  const trace: Seen[] = []
  for (const { afterMs, fails } of steps) {
    await vi.advanceTimersByTimeAsync(afterMs)
    called = false
    await breaker.fire(fails).catch(() => {})
    trace.push(called ? 'through' : 'held back')
  }
  breaker.shutdown()
  return trace
}

/** Compare up to the first step at which the other one remembers what ours has forgotten. */
function upTo(end: number | undefined, steps: number): number {
  return end === undefined ? steps : end + 1
}

describe('circuit breakers', () => {
  test('cockatiel, ConsecutiveBreaker: every decision of every sequence', async () => {
    let [same, steps] = [0, 0]
    for (let seed = 1; seed <= SEQUENCES; seed += 1) {
      const sequence = calls(seed, CALLS, 500)
      const { trace } = ours({ consecutive: 4, open_for: '5s', ...NEVER_BY_RATIO }, sequence)
      const theirs = await cockatiel(new ConsecutiveBreaker(4), 5_000, sequence)
      expect(new Set(theirs).size).toBe(2)
      same += countSame(trace, theirs)
      steps += CALLS
    }
    const row = compared({ with: 'cockatiel ConsecutiveBreaker(4)', what: 'let through or held back', same, steps, note: '' }) // prettier-ignore
    expect(row.same).toBe(row.steps)
  })

  test('cockatiel, CountBreaker above 50 % of the last 10: until a probe closes it', async () => {
    let [same, steps] = [0, 0]
    const rules = { ratio: '50%', opens: 'above', last: 10, min_requests: 10, open_for: '5s', ...NEVER_IN_A_ROW }
    for (let seed = 1; seed <= SEQUENCES * 3; seed += 1) {
      const sequence = calls(seed, CALLS, 500)
      const { trace, closes } = ours(rules, sequence)
      const theirs = await cockatiel(new CountBreaker({ threshold: 0.5, size: 10 }), 5_000, sequence)
      const until = upTo(closes[0], CALLS)
      same += countSame(trace.slice(0, until), theirs.slice(0, until))
      steps += until
    }
    const note = 'Theirs counts the probe that closed it in the new window; ours begins with an empty one.'
    const row = compared({ with: 'cockatiel CountBreaker(50 %, 10)', what: 'let through or held back', same, steps, note }) // prettier-ignore
    expect(row.same).toBe(row.steps)
  })

  test('opossum, above 50 % of ten seconds: until a probe closes it', async () => {
    let [same, steps] = [0, 0]
    const rules = { ratio: '50%', opens: 'above', window: '10s', min_requests: 5, open_for: '3s', ...NEVER_IN_A_ROW }
    const options: Opossum.Options = {
      timeout: false,
      errorThresholdPercentage: 50,
      rollingCountTimeout: 10_000,
      rollingCountBuckets: 10,
      resetTimeout: 3_000,
      volumeThreshold: 5,
    }
    for (let seed = 1; seed <= SEQUENCES; seed += 1) {
      // Within one window: from then on the two forget by buckets that begin at different instants.
      const all = calls(seed, CALLS, 200)
      let total = 0
      const sequence = all.slice(
        0,
        all.findIndex(({ afterMs }) => (total += afterMs) > 9_000),
      )
      const { trace, closes } = ours(rules, sequence)
      const theirs = await opossum(options, sequence)
      const until = upTo(closes[0], sequence.length)
      same += countSame(trace.slice(0, until), theirs.slice(0, until))
      steps += until
    }
    const note = 'Theirs keeps old failures when a probe closes it, and may open again at the next one; ours starts afresh.' // prettier-ignore
    const row = compared({ with: 'opossum(50 %, 10 s, volume 5)', what: 'let through or held back', same, steps, note }) // prettier-ignore
    expect(row.same).toBe(row.steps)
  })

  test('B3: an outage at 20/s after ten good seconds: when each of the three opens', async () => {
    const sequence: Step[] = Array.from({ length: 600 }, (_, index) => ({ afterMs: 50, fails: index >= 400 }))
    const opensAt = (trace: readonly Seen[]): number => (trace.indexOf('held back') - 400) * 0.05
    const rules = { ratio: '50%', opens: 'above', window: '10s', min_requests: 5, open_for: '60s', ...NEVER_IN_A_ROW }
    const mine = opensAt(ours(rules, sequence).trace)
    const sampling = new SamplingBreaker({ threshold: 0.5, duration: 10_000, minimumRps: 1 })
    const theirs = opensAt(await cockatiel(sampling, 60_000, sequence))
    const options = { timeout: false, errorThresholdPercentage: 50, rollingCountTimeout: 10_000, resetTimeout: 60_000 }
    const other = opensAt(await opossum({ ...options, timeout: false, volumeThreshold: 5 }, sequence))
    compared({
      with: 'cockatiel Sampling, opossum',
      what: 'seconds from outage to open',
      same: [theirs, other].filter((seconds) => Math.abs(seconds - mine) <= 0.6).length,
      steps: 2,
      note: `Ours ${mine.toFixed(2)} s, theirs ${theirs.toFixed(2)} and ${other.toFixed(2)}: a window of buckets is as long as its buckets let it be.`,
    })
    expect(mine).toBeCloseTo(5, 0)
    expect(Math.abs(theirs - mine)).toBeLessThanOrEqual(0.6)
    expect(Math.abs(other - mine)).toBeLessThanOrEqual(0.6)
  })

  test('B6: exactly half fails: ours opens at the share or above it, as the policy says; theirs only above', async () => {
    const sequence: Step[] = Array.from({ length: 40 }, (_, index) => ({ afterMs: 10, fails: index % 2 === 1 }))
    const rules = { ratio: '50%', last: 10, min_requests: 10, open_for: '5s', ...NEVER_IN_A_ROW }
    const above = ours({ ...rules, opens: 'above' }, sequence).trace
    const theirs = await cockatiel(new CountBreaker({ threshold: 0.5, size: 10 }), 5_000, sequence)
    expect(above).toEqual(theirs)
    expect(theirs).not.toContain('held back')
    expect(ours({ ...rules, opens: 'at' }, sequence).trace).toContain('held back')
    expect(CircuitState.Open).toBe(1)
  })

  test('B7: opossum without a volume opens after the first failure; ours with min_requests 1 does too', async () => {
    const sequence: Step[] = Array.from({ length: 5 }, () => ({ afterMs: 10, fails: true }))
    const theirs = await opossum({ timeout: false, resetTimeout: 30_000 }, sequence)
    const mine = ours({ ratio: '50%', opens: 'above', min_requests: 1, open_for: '30s', ...NEVER_IN_A_ROW }, sequence)
    expect(theirs).toEqual(['through', 'held back', 'held back', 'held back', 'held back'])
    expect(mine.trace).toEqual(theirs)
  })
})

describe('retry budgets', () => {
  test('gRPC: RetryThrottler(10, 0.1), R6: allowed or not after every result', () => {
    let [same, steps] = [0, 0]
    for (let seed = 1; seed <= SEQUENCES; seed += 1) {
      const theirs = new RetryThrottler(10, 0.1)
      const mine = retryBudget(retryBudgetSchema.parse({ kind: 'throttle', capacity: 10, fill: 0.1 }))
      for (const { fails } of calls(seed, CALLS, 1)) {
        mine.reported(fails, 0)
        if (fails) theirs.addCallFailed()
        else theirs.addCallSucceeded()
        if ((mine.withdraw(false, 0) !== null) === theirs.canRetryCall()) same += 1
        steps += 1
      }
    }
    const row = compared({ with: '@grpc/grpc-js RetryThrottler', what: 'may retry', same, steps, note: '' })
    expect(row.same).toBe(row.steps)
  })

  test('AWS: StandardRetryStrategy, R7: granted or refused, at every retry of every request', async () => {
    const backoff = { setDelayBase: () => {}, computeNextBackoffDelay: () => 0 }
    let [same, steps, refused] = [0, 0, 0]
    for (let seed = 1; seed <= 10; seed += 1) {
      const theirs = new StandardRetryStrategy({ maxAttempts: 4, backoff } as never)
      const mine = retryBudget(retryBudgetSchema.parse({ kind: 'quota' }))
      const rng = Rng.fromSeed(seed)
      for (let request = 0; request < 200; request += 1) {
        let token = await theirs.acquireInitialRetryToken('')
        let price = 0
        for (let attempt = 0; attempt < 4; attempt += 1) {
          if (!rng.chance(0.85)) {
            mine.reported(false, price)
            theirs.recordSuccess(token)
            break
          }
          if (attempt === 3) break
          const wasThrottled = rng.chance(0.3)
          const granted = mine.withdraw(wasThrottled, 0)
          const asked = theirs.refreshRetryTokenForRetry(token, {
            errorType: wasThrottled ? 'THROTTLING' : 'TRANSIENT',
          })
          const next = await Promise.all([asked.catch(() => null), vi.advanceTimersByTimeAsync(1)]).then(
            ([each]) => each,
          )
          steps += 1
          if ((granted !== null) === (next !== null)) same += 1
          if (granted === null || next === null) {
            refused += 1
            break
          }
          price = granted
          token = next
        }
      }
    }
    expect(refused).toBeGreaterThan(100)
    const note = 'Their delays for a Retry-After are cut to back-off plus 5 s; ours go elsewhere when it is too long.'
    const row = compared({ with: '@smithy/util-retry Standard', what: 'retry granted or refused', same, steps, note })
    expect(row.same).toBe(row.steps)
  })
})

describe('back-off', () => {
  test('cockatiel, ExponentialBackoff without jitter: the same waits', () => {
    const mine = retrySchema.parse({ attempts: 12, base: '128ms', cap: '30s', jitter: 'none' })
    let theirs = new ExponentialBackoff({ generator: noJitterGenerator }).next()
    const pairs: [number, number][] = []
    for (let retry = 0; retry < 12; retry += 1) {
      pairs.push([retryDelayMs(mine, retry, null, 0, NEVER, Rng.fromSeed(1))!, theirs.duration])
      theirs = theirs.next(undefined as never)
    }
    const same = pairs.filter(([left, right]) => left === right).length
    compared({
      with: 'cockatiel ExponentialBackoff',
      what: 'waits without jitter',
      same,
      steps: pairs.length,
      note: 'Their default jitter is Polly’s second decorrelated one, which ours has not.',
    })
    expect(same).toBe(12)
  })
})
