/**
 * A run in real time. It plays by itself from `start` to `done`; the twin is stepped beside it in virtual time, so that
 * drift can be seen while the storm plays.
 */
import { SECOND, type Millis } from '../base/index.ts'
import type { RunResult } from '../gates/index.ts'
import { Engine, SPEED_MAX, type Surroundings } from '../live/index.ts'
import type { CompiledScenario } from '../scenario/index.ts'
import type { Progress, RunState } from './progress.ts'
import { Stage, type StageOptions } from './stage.ts'

export { SPEED_MAX }

/** Clients whose connections were closed are noticed within this, in wall ms. */
const LEAVING_MS_MAX = 2_000
/** How often it is looked whether another second has passed, in wall ms: at the highest speed, one in 50. */
const LOOK_MS = 50

export interface LiveOptions extends StageOptions {
  /** Scenario seconds per wall second, 0.1 to SPEED_MAX. */
  readonly speed: number
  /** Port of the gateway. Default: a free one. */
  readonly port?: number
  /** Play the scenario's workload. Default true; a load generator brings its own. */
  readonly playsWorkload?: boolean
  /** What real endpoints need. */
  readonly surroundings?: Surroundings
}

export class LiveRun {
  readonly stage: Stage
  readonly done: Promise<void>
  private readonly engine: Engine
  private readonly scenario: CompiledScenario
  private hasBeenStopped = false
  /** Up to here it has been looked how the gates stand. */
  private lookedAt: Millis = 0
  private speed: number

  constructor(
    scenario: CompiledScenario,
    { speed, port = 0, playsWorkload = true, surroundings, ...options }: LiveOptions,
  ) {
    this.scenario = scenario
    this.speed = speed
    // A fingerprint of a live run would name this machine's timing, and nothing else.
    this.stage = new Stage(scenario, { ...options, hasher: null, outsiders: true })
    this.engine = new Engine(scenario, this.stage.log, {
      speed,
      port,
      playsWorkload,
      ...(surroundings && { surroundings }),
    })
    this.done = this.engine.done
  }

  get now(): Millis {
    return this.engine.now
  }

  get state(): RunState {
    if (this.engine.isDone) return 'finished'
    if (this.engine.clock.paused) return 'paused'
    return this.engine.now < this.scenario.durationMs ? 'running' : 'draining'
  }

  /** Open the doors. Rejects with `code: 'EADDRINUSE'` when the gateway's port is taken. */
  async start(): Promise<{ gateway: string }> {
    const gateway = await this.engine.start()
    const looking = setInterval(() => this.look(), LOOK_MS)
    const over = (): void => clearInterval(looking)
    this.done.then(over, over)
    return { gateway }
  }

  /** At every second of the scenario that has passed. */
  private look(): void {
    const { now } = this.engine
    const second = Math.floor(now / SECOND) * SECOND
    if (second <= this.lookedAt || this.engine.isDone) return
    this.lookedAt = second
    this.stage.stepTwin(now)
    if (this.stage.look(second)) this.stop()
  }

  pause(): void {
    this.engine.pause()
  }

  resume(): void {
    this.engine.resume()
  }

  setSpeed(speed: number): void {
    this.speed = Math.min(SPEED_MAX, Math.max(0.1, speed))
    this.engine.setSpeed(this.speed)
  }

  breakProvider(provider: string): void {
    const fault = this.stage.faultByHand(provider, this.engine.now)
    if (fault) this.engine.begin(fault)
  }

  healProvider(provider: string): void {
    for (const fault of this.stage.faultsToHeal(provider)) this.engine.heal(fault)
  }

  progress(state: RunState = this.state): Progress {
    const { now } = this.engine
    this.stage.stepTwin(now)
    return this.stage.progress(now, state, this.speed)
  }

  /** End early. */
  stop(): void {
    this.hasBeenStopped ||= !this.engine.isDone
    this.engine.stop()
  }

  /** Let nobody new in, and wait until everybody inside has been served, for at most the scenario's drain time. */
  async closeDoors(): Promise<void> {
    this.engine.closeDoors({ says: false })
    await this.engine.whenQuiet(this.scenario.drainMs / this.speed)
  }

  /** Requests that came after closing time. They are in no ledger. */
  get cameTooLate(): number {
    return this.engine.cameTooLate
  }

  /** End because everything that was to be done is done, as soon as the last client has left: the run is whole. */
  async complete(): Promise<void> {
    await this.engine.whenQuiet(LEAVING_MS_MAX)
    this.engine.stop()
  }

  async finish(): Promise<RunResult> {
    const partial = this.hasBeenStopped || !this.engine.isDone
    const endedAt = this.engine.now
    const { notes, lagP99Ms } = this.engine
    await this.engine.close()
    await this.engine.done // Rejects when the run broke: there is nothing to judge.
    const lag = { speed: this.speed, p99Ms: lagP99Ms }
    return this.stage.finish({ endedAt, partial, clock: 'live', speed: this.speed, lag, notes })
  }
}
