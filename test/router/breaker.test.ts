/** The breaker's further rules: slow calls, a window of attempts, scopes, growing waits, hung probes, slow starts. */
import { describe, expect, test } from 'vitest'
import type { Signal } from '../../src/protocol/index.ts'
import { Breaker, breakerSchema, slowStartShare, slowStartSchema } from '../../src/router/policies/breaker.ts'
import { DONE, failed, inOrder, Lab, offers, OPEN, policy, tokens } from './lab.ts'

const GOOD: readonly Signal[] = [...OPEN, tokens(1), DONE]

const breaker = (more: Record<string, unknown> = {}): Breaker =>
  new Breaker(breakerSchema.parse({ consecutive: 1_000, min_requests: 10, open_for: '10s', ...more }))

/** Results in order, `x` for a failure, `.` for a success; how many were taken before it opened, or null. */
function opensAfter(it: Breaker, results: string): number | null {
  for (let index = 0; index < results.length; index += 1) {
    it.report(results[index] === 'x', index, index)
    if (it.state === 'open') return index + 1
  }
  return null
}

describe('the share that opens it', () => {
  // resilience.md B6: ok, failed, ok, failed … 40 calls at a threshold of one half.
  const ALTERNATING = '.x'.repeat(20)

  test.each([
    [{ opens: 'at' }, 10],
    [{ opens: 'above' }, null],
    [{ opens: 'at', last: 10 }, 10],
    [{ opens: 'above', last: 10 }, null],
    [{ opens: 'above', ratio: '45%' }, 10],
  ] as const)('B6: half of 40 fail, with %j it opens after %j', (rule, expected) => {
    expect(opensAfter(breaker({ ratio: '50%', ...rule }), ALTERNATING)).toBe(expected)
  })

  test('B7: no least number of requests, the first failure opens it and nobody of the next four comes in', () => {
    const it = breaker({ min_requests: 1, ratio: '50%', opens: 'above' })
    expect(opensAfter(it, 'x')).toBe(1)
    expect([1, 2, 3, 4].map((now) => it.admits(now))).toEqual([false, false, false, false])
  })

  test('a share of nothing: a success never opens it', () => {
    expect(opensAfter(breaker({ ratio: '0%', min_requests: 1 }), '......')).toBeNull()
  })
})

describe('the window', () => {
  test('last: so many attempts are remembered, however long ago', () => {
    const rule = { last: 10, ratio: '50%', min_requests: 10 }
    expect(opensAfter(breaker(rule), '..........xxxxx')).toBe(15)
    expect(opensAfter(breaker(rule), 'xxxx......xxxx')).toBeNull()
  })

  test('last: five failures of the last ten, though the sixth last is of another year', () => {
    const it = breaker({ last: 10, ratio: '50%' })
    for (let n = 0; n < 5; n += 1) it.report(false, 0, 0)
    for (let n = 0; n < 5; n += 1) it.report(true, 3e10, 3e10)
    expect(it.state).toBe('open')
  })
})

describe('slow calls', () => {
  const slow = breaker.bind(null, { slow_call: { ttft: '1s', ratio: '50%' }, min_requests: 4 })

  test('slow calls: half of the first tokens are late, it opens though nothing failed', () => {
    const it = slow()
    const ttfts = [100, 1_001, 100, 1_001]
    ttfts.forEach((ttft) => it.report(false, 0, 0, ttft))
    expect(it.state).toBe('open')
  })

  test('slow calls: exactly at the bound is not slow, and no first token is not slow', () => {
    const it = slow()
    for (let n = 0; n < 20; n += 1) it.report(false, 0, 0, n % 2 === 0 ? 1_000 : null)
    expect(it.state).toBe('closed')
  })

  test('slow calls: a slow probe is a failed one', () => {
    const it = slow()
    for (let n = 0; n < 4; n += 1) it.report(false, 0, 0, 5_000)
    it.beginProbe(10_000)
    it.report(false, 10_000, 15_000, 5_000)
    expect(it.state).toBe('open')
  })

  test('slow calls: seen by the router from dispatch to first content', () => {
    const rules = { breaker: { consecutive: 1_000, min_requests: 3, slow_call: { ttft: '2s' } } }
    const it = new Lab(offers('a', 'b'), inOrder(['a', 'b'], rules))
    for (let n = 0; n < 3; n += 1) {
      const call = it.ask()
      it.at(it.now + 2_500).hear(call, ...GOOD)
    }
    expect(it.of('health.changed')).toMatchObject([{ at: 7_500, endpoint: 0, to: 'open', cause: null }])
  })
})

describe('open for', () => {
  /** How long it stays open each time, when every probe fails. */
  function waits(it: Breaker, times: number, from = 0): number[] {
    let now = from
    for (let n = 0; n < 10; n += 1) it.report(true, now, now)
    const list: number[] = []
    for (let n = 0; n < times; n += 1) {
      list.push(it.openUntil - now)
      now = it.openUntil
      it.beginProbe(now)
      it.report(true, now, now)
    }
    return list
  }

  test('backoff: grows with every failed probe up to its greatest', () => {
    expect(waits(breaker({ backoff: { multiplier: 2, max: '60s' } }), 5)).toEqual([
      10_000, 20_000, 40_000, 60_000, 60_000,
    ])
    expect(waits(breaker(), 3)).toEqual([10_000, 10_000, 10_000])
  })

  test('backoff: a greatest below the first, the first counts', () => {
    expect(waits(breaker({ backoff: { max: '1s' } }), 3)).toEqual([10_000, 10_000, 10_000])
  })

  test('backoff: once closed, begins anew', () => {
    const it = breaker({ backoff: {} })
    waits(it, 3)
    const now = it.openUntil
    it.beginProbe(now)
    it.report(false, now, now)
    expect(it.state).toBe('closed')
    expect(waits(it, 1, now)).toEqual([10_000])
  })
})

describe('probes', () => {
  const opened = (more: Record<string, unknown>): Breaker => {
    const it = breaker({ min_requests: 1, ...more })
    it.report(true, 0, 0)
    it.beginProbe(10_000)
    return it
  }

  test('probe_timeout: a probe that hangs, no longer keeps the next one back', () => {
    const it = opened({ probe_timeout: '5s' })
    expect(it.admits(14_999)).toBe(false)
    expect(it.admits(15_000)).toBe('probe')
    expect(opened({}).admits(1e9)).toBe(false)
  })

  test('probe_timeout: what the hung one says in the end, changes nothing', () => {
    const it = opened({ probe_timeout: '5s' })
    it.beginProbe(15_000)
    expect(it.report(true, 10_000, 15_500)).toBe(false)
    it.abandonProbe(10_000)
    expect(it.admits(16_000)).toBe(false)
    it.report(false, 15_000, 16_500)
    expect(it.state).toBe('closed')
  })
})

describe('slow start', () => {
  // resilience.md E2, Envoy's formula over 60 s from 10 %.
  test.each([
    [1, [0.1, 0.1, 0.25, 0.5, 0.983]],
    [2, [0.129, 0.316, 0.5, 0.707, 0.992]],
  ])('E2: aggression %d, shares after 1, 6, 15, 30 and 59 s are %j', (aggression, expected) => {
    const rule = slowStartSchema.parse({ over: '60s', aggression })
    const shares = [1, 6, 15, 30, 59].map((seconds) => slowStartShare(rule, seconds * 1_000))
    expect(shares.map((share) => Math.round(share * 1_000) / 1_000)).toEqual(expected)
    expect(slowStartShare(rule, 0)).toBe(0.1)
    expect(slowStartShare(rule, 60_000)).toBe(1)
  })

  test('slow start: begins when a probe closes it, and never before it was open', () => {
    const it = breaker({ min_requests: 1, slow_start: { over: '60s' } })
    expect(it.share(5)).toBe(1)
    it.report(true, 0, 0)
    it.beginProbe(10_000)
    it.report(false, 10_000, 12_000)
    expect([12_000, 42_000, 72_000].map((now) => it.share(now))).toEqual([0.1, 0.5, 1])
  })
})

describe('scope', () => {
  const FLEET = offers(
    { provider: 'a', tag: 'a/one' },
    { provider: 'a', tag: 'a/two', model: 'm2' },
    { provider: 'a', tag: 'a/eu', region: 'eu' },
    { provider: 'a', tag: 'a/batch', key: 'batch' },
    'b',
  )

  test.each([
    ['endpoint', [0]],
    ['model', [0, 2, 3]],
    ['provider', [0, 1, 2, 3]],
    ['key', [0, 1, 2]],
  ])('scope %s: one failure opens for endpoints %j', (scope, expected) => {
    const rules = { models: ['m'], provider: { order: ['a/one'] }, resilience: { breaker: { consecutive: 1, scope } } }
    const it = new Lab(FLEET, policy(rules))
    it.hear(it.ask(), failed('server_error'))
    expect(it.of('health.changed').map(({ endpoint, to }) => [endpoint, to])).toEqual(expected.map((n) => [n, 'open']))
  })

  test('scope provider: failures of all its endpoints count together, and one probe is enough for all', () => {
    const order = ['a/one', 'a/eu']
    const rules = { breaker: { consecutive: 2, scope: 'provider', open_for: '10s' } }
    const it = new Lab(
      FLEET,
      policy({ models: ['m'], provider: { order, only: ['a/one', 'a/eu', 'b'] }, resilience: rules }),
    )
    const first = it.ask()
    it.hear(first, failed('server_error'))
      .hear(first, ...GOOD)
      .at(1)
    const call = it.ask()
    it.hear(call, failed('server_error'))
    expect(it.went(call)).toEqual(['a', 'a'])
    it.hear(call, failed('server_error')).hear(call, ...GOOD)
    expect(it.went(call)).toEqual(['a', 'a', 'b'])
    const probe = it.at(10_001).ask()
    const beside = it.ask()
    expect(it.went(probe)).toEqual(['a'])
    expect(it.went(beside)).toEqual(['b'])
    it.hear(probe, ...GOOD)
    const closed = it.of('health.changed').filter(({ to }) => to === 'closed')
    expect(closed.map(({ endpoint }) => endpoint)).toEqual([0, 1, 2, 3])
  })
})
