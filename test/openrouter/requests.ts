/** Behaviours 1–15: what a request may say, and what is refused. Those of keys and skins are in files of their own. */
import { describe, expect, test } from 'vitest'
import { envelopeShape } from './error-shapes.ts'
import { behaviour } from './card.ts'
import { Lab, failed, fleet, offers, policy } from './lab.ts'
import { CHAT, HELLO, MODEL, onWire, type Wire } from './wire.ts'

/** Refused with 400 in the envelope of the contract; nobody is asked, and nothing is booked. */
async function refuses(wire: Wire, body: unknown, message: RegExp | string, headers = {}): Promise<void> {
  const before = wire.entries.length
  const answered = await wire.post(CHAT, body, headers)
  expect(answered.status, answered.text).toBe(400)
  expect(answered.headers['content-type']).toMatch(/^application\/json/)
  const { error } = answered.json() as { error: { code: number; message: string; metadata: unknown } }
  expect(error.code).toBe(answered.status)
  expect(error.message).toMatch(message)
  expect(error.metadata).toMatchObject({ error_type: 'invalid_request' })
  expect(wire.entries.slice(before)).toEqual([])
}

const ask = (more: object = {}): object => ({ model: MODEL, messages: HELLO, ...more })

describe('requests', () => {
  behaviour(1, 'neither `messages` nor `prompt`: 400, in an envelope whose code is the status', () =>
    onWire({}, async (wire) => {
      await refuses(wire, { model: MODEL }, 'Input required: specify "prompt" or "messages"')
      await refuses(wire, { model: MODEL, messages: 'hello' }, 'Input required: specify "prompt" or "messages"')
      await refuses(wire, 'no json', 'Input must have at least 1 token.')
      expect((await wire.post(CHAT, { model: MODEL, prompt: 'Where is my parcel?' })).status).toBe(200)
    }),
  )

  behaviour(2, 'empty `messages`: 400', () =>
    onWire({}, (wire) => refuses(wire, ask({ messages: [] }), 'Input required: specify "prompt" or "messages"')),
  )

  behaviour(3, 'unknown model: 400, and no provider is called', () =>
    onWire({}, async (wire) => {
      await refuses(wire, ask({ model: 'acme/none' }), 'acme/none is not a valid model ID')
      await refuses(wire, ask({ models: ['acme/none'] }), 'acme/none is not a valid model ID')
      const unnamed = await wire.post(CHAT, { messages: HELLO })
      expect(unnamed.json()).toMatchObject({ model: MODEL })
    }),
  )

  behaviour(5, '`models` with 4 entries: 400', async () => {
    const message = "'models' array must have 3 items or fewer."
    const four = [MODEL, MODEL, MODEL, MODEL]
    await onWire({}, async (wire) => {
      await refuses(wire, { models: four, messages: HELLO }, message)
      expect((await wire.chat({ models: four.slice(1) })).status).toBe(200)
    })
    await onWire({ gateway: { choices: { model_counts: true } } }, (wire) =>
      refuses(wire, ask({ models: four.slice(1) }), message),
    )
  })

  behaviour(6, 'unknown key inside `provider`: 400 that names it', () =>
    onWire({}, async (wire) => {
      const message = "Unrecognized key(s) in object: 'Require_Parameters'"
      await refuses(wire, ask({ provider: { Require_Parameters: true } }), message)
      expect(
        (await wire.chat({ provider: { require_parameters: null }, unheard_of: { at: 'the top level' } })).status,
      ).toBe(200)
    }),
  )

  test('requests: what a value of several forms should have been is said', () =>
    onWire({}, async (wire) => {
      await refuses(wire, ask({ provider: { sort: 'cheap' } }), /^provider\.sort: .*"price"/)
      await refuses(wire, ask({ provider: { sort: { by: 'cheap' } } }), /^provider\.sort\.by: .*"price"/)
      await refuses(wire, ask({ provider: { preferred_min_throughput: 'x' } }), /number.*, or .*object/)
      await refuses(wire, ask({ provider: { max_price: { prompt: '1e-6' } } }), /^provider\.max_price\.prompt: a price/)
    }))

  test('requests: a schema has a name of letters, digits, "_" and "-", at most 64 of them', () =>
    onWire({}, async (wire) => {
      const format = (name?: string) =>
        ask({ response_format: { type: 'json_schema', json_schema: { name, schema: {} } } })
      for (const name of [undefined, '', 'an order', 'x'.repeat(65)]) {
        await refuses(wire, format(name), /json_schema\.name/)
      }
      expect((await wire.post(CHAT, format('an-order_1'))).status).toBe(200)
    }))

  behaviour(9, '`session_id` of 257 characters: 400', () =>
    onWire({}, async (wire) => {
      await refuses(wire, ask({ session_id: 'x'.repeat(257) }), 'session_id: expected at most 256 characters')
      await refuses(wire, ask(), /x-session-id/, { 'x-session-id': 'x'.repeat(257) })
      expect((await wire.chat({ session_id: 'x'.repeat(256) })).status).toBe(200)
    }),
  )

  behaviour(10, '`reasoning_effort` that differs from `reasoning.effort`: 400', () =>
    onWire({}, async (wire) => {
      await refuses(
        wire,
        ask({ reasoning_effort: 'low', reasoning: { effort: 'high' } }),
        /differs from reasoning.effort/,
      )
      expect((await wire.chat({ reasoning_effort: 'low', reasoning: { effort: 'low' } })).status).toBe(200)
    }),
  )

  behaviour(
    13,
    'a parameter goes to an endpoint that supports it, not to one that does not; absent ones to nobody',
    () =>
      onWire(
        {
          endpoints: [
            { provider: 'alpha', parameters: ['temperature', 'max_tokens'] },
            { provider: 'beta', parameters: ['temperature', 'top_k', 'seed', 'stop', 'max_completion_tokens'] },
          ],
          faults: { alpha: { fault: 'outage', mode: 'status', status: 503 } },
        },
        async (wire) => {
          const sent = async (more: object): Promise<Record<string, unknown>[]> => {
            const answer = await wire.chat({ stream: true, debug: { echo_upstream_body: true }, ...more })
            expect(answer.status, answer.text).toBe(200)
            return answer
              .chunks()
              .filter((chunk) => 'debug' in chunk)
              .map((chunk) => chunk.debug.echo_upstream_body)
          }
          const always = { model: MODEL, messages: HELLO, stream: true, stream_options: { include_usage: true } }
          expect(await sent({})).toEqual([always, always])
          expect(
            await sent({ temperature: 0.25, top_k: 40, seed: 7, stop: ['\n'], max_tokens: 99, top_p: null }),
          ).toEqual([
            { ...always, temperature: 0.25, max_tokens: 99 },
            { ...always, temperature: 0.25, top_k: 40, seed: 7, stop: ['\n'] },
          ])
          const own = { user: 'a@b.c', metadata: { a: 'b' }, trace: { a: 1 }, session_id: 's', service_tier: 'default' }
          const [first] = await sent({ ...own, plugins: [], route: 'fallback', safe_prompt: true })
          expect(first).toEqual({
            ...always,
            safe_prompt: true,
            user: expect.stringMatching(/^user_[0-9a-f]+$/) as string,
          })
        },
      ),
  )

  behaviour(14, '`route: fallback` is `sort.partition: model`, `route: sort` is `none`', () => {
    const two = offers(
      { provider: 'a', model: 'm', price: { input: 3, output: 3 } },
      { provider: 'b', model: 'n', price: { input: 1, output: 1 } },
      { provider: 'c', model: 'm', price: { input: 5, output: 5 } },
    )
    const went = (asked: Record<string, unknown>): string[] => {
      const it = new Lab(fleet(two), policy({ models: ['m', 'n'], ...asked }))
      const call = it.ask()
      for (let tries = 0; tries < 3; tries += 1) it.hear(call, failed('server_error'))
      return it.went(call)
    }
    const byModel = went({ provider: { sort: { by: 'price', partition: 'model' } } })
    const mixed = went({ provider: { sort: { by: 'price', partition: 'none' } } })
    expect([byModel, mixed]).toEqual([
      ['a', 'c', 'b'],
      ['b', 'a', 'c'],
    ])
    expect(went({ route: 'fallback', provider: { sort: 'price' } })).toEqual(byModel)
    expect(went({ route: 'sort', provider: { sort: 'price' } })).toEqual(mixed)
    expect(went({ route: 'sort', provider: { sort: { by: 'price', partition: 'model' } } })).toEqual(byModel)
    expect(went({ route: null, provider: { sort: 'price' } })).toEqual(byModel)
  })

  behaviour(15, 'error envelopes may carry `user_id`: here whoever is known by then, and nobody needs it', () =>
    onWire({}, async (wire) => {
      const unknown = await wire.chat({ model: 'acme/none' })
      expect(unknown.json()).toMatchObject({ user_id: expect.any(String) as string })
      const unread = await wire.chat({ messages: [] })
      expect(unread.json()).not.toHaveProperty('user_id')
      for (const answer of [unknown, unread]) expect(envelopeShape.safeParse(answer.json()).success).toBe(true)
    }),
  )
})
