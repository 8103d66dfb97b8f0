/** A comparison in which success is worse, latency is not sure and cost is not, and has hostile names where asked. */
import {
  compareSweeps,
  judgeSweep,
  type ComparisonResult,
  type SeedRun,
  type SweepHead,
  type SweepResult,
} from '../../src/gates/index.ts'
import { COSTS, HOSTILE } from './sample.ts'

const SEEDS = { first: 3, count: 8 }
const HEAD: SweepHead = {
  scenario: 'small',
  summary: 'A small storm.',
  file: 'scenarios/small.yaml',
  durationMs: 6_000,
  expect: 'pass',
  asked: [
    { id: 'ok', metric: 'success_rate', assert: '>= 99%' },
    { id: 'slow', metric: 'latency', stat: 'p95', assert: '< 2s' },
    { id: 'dear', metric: 'cost_per_success', assert: '< $1' },
  ],
  planned: SEEDS,
  sources: [{ file: 'scenarios/small.yaml', text: 'name: small\n' }],
  command: 'npx squall run scenarios/small.yaml',
}
const TOLD = { where: {}, operator: '>=', bound: 0.99, threshold: '>= 99%' } as const
const GATES = [
  { id: 'ok', metric: 'success_rate', stat: 'value', unit: 'ratio', ...TOLD },
  { id: 'slow', metric: 'latency', stat: 'p95', unit: 'ms', ...TOLD },
  { id: 'dear', metric: 'cost_per_success', stat: 'value', unit: 'nano_usd', ...TOLD },
] as const

/** `values`: of a seed, in the order of the gates, then goodput. */
function sweepOf(values: (seed: number) => readonly number[]): SweepResult {
  const runs = Array.from({ length: SEEDS.count }, (_, index): SeedRun => {
    const seed = SEEDS.first + index
    const [ok = 0, slow = 0, dear = 0, goodput = 0] = values(index)
    return {
      seed,
      fingerprint: 'f',
      requests: 50,
      doubts: [],
      gates: [ok, slow, dear].map((observed) => ({ status: 'pass', observed, n: 50, cause: null })),
      metrics: [goodput],
    }
  })
  return judgeSweep(HEAD, GATES, [{ metric: 'goodput', stat: 'value', unit: 'per_second', where: {} }], runs)
}

export function comparison(more: Partial<ComparisonResult> = {}): ComparisonResult {
  const before = sweepOf((n) => [0.99, 1_000 + n, 400_000, 9])
  const after = sweepOf((n) => [0.8 + n / 1_000, n % 2 === 0 ? 400 : 1_900, 390_000, 7 + n / 100])
  return {
    ...compareSweeps(before, after, 0.05),
    scenario: 'small',
    summary: 'A small storm.',
    file: 'scenarios/small.yaml',
    before: 'policies/plain.yaml',
    after: 'p=policies/dear.yaml',
    durationMs: 6_000,
    seeds: SEEDS,
    maxRegress: 0.05,
    parting: {
      seed: 3,
      request: 'chat/0',
      why: 'the first asks in the order a:m/m, b:m/m; the second b:m/m, a:m/m',
      parted: 40,
      requests: 50,
      before: ['chat/0 · before', '    1. a:m/m (asked first): ok'],
      after: ['chat/0 · after', '    1. b:m/m (asked first): ok'],
    },
    costs: COSTS,
    sources: [
      { file: 'scenarios/small.yaml', text: 'name: small\n' },
      { file: 'policies/dear.yaml', text: 'name: p\n' },
    ],
    reproduce:
      'npx squall compare policies/plain.yaml p=policies/dear.yaml --scenario scenarios/small.yaml --seeds 3..10',
    ...more,
  }
}

/** The same with hostile text wherever text can come from outside. */
export function hostileComparison(): ComparisonResult {
  const base = comparison()
  const rows = (some: ComparisonResult['deciding']): ComparisonResult['deciding'] =>
    some.map((row) => ({ ...row, where: { workflow: HOSTILE }, cause: row.cause && HOSTILE }))
  return {
    ...base,
    scenario: HOSTILE,
    summary: HOSTILE,
    file: HOSTILE,
    before: HOSTILE,
    after: HOSTILE,
    verdict: { status: 'fail', causes: [HOSTILE] },
    deciding: rows(base.deciding),
    others: rows(base.others),
    parting: base.parting && { ...base.parting, request: HOSTILE, why: HOSTILE, before: [HOSTILE], after: [HOSTILE] },
    costs: base.costs.map((split) => ({ ...split, where: { window: HOSTILE } })),
    sources: [{ file: HOSTILE, text: HOSTILE }],
    reproduce: `npx squall compare '${HOSTILE}'`,
  }
}
