/**
 * npm run regression: whether `compare` and gates on a baseline see a change of a policy that nobody meant to make, and
 * see none where there is none. Every trial has seeds of its own; the scenario is scenarios/planted.yaml beside this
 * file, and each policy in scenarios/policies but `good` has one thing wrong with it.
 *
 *   | trial                                                          | demanded of 100       |
 *   | -------------------------------------------------------------- | --------------------- |
 *   | a regression by compare, both policies on the same seeds       | 99 or more found      |
 *   | a regression by gates, the baseline on seeds of its own        | 99 or more found      |
 *   | no change by gates, the baseline on seeds of its own           | 5 or fewer found      |
 *
 *   npm run regression                               100 trials of 20 seeds
 *   npm run regression -- --trials 10 --seeds 10     a small one
 */
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Interrupts } from '../../src/cli/interrupts.ts'
import { loadAll } from '../../src/cli/scenarios.ts'
import { Shell } from '../../src/cli/shell.ts'
import { playSweep } from '../../src/cli/sweep.ts'
import { baselineOf, compareSweeps, judgeSweep, type Baseline, type SweepResult } from '../../src/gates/index.ts'

const REGRESSIONS = ['no-cooldown', 'no-retry-budget', 'dearer-fallback'] as const
const FOUND_MIN = 0.99
const FALSE_MAX = 0.05
const MAX_REGRESS = 0.05

const { values } = parseArgs({
  options: { trials: { type: 'string', default: '100' }, seeds: { type: 'string', default: '20' } },
})
const trials = Number(values.trials)
const seeds = Number(values.seeds)
const { stdout, stderr, stdin } = process
const shell = new Shell({ stdout, stderr, stdin, env: {}, cwd: fileURLToPath(new URL('.', import.meta.url)) })

const began = performance.now()
/** Its first half is what every trial judges, its second half what baselines are made of. */
const good = await sweepOf('good', 2 * trials * seeds)
const rows = [
  ...(await inTurn(REGRESSIONS, async (name) => {
    const changed = await sweepOf(name, trials * seeds)
    const byCompare = count(
      (trial) => compareSweeps(part(good, trial), part(changed, trial), MAX_REGRESS).verdict.status,
    )
    const byGate = count((trial) => againstBaseline(part(changed, trial), trial))
    return [row(`${name}, by compare`, byCompare, FOUND_MIN, 1), row(`${name}, by gates`, byGate, FOUND_MIN, 1)]
  })),
  [
    row(
      'no change, by gates',
      count((trial) => againstBaseline(part(good, trial), trial)),
      0,
      FALSE_MAX,
    ),
  ],
].flat()

console.log(`${trials} trials of ${seeds} seeds, ${((performance.now() - began) / 1000).toFixed(0)} s`)
console.table(rows)
process.exitCode = rows.every(({ ok }) => ok) ? 0 : 1

async function sweepOf(policy: string, length: number): Promise<SweepResult> {
  const [scenario] = loadAll(shell, ['scenarios/planted.yaml'], [`scenarios/policies/${policy}.yaml`])
  if (scenario === undefined) throw new Error('the scenario is not there')
  const plan = { seeds: { first: 1, count: length }, shard: null, workers: null }
  return playSweep(shell, scenario, plan, new Interrupts(() => {}))
}

/** The seeds of one trial. `half`: 1 for those of its baseline. */
function part(sweep: SweepResult, trial: number, half = 0): SweepResult {
  const from = (half * trials + trial) * seeds
  return { ...sweep, runs: sweep.runs.slice(from, from + seeds), planned: { first: from + 1, count: seeds } }
}

function againstBaseline(sweep: SweepResult, trial: number): string {
  const told = { name: 'planted', squall: '', weather: '', savedOn: '', expiresOn: '' }
  const baseline: Baseline = baselineOf(part(good, trial, 1), told)
  return judgeSweep(sweep, sweep.gates, sweep.table, sweep.runs, new Map([['planted', baseline]])).verdict.status
}

interface Count {
  readonly fail: number
  readonly inconclusive: number
}

function count(judge: (trial: number) => string): Count {
  const statuses = Array.from({ length: trials }, (_, trial) => judge(trial))
  const of = (status: string): number => statuses.filter((each) => each === status).length
  return { fail: of('fail'), inconclusive: of('inconclusive') }
}

function row(what: string, { fail, inconclusive }: Count, least: number, most: number) {
  const share = fail / trials
  const demanded = most === 1 ? `>= ${Math.ceil(least * trials)}` : `<= ${Math.floor(most * trials)}`
  return { what, found: fail, demanded, inconclusive, of: trials, ok: share >= least && share <= most }
}

/** One after the other: each takes all cores. */
async function inTurn<Item, Result>(items: readonly Item[], act: (item: Item) => Promise<Result>): Promise<Result[]> {
  const results: Result[] = []
  for (const item of items) results.push(await act(item))
  return results
}
