/** Concurrency limits: what is learnt, by the vectors of Netflix and Envoy (resilience.md L1–L3), and who waits for whom. */
import { describe, expect, test } from 'vitest'
import type { Signal } from '../../src/protocol/index.ts'
import {
  concurrencySchema,
  gradient2Step,
  gradientStep,
  Limiter,
  vegasStep,
} from '../../src/router/policies/concurrency.ts'
import { DONE, failed, inOrder, Lab, offers, OPEN, tokens } from './lab.ts'

const GOOD: readonly Signal[] = [...OPEN, tokens(1), DONE]

const limiter = (rules: Record<string, unknown>): Limiter => new Limiter(concurrencySchema.parse(rules))

describe('formulas', () => {
  test.each([
    ['L1: Gradient2, both times equal', gradient2Step(20, 100, 100), 20.8],
    ['L1: Gradient2, long three times the short', gradient2Step(100, 300, 100), 90.8],
    ['L2: Vegas, as fast as ever', vegasStep(20, 100, 100), 26],
    ['L2: Vegas, twice as slow', vegasStep(20, 200, 100), 19],
    ['L3: Envoy, gradient 1', gradientStep(100, 1), 110],
    ['L3: Envoy, gradient ½', gradientStep(100, 0.5), 60],
  ])('%s', (_what, measured, expected) => {
    expect(measured).toBeCloseTo(expected, 12)
  })

  test.each([
    [0, 100],
    [0.1, 100],
    [7, 200],
  ])('Envoy: a gradient of %d is kept within ½ and 2', (gradient) => {
    const step = gradientStep(100, gradient)
    expect(step === 60 || step === 210).toBe(true)
  })
})

describe('what is learnt', () => {
  /** So many first tokens of one time, with all slots taken. */
  function hear(it: Limiter, ttftMs: number, times: number, from = 0): void {
    while (it.take());
    for (let n = 0; n < times; n += 1) {
      it.heard(ttftMs, from + n * 100)
      while (it.take());
    }
  }

  test('aimd: one more for each that comes in time while half is used, a tenth less for each that does not', () => {
    const it = limiter({ kind: 'aimd' })
    hear(it, 100, 30)
    expect(it.limit).toBe(50)
    it.heard(5_001, 0)
    expect(it.limit).toBe(45)
    it.dropped()
    expect(it.limit).toBe(40)
    for (let n = 0; n < 50; n += 1) it.dropped()
    expect(it.limit).toBe(20)
    hear(it, 100, 500)
    expect(it.limit).toBe(200)
  })

  test('aimd: a limit that nobody reaches, does not grow', () => {
    const it = limiter({ kind: 'aimd' })
    it.take()
    for (let n = 0; n < 100; n += 1) it.heard(100, n)
    expect(it.limit).toBe(20)
  })

  test.each(['gradient2', 'vegas', 'gradient'])(
    '%s: steady times let it grow, three times slower brings it down',
    (kind) => {
      const it = limiter({ kind, max: 200, initial: 50 })
      hear(it, 100, 100)
      const calm = it.limit
      expect(calm).toBeGreaterThan(50)
      hear(it, 300, 60, 10_000)
      expect(it.limit).toBeLessThan(calm)
    },
  )

  test('gradient: the best time is forgotten, so that a provider that has become slower for good is used again', () => {
    const it = limiter({ kind: 'gradient', initial: 100, best_of: '60s' })
    hear(it, 100, 10)
    hear(it, 300, 300, 1_000)
    const low = it.limit
    hear(it, 300, 1_500, 31_000)
    expect(it.limit).toBeGreaterThan(low)
  })

  test('fixed: nothing is learnt', () => {
    const it = limiter({ kind: 'fixed', limit: 3 })
    hear(it, 9_000, 50)
    it.dropped()
    expect(it.limit).toBe(3)
  })
})

describe('the queue', () => {
  const order = (kind: string): number[] => {
    const it = limiter({ kind: 'fixed', limit: 1, queue: 10, order: kind })
    it.take()
    const granted: number[] = []
    ;[1, 2, 0, 2].forEach((priority, place) => it.enqueue({ priority, granted: () => void granted.push(place) }))
    for (let n = 0; n < 4; n += 1) it.release()
    return granted
  }

  test.each([
    ['fifo', [0, 1, 2, 3]],
    ['lifo', [3, 2, 1, 0]],
    ['priority', [2, 0, 1, 3]],
  ])('%s: who is next, is %j', (kind, expected) => {
    expect(order(kind)).toEqual(expected)
  })

  test('a slot that is free, is for whoever waits already', () => {
    const it = limiter({ kind: 'aimd', queue: 1, initial: 20 })
    while (it.take());
    it.enqueue({ priority: 1, granted: () => undefined })
    expect(it.take()).toBe(false)
    expect(it.enqueue({ priority: 0, granted: () => undefined })).toBe(false)
  })
})

describe('the router', () => {
  const AB = offers('a', 'b')
  const one = (more: Record<string, unknown> = {}, rest: Record<string, unknown> = {}) =>
    inOrder(['a', 'b'], { concurrency: { kind: 'fixed', limit: 1, ...more }, ...rest })

  test('full and no queue: elsewhere at once, and back when a slot is free', () => {
    const it = new Lab(AB, one())
    const first = it.ask()
    const second = it.ask()
    expect([it.went(first), it.went(second)]).toEqual([['a'], ['b']])
    expect(it.of('candidate.skipped')).toMatchObject([{ endpoint: 0, cause: 'full' }])
    it.hear(first, ...GOOD)
    expect(it.went(it.ask())).toEqual(['a'])
  })

  test.each([
    ['fails', (it: Lab, call: ReturnType<Lab['ask']>) => it.hear(call, failed('content_policy'))],
    ['is cancelled', (it: Lab, call: ReturnType<Lab['ask']>) => it.cancel(call)],
    ['times out', (it: Lab) => it.at(5_000)],
  ])('a slot is free when its attempt %s', (_how, end) => {
    const it = new Lab(offers('a'), inOrder(['a'], { concurrency: { kind: 'fixed', limit: 1 } }))
    end(it, it.ask())
    expect(it.went(it.ask())).toEqual(['a'])
  })

  test('nobody has room: shed with 503, and not circuit_open', () => {
    const it = new Lab(AB, one())
    it.ask()
    it.ask()
    expect(it.end(it.ask())).toMatchObject({ errorClass: 'shed', status: 503, attempts: 0 })
  })

  test('a queue: waits, and starts the instant a slot is free', () => {
    const it = new Lab(AB, one({ queue: 5, wait: '2s' }))
    const first = it.ask()
    const second = it.ask()
    expect(it.went(second)).toEqual([])
    it.at(1_500).hear(first, ...GOOD)
    expect(it.went(second)).toEqual(['a'])
    expect(it.of('attempt.started').at(-1)).toMatchObject({ at: 1_500, reason: 'primary' })
  })

  test('a queue: no slot in time, goes elsewhere', () => {
    const it = new Lab(AB, one({ queue: 5, wait: '2s' }))
    it.ask()
    const second = it.ask()
    it.at(1_999)
    expect(it.went(second)).toEqual([])
    it.at(2_000)
    expect(it.went(second)).toEqual(['b'])
    expect(it.of('candidate.skipped')).toMatchObject([{ at: 2_000, endpoint: 0, cause: 'full' }])
  })

  test('a queue: who leaves it, frees its place and takes no slot', () => {
    const it = new Lab(AB, one({ queue: 1, wait: '1m' }))
    const first = it.ask()
    const second = it.ask()
    expect(it.went(it.ask())).toEqual(['b'])
    it.cancel(second)
    const third = it.ask()
    expect(it.went(third)).toEqual([])
    it.hear(first, ...GOOD)
    expect(it.went(third)).toEqual(['a'])
    expect(it.attempts(second)).toEqual([])
  })

  test('a queue: the time for the call is over while it waits', () => {
    const it = new Lab(AB, one({ queue: 1, wait: '1m' }, { timeouts: { total: '3s', connect: '1m' } }))
    const first = it.ask()
    const second = it.ask()
    it.at(3_000)
    expect(it.end(second)).toMatchObject({ errorClass: 'deadline_exceeded', attempts: 0 })
    expect(it.end(first)).toMatchObject({ errorClass: 'deadline_exceeded', attempts: 1 })
    expect(it.went(it.ask())).toEqual(['a'])
  })

  test('a queue: the endpoint is held back when its turn comes, goes elsewhere and leaves the slot', () => {
    const it = new Lab(AB, one({ queue: 1, wait: '1m' }, { breaker: { consecutive: 1 } }))
    const first = it.ask()
    const second = it.ask()
    it.hear(first, failed('server_error'))
    expect(it.went(second)).toEqual([])
    // b is taken by the first call's second attempt.
    it.hear(first, ...GOOD)
    expect(it.went(second)).toEqual(['b'])
    expect(it.of('candidate.skipped').at(-1)).toMatchObject({ endpoint: 0, cause: 'breaker' })
  })

  test('a retry takes a slot like everybody else', () => {
    const rules = { concurrency: { kind: 'fixed', limit: 1 }, retry: { attempts: 1, base: '1s', cap: '1s' } }
    const it = new Lab(AB, inOrder(['a', 'b'], rules))
    const first = it.ask()
    it.hear(first, failed('server_error'))
    const second = it.ask()
    expect(it.went(second)).toEqual(['a'])
    it.at(2_000)
    expect(it.went(first)).toEqual(['a', 'b'])
  })

  test('a hedge does not wait for a slot', () => {
    const rules = { concurrency: { kind: 'fixed', limit: 1, queue: 5 }, hedge: { after: '1s', extra_load: '100%' } }
    const it = new Lab(AB, inOrder(['a', 'b'], rules))
    const other = it.ask()
    it.at(1_000)
    expect(it.went(other)).toEqual(['a', 'b'])
    const call = it.ask()
    it.at(1_500).hear(other, ...GOOD)
    expect(it.went(call)).toEqual(['a'])
    // The loser's slot is free as well.
    expect(it.went(it.at(2_500).ask()).length).toBeLessThanOrEqual(1)
    expect(it.went(call)).toEqual(['a', 'b'])
  })

  test('scope provider: one limit for all its endpoints', () => {
    const fleet = offers({ provider: 'a', tag: 'a/one' }, { provider: 'a', tag: 'a/two' }, 'b')
    const it = new Lab(fleet, inOrder(['a/one', 'a/two', 'b'], { concurrency: { kind: 'fixed', limit: 1, scope: 'provider' } })) // prettier-ignore
    expect(it.went(it.ask())).toEqual(['a'])
    expect(it.went(it.ask())).toEqual(['b'])
  })
})
