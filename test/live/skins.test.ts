/**
 * The ways of asking beside chat completions, on both surfaces, by their makers' own clients where they are at hand; all
 * of them in a package of their own: test/clients.
 */
import Anthropic, { NotFoundError, RateLimitError } from '@anthropic-ai/sdk'
import OpenAI from 'openai'
import { describe, expect, test } from 'vitest'
import { at } from '../../src/base/index.ts'
import { HELLO, MODEL, onWire, TOOLS, type Wire } from '../openrouter/wire.ts'

const PREFIXES = ['/v1', '/api/v1'] as const
const TOOL = at(TOOLS, 0)

describe.each(PREFIXES)('%s/messages', (prefix) => {
  const clientAt = (wire: Wire) =>
    new Anthropic({ apiKey: 'sk-test', baseURL: wire.origin + prefix.replace('/v1', ''), maxRetries: 0 })
  const body = { model: MODEL, max_tokens: 300, messages: [{ role: 'user' as const, content: 'Where is my parcel?' }] }

  test('a message and a stream, both with their counts', () =>
    onWire({}, async (wire) => {
      const whole = await clientAt(wire).messages.create(body)
      const streamed = await clientAt(wire).messages.stream(body).finalMessage()
      for (const message of [whole, streamed]) {
        expect(message).toMatchObject({ type: 'message', role: 'assistant', model: MODEL, stop_reason: 'end_turn' })
        expect(message.content).toMatchObject([{ type: 'text' }])
        expect(message.usage.input_tokens).toBe(Math.ceil('Where is my parcel?'.length / 4))
        expect('provider' in message).toBe(prefix === '/api/v1')
      }
    }))

  test('a tool call, whose result is answered in words', () =>
    onWire({}, async (wire) => {
      const tools = [
        { name: TOOL.function.name, input_schema: { ...TOOL.function.parameters, type: 'object' as const } },
      ]
      const asked = { ...body, tools }
      const answer = await clientAt(wire).messages.stream(asked).finalMessage()
      const call = answer.content.find((block) => block.type === 'tool_use')
      expect(call).toMatchObject({ name: 'get_order', input: { order_id: expect.any(Number) as number } })
      const result = { type: 'tool_result' as const, tool_use_id: call?.id ?? '', content: 'shipped' }
      const messages = [
        ...body.messages,
        { role: 'assistant' as const, content: answer.content },
        { role: 'user' as const, content: [result] },
      ]
      expect(await clientAt(wire).messages.create({ ...asked, messages })).toMatchObject({ stop_reason: 'end_turn' })
    }))

  test('an error: raises the class of its status', () =>
    onWire({ endpoints: ['alpha'], faults: { alpha: { fault: 'http_error', status: 429 } } }, async (wire) => {
      await expect(clientAt(wire).messages.create(body)).rejects.toThrow(RateLimitError)
    }))
})

describe.each(PREFIXES)('%s/responses', (prefix) => {
  const clientAt = (wire: Wire) => new OpenAI({ apiKey: 'sk-test', baseURL: wire.origin + prefix, maxRetries: 0 })
  const tools = [{ type: 'function' as const, ...TOOL.function, strict: true }]

  test('a response and a stream; what it says of the request is what was asked', () =>
    onWire({}, async (wire) => {
      const body = { model: MODEL, input: 'Where is my parcel?', temperature: 0.5, metadata: { a: 'b' }, tools: [] }
      const whole = await clientAt(wire).responses.create(body)
      const streamed = await clientAt(wire).responses.stream(body).finalResponse()
      for (const response of [whole, streamed]) {
        expect(response).toMatchObject({ object: 'response', status: 'completed', model: MODEL, temperature: 0.5 })
        expect(response.metadata).toEqual({ a: 'b' })
        expect(response.output_text.length).toBe(4 * (response.usage?.output_tokens ?? 0))
      }
    }))

  test('a tool call, whose result is answered in words', () =>
    onWire({}, async (wire) => {
      const asked = { model: MODEL, tools, input: 'Where is my parcel?' }
      const answer = await clientAt(wire).responses.stream(asked).finalResponse()
      const call = answer.output.find((item) => item.type === 'function_call')
      expect(JSON.parse(call?.arguments ?? '')).toEqual({ order_id: expect.any(Number) as number })
      expect(answer.tools).toMatchObject([{ type: 'function', name: 'get_order' }])
      const result = { type: 'function_call_output' as const, call_id: call?.call_id ?? '', output: 'shipped' }
      const input = [{ role: 'user' as const, content: asked.input }, ...(call ? [call] : []), result]
      const next = await clientAt(wire).responses.create({ ...asked, input })
      expect(next.output).toMatchObject([{ type: 'message' }])
    }))
})

describe.each(PREFIXES)('%s/completions', (prefix) => {
  test('text in one piece and in pieces', () =>
    onWire({}, async (wire) => {
      const { completions } = new OpenAI({ apiKey: 'sk-test', baseURL: wire.origin + prefix, maxRetries: 0 })
      const whole = await completions.create({ model: MODEL, prompt: 'Once upon a time' })
      expect(whole).toMatchObject({ object: 'text_completion', model: MODEL, choices: [{ finish_reason: 'stop' }] })
      expect(whole.choices[0]?.text.length).toBeGreaterThan(10)
      let text = ''
      for await (const chunk of await completions.create({ model: MODEL, prompt: 'Once upon a time', stream: true })) {
        text += chunk.choices[0]?.text ?? ''
      }
      expect(text.length).toBeGreaterThan(10)
      const missing = await wire.post(`${prefix}/completions`, { model: MODEL })
      expect(missing.status).toBe(400)
      expect(missing.json()).toMatchObject({ error: { message: expect.stringContaining('prompt') as string } })
    }))
})

test('one model of the plain surface: there, or not', () =>
  onWire({}, async (wire) => {
    const openai = new OpenAI({ apiKey: 'sk-test', baseURL: `${wire.origin}/v1`, maxRetries: 0 })
    expect(await openai.models.retrieve(MODEL)).toMatchObject({ id: MODEL, object: 'model' })
    await expect(openai.models.retrieve('acme/none')).rejects.toMatchObject({ status: 404, code: 'model_not_found' })
    const anthropic = new Anthropic({ apiKey: 'sk-test', baseURL: wire.origin, maxRetries: 0 })
    await expect(anthropic.models.retrieve('acme/none')).rejects.toThrow(NotFoundError)
  }))

test('without a model, those of the policy are meant', () =>
  onWire({}, async (wire) => {
    for (const [path, body] of [
      ['messages', { max_tokens: 300, messages: HELLO }],
      ['responses', { input: HELLO }],
    ] as const) {
      const answered = await wire.post(`/api/v1/${path}`, body)
      expect(answered.status).toBe(200)
      expect(answered.json()).toMatchObject({ model: MODEL })
    }
  }))

test('what it cost and how it was routed: where each skin has its place for it', () =>
  onWire({}, async (wire) => {
    const wanted = { 'x-openrouter-metadata': 'enabled' }
    const message = { model: MODEL, max_tokens: 300, messages: HELLO }
    const metadata = { requested: MODEL, attempt: 1, attempts: [{ provider: 'Alpha', model: MODEL, status: 200 }] }
    const money = { cost: expect.any(Number) as number, is_byok: false }
    const whole = await wire.post('/api/v1/messages', message, wanted)
    expect(whole.json()).toMatchObject({ usage: { ...money, service_tier: 'standard' }, openrouter_metadata: metadata })
    const streamed = dataOf((await wire.post('/api/v1/messages', { ...message, stream: true }, wanted)).text)
    expect(streamed.at(-2)).toMatchObject({ type: 'message_delta', usage: money })
    expect(streamed.at(-1)).toMatchObject({ type: 'message_stop', openrouter_metadata: metadata })

    const asked = { model: MODEL, input: HELLO }
    const response = {
      service_tier: 'default',
      openrouter_metadata: metadata,
      usage: {
        ...money,
        cost_details: {
          upstream_inference_input_cost: expect.any(Number) as number,
          upstream_inference_output_cost: expect.any(Number) as number,
        },
      },
    }
    expect((await wire.post('/api/v1/responses', asked, wanted)).json()).toMatchObject(response)
    const events = dataOf((await wire.post('/api/v1/responses', { ...asked, stream: true }, wanted)).text)
    expect(events[0]).not.toHaveProperty('response.openrouter_metadata')
    expect(events.at(-1)).toMatchObject({ type: 'response.completed', response })
  }))

test('conversations of all skins: one request to those who serve it', () =>
  onWire({}, async (wire) => {
    const asked: [path: string, body: object][] = [
      ['messages', { max_tokens: 300, messages: HELLO }],
      ['responses', { input: HELLO }],
      ['completions', { prompt: HELLO[0]?.content }],
      ['chat/completions', { messages: HELLO }],
    ]
    for (const [path, body] of asked) {
      expect((await wire.post(`/api/v1/${path}`, { model: MODEL, provider: { only: ['beta'] }, ...body })).status).toBe(
        200,
      )
    }
    expect(wire.of('attempt.ended').map(({ endpoint, outcome }) => [endpoint, outcome])).toEqual(
      asked.map(() => [1, 'ok']),
    )
    expect(new Set(wire.of('request.arrived').map(({ inputTokens }) => inputTokens)).size).toBe(1)
  }))

/** The data of each event of a stream. */
function dataOf(stream: string): unknown[] {
  return stream
    .split('\n')
    .filter((line) => line.startsWith('data: '))
    .map((line) => JSON.parse(line.slice('data: '.length)) as unknown)
}
