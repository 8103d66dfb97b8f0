/** Behaviour 120: the response cache. */
import { describe, expect, it } from 'vitest'
import type { Call, Signal } from '../../src/protocol/index.ts'
import { behaviour } from './card.ts'
import { DONE, failed, fleet, Lab, offers, OPEN, policy, tokens, type Asked } from './lab.ts'
import { HELLO, MODEL, onWire } from './wire.ts'

const ANSWER: readonly Signal[] = [...OPEN, tokens(5), { type: 'usage', inputTokens: 100, outputTokens: 5 }, DONE]

describe('response cache', () => {
  behaviour(
    120,
    'MISS, then HIT for the identical body: a new id, zero usage, no metadata; errors are never cached',
    () =>
      onWire({ faults: { beta: { fault: 'http_error', status: 500 } } }, async (wire) => {
        const on = { 'x-openrouter-cache': 'true', 'x-openrouter-metadata': 'enabled' }
        const body = { model: MODEL, messages: HELLO, temperature: 0 }
        const miss = await wire.chat(body, on)
        expect(miss.headers).toMatchObject({ 'x-openrouter-cache-status': 'MISS', 'x-openrouter-cache-ttl': '300' })
        const hit = await wire.chat(body, on)
        expect(hit.headers).toMatchObject({ 'x-openrouter-cache-status': 'HIT', 'x-openrouter-cache-ttl': '300' })
        expect(Number(hit.headers['x-openrouter-cache-age'])).toBeGreaterThanOrEqual(0)
        expect(hit.headers['x-openrouter-cache-source-id']).toBe(miss.json().id)
        expect(hit.json().choices).toEqual(miss.json().choices)
        expect(hit.json().id).not.toBe(miss.json().id)
        expect(hit.json().usage).toMatchObject({ prompt_tokens: 0, completion_tokens: 0 })
        expect(hit.json()).not.toHaveProperty('openrouter_metadata')
        expect(wire.of('attempt.started')).toHaveLength(1)
        expect(wire.of('call.closed').map(({ billed }) => billed > 0)).toEqual([true, false])

        // Another order of properties, another stream mode, or another model: not the same.
        const { model, ...rest } = body
        const status = async (asked: object, headers: Record<string, string> = on) =>
          (await wire.post('/api/v1/chat/completions', asked, headers)).headers['x-openrouter-cache-status']
        expect(await status({ ...rest, model })).toBe('MISS')
        expect(await status({ ...body, stream: true })).toBe('MISS')
        expect(await status({ ...body, stream: true })).toBe('HIT')
        expect(await status(body, { 'x-openrouter-cache': 'false' })).toBeUndefined()
        expect(await status(body, {})).toBeUndefined()
        expect(await status(body, { ...on, 'x-openrouter-cache-clear': 'true' })).toBe('MISS')
        expect(await status(body)).toBe('HIT')
        const long = await wire.chat({ ...body, seed: 1 }, { ...on, 'x-openrouter-cache-ttl': '999999 and more' })
        expect(long.headers['x-openrouter-cache-ttl']).toBe('86400')

        const broken = { ...body, provider: { only: ['beta'] } }
        for (let count = 0; count < 2; count += 1) {
          const answer = await wire.chat(broken, on)
          expect(answer.status).toBe(500)
          expect(answer.headers['x-openrouter-cache-status']).not.toBe('HIT')
        }
      }),
  )

  /** Ask, and answer if somebody is asked. */
  function asked(lab: Lab, question: number, more: Asked = {}): 'HIT' | 'MISS' | undefined {
    const call: Call = lab.ask({ ...more, question })
    if (lab.end(call) === null) lab.hear(call, ...ANSWER)
    return call.cached?.status
  }

  it('in virtual time: the same question again, by key and stream mode, until it is too old', () => {
    const lab = new Lab(offers('a'), policy({ cache_enabled: true, cache_ttl_seconds: 60 }), policy())
    expect(asked(lab, 1)).toBe('MISS')
    expect(asked(lab, 1)).toBe('HIT')
    expect(asked(lab, 2)).toBe('MISS')
    expect(asked(lab, 1, { stream: false })).toBe('MISS')
    expect(asked(lab, 1, { policy: 1 })).toBeUndefined()
    expect(asked(lab.at(59_999), 1)).toBe('HIT')
    expect(asked(lab.at(60_000), 1)).toBe('MISS')

    const end = lab
      .sent('client.end')
      .filter(({ attempt }) => attempt === null)
      .at(-1)
    expect(end?.signals).toEqual([tokens(5), { type: 'usage', inputTokens: 0, outputTokens: 0 }, DONE])
  })

  it('off for an account whose data nobody may keep; the zdr of a request does not matter', () => {
    const on = { cache_enabled: true, provider: { zdr: true } }
    const endpoint = offers({ provider: 'a', zdr: true })
    const request = new Lab(endpoint, policy(on))
    expect([asked(request, 1), asked(request, 1)]).toEqual(['MISS', 'HIT'])
    const account = new Lab(fleet(endpoint, { account: { zdr: true } }), policy(on))
    expect([asked(account, 1), asked(account, 1)]).toEqual([undefined, undefined])
  })

  it('an error is not kept, and nobody waits for a call that is under way', () => {
    const lab = new Lab(offers('a'), policy({ cache_enabled: true }))
    const first = lab.ask({ question: 1 })
    const second = lab.ask({ question: 1 })
    expect(lab.attempts(second)).toHaveLength(1)
    lab.hear(first, failed('server_error'))
    lab.hear(second, failed('server_error'))
    expect(asked(lab, 1)).toBe('MISS')
    expect(asked(lab, 1)).toBe('HIT')
  })
})
