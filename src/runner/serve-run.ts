/**
 * A gateway with its fleet that stays up: whoever asks is served, and the timeline of the scenario plays when it is asked
 * for, once. The whole of it is one run with one ledger; windows and gates are about the timeline.
 */
import { formatDuration, type Millis } from '../base/index.ts'
import type { RunResult } from '../gates/index.ts'
import type { RequestClosed } from '../ledger/index.ts'
import { Engine, type Control, type Surroundings } from '../live/index.ts'
import { standing, type CompiledScenario } from '../scenario/index.ts'
import { Stage, type StageOptions } from './stage.ts'

export interface ServeOptions extends Pick<StageOptions, 'sinks'> {
  /** Port of the gateway; 0 for a free one. */
  readonly port: number
  readonly surroundings: Surroundings
  /** Somebody asked over HTTP that it end. */
  readonly onStop: () => void
}

/** How a served gateway stands. */
export interface Served {
  readonly scenario: string
  readonly state: 'standing by' | 'playing' | 'played'
  /** Scenario time since the timeline began; null before. */
  readonly playedMs: Millis | null
  readonly timelineMs: Millis
  readonly requests: number
  readonly ok: number
  /** Faults that are at work, in words. */
  readonly faults: readonly string[]
}

/** Clients whose answers are under way when it ends are waited for this long, in ms. */
const LEAVING_MS_MAX = 2_000

export class ServeRun implements Control {
  readonly stage: Stage
  readonly done: Promise<void>
  private readonly engine: Engine
  private readonly scenario: CompiledScenario
  private readonly onStop: () => void
  private playedFrom: Millis | null = null
  private requests = 0
  private ok = 0
  private readonly atWork = new Set<number>()

  constructor(scenario: CompiledScenario, { port, sinks = [], surroundings, onStop }: ServeOptions) {
    this.scenario = scenario
    this.onStop = onStop
    const ready = standing(scenario)
    this.stage = new Stage(ready, { hasher: null, sinks, outsiders: true, hasTwin: false })
    const { log } = this.stage
    log.attach({
      steps: {
        'request.closed': (entry) => this.count(entry),
        'fault.started': ({ fault }) => void this.atWork.add(fault),
        'fault.ended': ({ fault }) => void this.atWork.delete(fault),
      },
    })
    this.engine = new Engine(ready, log, { speed: 1, port, playsWorkload: false, surroundings, control: this })
    this.done = this.engine.done
  }

  /** Open the doors. Rejects with `code: 'EADDRINUSE'` when the port is taken. */
  async start(): Promise<{ gateway: string }> {
    return { gateway: await this.engine.start() }
  }

  status(): Served {
    const { playedFrom, scenario, requests, ok } = this
    const now = this.engine.now
    const hasEnded = playedFrom !== null && now >= playedFrom + scenario.durationMs
    return {
      scenario: scenario.name,
      state: playedFrom === null ? 'standing by' : hasEnded ? 'played' : 'playing',
      playedMs: playedFrom === null ? null : Math.round(now - playedFrom),
      timelineMs: scenario.timeline.length === 0 ? 0 : scenario.durationMs,
      requests,
      ok,
      faults: [...this.atWork].map((fault) => this.stage.directory.faults[fault]?.label ?? String(fault)),
    }
  }

  play(): string | null {
    if (this.scenario.timeline.length === 0) return 'there is no timeline to play: this is a fleet, or a calm scenario'
    if (this.playedFrom !== null) return 'the timeline plays once; serve again to play it again'
    this.playedFrom = this.engine.now
    for (const fault of this.stage.playTimeline(this.scenario, this.playedFrom)) this.engine.begin(fault)
    return null
  }

  breakProvider(provider: string): boolean {
    if (!this.hasProvider(provider)) return false
    const fault = this.stage.faultByHand(provider, this.engine.now)
    if (fault) this.engine.begin(fault)
    return true
  }

  healProvider(provider: string): boolean {
    if (!this.hasProvider(provider)) return false
    for (const fault of this.stage.faultsToHeal(provider)) this.engine.heal(fault)
    return true
  }

  stop(): void {
    this.onStop()
  }

  /** Serve those who are inside, close, and judge. */
  async finish(): Promise<RunResult> {
    this.engine.closeDoors({ says: true })
    await this.engine.whenQuiet(LEAVING_MS_MAX)
    const endedAt = this.engine.now
    this.engine.stop()
    const { lagP99Ms } = this.engine
    await this.engine.close()
    await this.engine.done
    const { playedFrom, scenario } = this
    const isWhole = playedFrom === null || endedAt >= playedFrom + scenario.durationMs
    const note =
      playedFrom === null
        ? 'the timeline was not played'
        : `the timeline was played from ${formatDuration(Math.round(playedFrom))} on`
    const result = this.stage.finish({
      endedAt,
      partial: !isWhole,
      clock: 'live',
      speed: 1,
      lag: { speed: 1, p99Ms: lagP99Ms },
      notes: [...this.engine.notes, ...(scenario.timeline.length === 0 ? [] : [note])],
    })
    return { ...result, durationMs: endedAt, reproduce: `npx squall serve ${scenario.file}` }
  }

  private count({ outcome }: RequestClosed): void {
    if (outcome === 'cancelled') return
    this.requests += 1
    if (outcome === 'ok') this.ok += 1
  }

  private hasProvider(provider: string): boolean {
    return this.scenario.endpoints.some((spec) => spec.provider === provider)
  }
}
