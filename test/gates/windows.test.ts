/** A metric in the worst of many windows: which windows there are, which are judged, and what a thin one does. */
import { describe, expect, test } from 'vitest'
import { FoldSet, Gate, gateSchema, METRICS, type AnyMetric, type GateSpec } from '../../src/gates/index.ts'
import { Log, type Entry } from '../../src/ledger/index.ts'
import { arrived, charged, closed, directory, ended, id, started, steady } from './lab.ts'

/** What a gate says of the entries. Windows of 10 s unless said otherwise. */
function judge(entries: readonly Entry[], more: Partial<GateSpec> = {}, endedAt = 60_000) {
  const spec: GateSpec = {
    id: 'it',
    metric: 'success_rate',
    stat: 'worst_window',
    window: 10_000,
    assert: '>= 90%',
    ...more,
  }
  const folds = new FoldSet(directory(), () => null)
  const gate = Gate.over(folds, spec)
  const log = new Log()
  folds.attach(log)
  for (const entry of entries) log.append(entry)
  return gate.judge(endedAt, null)
}

/** Ten requests a second from `from` to `to`, the first `bad` of every second `outcome`. */
function traffic(from: number, to: number, bad = 0, outcome: 'failed' | 'cancelled' = 'failed'): Entry[] {
  const list: Entry[] = []
  for (let at = from; at < to; at += 100) list.push(closed(id(at), at, at % 1_000 < bad * 100 ? outcome : 'ok'))
  return list
}

const good = traffic(0, 60_000)

describe('worst_window', () => {
  test('gate: one bad window in a good run, is what it sees', () => {
    const entries = [...traffic(0, 20_000), ...traffic(20_000, 30_000, 5), ...traffic(30_000, 60_000)]
    expect(judge(entries)).toMatchObject({
      status: 'fail',
      stat: 'worst_window(10s)',
      observed: 0.5,
      n: 100,
      cause:
        'success_rate worst_window(10s) is 50.00% over 100 requests, the gate asks for >= 90%; worst from 20s to 30s',
    })
    expect(judge(entries, { stat: undefined, window: undefined })).toMatchObject({ status: 'pass', n: 600 })
  })
  test('gate: bad at the edge of two windows, is found by the one that begins half-way', () => {
    const entries = [...traffic(0, 25_000), ...traffic(25_000, 35_000, 5), ...traffic(35_000, 60_000)]
    expect(judge(entries)).toMatchObject({ observed: 0.5, cause: expect.stringContaining('worst from 25s to 35s') })
  })
  test('gate: what is asserted to be less, is worst where it is most', () => {
    const slow = [
      ...traffic(0, 20_000),
      ...Array.from({ length: 200 }, (_, n) => closed(id(20_000 + n), 20_000 + n * 50, 'ok', { attempts: 4 })),
      ...traffic(30_000, 60_000),
    ]
    const asked = { metric: 'amplification', assert: '<= 2' }
    expect(judge(slow, asked)).toMatchObject({ status: 'fail', observed: 4, n: 200 })
    expect(judge(slow, { ...asked, assert: '<= 4' })).toMatchObject({ status: 'pass', observed: 4 })
    expect(judge(slow, { ...asked, assert: '>= 0.5' })).toMatchObject({ status: 'pass', observed: 1 })
  })
  test('gate: a request that ends late, belongs to the window it arrived in', () => {
    const late = closed(id(1), 15_000, 'failed', { at: 55_000, latencyMs: 40_000 })
    expect(judge([...good, ...Array.from({ length: 25 }, (_, n) => ({ ...late, request: id(n) }))])).toMatchObject({
      observed: 0.8,
      cause: expect.stringContaining('worst from 10s to 20s'),
    })
  })
  test('gate: a time, is judged by its default statistic within the window', () => {
    const entries = [
      ...good,
      ...Array.from({ length: 20 }, (_, n) => closed(id(n), 42_000 + n, 'ok', { latencyMs: 9_000 })),
    ]
    const asked = { metric: 'latency', assert: '<= 8s' }
    expect(judge(entries, asked)).toMatchObject({ status: 'fail', n: 120 })
    expect(judge(entries, { ...asked, stat: undefined, window: undefined })).toMatchObject({ status: 'pass', n: 620 })
  })
  test('gate: goodput of a window, is per second of the window', () => {
    expect(judge(good, { metric: 'goodput', assert: '>= 9.9/s' })).toMatchObject({ status: 'pass', observed: 10 })
    const cut = { where: { window: 'storm' }, window: 8_000 }
    expect(judge(good, { metric: 'goodput', assert: '>= 9.9/s', ...cut })).toMatchObject({
      status: 'pass',
      observed: 10,
    })
  })
  test('gate: windows of the selected part, begin where it begins', () => {
    const storm = [...good, ...traffic(12_000, 20_000, 5)]
    const result = judge(storm, { where: { window: 'storm' }, window: 8_000 })
    expect(result.cause).toContain('worst from 14s to 22s')
    expect(result.n).toBe(120)
  })
  test('gate: money that comes late, is counted where its request arrived', () => {
    const spend = (n: number, at: number, cost: number): Entry[] => [
      arrived(id(n), at),
      started(id(n), at, 0),
      ended(id(n), at + 10, 0),
      closed(id(n), at),
      charged(id(n), at + 30_000, cost),
    ]
    const entries = Array.from({ length: 100 }, (_, n) => spend(n, n * 200, n < 50 ? 1_000 : 3_000)).flat()
    const result = judge(entries, { metric: 'cost_per_success', assert: '<= $0.000002', where: {} })
    expect(result).toMatchObject({ status: 'fail', observed: 3_000, cause: expect.stringContaining('from 10s to 20s') })
  })
})

describe('evidence', () => {
  test('gate: a whole window with too few requests, and the others hold: inconclusive', () => {
    const entries = [...traffic(0, 20_000), ...steady(20_000, 5, 1_000), ...traffic(30_000, 60_000)]
    const result = judge(entries)
    expect(result).toMatchObject({ status: 'inconclusive', observed: 1, n: 100 })
    expect(result.cause).toContain('1 window of 12 had fewer than 30 requests: lengthen `window`, or lower min_samples')
    expect(judge(entries, { min_samples: 5 })).toMatchObject({ status: 'pass' })
  })
  test('gate: a thin window beside one that breaks it, fails all the same', () => {
    const entries = [...traffic(0, 10_000, 5), ...steady(20_000, 5, 1_000), ...traffic(30_000, 60_000)]
    expect(judge(entries)).toMatchObject({ status: 'fail', observed: 0.5 })
  })
  test('gate: a window in which nobody arrived, says nothing', () => {
    expect(judge([...traffic(0, 20_000), ...traffic(40_000, 60_000)])).toMatchObject({ status: 'pass' })
  })
  test('gate: a window cut off by the end of the part, is no reason to doubt', () => {
    expect(judge([...traffic(0, 52_000)], {}, 52_000)).toMatchObject({ status: 'pass' })
    expect(judge(good, { window: 7_000 })).toMatchObject({ status: 'pass' })
  })
  test('gate: a window of requests that all failed, has no latency and is no pass', () => {
    const entries = [...traffic(0, 20_000), ...traffic(20_000, 30_000, 10), ...traffic(30_000, 60_000)]
    expect(judge(entries, { metric: 'latency', assert: '<= 8s' })).toMatchObject({
      status: 'inconclusive',
      cause: expect.stringContaining('had fewer than 100 requests'),
    })
  })
  test('gate: no window with enough, has no value', () => {
    expect(judge(steady(0, 20, 1_000))).toMatchObject({
      status: 'inconclusive',
      observed: null,
      n: 10,
      cause: 'success_rate worst_window(10s) has no value: no window of 10s had 30 requests, the most was 10',
    })
    expect(judge([])).toMatchObject({ status: 'inconclusive', observed: null, n: 0 })
  })
  test('gate: all cancelled by their clients, is never 100%', () => {
    expect(judge(traffic(0, 60_000, 10, 'cancelled'))).toMatchObject({ status: 'inconclusive', observed: null })
  })
  test('gate: by its bound, each window is held to its part of the error', () => {
    const bound = { evidence: { rule: 'bound', confidence: 0.95 } } as const
    const one = judge(traffic(0, 10_000, 1), { ...bound, where: { window: 'warm-up' }, assert: '>= 81%' })
    const many = judge(traffic(0, 60_000, 1), { ...bound, assert: '>= 81%' })
    expect(one.observed).toBe(many.observed)
    expect(one.status).toBe('pass')
    expect(many.status).toBe('inconclusive')
    expect(many.interval!.low).toBeLessThan(one.interval!.low)
  })
})

test('windows: of a day, memory stays bounded and the worst is kept', () => {
  const folds = new FoldSet({ ...directory(), durationMs: 86_400_000, windows: [] }, () => null)
  const gate = Gate.over(
    folds,
    gateSchema.parse({
      id: 'it',
      metric: 'success_rate',
      stat: 'worst_window',
      window: '5s',
      assert: '>= 90%',
    }) as GateSpec,
  )
  const log = new Log()
  folds.attach(log)
  for (let at = 0; at < 86_400_000; at += 125)
    log.append(closed(id(at), at, at >= 10_000 && at < 15_000 && at % 250 === 0 ? 'failed' : 'ok'))
  const [fold] = [
    ...(folds as unknown as { windowFolds: Map<string, { open: Map<number, unknown> }> }).windowFolds.values(),
  ]
  expect(fold!.open.size).toBeLessThanOrEqual(512)
  expect(gate.judge(86_400_000, null)).toMatchObject({
    status: 'fail',
    observed: 0.5,
    n: 40,
    cause: expect.stringContaining('worst from 10s to 15s'),
  })
  // Days later, what should have been told is told as missed.
  log.append(closed(id(1), 20_000, 'failed'))
  expect(gate.judge(86_400_000, null).cause).toContain('2 facts came too late to be counted')
})

describe('the language', () => {
  const issues = (more: object) => {
    const parsed = gateSchema.safeParse({ id: 'it', metric: 'success_rate', assert: '>= 99%', ...more })
    return (parsed.error?.issues ?? []).map(({ path, message }) => `${path.join('.')}: ${message}`)
  }
  test.each([
    [{ stat: 'worst_window' }, 'window: say how long a window is; write one like "30s"'],
    [{ window: '30s' }, 'window: `window` is for stat: worst_window; remove it, or write that'],
    [{ stat: 'worst_window', window: '1s' }, 'window: '],
    [{ stat: 'worst_window', window: 30 }, 'window: '],
    [{ stat: 'p95' }, 'stat: success_rate has no p95; allowed: value, worst_window'],
    [
      { metric: 'time_to_failover', assert: '< 2s', stat: 'worst_window', window: '30s' },
      'stat: time_to_failover is told per fault',
    ],
    [
      { metric: 'cost_drift', assert: '<= 5%', stat: 'worst_window', window: '30s' },
      'stat: cost_drift is measured against the run without faults',
    ],
    [
      { metric: 'peak_amplification', assert: '<= 3', stat: 'worst_window', window: '30s' },
      'stat: peak_amplification is of the worst stretch already',
    ],
    [
      { metric: 'policy_violations', assert: '== 0', stat: 'worst_window', window: '30s' },
      'stat: policy_violations is a sum over the run',
    ],
  ])('gateSchema: %o, is refused: %s', (more, says) => {
    expect(issues(more)).toEqual([expect.stringContaining(says)])
  })
  test('gateSchema: in a window, is a gate', () => {
    expect(issues({ stat: 'worst_window', window: '30s' })).toEqual([])
  })
  test('metrics: at least fifteen have a worst window', () => {
    const have = (METRICS as readonly AnyMetric[]).filter(
      ({ kind, example }) =>
        issues({ metric: kind, assert: example, stat: 'worst_window', window: '30s' }).length === 0,
    )
    expect(have.length).toBeGreaterThanOrEqual(15)
    expect(have.map(({ kind }) => kind)).toEqual(
      expect.arrayContaining(['success_rate', 'amplification', 'ttft', 'goodput']),
    )
  })
})
