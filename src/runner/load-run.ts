/**
 * A live run whose traffic is made by a load generator: gateway and fleet are up, the timeline plays in real time, and
 * autocannon asks as fast as it is answered. The ledger and the gates are the same as ever; what the generator counted
 * stands beside what the ledger holds, and the two must agree.
 */
import { at, Rng, SECOND } from '../base/index.ts'
import type { RunResult } from '../gates/index.ts'
import type { RequestOutcome } from '../ledger/index.ts'
import { loadRequests, startLoad, type LoadGenerator, type LoadTally } from '../live/index.ts'
import type { CompiledScenario } from '../scenario/index.ts'
import { LiveRun } from './live-run.ts'
import type { StageOptions } from './stage.ts'

export interface LoadOptions extends StageOptions {
  readonly connections: number
  /** Index of the workflow whose requests are sent. */
  readonly workflow: number
  readonly port?: number
}

export interface LoadResult {
  readonly run: RunResult
  readonly tally: LoadTally
  /** Requests that the ledger saw answered: every outcome but those whose client had left. */
  readonly ledgerResponses: number
  /** Of these, the ones that were ok. */
  readonly ledgerComplete: number
  readonly agrees: boolean
}

/** Outcomes for which the client was given a whole response, good or bad. */
const ANSWERED: readonly RequestOutcome[] = ['ok', 'truncated', 'invalid_tool_call', 'failed']

export class LoadRun {
  readonly live: LiveRun
  private readonly scenario: CompiledScenario
  private readonly options: LoadOptions
  private readonly counts = new Map<RequestOutcome, number>()
  private generator: LoadGenerator | null = null

  constructor(scenario: CompiledScenario, options: LoadOptions) {
    this.scenario = scenario
    this.options = options
    const { port = 0, hasher, sinks = [], watched = false } = options
    const counting = {
      on: ['request.closed'] as const,
      step: (entry: { kind: string }) => {
        if (entry.kind !== 'request.closed') return
        const { outcome } = entry as unknown as { outcome: RequestOutcome }
        this.counts.set(outcome, (this.counts.get(outcome) ?? 0) + 1)
      },
    }
    this.live = new LiveRun(scenario, {
      speed: 1,
      port,
      hasher,
      watched,
      sinks: [...sinks, counting],
      playsWorkload: false,
    })
  }

  async start(): Promise<{ gateway: string }> {
    const { gateway } = await this.live.start()
    const { durationMs, seed, policies } = this.scenario
    const workflow = at(this.scenario.workflows(Rng.fromSeed(seed).named('arrivals')), this.options.workflow)
    this.generator = startLoad({
      origin: gateway,
      connections: this.options.connections,
      durationSeconds: Math.max(1, Math.round(durationMs / SECOND)),
      timeoutSeconds: Math.ceil(workflow.client.timeout / SECOND),
      requests: loadRequests(workflow, at(policies, workflow.policy), seed),
    })
    return { gateway }
  }

  stop(): void {
    this.live.stop()
    this.generator?.stop()
  }

  /** Wait for the generator, close everything, and compare. */
  async finish(): Promise<LoadResult> {
    if (!this.generator) throw new Error('a load run is started before it is finished')
    const tally = await this.generator.done
    await this.live.complete()
    const run = await this.live.finish()
    const ledgerResponses = ANSWERED.reduce((sum, outcome) => sum + (this.counts.get(outcome) ?? 0), 0)
    const ledgerComplete = (this.counts.get('ok') ?? 0) + (this.counts.get('invalid_tool_call') ?? 0)
    const { reported, responses, complete } = tally
    const agrees = reported === responses && responses === ledgerResponses && complete === ledgerComplete
    return { run, tally, ledgerResponses, ledgerComplete, agrees }
  }
}
