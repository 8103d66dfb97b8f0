/**
 * Plays one run with the screen: the engine in a worker thread, Ink here. The two share only facts of the ledger one
 * way, and what the keys ask the other way.
 */
import { Worker } from 'node:worker_threads'
import type { Directory } from '../ledger/index.ts'
import { Stage } from '../runner/stage.ts'
import type { CompiledScenario } from '../scenario/index.ts'
import type { Controls, Update } from '../tui/index.ts'
import type { FromEngine, ToEngine } from './engine-messages.ts'
import type { Played, RunPlan } from './engine.ts'
import { Breakdown, Failure, messageOf } from './exit.ts'
import type { Interrupts } from './interrupts.ts'
import { openLedger } from './ledger-file.ts'
import type { Shell } from './shell.ts'
import { updateOf } from './update.ts'

/** How long the last frame stays, unless a key is pressed. */
const LAST_FRAME_MS = 2_000

/** The engine broke, and this is what its ledger still tells. */
export class Salvaged extends Breakdown {
  readonly played: Played | null

  constructor(breakdown: Breakdown, played: Played | null) {
    super(breakdown.cause, breakdown.circumstances)
    this.played = played
  }
}

export async function watch(
  plan: RunPlan,
  scenario: CompiledScenario,
  shell: Shell,
  interrupts: Interrupts,
): Promise<Played> {
  const engine = new EngineThread(plan)
  const forget = interrupts.onStop(() => engine.ask({ type: 'stop' }))
  try {
    const { gateway, directory } = await engine.started
    if (gateway !== null) shell.err(`gateway at ${gateway}`)
    return await show(engine, directory, shell, interrupts)
  } catch (error) {
    if (!(error instanceof Breakdown)) throw error
    throw new Salvaged(error, await salvage(plan, scenario, error.message).catch(() => null))
  } finally {
    forget()
    await engine.end()
  }
}

async function show(engine: EngineThread, directory: Directory, shell: Shell, interrupts: Interrupts): Promise<Played> {
  // chalk, which colours what Ink draws, knows FORCE_COLOR only.
  if (!shell.hasColor()) {
    delete process.env['NO_COLOR']
    process.env['FORCE_COLOR'] = '0'
  }
  const { openScreen } = await import('../tui/index.ts')
  let leaveLastFrame = (): void => {}
  const controls: Controls = {
    pause: () => engine.ask({ type: 'pause' }),
    resume: () => engine.ask({ type: 'resume' }),
    setSpeed: (factor) => engine.ask({ type: 'speed', factor }),
    breakProvider: (provider) => engine.ask({ type: 'break', provider }),
    healProvider: (provider) => engine.ask({ type: 'heal', provider }),
    quit: () => (engine.isOver ? leaveLastFrame() : interrupts.raise('SIGINT')),
  }
  const listeners = new Set<(update: Update) => void>()
  engine.onProgress((message) => {
    // The names first: an entry may speak of a fault that nobody knew a moment ago.
    if (message.faults) directory.faults.splice(0, Infinity, ...message.faults)
    for (const listener of listeners) listener(updateOf(message.progress))
  })
  const screen = openScreen({
    directory,
    controls,
    ascii: shell.ascii,
    conceal: (name) => shell.concealed(name),
    subscribe: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  })
  const forget = interrupts.onLeave(() => void screen.close().catch(() => {}))
  interrupts.isSilent = true
  try {
    const played = await engine.finished
    if (interrupts.signal === null) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, LAST_FRAME_MS)
        leaveLastFrame = () => {
          clearTimeout(timer)
          resolve()
        }
        // Ink reads the keys; a reader beside it hears that there was one.
        process.stdin.once('data', leaveLastFrame)
      })
      process.stdin.off('data', leaveLastFrame)
    }
    return played
  } finally {
    forget()
    interrupts.isSilent = false
    // A terminal that is gone cannot be given back.
    await screen.close().catch(() => {})
  }
}

type Started = FromEngine & { type: 'started' }
type Told = FromEngine & { type: 'progress' }

/** The worker with the engine in it, as promises. */
class EngineThread {
  readonly started: Promise<Started>
  readonly finished: Promise<Played>
  isOver = false
  private readonly worker: Worker
  private readonly exited: Promise<void>
  private waiting: Told[] = []
  private listener: ((message: Told) => void) | null = null

  constructor(plan: RunPlan) {
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
    this.worker = new Worker(new URL(`./engine-worker.${extension}`, import.meta.url), { workerData: plan })
    const started = Promise.withResolvers<Started>()
    const finished = Promise.withResolvers<Played>()
    const exited = Promise.withResolvers<void>()
    this.started = started.promise
    this.finished = finished.promise
    this.exited = exited.promise
    const fail = (error: Error): void => {
      started.reject(error)
      finished.reject(error)
    }
    // Either may be what nobody waits for when it fails.
    this.started.catch(() => {})
    this.finished.catch(() => {})

    this.worker.on('message', (message: FromEngine) => {
      switch (message.type) {
        case 'started':
          return started.resolve(message)
        case 'progress':
          return this.listener ? this.listener(message) : void this.waiting.push(message)
        case 'finished':
          this.isOver = true
          return finished.resolve(message.played)
        case 'refused':
          return fail(new Failure(message.exitCode, message.message))
        case 'broke':
          return fail(new Breakdown(withStack(message), message.circumstances))
      }
    })
    this.worker.on('messageerror', (error) => fail(new Breakdown(error, [])))
    this.worker.on('error', (error) =>
      fail(new Breakdown(error, [`the thread of the engine died: ${messageOf(error)}`])),
    )
    this.worker.on('exit', (code) => {
      fail(new Breakdown(new Error(`the thread of the engine ended without a result, with code ${code}`), []))
      exited.resolve()
    })
  }

  onProgress(listener: (message: Told) => void): void {
    this.listener = listener
    for (const message of this.waiting) listener(message)
    this.waiting = []
  }

  ask(message: ToEngine): void {
    this.worker.postMessage(message)
  }

  /** Whatever it is doing, it is over when this resolves. */
  async end(): Promise<void> {
    await this.worker.terminate()
    await this.exited
  }
}

function withStack({ message, stack }: { message: string; stack: string }): Error {
  const error = new Error(message)
  error.stack = stack
  return error
}

/** Judge what the ledger holds of a run whose engine died. */
async function salvage(plan: RunPlan, scenario: CompiledScenario, message: string): Promise<Played | null> {
  if (plan.ledgerPath === null) return null
  const ledger = await openLedger(plan.ledgerPath)
  const stage = new Stage({ ...scenario, seed: plan.seed }, { hasher: null, outsiders: plan.clock === 'live' })
  let endedAt = 0
  for await (const entry of ledger.entries()) {
    stage.log.append(entry)
    endedAt = entry.at
  }
  const notes = [`the engine died (${message}); this is judged from what its ledger holds`]
  const result = stage.finish({ endedAt, partial: true, clock: plan.clock, speed: plan.speed, notes })
  return { result, ledgerTrouble: null }
}
