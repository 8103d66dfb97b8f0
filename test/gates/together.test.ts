/** Many gates at once: how seldom one of them fails by chance, and that none hides behind the others. */
import { describe, expect, test } from 'vitest'
import { normalQuantile, Rng } from '../../src/base/index.ts'
import {
  compareSweeps,
  holm,
  Judge,
  judgeSweep,
  type Baseline,
  type GateSpec,
  type Judged,
  type SeedRun,
  type SweepHead,
  type SweepResult,
} from '../../src/gates/index.ts'
import { Log } from '../../src/ledger/index.ts'
import { arrived, closed, directory, id } from './lab.ts'

describe('holm', () => {
  const rejected = (values: readonly number[], error = 0.05) => {
    const shares = holm(values.length, (index, many) => values[index]! <= error / many)
    return { shares, rejected: values.flatMap((value, index) => (value <= error / shares[index]! ? [index] : [])) }
  }
  test('holm: the values of a textbook', () => {
    // 0.05/4, then 0.05/2 for the two that are left: 0.03 is above it.
    expect(rejected([0.01, 0.04, 0.03, 0.005])).toEqual({ shares: [4, 2, 2, 4], rejected: [0, 3] })
  })
  test('holm: one that fails leaves its part to the others', () => {
    expect(rejected([0.01, 0.02, 0.04])).toEqual({ shares: [3, 2, 1], rejected: [0, 1, 2] })
    expect(rejected([0.02, 0.02, 0.02]).rejected).toEqual([])
  })
  test('holm: alone, is as without it; none, is none', () => {
    expect(rejected([0.04])).toEqual({ shares: [1], rejected: [0] })
    expect(holm(0, () => true)).toEqual([])
  })
})

const BOUND = { rule: 'bound', confidence: 0.95 } as const

/** Gates that ask for at least 50% of a share whose values by seed are given. */
function head(asked: readonly GateSpec[], seeds: number): SweepHead {
  return {
    scenario: 'lab',
    summary: 'A lab.',
    file: 'scenarios/lab.yaml',
    durationMs: 1000,
    expect: 'pass',
    asked,
    planned: { first: 1, count: seeds },
    sources: [],
    command: 'npx squall run scenarios/lab.yaml',
  }
}

function sweep(
  columns: readonly (readonly number[])[],
  spec: (index: number) => Partial<GateSpec>,
  baselines?: ReadonlyMap<string, Baseline>,
): SweepResult {
  const asked = columns.map((_, index): GateSpec => ({
    id: `g${index}`,
    metric: 'success_rate',
    assert: '>= 50%',
    where: { workflow: `w${index}` },
    ...spec(index),
  }))
  const judged = asked.map(({ id: name, where }): Judged => {
    return {
      id: name,
      metric: 'success_rate',
      stat: 'value',
      where: { workflow: where!.workflow! },
      unit: 'ratio',
      operator: '>=',
      bound: 0.5,
      threshold: '>= 50%',
    }
  })
  const seeds = columns[0]?.length ?? 0
  const runs = Array.from({ length: seeds }, (_, index): SeedRun => ({
    seed: index + 1,
    fingerprint: null,
    requests: 100,
    doubts: [],
    gates: columns.map((values) => ({
      status: values[index]! >= 0.5 ? 'pass' : 'fail',
      observed: values[index]!,
      n: 100,
      cause: null,
      ...(values[index]! < 0.5 && { firstViolation: { at: index, requests: [`chat/${index}`] } }),
    })),
    metrics: [],
  }))
  return judgeSweep(head(asked, seeds), judged, [], runs, baselines)
}

/** Values around a mean, the same for the same `stream`. */
function around(mean: number, stream: string, seeds = 19, spread = 0.01): number[] {
  const rng = Rng.fromSeed(stream)
  return Array.from({ length: seeds }, () => mean + spread * normalQuantile(rng.next()))
}

const sure = () => ({ evidence: BOUND })

/** A mean that is surely below 50% alone, and not as one of twelve: its interval ends just below. */
const doubtful = Array.from({ length: 19 }, (_, index) => 0.497 + (index % 2 === 0 ? 0.005 : -0.005))

describe('gates by their bounds over seeds', () => {
  test('sweep: a gate that would fail alone, and may look so by chance among twelve, is inconclusive', () => {
    expect(sweep([doubtful], sure).gates[0]?.status).toBe('fail')
    const { gates, verdict } = sweep(
      [doubtful, ...Array.from({ length: 11 }, (_, n) => around(0.6, `fine ${n}`))],
      sure,
    )
    expect(gates.map(({ status }) => status)).toEqual(['inconclusive', ...Array.from({ length: 11 }, () => 'pass')])
    expect(gates[0]?.cause).toMatch(
      /the gate asks for >= 50%; of 12 gates that must be as sure, one may look like this by chance: play more seeds$/,
    )
    expect(verdict.status).toBe('inconclusive')
  })
  test('sweep: a gate that is surely broken, fails among any number', () => {
    const columns = [around(0.4, 'broken'), ...Array.from({ length: 30 }, (_, n) => around(0.6, `fine ${n}`))]
    expect(sweep(columns, sure).gates[0]?.status).toBe('fail')
  })
  test('sweep: those that fail leave their part to the others', () => {
    const columns = [doubtful, ...Array.from({ length: 11 }, (_, n) => around(0.3, `broken ${n}`))]
    expect(sweep(columns, sure).gates.map(({ status }) => status)).toEqual(Array.from({ length: 12 }, () => 'fail'))
  })
  test('sweep: a gate that fails, says where on its worst seed; one that cannot be told, does not', () => {
    const [worst] = [...doubtful.keys()].toSorted((left, right) => doubtful[left]! - doubtful[right]!)
    const columns = [doubtful, ...Array.from({ length: 11 }, (_, n) => around(0.6, `fine ${n}`))]
    expect(sweep([doubtful], sure).gates[0]).toMatchObject({
      status: 'fail',
      firstViolation: { at: worst, requests: [`chat/${worst}`], seed: worst! + 1 },
    })
    expect(sweep(columns, sure).gates[0]).not.toHaveProperty('firstViolation')
    expect(sweep(columns, sure).gates[0]?.margin).toBeLessThan(0)
    expect(sweep(columns, sure).gates[1]?.margin).toBeGreaterThan(0)
  })
  test('sweep: gates that decide nothing, and those by what was seen, take no part', () => {
    const columns = [doubtful, ...Array.from({ length: 11 }, (_, n) => around(0.6, `fine ${n}`))]
    const status = (spec: Partial<GateSpec>) =>
      sweep(columns, (index) => (index === 0 ? sure() : spec)).gates[0]?.status
    expect(status({ ...sure(), level: 'info' })).toBe('fail')
    expect(status({ evidence: { rule: 'point', confidence: 0.95 } })).toBe('fail')
    expect(status(sure())).toBe('inconclusive')
  })
  test('sweep: a gate that surely holds, passes as before: passing is not corrected', () => {
    const columns = Array.from({ length: 40 }, (_, n) => around(0.508, `near ${n}`))
    const alone = columns.map((values) => sweep([values], sure).gates[0]?.status)
    expect(sweep(columns, sure).gates.map(({ status }) => status)).toEqual(alone)
    expect(alone.filter((one) => one === 'pass').length).toBeGreaterThan(20)
  })
  test('sweep: of forty releases whose twenty gates are exactly at their bounds, few are stopped', () => {
    const stopped = (corrected: boolean) =>
      Array.from({ length: 40 }, (_, release) => {
        const columns = Array.from({ length: 20 }, (_, n) => around(0.5, `${release} ${n}`, 12))
        const statuses = corrected
          ? sweep(columns, sure).gates.map(({ status }) => status)
          : columns.map((values) => sweep([values], sure).gates[0]?.status)
        return statuses.includes('fail')
      }).filter((one) => one).length
    // One-sided, each gate fails by chance in 2.5%: one of twenty does in 40%, and together at most in 2.5%.
    expect(stopped(false)).toBeGreaterThan(9)
    expect(stopped(true)).toBeLessThanOrEqual(3)
  })
})

describe('gates against a baseline', () => {
  const baseline = (columns: readonly (readonly number[])[]): Baseline => ({
    name: 'main',
    scenario: 'lab',
    squall: '0',
    clock: 'virtual',
    weather: '',
    savedOn: '2026-11-20',
    expiresOn: '2027-11-20',
    command: '',
    planned: { first: 1, count: 20 },
    columns: columns.map((_, index) => ({
      metric: 'success_rate',
      stat: 'value',
      unit: 'ratio',
      where: { workflow: `w${index}` },
      book: 'upstream',
    })),
    runs: Array.from({ length: 20 }, (_, seed) => ({
      seed: seed + 1,
      fingerprint: null,
      values: columns.map((values) => values[seed]!),
    })),
  })
  const compared = () => ({ assert: undefined, compare: { baseline: 'main', max_regress: 0 } })
  const before = Array.from({ length: 20 }, () => 0.6)
  // Worse on eleven seeds and better on nine: t = 2.3, which is beyond 1.7 for one and not beyond 3.3 for one of thirty.
  const worse = Array.from({ length: 20 }, (_, index) => 0.6 - (index < 11 ? 0.005 : -0.002))
  const broken = Array.from({ length: 20 }, (_, index) => 0.4 + (index % 2) * 0.01)
  const status = (others: readonly (readonly number[])[], first = worse) => {
    const columns = [first, ...others]
    const told = sweep(columns, compared, new Map([['main', baseline(columns.map(() => before))]]))
    return told.gates.map((gate) => gate.status)
  }

  test('sweep: worse by less than chance makes of so many, is inconclusive; with those that are surely worse, it fails', () => {
    expect(status([])).toEqual(['fail'])
    expect(status(Array.from({ length: 29 }, () => before))[0]).toBe('inconclusive')
    expect(status(Array.from({ length: 29 }, () => broken))).toEqual(Array.from({ length: 30 }, () => 'fail'))
  })
  test('compare: rows of two sweeps share it as well', () => {
    const plain = (columns: readonly (readonly number[])[]) => sweep(columns, () => ({}))
    const found = (count: number, other: readonly number[]) => {
      const columns = [worse, ...Array.from({ length: count }, () => other)]
      return compareSweeps(plain(columns.map(() => before)), plain(columns), 0).deciding.map((row) => row.status)
    }
    expect(found(0, before)).toEqual(['fail'])
    expect(found(29, before)[0]).toBe('inconclusive')
    expect(found(29, broken)[0]).toBe('fail')
  })
})

describe('gates by their bounds within a run', () => {
  /** So many workflows' worth of gates over the same traffic, of which so many of a hundred failed. */
  function judge(gates: readonly GateSpec[], failed: number) {
    const found = new Judge({ directory: directory(), gates, isLegal: () => null })
    const log = new Log()
    found.attach(log)
    for (let n = 0; n < 1_000; n += 1) {
      log.append(arrived(id(n), n * 60))
      log.append(closed(id(n), n * 60, n % 100 < failed ? 'failed' : 'ok'))
    }
    return found.finish({ endedAt: 60_000, partial: false }).gates
  }
  const asks = (name: string, threshold: string): GateSpec => ({
    id: name,
    metric: 'success_rate',
    assert: threshold,
    evidence: BOUND,
  })

  test('judge: what fails alone, may be chance among twelve', () => {
    // 95% of 1000: from 93.5% to 96.2%.
    const doubtfulGate = asks('doubtful', '>= 96.4%')
    const fine = Array.from({ length: 11 }, (_, n) => asks(`fine-${n}`, `>= ${80 + n}%`))
    expect(judge([doubtfulGate], 5)[0]?.status).toBe('fail')
    const together = judge([doubtfulGate, ...fine], 5)
    expect(together[0]).toMatchObject({
      status: 'inconclusive',
      cause: expect.stringContaining('of 12 gates that must be as sure'),
    })
    expect(together.slice(1).every(({ status }) => status === 'pass')).toBe(true)
    expect(judge([asks('broken', '>= 99%'), ...fine], 5)[0]?.status).toBe('fail')
    // A run alone cannot compare with a baseline: such gates take no part.
    const compared = fine.map(({ id: name }): GateSpec => ({
      id: name,
      metric: 'success_rate',
      compare: { baseline: 'main', max_regress: 0.05 },
    }))
    expect(judge([doubtfulGate, ...compared], 5)[0]?.status).toBe('fail')
    // What is told of its interval is its own, alone or not.
    expect(together[0]?.interval).toEqual(judge([doubtfulGate], 5)[0]?.interval)
  })
})
