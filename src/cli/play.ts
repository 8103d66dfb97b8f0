/** Plays one run in this process, without a screen. A run that takes its time says now and then how it stands. */
import { formatDuration } from '../base/quantities.ts'
import type { CompiledScenario } from '../scenario/index.ts'
// Not from the room's index, which also brings Ink: a plain run starts without it.
import { progressLine } from '../tui/progress-line.ts'
import { ViewModel } from '../tui/view-model.ts'
import { Engine, type Played, type RunPlan } from './engine.ts'
import type { Interrupts } from './interrupts.ts'
import type { Shell } from './shell.ts'
import { updateOf } from './update.ts'

const TELL_MS = 5_000
const FOLD_MS = 250

export async function play(
  plan: RunPlan,
  scenario: CompiledScenario,
  shell: Shell,
  interrupts: Interrupts,
): Promise<Played> {
  const isSlow = plan.clock === 'live' || plan.pace !== null
  const engine = await Engine.open(plan, scenario, isSlow)
  const { gateway } = await engine.start()
  if (gateway !== null) shell.err(`gateway at ${gateway}`)
  const forget = interrupts.onStop(() => engine.stop())
  const silence = isSlow ? tellInFull(engine, shell) : tellBriefly(engine, shell)
  try {
    await engine.done()
  } finally {
    silence()
    forget()
  }
  return engine.finish()
}

/** Success, fallback, drift, faults: every few seconds of real time. */
function tellInFull(engine: Engine, shell: Shell): () => void {
  const model = new ViewModel(engine.stage.directory)
  const folding = setInterval(() => model.fold(updateOf(engine.progress())), FOLD_MS)
  const telling = setInterval(() => shell.err(progressLine(model.screen())), TELL_MS)
  return () => {
    clearInterval(folding)
    clearInterval(telling)
  }
}

/** How far it is. Folding all that happens in virtual time for a line would take longer than the run. */
function tellBriefly(engine: Engine, shell: Shell): () => void {
  const { durationMs } = engine.stage.scenario
  const telling = setInterval(() => {
    const { now } = engine.progress()
    const percent = Math.min(100, Math.floor((now / durationMs) * 100))
    shell.err(`[${String(percent).padStart(3)}%] ${formatDuration(now)} of ${formatDuration(durationMs)}`)
  }, TELL_MS)
  return () => clearInterval(telling)
}
