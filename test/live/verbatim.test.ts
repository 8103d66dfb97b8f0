/** Answers that go to their callers in the bytes in which they came, from a real endpoint that speaks their dialect. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { request as ask } from 'node:http'
import type { AddressInfo } from 'node:net'
import fc from 'fast-check'
import { describe, expect, onTestFinished, test } from 'vitest'
import { Verbatim } from '../../src/live/verbatim.ts'
import { coalesce, type Signal } from '../../src/protocol/index.ts'
import { dialectOf } from '../../src/protocol/dialects/index.ts'
import { openScenario, type House } from './lab.ts'

const chunk = (delta: object, more: object = {}) =>
  `data: ${JSON.stringify({ id: 'theirs', object: 'chat.completion.chunk', model: 'their-name', choices: [{ index: 0, delta, finish_reason: null, ...more }] })}\n\n`
const COUNTS = `data: ${JSON.stringify({ id: 'theirs', choices: [], usage: { prompt_tokens: 11, completion_tokens: 4, total_tokens: 15 } })}\n\n`
const DONE = 'data: [DONE]\n\n'
const OPENING = chunk({ role: 'assistant', content: '' })
const WORDS = ['Guten', ' Tag', ' ☂ "quoted"', ' and \\ on', ' ', 'Guten'].map((content) => chunk({ content }))
const FINISH = chunk({}, { finish_reason: 'stop' })
const WHOLE = [OPENING, ': a comment\n\n', ...WORDS, FINISH, COUNTS, DONE].join('')
const TOOL = [
  OPENING,
  chunk({ tool_calls: [{ index: 0, id: 'call_1', type: 'function', function: { name: 'f', arguments: '' } }] }),
  chunk({ tool_calls: [{ index: 0, function: { arguments: '{"a":' } }] }),
  chunk({ tool_calls: [{ index: 0, function: { arguments: '1}' } }] }),
  chunk({}, { finish_reason: 'tool_calls' }),
  COUNTS,
  DONE,
].join('')
const ERROR = `data: ${JSON.stringify({ error: { message: 'The engine is overloaded', code: 'engine_overloaded' } })}\n\n`
const SSE = { 'content-type': 'text/event-stream' }

function pieces(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b)
  return [0, ...places].map((from, index) => bytes.subarray(from, places[index] ?? bytes.length))
}

/** What a parser says of these pieces, and what a router would have handed over: what came, when it came. */
function heard(stream: readonly Buffer[], how: 'clean' | 'reset', includeUsage = true) {
  const verbatim = new Verbatim(dialectOf('openai-chat').parser({ stream: true }), { stream: true, includeUsage })
  const out: Buffer[] = []
  const all: Signal[] = []
  let isRendered = false
  const hand = (signals: readonly Signal[]): void => {
    all.push(...signals)
    const told = signals.filter(({ type }) => ['content', 'toolDelta', 'usage', 'finished'].includes(type))
    if (!told.some(({ type }) => type !== 'usage')) return
    const bytes = verbatim.take(told)
    if (bytes === null) isRendered = true
    else out.push(...bytes)
  }
  verbatim.head(200, SSE)
  for (const piece of stream) hand(verbatim.push(piece))
  hand(verbatim.end(how))
  return { text: Buffer.concat(out).toString(), signals: all, isRendered }
}

/** What the dialect's own parser says of the same bytes. */
function parsed(bytes: Buffer, how: 'clean' | 'reset'): Signal[] {
  const parser = dialectOf('openai-chat').parser({ stream: true })
  parser.head(200, SSE)
  return [...parser.push(bytes), ...parser.end(how)]
}

describe('bytes', () => {
  test('verbatim: a stream, comes out as it went in, and is read as ever, wherever it is cut', () => {
    for (const body of [WHOLE, TOOL, WHOLE.replaceAll('\n', '\r\n')]) {
      const bytes = Buffer.from(body)
      fc.assert(
        fc.property(fc.array(fc.nat(bytes.length), { maxLength: 12 }), (cuts) => {
          const { text, signals, isRendered } = heard(pieces(bytes, cuts), 'clean')
          expect(isRendered).toBe(false)
          expect(text).toBe(body)
          expect(coalesce(signals)).toEqual(coalesce(parsed(bytes, 'clean')))
        }),
      )
      const each = heard(
        Array.from(bytes, (byte) => Buffer.from([byte])),
        'clean',
      )
      expect(each.text, 'byte by byte').toBe(body)
    }
  })

  test('verbatim: lines that end in carriage returns alone, are read as they come, and rendered', () => {
    const body = WHOLE.replaceAll('\n', '\r')
    const { text, signals } = heard([Buffer.from(body.slice(0, 500)), Buffer.from(body.slice(500))], 'clean')
    expect(text).toBe('')
    expect(coalesce(signals)).toEqual(coalesce(parsed(Buffer.from(body), 'clean')))
  })

  test('verbatim: counts that were not asked for, are read and not passed on', () => {
    const bytes = Buffer.from(WHOLE)
    for (const cuts of [[], [700, 900, WHOLE.indexOf('"usage"') + 3]]) {
      const { text, signals } = heard(pieces(bytes, cuts), 'clean', false)
      expect(text).toBe(WHOLE.replace(COUNTS, ''))
      expect(signals).toContainEqual({ type: 'usage', inputTokens: 11, outputTokens: 4 })
    }
  })

  test('verbatim: a stream that breaks off or turns into an error, ends with its last good event', () => {
    const good = [OPENING, ...WORDS].join('')
    const cut = heard([Buffer.from(good), Buffer.from(chunk({ content: 'lost' }).slice(0, -5))], 'reset')
    expect(cut).toMatchObject({ text: good })
    expect(cut.signals.at(-1)).toEqual({ type: 'closed', how: 'reset' })
    const failed = heard([Buffer.from(good), Buffer.from(ERROR)], 'clean')
    expect(failed).toMatchObject({ text: good })
    expect(failed.signals.at(-1)).toMatchObject({ type: 'failed', message: 'The engine is overloaded' })
    const together = heard([Buffer.from(good + ERROR)], 'clean')
    expect(together, 'what came with the error is rendered').toMatchObject({ text: '', isRendered: true })
  })

  test('verbatim: Signals that are not its own, have no bytes', () => {
    const verbatim = new Verbatim(dialectOf('openai-chat').parser({ stream: true }), {
      stream: true,
      includeUsage: true,
    })
    verbatim.head(200, SSE)
    const [said] = verbatim.push(Buffer.from(WORDS[0] as string))
    expect(said).toMatchObject({ type: 'content', text: 'Guten' })
    expect(verbatim.take([{ ...(said as Signal) }])).toBeNull()
    expect(verbatim.take([said as Signal]), 'nor has anything after them').toBeNull()
  })

  test('verbatim: a body that is not of the type that was asked for, is rendered', () => {
    const verbatim = new Verbatim(dialectOf('openai-chat').parser({ stream: true }), {
      stream: true,
      includeUsage: true,
    })
    verbatim.head(200, { 'content-type': 'application/json' })
    verbatim.push(Buffer.from('{"choices":[{"message":{"content":"all of it"},"finish_reason":"stop"}]}'))
    const signals = verbatim.end('clean')
    expect(signals.at(-1)).toMatchObject({ type: 'finished' })
    expect(verbatim.take(signals)).toBeNull()
  })
})

// ---------------------------------------------------------------------------------------------------------------------
// Through the gateway

type Behaviour = (response: ServerResponse, request: IncomingMessage) => void

async function gatewayTo(behave: Behaviour, resilience = '{}'): Promise<House> {
  const server = createServer((request, response) => {
    request.resume()
    request.on('end', () => behave(response, request))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const house = await openScenario(`
name: verbatim
summary: A real server behind the gateway.
duration: 1h
fleet:
  name: real
  endpoints:
    - { provider: real, model: m/m, base_url: "http://127.0.0.1:${port}/v1", price: { input: 3, output: 5 } }
policies: { p: { name: p, models: [m/m], resilience: ${resilience} } }
workload: [{ workflow: none, policy: p, arrivals: { kind: constant, rate: 1/h }, mix: short-chat }]
`)
  onTestFinished(() => house.close())
  return house
}

interface Answered {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly text: string
}

function call({ baseURL }: House, fields: object): Promise<Answered> {
  const body = JSON.stringify({ model: 'm/m', messages: [{ role: 'user', content: 'Hello' }], ...fields })
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json' }
    const sent = ask(`${baseURL}/chat/completions`, { method: 'POST', headers }, (response) => {
      const parts: Buffer[] = []
      response.on('data', (bytes: Buffer) => parts.push(bytes))
      response.on('end', () => {
        const { statusCode: status = 0, headers } = response
        resolve({ status, headers, text: Buffer.concat(parts).toString() })
      })
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

const closed = ({ entries }: House) => entries.filter((entry) => entry.kind === 'request.closed')

describe('through the gateway', () => {
  const ANSWER =
    '{ "id":"theirs", "object":"chat.completion","created":1,"model":"their-name", "odd": [1, 2],\n"choices":[{"index":0,"message":' +
    '{"role":"assistant","content":"Guten Tag ☂"},"finish_reason":"stop"}],"usage":{"prompt_tokens":11,"completion_tokens":4,"total_tokens":15}}'

  test('verbatim: an answer in one piece, comes byte by byte as the provider wrote it, and is in the books', async () => {
    const house = await gatewayTo((response) => {
      response.writeHead(200, { 'content-type': 'application/json; charset=utf-8' })
      response.write(ANSWER.slice(0, 90))
      setTimeout(() => response.end(ANSWER.slice(90)), 20)
    })
    const answered = await call(house, {})
    expect(answered).toMatchObject({ status: 200, text: ANSWER })
    expect(answered.headers).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      'content-length': String(Buffer.byteLength(ANSWER)),
      'x-squall-attempts': '1',
      'x-squall-endpoint': 'real:m/m',
    })
    expect(answered.headers['x-request-id']).toMatch(/^req_chatcmpl-/)
    expect(closed(house)).toMatchObject([{ outcome: 'ok', attempts: 1, billed: 53_000, outputTokens: 4 }])
  })

  test('verbatim: a stream, comes as it came, its counts only to those who want them', async () => {
    const house = await gatewayTo((response) => {
      response.writeHead(200, SSE)
      const bytes = Buffer.from(WHOLE)
      for (let from = 0; from < bytes.length; from += 400) {
        setTimeout(() => response.write(bytes.subarray(from, from + 400)), from / 20)
      }
      setTimeout(() => response.end(), bytes.length / 20 + 30)
    })
    const plain = await call(house, { stream: true })
    expect(plain).toMatchObject({ status: 200, text: WHOLE.replace(COUNTS, '') })
    expect(plain.headers).toMatchObject({ 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
    expect((await call(house, { stream: true, stream_options: { include_usage: true } })).text).toBe(WHOLE)
    expect(closed(house)).toMatchObject([
      { outcome: 'ok', billed: 53_000 },
      { outcome: 'ok', billed: 53_000 },
    ])
    expect(house.entries.filter(({ kind }) => kind === 'fleet.charged')).toMatchObject([
      { inputTokens: 11, outputTokens: 4 },
      { inputTokens: 11, outputTokens: 4 },
    ])
  })

  test('verbatim: tool calls, come through untouched, and rendered where a policy validates them', async () => {
    const behave: Behaviour = (response) => response.writeHead(200, SSE).end(TOOL)
    const asked = {
      stream: true,
      tools: [{ type: 'function', function: { name: 'f', parameters: { type: 'object' } } }],
    }
    const passed = await call(await gatewayTo(behave), asked)
    expect(passed.text).toBe(TOOL.replace(COUNTS, ''))
    const validated = await call(await gatewayTo(behave, '{ validation: { tool_calls: fall_back } }'), asked)
    expect(validated.text).not.toContain('theirs')
    expect(validated.text).toContain('\\"a\\":1')
  })

  test('verbatim: an error inside a stream, follows what came before it, in our words', async () => {
    const house = await gatewayTo((response) => {
      response.writeHead(200, SSE)
      response.write(OPENING + WORDS.join(''))
      setTimeout(() => response.end(ERROR), 20)
    })
    const { text } = await call(house, { stream: true })
    expect(text.startsWith(OPENING + WORDS.join(''))).toBe(true)
    const rest = text.slice((OPENING + WORDS.join('')).length)
    expect(rest).toMatch(/^data: \{[^\n]*"error":\{[^\n]*\n\n$/)
    expect(closed(house)).toMatchObject([{ outcome: 'truncated' }])
  })

  test('verbatim: a stream that is cut, ends with an error after its last whole event', async () => {
    const house = await gatewayTo((response) => {
      response.writeHead(200, SSE)
      response.write(OPENING + (WORDS[0] as string) + (WORDS[1] as string).slice(0, -7))
      setTimeout(() => response.socket?.resetAndDestroy(), 20)
    })
    const { text } = await call(house, { stream: true })
    expect(text.startsWith(OPENING + (WORDS[0] as string))).toBe(true)
    expect(text).not.toContain('Tag')
    expect(text).toContain('"error"')
    expect(closed(house)).toMatchObject([{ outcome: 'truncated' }])
  })

  test('verbatim: a reader who is slow, holds the provider back, and gets all of it in the end', async () => {
    const event = chunk({ content: 'x'.repeat(60_000) })
    const EVENTS = 200
    let sent = 0
    const house = await gatewayTo((response) => {
      response.writeHead(200, SSE)
      const more = (): void => {
        for (; sent < EVENTS; sent += 1) {
          if (!response.write(event)) {
            sent += 1
            response.once('drain', more)
            return
          }
        }
        response.end(FINISH + DONE)
      }
      more()
    })
    const body = JSON.stringify({ model: 'm/m', stream: true, messages: [{ role: 'user', content: 'Hello' }] })
    const bytes = await new Promise<number>((resolve, reject) => {
      const headers = { 'content-type': 'application/json' }
      const asked = ask(`${house.baseURL}/chat/completions`, { method: 'POST', headers }, (response) => {
        let read = 0
        response.once('data', (first: Buffer) => {
          read += first.length
          response.pause()
          setTimeout(() => {
            expect(sent, 'nobody reads on for somebody who does not read').toBeLessThan(EVENTS)
            response.on('data', (more: Buffer) => (read += more.length))
            response.resume()
          }, 300)
        })
        response.on('end', () => resolve(read))
      })
      asked.on('error', reject)
      asked.end(body)
    })
    expect(bytes).toBe(EVENTS * event.length + FINISH.length + DONE.length)
  })

  test('verbatim: a caller who leaves, ends the stream at the provider', async () => {
    const left = Promise.withResolvers<void>()
    const house = await gatewayTo((response) => {
      response.writeHead(200, SSE)
      response.write(OPENING + WORDS.join(''))
      response.on('close', () => left.resolve())
    })
    const body = JSON.stringify({ model: 'm/m', stream: true, messages: [{ role: 'user', content: 'Hello' }] })
    const asked = ask(`${house.baseURL}/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
    })
    asked.on('response', (response) => {
      response.on('error', () => {})
      response.once('data', () => asked.destroy())
    })
    asked.on('error', () => {})
    asked.end(body)
    await left.promise
    expect(closed(house)).toMatchObject([{ outcome: 'cancelled' }])
  })
})
