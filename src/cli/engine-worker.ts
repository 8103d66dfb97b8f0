/**
 * The engine's own thread, for runs with a screen: drawing never delays an answer, and a busy second never freezes the
 * keys. It loads the scenario again from its file, writes the ledger, and tells ten times a second how things stand.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { loadScenario } from '../scenario/index.ts'
import type { FromEngine, ToEngine } from './engine-messages.ts'
import { Engine, type RunPlan } from './engine.ts'
import { Breakdown, EXIT, Failure, messageOf } from './exit.ts'
import { scenarioFiles } from './files.ts'

const TELL_MS = 100

void work(workerData as RunPlan)

async function work(plan: RunPlan): Promise<void> {
  const tell = (message: FromEngine): void => parentPort?.postMessage(message)
  try {
    const loaded = loadScenario(plan.file, scenarioFiles(plan.cwd), plan.policies)
    if (!loaded.ok) throw new Failure(EXIT.usage, `${plan.file} has changed and is not valid any more`)
    const engine = await Engine.open(plan, loaded.scenario, true)
    let faultsTold = engine.stage.directory.faults.length
    const tellProgress = (): void => {
      const { faults } = engine.stage.directory
      tell({ type: 'progress', progress: engine.progress(), faults: faults.length > faultsTold ? [...faults] : null })
      faultsTold = faults.length
    }

    tell({ type: 'started', ...(await engine.start()), directory: engine.stage.directory })
    parentPort?.on('message', (message: ToEngine) => obey(engine, message))
    const ticker = setInterval(tellProgress, TELL_MS)
    try {
      await engine.done()
    } finally {
      clearInterval(ticker)
    }
    const played = await engine.finish()
    tellProgress()
    tell({ type: 'finished', played })
  } catch (error) {
    if (error instanceof Failure) tell({ type: 'refused', exitCode: error.exitCode, message: error.message })
    else {
      const circumstances = error instanceof Breakdown ? error.circumstances : []
      const cause = error instanceof Breakdown ? error.cause : error
      tell({ type: 'broke', message: messageOf(error), stack: (cause as Error | null)?.stack ?? '', circumstances })
    }
  } finally {
    parentPort?.removeAllListeners('message')
    parentPort?.close()
  }
}

function obey(engine: Engine, message: ToEngine): void {
  switch (message.type) {
    case 'pause':
      return engine.pause()
    case 'resume':
      return engine.resume()
    case 'stop':
      return engine.stop()
    case 'speed':
      return engine.setSpeed(message.factor)
    case 'break':
      return engine.breakProvider(message.provider)
    case 'heal':
      return engine.healProvider(message.provider)
  }
}
