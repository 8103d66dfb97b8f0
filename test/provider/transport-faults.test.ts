/** Faults of the connection and of HTTP as Signals: what an attempt is told in virtual time, when, and at what price. */
import { describe, expect, test } from 'vitest'
import type { Signal } from '../../src/protocol/index.ts'
import { endpoint, EXACT, fault, FleetLab, question } from './lab.ts'

const LONG = 600_000

function under(kind: string, params: Record<string, unknown>, asked: Parameters<typeof question>[0] = {}, spec = {}) {
  const it = new FleetLab([endpoint('a', { latency: EXACT, ...spec })], [fault(kind, 0, LONG, [0], params)])
  const attempt = it.at(0).send(0, question(asked))
  it.at(LONG - 1)
  const said = it.said(attempt)
  return { said, types: it.types(attempt), last: said.at(-1), charged: it.of('fleet.charged'), it, attempt }
}

const tokensOf = (said: readonly { readonly signal: Signal }[]): number =>
  said.reduce((sum, { signal }) => sum + (signal.type === 'content' ? signal.tokens : 0), 0)

describe('connection', () => {
  test('dns_failure: no connection, nothing to pay', () => {
    const { types, last, charged } = under('connection', { mode: 'dns_failure' })
    expect(types).toEqual(['failed'])
    expect(last?.signal).toMatchObject({ class: 'dns_failure', status: null, where: 'connect' })
    expect(charged).toEqual([])
  })

  test('reset_before_answer: silence first, and the prompt is paid for', () => {
    const { types, last, charged } = under('connection', { mode: 'reset_before_answer', delay: '2s' })
    expect(types).toEqual(['connected', 'closed'])
    expect(last).toEqual({ at: 2_000, signal: { type: 'closed', how: 'reset' } })
    expect(charged).toMatchObject([{ inputTokens: 100, outputTokens: 0 }])
  })

  test.each([
    ['reset_mid_answer', 'reset'],
    ['unterminated', 'reset'],
  ])('%s: a share of a stream comes first, and is paid for', (mode, how) => {
    const { said, last, charged } = under('connection', { mode, after: '25%' })
    expect(tokensOf(said)).toBe(10)
    expect(last?.signal).toEqual({ type: 'closed', how })
    expect(charged).toMatchObject([{ outputTokens: 10 }])
  })

  test.each([
    ['more', 'reset'],
    ['less', 'clean'],
  ])('length_mismatch (%s): everything at the instant at which the whole would have been there', (declares, how) => {
    const calm = new FleetLab([endpoint('a', { latency: EXACT })])
    const whole = calm.at(0).send(0, question())
    calm.at(LONG)
    const { said, last } = under('connection', { mode: 'length_mismatch', declares })
    expect(new Set(said.slice(2).map(({ at }) => at))).toEqual(new Set([calm.said(whole).at(-1)?.at]))
    expect(tokensOf(said)).toBe(20)
    expect(last?.signal).toEqual({ type: 'closed', how })
  })

  test.each([true, false])('wrong_encoding, stream %s: a head, and nothing that can be read', (stream) => {
    const { types, last } = under('connection', { mode: 'wrong_encoding' }, { stream })
    expect(types).toEqual(['connected', 'accepted', 'garbled'])
    expect(last?.signal).toEqual({ type: 'garbled', pattern: 'wrong_encoding' })
  })

  test.each(['keepalive_race', 'slice', 'slow_close'])('%s: said from the start, and nothing else changes', (mode) => {
    const calm = new FleetLab([endpoint('a', { latency: EXACT })])
    const asked = { id: 1, weather: 3 }
    const whole = calm.at(0).send(0, question(asked))
    calm.at(LONG)
    const { said } = under('connection', { mode }, asked)
    expect(said[1]).toMatchObject({ at: 0, signal: { type: 'quirk' } })
    expect(said.filter(({ signal }) => signal.type !== 'quirk')).toEqual(calm.said(whole))
  })
})

describe('bandwidth', () => {
  test.each([
    ['both', 100 + 4_000],
    ['up', 100 + 4_000],
    ['down', 100],
  ])('%s: the first token comes after the prompt has gone up, at 4 bytes a token (%d ms)', (direction, firstAt) => {
    const { said } = under('bandwidth', { bytes_per_second: 100, direction })
    expect(said.find(({ signal }) => signal.type === 'content')?.at).toBe(firstAt)
  })

  test('down: a stream is no faster than the line', () => {
    const { said, last } = under('bandwidth', { bytes_per_second: 16, direction: 'down' })
    const first = said.find(({ signal }) => signal.type === 'content')
    expect(last!.at - first!.at).toBeGreaterThan(9_000) // 40 tokens of 4 bytes at 16 bytes a second
  })
})

describe('http_error', () => {
  test('no status: 503; an error: the status its provider has for it', () => {
    expect(under('http_error', {}).last?.signal).toMatchObject({ class: 'overloaded', status: 503 })
    const anthropic = { dialect: 'anthropic-messages' }
    const { last } = under('http_error', { error: 'overloaded' }, {}, anthropic)
    expect(last?.signal).toMatchObject({ class: 'overloaded', status: 529, message: 'Overloaded' })
  })

  test('both: the error is masked', () => {
    const { last } = under('http_error', { error: 'rate_limited', status: 502 })
    expect(last?.signal).toMatchObject({ class: 'rate_limited', status: 502 })
  })

  test('delay: silence first, and no bill', () => {
    const { last, charged } = under('http_error', { status: 500, delay: '20s' })
    expect(last).toMatchObject({ at: 20_000, signal: { class: 'server_error', status: 500 } })
    expect(charged).toMatchObject([{ inputTokens: 0, cost: 0 }])
  })

  test('with_200: an answer that is an error', () => {
    const { types, last } = under('http_error', { error: 'overloaded', with_200: true })
    expect(types).toEqual(['connected', 'quirk', 'accepted', 'failed'])
    expect(last?.signal).toMatchObject({ class: 'overloaded', status: null, where: 'stream' })
  })
})

describe('payload_limit', () => {
  test('above the limit: refused unread; at it: served', () => {
    const asked = { inputTokens: 100 }
    expect(under('payload_limit', { limit_bytes: 399 }, asked).last?.signal).toMatchObject({
      class: 'payload_too_large',
      status: 413,
    })
    expect(under('payload_limit', { limit_bytes: 400 }, asked).last?.signal).toMatchObject({ type: 'finished' })
  })
})

describe('redirect', () => {
  test('to another host: no answer of this endpoint', () => {
    expect(under('redirect', { status: 308 }).last?.signal).toMatchObject({
      class: 'bad_gateway',
      status: 308,
      headers: { location: expect.stringContaining('.invalid') },
    })
  })
})
