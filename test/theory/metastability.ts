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
import { check, decimal, rowOf, tell } from './lab.ts'
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

function storm(lambda: number, retries: 0 | 1, horizonS: number, arrivals = 'constant', seed = 1): Aftermath {
  const seconds = OUTAGE_AT_S + OUTAGE_S + horizonS
  const outageEndsS = OUTAGE_AT_S + OUTAGE_S
  const patience = `timeouts: { attempt: ${TAU_S}s }, retry: { attempts: ${retries}, base: 1ms, cap: 1ms }`
  let lastFailureS = 0
  const tail = { requests: 0, ok: 0, attempts: 0 }
  tell(
    {
      seed,
      seconds,
      endpoints: [
        `provider: a, capacity: { service: constant, time: ${decimal((1_000 * SLOTS) / CAPACITY)}ms, slots: ${SLOTS}, queue: unbounded, abandoned: finish }`,
      ],
      policy: `resilience: { ${patience}, reactions: { attempt_timeout: { retry_here: true } } }`,
      arrivals: `kind: ${arrivals}, rate: ${lambda}/s`,
      // Whoever takes a slot in the first half of it holds it to its end: nobody is served for ten seconds.
      timeline: [
        `at: ${OUTAGE_AT_S}s, for: ${OUTAGE_S / 2}s, on: { provider: a }, fault: latency, mode: spike, add: ${OUTAGE_S}s`,
      ],
    },
    (entry) => {
      if (entry.kind !== 'request.closed') return
      const arrivedS = entry.arrivedAt / 1_000
      if (entry.outcome !== 'ok') lastFailureS = Math.max(lastFailureS, arrivedS)
      if (arrivedS < outageEndsS + 0.9 * horizonS) return
      tail.requests += 1
      tail.attempts += entry.attempts
      if (entry.outcome === 'ok') tail.ok += 1
    },
  )
  const success = tail.ok / tail.requests
  return {
    recoveryS: success === 1 ? lastFailureS - outageEndsS : null,
    tail: { success, amplification: tail.attempts / tail.requests },
  }
}

const recoveryOf = (lambda: number, retries: number): number =>
  (lambda * (OUTAGE_S + retries * (OUTAGE_S - TAU_S)) - CAPACITY * TAU_S) / (CAPACITY - (1 + retries) * lambda)

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
