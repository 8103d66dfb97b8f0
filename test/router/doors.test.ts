/** Whatever happens to calls, what they took at a door is given back: nobody who waits is forgotten, no slot is lost. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { NEVER } from '../../src/base/index.ts'
import { PLAIN_TRAITS, type Call, type Signal } from '../../src/protocol/index.ts'
import { DONE, failed, inOrder, Lab, offers, OPEN, tokens } from './lab.ts'

const GOOD: readonly Signal[] = [...OPEN, tokens(1), DONE]
const SLOTS = 2

type Step =
  | { readonly do: 'ask'; readonly priority: number; readonly stream: boolean }
  | { readonly do: 'wait'; readonly ms: number }
  | {
      readonly do: 'cancel' | 'answer' | 'begin' | 'overloaded' | 'server_error' | 'rate_limited'
      readonly which: number
    }

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('ask' as const), priority: fc.nat(3), stream: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.nat(2_000) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom('cancel', 'answer', 'begin', 'overloaded', 'server_error', 'rate_limited'),
      which: fc.nat(20),
    }),
  },
)

const rules = fc.record({
  concurrency: fc.record({
    kind: fc.constant('fixed'),
    limit: fc.constant(SLOTS),
    queue: fc.constantFrom(0, 1, 5),
    wait: fc.constantFrom('0s', '500ms', '3s'),
    order: fc.constantFrom('fifo', 'lifo', 'priority'),
    scope: fc.constantFrom('endpoint', 'provider'),
  }),
  pacing: fc.option(
    fc.constant({ requests: '120/min', output_tokens: '6000/min', assumed_output: 100, burst: '2s', wait: '1s' }),
    {
      nil: undefined,
    },
  ),
  shedding: fc.option(
    fc.constant({ max_in_flight: 6, adaptive: { kind: 'throttle', window: '5s' }, min_remaining: '500ms' }),
    { nil: undefined },
  ),
  hedge: fc.option(fc.constant({ after: '300ms', extra_load: '100%' }), { nil: undefined }),
  retry: fc.option(fc.constant({ attempts: 1, base: '200ms', cap: '1s' }), { nil: undefined }),
  retry_budget: fc.option(fc.constant({ kind: 'ratio', covers: 'all' }), { nil: undefined }),
  breaker: fc.option(fc.constant({ consecutive: 2, open_for: '1s' }), { nil: undefined }),
  cooldown: fc.option(fc.constant({ rate_limited: '1s' }), { nil: undefined }),
  panic: fc.option(fc.constantFrom({}, { when: 'spread' }), { nil: undefined }),
  outlier_ejection: fc.option(fc.constant({ consecutive: 2, base: '1s', interval: '1s' }), { nil: undefined }),
})

const defined = (object: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined))

const ANSWERS = {
  answer: GOOD,
  begin: [...OPEN, tokens(1, 60_000, 1_000)],
  overloaded: [failed('overloaded')],
  server_error: [failed('server_error')],
  rate_limited: [failed('rate_limited', { retryAfterMs: 1_000 })],
} as const

test('doors: after any story, every slot is free again and no more than there are', () => {
  fc.assert(
    fc.property(rules, fc.array(step, { minLength: 5, maxLength: 80 }), (resilience, steps) => {
      const it = new Lab(
        offers('a', 'b'),
        inOrder(['a', 'b'], { ...defined(resilience), timeouts: { total: '8s' } }),
        inOrder(['a', 'b']),
      )
      const calls: Call[] = []
      const open = (): Call[] => calls.filter((call) => it.end(call) === null)
      for (const each of steps) {
        if (each.do === 'ask') {
          calls.push(it.ask({ stream: each.stream, traits: { ...PLAIN_TRAITS, priority: each.priority } }))
        } else if (each.do === 'wait') it.at(it.now + each.ms)
        else {
          const call = open()[each.which % Math.max(1, open().length)]
          if (call === undefined) continue
          if (each.do === 'cancel') it.cancel(call)
          else if (it.attempts(call).length > 0) it.hear(call, ...ANSWERS[each.do])
        }
        const underWay = { a: 0, b: 0 }
        for (const { endpoint } of it.of('attempt.started')) underWay[endpoint === 0 ? 'a' : 'b'] += 1
        for (const { endpoint } of it.of('attempt.ended')) underWay[endpoint === 0 ? 'a' : 'b'] -= 1
        expect(Math.max(underWay.a, underWay.b)).toBeLessThanOrEqual(SLOTS)
      }
      // Everything is over by its total deadline, and the router wants nothing any more.
      it.at(it.now + 10_000)
      expect(open()).toEqual([])
      expect(it.router.inFlight).toBe(0)
      expect(it.router.wakeAt()).toBe(NEVER)
      // Long after, when quotas are full and breakers closed: as many come in at once as there are slots.
      it.at(it.now + 600_000)
      for (let n = 0; n < 2; n += 1) {
        const call = it.ask()
        if (it.attempts(call).length > 0) it.hear(call, ...GOOD)
        else it.cancel(call)
        it.at(it.now + 60_000)
      }
      const together = Array.from({ length: 5 }, () => it.ask())
      const inside = together.filter((call) => it.went(call)[0] === 'a').length
      expect(inside).toBe(SLOTS)
    }),
    { numRuns: 200 },
  )
})
