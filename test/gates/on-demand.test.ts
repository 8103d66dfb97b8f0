/** The metrics that are folded only where a gate asks for them. */
import { describe, expect, test } from 'vitest'
import { FoldSet, gateSchema, Judge, METRICS, type AnyMetric } from '../../src/gates/index.ts'
import { Log, type Entry } from '../../src/ledger/index.ts'
import {
  A,
  arrived,
  B,
  charged,
  closed,
  directory,
  ended,
  faultEnded,
  faultOn,
  faultStarted,
  fired,
  id,
  measure,
  started,
  steady,
} from './lab.ts'

describe('only where a gate asks', () => {
  const isLegal = () => null
  const gate = (more: object) => gateSchema.safeParse({ id: 'it', assert: '>= 99%', ...more })

  test('judge: no row of the report, no fold: unless there is a gate', () => {
    const log = new Log()
    const judge = new Judge({ directory: directory(), gates: [gate({ metric: 'slo_attainment' }).data!], isLegal })
    judge.attach(log)
    for (const entry of steady(0, 40, 10)) log.append(entry)
    const { gates, metrics } = judge.finish({ endedAt: 60_000, partial: false })
    expect(gates[0]).toMatchObject({ status: 'pass', observed: 1, n: 40 })
    const told = new Set(metrics.map(({ metric }) => metric))
    const silent = (METRICS as readonly AnyMetric[]).filter(({ onDemand }) => onDemand).map(({ kind }) => kind)
    expect(silent.length).toBeGreaterThan(5)
    expect(silent.filter((kind) => told.has(kind))).toEqual([])
  })
  test('folds: two gates with other bounds, have two folds', () => {
    const folds = new FoldSet(directory(), isLegal)
    const add = (latency: number) => folds.add('slo_attainment', {}, 'upstream', { slo: { latency } })
    expect(add(100)).toBe(add(100))
    expect(add(100)).not.toBe(add(200))
  })
  test('gate: what its metric does not take, is a mistake that names it', () => {
    const parsed = gate({ metric: 'success_rate', slo: { ttft: '2s' } })
    expect(parsed.error?.issues.map(({ path, message }) => [path, message])).toEqual([
      [['slo'], 'success_rate takes no slo; remove it'],
    ])
  })
  test.each([
    ['objective', { objective: '100%' }],
    ['over', { over: [] }],
    ['over', { over: '10ms' }],
    ['slo', { slo: { tft: '2s' } }],
  ])('gate: %s that makes no sense, is a mistake', (key, more) => {
    expect(gate({ metric: 'error_budget_burn', assert: '<= 1', ...more }).error?.issues[0]?.path[0]).toBe(key)
  })
})

describe('slo_attainment', () => {
  const answers = (ttftMs: number | null, latencyMs: number) => closed(id(ttftMs ?? 0), 0, 'ok', { ttftMs, latencyMs })
  const slo = { ttft: 1_000, latency: 5_000 }

  test('slo_attainment: each bound holds for half of the requests, and both for none', () => {
    const entries = [answers(900, 6_000), answers(1_100, 4_000)]
    const ask = (some: object) => measure(entries, { metric: 'slo_attainment', bounds: { slo: some } }).value
    expect([ask({ ttft: 1_000 }), ask({ latency: 5_000 }), ask(slo)]).toEqual([0.5, 0.5, 0])
  })
  test('slo_attainment: in time but not ok, is broken; cancelled, is nobody’s fault', () => {
    const entries = [answers(900, 4_000), closed(id(1), 0, 'truncated'), closed(id(2), 0, 'cancelled')]
    expect(measure(entries, { metric: 'slo_attainment', bounds: { slo } })).toEqual({ value: 0.5, n: 2 })
  })
})

describe('error_budget_burn', () => {
  const bounds = { objective: 0.99, over: [20_000, 5_000] }
  const burn = (entries: readonly Entry[], more = bounds) =>
    measure(entries, { metric: 'error_budget_burn', bounds: more })

  test('error_budget_burn: one in fifty at 99 %, burns at two', () => {
    const entries = Array.from({ length: 1_000 }, (_, n) => closed(id(n), n * 50, n % 50 === 0 ? 'failed' : 'ok'))
    expect(burn(entries).value).toBeCloseTo(2, 1)
  })
  test('error_budget_burn: a short burst, counts as much as the long stretch has of it', () => {
    const entries = [...steady(0, 200, 100), ...steady(20_000, 20, 100, 'failed'), ...steady(22_000, 200, 100)]
    // 20 of 200 in 20 s: 10 %; in 5 s it is 40 %.
    expect(burn(entries).value).toBeCloseTo(10, 0)
    expect(burn(entries, { objective: 0.99, over: [5_000] }).value).toBeCloseTo(40, 0)
  })
  test('error_budget_burn: stretches longer than the run, are as long as the run, and it says what it cost of a month', () => {
    const entries = [...steady(0, 500, 100), ...steady(50_000, 25, 100, 'failed'), ...steady(52_500, 75, 100)]
    const { value, note } = burn(entries, { objective: 0.99, over: [3_600_000] })
    expect(value).toBeCloseTo(25 / 599 / 0.01, 9)
    expect(note).toBe('all of it used up 0.01% of a month’s error budget')
  })
  test('error_budget_burn: too few requests to say, is no alarm', () => {
    expect(burn(steady(0, 29, 100, 'failed'))).toMatchObject({ value: null, n: 29 })
  })
  test('error_budget_burn: a silence longer than all stretches, ends what was before', () => {
    const entries = [...steady(0, 100, 100), ...steady(1_000_000, 100, 100, 'failed')]
    expect(burn(entries).value).toBeCloseTo(100, 9)
  })
})

describe('where requests went', () => {
  test('substitution_rate: another provider of the model is none, another model is', () => {
    const more = { servedBy: B }
    const entries = [closed(id(0), 0), closed(id(1), 0, 'ok', more), closed(id(2), 0, 'failed', more)]
    expect(measure(entries, { metric: 'substitution_rate' })).toEqual({ value: 0.5, n: 2 })
  })
  test('fallback_depth: every move counts, to and fro', () => {
    const moved = [A, B, A].map((endpoint, attempt) => started(id(0), attempt, endpoint, { attempt }))
    const stayed = [A, A].map((endpoint, attempt) => started(id(1), attempt, endpoint, { attempt }))
    const entries = [arrived(id(0), 0), arrived(id(1), 0), ...moved, ...stayed, closed(id(0), 0), closed(id(1), 0)]
    expect(measure(entries, { metric: 'fallback_depth', stat: 'max' })).toEqual({ value: 2, n: 2 })
    expect(measure(entries, { metric: 'fallback_depth', stat: 'mean' }).value).toBe(1)
  })
  test('peak_amplification: the worst ten seconds, not the mean', () => {
    const storm = Array.from({ length: 50 }, (_, n) => closed(id(5_000 + n), 30_000 + n, 'ok', { attempts: 4 }))
    const entries = [...steady(0, 500, 60), ...storm]
    const { value, note } = measure(entries, { metric: 'peak_amplification' })
    expect([value, note]).toEqual([4, 'worst from 30s to 40s'])
    expect(measure(entries, { metric: 'peak_amplification', bounds: { over: 60_000 } }).value).toBeCloseTo(700 / 550, 9)
  })
})

describe('time_to_detect', () => {
  const faults = [faultOn([A], 10_000, 20_000)]
  const struck = [faultStarted(10_000), started(id(1), 10_100, A), fired(10_100, id(1))]
  const detect = (entries: readonly Entry[]) => measure(entries, { metric: 'time_to_detect', faults })

  test('time_to_detect: the first attempt elsewhere', () => {
    expect(detect([...struck, started(id(1), 10_700, B, { attempt: 1 })])).toEqual({ value: 700, n: 1 })
  })
  test('time_to_detect: a fallback before anything was struck, is noise', () => {
    const noise = [started(id(0), 9_000, A), faultStarted(10_000), started(id(0), 10_001, B, { attempt: 1 })]
    const entries = [...noise, ...struck.slice(1), started(id(1), 10_700, A, { attempt: 1, reason: 'retry' })]
    expect(detect(entries)).toEqual({ value: 700, n: 1 })
  })
  test('time_to_detect: nobody acts, is at least the length of the fault', () => {
    expect(detect([...struck, faultEnded(20_000)])).toMatchObject({ value: 10_000, censored: true })
  })
  test('time_to_detect: a fault that struck nobody, has no time', () => {
    expect(detect([faultStarted(10_000), started(id(1), 10_100, B)]).value).toBeNull()
  })
})

describe('waste and budget', () => {
  test('wasted_tokens: those of attempts that nobody saw, in either order of charge and end', () => {
    const entries = [
      arrived(id(0), 0),
      started(id(0), 0, A),
      charged(id(0), 1, 5, { inputTokens: 100, outputTokens: 20 }),
      ended(id(0), 1, A, { outcome: 'failed', committed: false }),
      started(id(0), 2, B, { attempt: 1 }),
      ended(id(0), 3, B, { attempt: 1 }),
      charged(id(0), 4, 5, { attempt: 1, endpoint: B, inputTokens: 100, outputTokens: 80 }),
    ]
    expect(measure(entries, { metric: 'wasted_tokens' })).toEqual({ value: 0.4, n: 300 })
  })
  test('budget_overrun: what is beyond, and nothing within', () => {
    const entries = [
      arrived(id(0), 0),
      started(id(0), 0, A),
      charged(id(0), 1, 700),
      ended(id(0), 1, A),
      closed(id(0), 0),
    ]
    const over = (budget?: number) =>
      measure(entries, { metric: 'budget_overrun', ...(budget && { bounds: { budget } }) })
    expect([over(500).value, over(700).value, over().value]).toEqual([200, 0, null])
  })
})

describe('oracles', () => {
  test('stream_integrity: an answer in two pieces, or of another length than was said, is not whole', () => {
    const answer = (n: number, ...attempts: Entry[]) => [...attempts, closed(id(n), 0)]
    const entries = [
      ...answer(0, ended(id(0), 1, A)),
      ...answer(1, ended(id(1), 1, A), ended(id(1), 2, B, { attempt: 1 })),
      ...answer(2, ended(id(2), 1, A, { outputTokens: 11 })),
      ...answer(3, ended(id(3), 1, A, { outcome: 'truncated' }), ended(id(3), 2, B, { call: 1 })),
    ]
    const { value, n, note } = measure(entries, { metric: 'stream_integrity' })
    expect([value, n, note]).toEqual([0.5, 4, 'first chat/1: 2 attempts'])
  })
  test('decision_legality: a forbidden endpoint anywhere in a plan', () => {
    const plan = (n: number, order: number[]): Entry => ({
      kind: 'call.routed',
      at: n,
      request: id(n),
      call: 0,
      rule: -1,
      rung: 0,
      funnel: [],
      order: order.map((endpoint) => ({ endpoint, score: 0, reason: '' })),
    })
    const isLegal = (_request: number, _workflow: number, endpoint: number) => (endpoint === B ? 'not here' : null)
    const { value, n, note } = measure([plan(0, [A]), plan(1, [A, B]), plan(2, [])], {
      metric: 'decision_legality',
      isLegal,
    })
    expect([value, n, note]).toEqual([0.5, 2, 'first chat/1 with b:n: not here'])
  })
})
