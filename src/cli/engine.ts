/**
 * The engine of a run, as the command line drives it: both clocks alike. Virtual time is moved in slices of some 30 ms
 * of real time, so that signals and keys are heard, and at a pace when somebody watches; live time moves by itself.
 */
import type { Millis } from '../base/index.ts'
import type { RunResult } from '../gates/index.ts'
import type { Surroundings } from '../live/external.ts'
import type { Entry, Fold } from '../ledger/index.ts'
import type { Progress } from '../runner/progress.ts'
import type { Stage } from '../runner/stage.ts'
import { VirtualRun } from '../runner/virtual-run.ts'
import type { CompiledScenario } from '../scenario/index.ts'
import { Breakdown, EXIT, Failure, messageOf, systemMessage } from './exit.ts'
import { sha256 } from './hasher.ts'
import { LedgerFile } from './ledger-file.ts'
import { secretsOf } from './secrets.ts'
import { surroundingsOf } from './real-endpoints.ts'

export type Clock = 'virtual' | 'live'

/** Everything that decides how one scenario is played. Plain data: it crosses to a worker thread. */
export interface RunPlan {
  /** The scenario file, relative to `cwd`. */
  readonly file: string
  /** Policies played in place of its own. */
  readonly policies: readonly string[]
  readonly cwd: string
  readonly seed: number
  readonly clock: Clock
  /** Live: scenario seconds per real second. */
  readonly speed: number
  /** Virtual: the same, for watching; null: as fast as it goes. */
  readonly pace: number | null
  /** Live: port of the gateway; null: any free one. */
  readonly port: number | null
  /** Live: hosts beyond this machine that real endpoints may be on. */
  readonly allowedHosts: readonly string[]
  /** Where to store the ledger; null: nowhere. */
  readonly ledgerPath: string | null
  /** Tell whether it comes back by itself, whatever the gates ask. */
  readonly recovery: boolean
}

/** A run in either clock. */
interface Driven {
  readonly stage: Stage
  /** Resolves when the run has come to its end or was stopped; rejects when it broke. */
  readonly done: Promise<void>
  /** Gives the address of the gateway, where there is one. */
  start(): Promise<{ readonly gateway: string | null }>
  pause(): void
  resume(): void
  setSpeed(factor: number): void
  breakProvider(provider: string): void
  healProvider(provider: string): void
  progress(): Progress
  stop(): void
  finish(): Promise<RunResult>
}

export interface Played {
  readonly result: RunResult
  /** Why the ledger could not be stored; null when it was, or was not asked for. */
  readonly ledgerTrouble: string | null
}

/** How many of the last entries are told when a run breaks. */
const RECENT_MAX = 20
/** A live run passes its ledger on this often. */
const TEND_MS = 250

export class Engine {
  readonly stage: Stage
  private readonly plan: RunPlan
  private readonly run: Driven
  private readonly ledger: LedgerFile | null
  private readonly recent = new Recent()
  private tending: NodeJS.Timeout | undefined

  private constructor(plan: RunPlan, run: Driven, ledger: LedgerFile | null) {
    this.plan = plan
    this.run = run
    this.ledger = ledger
    this.stage = run.stage
    this.stage.log.attach(this.recent)
    if (ledger) this.stage.log.attach(ledger)
  }

  /** `watched`: `progress` will be asked for again and again. */
  static async open(plan: RunPlan, scenario: CompiledScenario, watched: boolean): Promise<Engine> {
    const { seed, clock, speed, port, pace, allowedHosts, ledgerPath, recovery } = plan
    const seeded = { ...scenario, seed }
    let ledger: LedgerFile | null = null
    const run: Driven =
      clock === 'live'
        ? await liveRun(seeded, {
            hasher: null,
            watched,
            recovery,
            speed,
            ...(port !== null && { port }),
            surroundings: surroundingsOf(seeded, process.env, speed, allowedHosts),
          })
        : new VirtualDrive(new VirtualRun(seeded, { hasher: sha256(), watched, recovery }), pace, async () =>
            ledger?.drained(),
          )
    if (ledgerPath !== null) ledger = new LedgerFile(ledgerPath, run.stage.directory, secretsOf(scenario, process.env))
    return new Engine(plan, run, ledger)
  }

  /** Let it run. Rejects with a Failure when it cannot, and with a Breakdown when it breaks. */
  async start(): Promise<{ readonly gateway: string | null }> {
    try {
      // Virtual time waits for the ledger between its slices; live time does not wait.
      if (this.plan.clock === 'live') this.tending = setInterval(() => void this.ledger?.drained(), TEND_MS)
      return await this.run.start()
    } catch (error) {
      await this.closeLedger().catch(() => {})
      if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') {
        const port = this.plan.port === null ? 'the port' : `port ${this.plan.port}`
        throw new Failure(EXIT.cannot, `${port} is in use. Choose another with --port, or leave it out for a free one.`)
      }
      throw this.breakdown(error)
    }
  }

  /** Resolves when it has come to its end or was stopped. */
  async done(): Promise<void> {
    try {
      await this.run.done
    } catch (error) {
      await this.closeLedger().catch(() => {})
      throw this.breakdown(error)
    }
  }

  pause(): void {
    this.run.pause()
  }

  resume(): void {
    this.run.resume()
  }

  setSpeed(factor: number): void {
    this.run.setSpeed(factor)
  }

  breakProvider(provider: string): void {
    this.run.breakProvider(provider)
  }

  healProvider(provider: string): void {
    this.run.healProvider(provider)
  }

  progress(): Progress {
    return this.run.progress()
  }

  /** End early: the report is then partial. */
  stop(): void {
    this.run.stop()
  }

  /** Judge, and close the ledger. */
  async finish(): Promise<Played> {
    let result: RunResult
    try {
      result = await this.run.finish()
    } catch (error) {
      await this.closeLedger().catch(() => {})
      throw this.breakdown(error)
    }
    try {
      await this.closeLedger()
      return { result, ledgerTrouble: null }
    } catch (error) {
      return { result, ledgerTrouble: systemMessage(error) }
    }
  }

  private async closeLedger(): Promise<void> {
    clearInterval(this.tending)
    await this.ledger?.close()
  }

  private breakdown(error: unknown): Error {
    if (error instanceof Failure || error instanceof Breakdown) return error
    const { file, seed, clock } = this.plan
    const entries = this.recent.latest()
    const now = entries.at(-1)?.at ?? 0
    return new Breakdown(error, [
      `scenario ${file}, seed ${seed}, ${clock} clock, at ${now} ms: ${messageOf(error)}`,
      `the last ${entries.length} entries:`,
      ...entries.map((entry) => `  ${JSON.stringify(entry)}`),
    ])
  }
}

/** The run in real time. Loaded only when asked for: a virtual run needs no servers. */
async function liveRun(
  scenario: CompiledScenario,
  options: {
    hasher: null
    watched: boolean
    recovery: boolean
    speed: number
    port?: number
    surroundings: Surroundings
  },
): Promise<Driven> {
  const { LiveRun } = await import('../runner/live-run.ts')
  return new LiveRun(scenario, options)
}

// ── virtual time ────────────────────────────────────────────────────────────────────────────────────────────────────

const SECOND: Millis = 1_000
/** Real time of one slice. Longer ones make keys and signals wait, shorter ones waste the time between them. */
const SLICE_MS = 30
const SPAN_START: Millis = 10 * SECOND
const SPAN_MAX: Millis = 24 * 3_600 * SECOND
/** At a pace, time moves this often. */
const FRAME_MS = 20

class VirtualDrive implements Driven {
  readonly stage: Stage
  readonly done: Promise<void>
  private readonly run: VirtualRun
  private readonly between: () => Promise<void>
  private pace: number | null
  private isPaused = false
  private isStopped = false
  private begin!: () => void
  /** Ends a pause or a nap early. */
  private wake: () => void = () => {}

  constructor(run: VirtualRun, pace: number | null, between: () => Promise<void>) {
    this.run = run
    this.stage = run.stage
    this.pace = pace
    this.between = between
    this.done = new Promise<void>((resolve) => (this.begin = resolve)).then(() => this.play())
  }

  async start(): Promise<{ readonly gateway: null }> {
    this.begin()
    return { gateway: null }
  }

  pause(): void {
    this.isPaused = true
  }

  resume(): void {
    this.isPaused = false
    this.wake()
  }

  setSpeed(factor: number): void {
    if (this.pace !== null) this.pace = factor
  }

  breakProvider(provider: string): void {
    this.run.breakProvider(provider)
  }

  healProvider(provider: string): void {
    this.run.healProvider(provider)
  }

  progress(): Progress {
    const state = this.isPaused && !this.run.isDone ? 'paused' : this.run.state
    return this.run.progress(this.pace ?? Infinity, state)
  }

  stop(): void {
    this.isStopped = true
    this.wake()
  }

  async finish(): Promise<RunResult> {
    return this.run.finish()
  }

  private async play(): Promise<void> {
    let span = SPAN_START
    let last = performance.now()
    let due = 0
    while (!this.run.isDone && !this.isStopped) {
      if (this.isPaused) {
        await this.nap(null)
        last = performance.now()
        continue
      }
      if (this.pace === null) {
        span = this.slice(span)
        await new Promise((resolve) => setImmediate(resolve))
      } else {
        const now = performance.now()
        due += (now - last) * this.pace
        last = now
        // What cannot be caught up is let go: better a slower pace than keys that are not heard.
        if (!this.advanceTo(due, now + SLICE_MS)) due = this.run.now
        await this.nap(FRAME_MS)
      }
      await this.between()
    }
  }

  /** One slice as fast as it goes; gives the span of the next, so that it takes about as long as it should. */
  private slice(span: Millis): Millis {
    const before = performance.now()
    this.run.advance(span)
    const tookMs = Math.max(0.1, performance.now() - before)
    const fitting = Math.min(span * 4, Math.max(SECOND, (span * SLICE_MS) / tookMs), SPAN_MAX)
    return Math.round(fitting / SECOND) * SECOND
  }

  /**
   * Up to `due`, in steps that never cross a whole second, and of whole seconds after the last arrival: so a run that
   * was watched ends at the same instant as one that was not. False when real time ran out first.
   */
  private advanceTo(due: Millis, until: number): boolean {
    const { durationMs } = this.stage.scenario
    while (!this.run.isDone) {
      const { now } = this.run
      const boundary = (Math.floor(now / SECOND) + 1) * SECOND
      const target = boundary >= durationMs || due >= boundary ? boundary : Math.floor(due)
      if (target > due || target <= now) return true
      if (performance.now() > until) return false
      this.run.advance(target - now)
    }
    return true
  }

  private nap(ms: number | null): Promise<void> {
    return new Promise((resolve) => {
      const timer = ms === null ? null : setTimeout(resolve, ms)
      // A paused run has nothing else to keep its thread alive.
      const pulse = ms === null ? setInterval(() => {}, SECOND * 60) : null
      this.wake = () => {
        if (timer !== null) clearTimeout(timer)
        if (pulse !== null) clearInterval(pulse)
        resolve()
      }
    })
  }
}

/** The last entries of a run, in a ring. */
class Recent implements Fold {
  private readonly ring: Entry[] = []
  private next = 0

  step(entry: Entry): void {
    this.ring[this.next] = entry
    this.next = (this.next + 1) % RECENT_MAX
  }

  latest(): Entry[] {
    const isFull = this.ring.length === RECENT_MAX
    return isFull ? [...this.ring.slice(this.next), ...this.ring.slice(0, this.next)] : [...this.ring]
  }
}
