/** How far a gate is from its bound, and since when it is broken: by whom. */
import { describe, expect, test } from 'vitest'
import {
  Judge,
  marginOf,
  METRICS,
  metricOf,
  NAMED_MAX,
  parseAssertion,
  type AnyMetric,
  type GateSpec,
} from '../../src/gates/index.ts'
import { Log, type Entry } from '../../src/ledger/index.ts'
import { arrived, B, closed, directory, id, started } from './lab.ts'

describe('margin', () => {
  const by = (metric: string, text: string, value: number) => {
    const parsed = parseAssertion(text, metricOf(metric))
    if (!parsed.ok) throw new Error(parsed.message)
    return marginOf(parsed.value, value, metricOf(metric).range)
  }
  test.each([
    ['success_rate', '>= 80%', 0.8, 0],
    ['success_rate', '>= 80%', 1, 1],
    ['success_rate', '>= 80%', 0.9, 0.5],
    ['success_rate', '>= 80%', 0.4, -0.5],
    ['success_rate', '>= 80%', 0, -1],
    ['success_rate', '>= 100%', 1, 1],
    ['success_rate', '>= 100%', 0.5, -0.5],
    ['fallback_rate', '<= 20%', 0.1, 0.5],
    ['fallback_rate', '<= 20%', 0.6, -0.5],
    ['latency', '<= 8s', 8_000, 0],
    ['latency', '<= 8s', 4_000, 0.5],
    ['latency', '<= 8s', 16_000, -0.5],
    ['latency', '<= 8s', 0, 1],
    ['goodput', '>= 10/s', 20, 0.5],
    ['goodput', '>= 10/s', 5, -0.5],
    ['policy_violations', '== 0', 0, 1],
    ['policy_violations', '== 0', 1, -0.5],
    ['policy_violations', '== 0', 3, -0.75],
    ['policy_violations', '== 3', 6, -0.5],
    ['policy_violations', '== 3', 0, -0.5],
    ['policy_violations', '<= 4', 0, 1],
    ['cost_drift', '<= 0%', 0, 0],
    ['cost_drift', '<= 0%', -1, 1],
    ['cost_drift', '>= -5%', 0.5, 0.000_55],
  ])('margin: %s %s, seen %d, is %d', (metric, text, value, margin) => {
    expect(by(metric, text, value)).toBeCloseTo(margin, 4)
  })
  test.each((METRICS as readonly AnyMetric[]).map(({ kind }) => kind))(
    'margin: of %s, is from -1 to 1 and grows as it gets better',
    (kind) => {
      const { example, range } = metricOf(kind)
      const [min, max] = [range[0], Math.min(range[1], 100_000)]
      const values = Array.from({ length: 201 }, (_, step) => min + ((max - min) * step) / 200)
      const margins = values.map((value) => by(kind, example, value))
      for (const margin of margins) expect(Math.abs(margin)).toBeLessThanOrEqual(1)
      if (example.startsWith('==')) return
      const rising = example.startsWith('>') ? margins : margins.toReversed()
      for (const [index, margin] of rising.entries()) expect(margin).toBeGreaterThanOrEqual(rising[index - 1] ?? -1)
      expect(rising.at(-1)).toBeGreaterThan(rising[0] as number)
    },
  )
})

const success: GateSpec = { id: 'success', metric: 'success_rate', assert: '>= 90%' }

/** Played second by second. Requests close in the order of the list. */
function play(
  entries: readonly Entry[],
  spec: GateSpec = success,
  isLegal: () => string | null = () => null,
  looks = true,
) {
  const judge = new Judge({ directory: directory(), gates: [spec], isLegal })
  const log = new Log()
  judge.attach(log)
  const left = entries.toSorted((one, other) => one.at - other.at)
  for (let now = 1_000; now <= 60_000; now += 1_000) {
    while (left[0] !== undefined && left[0].at <= now) log.append(left.shift() as Entry)
    if (looks) judge.look(now)
  }
  return judge.finish({ endedAt: 60_000, partial: false }).gates[0]!
}

/** Ten requests a second; the first `bad` of every second are as `more` says. */
function traffic(from: number, to: number, bad: number, outcome: 'ok' | 'failed' = 'failed', more = {}): Entry[] {
  return Array.from({ length: (to - from) / 100 }, (_, n) => {
    const at = from + n * 100
    const isBad = at % 1_000 < bad * 100
    return [
      arrived(id(at / 100), at),
      closed(id(at / 100), at, isBad ? outcome : 'ok', { at: at + 50, ...(isBad ? more : {}) }),
    ]
  }).flat()
}

describe('first violation', () => {
  test('gate: broken early, held, and broken again for good, is broken since then', () => {
    // The first three seconds fail; 27 s in, nine in ten are fine again; from 40 s on half fail.
    const entries = [...traffic(0, 3_000, 10), ...traffic(3_000, 40_000, 0), ...traffic(40_000, 60_000, 5)]
    const { status, firstViolation } = play(entries)
    expect(status).toBe('fail')
    // 370 of 400 are fine at 40 s; 30 + 5 per second pass a tenth after 2.5 s: seen at 43 s, and it held at 42 s.
    expect(firstViolation).toEqual({
      at: 42_050,
      requests: ['chat/420', 'chat/421', 'chat/422', 'chat/423', 'chat/424'],
    })
  })
  test('gate: that passes, has none, whatever it was before', () => {
    const result = play([...traffic(0, 3_000, 10), ...traffic(3_000, 60_000, 0)])
    expect(result.status).toBe('pass')
    expect(result).not.toHaveProperty('firstViolation')
  })
  test('gate: broken from the beginning, before there were samples enough to tell, names the first', () => {
    expect(play(traffic(0, 60_000, 3)).firstViolation).toEqual({
      at: 50,
      requests: ['chat/0', 'chat/1', 'chat/2', 'chat/10', 'chat/11'],
    })
  })
  test('gate: nobody looked during the run, names the first all the same', () => {
    expect(play(traffic(0, 60_000, 3), success, () => null, false).firstViolation?.requests[0]).toBe('chat/0')
  })
  test('gate: a time, is broken by those that took longer than its bound', () => {
    const slow = traffic(20_000, 30_000, 4, 'ok', { latencyMs: 9_000 })
    const spec: GateSpec = { id: 'slow', metric: 'latency', stat: 'p95', assert: '<= 8s' }
    const { firstViolation } = play([...traffic(0, 20_000, 0), ...slow, ...traffic(30_000, 40_000, 0)], spec)
    expect(firstViolation?.requests[0]).toMatch(/^chat\/2\d\d$/)
    expect(firstViolation?.at).toBeGreaterThan(20_000)
  })
  test('gate: on the part of the traffic that it looks at, names only those', () => {
    const where = { window: 'storm' }
    expect(play(traffic(0, 60_000, 3), { ...success, where }).firstViolation).toEqual({
      at: 10_050,
      requests: ['chat/100', 'chat/101', 'chat/102', 'chat/110', 'chat/111'],
    })
  })
  test('gate: a leak, names the request once, however often it was sent', () => {
    const spec: GateSpec = { id: 'leak', metric: 'policy_violations', assert: '== 0' }
    const leaks = [started(id(7), 5_000, B), started(id(7), 5_100, B, { attempt: 1 }), started(id(9), 6_000, B)]
    expect(play([arrived(id(7), 5_000), ...leaks], spec, () => 'not allowed').firstViolation).toEqual({
      at: 5_000,
      requests: ['chat/7', 'chat/9'],
    })
  })
  test('gate: where no one request breaks it, is broken since it was seen', () => {
    const spec: GateSpec = { id: 'cost', metric: 'cost_per_success', assert: '<= $0.000000001', book: 'billed' }
    const dear = traffic(20_000, 30_000, 10, 'ok', { billed: 1_000 })
    expect(play([...traffic(0, 20_000, 0), ...dear], spec).firstViolation).toEqual({ at: 21_000, requests: [] })
  })
  test('gate: broken after the last look, is broken since the end', () => {
    const spec: GateSpec = { id: 'cost', metric: 'cost_per_success', assert: '<= $0.000000001', book: 'billed' }
    const dear = traffic(20_000, 30_000, 10, 'ok', { billed: 1_000 })
    expect(play(dear, spec, () => null, false).firstViolation).toEqual({ at: 60_000, requests: [] })
  })
  test('gate: asserted the other way than usual, blames nobody for being well', () => {
    const spec: GateSpec = { id: 'odd', metric: 'success_rate', assert: '<= 50%' }
    expect(play(traffic(0, 60_000, 3), spec).firstViolation).toEqual({ at: 3_000, requests: [] })
  })
  test('gate: per fault, tells none', () => {
    const spec: GateSpec = { id: 'to', metric: 'time_to_failover', assert: '< 2s' }
    expect(play(traffic(0, 60_000, 3), spec)).not.toHaveProperty('firstViolation')
  })
  test('gate: in windows, is broken since the first window that breaks it, by those who arrived in it', () => {
    const spec: GateSpec = { ...success, stat: 'worst_window', window: 10_000 }
    const entries = [
      ...traffic(0, 20_000, 0),
      ...traffic(20_000, 30_000, 2),
      ...traffic(30_000, 40_000, 5),
      ...traffic(40_000, 60_000, 0),
    ]
    const { observed, cause, firstViolation } = play(entries, spec)
    expect(observed).toBe(0.5)
    expect(cause).toContain('worst from 30s to 40s')
    // From 15 s to 25 s a tenth fail, which holds.
    expect(firstViolation).toEqual({
      at: 20_000,
      requests: ['chat/200', 'chat/201', 'chat/210', 'chat/211', 'chat/220'],
    })
    expect(firstViolation?.requests).toHaveLength(NAMED_MAX)
  })

  /** An entry that counts against a gate on each metric, and one that does not. */
  const bad: Record<string, [Entry, Entry]> = {
    success_rate: [closed(id(1), 0, 'failed'), closed(id(2), 0)],
    goodput: [closed(id(1), 0, 'truncated'), closed(id(2), 0, 'cancelled')],
    availability: [closed(id(1), 0, 'failed'), closed(id(2), 0, 'canned')],
    truncated: [closed(id(1), 0, 'truncated'), closed(id(2), 0, 'failed')],
    degraded_rate: [closed(id(1), 0, 'ok', { rung: 1 }), closed(id(2), 0)],
    fallback_rate: [closed(id(1), 0, 'ok', { servedBy: B }), closed(id(2), 0, 'failed')],
    substitution_rate: [closed(id(1), 0, 'ok', { servedBy: B }), closed(id(2), 0, 'failed', { servedBy: B })],
    amplification: [closed(id(1), 0, 'ok', { attempts: 2 }), closed(id(2), 0, 'cancelled', { attempts: 9 })],
    ttft: [closed(id(1), 0, 'ok', { ttftMs: 9_000 }), closed(id(2), 0, 'failed', { ttftMs: 9_000 })],
    latency: [closed(id(1), 0, 'ok', { latencyMs: 90_000 }), closed(id(2), 0, 'failed', { latencyMs: 90_000 })],
    tool_call_validity: [
      closed(id(1), 0, 'invalid_tool_call', { toolCall: 'invalid_arguments' as never }),
      closed(id(2), 0, 'ok', { toolCall: 'valid' }),
    ],
  }
  test.each(Object.entries(bad))('%s: what counts against it, and what does not', (kind, [one, other]) => {
    const metric = metricOf(kind)
    const context = { directory: directory(), traces: { of: () => undefined }, bounds: {} } as never
    const bound = { amplification: 1.5, ttft: 2_000, latency: 8_000 }[kind] ?? 0.99
    expect([metric.breaks?.(one, context, bound), metric.breaks?.(other, context, bound)]).toEqual([true, false])
  })
})
