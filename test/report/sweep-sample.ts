/** A sweep that failed on one of its seeds, and has hostile names where asked. */
import {
  judgeSweep,
  type GateSpec,
  type Judged,
  type SeedRun,
  type SweepHead,
  type SweepResult,
} from '../../src/gates/index.ts'
import { HOSTILE } from './sample.ts'

const FIRST = 7

export const SWEEP_CELL = { status: 'pass', observed: 0.999, n: 50, cause: null } as const
const FAILED_CELL = { status: 'fail', observed: 0.5, n: 50, cause: 'success_rate is 50% over 50 requests' } as const

const TOLD = { metric: 'success_rate', stat: 'value', unit: 'ratio', bound: 0.99, operator: '>=' } as const
const OK: Judged = { id: 'ok', where: {}, threshold: '>= 99%', ...TOLD }
const asked = (id: string, more: Partial<GateSpec> = {}): GateSpec =>
  ({ id, metric: 'success_rate', assert: '>= 99%', ...more }) as GateSpec

interface SweepOptions {
  /** Default 3. */
  readonly seeds?: number
  /** On which its gate fails. Default: the second one. */
  readonly failing?: readonly number[]
  readonly shard?: SweepHead['shard']
  /** Two more gates, one by its interval and one by a baseline that is missing. Default false. */
  readonly rules?: boolean
}

export function sweep({ seeds = 3, failing = [FIRST + 1], shard, rules = false }: SweepOptions = {}): SweepResult {
  const specs = [
    asked('ok'),
    ...(rules
      ? [
          asked('sure', { evidence: { rule: 'bound', confidence: 0.95 } }),
          asked('same', { assert: undefined, compare: { baseline: 'main', max_regress: 0.05 } }),
        ]
      : []),
  ]
  const runs = Array.from({ length: seeds }, (_, index): SeedRun => {
    const cell = failing.includes(FIRST + index) ? FAILED_CELL : SWEEP_CELL
    const gates = specs.map(({ compare }) => (compare ? SWEEP_CELL : cell))
    return { seed: FIRST + index, fingerprint: 'f', requests: 50, doubts: [], gates, metrics: [cell.observed, null] }
  })
  return judgeSweep(
    {
      scenario: 'small',
      summary: 'A small storm.',
      file: 'scenarios/small.yaml',
      durationMs: 6_000,
      expect: 'pass',
      asked: specs,
      planned: { first: FIRST, count: Math.max(1, seeds) },
      ...(shard && { shard }),
      sources: [{ file: 'scenarios/small.yaml', text: 'name: small\ngates: []\n' }],
      command: 'npx squall run scenarios/small.yaml',
    },
    specs.map(({ id }) => ({ ...OK, id })),
    [
      { metric: 'success_rate', stat: 'value', unit: 'ratio', where: {} },
      { metric: 'ttft', stat: 'p95', unit: 'ms', where: { window: 'storm' } },
    ],
    runs,
  )
}

/** The same with hostile text wherever text can come from outside. */
export function hostileSweep(): SweepResult {
  const base = sweep({ rules: true })
  return {
    ...base,
    scenario: HOSTILE,
    summary: HOSTILE,
    file: HOSTILE,
    verdict: { status: 'fail', causes: [HOSTILE] },
    gates: base.gates.map((gate) => ({ ...gate, where: { workflow: HOSTILE }, cause: gate.cause && HOSTILE })),
    table: base.table.map((column) => ({ ...column, where: { window: HOSTILE } })),
    runs: base.runs.map((run) => ({
      ...run,
      doubts: [HOSTILE],
      gates: run.gates.map((cell) => ({ ...cell, cause: HOSTILE })),
    })),
    sources: [{ file: HOSTILE, text: HOSTILE }],
    command: `npx squall run '${HOSTILE}'`,
  }
}
