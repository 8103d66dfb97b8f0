/** Plays one seed of a scenario in virtual time, as a part of a sweep. */
import { MINUTE } from '../base/index.ts'
import {
  type AbortRule,
  seedGates,
  seedRunOf,
  type GateResult,
  type SeedRun,
  type SourceText,
  type SweepMetric,
} from '../gates/index.ts'
import { VirtualRun } from '../runner/virtual-run.ts'
import type { CompiledScenario } from '../scenario/index.ts'
import { Breakdown, messageOf } from './exit.ts'
import { sha256 } from './hasher.ts'

/** Plain data: it crosses to a worker thread. */
export interface SeedPlan {
  readonly cwd: string
  readonly file: string
  readonly policies: readonly string[]
  readonly sources: readonly SourceText[]
  /** The rules that may end a run early. */
  readonly abort: readonly AbortRule[]
}

export interface SeedPlayed {
  readonly run: SeedRun
  readonly table: readonly SweepMetric[]
  /** For what the gates are called and bound by. */
  readonly judged: readonly GateResult[]
}

/** null: `isStopped` said so, and what there was of the run is forgotten. */
export async function playSeed(
  scenario: CompiledScenario,
  seed: number,
  isStopped: () => boolean = () => false,
): Promise<SeedPlayed | null> {
  try {
    const run = new VirtualRun({ ...scenario, seed, gates: seedGates(scenario.gates) }, { hasher: sha256() })
    while (!run.isDone) {
      if (isStopped()) return null
      run.advance(MINUTE)
      await new Promise((resume) => setImmediate(resume))
    }
    const result = run.finish()
    return { ...seedRunOf(result), judged: result.gates }
  } catch (error) {
    throw new Breakdown(error, [`scenario ${scenario.file}, seed ${seed}, virtual clock: ${messageOf(error)}`])
  }
}
