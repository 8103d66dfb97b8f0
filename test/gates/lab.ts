/** A small directory, entries with sensible defaults, and a metric over a list of them. */
import { NEVER } from '../../src/base/index.ts'
import type { Directory, Entry, EntryOf, FaultName, RequestOutcome } from '../../src/ledger/index.ts'
import { Log } from '../../src/ledger/index.ts'
import {
  FoldSet,
  metricOf,
  type Book,
  type Bounds,
  type IsLegal,
  type Observation,
  type Selector,
  type Stat,
} from '../../src/gates/index.ts'
import { requestId } from '../../src/protocol/index.ts'

export const A = 0
export const B = 1
export const CHAT = 0
export const AGENT = 1

export function faultOn(endpoints: number[], at: number, until: number, id = 'outage'): FaultName {
  return { id, kind: 'outage', label: `${id} on a`, at, until, endpoints, gateway: false, minHits: 1 }
}

/** Endpoints A and B; workflows chat and agent; 10 s of warm-up, 10 s of storm, 40 s of recovery. */
export function directory(faults: FaultName[] = []): Directory {
  return {
    scenario: 'lab',
    seed: 7,
    durationMs: 60_000,
    endpoints: [
      { id: 'a:m', provider: 'alpha', model: 'm' },
      { id: 'b:n', provider: 'beta', model: 'n' },
    ],
    workflows: ['chat', 'agent'],
    windows: [
      { name: 'warm-up', from: 0, to: 10_000 },
      { name: 'storm', from: 10_000, to: 20_000 },
      { name: 'recovery', from: 20_000, to: 60_000 },
    ],
    faults,
  }
}

type Some<Kind extends Entry['kind']> = Partial<Omit<EntryOf<Kind>, 'kind'>>

export const id = (ordinal: number, workflow = CHAT): number => requestId(workflow, ordinal)

export function arrived(request: number, at: number): Entry {
  const workflow = Math.floor(request / 4294967296)
  return { kind: 'request.arrived', at, request, workflow, inputTokens: 10, stream: true }
}

export function started(request: number, at: number, endpoint: number, more: Some<'attempt.started'> = {}): Entry {
  return { kind: 'attempt.started', at, request, call: 0, attempt: 0, endpoint, reason: 'primary', ...more }
}

export function ended(request: number, at: number, endpoint: number, more: Some<'attempt.ended'> = {}): Entry {
  return {
    kind: 'attempt.ended',
    at,
    request,
    call: 0,
    attempt: 0,
    endpoint,
    outcome: 'ok',
    errorClass: null,
    status: 200,
    startedAt: at,
    firstContentAt: at,
    outputTokens: 10,
    committed: true,
    ...more,
  }
}

export function charged(request: number, at: number, cost: number, more: Some<'fleet.charged'> = {}): Entry {
  return {
    kind: 'fleet.charged',
    at,
    request,
    call: 0,
    attempt: 0,
    endpoint: A,
    inputTokens: 10,
    outputTokens: 10,
    cost,
    quality: 1,
    ...more,
  }
}

/** A request that arrived at `arrivedAt` and was served by A within 100 ms, unless said otherwise. */
export function closed(
  request: number,
  arrivedAt: number,
  outcome: RequestOutcome = 'ok',
  more: Some<'request.closed'> = {},
): Entry {
  return {
    kind: 'request.closed',
    at: arrivedAt + 100,
    request,
    workflow: Math.floor(request / 4294967296),
    arrivedAt,
    outcome,
    errorClass: null,
    ttftMs: 50,
    latencyMs: 100,
    outputTokens: 10,
    calls: 1,
    attempts: 1,
    firstChoice: A,
    servedBy: outcome === 'ok' ? A : -1,
    billed: 0,
    rung: 0,
    toolCall: null,
    ...more,
  }
}

export const faultStarted = (at: number, fault = 0): Entry => ({ kind: 'fault.started', at, fault })
export const faultEnded = (at: number, fault = 0): Entry => ({ kind: 'fault.ended', at, fault })
export function fired(at: number, request: number, fault = 0): Entry {
  return { kind: 'fault.fired', at, fault, endpoint: A, request, call: 0, attempt: 0 }
}

export interface Question {
  readonly metric: string
  readonly stat?: Stat
  readonly where?: Selector
  readonly book?: Book
  readonly bounds?: Bounds
  readonly isLegal?: IsLegal
  readonly faults?: FaultName[]
  /** What else the directory says. */
  readonly names?: Partial<Directory>
  readonly endedAt?: number
  /** Entries of the run without faults; absent for none. */
  readonly twin?: readonly Entry[]
}

/** What the metric makes of the entries. */
export function measure(entries: readonly Entry[], question: Question): Observation {
  const {
    metric,
    where = {},
    book = 'upstream',
    bounds = {},
    isLegal = () => null,
    faults = [],
    endedAt = 60_000,
    twin,
  } = question
  const names = { ...directory(faults), ...question.names }
  const foldOver = (list: readonly Entry[]) => {
    const log = new Log()
    const folds = new FoldSet(names, isLegal)
    const fold = folds.add(metric, where, book, bounds)
    folds.attach(log)
    for (const entry of list) log.append(entry)
    return fold
  }
  const twinFold = twin === undefined ? null : foldOver(twin)
  return foldOver(entries).observe(question.stat ?? metricOf(metric).stats[0], endedAt, twinFold)
}

/** `count` requests that close with `outcome`, one every `everyMs` from `from` on. */
export function steady(from: number, count: number, everyMs: number, outcome: RequestOutcome = 'ok'): Entry[] {
  return Array.from({ length: count }, (_, index) => {
    const at = from + index * everyMs
    return closed(id(Math.round(at)), at, outcome)
  })
}

/** First attempts at an endpoint, one every `everyMs` from `from` on. */
export function firstAttempts(endpoint: number, from: number, count: number, everyMs: number): Entry[] {
  return Array.from({ length: count }, (_, index) => {
    const at = from + index * everyMs
    return started(id(Math.round(at)), at, endpoint)
  })
}

export { NEVER }
