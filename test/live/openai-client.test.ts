/**
 * The official openai client, unmodified, against a live gateway. With one endpoint, each family of faults raises the
 * class that the client raises against the real thing; with a fallback, nothing is raised.
 */
import OpenAI, { APIError, BadRequestError, InternalServerError, NotFoundError, RateLimitError } from 'openai'
import { afterEach, describe, expect, test } from 'vitest'
import { open, TOOLS, type House } from './lab.ts'

const QUESTION = [{ role: 'user' as const, content: 'Where is my parcel?' }]

let house: House | null = null

afterEach(async () => {
  await house?.close()
  house = null
})

async function clientOf(
  fault: string | null,
  policy: 'one' | 'two',
  resilience?: string,
  maxRetries = 0,
): Promise<OpenAI> {
  house = await open(fault, resilience)
  return new OpenAI({
    apiKey: 'sk-test',
    baseURL: house.baseURL,
    maxRetries,
    defaultHeaders: { 'x-squall-policy': policy },
  })
}

describe('openai client, no fault', () => {
  test('completion: content, finish reason and usage', async () => {
    const client = await clientOf(null, 'one')
    const answer = await client.chat.completions.create({ model: 'acme/large', messages: QUESTION })
    expect(answer.choices[0]?.finish_reason).toBe('stop')
    expect(answer.choices[0]?.message.content?.length).toBeGreaterThan(10)
    expect(answer.model).toBe('acme/large')
    expect(answer.usage?.total_tokens).toBe((answer.usage?.prompt_tokens ?? 0) + (answer.usage?.completion_tokens ?? 0))
    expect(answer.usage?.prompt_tokens).toBe(Math.ceil('Where is my parcel?'.length / 4))
  })

  test('stream: the pieces make the whole, and the usage comes last', async () => {
    const client = await clientOf(null, 'one')
    const stream = client.chat.completions.stream({
      model: 'acme/large',
      messages: QUESTION,
      stream_options: { include_usage: true },
    })
    const answer = await stream.finalChatCompletion()
    expect(answer.choices[0]?.finish_reason).toBe('stop')
    expect(answer.choices[0]?.message.content?.length).toBe(4 * (answer.usage?.completion_tokens ?? 0))
  })

  test.each([false, true])(
    'tool call, stream %s: arguments match the schema, and the tool result is answered in words',
    async (stream) => {
      const client = await clientOf(null, 'one')
      const body = { model: 'acme/large', messages: QUESTION, tools: TOOLS }
      const answer = stream
        ? await client.chat.completions.stream(body).finalChatCompletion()
        : await client.chat.completions.create(body)
      const [call] = answer.choices[0]?.message.tool_calls ?? []
      expect(answer.choices[0]?.finish_reason).toBe('tool_calls')
      if (call?.type !== 'function') throw new Error('no function call')
      expect(call.function.name).toBe('get_order')
      expect(JSON.parse(call.function.arguments)).toEqual({ order_id: expect.any(Number) as number })
      const next = await client.chat.completions.create({
        ...body,
        messages: [
          ...QUESTION,
          { role: 'assistant', tool_calls: [call] },
          { role: 'tool', tool_call_id: call.id, content: 'shipped' },
        ],
      })
      expect(next.choices[0]?.finish_reason).toBe('stop')
    },
  )

  test('models: the catalogue', async () => {
    const client = await clientOf(null, 'one')
    const models = await client.models.list()
    expect(models.data.map(({ id }) => id)).toEqual(['acme/large', 'acme/small'])
  })

  test('unknown model: 404 as at OpenAI, and no provider is called', async () => {
    const client = await clientOf(null, 'one')
    const asked = client.chat.completions.create({ model: 'acme/none', messages: QUESTION })
    await expect(asked).rejects.toThrow(NotFoundError)
    expect(house?.entries.some(({ kind }) => kind === 'attempt.started')).toBe(false)
  })
})

const PATIENCE = '{ timeouts: { first_token: 300ms, idle: 300ms, attempt: 400ms } }'

/** Fault, whether to stream, what the client raises with one endpoint (before or inside the stream). */
const FAMILIES: readonly [
  name: string,
  fault: string,
  stream: boolean,
  raises: new (...args: never[]) => Error,
  status: number | undefined,
][] = [
  ['outage, refused', 'fault: outage, mode: refuse', false, InternalServerError, 502],
  ['outage, reset', 'fault: outage, mode: reset', false, InternalServerError, 502],
  ['outage, black hole', 'fault: outage, mode: blackhole', false, InternalServerError, 504],
  ['outage, 503', 'fault: outage, mode: status, status: 503', false, InternalServerError, 503],
  ['outage, 529 on a stream', 'fault: outage, mode: status, status: 529', true, InternalServerError, 529],
  ['outage, HTML 502', 'fault: outage, mode: html', true, InternalServerError, 502],
  [
    'latency, silence before the first token',
    'fault: latency, mode: first_token_silence, add: 20s',
    true,
    InternalServerError,
    504,
  ],
  ['rate limit, phantom', 'fault: rate_limit, mode: phantom, retry_after: seconds', false, RateLimitError, 429],
  ['context length', 'fault: context_length, limit: 2', false, BadRequestError, 400],
  ['stream, cut', 'fault: stream, mode: cut', true, APIError, undefined],
  ['stream, reset', 'fault: stream, mode: reset', true, APIError, undefined],
  ['stream, stalled', 'fault: stream, mode: stall', true, APIError, undefined],
  ['stream, error event', 'fault: stream, mode: error_event', true, APIError, undefined],
]

async function ask(client: OpenAI, stream: boolean): Promise<string> {
  if (!stream) {
    const answer = await client.chat.completions.create({ model: 'acme/large', messages: QUESTION })
    return answer.choices[0]?.message.content ?? ''
  }
  let text = ''
  for await (const chunk of await client.chat.completions.create({
    model: 'acme/large',
    messages: QUESTION,
    stream: true,
  })) {
    text += chunk.choices[0]?.delta.content ?? ''
  }
  return text
}

describe.each(FAMILIES)('openai client, %s', (_name, fault, stream, raises, status) => {
  test('one endpoint: raises its class', async () => {
    const client = await clientOf(fault, 'one', PATIENCE)
    const error: unknown = await ask(client, stream).then(
      () => null,
      (thrown: unknown) => thrown,
    )
    expect(error).toBeInstanceOf(raises)
    expect((error as APIError).status).toBe(status)
    expect(house?.entries.some(({ kind }) => kind === 'fault.fired')).toBe(true)
  })

  test('with a fallback: nothing is raised', async () => {
    const resilience = `{ timeouts: { first_token: 300ms, idle: 300ms, attempt: 400ms }, commit: { at: on_finish } }`
    const client = await clientOf(fault, 'two', resilience)
    expect((await ask(client, stream)).length).toBeGreaterThan(10)
    const served = house?.entries.find(({ kind }) => kind === 'call.closed')
    expect(served).toMatchObject({ outcome: 'ok', firstChoice: 0, servedBy: 1 })
    expect(house?.entries.some(({ kind }) => kind === 'fault.fired')).toBe(true)
  })
})

describe('openai client, malformed tool call', () => {
  const body = { model: 'acme/large', messages: QUESTION, tools: TOOLS }
  const fault = 'fault: malformed_tool_call, pattern: truncated_json'

  test('passed through: the client hands on arguments that do not parse', async () => {
    const client = await clientOf(fault, 'one')
    const answer = await client.chat.completions.create(body)
    const [call] = answer.choices[0]?.message.tool_calls ?? []
    expect(() => JSON.parse(call?.type === 'function' ? call.function.arguments : '{}') as unknown).toThrow(SyntaxError)
    expect(house?.entries.find(({ kind }) => kind === 'request.closed')).toMatchObject({ outcome: 'invalid_tool_call' })
  })

  test('one endpoint that must be valid: a server error', async () => {
    const client = await clientOf(fault, 'one', '{ validation: { tool_calls: fall_back } }')
    await expect(client.chat.completions.create(body)).rejects.toThrow(InternalServerError)
  })

  test('with a fallback: a valid call', async () => {
    const client = await clientOf(fault, 'two', '{ validation: { tool_calls: fall_back } }')
    const answer = await client.chat.completions.create(body)
    const [call] = answer.choices[0]?.message.tool_calls ?? []
    expect(JSON.parse(call?.type === 'function' ? call.function.arguments : '')).toHaveProperty('order_id')
  })
})

test('openai client, default retries against one endpoint: three calls, one error', async () => {
  const client = await clientOf('fault: outage, mode: status, status: 500', 'one', undefined, 2)
  await expect(ask(client, false)).rejects.toThrow(InternalServerError)
  expect(house?.entries.filter(({ kind }) => kind === 'request.arrived')).toHaveLength(3)
})

test('openai client, default retries after every fallback has failed: told not to try again', async () => {
  house = await open('fault: outage, mode: status, status: 500')
  house.run.breakProvider('beta')
  const client = new OpenAI({ apiKey: 'sk-test', baseURL: house.baseURL, defaultHeaders: { 'x-squall-policy': 'two' } })
  await expect(ask(client, false)).rejects.toThrow(InternalServerError)
  expect(house.entries.filter(({ kind }) => kind === 'request.arrived')).toHaveLength(1)
})
