/**
 * Metastable failure: the worked example of HotOS'21 (a server of capacity C that goes on working for callers who have
 * left, a time-out τ, one retry at once), whose recovery times have a closed form.
 *
 *   outage of T seconds; arrivals λ; R retries
 *   backlog when it ends      λT + Rλ(T − τ)
 *   recovers after            (backlog − Cτ) / (C − (1 + R)λ), or never when (1 + R)λ ≥ C
 *
 * M4 is for a server that drops what has expired when its turn comes; ours drops it when the caller leaves, and is not
 * the same. M6 and M7 are other people's simulators.
 */
import { describe, expect, test } from 'vitest'
import { playRecovery } from '../../src/runner/index.ts'
import { check, decimal, fileOf, load, rowOf, tell, type Story } from './lab.ts'
import { independent } from './statistics.ts'

const CAPACITY = 300
const SLOTS = 3
const TAU_S = 1
const OUTAGE_S = 10
const OUTAGE_AT_S = 20

interface Aftermath {
  /** From the end of the outage to the first arrival after which nobody fails any more, in s; null: never. */
  readonly recoveryS: number | null
  /** Of the last tenth of the run. */
  readonly tail: { readonly success: number; readonly amplification: number }
}

/** The outage lasts from 20 s to 30 s: whoever takes a slot in the first half of it holds it to its end. */
function outage(lambda: number, retries: 0 | 1, seconds: number, arrivals = 'constant', seed = 1): Story {
  const patience = `timeouts: { attempt: ${TAU_S}s }, retry: { attempts: ${retries}, base: 1ms, cap: 1ms }`
  return {
    seed,
    seconds,
    endpoints: [
      `provider: a, capacity: { service: constant, time: ${decimal((1_000 * SLOTS) / CAPACITY)}ms, slots: ${SLOTS}, queue: unbounded, abandoned: finish }`,
    ],
    policy: `resilience: { ${patience}, reactions: { attempt_timeout: { retry_here: true } } }`,
    arrivals: `kind: ${arrivals}, rate: ${lambda}/s`,
    timeline: [
      `at: ${OUTAGE_AT_S}s, for: ${OUTAGE_S / 2}s, on: { provider: a }, fault: latency, mode: spike, add: ${OUTAGE_S}s`,
    ],
  }
}

function storm(lambda: number, retries: 0 | 1, horizonS: number, arrivals = 'constant', seed = 1): Aftermath {
  const outageEndsS = OUTAGE_AT_S + OUTAGE_S
  const seconds = outageEndsS + horizonS
  let lastFailureS = 0
  const tail = { requests: 0, ok: 0, attempts: 0 }
  tell(outage(lambda, retries, seconds, arrivals, seed), (entry) => {
    if (entry.kind !== 'request.closed') return
    const arrivedS = entry.arrivedAt / 1_000
    if (entry.outcome !== 'ok') lastFailureS = Math.max(lastFailureS, arrivedS)
    if (arrivedS < outageEndsS + 0.9 * horizonS) return
    tail.requests += 1
    tail.attempts += entry.attempts
    if (entry.outcome === 'ok') tail.ok += 1
  })
  const success = tail.ok / tail.requests
  return {
    recoveryS: success === 1 ? lastFailureS - outageEndsS : null,
    tail: { success, amplification: tail.attempts / tail.requests },
  }
}

const recoveryOf = (lambda: number, retries: number): number =>
  (lambda * (OUTAGE_S + retries * (OUTAGE_S - TAU_S)) - CAPACITY * TAU_S) / (CAPACITY - (1 + retries) * lambda)

/** What the verdict on recovery makes of it; the horizon in s is its own unless it is given. */
function judged(lambda: number, retries: 0 | 1, horizonS?: number) {
  const horizon = horizonS === undefined ? '' : `, horizon: ${horizonS}s`
  const ends = `recovery: { trigger: ${OUTAGE_AT_S}s..${OUTAGE_AT_S + OUTAGE_S}s${horizon} }`
  return playRecovery(load(`${fileOf(outage(lambda, retries, 60))}\n${ends}\n`))
}

describe('a server that works for callers who have left', () => {
  test.each([100, 120, 140, 145, 149])('M1: one retry, %d/s on 300/s: recovers, later and later', (lambda) => {
    const expected = recoveryOf(lambda, 1)
    const { recoveryS } = storm(lambda, 1, Math.ceil(expected * 1.5 + 30))
    check({ id: 'M1', what: `HotOS'21, R=1, λ=${lambda}: recovery in s`, expected, measured: recoveryS ?? Infinity, tolerance: Math.max(1.5, 0.02 * expected) }) // prettier-ignore
  })

  test.each([151, 200, 280])('M2: one retry, %d/s on 300/s: never recovers', (lambda) => {
    const { recoveryS, tail } = storm(lambda, 1, 700)
    expect(recoveryS).toBeNull()
    check({ id: 'M2', what: `HotOS'21, R=1, λ=${lambda}, 700 s later: success`, expected: 0, measured: tail.success, tolerance: 0 }) // prettier-ignore
    check({ id: 'M2', what: `HotOS'21, R=1, λ=${lambda}, 700 s later: amplification`, expected: 2, measured: tail.amplification, tolerance: 0 }) // prettier-ignore
  })

  test.each([200, 280])('M3: no retry, %d/s on 300/s: only the backlog', (lambda) => {
    const expected = recoveryOf(lambda, 0)
    const { recoveryS } = storm(lambda, 0, Math.ceil(expected * 1.5 + 30))
    check({ id: 'M3', what: `HotOS'21, R=0, λ=${lambda}: recovery in s`, expected, measured: recoveryS ?? Infinity, tolerance: Math.max(1.5, 0.02 * expected) }) // prettier-ignore
  })

  test('M5: one retry, Poisson 145/s: the same on average', () => {
    const seen = [1, 2, 3, 4, 5, 6].map((seed) => storm(145, 1, 700, 'poisson', seed).recoveryS ?? Infinity)
    check(
      rowOf(
        'M5',
        "HotOS'21, R=1, Poisson λ=145: mean recovery of 6 seeds, in s",
        recoveryOf(145, 1),
        independent(seen),
      ),
    )
  })
})

describe('the verdict on recovery', () => {
  test.each([
    [200, 0, undefined, 'RECOVERED', recoveryOf(200, 0)],
    [280, 0, undefined, 'RECOVERED', recoveryOf(280, 0)],
    [100, 1, undefined, 'SLOW_RECOVERY', recoveryOf(100, 1)],
    [120, 1, undefined, 'SLOW_RECOVERY', recoveryOf(120, 1)],
    [145, 1, undefined, 'SLOW_RECOVERY', recoveryOf(145, 1)],
    [151, 1, undefined, 'METASTABLE', null],
    [280, 1, 120, 'METASTABLE', null],
  ] as const)('truth table: λ=%d, R=%d', (lambda, retries, horizonS, verdict, expectedS) => {
    const seen = judged(lambda, retries, horizonS)
    expect(seen.verdict, seen.cause).toBe(verdict)
    if (expectedS !== null) {
      const toWindowS = (2 * seen.windowMs) / 1_000
      check({ id: 'M1', what: `verdict R=${retries}, λ=${lambda}: ${verdict}, time to recover in s`, expected: expectedS, measured: (seen.timeToRecoverMs ?? Infinity) / 1_000, tolerance: Math.max(toWindowS, 0.02 * expectedS) }) // prettier-ignore
      const alone = recoveryOf(lambda, 0)
      check({ id: 'M1', what: `verdict R=${retries}, λ=${lambda}: without retries, in s`, expected: alone, measured: (seen.drainMs ?? Infinity) / 1_000, tolerance: Math.max(toWindowS, 0.02 * alone) }) // prettier-ignore
      return
    }
    check({ id: 'M2', what: `verdict R=1, λ=${lambda}: METASTABLE, amplification in the end`, expected: 2, measured: seen.tail.amplification, tolerance: 0.001 }) // prettier-ignore
    check({ id: 'M2', what: `verdict R=1, λ=${lambda}: METASTABLE, success in the end`, expected: 0, measured: seen.tail.success, tolerance: 0 }) // prettier-ignore
    check({ id: 'M2', what: `verdict R=1, λ=${lambda}: attempts more for each failure`, expected: 1, measured: seen.sustainingGain?.value ?? NaN, tolerance: 0.05 }) // prettier-ignore
  })

  test('truth table: λ=149, R=1, is on its way when a short horizon comes, and is not called metastable', () => {
    const seen = judged(149, 1, 200)
    expect([seen.verdict, seen.timeToRecoverMs]).toEqual(['INCONCLUSIVE', null])
    expect(seen.cause).toContain('the horizon is too short')
  })

  test('more than there is capacity for, even without a trigger: no health to return to', () => {
    expect(judged(320, 0, 60)).toMatchObject({ verdict: 'INCONCLUSIVE' })
  })

  test('nothing that goes wrong: nothing to recover from', () => {
    const calm = load(fileOf({ ...outage(100, 0, 60), timeline: [] }))
    expect(playRecovery(calm)).toMatchObject({ verdict: 'INCONCLUSIVE', shed: null })
  })
})
