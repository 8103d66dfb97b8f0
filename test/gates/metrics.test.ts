/** Every metric, by small lists of entries with numbers that can be checked by hand. */
import { describe, expect, test } from 'vitest'
import { METRICS } from '../../src/gates/index.ts'
import type { Entry, EntryOf } from '../../src/ledger/index.ts'
import { TAIL_MAX } from '../../src/gates/traces.ts'
import {
  A,
  AGENT,
  arrived,
  B,
  charged,
  closed,
  ended,
  faultEnded,
  faultOn,
  faultStarted,
  firstAttempts,
  id,
  measure,
  NEVER,
  started,
  steady,
} from './lab.ts'

describe('success_rate', () => {
  const metric = 'success_rate'
  const entries = [
    closed(id(0), 1_000),
    closed(id(1), 11_000, 'failed'),
    closed(id(2), 12_000),
    closed(id(3), 13_000, 'truncated'),
    closed(id(4), 14_000, 'cancelled'),
    closed(id(5), 59_000, 'unfinished'),
    closed(id(6, AGENT), 15_000, 'timed_out'),
    closed(id(7, AGENT), 19_999, 'ok', { servedBy: B, at: 25_000 }),
  ]

  test.each([
    [{}, 3 / 7, 7],
    [{ window: 'storm' }, 2 / 5, 5],
    [{ workflow: 'agent' }, 1 / 2, 2],
    [{ workflow: 'agent', window: 'warm-up' }, null, 0],
    [{ provider: 'beta' }, 1, 1],
    [{ provider: 'alpha' }, 2 / 6, 6],
    [{ model: 'n', workflow: 'chat' }, null, 0],
    [{ workflow: 'nobody' }, null, 0],
    [{ window: 'nobody' }, null, 0],
  ])('success_rate: where %o, %s of %i', (where, value, n) => {
    expect(measure(entries, { metric, where })).toMatchObject({ value, n })
  })

  test('success_rate: phases, follow the first and last fault by arrival', () => {
    const faults = [faultOn([A], 10_000, 12_000), faultOn([A], 13_000, 15_000, 'second')]
    const by = (phase: 'before' | 'during' | 'after') => measure(entries, { metric, where: { phase }, faults })
    expect(by('before')).toMatchObject({ value: 1, n: 1 })
    expect(by('during')).toMatchObject({ value: 1 / 3, n: 3 })
    expect(by('after')).toMatchObject({ value: 1 / 3, n: 3 })
  })

  test('success_rate: phases without a fault, all is before', () => {
    expect(measure(entries, { metric, where: { phase: 'before' } }).n).toBe(7)
    expect(measure(entries, { metric, where: { phase: 'during' } }).n).toBe(0)
    expect(measure(entries, { metric, where: { phase: 'after' } }).n).toBe(0)
  })

  test('success_rate: all cancelled, is no success', () => {
    expect(measure([closed(id(0), 0, 'cancelled')], { metric })).toMatchObject({ value: null, n: 0 })
  })
})

describe('goodput', () => {
  const entries = [...steady(0, 50, 200), ...steady(10_000, 20, 500, 'failed'), ...steady(20_000, 40, 1_000)]

  test('goodput: per second of the whole run, counts ok only', () => {
    expect(measure(entries, { metric: 'goodput' })).toEqual({ value: 90 / 60, n: 110 })
  })
  test('goodput: a window, is divided by its own length', () => {
    expect(measure(entries, { metric: 'goodput', where: { window: 'warm-up' } })).toEqual({ value: 5, n: 50 })
    expect(measure(entries, { metric: 'goodput', where: { window: 'storm' } })).toEqual({ value: 0, n: 20 })
  })
  test('goodput: a run that ended within the window, is divided by what there was of it', () => {
    expect(measure(steady(0, 10, 100), { metric: 'goodput', where: { window: 'warm-up' }, endedAt: 4_000 }).value).toBe(
      2.5,
    )
  })
  test('goodput: a window that was not reached, has no value', () => {
    expect(measure([], { metric: 'goodput', where: { window: 'storm' }, endedAt: 4_000 }).value).toBeNull()
  })
})

describe('ttft and latency', () => {
  const entries = Array.from({ length: 100 }, (_, index) =>
    closed(id(index), index, 'ok', { ttftMs: index + 1, latencyMs: 10 * (index + 1) }),
  )
  const failures = [
    closed(id(200), 0, 'failed', { ttftMs: 1, latencyMs: 1 }),
    closed(id(201), 0, 'ok', { ttftMs: null }),
  ]

  test.each([
    ['ttft', 'p50', 50, 100],
    ['ttft', 'p95', 95, 100],
    ['ttft', 'p99', 99, 100],
    ['ttft', 'max', 100, 100],
    ['ttft', 'mean', 50.5, 100],
    ['latency', 'p50', 500, 100],
  ] as const)('%s: %s, by nearest rank', (metric, stat, value, n) => {
    const seen = measure(entries, { metric, stat })
    expect(seen.n).toBe(n)
    expect(Math.abs((seen.value ?? 0) - value)).toBeLessThanOrEqual(value * 0.001)
  })
  test('ttft: failed requests and answers without content, do not count', () => {
    expect(measure([...entries, ...failures], { metric: 'ttft' }).n).toBe(100)
    expect(measure([...entries, ...failures], { metric: 'latency' }).n).toBe(101)
  })
  test('ttft: nothing ok, has no value', () => {
    expect(measure([closed(id(0), 0, 'failed')], { metric: 'ttft' })).toMatchObject({ value: null, n: 0 })
  })
})

describe('fallbacks', () => {
  const entries = [
    // 0: A, then A again: a retry, no fallback.
    arrived(id(0), 0),
    started(id(0), 0, A),
    started(id(0), 10, A, { attempt: 1 }),
    closed(id(0), 0),
    // 1: A, then B, served by B.
    arrived(id(1), 100),
    started(id(1), 100, A),
    started(id(1), 110, B, { attempt: 1, reason: 'next_endpoint' }),
    closed(id(1), 100, 'ok', { servedBy: B }),
    // 2: A, then B in a second call, then A again: failed.
    arrived(id(2), 200),
    started(id(2), 200, A),
    started(id(2), 210, B, { call: 1 }),
    started(id(2), 220, A, { call: 1, attempt: 1 }),
    closed(id(2), 200, 'failed'),
    // 3: cancelled by its user after it moved.
    arrived(id(3), 300),
    started(id(3), 300, A),
    started(id(3), 310, B, { attempt: 1 }),
    closed(id(3), 300, 'cancelled'),
  ]

  test('fallback_rate: moved requests, count even when they failed, unless cancelled', () => {
    expect(measure(entries, { metric: 'fallback_rate' })).toEqual({ value: 2 / 3, n: 3 })
  })
  test('fallback_rate: a request whose attempts were not seen, is told by who served it', () => {
    expect(measure([closed(id(0), 0, 'ok', { servedBy: B })], { metric: 'fallback_rate' }).value).toBe(1)
  })
  test('fallback_frequency: switches, each way counts', () => {
    expect(measure(entries, { metric: 'fallback_frequency' })).toEqual({ value: 4 / 60, n: 9 })
  })
  test('fallback_frequency: of a provider, counts switches to it', () => {
    expect(measure(entries, { metric: 'fallback_frequency', where: { provider: 'beta' } })).toEqual({
      value: 3 / 60,
      n: 3,
    })
  })
  test('amplification: attempts per request, without cancelled ones', () => {
    const list = [
      closed(id(0), 0, 'ok', { attempts: 2 }),
      closed(id(1), 0, 'failed', { attempts: 4 }),
      closed(id(2), 0, 'cancelled', { attempts: 9 }),
    ]
    expect(measure(list, { metric: 'amplification' })).toEqual({ value: 3, n: 2 })
  })
})

describe('time_to_failover', () => {
  const metric = 'time_to_failover'
  const faults = [faultOn([A], 10_000, 20_000)]
  const before = firstAttempts(A, 0, 100, 100)
  const run = (...during: Parameters<typeof measure>[0][]) =>
    [...before, faultStarted(10_000), ...during.flat(), faultEnded(20_000)].sort((x, y) => x.at - y.at)

  test('time_to_failover: 1.5 s of traffic into it, then elsewhere, is the last one into it', () => {
    const entries = run(firstAttempts(A, 10_010, 150, 10), firstAttempts(B, 11_510, 400, 20))
    expect(measure(entries, { metric, faults })).toEqual({ value: 1_500, n: 1 })
  })
  test('time_to_failover: nobody goes there, is 0', () => {
    expect(measure(run(firstAttempts(B, 10_010, 500, 10)), { metric, faults })).toEqual({ value: 0, n: 1 })
  })
  test('time_to_failover: one probe in a hundred, is calm', () => {
    const entries = run(
      firstAttempts(A, 10_100, 1, 1),
      firstAttempts(B, 10_101, 300, 5),
      firstAttempts(A, 10_700, 1, 1),
    )
    // 200 of B in every second; one of A within the second after 10.1 s is half a per cent. After the start it is two.
    expect(measure(entries, { metric, faults }).value).toBe(100)
    const busier = run(firstAttempts(A, 10_100, 3, 1), firstAttempts(B, 10_101, 300, 5), firstAttempts(A, 10_700, 1, 1))
    expect(measure(busier, { metric, faults }).value).toBe(101)
  })
  test('time_to_failover: two in a hundred, is not calm', () => {
    const entries = run(firstAttempts(A, 10_100, 50, 100), firstAttempts(B, 10_105, 499, 10))
    expect(measure(entries, { metric, faults }).value).toBe(5_000)
  })
  test('time_to_failover: little traffic, the next first attempt decides', () => {
    const entries = run(firstAttempts(A, 11_000, 1, 1), firstAttempts(B, 14_000, 2, 2_000))
    expect(measure(entries, { metric, faults }).value).toBe(1_000)
    const later = run(firstAttempts(A, 10_500, 2, 700), firstAttempts(B, 14_000, 2, 2_000))
    expect(measure(later, { metric, faults }).value).toBe(1_200)
  })
  test('time_to_failover: never leaves, is at least the length of the fault', () => {
    const seen = measure(run(firstAttempts(A, 10_010, 999, 10)), { metric, faults })
    expect(seen).toMatchObject({ value: 10_000, n: 1, censored: true })
  })
  test('time_to_failover: leaves in its last half second, is not shown to have left', () => {
    const entries = run(firstAttempts(A, 10_010, 950, 10), firstAttempts(B, 19_510, 40, 10))
    expect(measure(entries, { metric, faults })).toMatchObject({ value: 10_000, censored: true })
  })
  test('time_to_failover: the run ends during the fault, is at least so long', () => {
    const entries = [...before, faultStarted(10_000), ...firstAttempts(A, 10_010, 200, 10)]
    expect(measure(entries, { metric, faults, endedAt: 12_010 })).toMatchObject({ value: 2_010, censored: true })
  })
  test('time_to_failover: no traffic before, has no value and says why', () => {
    const entries = [...firstAttempts(B, 0, 10, 100), faultStarted(10_000), ...firstAttempts(B, 10_000, 100, 100)]
    expect(measure(entries, { metric, faults })).toMatchObject({
      value: null,
      n: 0,
      note: expect.stringContaining('outage'),
    })
  })
  test('time_to_failover: another provider, is not meant', () => {
    const entries = run(firstAttempts(B, 10_010, 500, 10))
    expect(measure(entries, { metric, faults, where: { provider: 'beta' } })).toMatchObject({ value: null, n: 0 })
    expect(measure(entries, { metric, faults, where: { provider: 'alpha' } })).toMatchObject({ value: 0, n: 1 })
  })
  test('time_to_failover: two faults, the slower counts', () => {
    const two = [faultOn([A], 10_000, 20_000), faultOn([B], 30_000, 40_000, 'second')]
    const entries = [
      ...run(firstAttempts(A, 10_010, 10, 10), firstAttempts(B, 10_110, 400, 20)),
      faultStarted(30_000, 1),
      ...firstAttempts(B, 30_010, 50, 10),
      ...firstAttempts(A, 30_510, 150, 20),
      faultEnded(40_000, 1),
    ]
    expect(measure(entries, { metric, faults: two })).toEqual({ value: 500, n: 2 })
  })
  test('time_to_failover: retries and fallbacks into it, are no first attempts', () => {
    const retries = firstAttempts(A, 10_011, 500, 10).map((entry) => ({ ...entry, attempt: 1 })) as typeof before
    expect(measure(run(firstAttempts(B, 10_010, 500, 10), retries), { metric, faults }).value).toBe(0)
  })
})

describe('time_to_recover', () => {
  const metric = 'time_to_recover'
  const faults = [faultOn([A], 10_000, 20_000)]
  const twin = steady(0, 600, 100)
  const run = (...parts: Parameters<typeof measure>[0][]) => [faultStarted(10_000), faultEnded(20_000), ...parts.flat()]

  test('time_to_recover: at once, is 0', () => {
    expect(measure(run(steady(20_000, 400, 100)), { metric, faults, twin })).toMatchObject({ value: 0 })
  })
  test('time_to_recover: 10 s of failures after the fault, is 10 s', () => {
    const entries = run(steady(20_000, 100, 100, 'failed'), steady(30_000, 300, 100))
    expect(measure(entries, { metric, faults, twin })).toEqual({ value: 10_000, n: 8 })
  })
  test('time_to_recover: a relapse within 30 s, counts from the end of the relapse', () => {
    const entries = run(steady(20_000, 200, 100), steady(40_000, 5, 1_000, 'failed'), steady(45_000, 150, 100))
    expect(measure(entries, { metric, faults, twin }).value).toBe(25_000)
  })
  test('time_to_recover: a relapse after 30 s, is another story', () => {
    const entries = run(steady(20_000, 300, 100), steady(50_000, 100, 100, 'failed'))
    expect(measure(entries, { metric, faults, twin })).toMatchObject({ value: 0 })
  })
  test('time_to_recover: never, is at least the rest of the run', () => {
    const seen = measure(run(steady(20_000, 400, 100, 'failed')), { metric, faults, twin })
    expect(seen).toEqual({ value: 40_000, n: 8, censored: true })
  })
  test('time_to_recover: good for the last 5 s only, is not shown', () => {
    const entries = run(steady(20_000, 350, 100, 'failed'), steady(55_000, 50, 100))
    expect(measure(entries, { metric, faults, twin })).toMatchObject({ value: 40_000, censored: true })
  })
  test('time_to_recover: 1 % below the twin, is recovered; 2 % is not', () => {
    const bucket = (from: number, failures: number) =>
      steady(from, 100, 50).map((entry, index) =>
        index < failures ? { ...entry, outcome: 'failed' } : entry,
      ) as typeof twin
    const denseTwin = steady(0, 1_200, 50)
    const by = (failures: number) => {
      const entries = run(...[20, 25, 30, 35, 40, 45, 50, 55].map((second) => bucket(second * 1000, failures)))
      return measure(entries, { metric, faults, twin: denseTwin })
    }
    expect(by(1).value).toBe(0)
    expect(by(2)).toMatchObject({ value: 40_000, censored: true })
  })
  test('time_to_recover: the twin fails as often, is recovered', () => {
    const both = steady(20_000, 400, 100, 'failed')
    expect(measure(run(both), { metric, faults, twin: both })).toMatchObject({ value: 0 })
  })
  test('time_to_recover: a fault that ends between buckets, has a bucket begin there', () => {
    const odd = [faultOn([A], 10_000, 22_000)]
    const entries = [
      faultStarted(10_000),
      faultEnded(22_000),
      ...steady(20_000, 20, 100, 'failed'),
      ...steady(22_000, 380, 100),
    ]
    expect(measure(entries, { metric, faults: odd, twin }).value).toBe(0)
  })
  test('time_to_recover: a fault still active at the end, is at least 0', () => {
    const seen = measure([faultStarted(10_000)], { metric, faults: [faultOn([A], 10_000, NEVER)], twin })
    expect(seen).toMatchObject({ value: 0, censored: true })
  })
  test('time_to_recover: no fault, or no traffic after it, has no value', () => {
    expect(measure(twin, { metric, twin })).toMatchObject({ value: null })
    expect(measure(run(), { metric, faults, twin })).toMatchObject({ value: null, n: 0 })
  })
})

describe('costs', () => {
  // 0 costs 100 and is ok; 1 tries A for 30 (nothing shown), then B for 70, ok; 2 fails for 50, charged after its close.
  const entries = [
    arrived(id(0), 1_000),
    started(id(0), 1_000, A),
    charged(id(0), 1_050, 100),
    ended(id(0), 1_100, A),
    closed(id(0), 1_000, 'ok', { billed: 200 }),
    arrived(id(1), 11_000),
    started(id(1), 11_000, A),
    ended(id(1), 11_010, A, { outcome: 'failed', committed: false }),
    charged(id(1), 11_020, 30),
    started(id(1), 11_020, B, { attempt: 1 }),
    ended(id(1), 11_090, B, { attempt: 1 }),
    charged(id(1), 11_095, 70, { attempt: 1, endpoint: B }),
    closed(id(1), 11_000, 'ok', { billed: 100, servedBy: B }),
    arrived(id(2), 19_990),
    started(id(2), 19_990, A),
    ended(id(2), 20_010, A, { outcome: 'failed', committed: false }),
    closed(id(2), 19_990, 'failed'),
    arrived(id(3), 20_020),
    charged(id(2), 20_030, 50),
  ]

  test('cost_per_success: failed attempts and requests, are paid by those that succeed', () => {
    expect(measure(entries, { metric: 'cost_per_success' })).toEqual({ value: 125, n: 2 })
  })
  test('cost_per_success: the billed book, is what the caller pays', () => {
    expect(measure(entries, { metric: 'cost_per_success', book: 'billed' })).toEqual({ value: 150, n: 2 })
  })
  test('cost_per_success: the book with fees, is that and what buying the credits for it costs', () => {
    expect(measure(entries, { metric: 'cost_per_success', book: 'with_fees' })).toEqual({ value: 150, n: 2 })
    const creditFee = 0.055
    const seen = measure(entries, { metric: 'cost_per_success', book: 'with_fees', names: { creditFee } })
    expect(seen).toEqual({ value: 150 * 1.055, n: 2 })
  })
  test('cost_per_success: a charge after the close, goes to the window of the arrival', () => {
    expect(measure(entries, { metric: 'cost_per_success', where: { window: 'storm' } })).toEqual({ value: 150, n: 1 })
    expect(measure(entries, { metric: 'cost_per_success', where: { window: 'recovery' } }).value).toBeNull()
  })
  test('cost_per_success: by provider, is of the requests it served or was first tried for', () => {
    expect(measure(entries, { metric: 'cost_per_success', where: { provider: 'alpha' } })).toEqual({ value: 150, n: 1 })
    expect(measure(entries, { metric: 'cost_per_success', where: { provider: 'beta' } })).toEqual({ value: 100, n: 1 })
  })
  test('cost_per_success: a charge that comes too late, is counted and told', () => {
    const many = Array.from({ length: TAIL_MAX + 1 }, (_, index) => [
      arrived(id(index), index),
      started(id(index), index, A),
      closed(id(index), index),
    ]).flat()
    const seen = measure([...many, charged(id(0), 9_000, 500), charged(id(1), 9_000, 500)], {
      metric: 'cost_per_success',
    })
    expect(seen.value).toBe(500 / (TAIL_MAX + 1))
    expect(seen.note).toContain('1 charge came too late')
  })
  test('wasted_cost: what was charged for attempts nobody saw, in either order', () => {
    expect(measure(entries, { metric: 'wasted_cost' })).toEqual({ value: 80 / 250, n: 3 })
    expect(measure(entries, { metric: 'wasted_cost', where: { window: 'warm-up' } })).toEqual({ value: 0, n: 1 })
  })
  test('wasted_cost: an attempt that ends after its request, is counted then', () => {
    const late = [
      arrived(id(0), 0),
      started(id(0), 0, A),
      started(id(0), 10, B, { attempt: 1 }),
      charged(id(0), 20, 60),
      ended(id(0), 30, A),
      closed(id(0), 0),
      charged(id(0), 40, 40, { attempt: 1, endpoint: B }),
      ended(id(0), 50, B, { attempt: 1, outcome: 'cancelled', committed: false }),
    ]
    expect(measure(late, { metric: 'wasted_cost' })).toEqual({ value: 0.4, n: 1 })
  })
  test('cost_drift: against the twin, per ok request', () => {
    const twin = [arrived(id(0), 0), charged(id(0), 10, 100), closed(id(0), 0)]
    expect(measure(entries, { metric: 'cost_drift', twin })).toEqual({ value: 0.25, n: 1 })
  })
  test('cost_drift: a free twin, has no ratio', () => {
    const free = [closed(id(0), 0)]
    expect(measure(entries, { metric: 'cost_drift', twin: free })).toMatchObject({
      value: null,
      note: expect.stringContaining('$0'),
    })
    expect(measure(free, { metric: 'cost_drift', twin: free })).toMatchObject({ value: 0 })
  })
  test('cost_drift: no twin, or nothing ok, has no value', () => {
    expect(measure(entries, { metric: 'cost_drift' }).value).toBeNull()
    expect(measure([], { metric: 'cost_drift', twin: entries }).value).toBeNull()
    expect(measure(entries, { metric: 'cost_drift', twin: [] }).value).toBeNull()
  })
})

describe('answers', () => {
  test('tool_call_validity: a needed call that is missing, is invalid; answers without calls do not count', () => {
    const entries = [
      closed(id(0), 0, 'ok', { toolCall: 'valid' }),
      closed(id(1), 0, 'ok', { toolCall: 'valid' }),
      closed(id(2), 0, 'invalid_tool_call', { toolCall: 'not_json' }),
      closed(id(3), 0, 'invalid_tool_call', { toolCall: 'missing_call' }),
      closed(id(4), 0, 'cancelled', { toolCall: 'not_json' }),
      closed(id(5), 0),
    ]
    expect(measure(entries, { metric: 'tool_call_validity' })).toEqual({ value: 0.5, n: 4 })
  })
  test('truncated: share of requests', () => {
    const entries = [...steady(0, 7, 1), closed(id(50), 50, 'truncated'), closed(id(51), 50, 'cancelled')]
    expect(measure(entries, { metric: 'truncated' })).toEqual({ value: 1 / 8, n: 8 })
  })
})

describe('policy_violations', () => {
  const isLegal = (_request: number, workflow: number, endpoint: number) =>
    workflow === AGENT && endpoint === B ? 'collects data' : null
  const entries = [
    started(id(0, AGENT), 0, A),
    started(id(0, AGENT), 1, B, { attempt: 1 }),
    started(id(0), 2, B),
    started(id(1, AGENT), 3, B),
  ]

  test('policy_violations: every attempt, and not only winners', () => {
    const seen = measure(entries, { metric: 'policy_violations', isLegal })
    expect(seen).toEqual({ value: 2, n: 4, note: 'first agent/0 at b:n: collects data' })
  })
  test('policy_violations: no attempt, is no evidence', () => {
    expect(measure([], { metric: 'policy_violations', isLegal })).toMatchObject({ value: null, n: 0 })
  })
})

describe('duplicate_side_effects', () => {
  const called = (request: number, effect: EntryOf<'tool.called'>['effect'], more: object = {}): Entry => ({
    kind: 'tool.called',
    at: 500,
    request,
    workflow: 0,
    arrivedAt: 100,
    firstChoice: A,
    servedBy: A,
    rung: 0,
    invocation: 0,
    outcome: 'done',
    effect,
    ...more,
  })

  test('duplicate_side_effects: what was done once more, and not what was refused or known', () => {
    const entries = [
      called(id(0), 'first'),
      called(id(1), 'none'),
      called(id(2), 'deduplicated'),
      called(id(3), 'duplicate'),
      called(id(4), 'duplicate', { servedBy: B }),
    ]
    const seen = measure(entries, { metric: 'duplicate_side_effects' })
    expect(seen).toMatchObject({ value: 2, n: 3 })
    expect(seen.note).toContain('/3')
    expect(measure(entries, { metric: 'duplicate_side_effects', where: { fallback: true } })).toMatchObject({
      value: 1,
      n: 1,
    })
  })

  test('duplicate_side_effects: calls that changed nothing, are no evidence', () => {
    expect(measure([called(id(0), 'none')], { metric: 'duplicate_side_effects' })).toMatchObject({ value: null, n: 0 })
  })
})

describe('cache_hit_rate', () => {
  test('cache_hit_rate: by tokens, over every attempt that was charged', () => {
    const entries = [
      arrived(id(0), 0),
      started(id(0), 0, A),
      charged(id(0), 1, 1, { inputTokens: 900, cachedInputTokens: 600 }),
      ended(id(0), 1, A),
      closed(id(0), 0),
      arrived(id(1), 0),
      started(id(1), 0, B),
      charged(id(1), 1, 1, { endpoint: B, inputTokens: 100 }),
      ended(id(1), 1, B),
      closed(id(1), 0, 'ok', { servedBy: B }),
    ]
    expect(measure(entries, { metric: 'cache_hit_rate' })).toEqual({ value: 0.6, n: 1_000 })
    expect(measure(entries, { metric: 'cache_hit_rate', where: { provider: 'beta' } })).toEqual({ value: 0, n: 100 })
  })
})

test.each(METRICS.map((metric) => [metric.kind, metric] as const))('%s: an empty run, has no value', (kind) => {
  expect(measure([], { metric: kind, twin: [] }).value).toBeNull()
})

describe('quality, degradation, availability', () => {
  const answered = (request: number, value: number, more: Parameters<typeof closed>[3] = {}) => [
    arrived(request, 0),
    started(request, 0, A),
    charged(request, 1, 1, { quality: value }),
    ended(request, 1, A),
    closed(request, 0, 'ok', more),
  ]

  test('quality: mean of the answers; the p95 is what 95 % of them have at least', () => {
    const entries = Array.from({ length: 20 }, (_, n) => answered(id(n), n === 0 ? 0.2 : n === 1 ? 0.6 : 0.9)).flat()
    expect(measure(entries, { metric: 'quality' })).toMatchObject({ n: 20 })
    expect(measure(entries, { metric: 'quality' }).value).toBeCloseTo((0.2 + 0.6 + 18 * 0.9) / 20, 9)
    expect(measure(entries, { metric: 'quality', stat: 'p95' }).value).toBe(0.6)
    expect(measure(entries, { metric: 'quality', stat: 'p99' }).value).toBe(0.2)
  })

  test('quality: answers of which the fleet has not told, are no answers that never came', () => {
    expect(measure([closed(id(0), 1_000)], { metric: 'quality' })).toMatchObject({
      value: null,
      note: 'nothing is known of 1 answer',
    })
  })

  test('quality: of the attempt that reached the caller, and of no other', () => {
    const entries = [
      arrived(id(0), 0),
      started(id(0), 0, A),
      charged(id(0), 1, 1, { quality: 0.1 }),
      ended(id(0), 1, A, { outcome: 'failed', committed: false }),
      started(id(0), 1, B, { attempt: 1 }),
      charged(id(0), 2, 1, { attempt: 1, quality: 0.8 }),
      ended(id(0), 2, B, { attempt: 1 }),
      closed(id(0), 0, 'ok', { servedBy: B }),
    ]
    expect(measure(entries, { metric: 'quality' })).toEqual({ value: 0.8, n: 1 })
    expect(measure(entries, { metric: 'quality', where: { fallback: true } })).toEqual({ value: 0.8, n: 1 })
    expect(measure(entries, { metric: 'quality', where: { fallback: false } }).value).toBeNull()
  })

  test('quality: without answers, or before the fleet has told, no value and a note', () => {
    expect(measure([closed(id(0), 0, 'failed')], { metric: 'quality' })).toMatchObject({ value: null, n: 0 })
    expect(measure([arrived(id(0), 0), closed(id(0), 0)], { metric: 'quality' })).toMatchObject({ value: null, n: 0 })
  })

  test('degraded_rate and availability: rungs and outcomes, told apart', () => {
    const entries = [
      closed(id(0), 0),
      closed(id(1), 0, 'ok', { rung: 1 }),
      closed(id(2), 0, 'failed', { rung: 2 }),
      closed(id(3), 0, 'partial', { rung: 3 }),
      closed(id(4), 0, 'canned', { rung: 4 }),
      closed(id(5), 0, 'cancelled', { rung: 1 }),
    ]
    expect(measure(entries, { metric: 'degraded_rate' })).toEqual({ value: 0.8, n: 5 })
    expect(measure(entries, { metric: 'availability' })).toEqual({ value: 0.8, n: 5 })
    expect(measure(entries, { metric: 'success_rate' })).toEqual({ value: 0.4, n: 5 })
    expect(measure(entries, { metric: 'success_rate', where: { rung: 1 } })).toEqual({ value: 1, n: 1 })
    expect(measure(entries, { metric: 'success_rate', where: { rung: 0 } })).toEqual({ value: 1, n: 1 })
  })
})
