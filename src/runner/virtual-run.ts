/**
 * A run in virtual time. Whoever owns it moves it forward, as fast as it goes or at a pace for watching; the twin keeps
 * step, so memory does not grow with the length of the run.
 */
import { SECOND, type Millis } from '../base/index.ts'
import type { RunResult } from '../gates/index.ts'
import type { CompiledScenario } from '../scenario/index.ts'
import { World, WORLD_LIMITS, type WorldLimits } from '../virtual/index.ts'
import type { Progress, RunState } from './progress.ts'
import { Stage, type StageOptions } from './stage.ts'

export class VirtualRun {
  readonly stage: Stage
  private readonly world: World
  private readonly endMs: Millis
  private isAborted = false

  constructor(scenario: CompiledScenario, options: StageOptions, limits: WorldLimits = WORLD_LIMITS) {
    this.stage = new Stage(scenario, options)
    this.world = new World(scenario, this.stage.log, 'run', limits)
    this.endMs = scenario.durationMs + scenario.drainMs
  }

  get now(): Millis {
    return this.world.now
  }

  get state(): RunState {
    if (this.isDone) return 'finished'
    return this.world.now < this.stage.scenario.durationMs ? 'running' : 'draining'
  }

  get isDone(): boolean {
    const { now, isDone, isSpent } = this.world
    return isSpent || this.isAborted || (now >= this.stage.scenario.durationMs && (isDone || now >= this.endMs))
  }

  /** Play on for `spanMs` of scenario time, a second at a time, until done. */
  advance(spanMs: Millis): void {
    const until = Math.min(this.endMs, this.world.now + spanMs)
    while (this.world.now < until && !this.isDone) {
      const next = Math.min(until, this.world.now + SECOND)
      this.world.step(next)
      this.stage.stepTwin(next)
      // Whole seconds only: a run that is watched looks in between, too, and must end at the same instant.
      this.isAborted = next % SECOND === 0 && this.stage.look(next)
    }
  }

  breakProvider(provider: string): void {
    const fault = this.stage.faultByHand(provider, this.world.now)
    if (fault) this.world.begin(fault)
  }

  healProvider(provider: string): void {
    for (const fault of this.stage.faultsToHeal(provider)) this.world.heal(fault)
  }

  progress(speed: number, state: RunState = this.state): Progress {
    return this.stage.progress(this.world.now, state, speed)
  }

  finish(): RunResult {
    const { isSpent } = this.world
    const partial = isSpent || this.isAborted || !this.isDone
    const notes = isSpent
      ? ['too much happens in this scenario to be played to its end: lower a rate, or shorten it']
      : []
    const endedAt = this.world.now
    this.world.end()
    return this.stage.finish({ endedAt, partial, clock: 'virtual', speed: 1, notes })
  }
}
