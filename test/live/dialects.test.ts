/**
 * A fleet that speaks all four dialects behind one gateway, for the official openai client: whoever serves, the caller
 * cannot tell; and whoever fails, another dialect takes over.
 */
import OpenAI from 'openai'
import { afterEach, describe, expect, test } from 'vitest'
import { openScenario, TOOLS, type House } from './lab.ts'

const QUESTION = [
  { role: 'system' as const, content: 'Be brief.' },
  { role: 'user' as const, content: 'Where is my parcel?' },
]
/** Provider and dialect, in the order of the fleet. */
const PROVIDERS = [
  ['openai', 'openai-chat'],
  ['anthropic', 'anthropic-messages'],
  ['google', 'gemini'],
  ['acme', 'openai-responses'],
] as const

const LATENCY = '{ ttft_p50: 20ms, ttft_p95: 20ms, tokens_per_second: 2000, speed_jitter: 0% }'

/** Policy `<provider>` asks that provider first, and then the next two of the fleet. */
function scenarioWith(timeline: string, resilience: string): string {
  const endpoints = PROVIDERS.map(
    ([provider, dialect]) =>
      `    - { provider: ${provider}, dialect: ${dialect}, model: acme/large:beta, price: { input: 1, output: 2 }, latency: ${LATENCY} }`,
  )
  const policies = PROVIDERS.map(([provider], index) => {
    const order = PROVIDERS.map((_, turn) => PROVIDERS[(index + turn) % PROVIDERS.length]?.[0])
    return `  ${provider}: { name: ${provider}, models: ['acme/large:beta'], provider: { order: [${order.join(', ')}] }, resilience: ${resilience} }`
  })
  return `
name: four-dialects
summary: One model at four providers, each with its own way of writing.
duration: 1h
fleet:
  name: four
  endpoints:
${endpoints.join('\n')}
policies:
${policies.join('\n')}
workload:
  - { workflow: none, policy: openai, arrivals: { kind: constant, rate: 1/h }, mix: short-chat }
timeline: ${timeline}
`
}

let house: House | null = null

afterEach(async () => {
  await house?.close()
  house = null
})

/** `fault` strikes the first provider all the time. */
async function clientOf(first: string, fault: string | null = null, resilience = '{}'): Promise<OpenAI> {
  const timeline = fault === null ? '[]' : `[{ at: 0s, for: 1h, on: { provider: ${first} }, ${fault} }]`
  house = await openScenario(scenarioWith(timeline, resilience))
  const { baseURL } = house
  return new OpenAI({ apiKey: 'sk-test', baseURL, maxRetries: 0, defaultHeaders: { 'x-squall-policy': first } })
}

const BODY = { model: 'acme/large:beta', messages: QUESTION }

/** Ask for words, in one piece or as a stream. */
function ask(client: OpenAI, stream: boolean) {
  if (!stream) return client.chat.completions.create(BODY)
  return client.chat.completions.stream({ ...BODY, stream_options: { include_usage: true } }).finalChatCompletion()
}

function askForTool(client: OpenAI, stream: boolean) {
  const body = { ...BODY, tools: TOOLS, tool_choice: 'required' as const }
  if (!stream) return client.chat.completions.create(body)
  return client.chat.completions.stream(body).finalChatCompletion()
}

const closedCalls = () => house?.entries.filter(({ kind }) => kind === 'call.closed') ?? []

/** Index of who served each call. */
const servers = () => closedCalls().map((entry) => entry.kind === 'call.closed' && entry.servedBy)

describe.each(PROVIDERS)('%s, which speaks %s', (provider) => {
  const index = PROVIDERS.findIndex(([name]) => name === provider)
  const next = (index + 1) % PROVIDERS.length

  test.each([false, true])('words, stream %s: whole, counted and finished', async (stream) => {
    const client = await clientOf(provider)
    const answer = await ask(client, stream)
    expect(answer.choices[0]?.finish_reason).toBe('stop')
    expect(answer.choices[0]?.message.content?.length).toBe(4 * (answer.usage?.completion_tokens ?? 0))
    expect(answer.usage?.completion_tokens).toBeGreaterThan(10)
    expect(answer.usage?.prompt_tokens).toBe(Math.ceil('Be brief.Where is my parcel?'.length / 4))
    expect(closedCalls()).toMatchObject([{ outcome: 'ok', servedBy: index, firstChoice: index, attempts: 1 }])
  })

  test.each([false, true])('tool call, stream %s: valid, and its result is answered in words', async (stream) => {
    const client = await clientOf(provider)
    const answer = await askForTool(client, stream)
    const [call] = answer.choices[0]?.message.tool_calls ?? []
    expect(answer.choices[0]?.finish_reason).toBe('tool_calls')
    if (call?.type !== 'function') throw new Error('no function call')
    expect(call.id).not.toBe('')
    expect(call.function.name).toBe('get_order')
    expect(JSON.parse(call.function.arguments)).toEqual({ order_id: expect.any(Number) as number })
    const reply = await client.chat.completions.create({
      ...BODY,
      tools: TOOLS,
      messages: [
        ...QUESTION,
        { role: 'assistant', tool_calls: [call] },
        { role: 'tool', tool_call_id: call.id, content: 'shipped' },
      ],
    })
    expect(reply.choices[0]?.finish_reason).toBe('stop')
    expect(servers()).toEqual([index, index])
  })

  test.each([
    ['refused', 'fault: outage, mode: refuse'],
    ['a 503', 'fault: outage, mode: status, status: 503'],
    ['the page of an edge', 'fault: outage, mode: html'],
    ['rate limited with a hint', 'fault: rate_limit, mode: phantom, retry_after: seconds'],
    ['too long a prompt, it says', 'fault: context_length, limit: 2'],
  ])('%s: the next dialect answers', async (_name, fault) => {
    const client = await clientOf(provider, fault)
    for (const stream of [false, true]) {
      const answer = await ask(client, stream)
      expect(answer.choices[0]?.message.content?.length).toBeGreaterThan(10)
    }
    const tool = await askForTool(client, true)
    expect(tool.choices[0]?.message.tool_calls).toHaveLength(1)
    expect(servers()).toEqual([next, next, next])
    expect(house?.entries.some(({ kind }) => kind === 'fault.fired')).toBe(true)
  })

  test.each(['cut', 'reset', 'stall', 'error_event'])(
    'a stream that ends in %s: the next dialect answers',
    async (mode) => {
      const resilience = '{ timeouts: { first_token: 1s, idle: 300ms }, commit: { at: on_finish } }'
      const client = await clientOf(provider, `fault: stream, mode: ${mode}`, resilience)
      const answer = await ask(client, true)
      expect(answer.choices[0]?.finish_reason).toBe('stop')
      expect(servers()).toEqual([next])
      const failed = house?.entries.find(({ kind }) => kind === 'attempt.ended')
      expect(failed).toMatchObject({
        errorClass: { cut: 'stream_cut', reset: 'stream_cut', stall: 'idle_timeout', error_event: 'stream_error' }[
          mode
        ],
      })
    },
  )

  test.each(['truncated_json', 'double_encoded', 'wrong_type', 'unknown_tool', 'duplicate_id'])(
    'a tool call with %s: is seen to be broken, and the next dialect makes it',
    async (pattern) => {
      const fault = `fault: malformed_tool_call, pattern: ${pattern}`
      const client = await clientOf(provider, fault, '{ validation: { tool_calls: fall_back } }')
      for (const stream of [false, true]) {
        const answer = await askForTool(client, stream)
        const [call] = answer.choices[0]?.message.tool_calls ?? []
        expect(JSON.parse(call?.type === 'function' ? call.function.arguments : '')).toHaveProperty('order_id')
      }
      expect(servers()).toEqual([next, next])
    },
  )
})
