/**
 * A thread that plays seeds of one scenario, one after the other as it is handed them. It loads the scenario from its
 * files, and refuses when they are not what the main thread read.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { loadScenario } from '../scenario/index.ts'
import { messageOf } from './exit.ts'
import { scenarioFiles } from './files.ts'
import { playSeed, type SeedPlan } from './play-seed.ts'

export type FromSweepWorker =
  | { readonly type: 'played'; readonly played: Awaited<ReturnType<typeof playSeed>> }
  | { readonly type: 'changed' }
  | { readonly type: 'broke'; readonly seed: number; readonly message: string; readonly stack: string }

const plan = workerData as SeedPlan
const tell = (message: FromSweepWorker): void => parentPort?.postMessage(message)
const loaded = loadScenario(plan.file, scenarioFiles(plan.cwd), plan.policies)
const isSame = loaded.ok && JSON.stringify(loaded.scenario.sources) === JSON.stringify(plan.sources)

parentPort?.on('message', (seed: number) => void play(seed))

async function play(seed: number): Promise<void> {
  if (!loaded.ok || !isSame) return tell({ type: 'changed' })
  try {
    tell({ type: 'played', played: await playSeed({ ...loaded.scenario, abort: plan.abort }, seed) })
  } catch (error) {
    const stack = error instanceof Error ? (error.stack ?? '') : ''
    tell({ type: 'broke', seed, message: messageOf(error), stack })
  }
}
