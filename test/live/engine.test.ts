/**
 * The live engine against callers who do not behave: who leave, who stop reading, who ask nonsense, all at once. Sockets
 * are real; every wait is for an entry or an answer, and bounded.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import {
  request as httpRequest,
  OutgoingMessage,
  ServerResponse,
  type ClientRequest,
  type IncomingMessage,
} from 'node:http'
import { connect, type Socket } from 'node:net'
import { once } from 'node:events'
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { Entry } from '../../src/ledger/index.ts'
import { Answer } from '../../src/live/answer.ts'
import { open, openScenario, type House } from './lab.ts'

let house: House | null = null

afterEach(async () => {
  await house?.close()
  house = null
  vi.restoreAllMocks()
})

const BODY = { model: 'acme/large', messages: [{ role: 'user', content: 'Where is my parcel?' }] }

/** A fleet of one slow speaker: `ttft` before the first token, then `speed` tokens a second. */
function slow(ttft: string, speed: number, resilience = '{}', more = ''): Promise<House> {
  return openScenario(`
name: slow
summary: For callers who do not wait.
duration: 1h
fleet:
  name: slow
  endpoints:
    - { provider: alpha, name: "${more === '' ? 'Alpha' : more}", model: acme/large, price: { input: 1, output: 2 }, latency: { ttft_p50: ${ttft}, ttft_p95: ${ttft}, tokens_per_second: ${speed}, speed_jitter: 0% }, capacity: { slots: 1, queue: 0 } }
policies: { one: { name: one, models: [acme/large], resilience: ${resilience} } }
workload: [{ workflow: none, policy: one, arrivals: { kind: constant, rate: 1/h }, mix: short-chat }]
timeline: []
`)
}

function ask(baseURL: string, body: unknown = { ...BODY, stream: true }, headers = {}): ClientRequest {
  const asked = httpRequest(`${baseURL}/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    agent: false,
  })
  asked.on('error', () => {})
  asked.end(typeof body === 'string' ? body : JSON.stringify(body))
  return asked
}

async function answerOf(asked: ClientRequest): Promise<{ status: number; text: string; answer: IncomingMessage }> {
  const [answer] = (await once(asked, 'response')) as [IncomingMessage]
  let text = ''
  for await (const chunk of answer) text += String(chunk)
  return { status: answer.statusCode ?? 0, text, answer }
}

async function entry<Kind extends Entry['kind']>(kind: Kind, count = 1): Promise<Extract<Entry, { kind: Kind }>> {
  await vi.waitFor(() => expect(entries(kind).length).toBeGreaterThanOrEqual(count), { timeout: 5_000, interval: 5 })
  return entries(kind)[count - 1] as Extract<Entry, { kind: Kind }>
}

function entries<Kind extends Entry['kind']>(kind: Kind): Extract<Entry, { kind: Kind }>[] {
  return (house?.entries ?? []).filter((each) => each.kind === kind) as Extract<Entry, { kind: Kind }>[]
}

/** One of each, no more: and the endpoint, which has a single slot, can be asked again. */
async function expectSettled(outcome: string): Promise<void> {
  await entry('request.closed')
  await entry('fleet.charged')
  const next = ask(house?.baseURL ?? '')
  await entry('attempt.started', 2)
  await once(next, 'response')
  next.destroy()
  await entry('request.closed', 2)
  for (const kind of ['attempt.ended', 'call.closed', 'request.closed', 'fleet.charged'] as const) {
    expect(entries(kind).filter(({ request }) => request === entries('request.arrived')[0]?.request)).toHaveLength(1)
  }
  expect(entries('request.closed')[0]?.outcome).toBe(outcome)
}

describe('a caller who leaves', () => {
  test('before the answer: the attempt is given up, and nothing was said', async () => {
    house = await slow('300ms', 100)
    const asked = ask(house.baseURL)
    await entry('attempt.started')
    asked.destroy()
    expect(await entry('attempt.ended')).toMatchObject({ outcome: 'cancelled' })
    expect((await entry('fleet.charged')).outputTokens).toBe(0)
    await expectSettled('cancelled')
  })

  test('mid-stream: charged for what was said', async () => {
    house = await slow('10ms', 100)
    const asked = ask(house.baseURL)
    const [answer] = (await once(asked, 'response')) as [IncomingMessage]
    await once(answer, 'data')
    await once(answer, 'data')
    asked.destroy()
    expect((await entry('fleet.charged')).outputTokens).toBeGreaterThan(0)
    await expectSettled('cancelled')
  })

  test('after the last token: the request was served', async () => {
    house = await slow('10ms', 2_000)
    const asked = ask(house.baseURL)
    const [answer] = (await once(asked, 'response')) as [IncomingMessage]
    for await (const chunk of answer) if (String(chunk).includes('[DONE]')) break
    asked.destroy()
    await expectSettled('ok')
  })

  test('in the middle of its own request: there was none', async () => {
    house = await slow('10ms', 2_000)
    const { hostname, port } = new URL(house.baseURL)
    const socket = connect(Number(port), hostname)
    await once(socket, 'connect')
    socket.write(
      'POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n{"mod',
    )
    socket.destroy()
    await answerOf(ask(house.baseURL))
    expect(entries('request.arrived')).toHaveLength(1)
  })

  test('with half of its connection: given up like any other', async () => {
    house = await slow('300ms', 100)
    const { hostname, port } = new URL(house.baseURL)
    const socket = connect(Number(port), hostname)
    const body = JSON.stringify({ ...BODY, stream: true })
    socket.write(
      `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    )
    await entry('attempt.started')
    socket.end()
    socket.resume()
    expect(await entry('request.closed')).toMatchObject({ outcome: 'cancelled' })
  })
})

describe('a caller who asks nonsense', () => {
  const whole = JSON.stringify(BODY)
  test.each<[string, string, string, string, Record<string, string>, number]>([
    ['no JSON', 'POST', '/chat/completions', '{"model":', {}, 400],
    ['an empty body', 'POST', '/chat/completions', '', {}, 400],
    ['null', 'POST', '/chat/completions', 'null', {}, 400],
    ['a list', 'POST', '/chat/completions', '[]', {}, 400],
    ['messages of nothing', 'POST', '/chat/completions', '{"model":"acme/large","messages":[null]}', {}, 400],
    ['a model of the wrong type', 'POST', '/chat/completions', '{"model":7,"messages":[]}', {}, 400],
    [
      'tools of nothing',
      'POST',
      '/chat/completions',
      '{"model":"acme/large","messages":[{"role":"user","content":"x"}],"tools":[null]}',
      {},
      400,
    ],
    ['plain text', 'POST', '/chat/completions', whole, { 'content-type': 'text/plain' }, 400],
    ['a form', 'POST', '/chat/completions', whole, { 'content-type': 'application/x-www-form-urlencoded' }, 400],
    ['65 MB', 'POST', '/chat/completions', 'x'.repeat(65 * 1024 * 1024), {}, 413],
    ['GET', 'GET', '/chat/completions', '', {}, 404],
    ['an unknown route', 'POST', '/embeddings', whole, {}, 404],
    ['an unknown policy', 'POST', '/chat/completions', whole, { 'x-squall-policy': 'nobody' }, 400],
    ['a policy in Latin-1', 'POST', '/chat/completions', whole, { 'x-squall-policy': 'b\u00e4r' }, 400],
    [
      'an unknown provider preference',
      'POST',
      '/chat/completions',
      whole.replace('}', '},"provider":{"nope":1}').replace('},"provider":{"nope":1}]}', '}],"provider":{"nope":1}}'),
      {},
      400,
    ],
  ])(
    '%s: %s %s is answered as OpenAI would, and is in no ledger',
    async (_name, method, path, body, headers, status) => {
      house = await slow('10ms', 2_000)
      const response = await fetch(`${house.baseURL}${path}`, {
        method,
        headers: { 'content-type': 'application/json', ...headers },
        ...(method === 'POST' && { body }),
      })
      expect(response.status).toBe(status)
      expect(await response.json()).toMatchObject({ error: { message: expect.any(String) as string } })
      expect(house.entries).toEqual([])
    },
  )
})

test(
  'many callers at one endpoint: all are served, and nobody meets a broken connection',
  { timeout: 30_000 },
  async () => {
    house = await open(null)
    const { baseURL } = house
    const served = await Promise.all(Array.from({ length: 200 }, () => answerOf(ask(baseURL))))
    expect(served.every(({ text }) => text.includes('[DONE]'))).toBe(true)
    expect(entries('attempt.ended').map(({ outcome }) => outcome)).toEqual(Array.from({ length: 200 }, () => 'ok'))
  },
)

test.each(['refuse', 'reset'])(
  'connections that were kept: an outage (%s) leaves no stale ones behind',
  async (mode) => {
    house = await openScenario(`
name: kept
summary: For connections that are used again.
duration: 1h
fleet:
  name: kept
  endpoints:
    - { provider: alpha, model: acme/large, price: { input: 1, output: 2 }, latency: { ttft_p50: 20ms, ttft_p95: 20ms, tokens_per_second: 200, speed_jitter: 0% } }
policies: { one: { name: one, models: [acme/large], resilience: { retry: { attempts: 0 } } } }
workload: [{ workflow: none, policy: one, arrivals: { kind: constant, rate: 1/h }, mix: short-chat }]
timeline: [{ at: 300ms, for: 200ms, on: { provider: alpha }, fault: outage, mode: ${mode} }]
`)
    const { baseURL } = house
    await Promise.all(Array.from({ length: 20 }, () => answerOf(ask(baseURL, BODY))))
    await entry('fault.started')
    await Promise.all(Array.from({ length: 20 }, () => answerOf(ask(baseURL, BODY))))
    const { at: healedAt } = await entry('fault.ended')
    for (let round = 0; round < 3; round += 1) {
      await Promise.all(Array.from({ length: 20 }, () => answerOf(ask(baseURL, BODY))))
    }
    const after = entries('attempt.ended').filter(({ startedAt }) => startedAt > healedAt)
    expect(after).toHaveLength(60)
    expect(after.filter(({ outcome }) => outcome !== 'ok')).toEqual([])
  },
)

test('a provider whose name no header can hold: its answer is served', async () => {
  house = await slow('10ms', 2_000, '{}', '深度 \\r\\nx-evil: 1')
  const { status, text } = await answerOf(ask(house.baseURL.replace('/v1', '/api/v1')))
  expect(status).toBe(200)
  expect(text).toContain('深度')
})

test('a gateway that ends with its last answer: it has gone out', async () => {
  const ending = await open(null)
  house = ending
  vi.spyOn(Answer as unknown as { isAlone: boolean }, 'isAlone', 'get').mockReturnValue(false)
  const { entries: heard } = ending
  const hasClosed = new Promise<void>((resolve, reject) => {
    heard.push = (...added) => {
      if (added.some(({ kind }) => kind === 'request.closed')) ending.close().then(resolve, reject)
      return Array.prototype.push.apply(heard, added)
    }
  })
  const answered = answerOf(ask(ending.baseURL, BODY)).catch((error: unknown) => error)
  await hasClosed
  house = null
  expect(await answered).toMatchObject({ status: 200 })
})

describe('a caller who does not read', () => {
  const PATIENCE = '{ timeouts: { first_token: 2s, idle: 250ms, attempt: 20s } }'

  /** From the first chunk on, the gateway's socket says that it is full, until it is told to drain. */
  function fillUp(port: string): { response: Promise<ServerResponse>; chunks: () => number } {
    let chunks = 0
    const response = new Promise<ServerResponse>((resolve) => {
      vi.spyOn(ServerResponse.prototype, 'write').mockImplementation(function (this: ServerResponse, chunk: string) {
        const isTaken = OutgoingMessage.prototype.write.call(this, chunk, 'utf8')
        if (this.socket?.localPort !== Number(port)) return isTaken
        chunks += 1
        resolve(this)
        return chunks > 1 && isTaken
      })
    })
    return { response, chunks: () => chunks }
  }

  test('its provider is not read either, the idle clock stands still, and it is served when it reads again', async () => {
    house = await slow('10ms', 100, PATIENCE)
    const { response, chunks } = fillUp(new URL(house.baseURL).port)
    const asked = answerOf(ask(house.baseURL))
    const full = await response
    await new Promise((resolve) => setTimeout(resolve, 600)) // More than twice the idle timeout: it must not fire.
    expect(entries('attempt.ended')).toEqual([])
    expect(chunks()).toBeLessThanOrEqual(3) // What undici had in its hands when it was paused.
    full.emit('drain')
    expect((await asked).text).toContain('[DONE]')
    expect(await entry('request.closed')).toMatchObject({ outcome: 'ok' })
  })

  test('and leaves: given up like any other', async () => {
    house = await slow('10ms', 100, PATIENCE)
    const { response } = fillUp(new URL(house.baseURL).port)
    const asked = ask(house.baseURL)
    await response
    asked.destroy()
    expect(await entry('attempt.ended')).toMatchObject({ outcome: 'cancelled' })
    vi.restoreAllMocks()
    await expectSettled('cancelled')
  })
})

test('an endpoint with limits: every answer tells how much is left', async () => {
  const heads: string[] = []
  const hear = (message: unknown): void => {
    const { headers } = (message as { response: { headers: Buffer[] } }).response
    heads.push(headers.map(String).join(' '))
  }
  subscribe('undici:request:headers', hear)
  house = await openScenario(`
name: limited
summary: For readers of heads.
duration: 1h
fleet:
  name: limited
  endpoints:
    - { provider: alpha, model: acme/large, price: { input: 1, output: 2 }, latency: { ttft_p50: 20ms, ttft_p95: 20ms, tokens_per_second: 2000 }, limits: { requests_per_minute: 2 } }
policies: { one: { name: one, models: [acme/large] } }
workload: [{ workflow: none, policy: one, arrivals: { kind: constant, rate: 1/h }, mix: short-chat }]
timeline: []
`)
  const statuses: number[] = []
  for (let round = 0; round < 3; round += 1) statuses.push((await answerOf(ask(house.baseURL))).status)
  unsubscribe('undici:request:headers', hear)
  expect(statuses).toEqual([200, 200, 429])
  const remaining = heads.map((head) => / x-ratelimit-remaining-requests (\d+)/.exec(head)?.[1])
  expect(remaining).toEqual(['1', '0', '0'])
})

test('a connection that breaks on its way to the provider: the provider is free again', async () => {
  house = await slow('300ms', 1_000)
  const gateway = Number(new URL(house.baseURL).port)
  let broken = 0
  const cut = (message: unknown): void => {
    const { socket } = message as { socket: Socket }
    if (socket.remotePort === gateway) return
    broken += 1
    socket.destroy()
  }
  subscribe('undici:client:sendHeaders', cut)
  expect((await answerOf(ask(house.baseURL, BODY))).status).toBe(502)
  unsubscribe('undici:client:sendHeaders', cut)
  expect(broken).toBe(1)
  expect((await answerOf(ask(house.baseURL, BODY))).status).toBe(200)
  expect(entries('fleet.charged')).toHaveLength(2)
})
