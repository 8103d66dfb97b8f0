/** Pacing: buckets to the last token (resilience.md L4, L5), reservations and refunds, and who goes elsewhere. */
import { describe, expect, test } from 'vitest'
import type { Signal } from '../../src/protocol/index.ts'
import { cubicRate, Pacer, pacingSchema, TokenBucket } from '../../src/router/policies/pacing.ts'
import { DONE, failed, inOrder, Lab, offers, OPEN, tokens } from './lab.ts'

const GOOD: readonly Signal[] = [...OPEN, tokens(1), DONE]

describe('formulas', () => {
  test('L5: B = 10, r = 5/s, 20/s for 10 s: 59 are admitted, which is ⌊10 + 5 · 9.95⌋', () => {
    const bucket = new TokenBucket(5, 10)
    let admitted = 0
    for (let now = 0; now < 10_000; now += 50) {
      if (bucket.waitMs(1, now) > 0) continue
      bucket.take(1, now)
      admitted += 1
    }
    expect(admitted).toBe(59)
  })

  test('L4: AWS cubic, the rate failed at 10: 7.0 at once, 10.0 after 1.957 s, and more after that', () => {
    expect(cubicRate(10, 0)).toBeCloseTo(7, 6)
    expect(cubicRate(10, Math.cbrt((10 * 0.3) / 0.4))).toBeCloseTo(10, 6)
    expect(Math.cbrt((10 * 0.3) / 0.4)).toBeCloseTo(1.957, 3)
    expect(cubicRate(10, 4)).toBeGreaterThan(13)
  })
})

describe('buckets', () => {
  test('a request larger than the bucket: waits until it is full, and is paid off after', () => {
    const bucket = new TokenBucket(10, 100)
    bucket.take(60, 0)
    expect(bucket.waitMs(500, 0)).toBe(6_000)
    bucket.take(500, 6_000)
    expect(bucket.waitMs(1, 6_000)).toBe(40_100)
  })

  test('what is given back, never overfills', () => {
    const bucket = new TokenBucket(1, 10)
    bucket.take(-100, 0)
    bucket.take(10, 0)
    expect(bucket.waitMs(1, 0)).toBe(1_000)
  })

  const pacer = (rules: Record<string, unknown>): Pacer => new Pacer(pacingSchema.parse(rules))

  test('output: max_tokens are reserved, what was not said is given back', () => {
    const it = pacer({ output_tokens: '60000/min', burst: '1s' })
    const need = { inputTokens: 10, maxTokens: 1_000 }
    it.reserve(need, 0)
    expect(it.waitMs(need, 0)).toBe(1_000)
    it.settle(need, 10, 100, 0)
    expect(it.waitMs({ inputTokens: 0, maxTokens: 900 }, 0)).toBe(0)
  })

  test('output: said more than reserved, the difference is owed', () => {
    const it = pacer({ output_tokens: '60000/min', burst: '1s' })
    const need = { inputTokens: 10, maxTokens: null }
    it.reserve(need, 0)
    it.settle(need, 10, 3_000, 0)
    expect(it.waitMs({ inputTokens: 0, maxTokens: 1 }, 0)).toBe(2_001)
  })

  test('the emptiest bucket decides', () => {
    const it = pacer({ requests: '60/min', input_tokens: '600/min', burst: '1s' })
    const need = { inputTokens: 30, maxTokens: 0 }
    it.reserve(need, 0)
    expect(it.waitMs({ inputTokens: 0, maxTokens: 0 }, 0)).toBe(1_000)
    expect(it.waitMs({ inputTokens: 10, maxTokens: 0 }, 0)).toBe(3_000)
  })

  test('adaptive: no limit before the first 429, then 0.7 of what was sent, and more as time goes by', () => {
    const it = pacer({ requests: 'adaptive' })
    const need = { inputTokens: 1, maxTokens: 1 }
    let now = 0
    for (; now < 4_000; now += 50) it.reserve(need, now)
    expect(it.waitMs(need, now)).toBe(0)
    it.answered(true, now)
    const admittedIn = (seconds: number): number => {
      let admitted = 0
      for (const end = now + seconds * 1_000; now < end; now += 10) {
        if (it.waitMs(need, now) > 0) continue
        it.reserve(need, now)
        it.answered(false, now)
        admitted += 1
      }
      return admitted / seconds
    }
    // 20 a second were sent when it was throttled; the bucket begins with at most a second's worth.
    const after = admittedIn(2)
    expect(after).toBeGreaterThan(12)
    expect(after).toBeLessThan(26)
    expect(admittedIn(8)).toBeGreaterThan(after)
  })
})

describe('the router', () => {
  const AB = offers('a', 'b')
  const paced = (more: Record<string, unknown> = {}) =>
    inOrder(['a', 'b'], { pacing: { requests: '60/min', burst: '1s', ...more } })

  test('over the quota and no wait: elsewhere at once', () => {
    const it = new Lab(AB, paced())
    expect([it.went(it.ask()), it.went(it.ask())]).toEqual([['a'], ['b']])
    expect(it.of('candidate.skipped')).toMatchObject([{ endpoint: 0, cause: 'paced' }])
    it.at(1_000)
    expect(it.went(it.ask())).toEqual(['a'])
  })

  test('nobody has quota: 429 of our own, with the time after which somebody has', () => {
    const it = new Lab(AB, paced())
    it.ask()
    it.ask()
    const call = it.at(400).ask()
    expect(it.end(call)).toMatchObject({ errorClass: 'shed', status: 429 })
    expect(it.sent('client.fail').at(-1)?.failure.retryAfterMs).toBe(600)
  })

  test('a wait: each in its turn, at the rate, and who would wait too long goes elsewhere', () => {
    const it = new Lab(AB, paced({ wait: '2s' }))
    const calls = Array.from({ length: 4 }, () => it.ask())
    it.at(1_999)
    expect(calls.map((call) => it.went(call).join())).toEqual(['a', 'a', '', 'b'])
    it.at(2_000)
    expect(it.of('attempt.started').map(({ at, endpoint }) => [at, endpoint])).toEqual([[0, 0], [0, 1], [1_000, 0], [2_000, 0]]) // prettier-ignore
  })

  test('a wait: cancelled, its turn is not lost to the others', () => {
    const it = new Lab(AB, paced({ wait: '2s' }))
    it.ask()
    const gone = it.ask()
    it.cancel(gone)
    const next = it.ask()
    it.at(1_000)
    expect(it.went(next)).toEqual(['a'])
  })

  test('tokens: a failure before the answer gives all of them back', () => {
    const rules = { pacing: { input_tokens: '6000/min', burst: '1s' } }
    const it = new Lab(offers('a', 'b', 'c'), inOrder(['a', 'b', 'c'], rules))
    it.hear(it.ask({ inputTokens: 100 }), failed('overloaded'))
    expect(it.went(it.ask({ inputTokens: 100 }))).toEqual(['a'])
    // a has nothing left, and what the first call sent to b is still under way there.
    expect(it.went(it.ask({ inputTokens: 1 }))).toEqual(['c'])
  })

  test('tokens: an answer is settled by what it used', () => {
    const it = new Lab(AB, inOrder(['a', 'b'], { pacing: { output_tokens: '60000/min', burst: '1s' } }))
    const call = it.ask({ maxTokens: 1_000 })
    expect(it.went(it.ask({ maxTokens: 1 }))).toEqual(['b'])
    it.hear(call, ...GOOD)
    expect(it.went(it.ask({ maxTokens: 900 }))).toEqual(['a'])
  })

  test('scope key: endpoints behind one key share a quota, those behind another do not', () => {
    const fleet = offers(
      { provider: 'a', tag: 'a/one' },
      { provider: 'a', tag: 'a/two' },
      { provider: 'a', tag: 'a/batch', key: 'batch' },
    )
    const it = new Lab(fleet, inOrder(['a/one', 'a/two', 'a/batch'], { pacing: { requests: '60/min', burst: '1s' } }))
    it.ask()
    it.ask()
    expect(it.of('attempt.started').map(({ endpoint }) => endpoint)).toEqual([0, 2])
  })

  test('pacing and a slot: the slot is held while its turn is waited for', () => {
    const rules = { pacing: { requests: '60/min', burst: '1s', wait: '5s' }, concurrency: { kind: 'fixed', limit: 2 } }
    const it = new Lab(AB, inOrder(['a', 'b'], rules))
    const calls = [it.ask(), it.ask(), it.ask()]
    expect(calls.map((call) => it.went(call).join())).toEqual(['a', '', 'b'])
    it.cancel(calls[1]!)
    it.at(1_000)
    expect(it.went(it.ask())).toEqual(['a'])
  })
})
