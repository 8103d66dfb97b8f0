/**
 * The run over time, for whoever draws it: a bounded number of slices, each with what arrived in it and what became of
 * that. Requests belong to the slice they arrive in, so a system that has collapsed does not look alive; attempts and
 * money to the slice they happen in. A run that lasts longer than its slices makes them twice as wide and goes on.
 *
 * Memory: SLICES × (endpoints + a few) numbers, whatever the length of the run.
 */
import { SECOND, type Millis } from '../base/index.ts'
import {
  requestName,
  type AttemptEnded,
  type AttemptStarted,
  type BreakerState,
  type Directory,
  type HealthChanged,
  type RequestClosed,
  type SortedFold,
  type Steps,
} from '../ledger/index.ts'
import type { ErrorClass, RequestId } from '../protocol/index.ts'
import type { Traces } from './traces.ts'

export const SLICES = 240
/** As many as a drawing shows well; there is room for a run that goes on. */
const SLICES_WANTED = 120
/** Changes of breakers and the like that are kept: more cannot be drawn. */
const STATES_MAX = 2_000
/** Requests named for each kind of error. */
const SAMPLES_MAX = 3
const PERCENTILES = 100

/** What a run was like, in slices of equal width from instant 0. Lists have one number per slice. */
export interface Chronicle {
  readonly sliceMs: Millis
  readonly arrived: readonly number[]
  readonly ok: readonly number[]
  /** Ok, and served by another endpoint than the first choice. */
  readonly fallback: readonly number[]
  /** Time to first token of those ok, in ms; null where there was none. */
  readonly ttftP50: readonly (number | null)[]
  readonly ttftP95: readonly (number | null)[]
  /** Charged by the fleet, in nano-dollars. */
  readonly cost: readonly number[]
  /** The same run without faults; null where there is none. */
  readonly twin: {
    readonly arrived: readonly number[]
    readonly ok: readonly number[]
    readonly cost: readonly number[]
  } | null
  /** Attempts started, by endpoint. Endpoints without traffic are left out. */
  readonly traffic: readonly {
    readonly endpoint: string
    readonly provider: string
    readonly attempts: readonly number[]
  }[]
  /** What kept traffic from an endpoint, as stretches of time. */
  readonly states: readonly StateSpan[]
  /** Attempts of a request at another endpoint than its attempt before, by where from and where to. */
  readonly flows: readonly { readonly from: string; readonly to: string; readonly attempts: number }[]
  /** Errors of attempts, most frequent first, with some requests that met them. */
  readonly errors: readonly ErrorRow[]
  /** Latency of requests that ended ok, in ms: percentiles 1 to 100; empty without any. */
  readonly latency: readonly number[]
}

export interface StateSpan {
  readonly endpoint: string
  readonly state: BreakerState
  readonly from: Millis
  readonly to: Millis
}

export interface ErrorRow {
  readonly errorClass: string
  readonly endpoint: string
  readonly attempts: number
  readonly requests: readonly string[]
}

interface Slices {
  arrived: Float64Array
  ok: Float64Array
  fallback: Float64Array
  cost: Float64Array
  attempts: Float64Array[]
  ttft: Uint32Array
}

/** Steps of a slice's times: sixteen to each doubling, so that they are within 3 %. */
const STEPS = 384
const UNITS = 16

export class ChronicleFold implements SortedFold {
  readonly steps: Steps = {
    'request.arrived': ({ at }) => this.count('arrived', at, 1),
    'attempt.started': (entry) => this.started(entry),
    'attempt.ended': (entry) => this.ended(entry),
    'fleet.charged': ({ at, cost }) => this.count('cost', at, cost),
    'request.closed': (entry) => this.closed(entry),
    'health.changed': (entry) => this.changed(entry),
  }
  private readonly directory: Directory
  private readonly traces: Traces
  private sliceMs: Millis
  private slices: Slices
  private readonly latencies = new Uint32Array(STEPS)
  private readonly flows = new Map<number, number>()
  private readonly errors = new Map<
    string,
    { errorClass: ErrorClass; endpoint: number; attempts: number; requests: RequestId[] }
  >()
  private readonly changes: HealthChanged[] = []

  /** `traces`: has seen every entry before this does. */
  constructor(directory: Directory, traces: Traces) {
    this.directory = directory
    this.traces = traces
    const { durationMs, endpoints } = directory
    const wanted = Number.isFinite(durationMs) ? durationMs / SLICES_WANTED : SECOND
    this.sliceMs = Math.max(SECOND, Math.ceil(wanted / SECOND) * SECOND)
    this.slices = empty(endpoints.length)
  }

  private count(line: 'arrived' | 'cost', at: Millis, amount: number): void {
    const slice = this.sliceOf(at)
    const counts = this.slices[line]
    counts[slice] = (counts[slice] as number) + amount
  }

  private started({ at, endpoint }: AttemptStarted): void {
    const slice = this.sliceOf(at)
    const attempts = this.slices.attempts[endpoint]
    if (attempts) attempts[slice] = (attempts[slice] as number) + 1
    if (!this.traces.isSwitch) return
    const key = this.traces.switchedFrom * this.directory.endpoints.length + endpoint
    this.flows.set(key, (this.flows.get(key) ?? 0) + 1)
  }

  private ended({ errorClass, outcome, endpoint, request }: AttemptEnded): void {
    if (errorClass !== null && outcome !== 'cancelled') this.failed(errorClass, endpoint, request)
  }

  private changed(entry: HealthChanged): void {
    if (this.changes.length < STATES_MAX) this.changes.push({ ...entry })
  }

  private closed({ arrivedAt, outcome, servedBy, firstChoice, ttftMs, latencyMs }: RequestClosed): void {
    if (outcome !== 'ok') return
    const slice = this.sliceOf(arrivedAt)
    const { ok, fallback, ttft } = this.slices
    ok[slice] = (ok[slice] as number) + 1
    if (servedBy >= 0 && servedBy !== firstChoice) fallback[slice] = (fallback[slice] as number) + 1
    const latency = stepOf(latencyMs)
    this.latencies[latency] = (this.latencies[latency] as number) + 1
    if (ttftMs === null) return
    const place = slice * STEPS + stepOf(ttftMs)
    ttft[place] = (ttft[place] as number) + 1
  }

  private failed(errorClass: ErrorClass, endpoint: number, request: RequestId): void {
    const key = `${errorClass} ${endpoint}`
    let row = this.errors.get(key)
    if (!row) this.errors.set(key, (row = { errorClass, endpoint, attempts: 0, requests: [] }))
    row.attempts += 1
    if (row.requests.length < SAMPLES_MAX && !row.requests.includes(request)) row.requests.push(request)
  }

  private sliceOf(at: Millis): number {
    let slice = Math.floor(at / this.sliceMs)
    while (slice >= SLICES) {
      this.widen()
      slice = Math.floor(at / this.sliceMs)
    }
    return slice
  }

  private widen(): void {
    const { arrived, ok, fallback, cost, attempts, ttft } = this.slices
    const halved = (line: Float64Array): Float64Array => {
      const next = new Float64Array(SLICES)
      line.forEach((value, index) => (next[index >> 1] = (next[index >> 1] as number) + value))
      return next
    }
    const times = new Uint32Array(SLICES * STEPS)
    for (let slice = 0; slice < SLICES; slice += 1) {
      for (let step = 0; step < STEPS; step += 1) {
        const place = (slice >> 1) * STEPS + step
        times[place] = (times[place] as number) + (ttft[slice * STEPS + step] as number)
      }
    }
    this.sliceMs *= 2
    this.slices = {
      arrived: halved(arrived),
      ok: halved(ok),
      fallback: halved(fallback),
      cost: halved(cost),
      attempts: attempts.map(halved),
      ttft: times,
    }
  }

  finish(endedAt: Millis, twin: ChronicleFold | null): Chronicle {
    // A twin goes on for as long as the run, and has the same slices.
    if (twin) while (twin.sliceMs < this.sliceMs) twin.widen()
    const { sliceMs, slices, directory } = this
    const count = Math.max(1, Math.min(SLICES, Math.ceil(endedAt / sliceMs)))
    const cut = (line: Float64Array): number[] => [...line.subarray(0, count)]
    const times = (q: number): (number | null)[] =>
      Array.from({ length: count }, (_, slice) =>
        quantileOf(slices.ttft.subarray(slice * STEPS, (slice + 1) * STEPS), q),
      )
    return {
      sliceMs,
      arrived: cut(slices.arrived),
      ok: cut(slices.ok),
      fallback: cut(slices.fallback),
      ttftP50: times(0.5),
      ttftP95: times(0.95),
      cost: cut(slices.cost),
      twin: twin && { arrived: cut(twin.slices.arrived), ok: cut(twin.slices.ok), cost: cut(twin.slices.cost) },
      traffic: directory.endpoints.flatMap(({ id, provider }, index) => {
        const attempts = cut(slices.attempts[index] as Float64Array)
        return attempts.some((n) => n > 0) ? [{ endpoint: id, provider, attempts }] : []
      }),
      states: this.spans(endedAt),
      flows: [...this.flows]
        .sort(([, left], [, right]) => right - left)
        .map(([key, attempts]) => ({
          from: this.nameOf(Math.floor(key / directory.endpoints.length)),
          to: this.nameOf(key % directory.endpoints.length),
          attempts,
        })),
      errors: [...this.errors.values()]
        .sort((left, right) => right.attempts - left.attempts || left.endpoint - right.endpoint)
        .map(({ errorClass, endpoint, attempts, requests }) => ({
          errorClass,
          endpoint: this.nameOf(endpoint),
          attempts,
          requests: requests.map((request) => requestName(directory, request)),
        })),
      latency: percentilesOf(this.latencies),
    }
  }

  /** From each change to the next at the same endpoint and policy; states that let everybody in are not told. */
  private spans(endedAt: Millis): StateSpan[] {
    return this.changes.flatMap((change, index) => {
      if (change.to === 'closed') return []
      const next = this.changes
        .slice(index + 1)
        .find(({ policy, endpoint }) => policy === change.policy && endpoint === change.endpoint)
      // Where nobody asks any more, nobody is told that it could be asked again.
      const to = Math.min(next?.at ?? endedAt, change.until ?? endedAt)
      return to > change.at ? [{ endpoint: this.nameOf(change.endpoint), state: change.to, from: change.at, to }] : []
    })
  }

  private nameOf(endpoint: number): string {
    return this.directory.endpoints[endpoint]?.id ?? 'the gateway'
  }
}

function empty(endpoints: number): Slices {
  const line = (): Float64Array => new Float64Array(SLICES)
  return {
    arrived: line(),
    ok: line(),
    fallback: line(),
    cost: line(),
    attempts: Array.from({ length: endpoints }, line),
    ttft: new Uint32Array(SLICES * STEPS),
  }
}

function stepOf(ms: Millis): number {
  const units = Math.max(1, Math.round(ms * UNITS))
  if (units < UNITS) return units
  const octave = 31 - Math.clz32(Math.min(units, 4_294_967_295))
  const part = Math.floor((units / ((1 << octave) >>> 0) - 1) * UNITS)
  return Math.min(STEPS - 1, (octave - 3) * UNITS + part)
}

/** The middle of a step, in ms. */
function timeOf(step: number): Millis {
  if (step < UNITS) return step / UNITS
  const octave = Math.floor(step / UNITS) + 3
  return Math.round((((1 << octave) >>> 0) * (1 + ((step % UNITS) + 0.5) / UNITS) * 10) / UNITS) / 10
}

function quantileOf(counts: Uint32Array, q: number): number | null {
  let total = 0
  for (let step = 0; step < counts.length; step += 1) total += counts[step] as number
  if (total === 0) return null
  let left = Math.max(1, Math.ceil(q * total))
  for (let step = 0; step < counts.length; step += 1) {
    left -= counts[step] as number
    if (left <= 0) return timeOf(step)
  }
  return timeOf(counts.length - 1)
}

function percentilesOf(counts: Uint32Array): number[] {
  return Array.from({ length: PERCENTILES }, (_, index) => quantileOf(counts, (index + 1) / PERCENTILES) ?? []).flat()
}
