import { describe, expect, test } from 'vitest'
import { Rng, sampleExponential } from '../../src/base/index.ts'
import { costOf, PLAIN_CHAT, type EndpointSpec } from '../../src/protocol/index.ts'
import { endpoint, EXACT, fault, FleetLab, question } from './lab.ts'

const A = endpoint('a', { latency: EXACT })
const LONG = 600_000
const SCHEMA = {
  type: 'object',
  properties: Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`p${index}`, { type: 'string' }])),
}

describe('an answer', () => {
  test('stream: connected at once, first token on time, the run, its usage and its end', () => {
    const it = new FleetLab([A])
    const attempt = it.send()
    it.at(LONG)
    expect(it.said(attempt)).toMatchObject([
      { at: 0, signal: { type: 'connected' } },
      { at: 100, signal: { type: 'accepted', status: 200 } },
      { at: 100, signal: { type: 'content', tokens: 40, forMs: 1_950, everyMs: 50 } },
      { at: 2_050, signal: { type: 'usage', inputTokens: 100, outputTokens: 40 } },
      { at: 2_050, signal: { type: 'finished', reason: 'stop' } },
    ])
  })

  test('no stream: nothing until the whole', () => {
    const it = new FleetLab([A])
    const attempt = it.send(0, question({ stream: false }))
    it.at(LONG)
    expect(it.said(attempt).map(({ at }) => at)).toEqual([0, 2_100, 2_100, 2_100, 2_100])
    expect(it.types(attempt)).toEqual(['connected', 'accepted', 'content', 'usage', 'finished'])
  })

  test('length: cut by the client’s cap, and by the endpoint’s', () => {
    const reason = (spec: EndpointSpec, maxTokens: number | null) => {
      const it = new FleetLab([spec])
      const attempt = it.send(0, question({ maxTokens }))
      it.at(LONG)
      return [it.of('fleet.charged')[0]?.outputTokens, it.said(attempt).at(-1)?.signal]
    }
    expect(reason(A, 40)).toMatchObject([40, { reason: 'stop' }])
    expect(reason(A, 39)).toMatchObject([39, { reason: 'length' }])
    expect(reason(endpoint('a', { latency: EXACT, max_output: 10 }), null)).toMatchObject([10, { reason: 'length' }])
  })

  test.each([
    ['a tool call', { callsTool: true }],
    ['JSON', { callsTool: false, responseFormat: 'json_schema' as const, responseSchema: SCHEMA }],
    ['a tool call after reasoning', { callsTool: true, reasoning: { share: 0.2 } }],
  ])('length: %s is cut in the middle as well, and costs no more than the cap', (_, { callsTool, ...more }) => {
    const { reasoning, ...format } = { reasoning: undefined, ...more }
    const tools = callsTool ? [{ name: 'f', description: '', parameters: SCHEMA }] : []
    const shape = { ...PLAIN_CHAT, tools, ...format }
    const spec = endpoint('a', { latency: EXACT, ...(reasoning && { reasoning }) })
    const ask = (maxTokens: number | null) => {
      const it = new FleetLab([spec])
      const attempt = it.send(0, question({ maxTokens, callsTool, shape, weather: 7 }))
      it.at(LONG)
      const signals = it.said(attempt).map(({ signal }) => signal)
      const text = signals.map((signal) =>
        signal.type === 'toolDelta' ? signal.args : signal.type === 'content' ? (signal.text ?? '') : '',
      )
      return { tokens: it.of('fleet.charged')[0]?.outputTokens ?? 0, end: signals.at(-1), text: text.join('') }
    }
    const whole = ask(null)
    for (let cap = 1; cap < whole.tokens; cap += 3) {
      const cut = ask(cap)
      expect(cut).toMatchObject({ tokens: cap, end: { type: 'finished', reason: 'length' } })
      expect(whole.text.startsWith(cut.text)).toBe(true)
      expect(cut.text.length).toBeLessThan(whole.text.length)
    }
    expect(ask(whole.tokens)).toEqual(whole)
  })

  test('the same visit: the same answer in another fleet and at another time', () => {
    const noisy = endpoint('a')
    const asked = question()
    const hear = (it: FleetLab, at: number) => {
      const attempt = it.at(at).send(0, { ...asked, visited: [] })
      it.at(LONG + at)
      return it.said(attempt).map(({ at: heardAt, signal }) => [heardAt - at, signal])
    }
    const alone = hear(new FleetLab([noisy]), 0)
    const busy = new FleetLab([noisy, endpoint('b')])
    for (let n = 0; n < 50; n += 1) busy.send(n % 2)
    expect(hear(busy, 777)).toEqual(alone)
  })

  test('a second visit: another draw', () => {
    const it = new FleetLab([endpoint('a')])
    const asked = question()
    const [first, second] = [it.send(0, asked), it.send(0, asked)]
    it.at(LONG)
    expect(it.said(second)[1]?.at).not.toBe(it.said(first)[1]?.at)
  })
})

describe('charging', () => {
  const spec = endpoint('a', {
    latency: EXACT,
    price: { input: 0.25, output: 2, request: 0.001 },
    input_tokenizer: 1.1,
  })

  test('charged: whole answer, native tokens at the true price', () => {
    const it = new FleetLab([spec])
    it.send()
    it.at(LONG)
    expect(it.of('fleet.charged')).toMatchObject([
      { inputTokens: 110, outputTokens: 40, cost: costOf(spec.price, 110, 40) },
    ])
    expect(costOf(spec.price, 110, 40)).toBe(27_500 + 80_000 + 1_000_000)
  })

  test.each([
    [0, 0],
    [99, 0],
    [100, 1],
    [149, 1],
    [150, 2],
    [2_049, 39],
  ])('charged: cancelled at %i ms, what was sent until then: %i tokens', (at, outputTokens) => {
    for (const grain of ['run', 'chunk'] as const) {
      const it = new FleetLab([spec], [], grain)
      const attempt = it.send()
      it.at(at).cancel(attempt)
      it.at(LONG)
      expect(it.of('fleet.charged')).toMatchObject([{ at, inputTokens: 110, outputTokens }])
      expect(it.fleet.inFlight).toBe(0)
    }
  })

  test('charged: an answer that is an error, nothing', () => {
    const it = new FleetLab([spec], [fault('stream', 0, LONG, [0], { mode: 'error_event' })])
    it.at(0).send(0, question({ stream: false }))
    it.at(LONG)
    expect(it.of('fleet.charged')).toHaveLength(1)
    expect(it.of('fleet.charged').every(({ cost }) => cost === 0)).toBe(true)
  })

  test('charged: turned away at the door, no line at all', () => {
    const it = new FleetLab([spec], [fault('outage', 0, LONG, [0], { mode: 'status' })])
    it.at(1).send()
    expect(it.of('fleet.charged')).toEqual([])
  })

  test('charged: cancelled in the queue, no line at all and the next one moves up', () => {
    const it = new FleetLab([endpoint('a', { capacity: { service: 'constant', time: '1s', slots: 1, queue: 2 } })])
    const [, second, third] = [it.send(), it.send(), it.send()]
    it.at(500).cancel(second!)
    it.at(LONG)
    expect(it.of('fleet.charged')).toHaveLength(2)
    expect(it.said(third!).at(-1)?.at).toBe(2_000)
  })

  test('charged: cancelled twice, or after its end, once', () => {
    const it = new FleetLab([spec])
    const attempt = it.send()
    it.at(300).cancel(attempt).cancel(attempt)
    it.at(LONG).cancel(attempt)
    expect(it.of('fleet.charged')).toHaveLength(1)
  })
})

describe('a strike in flight', () => {
  const strike = (mode: string, more: Partial<Parameters<typeof question>[0]> = {}, spec = A) => {
    const it = new FleetLab([spec], [fault('outage', 500, 1_000, [0], { mode })])
    const attempt = it.send(0, question(more))
    it.at(600)
    return { it, attempt }
  }

  test('reset: a stream, is cut at that instant and charged for what was sent', () => {
    const { it, attempt } = strike('reset')
    expect(it.said(attempt).slice(-2)).toMatchObject([
      { at: 500, signal: { type: 'content', tokens: 0 } },
      { at: 500, signal: { type: 'closed', how: 'reset' } },
    ])
    expect(it.of('fleet.charged')).toMatchObject([{ inputTokens: 100, outputTokens: 9 }])
    expect(it.of('fault.fired')).toHaveLength(1)
  })

  test('silence: a stream, stops and holds its connection until somebody leaves', () => {
    const { it, attempt } = strike('blackhole')
    it.at(LONG)
    expect(it.types(attempt)).toEqual(['connected', 'accepted', 'content', 'content'])
    expect(it.fleet.inFlight).toBe(1)
    it.cancel(attempt)
    expect(it.of('fleet.charged')).toMatchObject([{ inputTokens: 100, outputTokens: 9 }])
    expect(it.fleet.wakeAt()).toBe(Infinity)
  })

  test('a body that has not begun: a reset and a silence, cost the same', () => {
    const reset = strike('reset', { stream: false })
    expect(reset.it.types(reset.attempt)).toEqual(['connected', 'closed'])
    const silence = strike('blackhole', { stream: false })
    expect(silence.it.types(silence.attempt)).toEqual(['connected'])
    silence.it.cancel(silence.attempt)
    const [one, other] = [reset, silence].map(({ it }) => it.of('fleet.charged')[0])
    expect([other?.inputTokens, other?.cost]).toEqual([one?.inputTokens, one?.cost])
  })

  test.each(['reset', 'blackhole'])('%s: those who wait for a slot, never get one and cost nothing', (mode) => {
    const spec = endpoint('a', { capacity: { service: 'constant', time: '10s', slots: 1, queue: 5 } })
    const it = new FleetLab([spec], [fault('outage', 500, 1_000, [0], { mode })])
    const [serving, waiting] = [it.send(), it.send()]
    it.at(700)
    for (const attempt of [serving!, waiting!]) it.cancel(attempt)
    it.at(LONG)
    expect(it.of('fault.fired')).toHaveLength(2)
    expect(it.types(waiting!)).not.toContain('accepted')
    expect(it.fleet.inFlight).toBe(0)
    // Those who come later find the slot free again.
    const later = it.send()
    it.at(LONG + 10_000)
    expect(it.types(later).at(-1)).toBe('finished')
  })

  test('struck twice: the second finds nothing more to break', () => {
    const faults = [500, 600].map((at) => fault('outage', at, 1_000, [0], { mode: 'blackhole' }))
    const it = new FleetLab([A], faults)
    const attempt = it.send()
    it.at(LONG).cancel(attempt)
    expect(it.of('fleet.charged')).toMatchObject([{ outputTokens: 9 }])
  })

  test('reset: whoever moves up and needs no time at all, is over once', () => {
    // Of thousands of exponential service times of a millisecond in the mean, some round to nothing.
    const spec = endpoint('a', { capacity: { service: 'exponential', time: '1ms', slots: 1, queue: 'unbounded' } })
    const it = new FleetLab([spec], [fault('outage', 1, 2, [0], { mode: 'reset' })])
    for (let n = 0; n < 20_000; n += 1) it.send()
    it.at(LONG)
    expect(it.fleet.inFlight).toBe(0)
  })

  test('struck at the instant of its end: has ended', () => {
    const it = new FleetLab([A], [fault('outage', 2_050, 3_000, [0], { mode: 'reset' })])
    const attempt = it.send()
    it.at(LONG)
    expect(it.types(attempt).at(-1)).toBe('finished')
  })
})

describe('capacity', () => {
  const server = (slots: number, queue: number | 'unbounded') =>
    endpoint('a', { capacity: { service: 'constant', time: '100ms', slots, queue } })

  test('slots and queue: one more is turned away as overloaded, and holds nothing', () => {
    const it = new FleetLab([server(2, 3)])
    const attempts = Array.from({ length: 6 }, () => it.send())
    expect(it.said(attempts[5]!).at(-1)?.signal).toMatchObject({ type: 'failed', class: 'overloaded', status: 503 })
    it.at(LONG)
    expect(attempts.slice(0, 5).map((attempt) => it.said(attempt).at(-1)?.at)).toEqual([100, 100, 200, 200, 300])
  })

  test('queue: unbounded, everybody is served in order of arrival', () => {
    const it = new FleetLab([server(1, 'unbounded')])
    const attempts = Array.from({ length: 500 }, () => it.send())
    it.at(LONG)
    expect(attempts.map((attempt) => it.said(attempt).at(-1)?.at)).toEqual(
      attempts.map((_, index) => (index + 1) * 100),
    )
  })

  test('M/D/1: the mean wait at 80 % load, is that of Pollaczek and Khinchine', () => {
    // W = ρ / (2 (1 − ρ)) service times = 2 × 100 ms; Poisson arrivals of 8 a second.
    const it = new FleetLab([server(1, 'unbounded')])
    const dice = Rng.fromSeed(3)
    const sent: { at: number; attempt: ReturnType<FleetLab['send']> }[] = []
    let now = 0
    for (let n = 0; n < 20_000; n += 1) {
      now += sampleExponential(125, dice)
      sent.push({ at: now, attempt: it.at(now).send() })
    }
    it.at(now + LONG)
    const waits = sent.map(({ at, attempt }) => it.said(attempt).at(-1)!.at - at - 100)
    const mean = waits.reduce((sum, wait) => sum + wait, 0) / waits.length
    // Waits of neighbours go together for about 1 / (1 − ρ)² = 25 customers each way: 3 standard errors are 50 ms.
    expect(Math.abs(mean - 200)).toBeLessThan(50)
  })

  test('crowding: a fuller endpoint is slower, an empty one is not', () => {
    const spec = endpoint('a', { latency: { ...EXACT, load_factor: 1 }, capacity: { slots: 2, queue: 0 } })
    const it = new FleetLab([spec])
    const [first, second] = [it.send(), it.send()]
    it.at(LONG)
    expect(it.said(first!)[1]?.at).toBe(100)
    expect(it.said(second!)[1]?.at).toBe(125) // Half of the slots were taken: 1 + 1 × ½².
  })
})

describe('limits', () => {
  test.each([
    [{ requests_per_minute: 60 }, 1],
    [{ tokens_per_minute: 6_000 }, 100],
  ])('limits %o: admitted in [0, t] is never above B + r·t, and hardly below', (limits, cost) => {
    const it = new FleetLab([endpoint('a', { limits, latency: EXACT })])
    const perMinute = Object.values(limits)[0]!
    let admitted = 0
    for (let now = 0; now <= 180_000; now += 97) {
      const attempt = it.at(now).send()
      if (it.said(attempt).at(-1)?.signal.type !== 'failed') admitted += 1
      const allowed = (perMinute + (perMinute * now) / 60_000) / cost
      expect(admitted).toBeLessThanOrEqual(allowed)
      if (now > 60_000) expect(admitted).toBeGreaterThan(allowed - 2)
    }
  })

  test('limits: an enormous rate, is a limit all the same', () => {
    // 6e10 a minute is 1e6 a millisecond: a deficit of a few tokens is less than the shortest time there is.
    const it = new FleetLab([
      endpoint('a', { limits: { tokens_per_minute: 60_000_000_000 }, context_length: 100_000_000 }),
    ])
    const huge = question({ inputTokens: 99_999_999 })
    let admitted = 0
    for (let n = 0; n < 700; n += 1) {
      if (it.said(it.send(0, { ...huge, visited: [] })).at(-1)?.signal.type !== 'failed') admitted += 99_999_999
      if (it.said(it.send(0, question({ inputTokens: 7 }))).at(-1)?.signal.type !== 'failed') admitted += 7
      expect(admitted).toBeLessThanOrEqual(60_000_000_000)
    }
  })

  test('limits: refused with whole seconds to wait, and who waits is admitted', () => {
    const it = new FleetLab([endpoint('a', { limits: { requests_per_minute: 30 }, latency: EXACT })])
    for (let n = 0; n < 30; n += 1) it.send()
    const refused = it.said(it.send()).at(-1)?.signal
    expect(refused).toMatchObject({ class: 'rate_limited', status: 429, retryAfterMs: 2_000 })
    expect(refused).toMatchObject({ headers: { 'x-ratelimit-remaining-requests': '0' } })
    it.at(2_000)
    expect(it.types(it.send())).toEqual(['connected'])
  })

  test('limits: a refusal, charges neither bucket', () => {
    const it = new FleetLab([endpoint('a', { limits: { requests_per_minute: 2, tokens_per_minute: 150 } })])
    it.send()
    it.send() // Too many tokens: the second of two requests must still be there.
    const small = it.send(0, question({ inputTokens: 50 }))
    expect(it.said(small).at(-1)?.signal.type).not.toBe('failed')
  })

  test('context: longer than the truth, refused as the provider would', () => {
    const it = new FleetLab([endpoint('a', { context_length: 120 })])
    expect(it.said(it.send(0, question({ maxTokens: 21 }))).at(-1)?.signal).toMatchObject({
      class: 'context_length',
      status: 400,
    })
    expect(it.types(it.send(0, question({ maxTokens: 20 })))).toEqual(['connected'])
  })
})

test('price: a bill is rounded once, and never below zero', () => {
  const { price } = endpoint('a', { price: { input: 0.0004, output: 0.0006 } })
  expect(costOf(price, 1, 1)).toBe(1)
  expect(costOf(price, 1, 0)).toBe(0)
  expect(costOf(price, 1_000_000, 1_000_000)).toBe(1_000_000)
  expect(costOf(endpoint('a', { price: { input: 0.15, output: 0.6 } }).price, 333, 777)).toBe(49_950 + 466_200)
})
