import { describe, expect, test } from 'vitest'
import { toolCallDefect, assembleToolCalls, type Signal } from '../../src/protocol/index.ts'
import { toolUse } from '../../src/workload/mixes/tool-use.ts'
import { endpoint, EXACT, fault, FleetLab, question } from './lab.ts'

const A = endpoint('a', { latency: EXACT })
const LONG = 600_000
const TOOL = { shape: toolUse.shape, callsTool: true }

/** One request under one fault: what it is told, and whether the fault is on record. */
function under(kind: string, params: Record<string, unknown>, asked: Parameters<typeof question>[0] = {}, more = {}) {
  const it = new FleetLab([A], [fault(kind, 0, LONG, [0], params, more)])
  const attempt = it.at(0).send(0, question(asked))
  it.at(LONG - 1)
  return {
    it,
    said: it.said(attempt),
    types: it.types(attempt),
    last: it.said(attempt).at(-1)?.signal,
    fired: it.of('fault.fired').length,
  }
}

describe('outage', () => {
  test('refuse: nobody listens', () => {
    const { types, last, fired } = under('outage', { mode: 'refuse' })
    expect(types).toEqual(['failed'])
    expect(last).toMatchObject({ class: 'connect_refused', status: null, where: 'connect' })
    expect(fired).toBe(1)
  })
  test('reset: connected and thrown out', () => {
    expect(under('outage', { mode: 'reset' })).toMatchObject({ types: ['connected', 'closed'], fired: 1 })
  })
  test('blackhole: connected, and nothing ever', () => {
    expect(under('outage', { mode: 'blackhole' })).toMatchObject({ types: ['connected'], fired: 1 })
  })
  test('html: an edge answers', () => {
    expect(under('outage', { mode: 'html' }).last).toMatchObject({ class: 'bad_gateway', status: 502, html: true })
  })
  test.each([
    [401, 'authentication'],
    [402, 'payment_required'],
    [403, 'permission_denied'],
    [404, 'not_found'],
    [408, 'request_timeout'],
    [500, 'server_error'],
    [502, 'bad_gateway'],
    [503, 'overloaded'],
    [504, 'gateway_timeout'],
    [529, 'overloaded'],
  ])('status %i: %s', (status, errorClass) => {
    expect(under('outage', { mode: 'status', status, retry_after: '5s' }).last).toMatchObject({
      class: errorClass,
      status,
      retryAfterMs: 5_000,
    })
  })
})

describe('latency', () => {
  const firstContent = ({ said }: ReturnType<typeof under>): number | undefined =>
    said.find(({ signal }) => signal.type === 'content')?.at

  test('spike: factor and added time', () => {
    expect(firstContent(under('latency', { mode: 'spike', factor: 5, add: '1s' }))).toBe(1_500)
  })
  test('first token silence: pings and no content', () => {
    const struck = under('latency', { mode: 'first_token_silence', add: '10s', ping_every: '3s' })
    expect(firstContent(struck)).toBe(10_100)
    expect(struck.said.filter(({ signal }) => signal.type === 'ping').map(({ at }) => at)).toEqual([
      3_000, 6_000, 9_000,
    ])
  })
  test('slow tokens: the speed divided', () => {
    expect(under('latency', { mode: 'slow_tokens', factor: 4 }).said.at(-1)?.at).toBe(100 + 39 * 200)
  })
  test('ramp: half way up, half as hard', () => {
    const it = new FleetLab(
      [A],
      [fault('latency', 0, 10_000, [0], { mode: 'spike', add: '2s' }, { shape: { kind: 'ramp' } })],
    )
    const attempt = it.at(5_000).send()
    it.at(LONG)
    expect(it.said(attempt)[1]?.at).toBe(5_000 + 100 + 1_000)
  })
})

describe('rate limit', () => {
  test('bucket: a burst of a twelfth of a minute, and then the rate', () => {
    const it = new FleetLab([A], [fault('rate_limit', 0, LONG, [0], { requests_per_minute: 60 })])
    let admitted = 0
    for (let now = 0; now <= 60_000; now += 100) {
      const attempt = it.at(now).send()
      if (it.said(attempt).at(-1)?.signal.type !== 'failed') admitted += 1
      expect(admitted).toBeLessThanOrEqual(5 + now / 1_000)
    }
    // Tenths of a second are not exact in binary: one of 65 may come a tenth late.
    expect(admitted).toBeGreaterThanOrEqual(64)
  })
  test.each([
    ['seconds', 20_000],
    ['date', 20_000],
    ['none', null],
  ])('phantom, hint as %s: 429 whatever the load', (form, retryAfterMs) => {
    const { last, fired } = under('rate_limit', { mode: 'phantom', hint: '20s', retry_after: form })
    expect(last).toMatchObject({ class: 'rate_limited', status: 429, retryAfterMs })
    expect(fired).toBe(1)
  })
  test('bucket: what fits, does not count as struck', () => {
    expect(under('rate_limit', { requests_per_minute: 60 })).toMatchObject({ fired: 0 })
  })
})

describe('stream', () => {
  const ends: readonly (readonly [string, boolean, string[], number])[] = [
    ['cut', true, ['connected', 'accepted', 'content', 'closed'], 20],
    ['reset', true, ['connected', 'accepted', 'content', 'closed'], 20],
    ['stall', true, ['connected', 'accepted', 'content'], 20],
    ['error_event', true, ['connected', 'accepted', 'content', 'failed'], 20],
    ['cut', false, ['connected', 'closed'], 0],
    ['stall', false, ['connected'], 0],
    ['error_event', false, ['connected', 'failed'], 0],
  ]
  test.each(ends)('%s (streamed: %s): %j', (mode, stream, types, tokens) => {
    const struck = under('stream', { mode, after: '50%' }, { stream })
    expect(struck.types).toEqual(types)
    const run = struck.said.find(({ signal }) => signal.type === 'content')?.signal
    expect(run && 'tokens' in run ? run.tokens : 0).toBe(tokens)
    expect(struck.fired).toBe(1)
  })
  test.each([
    ['0%', 0],
    ['1%', 0],
    ['50%', 20],
    ['99%', 39],
    ['100%', 40],
  ])('cut after %s: %i of 40 tokens come through', (after, tokens) => {
    const { said } = under('stream', { mode: 'cut', after })
    expect(said.reduce((sum, { signal }) => sum + (signal.type === 'content' ? signal.tokens : 0), 0)).toBe(tokens)
    expect(said.at(-1)?.signal.type).toBe('closed')
  })
})

describe('context length', () => {
  test('limit: at it, served; above it, refused', () => {
    expect(under('context_length', { limit: 100 })).toMatchObject({ fired: 0, last: { type: 'finished' } })
    expect(under('context_length', { limit: 99 })).toMatchObject({
      fired: 1,
      last: { class: 'context_length', status: 400 },
    })
  })
})

describe('malformed tool call', () => {
  const defectOf = (said: readonly { signal: Signal }[]) => {
    const deltas = said.flatMap(({ signal }) => (signal.type === 'toolDelta' ? [signal] : []))
    return deltas.length === 0 ? 'no call' : toolCallDefect(assembleToolCalls(deltas), toolUse.shape.tools)
  }
  test.each([
    ['truncated_json', 'not_json'],
    ['double_encoded', 'schema_mismatch'],
    ['wrong_type', 'schema_mismatch'],
    ['unknown_tool', 'unknown_tool'],
    ['duplicate_id', 'duplicate_id'],
    ['leaked_text', 'no call'],
  ])('%s: %s', (pattern, defect) => {
    const { said, fired, it } = under('malformed_tool_call', { pattern }, TOOL)
    expect([defectOf(said), fired]).toEqual([defect, 1])
    const usage = said.map(({ signal }) => signal).find((signal) => signal.type === 'usage')
    expect(it.of('fleet.charged')[0]?.outputTokens).toBe(usage?.outputTokens)
  })
  test('no tool call: nothing to break, nothing on record', () => {
    expect(under('malformed_tool_call', { pattern: 'truncated_json' }).fired).toBe(0)
  })
  test('unstruck: the call is good', () => {
    expect(defectOf(under('stream', { mode: 'cut' }, TOOL, { probability: 0 }).said)).toBeNull()
  })
  test.each(['truncated_json', 'double_encoded', 'wrong_type', 'unknown_tool', 'duplicate_id', 'leaked_text'])(
    '%s of a stream that is cut as well: the cut wins, and nothing breaks but the answer',
    (pattern) => {
      for (const after of ['0%', '30%', '60%', '90%']) {
        const cut = fault('stream', 0, LONG, [0], { mode: 'cut', after })
        const malformed = fault('malformed_tool_call', 0, LONG, [0], { pattern })
        for (const timeline of [
          [cut, malformed],
          [malformed, cut],
        ]) {
          const it = new FleetLab([A], timeline)
          const attempt = it.at(0).send(0, question(TOOL))
          it.at(LONG - 1)
          expect(it.types(attempt).at(-1)).toBe('closed')
        }
      }
    },
  )
})

describe('dice', () => {
  test('probability: the share is struck, by requests and not by chance of order', () => {
    const struckBy = (probability: number, order: 'forth' | 'back') => {
      const it = new FleetLab([A], [fault('outage', 0, LONG, [0], { mode: 'status' }, { probability })])
      const asked = Array.from({ length: 4_000 }, (_, n) => question({ id: n, weather: Math.imul(n + 1, 0x9e3779b1) }))
      if (order === 'back') asked.reverse()
      it.at(0)
      for (const request of asked) it.send(0, request)
      return new Set(it.of('fault.fired').map(({ request }) => request))
    }
    const forth = struckBy(0.3, 'forth')
    expect(Math.abs(forth.size / 4_000 - 0.3)).toBeLessThan(3 * Math.sqrt(0.21 / 4_000))
    expect(struckBy(0.3, 'back')).toEqual(forth)
    // Turning it up strikes those it struck, and more.
    const more = struckBy(0.6, 'forth')
    expect([...forth].every((request) => more.has(request))).toBe(true)
  })

  test('shapes: flap is on first, ramp grows, both by the clock of the fault', () => {
    const firedAt = (shape: Record<string, unknown>) => {
      const it = new FleetLab([A], [fault('outage', 1_000, 11_000, [0], { mode: 'status' }, { shape })])
      for (let now = 0; now < 12_000; now += 500) for (let n = 0; n < 40; n += 1) it.at(now).send()
      return (from: number, to: number) => it.of('fault.fired').filter(({ at }) => at >= from && at < to).length
    }
    const flap = firedAt({ kind: 'flap', period: '2s', duty: 0.5 })
    expect([flap(0, 1_000), flap(1_000, 2_000), flap(2_000, 3_000), flap(3_000, 4_000), flap(11_000, 12_000)]).toEqual([
      0, 80, 0, 80, 0,
    ])
    const ramp = firedAt({ kind: 'ramp', up: '5s' })
    expect(ramp(1_000, 1_500)).toBe(0)
    expect(ramp(2_000, 4_000)).toBeLessThan(ramp(4_000, 6_000))
    expect(ramp(6_000, 11_000)).toBe(400)
  })

  test('layers: two faults of different layers both strike, of one layer only the first of the timeline', () => {
    const slow = (id: string, add: string) => fault('latency', 0, LONG, [0], { mode: 'spike', add }, { id })
    const it = new FleetLab([A], [slow('one', '1s'), slow('two', '5s'), fault('stream', 0, LONG, [0], { mode: 'cut' })])
    const attempt = it.at(0).send()
    it.at(LONG - 1)
    expect(it.of('fault.fired').map(({ fault: index }) => index)).toEqual([0, 2])
    expect(it.said(attempt)[1]?.at).toBe(1_100)
  })

  test('layers: asked from the connection up, in whatever order the timeline names them', () => {
    const refuse = fault('outage', 0, LONG, [0], { mode: 'refuse' })
    const phantom = fault('rate_limit', 0, LONG, [0], { mode: 'phantom' })
    for (const timeline of [
      [refuse, phantom],
      [phantom, refuse],
    ]) {
      const it = new FleetLab([A], timeline)
      expect(it.said(it.at(0).send()).map(({ signal }) => signal)).toMatchObject([{ class: 'connect_refused' }])
    }
  })

  test('edges: started and ended once each, and nothing is struck outside', () => {
    const it = new FleetLab([A], [fault('outage', 1_000, 2_000, [0], { mode: 'status' })])
    for (let now = 0; now <= 3_000; now += 250) it.at(now).send()
    expect(it.of('fault.started').map(({ at }) => at)).toEqual([1_000])
    expect(it.of('fault.ended').map(({ at }) => at)).toEqual([2_000])
    expect(it.of('fault.fired').map(({ at }) => at)).toEqual([1_000, 1_250, 1_500, 1_750])
  })
})
