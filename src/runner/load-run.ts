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
  /** Requests that the generator sent after closing time; nobody answered them, and no ledger holds them. */
  readonly afterClosing: number
  readonly agrees: boolean
}

/** Outcomes for which the client was given a whole response, good or bad. */
const ANSWERED: readonly RequestOutcome[] = ['ok', 'truncated', 'invalid_tool_call', 'invalid_output', 'failed']

/** Of these, the ones that came to their proper end. */
const COMPLETE: readonly RequestOutcome[] = ['ok', 'invalid_tool_call', 'invalid_output']

/** Bytes that have left the gateway are counted by the generator well within this. */
const DELIVERY_MS = 250
const NET_SECONDS = 60

export class LoadRun {
  readonly live: LiveRun
  private readonly scenario: CompiledScenario
  private readonly options: LoadOptions
  private readonly counts = new Map<RequestOutcome, number>()
  private generator: LoadGenerator | null = null
  private hasEnded = false
  private end: () => void = () => {
    this.hasEnded = true
  }

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
    const { durationMs, drainMs, seed, policies } = this.scenario
    const workflow = at(this.scenario.workflows(Rng.fromSeed(seed).named('arrivals')), this.options.workflow)
    this.generator = startLoad({
      origin: gateway,
      connections: this.options.connections,
      // Only a safety net: the generator is told to stop when everybody has been answered.
      durationSeconds: Math.ceil((durationMs + drainMs) / SECOND) + NET_SECONDS,
      timeoutSeconds: Math.ceil(workflow.client.timeout / SECOND),
      requests: loadRequests(workflow, at(policies, workflow.policy), seed),
    })
    // Without one of the two there is nothing to wait for. `finish` tells why.
    this.generator.done.catch(() => this.end())
    const over = (): void => this.end()
    this.live.done.then(over, over)
    return { gateway }
  }

  /** Requests answered so far, well or badly. */
  get answered(): number {
    return ANSWERED.reduce((sum, outcome) => sum + (this.counts.get(outcome) ?? 0), 0)
  }

  /** End before the time is up. */
  stop(): void {
    this.live.stop()
    this.end()
  }

  /**
   * Wait until the time is up, close the doors, and compare. A generator that is cut off in the middle of an answer has
   * not counted what the gateway has; so first everybody inside is served, then the generator is stopped. Rejects when
   * the generator died or the run broke; nothing is left open then.
   */
  async finish(): Promise<LoadResult> {
    const { generator, live } = this
    if (!generator) throw new Error('a load run is started before it is finished')
    await this.timeUp()
    const tally = await this.lastAnswers(generator).catch(async (error: unknown) => {
      live.stop()
      await live.finish()
      throw error
    })
    const afterClosing = live.cameTooLate
    await live.complete()
    const result = await live.finish()
    // The outside client is the generator itself: what a note would warn of is what was asked for.
    const run = { ...result, notes: [], reproduce: this.reproduceCommand() }
    const ledgerResponses = this.answered
    const ledgerComplete = COMPLETE.reduce((sum, outcome) => sum + (this.counts.get(outcome) ?? 0), 0)
    const { sent, reported, responses, complete } = tally
    const agrees =
      sent === run.counts.requests + afterClosing &&
      reported === responses &&
      responses === ledgerResponses &&
      complete === ledgerComplete
    return { run, tally, ledgerResponses, ledgerComplete, afterClosing, agrees }
  }

  private async lastAnswers(generator: LoadGenerator): Promise<LoadTally> {
    await this.live.closeDoors()
    await new Promise((resolve) => setTimeout(resolve, DELIVERY_MS))
    generator.stop()
    return generator.done
  }

  private reproduceCommand(): string {
    const { file, durationMs } = this.scenario
    return `npx squall load ${file} --connections ${this.options.connections} --duration ${durationMs / SECOND}s`
  }

  private timeUp(): Promise<void> {
    const left = this.hasEnded ? 0 : Math.max(0, this.scenario.durationMs - this.live.now)
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, left)
      this.end = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}
