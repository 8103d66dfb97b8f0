/**
 * What both clocks share: the ledger with its folds, the judge, the fingerprint, and the twin: the same scenario without
 * faults, stepped in virtual time beside the run.
 */
import { NEVER, type Millis } from '../base/index.ts'
import { Judge, type Prices, type RunResult } from '../gates/index.ts'
import {
  Fingerprint,
  Log,
  type Directory,
  type Entry,
  type Fold,
  type Hasher,
  type SortedFold,
} from '../ledger/index.ts'
import { boughtBy, feesBy, type NanoDollars } from '../protocol/index.ts'
import type { ScheduledFault } from '../provider/index.ts'
import { faultName, scheduled, withoutFaults, type CompiledScenario } from '../scenario/index.ts'
import { World } from '../virtual/index.ts'
import { playRecovery } from './recovery-run.ts'
import type { Progress, RunState, TwinTotals } from './progress.ts'

export interface StageOptions {
  readonly hasher: Hasher | null
  /** Listeners besides the judge: a stored ledger, a test. */
  readonly sinks?: readonly (Fold | SortedFold)[]
  /** Whether somebody watches: entries are then kept until the next `progress`. */
  readonly watched?: boolean
  /** Whether clients that are not of the workload may come; they belong to the workflow `outside`. */
  readonly outsiders?: boolean
  /** Whether the scenario's workload plays without faults beside it. Strangers have no twin. Default true. */
  readonly hasTwin?: boolean
  /** Whether it is to be told if it comes back by itself, whatever the gates ask. Default false. */
  readonly recovery?: boolean
}

/** How a run came to its end. */
export interface Ending {
  readonly endedAt: Millis
  readonly partial: boolean
  readonly clock: 'virtual' | 'live'
  readonly speed: number
  readonly lag?: { readonly speed: number; readonly p99Ms: Millis }
  readonly notes: readonly string[]
}

export class Stage {
  readonly scenario: CompiledScenario
  readonly directory: Directory
  readonly log = new Log()
  private readonly judge: Judge
  private readonly fingerprint: Fingerprint | null
  private readonly twin: World | null
  private readonly twinTotals = { requests: 0, ok: 0, upstreamCost: 0 }
  private fresh: Entry[] = []
  /** Faults started by hand that are still at work, by provider. */
  private readonly byHand = new Map<string, number>()
  private handUsed = false
  /** What calls have been billed; null where nobody pays with credits. */
  private readonly paid: { billed: NanoDollars } | null
  /** By whoever plays it; gates ask by themselves. */
  private readonly isRecoveryAsked: boolean

  constructor(
    scenario: CompiledScenario,
    { hasher, sinks = [], watched = false, outsiders = false, hasTwin = true, recovery = false }: StageOptions,
  ) {
    this.scenario = scenario
    this.isRecoveryAsked = recovery
    const directory = scenario.directory()
    const workflows = outsiders ? [...directory.workflows, 'outside'] : directory.workflows
    this.directory = { ...directory, workflows, seed: scenario.seed }
    const prices = pricesOf(scenario)
    const { gates, abort, isLegal } = scenario
    const provisions = { list: scenario.provisions, workflowPolicies: scenario.workflowPolicies }
    this.judge = new Judge({ directory: this.directory, gates, abort, isLegal, prices, provisions })
    this.judge.attach(this.log)
    this.fingerprint = hasher === null ? null : new Fingerprint(hasher)
    if (this.fingerprint) this.log.attach(this.fingerprint)
    for (const sink of sinks) this.log.attach(sink)
    this.paid = scenario.gateway.account?.credits === undefined ? null : { billed: 0 }
    if (this.paid !== null) this.log.attach(summing(this.paid))
    if (watched) this.log.attach({ step: (entry) => void this.fresh.push(entry) })

    this.twin = hasTwin ? this.makeTwin(watched) : null
  }

  private makeTwin(watched: boolean): World {
    const log = new Log()
    this.judge.attachTwin(log)
    if (watched) log.attach(totalling(this.twinTotals))
    return new World(withoutFaults(this.scenario), log)
  }

  /** Bring the twin to the given instant. Past its last answer it does nothing. */
  stepTwin(until: Millis): void {
    const { twin, scenario } = this
    if (twin !== null && !twin.isDone && twin.now < scenario.durationMs + scenario.drainMs) twin.step(until)
  }

  /** Whether a rule of the scenario ends the run now. To be asked at every whole second, of a twin that is as far. */
  look(now: Millis): boolean {
    return this.judge.look(now)
  }

  progress(now: Millis, state: RunState, speed: number): Progress {
    const entries = this.fresh
    this.fresh = []
    const { judge, twinTotals } = this
    return { now, entries, twin: { ...twinTotals }, gauges: judge.gauges(now), aborted: judge.abortedBy, speed, state }
  }

  /**
   * The timeline of a scenario that stood ready begins now: its windows and faults get their instants. Gives the faults,
   * to be begun in this order.
   */
  playTimeline(scenario: CompiledScenario, now: Millis): ScheduledFault[] {
    const { windows, faults } = scenario.directory()
    const later = <T extends { readonly at: Millis; readonly until: Millis }>(fault: T): T => ({
      ...fault,
      at: fault.at + now,
      until: fault.until + now,
    })
    const shifted = windows.map(({ name, from, to }) => ({ name, from: from + now, to: to + now }))
    this.directory.windows.splice(0, Infinity, ...shifted)
    this.directory.durationMs = scenario.durationMs + now
    this.directory.faults.push(...faults.map(later))
    return scenario.timeline.map(later)
  }

  /** The line for a fault that somebody starts by hand: the provider answers 503 until it is healed. */
  faultByHand(provider: string, now: Millis): ScheduledFault | null {
    if (this.byHand.has(provider)) return null
    const index = this.directory.faults.length
    const line = {
      fault: 'outage',
      mode: 'status',
      status: 503,
      at: now,
      for: NEVER,
      on: { provider },
      probability: 1,
      shape: { kind: 'step', level: 1 },
      per: 'attempt',
      stagger: 0,
      min_hits: 0,
    } as never
    const fault = scheduled(line, `by-hand-${index}`, this.scenario.endpoints)
    if (fault.endpoints.length === 0) return null
    this.directory.faults.push(faultName(fault, this.scenario.endpoints, 0))
    this.byHand.set(provider, index)
    this.handUsed = true
    return fault
  }

  /** The faults to end when a provider is healed by hand: the one started by hand, and any of the timeline. */
  faultsToHeal(provider: string): number[] {
    this.byHand.delete(provider)
    this.handUsed = true
    const mine = new Set(this.scenario.endpoints.flatMap((spec, index) => (spec.provider === provider ? [index] : [])))
    return this.directory.faults.flatMap((fault, index) =>
      fault.endpoints.some((endpoint) => mine.has(endpoint)) ? [index] : [],
    )
  }

  private credits(now: Millis): Pick<RunResult, 'credits'> {
    const { account } = this.scenario.gateway
    if (account === undefined || this.paid === null) return {}
    const bought = boughtBy(account, now)
    const { used: usedBefore } = account
    const { billed: used } = this.paid
    return { credits: { bought, fees: feesBy(account, now), usedBefore, used, left: bought - usedBefore - used } }
  }

  finish({ endedAt, partial, clock, speed, lag, notes }: Ending): RunResult {
    const { durationMs, drainMs } = this.scenario
    // A run that was stopped is compared with as much of its twin.
    this.stepTwin(partial ? endedAt : durationMs + drainMs)
    this.twin?.end()
    const { file, instead, name, summary, seed, expect } = this.scenario
    const asksRecovery = this.isRecoveryAsked || this.scenario.gates.some(({ metric }) => metric === 'metastability')
    const recovery = asksRecovery && !partial ? playRecovery(this.scenario) : null
    const judged = this.judge.finish({ endedAt, partial, ...(lag && { lag }), ...(recovery && { recovery }) })
    return {
      scenario: name,
      summary,
      file,
      ...(instead.length > 0 && { policies: instead }),
      seed,
      clock,
      speed,
      durationMs,
      endedAt,
      partial,
      fingerprint: this.fingerprint?.digest() ?? null,
      ...judged,
      ...(recovery && { recovery }),
      ...this.credits(endedAt),
      expect,
      windows: this.directory.windows.filter(({ from }) => from !== NEVER),
      sources: this.scenario.sources,
      reproduce: reproduceCommand(file, instead, seed, clock, speed) + (this.isRecoveryAsked ? ' --recovery' : ''),
      notes: [
        ...notes,
        ...(this.handUsed ? ['faults were started or healed by hand: the command below plays without them'] : []),
        ...(recovery && clock === 'live'
          ? ['whether it recovers was told from simulated runs of the same scenario']
          : []),
      ],
    }
  }
}

function summing(paid: { billed: NanoDollars }): SortedFold {
  return { steps: { 'call.closed': ({ billed }) => void (paid.billed += billed) } }
}

/** What its fleet charges. */
export function pricesOf({ endpoints, gateway }: CompiledScenario): Prices {
  return { books: endpoints.map(({ price }) => price), epoch: gateway.epoch }
}

function reproduceCommand(
  file: string,
  instead: readonly string[],
  seed: number,
  clock: 'virtual' | 'live',
  speed: number,
): string {
  const live = clock === 'live' ? ` --clock live${speed === 1 ? '' : ` --speed ${speed}`}` : ''
  return `${playCommand(file, instead)} --seed ${seed}${live}`
}

/** The command that plays a scenario, without its seed. */
export function playCommand(file: string, policies: readonly string[]): string {
  return `npx squall run ${inShell(file)}${policies.map((text) => ` --policy ${inShell(text)}`).join('')}`
}

/** A word as a POSIX shell reads it. */
export function inShell(word: string): string {
  return /^[\w./=-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}

function totalling(totals: { requests: number; ok: number; upstreamCost: number } & TwinTotals): Fold {
  return {
    on: ['request.closed', 'fleet.charged'],
    step(entry) {
      if (entry.kind === 'fleet.charged') totals.upstreamCost += entry.cost
      else if (entry.kind === 'request.closed' && entry.outcome !== 'cancelled') {
        totals.requests += 1
        if (entry.outcome === 'ok') totals.ok += 1
      }
    },
  }
}
