/** What the public pages say of endpoints: what counts, what is forgotten, and which end of a percentile is which. */
import { expect, test } from 'vitest'
import { MINUTE, SECOND } from '../../src/base/index.ts'
import { Statistics } from '../../src/gateway/index.ts'
import type { AttemptEnded } from '../../src/ledger/index.ts'

const ended = (at: number, more: Partial<AttemptEnded> = {}): AttemptEnded => ({
  kind: 'attempt.ended',
  at,
  request: 1,
  call: 0,
  attempt: 0,
  endpoint: 3,
  outcome: 'ok',
  errorClass: null,
  status: 200,
  startedAt: at - SECOND,
  firstContentAt: at - 800,
  outputTokens: 50,
  committed: true,
  ...more,
})

const failed = (at: number, errorClass: AttemptEnded['errorClass']): AttemptEnded =>
  ended(at, { outcome: 'failed', errorClass, firstContentAt: null, outputTokens: 0, committed: false })

const NOTHING = {
  uptimeLast5m: null,
  uptimeLast30m: null,
  uptimeLast1d: null,
  latencyLast30m: null,
  throughputLast30m: null,
}

test('statistics: of an endpoint that nobody has asked, nothing is known', () => {
  const it = new Statistics()
  it.step(ended(SECOND))
  expect(it.of(0, MINUTE)).toEqual(NOTHING)
})

test('statistics: uptime counts failures, but no rate limits, no callers’ mistakes and nobody’s losses', () => {
  const it = new Statistics()
  for (let turn = 1; turn <= 3; turn += 1) it.step(ended(turn * SECOND))
  it.step(failed(4 * SECOND, 'server_error'))
  for (const errorClass of ['rate_limited', 'invalid_request', 'payload_too_large'] as const) {
    it.step(failed(5 * SECOND, errorClass))
  }
  it.step(ended(6 * SECOND, { outcome: 'cancelled', errorClass: 'cancelled' }))
  expect(it.of(3, 7 * SECOND)).toMatchObject({ uptimeLast5m: 75, uptimeLast30m: 75, uptimeLast1d: 75 })
})

test('statistics: each window forgets in its time', () => {
  const it = new Statistics()
  it.step(failed(SECOND, 'overloaded'))
  it.step(ended(2 * SECOND))
  expect(it.of(3, 3 * SECOND)).toMatchObject({ uptimeLast5m: 50, uptimeLast30m: 50, uptimeLast1d: 50 })
  expect(it.of(3, 6 * MINUTE)).toMatchObject({ uptimeLast5m: null, uptimeLast30m: 50, uptimeLast1d: 50 })
  const later = it.of(3, 32 * MINUTE)
  expect(later).toMatchObject({ uptimeLast30m: null, uptimeLast1d: 50, latencyLast30m: null, throughputLast30m: null })
  expect(it.of(3, 26 * 60 * MINUTE)).toEqual(NOTHING)
})

test('statistics: latency in ms from the fast end, throughput in tokens per second from the slow one', () => {
  const it = new Statistics()
  // Nine in ten take 200 ms to the first token and make 50 tokens in a second; one takes 4 s, and 10 s in all.
  for (let turn = 1; turn <= 90; turn += 1) it.step(ended(turn * SECOND))
  for (let turn = 91; turn <= 100; turn += 1) {
    it.step(ended(turn * SECOND, { startedAt: (turn - 10) * SECOND, firstContentAt: (turn - 6) * SECOND }))
  }
  const { latencyLast30m: latency, throughputLast30m: throughput } = it.of(3, 101 * SECOND)
  const near = (value: number | undefined, expected: number) =>
    expect(Math.abs((value ?? 0) / expected - 1)).toBeLessThan(0.05) // A value is read back to within 3 %.
  near(latency?.p50, 200)
  near(latency?.p90, 200)
  near(latency?.p99, 4_000)
  near(throughput?.p50, 50)
  near(throughput?.p99, 5)
})
