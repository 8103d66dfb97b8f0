/**
 * What several metrics must know of a request while it is in flight: when it arrived, where it was tried first, whether
 * it moved, and what its attempts cost. One table per log, attached before the metrics, so that they stay stateless
 * about requests and share one look-up.
 *
 * The cost of an attempt (`fleet.charged`) and its end (`attempt.ended`) come in either order, and either may come
 * after `request.closed`. So a closed request whose attempts are not all ended and charged stays known in a tail of
 * the last TAIL_MAX such requests. A charge that comes later still is not dropped silently: it is counted.
 *
 * Memory: requests in flight plus TAIL_MAX. Records are pooled.
 */
import type { Millis } from '../base/index.ts'
import {
  RequestTable,
  type AttemptEnded,
  type AttemptStarted,
  type CallRouted,
  type FleetCharged,
  type RequestArrived,
  type RequestClosed,
  type SortedFold,
  type Steps,
} from '../ledger/index.ts'
import { workflowOf, type Rarities, type RequestId } from '../protocol/index.ts'

/** Closed requests with attempts that were not yet ended and charged, kept for charges that come late. */
export const TAIL_MAX = 4096

const CALLS = 65536
const RUNNING = 0
const COMMITTED = 1
const WASTED = 2
/** Not charged so far. */
export const UNCHARGED = -1

/** One request, as far as the ledger has told. */
export class Trace {
  request: RequestId = 0
  workflow = 0
  arrivedAt: Millis = 0
  /** Endpoint of the first attempt; -1 before there was one. */
  firstEndpoint = -1
  lastEndpoint = -1
  /** An attempt went to another endpoint than the first one did. */
  hasMoved = false
  /** Attempts at another endpoint than the attempt before. */
  moves = 0
  isClosed = false
  isOk = false
  /** Place of the attempt whose content reached the caller last; -1 for none. */
  winner = -1
  /** Nothing more will be known of it: `onSettled` has been told. */
  isSettled = false
  /** Rule and rung of the plan in force: -1 and 0 before there was one. */
  rule = -1
  rung = 0
  /** Of the answer that reached the caller, by the fleet's own books; -1 while that is not known. */
  quality = -1
  /** After the close: whether another endpoint than the first choice served it. */
  isFallback = false
  /** After the close: the endpoint that the request is counted for. */
  endpoint = -1
  /** Charged so far by the fleet, in nano-dollars. */
  upstreamCost = 0
  /** Of that, charged for attempts that ended without their content having reached the caller. */
  wastedCost = 0
  /** Attempts not yet both ended and charged. */
  unsettled = 0
  /** The next at its place of the table. */
  next: Trace | null = null
  /** Attempts known. The lists below are longer when the record was used before: shortening a list is slow. */
  attempts = 0
  readonly keys: number[] = []
  readonly costs: number[] = []
  readonly ends: number[] = []
  readonly qualities: number[] = []
  /** What was charged for, and from when on: kept only where somebody is told of settled requests. */
  readonly endpoints: number[] = []
  readonly inputs: number[] = []
  readonly outputs: number[] = []
  readonly cached: number[] = []
  readonly written: number[] = []
  readonly rarities: (Rarities | null)[] = []
  readonly starts: Millis[] = []

  reset(request: RequestId, arrivedAt: Millis): void {
    this.request = request
    this.workflow = workflowOf(request)
    this.arrivedAt = arrivedAt
    this.firstEndpoint = -1
    this.lastEndpoint = -1
    this.hasMoved = false
    this.moves = 0
    this.isClosed = false
    this.isOk = false
    this.winner = -1
    this.isSettled = false
    this.rule = -1
    this.rung = 0
    this.quality = -1
    this.isFallback = false
    this.endpoint = -1
    this.upstreamCost = 0
    this.wastedCost = 0
    this.unsettled = 0
    this.attempts = 0
  }
}

export class Traces implements SortedFold {
  readonly steps: Steps = {
    'request.arrived': (entry) => this.arrived(entry),
    'call.routed': (entry) => this.routed(entry),
    'attempt.started': (entry) => this.started(entry),
    'attempt.ended': (entry) => this.ended(entry),
    'fleet.charged': (entry) => this.charged(entry),
    'request.closed': (entry) => this.closed(entry),
  }
  private readonly known = new RequestTable<Trace>()
  private readonly pool: Trace[] = []
  private readonly tail: (Trace | undefined)[] = []
  private tailNext = 0
  /** Closed and settled: known until the metrics have seen the close, that is until the next entry. */
  private leaving: Trace | null = null
  private latest: Trace | null = null

  /** What the entry in hand added to its trace's costs, in nano-dollars. */
  upstreamAdded = 0
  wastedAdded = 0
  /** The entry in hand is an attempt at another endpoint than its request's attempt before. */
  isSwitch = false
  /** If so: the endpoint of that attempt before. */
  switchedFrom = -1
  /** Charges that came for requests no longer known, and their sum in nano-dollars. */
  lateCharges = 0
  lateCost = 0

  /** Told once of every closed request, when all of its attempts are ended and charged, or it is given up. */
  onSettled: ((trace: Trace) => void) | null = null

  /** The trace of a request, or undefined when it is not known (any more). */
  of(request: RequestId): Trace | undefined {
    if (this.latest !== null && this.latest.request === request) return this.latest
    const trace = this.known.get(request)
    if (trace !== undefined) this.latest = trace
    return trace
  }

  /** Whatever was said of the entry before is over. */
  private turn(): void {
    if (this.leaving !== null) this.forget(this.leaving)
    this.upstreamAdded = 0
    this.wastedAdded = 0
    this.isSwitch = false
  }

  private arrived({ request, at }: RequestArrived): void {
    this.turn()
    this.open(request, at)
  }

  private routed(entry: CallRouted): void {
    this.turn()
    const trace = this.of(entry.request) ?? this.open(entry.request, entry.at)
    trace.rule = entry.rule
    trace.rung = entry.rung
  }

  private open(request: RequestId, arrivedAt: Millis): Trace {
    const trace = this.pool.pop() ?? new Trace()
    trace.reset(request, arrivedAt)
    this.known.add(trace)
    this.latest = trace
    return trace
  }

  private started(entry: AttemptStarted): void {
    this.turn()
    const trace = this.of(entry.request) ?? this.open(entry.request, entry.at)
    if (trace.firstEndpoint < 0) trace.firstEndpoint = entry.endpoint
    else if (entry.endpoint !== trace.firstEndpoint) trace.hasMoved = true
    this.isSwitch = trace.lastEndpoint >= 0 && entry.endpoint !== trace.lastEndpoint
    if (this.isSwitch) trace.moves += 1
    this.switchedFrom = trace.lastEndpoint
    trace.lastEndpoint = entry.endpoint
    slotOf(trace, entry.call, entry.attempt)
  }

  private ended(entry: AttemptEnded): void {
    this.turn()
    const trace = this.of(entry.request)
    if (trace === undefined) return
    const slot = slotOf(trace, entry.call, entry.attempt)
    if (trace.ends[slot] !== RUNNING) return
    trace.ends[slot] = entry.committed ? COMMITTED : WASTED
    const cost = trace.costs[slot] as number
    if (entry.committed) {
      trace.quality = trace.qualities[slot] as number
      trace.winner = slot
      trace.starts[slot] = entry.startedAt
    }
    if (cost !== UNCHARGED) this.settle(trace, slot, cost)
  }

  private charged(entry: FleetCharged): void {
    this.turn()
    const trace = this.of(entry.request)
    if (trace === undefined) {
      this.lateCharges += 1
      this.lateCost += entry.cost
      return
    }
    const slot = slotOf(trace, entry.call, entry.attempt)
    const before = trace.costs[slot] as number
    const isFirst = before === UNCHARGED
    trace.qualities[slot] = entry.quality
    if (trace.ends[slot] === COMMITTED) trace.quality = entry.quality
    trace.costs[slot] = isFirst ? entry.cost : before + entry.cost
    trace.upstreamCost += entry.cost
    this.upstreamAdded = entry.cost
    if (this.onSettled !== null) keepCharge(trace, slot, entry)
    if (trace.ends[slot] === RUNNING) return
    if (isFirst) this.settle(trace, slot, entry.cost)
    else if (trace.ends[slot] === WASTED) this.waste(trace, entry.cost)
  }

  private settle(trace: Trace, slot: number, cost: number): void {
    trace.unsettled -= 1
    if (trace.ends[slot] === WASTED) this.waste(trace, cost)
    if (trace.isClosed && trace.unsettled === 0) this.tellSettled(trace)
  }

  private tellSettled(trace: Trace): void {
    if (this.onSettled === null || trace.isSettled) return
    trace.isSettled = true
    this.onSettled(trace)
  }

  /** The run is over: closed requests that still wait for a charge will not get one. */
  settleAll(): void {
    for (const trace of this.tail) if (trace !== undefined) this.tellSettled(trace)
  }

  private waste(trace: Trace, cost: number): void {
    trace.wastedCost += cost
    this.wastedAdded = cost
  }

  private closed(entry: RequestClosed): void {
    this.turn()
    const trace = this.of(entry.request)
    if (trace === undefined || trace.isClosed) return
    trace.isClosed = true
    trace.isOk = entry.outcome === 'ok'
    trace.rung = entry.rung
    trace.isFallback = entry.servedBy >= 0 && entry.servedBy !== entry.firstChoice
    trace.endpoint = entry.servedBy >= 0 ? entry.servedBy : entry.firstChoice
    if (trace.unsettled === 0) {
      this.tellSettled(trace)
      this.leaving = trace
      return
    }
    const oldest = this.tail[this.tailNext]
    if (oldest !== undefined) {
      this.tellSettled(oldest)
      this.forget(oldest)
    }
    this.tail[this.tailNext] = trace
    this.tailNext = (this.tailNext + 1) % TAIL_MAX
  }

  private forget(trace: Trace): void {
    this.known.remove(trace)
    this.pool.push(trace)
    if (this.latest === trace) this.latest = null
    if (this.leaving === trace) this.leaving = null
  }
}

function keepCharge(trace: Trace, slot: number, entry: FleetCharged): void {
  trace.endpoints[slot] = entry.endpoint
  trace.inputs[slot] = entry.inputTokens
  trace.outputs[slot] = entry.outputTokens
  trace.cached[slot] = entry.cachedInputTokens ?? 0
  trace.written[slot] = entry.writtenInputTokens ?? 0
  trace.rarities[slot] = entry.rarities ?? null
}

/** Where an attempt's cost and end are kept. A request has few attempts: a scan from the newest is the fastest. */
function slotOf(trace: Trace, call: number, attempt: number): number {
  const key = call * CALLS + attempt
  for (let slot = trace.attempts - 1; slot >= 0; slot -= 1) if (trace.keys[slot] === key) return slot
  const slot = trace.attempts
  trace.attempts += 1
  trace.unsettled += 1
  trace.keys[slot] = key
  trace.costs[slot] = UNCHARGED
  trace.qualities[slot] = -1
  trace.ends[slot] = RUNNING
  return slot
}
