/** Real endpoints: a server that is none of ours, on this machine. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { addressing, obstacleTo, type ExternalSpec } from '../../src/live/external.ts'
import { endpointSchema, promptTokens } from '../../src/protocol/index.ts'
import { openScenario } from './lab.ts'

interface Heard {
  readonly path: string
  readonly headers: IncomingMessage['headers']
  readonly body: { model: string; messages: unknown; stream?: boolean }
}

const ANSWER = JSON.stringify({
  id: 'real-1',
  object: 'chat.completion',
  created: 1,
  model: 'their-name',
  choices: [{ index: 0, message: { role: 'assistant', content: 'Guten Tag ☂' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 11, completion_tokens: 4, total_tokens: 15 },
})

/** A server that answers as OpenAI does, and remembers what it was asked. */
async function realServer(status = 200, afterMs = 0): Promise<{ base: string; heard: Heard[] }> {
  const heard: Heard[] = []
  const server = createServer((request, response) => {
    let text = ''
    request.on('data', (bytes) => (text += String(bytes)))
    request.on('end', () => {
      heard.push({ path: request.url ?? '', headers: request.headers, body: JSON.parse(text) as Heard['body'] })
      response.writeHead(status, { 'content-type': 'application/json' })
      setTimeout(() => response.end(ANSWER), afterMs)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return { base: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`, heard }
}

/** A mock that is down, and after it a real server. */
function behind(base: string, fields = ''): string {
  return `
name: real
summary: A real server behind a mock one.
duration: 1h
fleet:
  name: real
  endpoints:
    - { provider: mock, model: m/m, price: { input: 1, output: 1 } }
    - { provider: real, name: Real, model: m/m, base_url: "${base}", price: { input: 3, output: 5 }, ${fields} }
policies: { p: { name: p, models: [m/m], provider: { order: [mock, real] } } }
workload: [{ workflow: none, policy: p, arrivals: { kind: constant, rate: 1/h }, mix: short-chat }]
timeline: [{ at: 0s, for: 1h, on: { provider: mock }, fault: outage, mode: status, status: 500 }]
`
}

const MESSAGES = [{ role: 'user', content: 'Grüß dich ☂ "quoted"\n' }]

async function ask(baseURL: string): Promise<Response> {
  const body = JSON.stringify({ model: 'm/m', messages: MESSAGES })
  return fetch(`${baseURL}/chat/completions`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
}

test('real endpoint: asked like a mock one, under its own name and with its key, and its words come through', async () => {
  const { base, heard } = await realServer()
  const fields = 'api_key_env: REAL_KEY, upstream_model: their-name'
  const house = await openScenario(behind(base, fields), { keys: { REAL_KEY: 'secret-1' }, allowedHosts: [] })
  const answer = await ask(house.baseURL)
  expect(await answer.json()).toMatchObject({ choices: [{ message: { content: 'Guten Tag ☂' } }] })
  expect(heard).toMatchObject([
    {
      path: '/v1/chat/completions',
      headers: { authorization: 'Bearer secret-1' },
      body: { model: 'their-name', messages: MESSAGES },
    },
  ])
  await house.close()
  const charges = house.entries.filter((entry) => entry.kind === 'fleet.charged')
  // 11 tokens in at 3 USD per million, 4 out at 5.
  expect(charges).toMatchObject([{ endpoint: 1, inputTokens: 11, outputTokens: 4, cost: 53_000 }])
  expect(house.entries.find((entry) => entry.kind === 'request.closed')).toMatchObject({
    outcome: 'ok',
    attempts: 2,
    servedBy: 1,
    billed: 53_000,
  })
  expect(JSON.stringify(house.entries)).not.toContain('secret-1')
})

/** A server that begins to answer and then says nothing more; or answers, and tells nothing of what it has counted. */
async function otherServer(answer: (response: ServerResponse) => void): Promise<string> {
  const server = createServer((request, response) => {
    request.resume().on('end', () => answer(response))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`
}

const WORDS = 'Guten Tag, Frau Nachbarin'

test('real endpoint: what it had said when its caller left is charged and billed', async () => {
  const base = await otherServer((response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    const choices = [{ index: 0, delta: { content: WORDS }, finish_reason: null }]
    response.write(`data: ${JSON.stringify({ id: 'x', object: 'chat.completion.chunk', created: 1, choices })}\n\n`)
  })
  const house = await openScenario(
    behind(base).replace('endpoints:', 'gateway: { account: { credits: $1 } }\n  endpoints:'),
  )
  const aborter = new AbortController()
  const answer = await fetch(`${house.baseURL}/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'm/m', messages: MESSAGES, stream: true }),
    signal: aborter.signal,
  })
  await answer.body?.getReader().read()
  aborter.abort()
  const closed = () => house.entries.find((entry) => entry.kind === 'call.closed')
  while (closed() === undefined) await new Promise((resolve) => setTimeout(resolve, 5))
  await house.close()
  const charges = house.entries.filter((entry) => entry.kind === 'fleet.charged')
  expect(charges).toMatchObject([{ endpoint: 1, outputTokens: promptTokens(WORDS.length) }])
  expect(closed()).toMatchObject({ outcome: 'cancelled', billed: charges[0]?.cost })
})

test('real endpoint: what it does not tell of tokens is told as it was counted, and billed so', async () => {
  const base = await otherServer((response) => {
    const choices = [{ index: 0, message: { role: 'assistant', content: WORDS }, finish_reason: 'stop' }]
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ id: 'x', object: 'chat.completion', created: 1, model: 'm', choices }))
  })
  const house = await openScenario(behind(base))
  const body = JSON.stringify({ model: 'm/m', messages: MESSAGES })
  const headers = { 'content-type': 'application/json' }
  const asked = async (prefix: string) => {
    const answer = await fetch(`${new URL(house.baseURL).origin}${prefix}/chat/completions`, {
      method: 'POST',
      headers,
      body,
    })
    return (await answer.json()) as { usage?: Record<string, unknown> }
  }
  const { usage } = await asked('/api/v1')
  const plain = await asked('/v1')
  await house.close()
  const [closed] = house.entries.filter((entry) => entry.kind === 'call.closed')
  expect(closed).toMatchObject({ outcome: 'ok', usageEstimated: true })
  expect(usage).toMatchObject({ completion_tokens: promptTokens(WORDS.length), cost: (closed?.billed ?? 0) / 1e9 })
  expect(usage?.['prompt_tokens']).toBeGreaterThan(0)
  expect(plain).not.toHaveProperty('usage')
})

test('real endpoint: its failures are failures like any other', async () => {
  const { base, heard } = await realServer(503)
  const house = await openScenario(behind(base))
  expect((await ask(house.baseURL)).status).toBe(503)
  await house.close()
  expect(heard).toHaveLength(1)
  expect(house.entries.filter((entry) => entry.kind === 'attempt.ended')).toMatchObject([
    { endpoint: 0, outcome: 'failed' },
    { endpoint: 1, outcome: 'failed', status: 503 },
  ])
})

test('real endpoint: whoever thinks for longer than a connection may take was connected, and is waited for', async () => {
  const { base, heard } = await realServer(200, 300)
  const impatient = behind(base).replace(
    'order: [mock, real] }',
    'order: [mock, real] }, resilience: { timeouts: { connect: 40ms } }',
  )
  const house = await openScenario(impatient)
  expect((await ask(house.baseURL)).status).toBe(200)
  await house.close()
  expect(heard).toHaveLength(1)
  expect(house.entries.filter((entry) => entry.kind === 'attempt.ended')).toMatchObject([
    { endpoint: 0, outcome: 'failed' },
    { endpoint: 1, outcome: 'ok' },
  ])
})

test('real endpoint: nothing beyond this machine is asked unless it is allowed, whatever a name seems to say', async () => {
  const real = (base_url: string, more = {}) =>
    endpointSchema.parse({
      provider: 'r',
      model: 'm',
      price: { input: 0, output: 0 },
      base_url,
      ...more,
    }) as ExternalSpec
  const nothing = { keys: {}, allowedHosts: [] }
  expect(obstacleTo(real('http://127.0.0.1:1/v1'), nothing)).toBeNull()
  expect(obstacleTo(real('http://[::1]:1/v1'), nothing)).toBeNull()
  expect(obstacleTo(real('http://localhost:1/v1'), nothing)).toBeNull()
  for (const base of ['https://api.openai.com/v1', 'http://203.0.113.7/v1', 'http://127.0.0.1.example.com/v1']) {
    expect(obstacleTo(real(base), nothing)).toContain('--allow-host')
    expect(obstacleTo(real(base), { keys: {}, allowedHosts: [new URL(base).hostname] })).toBeNull()
  }
  expect(obstacleTo(real('http://localhost:1', { api_key_env: 'NONE' }), nothing)).toContain('NONE')
  // Past that check, a connection still looks at the address.
  const house = await openScenario(behind('http://203.0.113.7:9/v1'))
  expect((await ask(house.baseURL)).status).toBeGreaterThanOrEqual(500)
  await house.close()
  const [, last] = house.entries.filter((entry) => entry.kind === 'attempt.ended')
  expect(last).toMatchObject({ endpoint: 1, errorClass: 'connect_refused' })
})

test('real endpoint: its address may name the version of its API, or not', () => {
  const request = { path: '/v1/chat/completions', headers: {}, body: '{}' }
  const at = (base_url: string, dialect = 'openai-chat') =>
    endpointSchema.parse({
      provider: 'r',
      model: 'm',
      price: { input: 0, output: 0 },
      base_url,
      dialect,
    }) as ExternalSpec
  const none = { keys: {}, allowedHosts: [] }
  expect(addressing(at('http://localhost:1'), none)(request).path).toBe('/v1/chat/completions')
  expect(addressing(at('http://localhost:1/v1/'), none)(request).path).toBe('/v1/chat/completions')
  expect(addressing(at('http://localhost:1/openai/v1'), none)(request).path).toBe('/openai/v1/chat/completions')
  expect(addressing(at('http://localhost:1/proxy'), none)(request).path).toBe('/proxy/v1/chat/completions')
})
