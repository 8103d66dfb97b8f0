/** Many seeds judged as one: what their gates say together, and what may be put together. */
import { describe, expect, test } from 'vitest'
import {
  judgeSweep,
  mergeSweeps,
  shardOf,
  type GateSpec,
  type Status,
  type SweepHead,
  type SweepResult,
} from '../../src/gates/index.ts'

const SPEC: GateSpec = { id: 'ok', metric: 'success_rate', assert: '>= 99%' }
const BOUND = { rule: 'bound', confidence: 0.95 } as const
const TOLD = {
  id: 'ok',
  metric: 'success_rate',
  stat: 'value',
  where: {},
  unit: 'ratio',
  bound: 0.99,
  operator: '>=',
  threshold: '>= 99%',
} as const

type Seen = readonly [observed: number | null, status?: Status]

interface Lab {
  readonly spec?: Partial<GateSpec>
  readonly told?: Partial<Record<keyof typeof TOLD, unknown>>
  readonly first?: number
  readonly head?: Partial<SweepHead>
  readonly doubts?: readonly string[]
}

/** One gate on these seeds; each seed holds where its value is 99% or more. */
function sweep(seen: readonly Seen[], { spec, told, first = 1, head, doubts = [] }: Lab = {}): SweepResult {
  const runs = seen.map(([observed, status], index) => ({
    seed: first + index,
    fingerprint: `f${first + index}`,
    requests: 100,
    doubts,
    gates: [
      {
        status: status ?? ((observed ?? 0) >= 0.99 ? ('pass' as const) : ('fail' as const)),
        observed,
        n: 100,
        cause: observed !== null && observed >= 0.99 ? null : `success_rate is ${observed}`,
      },
    ],
    metrics: [observed],
  }))
  return judgeSweep(
    {
      scenario: 'lab',
      summary: 'A lab.',
      file: 'scenarios/lab.yaml',
      durationMs: 1000,
      expect: 'pass',
      asked: [{ ...SPEC, ...spec }],
      planned: { first, count: seen.length },
      sources: [{ file: 'scenarios/lab.yaml', text: 'name: lab' }],
      command: 'npx squall run scenarios/lab.yaml',
      ...head,
    },
    [{ ...TOLD, ...told } as typeof TOLD],
    [{ metric: 'success_rate', stat: 'value', unit: 'ratio', where: {} }],
    runs.reverse(),
  )
}

const many = (count: number, at: (index: number) => number): Seen[] =>
  Array.from({ length: count }, (_, index) => [at(index)] as const)

describe('a gate by what was seen', () => {
  test('sweep: every seed holds, passes and names the worst', () => {
    const { verdict, gates, runs } = sweep([[1], [0.995], [0.999]])
    expect(verdict).toEqual({ status: 'pass', causes: [] })
    expect(gates[0]).toMatchObject({ status: 'pass', observed: 0.995, worstSeed: 2, n: 300, rule: 'point' })
    expect(runs.map(({ seed }) => seed)).toEqual([1, 2, 3])
  })
  test('sweep: one seed of three fails, fails with how many and which', () => {
    const { verdict, gates } = sweep([[1], [0.9], [0.5]])
    expect(verdict.status).toBe('fail')
    expect(gates[0]?.seeds).toEqual({ passed: 1, failed: 2, inconclusive: 0 })
    expect(gates[0]?.cause).toBe('it fails on 2 of 3 seeds, worst on seed 3: success_rate is 0.5')
  })
  test('sweep: one seed cannot tell, is inconclusive', () => {
    const { verdict, gates } = sweep([[1], [null, 'inconclusive'], [1]])
    expect(verdict.status).toBe('inconclusive')
    expect(gates[0]?.cause).toContain('it cannot be told on 1 of 3 seeds, as on seed 2')
  })
  test('sweep: a lower value is better, the worst is the highest', () => {
    const { gates } = sweep([[1], [3], [2]], { told: { operator: '<', bound: 9, unit: 'factor' } })
    expect(gates[0]).toMatchObject({ observed: 3, worstSeed: 2 })
  })
  test('sweep: a warning fails, decides nothing', () => {
    const { verdict } = sweep([[0.5]], { spec: { level: 'warn' }, told: { level: 'warn' } as never })
    expect(verdict.status).toBe('pass')
  })
})

describe('a gate by its bound', () => {
  test('sweep: the whole interval holds, passes although one seed did not', () => {
    const { gates } = sweep(
      many(30, (index) => (index === 0 ? 0.985 : 0.998)),
      { spec: { evidence: BOUND } },
    )
    expect(gates[0]).toMatchObject({ status: 'pass', rule: 'bound' })
    expect(gates[0]?.interval?.low).toBeGreaterThan(0.99)
  })
  test('sweep: the interval straddles the bound, is inconclusive and asks for more seeds', () => {
    const { gates } = sweep([[0.985], [0.999], [0.98], [1]], { spec: { evidence: BOUND } })
    expect(gates[0]?.status).toBe('inconclusive')
    expect(gates[0]?.cause).toContain('play more seeds')
  })
  test('sweep: the whole interval breaks it, fails', () => {
    const { gates } = sweep(
      many(25, (index) => 0.9 + index / 1000),
      { spec: { evidence: BOUND } },
    )
    expect(gates[0]?.status).toBe('fail')
    expect(gates[0]?.observed).toBeCloseTo(0.912)
  })
  test('sweep: every seed is the same, says as much as its requests do', () => {
    // 300 of 300 requests: Wilson's lower end is 98.7%, however steady the seeds are.
    const { gates } = sweep([[1], [1], [1]], { spec: { evidence: BOUND } })
    expect(gates[0]?.interval?.low).toBeCloseTo(0.9874, 3)
    expect(gates[0]?.status).toBe('inconclusive')
  })
  test('sweep: nine runs of ten are metastable, is a share of the runs with an interval over these', () => {
    const asked = { metric: 'metastability', assert: '<= 5%' } as const
    const told = { metric: 'metastability', bound: 0.05, operator: '<=', threshold: '<= 5%' }
    const p = (metastable: number) =>
      sweep(
        many(10, (index) => (index < metastable ? 1 : 0)),
        { spec: { ...asked, evidence: BOUND }, told },
      ).gates[0]
    expect(p(9)).toMatchObject({ status: 'fail', observed: 0.9 })
    expect(p(9)?.interval?.low).toBeCloseTo(0.596, 3)
    expect(p(9)?.interval?.high).toBeCloseTo(0.982, 3)
    // None of ten may still be more than a quarter of them: 59 clean runs say that it is at most 5%.
    expect(p(0)).toMatchObject({ status: 'inconclusive', observed: 0 })
  })
  test('sweep: one seed, says nothing about how sure it is', () => {
    const [gate] = sweep([[1]], { spec: { evidence: BOUND } }).gates
    expect([gate?.status, gate?.cause]).toEqual([
      'inconclusive',
      'one seed says nothing about how sure it is: play several',
    ])
    expect(gate?.interval).toBeUndefined()
  })
  test('sweep: judged twice, gives the same interval', () => {
    const judge = () =>
      sweep(
        many(40, (index) => 0.99 + (index % 7) / 1000),
        { spec: { evidence: BOUND } },
      )
    expect(judge()).toEqual(judge())
  })
  test('sweep: fewer seeds than asked for, is inconclusive unless it has failed', () => {
    const evidence = { rule: 'point', confidence: 0.95, min_seeds: 5 } as const
    const few = sweep([[1], [1]], { spec: { evidence } }).gates[0]
    expect([few?.status, few?.cause]).toEqual(['inconclusive', 'it was played with 2 seeds, and needs 5 to be judged'])
    expect(sweep([[1], [0.5]], { spec: { evidence } }).verdict.status).toBe('fail')
    expect(
      sweep(
        many(5, () => 1),
        { spec: { evidence } },
      ).verdict.status,
    ).toBe('pass')
  })
})

describe('a share of runs', () => {
  const told = { metric: 'metastability', operator: '<=', bound: 0.2, threshold: '<= 20%' }
  const ofRuns = (values: readonly (number | null)[], spec: Partial<GateSpec> = {}) =>
    sweep(
      values.map((value) => [value, value === null ? 'inconclusive' : value > 0 ? 'fail' : 'pass'] as const),
      { told, spec },
    ).gates[0]
  test('sweep: one of ten runs, is 10% with Wilson around it', () => {
    expect(ofRuns([1, 0, 0, 0, 0, 0, 0, 0, 0, 0])).toMatchObject({ status: 'pass', rule: 'share', observed: 0.1 })
    expect(ofRuns([1, 0, 0, 0, 0, 0, 0, 0, 0, 0])?.interval?.high).toBeCloseTo(0.4042, 3)
  })
  test('sweep: by its bound, needs more runs than one by what was seen', () => {
    expect(ofRuns([1, 0, 0, 0, 0, 0, 0, 0, 0, 0], { evidence: BOUND })?.status).toBe('inconclusive')
    expect(ofRuns([0, 0, 0, ...Array.from({ length: 20 }, () => 0)], { evidence: BOUND })?.status).toBe('pass')
  })
  test('sweep: runs that say nothing, have no part in it unless most say nothing', () => {
    expect(ofRuns([1, 0, 0, 0, null])).toMatchObject({ status: 'fail', observed: 0.25 })
    expect(ofRuns([0, null, null])?.status).toBe('inconclusive')
  })
})

describe('the verdict', () => {
  test('sweep: a doubt about runs, is told once and is no pass', () => {
    const { verdict } = sweep([[1], [1]], { doubts: ['fault f never struck'] })
    expect(verdict).toEqual({ status: 'inconclusive', causes: ['on every seed: fault f never struck'] })
  })
  test('sweep: stopped early or no seed at all, is no pass', () => {
    const planned = { first: 1, count: 9 }
    expect(sweep([[1]], { head: { planned } }).verdict.causes).toEqual(['the sweep was stopped after 1 of 9 seeds'])
    expect(sweep([], { head: { planned } }).verdict.status).toBe('inconclusive')
  })
})

describe('shards', () => {
  test('shards: of any number of seeds, are all of them once', () => {
    for (const [count, of] of [
      [10, 3],
      [7, 7],
      [100, 6],
    ] as const) {
      const parts = Array.from({ length: of }, (_, n) => shardOf({ first: 5, count }, { index: n + 1, of }))
      expect(parts.map((part) => part.count).reduce((sum, n) => sum + n)).toBe(count)
      expect(
        parts.every((part, n) => n === 0 || part.first === (parts[n - 1]?.first ?? 0) + (parts[n - 1]?.count ?? 0)),
      ).toBe(true)
      expect(Math.max(...parts.map((part) => part.count)) - Math.min(...parts.map((part) => part.count))).toBeLessThan(
        2,
      )
    }
  })

  const planned = { first: 1, count: 4 }
  const shard = (index: number, seen: readonly Seen[], head: Partial<SweepHead> = {}): SweepResult =>
    sweep(seen, { first: 1 + (index - 1) * 2, head: { planned, shard: { index, of: 2 }, ...head } })

  test('shard: alone, never passes', () => {
    const cause = 'this is shard 1 of 2; all of them are judged together by squall merge'
    expect(shard(1, [[1], [1]]).verdict).toEqual({ status: 'inconclusive', causes: [cause] })
  })
  test('merge: in any order, is the sweep in one piece', () => {
    const whole = sweep([[1], [0.999], [1], [0.995]])
    expect(mergeSweeps([shard(2, [[1], [0.995]]), shard(1, [[1], [0.999]])])).toEqual(whole)
  })
  test('merge: stretches of seeds that follow each other, are one', () => {
    const merged = mergeSweeps([sweep([[1], [1]]), sweep([[1]], { first: 3 })]) as SweepResult
    expect(merged.planned).toEqual({ first: 1, count: 3 })
    expect(merged.verdict.status).toBe('pass')
  })
  test.each<[string, SweepResult[], string]>([
    ['nothing', [], 'there is nothing to merge'],
    ['a seed twice', [shard(1, [[1], [1]]), shard(1, [[1], [1]])], '2 seeds (1, 2) are in more than one of them'],
    ['a shard that is not there', [shard(1, [[1], [1]])], '2 seeds (3, 4) are missing; shard 2/2 is not among them'],
    ['a hole', [sweep([[1]]), sweep([[1]], { first: 3 })], 'seed 2 is missing'],
    ['far apart', [sweep([[1]]), sweep([[1]], { first: 4e9 })], 'their seeds are not next to each other'],
    [
      'another scenario',
      [shard(1, [[1], [1]]), shard(2, [[1], [1]], { scenario: 'other' })],
      'one is of lab, another of other',
    ],
    [
      'another text of it',
      [shard(1, [[1], [1]]), shard(2, [[1], [1]], { sources: [{ file: 'scenarios/lab.yaml', text: 'changed' }] })],
      'scenarios/lab.yaml is not the same in all of them',
    ],
    [
      'another policy',
      [shard(1, [[1], [1]]), shard(2, [[1], [1]], { policies: ['p.yaml'] })],
      'one plays the policies of the scenario, another p.yaml',
    ],
  ])('merge: %s, is refused in words', (_, parts, words) => {
    expect(mergeSweeps(parts)).toBe(words)
  })
})
