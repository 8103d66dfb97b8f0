/** `/generation` on the wire: what an answer says of itself, and what it is told of it later, are the same. */
import { expect, test } from 'vitest'
import { HELLO, MODEL, onWire, TOOLS, type Answered, type Wire } from '../openrouter/wire.ts'

const told = async (wire: Wire, answer: Answered) =>
  (await wire.get(`/api/v1/generation?id=${String(answer.headers['x-generation-id'])}`)).json().data

test('generation: how it ended, in our word and in its provider’s', async () => {
  await onWire({ endpoints: [{ provider: 'alpha', dialect: 'anthropic-messages' }] }, async (wire) => {
    for (const body of [{}, { max_tokens: 1 }, { tools: TOOLS }]) {
      for (const stream of [true, false]) {
        const answer = await wire.chat({ ...body, stream })
        const { choices } = stream ? answer.chunks().at(-1) : answer.json()
        const { finish_reason, native_finish_reason } = choices[0]
        expect(await told(wire, answer)).toMatchObject({ finish_reason, native_finish_reason, streamed: stream })
      }
    }
  })
})

test('generation: who asked, and which router chose', () =>
  onWire({}, async (wire) => {
    const headers = { 'http-referer': 'https://app.example/chat', 'user-agent': 'app/1', 'x-session-id': 'talk' }
    const answer = await wire.chat({ model: 'openrouter/auto', user: 'alice' }, headers)
    expect(await told(wire, answer)).toMatchObject({
      model: MODEL,
      router: 'openrouter/auto',
      http_referer: 'https://app.example/chat',
      origin: 'https://app.example',
      user_agent: 'app/1',
      external_user: 'alice',
      session_id: 'talk',
    })
    const bare = await wire.chat({ session_id: 'mine' }, { 'http-referer': 'no address' })
    expect(await told(wire, bare)).toMatchObject({ router: null, origin: '', external_user: null, session_id: 'mine' })
  }))

test('generation: an answer that was given again says whose it was', () =>
  onWire({}, async (wire) => {
    const ask = () => wire.chat({ model: 'openrouter/auto', messages: HELLO }, { 'x-openrouter-cache': 'true' })
    const first = await ask()
    const again = await ask()
    expect(again.headers['x-openrouter-cache-status']).toBe('HIT')
    expect(again.headers['x-squall-endpoint']).toBe(first.headers['x-squall-endpoint'])
    expect(again.json()).toMatchObject({ provider: first.json().provider, model: MODEL, usage: { cost: 0 } })
    expect(await told(wire, first)).toMatchObject({ response_cache_source_id: null })
    expect(await told(wire, again)).toMatchObject({
      response_cache_source_id: first.json().id,
      model: MODEL,
      provider_responses: [],
      total_cost: 0,
      finish_reason: 'stop',
    })
  }))
