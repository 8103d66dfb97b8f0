/** When too few are healthy: panic, and spill-over to the next model before it comes to that. */
import { describe, expect, test } from 'vitest'
import type { Signal } from '../../src/protocol/index.ts'
import { panics, panicSchema } from '../../src/router/policies/panic.ts'
import { spillOverSchema, tierLoads, tierOf } from '../../src/router/policies/spill-over.ts'
import { DONE, failed, inOrder, Lab, offers, OPEN, policy, tokens } from './lab.ts'

const GOOD: readonly Signal[] = [...OPEN, tokens(1), DONE]
const BREAKER = { breaker: { consecutive: 1, open_for: '10m' } }

/** A call in which everybody that is asked fails, or all but the named. */
function failAll(it: Lab, but: readonly string[] = []): string[] {
  const call = it.ask()
  while (it.end(call) === null) {
    const name = it.went(call).at(-1)!
    it.hear(call, ...(but.includes(name) ? GOOD : [failed('server_error')]))
  }
  return it.went(call)
}

describe('panic', () => {
  test.each([
    [0, 4, true],
    [1, 4, true],
    [2, 4, false],
    [4, 4, false],
    [0, 1, true],
  ])('panic: %d of %d healthy at 50 %%: %s', (healthy, candidates, expected) => {
    expect(panics(panicSchema.parse({}), healthy, candidates)).toBe(expected)
  })

  test('last resort: all are held back, the least risk is asked, then the next, with the reason', () => {
    const it = new Lab(offers('a', 'b', 'c'), inOrder(['a', 'b', 'c'], { ...BREAKER, panic: {} }))
    // b answers twice before it fails: two of three went well there.
    failAll(it, ['b'])
    failAll(it, ['b'])
    // Now b fails as well, and then c: nobody is left who is well.
    expect(failAll(it)).toEqual(['b', 'c', 'a'])
    const call = it.ask()
    expect(it.went(call)).toEqual(['b'])
    it.hear(call, failed('server_error'))
    expect(it.went(call)).toEqual(['b', 'a'])
    it.hear(call, failed('server_error')).hear(call, ...GOOD)
    expect(it.went(call)).toEqual(['b', 'a', 'c'])
    expect(it.end(call)?.outcome).toBe('ok')
    const reasons = it.of('attempt.started').filter(({ request }) => request === call.request.id)
    expect(reasons.map(({ reason }) => reason)).toEqual(['panic', 'panic', 'panic'])
  })

  test('last resort: nobody is asked twice, and what fails then is the answer', () => {
    const it = new Lab(offers('a', 'b'), inOrder(['a', 'b'], { ...BREAKER, panic: {} }))
    failAll(it)
    expect(failAll(it)).toEqual(['a', 'b'])
    expect(it.of('call.closed').at(-1)).toMatchObject({ outcome: 'failed', errorClass: 'server_error' })
  })

  test('last resort: whoever asked for a pause, comes after those whose breakers are open', () => {
    const rules = { ...BREAKER, cooldown: { rate_limited: '10m' }, panic: {} }
    const it = new Lab(offers('a', 'b'), inOrder(['a', 'b'], rules))
    const call = it.ask()
    it.hear(call, failed('rate_limited')).hear(call, failed('server_error'))
    expect(failAll(it)).toEqual(['b', 'a'])
  })

  test('last resort: enough are healthy, nobody is asked that is held back', () => {
    const it = new Lab(offers('a', 'b'), inOrder(['a', 'b'], { breaker: { consecutive: 2 }, panic: {} }))
    failAll(it, ['b'])
    failAll(it, ['b'])
    // Half of two is not below a half: b fails once, which does not open it, and that is the end.
    expect(failAll(it)).toEqual(['b'])
  })

  test('panic: what comes of it neither closes nor opens a breaker whose probe is out', () => {
    const rules = { breaker: { consecutive: 1, open_for: '10s' }, panic: {} }
    const it = new Lab(offers('a'), inOrder(['a'], rules))
    it.hear(it.ask(), failed('server_error'))
    const probe = it.at(10_000).ask()
    const panicking = it.ask()
    expect(it.of('attempt.started').map(({ reason }) => reason)).toEqual(['primary', 'probe', 'panic'])
    it.hear(panicking, failed('server_error'))
    expect(it.of('health.changed').at(-1)?.to).toBe('half_open')
    it.hear(probe, ...GOOD)
    expect(it.of('health.changed').at(-1)?.to).toBe('closed')
  })

  test('last resort: a failure that rules a model out, rules it out in panic too', () => {
    const fleet = offers('a', 'b', { provider: 'c', model: 'm2' })
    const rules = { models: ['m', 'm2'], provider: { order: ['a', 'b'] }, resilience: { ...BREAKER, panic: {} } }
    const it = new Lab(fleet, policy(rules))
    failAll(it)
    const call = it.ask()
    it.hear(call, failed('content_policy'))
    expect(it.went(call)).toEqual(['a', 'c'])
  })

  test('spread: health is ignored at once, in the order of the plan', () => {
    const fleet = offers('a', 'b', 'c')
    const it = new Lab(fleet, inOrder(['a', 'b', 'c'], { ...BREAKER, panic: { when: 'spread' } }))
    failAll(it, ['c'])
    expect(failAll(it, ['c'])).toEqual(['a', 'b', 'c'])
    expect(it.of('attempt.started').map(({ reason }) => reason)).toEqual(['primary', 'next_endpoint', 'next_endpoint', 'panic', 'panic', 'next_endpoint']) // prettier-ignore
  })

  test('no panic in the policy: circuit_open', () => {
    const it = new Lab(offers('a'), inOrder(['a'], BREAKER))
    failAll(it)
    it.ask()
    expect(it.of('call.closed').at(-1)).toMatchObject({ errorClass: 'circuit_open', attempts: 0 })
  })
})

describe('spill-over', () => {
  // resilience.md E1: Envoy's table; per cent of healthy hosts in both tiers, and the first tier's load.
  test.each([
    [72, 100, 100],
    [71, 100, 99],
    [50, 100, 70],
    [25, 100, 35],
    [0, 100, 0],
    [72, 72, 100],
    [71, 71, 99],
    [25, 25, 50],
    [5, 65, 7],
  ])('E1: %d %% and %d %% healthy, the first tier gets %d %%', (first, second, expected) => {
    const [load] = tierLoads(spillOverSchema.parse({}), [first / 100, second / 100])
    expect(Math.abs(100 * load! - expected)).toBeLessThanOrEqual(1)
  })

  test('spill-over: nobody is healthy anywhere, everything stays with the first', () => {
    expect(tierOf(tierLoads(spillOverSchema.parse({}), [0, 0]), 0.7)).toBe(0)
  })

  test('spill-over: half of the first model is held back, 30 % of requests begin with the second', () => {
    const fleet = offers('a', 'b', { provider: 'c', model: 'm2' })
    const it = new Lab(fleet, policy({ models: ['m', 'm2'], resilience: { ...BREAKER, spill_over: {} } }))
    const begins = (): number => {
      let second = 0
      for (let n = 0; n < 2_000; n += 1) {
        const call = it.ask()
        if (it.of('call.routed').at(-1)?.order[0]?.endpoint === 2) second += 1
        it.cancel(call)
        it.entries.length = 0
      }
      return second / 2_000
    }
    expect(begins()).toBe(0)
    const call = it.ask()
    it.hear(call, failed('server_error')).hear(call, ...GOOD)
    // Standard error of a share of two thousand: one point.
    expect(Math.abs(begins() - 0.3)).toBeLessThan(0.04)
  })
})
