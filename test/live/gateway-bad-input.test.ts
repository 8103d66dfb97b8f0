/**
 * Whatever comes in at the gateway's door: it is answered or the connection is closed, nobody is asked in vain, what was
 * under way upstream is aborted, the ledger settles, and the next caller is served.
 */
import { connect, type Socket } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Entry } from '../../src/ledger/index.ts'
import { CHAT, HELLO, MODEL, PLAIN_CHAT, TOOLS, Wire, type WireSetup } from '../openrouter/wire.ts'

let wire: Wire

afterEach(() => wire.close())

/** Nobody was asked and nothing is in the ledger; and the gateway is as good as new. */
async function servesOn(): Promise<void> {
  expect(wire.entries.filter(({ kind }) => kind !== 'loop.lagged')).toEqual([])
  expect((await wire.chat()).status).toBe(200)
}

/** What is written on a connection of one's own, and all that came back, until the server ends it or patience is lost. */
async function raw(write: (socket: Socket) => void, patienceMs = 3_000): Promise<string> {
  const { hostname, port } = new URL(wire.origin)
  const socket = connect(Number(port), hostname)
  const pieces: Buffer[] = []
  socket.on('data', (piece: Buffer) => pieces.push(piece))
  socket.on('error', () => {})
  await new Promise((resolve) => socket.once('connect', resolve))
  const ended = new Promise((resolve) => socket.once('close', resolve))
  write(socket)
  await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, patienceMs))])
  socket.destroy()
  return Buffer.concat(pieces).toString('latin1')
}

function head(length: number, path = CHAT): string {
  return `POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n`
}

const deep = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)

describe('bodies', () => {
  beforeEach(async () => {
    wire = await Wire.open({})
  })

  test.each([CHAT, PLAIN_CHAT])('50 MB at %s: 413, and the connection is closed', async (path) => {
    const answered = await raw((socket) => {
      socket.write(head(50 * 1024 * 1024, path))
      const megabyte = Buffer.alloc(1024 * 1024, 0x20)
      for (let sent = 0; sent < 50; sent += 1) socket.write(megabyte)
    })
    expect(answered).toMatch(/^HTTP\/1\.1 413 /)
    expect(answered).toMatch(/connection: close/i)
    expect(answered).toContain(path === CHAT ? '"code":413' : '"type":"invalid_request_error"')
    await servesOn()
  })

  test('50 MB without a length: 413 as soon as it is too much', async () => {
    const answered = await raw((socket) => {
      socket.write(
        `POST ${CHAT} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n`,
      )
      const megabyte = Buffer.alloc(1024 * 1024, 0x20)
      for (let sent = 0; sent < 50; sent += 1) {
        socket.write('100000\r\n')
        socket.write(megabyte)
        socket.write('\r\n')
      }
    })
    expect(answered).toMatch(/^HTTP\/1\.1 413 /)
    await servesOn()
  })

  test.each([CHAT, PLAIN_CHAT])('invalid UTF-8 at %s: 400', async (path) => {
    const body = Buffer.concat([
      Buffer.from(`{"model":"${MODEL}","messages":[{"role":"user","content":"`),
      Buffer.from([0xff, 0xfe, 0xc0, 0x80]),
      Buffer.from('"}]}'),
    ])
    const answered = await wire.post(path, body)
    expect(answered.status).toBe(400)
    expect(answered.json()).toHaveProperty('error.message')
    await servesOn()
  })

  test.each([
    ['the body itself', deep(100_000)],
    ['messages', `{"model":"${MODEL}","messages":${deep(100_000)}}`],
    [
      'content',
      `{"model":"${MODEL}","messages":[{"role":"user","content":[{"type":"text","text":"x","more":${deep(100_000)}}]}]}`,
    ],
    [
      'a field that nobody knows',
      `{"model":"${MODEL}","messages":[{"role":"user","content":"x"}],"more":${deep(100_000)}}`,
    ],
    [
      'provider',
      `{"model":"${MODEL}","messages":[{"role":"user","content":"x"}],"provider":{"order":${deep(100_000)}}}`,
    ],
  ])('100,000 brackets in %s: 400', async (_where, body) => {
    for (const path of [CHAT, PLAIN_CHAT]) expect((await wire.post(path, body)).status).toBe(400)
    await servesOn()
  })

  test('objects in objects, as many as schemas have: served', async () => {
    let schema: object = { type: 'integer' }
    for (let depth = 0; depth < 60; depth += 1) schema = { type: 'object', properties: { a: schema } }
    const tools = [{ type: 'function', function: { name: 'deep', parameters: schema } }]
    expect((await wire.chat({ tools })).status).toBe(200)
    expect(wire.of('attempt.ended')).toMatchObject([{ outcome: 'ok' }])
  })

  test.each([
    ['at the top', `"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}`],
    ['in metadata', `"metadata":{"__proto__":"polluted"}`],
    ['in plugins', `"plugins":[{"id":"x","__proto__":{"polluted":1}}]`],
    [
      'in a tool',
      `"tools":[{"type":"function","function":{"name":"t","parameters":{"type":"object","properties":{"__proto__":{"type":"integer"}}}}}]`,
    ],
  ])('__proto__ %s: nothing is polluted', async (_where, field) => {
    const answered = await wire.post(CHAT, `{"model":"${MODEL}","messages":[{"role":"user","content":"x"}],${field}}`)
    expect([200, 400]).toContain(answered.status)
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
    expect(wire.of('attempt.ended').every(({ outcome }) => outcome === 'ok')).toBe(true)
  })

  test('__proto__ in provider: an unknown key like any other', async () => {
    const body = `{"model":"${MODEL}","messages":[{"role":"user","content":"x"}],"provider":{"__proto__":{"order":["beta"]}}}`
    const answered = await wire.post(CHAT, body)
    expect(answered.status).toBe(400)
    expect(answered.json()).toMatchObject({ error: { message: expect.stringMatching(/__proto__/) as string } })
  })

  test('a body that is no JSON, no object, or nothing: 400', async () => {
    for (const body of ['', '{', 'null', '[]', '"text"', '1e999', '{"model":1e999}']) {
      for (const path of [CHAT, PLAIN_CHAT]) {
        const answered = await wire.post(path, body)
        expect(answered.status, body).toBe(400)
        expect(answered.json(), body).toHaveProperty('error.message')
      }
    }
    await servesOn()
  })

  test.each(['text/plain', 'application/x-www-form-urlencoded', 'application/xml', 'garbage', ''])(
    'JSON that calls itself "%s": 400, as a page may have any browser send it',
    async (type) => {
      const body = { model: MODEL, messages: HELLO }
      const refused = await wire.post(CHAT, body, { 'content-type': type })
      expect(refused.status).toBe(400)
      expect(refused.json()).toMatchObject({ error: { code: 400, message: 'Input must have at least 1 token.' } })
      expect((await wire.post(PLAIN_CHAT, body, { 'content-type': type })).status).toBe(400)
      await servesOn()
    },
  )

  test('an address that cannot be read: 400 in the way of the surface', async () => {
    for (const id of ['%ff', '%zz']) {
      const answered = await wire.get(`/api/v1/models/${id}/x/endpoints`)
      expect(answered.status).toBe(400)
      expect(answered.json()).toMatchObject({ error: { code: 400, message: expect.any(String) as string } })
    }
    await servesOn()
  })

  test('long names of every kind: nothing of them is remembered', async () => {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    const MEGABYTE = 1_048_576
    const used = (): number => {
      collect()
      return process.memoryUsage().heapUsed / MEGABYTE
    }
    const ask = async (round: number): Promise<void> => {
      const long = String(round).padEnd(2 * MEGABYTE, 'x')
      await wire.chat({ provider: { [long]: true } })
      await wire.chat({ plugins: [{ id: 'web', search_prompt: long }] })
      await wire.chat({ prompt_cache_key: long })
    }
    await ask(0)
    const before = used()
    for (let round = 1; round <= 12; round += 1) await ask(round)
    expect(used() - before).toBeLessThan(10)
  }, 60_000)

  test('every field of every wrong type: 400 or served, never 500', async () => {
    const fields = [
      'model', 'models', 'provider', 'messages', 'stream', 'max_tokens', 'temperature', 'stop', 'tools', 'tool_choice',
      'response_format', 'reasoning', 'reasoning_effort', 'metadata', 'logit_bias', 'plugins', 'session_id', 'trace',
      'debug', 'usage', 'stream_options', 'service_tier', 'route', 'preset', 'user', 'prediction', 'modalities',
      'seed', 'verbosity', 'top_logprobs', 'parallel_tool_calls', 'stop_server_tools_when', 'cache_control',
    ] // prettier-ignore
    const values = [null, true, -1, 1.5, '', 'x', [], [null], [[]], {}, { type: 'x' }, { a: null }]
    const statuses = await Promise.all(
      fields.map(async (field) => {
        const seen = new Set<number>()
        for (const value of values) seen.add((await wire.chat({ max_tokens: 1, [field]: value })).status)
        return seen
      }),
    )
    expect(new Set(statuses.flatMap((seen) => [...seen]))).toEqual(new Set([200, 400]))
    expect(wire.of('attempt.ended').filter(({ outcome }) => outcome !== 'ok')).toEqual([])
  })
})

describe('text that would like to be a header', () => {
  beforeEach(async () => {
    wire = await Wire.open({})
  })

  const EVIL = 'x\r\nx-evil: 1\r\n\r\n<html>'

  test.each(['session_id', 'user', 'prompt_cache_key', 'preset'])('CR and LF in %s: no header of it', async (field) => {
    const answered = await wire.chat({ [field]: EVIL })
    expect(answered.headers['x-evil']).toBeUndefined()
    expect([200, 400]).toContain(answered.status)
  })

  test('CR and LF in a model: 400, and no header of it', async () => {
    const answered = await wire.chat({ model: EVIL })
    expect(answered.status).toBe(400)
    expect(answered.headers['x-evil']).toBeUndefined()
    expect(answered.json()).toMatchObject({ error: { code: 400 } })
  })

  test('a bare CR or LF in a header: the connection is closed, or 400', async () => {
    for (const header of ['x-session-id: a\rb', 'x-session-id: a\nb', 'x-session-id: \0']) {
      const answered = await raw((socket) =>
        socket.end(`POST ${CHAT} HTTP/1.1\r\nhost: x\r\n${header}\r\ncontent-length: 0\r\n\r\n`),
      )
      expect(answered === '' || /^HTTP\/1\.1 4\d\d /.test(answered), JSON.stringify(answered.slice(0, 80))).toBe(true)
    }
    await servesOn()
  })
})

describe('half a request', () => {
  beforeEach(async () => {
    wire = await Wire.open({})
  })

  const body = JSON.stringify({ model: MODEL, messages: HELLO })

  test.each([
    ['half a request line', (socket: Socket) => void socket.end('POST /api/v1/ch')],
    ['half a head', (socket: Socket) => void socket.end(head(10).slice(0, -20))],
    ['no body', (socket: Socket) => void socket.end(head(body.length))],
    ['half a body', (socket: Socket) => void socket.end(head(body.length) + body.slice(0, 20))],
    [
      'half a body, and a reset',
      (socket: Socket) => {
        socket.write(head(body.length) + body.slice(0, 20))
        setTimeout(() => socket.resetAndDestroy(), 20)
      },
    ],
    ['two lengths', (socket: Socket) => void socket.end(head(5).replace('\r\n\r\n', '\r\ncontent-length: 6\r\n\r\n'))],
    ['no HTTP at all', (socket: Socket) => void socket.end('\x16\x03\x01\x02\x00\x01\x00\x01\xfc')],
  ])('%s: the connection is closed, and nobody was asked', async (_what, write) => {
    const answered = await raw(write)
    expect(answered === '' || /^HTTP\/1\.1 4\d\d /.test(answered), answered).toBe(true)
    await servesOn()
  })
})

/** Nothing is under way any more, and what is in the ledger of the one request that came adds up. */
async function settled(): Promise<void> {
  await wire.until('request.closed')
  const started = wire.of('attempt.started')
  const ended = wire.of('attempt.ended')
  expect(ended).toHaveLength(started.length)
  expect(wire.of('request.arrived')).toHaveLength(1)
  expect(wire.of('request.closed')).toMatchObject([{ outcome: 'cancelled', errorClass: 'cancelled' }])
  expect(wire.of('call.closed')).toMatchObject([{ outcome: 'cancelled' }])
}

const SLOW = { ttft_p50: '20ms', ttft_p95: '20ms', tokens_per_second: 20, speed_jitter: '0%' }
const LEAVERS: readonly [when: string, setup: WireSetup, stream: boolean, phase: Entry['kind']][] = [
  [
    'while racing, a stream',
    { faults: { alpha: { fault: 'latency', mode: 'first_token_silence', add: '20s' } } },
    true,
    'attempt.started',
  ],
  [
    'while racing, in one piece',
    { faults: { alpha: { fault: 'latency', mode: 'first_token_silence', add: '20s' } } },
    false,
    'attempt.started',
  ],
  [
    'while the endpoint does not answer',
    { faults: { alpha: { fault: 'outage', mode: 'blackhole' } } },
    true,
    'attempt.started',
  ],
]

describe('a client that leaves', () => {
  const asked = (stream: boolean) => JSON.stringify({ model: MODEL, messages: HELLO, stream, tools: TOOLS })

  /** Ask, and hang up when the ledger, or the stream, says so. */
  async function leaves(stream: boolean, when: (socket: Socket) => Promise<unknown>): Promise<void> {
    const body = asked(stream)
    const isGone = raw((socket) => {
      socket.write(head(body.length) + body)
      void when(socket).then(() => socket.destroy())
    }, 10_000)
    await isGone
  }

  test.each(LEAVERS)('%s: the attempt is aborted, and the books are closed', async (_when, setup, stream, phase) => {
    wire = await Wire.open(setup)
    await leaves(stream, () => wire.until(phase))
    await settled()
    expect(wire.of('attempt.ended')).toMatchObject([{ outcome: 'cancelled' }])
    expect(wire.of('call.closed')).toMatchObject([{ billed: 0 }])
  })

  test('while it waits at a door: it waits no more, and nobody was asked for it', async () => {
    wire = await Wire.open({
      endpoints: [{ provider: 'alpha', latency: SLOW }],
      policy: { resilience: { concurrency: { kind: 'fixed', limit: 1, queue: 10, wait: '20s' } } },
    })
    const first = wire.chat({ stream: true })
    await wire.until('attempt.started')
    const before = wire.entries.length
    await leaves(true, async () => {
      while (wire.of('request.arrived').length < 2) await new Promise((resolve) => setTimeout(resolve, 5))
      await new Promise((resolve) => setTimeout(resolve, 20))
    })
    const closed = await wire.until('request.closed')
    expect(closed).toMatchObject({ outcome: 'cancelled', attempts: 0 })
    expect(wire.entries.slice(before).filter(({ kind }) => kind === 'attempt.started')).toEqual([])
    expect((await first).status).toBe(200)
  }, 20_000)

  test('in the middle of a stream: the endpoint stops, and charges what it had said', async () => {
    wire = await Wire.open({ endpoints: [{ provider: 'alpha', latency: SLOW }] })
    await leaves(true, (socket) => new Promise((resolve) => socket.once('data', resolve)))
    await settled()
    const [charged] = wire.of('fleet.charged')
    const [ended] = wire.of('attempt.ended')
    expect(ended).toMatchObject({ outcome: 'cancelled', committed: true })
    expect(charged?.outputTokens).toBeGreaterThan(0)
    expect(charged?.outputTokens).toBeLessThan(60)
  })

  test('after its answer: it is answered, and nothing more happens', async () => {
    wire = await Wire.open({})
    const body = asked(false)
    const answered = await raw((socket) => {
      socket.write(head(body.length) + body)
      socket.once('data', () => setTimeout(() => socket.destroy(), 20))
    })
    expect(answered).toMatch(/^HTTP\/1\.1 200 /)
    expect(wire.of('request.closed')).toMatchObject([{ outcome: 'ok' }])
    expect(wire.of('call.closed')).toMatchObject([{ outcome: 'ok' }])
    expect((await wire.chat()).status).toBe(200)
  })
})
