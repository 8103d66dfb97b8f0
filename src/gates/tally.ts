/** Plain counts of a run: what every endpoint was asked and did, how often every fault struck, how requests ended. */
import type { Millis } from '../base/index.ts'
import {
  rungName,
  REQUEST_OUTCOMES,
  type Directory,
  type Entry,
  type EntryKind,
  type Fold,
  type RequestClosed,
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

export class Tally implements Fold {
  readonly on: readonly EntryKind[] = [
    'request.arrived',
    'attempt.started',
    'attempt.ended',
    'fleet.charged',
    'call.closed',
    'request.closed',
    'fault.fired',
    'signal.late',
  ]
  requests = 0
  closed = 0
  private calls = 0
  private attempts = 0
  private lateSignals = 0
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

  step(entry: Entry): void {
    switch (entry.kind) {
      case 'request.arrived':
        this.requests += 1
        return
      case 'attempt.started': {
        this.attempts += 1
        const endpoint = this.endpoints[entry.endpoint]
        if (endpoint) endpoint.attempts += 1
        return
      }
      case 'attempt.ended': {
        const endpoint = this.endpoints[entry.endpoint]
        if (!endpoint) return
        if (entry.outcome === 'ok') endpoint.ok += 1
        else if (entry.outcome !== 'cancelled') {
          endpoint.failed += 1
          const error = entry.errorClass ?? entry.outcome
          endpoint.errors.set(error, (endpoint.errors.get(error) ?? 0) + 1)
        }
        return
      }
      case 'fleet.charged': {
        const endpoint = this.endpoints[entry.endpoint]
        if (endpoint) endpoint.upstreamCost += entry.cost
        return
      }
      case 'call.closed':
        this.calls += 1
        return
      case 'request.closed': {
        this.closed += 1
        this.outcomes.set(entry.outcome, (this.outcomes.get(entry.outcome) ?? 0) + 1)
        const endpoint = this.endpoints[entry.servedBy]
        if (endpoint) endpoint.served += 1
        if (entry.rung > 0) this.degraded(entry)
        return
      }
      case 'fault.fired':
        this.hits[entry.fault] = (this.hits[entry.fault] ?? 0) + 1
        return
      case 'signal.late':
        this.lateSignals += 1
        return
      default:
    }
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
      outcomes: Object.fromEntries(this.outcomes),
      rungs: this.rungRows(),
    }
  }
}
