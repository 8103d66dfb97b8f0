/** Two sweeps side by side, and a sweep held against a baseline: never a pass without evidence. */
import { describe, expect, test } from 'vitest'
import {
  ASKS_BASELINE,
  baselineOf,
  compareSweeps,
  differenceOf,
  judgeSweep,
  metricOf,
  seedRunOf,
  toleratedOf,
  worseOf,
  type Baselines,
  type GateSpec,
  type RunResult,
  type Series,
  type SweepResult,
} from '../../src/gates/index.ts'

const COLUMN = { metric: 'latency', stat: 'p95', unit: 'ms', where: {} } as const
const series = (values: readonly number[], first = 1): Series => ({
  ...COLUMN,
  values: new Map(values.map((value, index) => [first + index, value])),
})
const wave = (count: number, base: number, spread = 10): number[] =>
  Array.from({ length: count }, (_, index) => base + ((index * 7) % 5) * spread)

describe('which way is worse, and how much of it is tolerated', () => {
  test.each([
    ['success_rate', 'lower'],
    ['goodput', 'lower'],
    ['latency', 'higher'],
    ['cost_drift', 'higher'],
    ['policy_violations', 'higher'],
  ])('compare: %s, is worse when it is %s', (metric, worse) => {
    expect(worseOf(metricOf(metric))).toBe(worse)
  })
  test('compare: a share near 100%, is held to its failures', () => {
    expect(toleratedOf(metricOf('success_rate'), 0.9, 0.05)).toBeCloseTo(0.005)
    expect(toleratedOf(metricOf('success_rate'), 1, 0.05)).toBe(0.001)
    expect(toleratedOf(metricOf('latency'), 2_000, 0.05)).toBe(100)
    expect(toleratedOf(metricOf('policy_violations'), 0, 0.05)).toBe(0)
  })
})

describe('a difference', () => {
  test('compare: the same values, pass', () => {
    const found = differenceOf(series(wave(8, 1000)), series(wave(8, 1000)), 0.05)
    expect(found).toMatchObject({ status: 'pass', before: 1020, after: 1020, isPaired: true, cause: null })
  })
  test('compare: noise between seeds, is nothing where the seeds are the same', () => {
    const before = wave(8, 1000, 400)
    const after = before.map((value) => value + 200)
    expect(differenceOf(series(before), series(after), 0.05).status).toBe('fail')
    // Seeds of their own: the same values might as well be chance.
    expect(differenceOf(series(before), series(after.toReversed(), 100), 0.05)).toMatchObject({
      status: 'inconclusive',
      isPaired: false,
    })
  })
  test('compare: surely worse and by less than is tolerated, passes', () => {
    const before = wave(10, 1000)
    expect(differenceOf(series(before), series(before.map((value) => value + 20)), 0.05).status).toBe('pass')
  })
  test('compare: better, passes whichever way better is', () => {
    const before = wave(10, 1000)
    expect(differenceOf(series(before), series(before.map((value) => value / 2)), 0.05).status).toBe('pass')
  })
  test('compare: cannot be told, says how many seeds it takes', () => {
    const before = [1000, 1400, 900, 1300]
    const after = [1300, 1000, 1200, 1250]
    const { status, comparison, cause } = differenceOf(series(before), series(after), 0.05)
    expect(status).toBe('inconclusive')
    expect(comparison?.runsNeeded).toBeGreaterThan(4)
    expect(cause).toMatch(/^latency p95 went from 1\.15s to 1\.188s over 4 seeds; .* it takes about \d+ seeds to tell$/)
  })
  test('compare: one seed or none, is inconclusive', () => {
    expect(differenceOf(series([1]), series([1]), 0.05).status).toBe('inconclusive')
    expect(differenceOf(series([]), series([1, 2, 3]), 0.05).status).toBe('inconclusive')
  })
  test('compare: many rows, need more to fail than one does', () => {
    const before = Array.from({ length: 8 }, () => 1000)
    const after = [1060, 1200, 990, 1070, 1300, 1010, 1080, 1090]
    expect(differenceOf(series(before), series(after), 0.05, 1).status).toBe('fail')
    expect(differenceOf(series(before), series(after), 0.05, 20).status).toBe('inconclusive')
  })
})

const SPEC: GateSpec = { id: 'slow', metric: 'latency', compare: { baseline: 'good', max_regress: 0.05 } }

function sweep(values: readonly (number | null)[], spec: Partial<GateSpec> = {}, first = 1): SweepResult {
  return judge(values, spec, first, new Map())
}

function judge(
  values: readonly (number | null)[],
  spec: Partial<GateSpec>,
  first: number,
  baselines: Baselines,
): SweepResult {
  const told = {
    id: 'slow',
    ...COLUMN,
    operator: '<=',
    bound: 0,
    threshold: 'at most 5% worse than baseline good',
  } as const
  const runs = values.map((value, index) => ({
    seed: first + index,
    fingerprint: null,
    requests: 10,
    doubts: [],
    gates: [
      value === null
        ? ({ status: 'inconclusive', observed: null, n: 0, cause: 'nothing to measure' } as const)
        : ({ status: 'pass', observed: value, n: 200, cause: null } as const),
    ],
    metrics: [value],
  }))
  const head = { scenario: 'lab', summary: 'A lab.', file: 'lab.yaml', durationMs: 1000, expect: 'pass' } as const
  return judgeSweep(
    {
      ...head,
      asked: [{ ...SPEC, ...spec }],
      planned: { first, count: values.length },
      sources: [],
      command: 'squall run lab.yaml',
    },
    [told],
    [COLUMN],
    runs,
    baselines,
  )
}

const TOLD = { name: 'good', squall: '0.1.0', weather: 'w', savedOn: '2026-11-20', expiresOn: '2027-02-18' }
const GOOD = baselineOf(sweep(wave(8, 1000)), TOLD)
const against = (
  values: readonly (number | null)[],
  baselines: Baselines = new Map([['good', GOOD]]),
  first = 1,
  spec = {},
) => judge(values, spec, first, baselines)

describe('a gate on a baseline', () => {
  test('baseline: as it was, passes and tells what was', () => {
    const { verdict, gates } = against(wave(8, 1000))
    expect(verdict.status).toBe('pass')
    expect(gates[0]).toMatchObject({ status: 'pass', rule: 'baseline', observed: 1020, before: 1020 })
  })
  test('baseline: worse than is tolerated, fails', () => {
    const { verdict } = against(wave(8, 1100))
    expect(verdict).toEqual({
      status: 'fail',
      causes: ['gate slow: latency p95 went from 1.02s to 1.12s over 8 seeds; 51ms higher is tolerated'],
    })
  })
  test('baseline: other seeds, are compared in their order', () => {
    expect(against(wave(8, 1100), undefined, 501).verdict.causes[0]).toContain('8 seeds of their own')
  })
  test.each<[string, Baselines, string]>([
    ['none', new Map(), 'there is no baseline good'],
    ['one that must not be used', new Map([['good', 'baseline good expired on 2026-01-01']]), 'expired on 2026-01-01'],
    ['one without the metric', new Map([['good', { ...GOOD, columns: [] }]]), 'has no such metric over this traffic'],
    ['one without a run', new Map([['good', { ...GOOD, runs: [] }]]), 'with 0 seeds on both sides'],
  ])('baseline: %s, is no pass', (_, baselines, words) => {
    const { verdict } = against(wave(8, 1000), baselines)
    expect(verdict.status).toBe('inconclusive')
    expect(verdict.causes[0]).toContain(words)
  })
  test('baseline: a seed that has no value, is no pass', () => {
    expect(against([...wave(7, 1000), null]).verdict.causes[0]).toContain('it cannot be told on 1 of 8 seeds')
  })
  test('baseline: another book or another part of the traffic, is another metric', () => {
    for (const spec of [{ where: { window: 'storm' } }, { book: 'billed' }])
      expect(against(wave(8, 1000), undefined, 1, spec).verdict.causes[0]).toContain('has no such metric')
  })
  test('one run: a gate that asks for a baseline, is kept as measured and said to be open', () => {
    const gate = {
      id: 'slow',
      ...COLUMN,
      operator: '<=',
      bound: 0,
      threshold: '',
      status: 'inconclusive',
      observed: 5,
      n: 200,
      cause: ASKS_BASELINE,
    } as const
    const verdict = { status: 'inconclusive', causes: [`gate slow: ${ASKS_BASELINE}`] }
    const result = {
      seed: 1,
      fingerprint: null,
      counts: { requests: 1 },
      verdict,
      gates: [gate],
      metrics: [],
    } as unknown as RunResult
    expect(seedRunOf(result).run).toMatchObject({ doubts: [], gates: [{ status: 'pass', observed: 5, cause: null }] })
  })
})

describe('two sweeps', () => {
  test('compare: what decides, are the gates', () => {
    const { deciding, others, verdict } = compareSweeps(sweep(wave(8, 1000)), sweep(wave(8, 1300)), 0.05)
    expect([deciding.length, others.length, verdict.status]).toEqual([1, 0, 'fail'])
  })
  test('compare: a gate that only warns, decides nothing', () => {
    const level = { level: 'warn' } as const
    const leveled = (values: number[]) => {
      const result = sweep(values, level)
      return { ...result, gates: result.gates.map((gate) => ({ ...gate, ...level })) }
    }
    const { deciding, verdict } = compareSweeps(leveled(wave(8, 1000)), leveled(wave(8, 1300)), 0.05)
    // Without gates, success and cost would decide; this table has neither.
    expect([deciding.length, verdict.status]).toEqual([0, 'inconclusive'])
  })
})
