/**
 * The rows of the catalogue on real sockets: the gateway's own client hears the same story as in virtual time. Those about
 * the transport and HTTP in every dialect, and with bytes that are what they say; the others in one dialect, where a lone
 * question meets them.
 */
import { gunzipSync } from 'node:zlib'
import { afterEach, describe, expect, test } from 'vitest'
import { Rng } from '../../src/base/index.ts'
import type { ChatRequest, EndpointSpec, ErrorClass, Signal } from '../../src/protocol/index.ts'
import { comparable } from '../../src/protocol/dialects/index.ts'
import { CATALOGUE, type FaultVariant, type ScheduledFault } from '../../src/provider/index.ts'
import { MIXES } from '../../src/workload/index.ts'
import { FleetLab, question } from '../provider/lab.ts'
import { endpoint, fault } from '../virtual/lab.ts'
import { bodyOf, valuesOf, WireLab, type Exchanged } from './lab.ts'

const KINDS = ['outage', 'connection', 'bandwidth', 'http_error', 'headers', 'payload_limit', 'redirect']
const ALL = CATALOGUE.flatMap(({ kind, variant }) => (variant === null ? [] : [{ kind: kind.kind, variant }]))
const ROWS = ALL.filter(({ kind }) => KINDS.includes(kind))
const PROVIDERS = [
  ['openai', 'openai-chat'],
  ['anthropic', 'anthropic-messages'],
  ['google', 'gemini'],
  ['acme', 'openai-responses'],
] as const
const SPEED = 20
const LATENCY = { ttft_p50: '200ms', ttft_p95: '200ms', prefill: '0ms', speed_jitter: 0, tokens_per_second: 100 }
const ASKED = { id: 1, weather: 5, inputTokens: 100, outputTokens: 60 }

const specOf = (provider: string, dialect: string): EndpointSpec =>
  endpoint(provider, { dialect, model: 'acme/large', latency: LATENCY })

const faultOf = (kind: string, variant: FaultVariant): ScheduledFault =>
  fault(kind, 0, 80_000_000, [0], { ...variant.with, ...variant.ask })

/** What an attempt came to, in the router's words. */
function outcomeOf(signals: readonly Signal[]): ErrorClass | 'ok' | 'silence' {
  const last = signals.at(-1)
  const wasAccepted = signals.some(({ type }) => type === 'accepted')
  if (last?.type === 'finished') return 'ok'
  if (last?.type === 'failed') return last.class
  if (last?.type === 'garbled') return 'invalid_response'
  if (last?.type === 'closed') return wasAccepted ? 'stream_cut' : 'connection_reset'
  return 'silence'
}

/** What both clocks must agree on: everything but words, hints' form, headers, and how a lost connection is put. */
function storyOf(signals: readonly Signal[], stream: boolean): unknown[] {
  const last = signals.at(-1)
  const isLost = outcomeOf(signals) === 'connection_reset'
  return comparable(signals, stream ? 'stream' : 'json')
    .filter((signal) => !isLost || signal !== last)
    .flatMap((signal): unknown[] => {
      if (isLost) return []
      if (signal.type === 'accepted') return [{ type: signal.type, status: signal.status }]
      if (signal.type === 'failed') {
        const { type, class: name, status, retryAfterMs, where } = signal
        return [{ type, class: name, status: where === 'stream' ? null : status, retryAfterMs, where }]
      }
      return signal.type === 'content' ? [{ type: signal.type, tokens: signal.tokens }] : [signal]
    })
}

type Row = (typeof ALL)[number]

/** A question of the kind of traffic that meets the row. */
function askedOf({ variant: { mix: wanted = 'short-chat' } }: Row, stream: boolean): Partial<ChatRequest> {
  const mix = MIXES.find(({ kind }) => kind === wanted)
  if (!mix || wanted === 'short-chat') return { ...ASKED, stream }
  const { inputTokens, callsTool } = mix.draw(Rng.fromSeed(1))
  return { ...ASKED, inputTokens, callsTool, shape: mix.shape, stream }
}

/** What a lone attempt is told in virtual time; null when the row does not strike it. */
function toldOf(row: Row, spec: EndpointSpec, stream: boolean): readonly Signal[] | null {
  const lab = new FleetLab([spec], [faultOf(row.kind, row.variant)], 'chunk')
  const attempt = lab.at(0).send(0, question(askedOf(row, stream)))
  lab.at(600_000)
  return lab.of('fault.fired').length === 0 ? null : lab.said(attempt).map(({ signal }) => signal)
}

async function sameStory(row: Row, spec: EndpointSpec, stream: boolean): Promise<void> {
  const told = toldOf(row, spec, stream)
  if (told === null) throw new Error('it does not strike')
  const isEndless = outcomeOf(told) === 'silence'
  const wire = await WireLab.open([spec], [faultOf(row.kind, row.variant)], SPEED)
  try {
    const asked = { patienceMs: isEndless ? 100 : 5_000, lingerMs: 5 }
    const { signals } = await wire.ask(askedOf(row, stream), asked)
    expect(wire.of('fault.fired')).toHaveLength(1)
    expect(outcomeOf(signals)).toBe(outcomeOf(told))
    if (!isEndless) expect(storyOf(signals, stream)).toEqual(storyOf(told, stream))
    expect(wire.inFlight).toBe(0)
  } finally {
    await wire.close()
  }
}

const cases = (rows: readonly Row[]) =>
  rows.flatMap((row) => [true, false].map((stream) => [row.variant.id, stream, row] as const))

describe.each(PROVIDERS)('%s (%s)', (provider, dialect) => {
  test.each(cases(ROWS))('%s, stream %s: the same story on the wire and in virtual time', (_id, stream, row) =>
    sameStory(row, specOf(provider, dialect), stream),
  )
})

/** Counts that cannot be are never read from bytes; in virtual time the router has to disbelieve them itself. */
const NOT_READ = ['usage.zero_or_negative.negative']

describe('every other row that strikes a lone question', () => {
  const spec = specOf('openai', 'openai-chat')
  const others = cases(ALL.filter(({ kind, variant }) => !KINDS.includes(kind) && !NOT_READ.includes(variant.id)))
  const striking = others.filter(([, stream, row]) => toldOf(row, spec, stream) !== null)

  test.each(striking)('%s, stream %s: the same story on the wire and in virtual time', (_id, stream, row) =>
    sameStory(row, spec, stream),
  )
})

describe('the bytes', () => {
  const SPEC = specOf('openai', 'openai-chat')
  let lab: WireLab | null = null

  afterEach(async () => {
    await lab?.close()
    lab = null
  })

  /** The last of so many questions under one row. */
  async function under(id: string, asked: object = {}, questions = 1): Promise<Exchanged> {
    const row = ROWS.find(({ variant }) => variant.id === id)
    if (!row) throw new Error(`no row ${id}`)
    await lab?.close()
    lab = await WireLab.open([SPEC], [faultOf(row.kind, row.variant)], SPEED)
    for (let turn = 1; turn < questions; turn += 1) await lab.ask(ASKED)
    return lab.ask({ ...ASKED, id: questions + 1, ...asked }, { patienceMs: 5_000 })
  }

  const header = ({ answer }: Exchanged, name: string): string | null => (answer && valuesOf(answer, name)[0]) ?? null

  test.each(['net.refused', 'net.dns_fail'])('%s: there is no connection', async (id) => {
    expect(await under(id)).toMatchObject({ connections: [], answer: null })
  })

  test.each([
    ['net.reset_before_headers', 'reset'],
    ['net.reset_before_headers.late', 'reset'],
    ['net.empty_reply', 'fin'],
  ])('%s: not a byte, and the connection ends (%s)', async (id, end) => {
    expect((await under(id)).connections).toEqual([{ segments: [], end }])
  })

  test('net.garbage: bytes, and none of them HTTP', async () => {
    const { bytes, answer, connections } = await under('net.garbage')
    expect(bytes.length).toBe(64)
    expect(answer).toBeNull()
    expect(connections).toMatchObject([{ end: 'fin' }])
  })

  test.each([
    ['net.reset_mid_body', 'reset'],
    ['net.incomplete_chunked', 'fin'],
  ])('%s: part of the answer, no last chunk, and the end (%s)', async (id, end) => {
    const { answer, connections } = await under(id)
    expect(bodyOf(answer!).isWhole).toBe(false)
    expect(bodyOf(answer!).text).toMatch(/^data: .*"content":"[^"]/s)
    expect(connections).toMatchObject([{ end }])
  })

  test.each([
    ['net.length_mismatch.long', 16],
    ['net.length_mismatch.short', -16],
  ])('%s: the content-length is wrong by %d bytes', async (id, wrongBy) => {
    const exchanged = await under(id)
    expect(Number(header(exchanged, 'content-length')) - exchanged.answer!.framed.length).toBe(wrongBy)
    expect(exchanged.answer!.framed.toString()).not.toContain('[DONE]')
  })

  test('net.encoding: called gzip, and does not decode', async () => {
    const exchanged = await under('net.encoding')
    expect(header(exchanged, 'content-encoding')).toBe('gzip')
    expect(() => gunzipSync(exchanged.answer!.framed)).toThrow()
  })

  test('net.keepalive_race: the kept connection closes without a byte, a new one answers', async () => {
    const { connections, signals } = await under('net.keepalive_race', {}, 2)
    expect(connections).toMatchObject([{ segments: [], end: 'fin' }, { end: 'open' }])
    expect(connections[1]?.segments.length).toBeGreaterThan(0)
    expect(signals.at(-1)).toMatchObject({ type: 'finished' })
    expect(signals.filter(({ type }) => type === 'accepted')).toHaveLength(1)
  })

  test('net.slice: many segments, the first of which ends within the head', async () => {
    const { connections, bytes } = await under('net.slice')
    const sizes = connections[0]!.segments.map((segment) => segment.length)
    expect(sizes.length).toBeGreaterThan(bytes.length / 64)
    expect(sizes[0]).toBeLessThan(bytes.indexOf('\r\n\r\n'))
  })

  test('net.slow_close: all is said, and the connection is still open', async () => {
    const exchanged = await under('net.slow_close')
    expect(exchanged.signals.at(-1)).toMatchObject({ type: 'finished' })
    expect(bodyOf(exchanged.answer!).isWhole).toBe(true)
    expect(exchanged.connections).toMatchObject([{ end: 'open' }])
    expect(header(exchanged, 'connection')).toBe('close')
  })

  test('net.bandwidth: the first token waits for the prompt, and the answer trickles', async () => {
    const { heardMs, signals } = await under('net.bandwidth')
    const first = signals.findIndex(({ type }) => type === 'content')
    const wallMs = (tokens: number) => ((tokens * 4) / 60) * (1_000 / SPEED)
    expect(heardMs[first]).toBeGreaterThan(wallMs(100) * 0.9)
    expect(heardMs.at(-1)! - heardMs[first]!).toBeGreaterThan(wallMs(60) * 0.8)
  })

  test.each([
    ['http.5xx', 500, /"type":"server_error"/],
    ['http.529_overloaded', 529, /"code":"server_is_overloaded"/],
    ['http.slow_error', 500, /Sorry about that/],
    ['http.html_error', 502, /<title>api\.openai\.com \| 502: Bad gateway<\/title>/],
    ['http.html_error.timeout', 524, /^error code: 524\n$/],
    ['http.html_error.banned', 429, /Error 1015/],
    ['http.html_error.nginx', 504, /504 Gateway Time-out.*<center>nginx<\/center>/s],
    ['http.html_error.alb', 503, /<h1>503 Service/],
    ['http.html_error.envoy', 503, /^upstream connect error or disconnect\/reset before headers/],
    ['http.html_error.google', 502, /That’s an error/],
    ['http.empty_body_error', 502, /^$/],
    ['http.200_with_error', 200, /^\{"error":.*server_is_overloaded/],
    ['http.masked_status', 502, /rate_limit_exceeded/],
    ['http.masked_status.404_as_429', 429, /model_not_found/],
    ['http.nested_error', 429, /^\{"error":\{"message":"\{\\"error\\":\{\\"message\\":\\"\{/],
    ['http.408_409_425.408', 408, /^Timed out reading request body/],
    ['http.408_409_425.409', 409, /^\{"error"/],
    ['http.408_409_425.425', 425, /^\{"error"/],
    ['http.413', 413, /too large/],
    ['http.redirect', 307, /^$/],
    ['http.redirect.login', 302, /^$/],
  ])('%s: status %d and its body', async (id, status, body) => {
    const { answer } = await under(id)
    expect(answer?.status).toBe(status)
    expect(bodyOf(answer!).text).toMatch(body)
  })

  test('http.redirect: the other host is named, and nobody goes there', async () => {
    const exchanged = await under('http.redirect')
    expect(header(exchanged, 'location')).toMatch(/^https:\/\/eu\.provider\.invalid\//)
    expect(exchanged.connections).toHaveLength(1)
  })

  test('http.wrong_content_type: a stream calls itself JSON, JSON calls itself text', async () => {
    expect(header(await under('http.wrong_content_type'), 'content-type')).toBe('application/json')
    const whole = await under('http.wrong_content_type', { stream: false })
    expect(header(whole, 'content-type')).toBe('text/plain; charset=utf-8')
  })

  test('http.header_anomaly: every header twice, 20 kB of them, or none with an id', async () => {
    const twice = await under('http.header_anomaly.duplicate')
    expect(valuesOf(twice.answer!, 'x-request-id')).toHaveLength(2)
    const long = await under('http.header_anomaly.oversized')
    expect(long.bytes.indexOf('\r\n\r\n')).toBeGreaterThan(20_000)
    const bare = await under('http.header_anomaly.no_request_id')
    expect(bare.answer!.headers.filter(([name]) => /request-id|cf-ray/.test(name))).toEqual([])
  })

  test('one that waits for a slot is written as oddly as the others', async () => {
    const spec = endpoint('openai', { latency: LATENCY, capacity: { slots: 1, queue: 5 } })
    const slow = fault('connection', 0, 80_000_000, [0], { mode: 'slice' })
    lab = await WireLab.open([spec], [slow], SPEED)
    const [, second] = await Promise.all([lab.ask(ASKED), lab.ask({ ...ASKED, id: 2 })])
    expect(second.signals.at(-1)).toMatchObject({ type: 'finished' })
    for (const { segments } of second.connections) expect(segments.length).toBeGreaterThan(20)
  })
})
