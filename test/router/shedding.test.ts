/** Load shedding: by priority, by what an endpoint turns away (resilience.md L6, L7), and by what is left of the time. */
import { describe, expect, test } from 'vitest'
import { Rng } from '../../src/base/index.ts'
import { PLAIN_TRAITS, type Signal } from '../../src/protocol/index.ts'
import { nackShare, sheddingSchema, Throttle, throttleShare } from '../../src/router/policies/shedding.ts'
import { DONE, failed, inOrder, Lab, offers, OPEN, tokens } from './lab.ts'

const GOOD: readonly Signal[] = [...OPEN, tokens(1), DONE]

const throttle = (rules: Record<string, unknown>): Throttle =>
  new Throttle(sheddingSchema.parse({ adaptive: rules }).adaptive!)

describe('formulas', () => {
  test.each([
    ['L6: 100 requests, 40 accepted', throttleShare(2, 100, 40), 0.198],
    ['L6: all accepted', throttleShare(2, 100, 100), 0],
    ['L7: 0.2 accepted', nackShare(0.75, 0.2), 0.6],
    ['L7: 0.1 accepted, capped', nackShare(0.75, 0.1), 0.75],
    ['L7: half accepted', nackShare(0.75, 0.5), 0],
  ])('%s', (_what, measured, expected) => {
    expect(measured).toBeCloseTo(expected, 3)
  })

  test('L6: ten times as much as is taken, twice as much is sent and four in five are held back', () => {
    const it = throttle({ kind: 'throttle', window: '2m' })
    const rng = Rng.fromSeed(3)
    const capacity = 10
    let sent = 0
    let asked = 0
    let room = capacity
    for (let now = 0; now < 1_200_000; now += 10) {
      // The endpoint's own limit: ten a second, whoever asks.
      room = Math.min(capacity, room + (capacity * 10) / 1_000)
      const isLate = now >= 600_000
      if (isLate) asked += 1
      if (it.holdsBack(rng.next(), now)) continue
      if (isLate) sent += 1
      const isAccepted = room >= 1
      if (isAccepted) room -= 1
      it.answered(isAccepted, now)
    }
    expect(Math.abs(sent / 600 - 2 * capacity) / (2 * capacity)).toBeLessThan(0.03)
    expect(Math.abs(1 - sent / asked - 0.8)).toBeLessThan(0.01)
  })

  test('nack: too few requests say nothing', () => {
    const it = throttle({ kind: 'nack', window: '10s', min_rate: '5/s' })
    for (let now = 0; now < 9_000; now += 1_000) {
      expect(it.holdsBack(0, now)).toBe(false)
      it.answered(false, now)
    }
  })

  test('nack: nothing is accepted, at most three in four are held back', () => {
    const it = throttle({ kind: 'nack', window: '10s', min_rate: '5/s' })
    for (let now = 0; now < 60_000; now += 10) {
      it.holdsBack(1, now)
      it.answered(false, now)
    }
    expect(it.holdsBack(0.749, 60_000)).toBe(true)
    expect(it.holdsBack(0.751, 60_000)).toBe(false)
  })
})

describe('the router', () => {
  const AB = offers('a', 'b')
  const ask = (it: Lab, priority: number) => it.ask({ traits: { ...PLAIN_TRAITS, priority } })
  const shed = (it: Lab): number => it.of('call.closed').filter(({ errorClass }) => errorClass === 'shed').length

  test('max_in_flight: each priority fills its share and no more, the most important all of it', () => {
    const it = new Lab(AB, inOrder(['a'], { shedding: { max_in_flight: 10, shares: ['100%', '90%', '50%'] } }))
    for (let n = 0; n < 20; n += 1) ask(it, 2)
    expect(shed(it)).toBe(15)
    for (let n = 0; n < 20; n += 1) ask(it, 1)
    expect(shed(it)).toBe(15 + 16)
    for (let n = 0; n < 20; n += 1) ask(it, 0)
    expect(shed(it)).toBe(15 + 16 + 19)
    // A priority that has no share of its own has the last one's.
    ask(it, 7)
    expect(shed(it)).toBe(15 + 16 + 19 + 1)
  })

  test('max_in_flight: a shed call is a failure of the service, and every candidate says why it was not asked', () => {
    const it = new Lab(AB, inOrder(['a', 'b'], { shedding: { max_in_flight: 1 } }))
    const first = ask(it, 1)
    const second = ask(it, 1)
    expect(it.end(second)).toMatchObject({ outcome: 'failed', errorClass: 'shed', status: 503, attempts: 0 })
    expect(it.of('candidate.skipped').map(({ endpoint, cause }) => [endpoint, cause])).toEqual([[0, 'shed'], [1, 'shed']]) // prettier-ignore
    expect(it.sent('client.fail')).toHaveLength(1)
    it.hear(first, ...GOOD)
    expect(it.went(ask(it, 1))).toEqual(['a'])
  })

  test.each([
    ['cancelled', (it: Lab, call: ReturnType<Lab['ask']>) => it.cancel(call)],
    ['failed', (it: Lab, call: ReturnType<Lab['ask']>) => it.hear(call, failed('content_policy'))],
  ])('max_in_flight: a call that was %s, is no longer under way', (_how, end) => {
    const it = new Lab(AB, inOrder(['a'], { shedding: { max_in_flight: 1 } }))
    end(it, ask(it, 0))
    ask(it, 0)
    expect(shed(it)).toBe(0)
  })

  test('adaptive: an endpoint that turns everybody away, is asked less and the others instead', () => {
    const it = new Lab(AB, inOrder(['a', 'b'], { shedding: { adaptive: { kind: 'throttle' } } }))
    let first = 0
    for (let n = 0; n < 1_000; n += 1) {
      const call = it.at(n * 10).ask()
      if (it.went(call)[0] === 'a') {
        first += 1
        it.hear(call, failed('overloaded'))
      }
      it.hear(call, ...GOOD)
    }
    // p = n / (n + 1): what is sent grows like the logarithm of n.
    expect(first).toBeGreaterThan(1)
    expect(first).toBeLessThan(25)
    expect(it.of('candidate.skipped').every(({ endpoint, cause }) => endpoint === 0 && cause === 'throttled')).toBe(
      true,
    )
  })

  test('min_remaining: a call that waited too long, is dropped and not sent', () => {
    const rules = {
      shedding: { min_remaining: '2s' },
      concurrency: { kind: 'fixed', limit: 1, queue: 5, wait: '1m' },
      timeouts: { total: '5s', connect: '1m' },
    }
    const it = new Lab(AB, inOrder(['a', 'b'], rules))
    const first = it.ask()
    const inTime = it.ask()
    const late = it.ask()
    it.at(2_900).hear(first, ...GOOD)
    expect(it.went(inTime)).toEqual(['a'])
    it.at(3_100).hear(inTime, ...GOOD)
    expect(it.end(late)).toMatchObject({ errorClass: 'shed', attempts: 0 })
    expect(it.went(it.ask())).toEqual(['a'])
  })
})
