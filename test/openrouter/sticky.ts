/** Behaviours 112–115: conversations that stay with the endpoint that has their prompt in its cache. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MINUTE } from '../../src/base/index.ts'
import { CHOICES, type Call, type Signal, type Usage } from '../../src/protocol/index.ts'
import { Sticky } from '../../src/router/sticky.ts'
import { DONE, OPEN, tokens, type Asked } from '../router/lab.ts'
import { behaviour } from './card.ts'
import { failed, fleet, Lab, offers, policy, request } from './lab.ts'
import { onWire } from './wire.ts'

type Fields = Readonly<Record<string, unknown>>

const CACHED = { input: 1, output: 1, cache_read: 0.1 }
const PROVIDERS = ['a', 'b', 'c', 'd']
/** Turns of one conversation, and of another. */
const SESSION = { key: 11, turn: 1, prefixTokens: 80 }
const OTHER = { key: 12, turn: 1, prefixTokens: 80 }
const usage = (cached: number): Usage => ({
  type: 'usage',
  inputTokens: 100,
  outputTokens: 10,
  ...(cached > 0 && { cachedInputTokens: cached }),
})
const answer = (cached: number): readonly Signal[] => [...OPEN, tokens(10), usage(cached), DONE]

/** Four endpoints at one price: without a conversation, everybody is first now and then. */
class Talks extends Lab {
  constructor(subject: Fields = {}, endpoint: Fields = { price: CACHED }) {
    const alone = PROVIDERS.map((only) => policy({ provider: { only: [only] } }))
    super(fleet(offers(...PROVIDERS.map((provider) => ({ provider, ...endpoint })))), policy(subject), ...alone)
  }

  /** A turn that this provider answers. */
  answeredBy(provider: string, asked: Asked, cached = 80): Call {
    const call = this.ask({ ...asked, policy: 1 + PROVIDERS.indexOf(provider) })
    this.hear(call, ...answer(cached))
    return call
  }

  /** Who is first in the plans of so many more turns, each once. */
  firsts(asked: Asked, count = 60): string {
    const before = this.of('call.routed').length
    for (let turn = 0; turn < count; turn += 1) this.cancel(this.ask(asked))
    const plans = this.of('call.routed').slice(before)
    return [...new Set(plans.map(({ order }) => this.offers[order[0]!.endpoint]!.provider))].sort().join('')
  }
}

describe('stickiness', () => {
  behaviour(112, 'after a cached answer, what begins with the same messages goes to the same endpoint', async () => {
    const it = new Talks()
    it.answeredBy('c', { session: SESSION }, 0)
    expect(it.firsts({ session: SESSION })).toBe('abcd')
    it.answeredBy('c', { session: SESSION })
    expect(it.firsts({ session: SESSION })).toBe('c')
    expect(it.firsts({ session: OTHER })).toBe('abcd')
    expect(it.firsts({})).toBe('abcd')

    const endpoints = PROVIDERS.map((provider) => ({ provider, price: CACHED }))
    await onWire({ endpoints, policy: { provider: {} } }, async (wire) => {
      const long = 'a long story, '.repeat(400)
      const talk = [
        { role: 'system', content: 'You listen.' },
        { role: 'user', content: long },
      ]
      const served: string[] = []
      const cached: number[] = []
      for (let turn = 0; turn < 40; turn += 1) {
        const answered = await wire.post('/v1/chat/completions', { model: 'acme/large', messages: talk })
        const { usage: told } = answered.json()
        served.push(String(wire.of('attempt.started').at(-1)?.endpoint))
        cached.push(told.prompt_tokens_details?.cached_tokens ?? 0)
        talk.push({ role: 'assistant', content: 'Go on.' }, { role: 'user', content: `And then, ${turn}?` })
      }
      const since = cached.findIndex((count) => count > 0)
      expect(since).toBeGreaterThan(0)
      expect(new Set(served.slice(since)).size).toBe(1)
      // Each for itself goes anywhere.
      for (let n = 0; n < 40; n += 1) {
        await wire.post('/v1/chat/completions', {
          model: 'acme/large',
          messages: [{ role: 'user', content: `Who is number ${n}?` }],
        })
      }
      expect(
        new Set(
          wire
            .of('attempt.started')
            .slice(-40)
            .map(({ endpoint }) => endpoint),
        ).size,
      ).toBe(4)
    })
  })

  behaviour(
    113,
    'with `session_id` it starts after the first success; the body’s beats the header’s; then `prompt_cache_key`',
    async () => {
      const named = (by: 'session_id' | 'prompt_cache_key', id = 'ticket') => ({ conversation: { id, by } })
      const it = new Talks()
      it.answeredBy('c', named('session_id'), 0)
      expect(it.firsts(named('session_id'))).toBe('c')
      expect(it.firsts(named('session_id', 'another'))).toBe('abcd')
      const keyed = new Talks()
      keyed.answeredBy('c', named('prompt_cache_key'), 0)
      expect(keyed.firsts(named('prompt_cache_key'))).toBe('abcd')
      keyed.answeredBy('c', named('prompt_cache_key'))
      expect(keyed.firsts(named('prompt_cache_key'))).toBe('c')

      const endpoints = PROVIDERS.map((provider) => ({ provider, price: CACHED }))
      await onWire({ endpoints, policy: { provider: {} } }, async (wire) => {
        const firsts = async (body: Fields, headers: Readonly<Record<string, string>> = {}): Promise<number> => {
          const before = wire.of('call.routed').length
          for (let n = 0; n < 20; n += 1) {
            const messages = [{ role: 'user', content: `Who is number ${before + n}?` }]
            const { status } = await wire.chat({ messages, ...body }, headers)
            expect(status).toBe(200)
          }
          return new Set(
            wire
              .of('call.routed')
              .slice(before)
              .map(({ order }) => order[0]!.endpoint),
          ).size
        }
        expect(await firsts({})).toBeGreaterThan(1)
        expect(await firsts({ session_id: 'one' })).toBeLessThanOrEqual(2) // The very first goes anywhere.
        expect(await firsts({ session_id: 'one' }, { 'x-session-id': 'two' })).toBe(1)
        expect(await firsts({ prompt_cache_key: 'three' }, { 'x-session-id': 'one' })).toBe(1)
        expect(await firsts({ prompt_cache_key: 'four' })).toBeGreaterThan(1)
      })
    },
  )

  test('a policy may name the conversation of all its requests; one that names its own keeps it', async () => {
    const it = new Talks({ session_id: 'ticket', prompt_cache_key: 'beside' })
    expect(it.firsts({})).toBe('abcd')
    // Answered there as a turn of the same conversation, told of by the request itself.
    it.answeredBy('c', { conversation: { id: 'ticket', by: 'session_id' } }, 0)
    expect(it.firsts({})).toBe('c')
    expect(it.firsts({ session: SESSION })).toBe('c')
    expect(it.firsts({ conversation: { id: 'other', by: 'session_id' } })).toBe('abcd')
    const keyed = new Talks({ prompt_cache_key: 'ticket' })
    keyed.answeredBy('c', { conversation: { id: 'ticket', by: 'prompt_cache_key' } }, 0)
    expect(keyed.firsts({})).toBe('abcd')
    keyed.answeredBy('c', { conversation: { id: 'ticket', by: 'prompt_cache_key' } })
    expect(keyed.firsts({})).toBe('c')

    const endpoints = PROVIDERS.map((provider) => ({ provider, price: CACHED }))
    await onWire({ endpoints, policy: { provider: {}, session_id: 'ticket' } }, async (wire) => {
      const served = async (body: Fields): Promise<number> => {
        const before = wire.of('attempt.started').length
        for (let n = 0; n < 20; n += 1) {
          await wire.chat({ messages: [{ role: 'user', content: `Who is number ${before + n}?` }], ...body })
        }
        const went = wire.of('attempt.started').slice(before)
        return new Set(went.map(({ endpoint }) => endpoint)).size
      }
      expect(await served({})).toBe(1)
      expect(await served({ provider: {} })).toBeGreaterThan(1)
    })
  })

  behaviour(114, 'not where reading the cache is no cheaper, not with `order`, not after 10 idle minutes', () => {
    const dear = new Talks({}, { price: { input: 1, output: 1 } })
    dear.answeredBy('c', { session: SESSION })
    expect(dear.firsts({ session: SESSION })).toBe('abcd')

    const ordered = new Talks({ provider: { order: ['b'] } })
    ordered.answeredBy('c', { session: SESSION })
    expect(ordered.firsts({ session: SESSION })).toBe('b')

    const idle = new Talks()
    idle.answeredBy('c', { session: SESSION })
    expect(idle.at(CHOICES.sticky_idle - 1).firsts({ session: SESSION })).toBe('c')
    expect(idle.at(CHOICES.sticky_idle).firsts({ session: SESSION })).toBe('abcd')
    const kept = new Talks()
    for (let minutes = 0; minutes <= 27; minutes += 9) {
      kept.at(minutes * MINUTE).answeredBy('c', { session: SESSION }, minutes === 0 ? 80 : 0)
    }
    expect(kept.at(36 * MINUTE).firsts({ session: SESSION })).toBe('c')
  })

  behaviour(115, 'a sticky endpoint that fails is replaced for this request, and the entry is not refreshed', () => {
    const it = new Talks()
    it.answeredBy('c', { session: SESSION })
    it.at(9 * MINUTE)
    const call = it.ask({ session: SESSION })
    it.hear(call, failed('rate_limited')).hear(call, ...answer(80))
    expect(it.went(call)[0]).toBe('c')
    expect(it.end(call)).toMatchObject({ outcome: 'ok', attempts: 2 })
    // The one that stood in has not taken over, and the ten minutes go on from the last success.
    expect(it.firsts({ session: SESSION })).toBe('c')
    expect(it.at(10 * MINUTE).firsts({ session: SESSION })).toBe('abcd')
    // One with an outage is not gone back to before it is over.
    const out = new Talks()
    out.answeredBy('c', { session: SESSION })
    const lost = out.ask({ session: SESSION })
    out.hear(lost, failed('server_error')).hear(lost, ...answer(80))
    expect(out.firsts({ session: SESSION })).toBe('abd')
    expect(out.at(MINUTE).firsts({ session: SESSION })).toBe('c')
  })
})

describe('stickiness, in any order of things', () => {
  const RUNS = 1_000
  const conversation = fc.integer({ min: 0, max: 2 })
  const provider = fc.constantFrom(...PROVIDERS)
  const step = fc.oneof(
    fc.record({ do: fc.constant('ask' as const), conversation, provider }),
    fc.record({ do: fc.constant('answer' as const), which: fc.nat(20), cached: fc.boolean() }),
    fc.record({ do: fc.constant('fail' as const), which: fc.nat(20) }),
    fc.record({ do: fc.constant('wait' as const), minutes: fc.constantFrom(0, 1, 4, 9, 10, 11) }),
  )

  /** The contract once more, as short as can be: where a conversation stays, and since when. */
  class Memory {
    private readonly stays = new Map<number, { provider: string; since: number }>()

    where(conversation: number, now: number): string | null {
      const stay = this.stays.get(conversation)
      return stay !== undefined && now - stay.since < CHOICES.sticky_idle ? stay.provider : null
    }

    answered(conversation: number, provider: string, begins: boolean, now: number): void {
      const stays = this.where(conversation, now)
      if (stays === null ? begins : stays === provider) this.stays.set(conversation, { provider, since: now })
    }
  }

  test(`${RUNS} interleavings of three conversations, of which one is named: the plan is where the contract says`, () => {
    let wasSticky = 0
    fc.assert(
      fc.property(fc.array(step, { minLength: 5, maxLength: 30 }), (steps) => {
        const it = new Talks()
        const memory = new Memory()
        let open: { call: Call; conversation: number; provider: string }[] = []
        const askedOf = (number: number): Asked => ({
          session: { key: number, turn: 1, prefixTokens: 80 },
          ...(number === 0 && { conversation: { id: 'ticket', by: 'session_id' } }),
        })
        for (const one of steps) {
          if (one.do === 'ask') {
            const call = it.ask({ ...askedOf(one.conversation), policy: 1 + PROVIDERS.indexOf(one.provider) })
            open.push({ call, conversation: one.conversation, provider: one.provider })
          } else if (one.do === 'wait') it.at(it.now + one.minutes * MINUTE)
          else if (open.length > 0) {
            const ending = open[one.which % open.length]!
            open = open.filter((other) => other !== ending)
            if (one.do === 'fail') it.hear(ending.call, failed('rate_limited'))
            else {
              it.hear(ending.call, ...answer(one.cached ? 80 : 0))
              const begins = one.cached || ending.conversation === 0
              if (it.end(ending.call)?.outcome === 'ok') {
                memory.answered(ending.conversation, ending.provider, begins, it.now)
              }
            }
          }
          for (const number of [0, 1, 2]) {
            it.cancel(it.ask(askedOf(number)))
            const [first] = it.of('call.routed').at(-1)!.order
            const stays = first!.reason === 'sticky' ? it.offers[first!.endpoint]!.provider : null
            expect(stays).toBe(memory.where(number, it.now))
            if (stays !== null) wasSticky += 1
          }
        }
      }),
      { seed: 4, numRuns: RUNS },
    )
    expect(wasSticky).toBeGreaterThan(RUNS)
  }, 60_000)

  test('memory: conversations that nobody goes on with are forgotten, in the order in which they expire', () => {
    const sticky = new Sticky(offers({ provider: 'a', price: CACHED }), CHOICES)
    const each = 100
    for (let now = 0; now < 3 * CHOICES.sticky_idle; now += each) {
      sticky.answered(request({ session: { key: now, turn: 0, prefixTokens: 0 } }), 0, usage(80), now)
      expect(sticky.size).toBeLessThanOrEqual(CHOICES.sticky_idle / each)
    }
  })
})
