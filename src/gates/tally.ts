/** Plain counts of a run: what every endpoint was asked and did, how often every fault struck, how requests ended. */
import type { Millis } from '../base/index.ts'
import {
  rungName,
  REQUEST_OUTCOMES,
  type Directory,
  type AttemptEnded,
  type AttemptStarted,
  type FaultFired,
  type FleetCharged,
  type RequestClosed,
  type SortedFold,
  type Steps,
} from '../ledger/index.ts'
import type { FaultRow, ProviderRow, RungRow, RunResult } from './result.ts'

class EndpointTally {
  attempts = 0
  ok = 0
  failed = 0
  served = 0
  upstreamCost = 0
  readonly errors = new Map<string, number>()
}

export class Tally implements SortedFold {
  readonly steps: Steps = {
    'request.arrived': () => void (this.requests += 1),
    'attempt.started': (entry) => this.attemptStarted(entry),
    'attempt.ended': (entry) => this.attemptEnded(entry),
    'fleet.charged': (entry) => this.fleetCharged(entry),
    'call.closed': () => void (this.calls += 1),
    'request.closed': (entry) => this.requestClosed(entry),
    'fault.fired': (entry) => this.faultFired(entry),
    'signal.late': () => void (this.lateSignals += 1),
  }
  requests = 0
  closed = 0
  private calls = 0
  private attempts = 0
  private lateSignals = 0
  /** Requests that ended ok; the others by outcome. */
  private ok = 0
  private readonly outcomes = new Map<string, number>(REQUEST_OUTCOMES.map((outcome) => [outcome, 0]))
  private readonly hits: number[] = []
  /** By workflow, by rung. */
  private readonly rungs: { requests: number; ok: number }[][] = []
  private readonly endpoints: readonly EndpointTally[]
  private readonly directory: Directory

  constructor(directory: Directory) {
    this.directory = directory
    this.endpoints = directory.endpoints.map(() => new EndpointTally())
  }

  private attemptStarted({ endpoint }: AttemptStarted): void {
    this.attempts += 1
    const tally = this.endpoints[endpoint]
    if (tally) tally.attempts += 1
  }

  private attemptEnded({ endpoint, outcome, errorClass }: AttemptEnded): void {
    const tally = this.endpoints[endpoint]
    if (!tally) return
    if (outcome === 'ok') tally.ok += 1
    else if (outcome !== 'cancelled') {
      tally.failed += 1
      const error = errorClass ?? outcome
      tally.errors.set(error, (tally.errors.get(error) ?? 0) + 1)
    }
  }

  private fleetCharged({ endpoint, cost }: FleetCharged): void {
    const tally = this.endpoints[endpoint]
    if (tally) tally.upstreamCost += cost
  }

  private requestClosed(entry: RequestClosed): void {
    const { outcome, servedBy, rung } = entry
    this.closed += 1
    if (outcome === 'ok') this.ok += 1
    else this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1)
    const tally = this.endpoints[servedBy]
    if (tally) tally.served += 1
    if (rung > 0) this.degraded(entry)
  }

  private faultFired({ fault }: FaultFired): void {
    this.hits[fault] = (this.hits[fault] ?? 0) + 1
  }

  private degraded({ workflow, rung, outcome }: RequestClosed): void {
    const byRung = (this.rungs[workflow] ??= [])
    const counted = (byRung[rung] ??= { requests: 0, ok: 0 })
    counted.requests += 1
    if (outcome === 'ok') counted.ok += 1
  }

  private rungRows(): RungRow[] {
    return this.rungs.flatMap((byRung, workflow) =>
      byRung.map((counted, rung) => ({
        workflow: this.directory.workflows[workflow] ?? 'outside',
        rung,
        name: rungName(this.directory, workflow, rung),
        ...counted,
      })),
    )
  }

  /** A fault without an end is told up to the end of the run. */
  faultRows(endedAt: Millis): FaultRow[] {
    return this.directory.faults.map(({ id, label, at, until, minHits }, index) => ({
      id,
      label,
      at,
      until: Number.isFinite(until) ? until : Math.max(at, endedAt),
      hits: this.hits[index] ?? 0,
      minHits,
    }))
  }

  providerRows(): ProviderRow[] {
    return this.directory.endpoints.map(({ id, provider, model }, index) => {
      const { attempts, ok, failed, served, upstreamCost, errors } = this.endpoints[index] as EndpointTally
      const byName = [...errors].sort(([left], [right]) => (left < right ? -1 : 1))
      return {
        endpoint: id,
        provider,
        model,
        attempts,
        ok,
        failed,
        served,
        upstreamCost,
        errors: Object.fromEntries(byName),
      }
    })
  }

  counts(entries: number): RunResult['counts'] {
    const { requests, calls, attempts, lateSignals } = this
    return {
      requests,
      calls,
      attempts,
      entries,
      lateSignals,
      outcomes: { ...Object.fromEntries(this.outcomes), ok: this.ok },
      rungs: this.rungRows(),
    }
  }
}
