/**
 * The fingerprint of a run: a hash over a binary encoding of its entries. Same scenario, seed and version give the
 * same fingerprint on any machine. The hasher is handed in (node:crypto outside, anything in tests), because pure
 * rooms import no node modules. Numbers are written as little-endian float64, names as indexes, lists as digests.
 */
import { hashName, mix32 } from '../base/index.ts'
import { errorClassNumber, TOOL_CALL_DEFECTS, type ErrorClass } from '../protocol/index.ts'
import {
  ATTEMPT_OUTCOMES,
  ATTEMPT_REASONS,
  BREAKER_STATES,
  CALL_OUTCOMES,
  ENTRY_KINDS,
  REQUEST_OUTCOMES,
  TOOL_EFFECTS,
  TOOL_OUTCOMES,
  SKIP_CAUSES,
  type AttemptEnded,
  type AttemptStarted,
  type CallClosed,
  type CallRouted,
  type Candidate,
  type Entry,
  type FleetCharged,
  type FunnelStep,
  type RequestArrived,
  type RequestClosed,
} from './entry.ts'
import type { Fold } from './log.ts'

export interface Hasher {
  update(bytes: Uint8Array): unknown
  /** The digest in lower-case hexadecimal. */
  digest(): string
}

const BUFFER_NUMBERS = 8192
/** The widest entry, with room to spare. */
const ENTRY_NUMBERS_MAX = 32

/** The number of a name. The same name nearly always comes again: the last one is remembered. */
function numbering<T extends string>(names: readonly T[]): (name: T) => number {
  const table = new Map<T, number>(names.map((name, index) => [name, index]))
  let last: T | undefined
  let number = -1
  return (name) => {
    if (name !== last) {
      last = name
      number = table.get(name) ?? -1
    }
    return number
  }
}

const kindNumber = numbering(ENTRY_KINDS)
const requestOutcome = numbering(REQUEST_OUTCOMES)
const attemptOutcome = numbering(ATTEMPT_OUTCOMES)
const callOutcome = numbering(CALL_OUTCOMES)
const attemptReason = numbering(ATTEMPT_REASONS)
const breakerState = numbering(BREAKER_STATES)
const toolOutcome = numbering(TOOL_OUTCOMES)
const toolEffect = numbering(TOOL_EFFECTS)
const skipCause = numbering(SKIP_CAUSES)
const REQUEST_ARRIVED = kindNumber('request.arrived')
const CALL_ROUTED = kindNumber('call.routed')
const ATTEMPT_STARTED = kindNumber('attempt.started')
const ATTEMPT_ENDED = kindNumber('attempt.ended')
const FLEET_CHARGED = kindNumber('fleet.charged')
const CALL_CLOSED = kindNumber('call.closed')
const REQUEST_CLOSED = kindNumber('request.closed')
const NO_INSTANT = -1
const NO_STATUS = -1

type RareEntry = Exclude<
  Entry,
  RequestArrived | CallRouted | AttemptStarted | AttemptEnded | FleetCharged | CallClosed | RequestClosed
>

export class Fingerprint implements Fold {
  private readonly numbers = new Float64Array(BUFFER_NUMBERS)
  private readonly bytes = new Uint8Array(this.numbers.buffer)
  private used = 0
  private readonly funnels = new ListDigests<FunnelStep>(putFunnel)
  private readonly orders = new ListDigests<Candidate>(putOrder)
  private readonly hasher: Hasher
  private finished: string | null = null

  constructor(hasher: Hasher) {
    this.hasher = hasher
  }

  /** One small method per kind that is frequent: small enough for an engine to write its numbers without boxing them. */
  step(entry: Entry): void {
    this.makeRoom()
    switch (entry.kind) {
      case 'request.arrived':
        return this.requestArrived(entry)
      case 'call.routed':
        return this.callRouted(entry)
      case 'attempt.started':
        return this.attemptStarted(entry)
      case 'attempt.ended':
        return this.attemptEnded(entry)
      case 'fleet.charged':
        return this.fleetCharged(entry)
      case 'call.closed':
        return this.callClosed(entry)
      case 'request.closed':
        return this.requestClosed(entry)
      default:
        this.rare(entry)
    }
  }

  private requestArrived(entry: RequestArrived): void {
    this.put2(REQUEST_ARRIVED, entry.at)
    this.put2(entry.request, entry.workflow)
    this.put2(entry.inputTokens, entry.stream ? 1 : 0)
  }

  private callRouted(entry: CallRouted): void {
    this.put2(CALL_ROUTED, entry.at)
    this.put2(entry.request, entry.call)
    this.put2(entry.rule, entry.rung)
    this.put2(this.funnels.digest(entry.funnel), this.orders.digest(entry.order))
  }

  private attemptStarted(entry: AttemptStarted): void {
    this.put2(ATTEMPT_STARTED, entry.at)
    this.put3(entry.request, entry.call, entry.attempt)
    this.put2(entry.endpoint, attemptReason(entry.reason))
  }

  private attemptEnded(entry: AttemptEnded): void {
    this.put2(ATTEMPT_ENDED, entry.at)
    this.put3(entry.request, entry.call, entry.attempt)
    this.put3(entry.endpoint, attemptOutcome(entry.outcome), errorClassNumber(entry.errorClass))
    this.put3(entry.startedAt, entry.firstContentAt ?? NO_INSTANT, entry.outputTokens)
    this.put2(entry.status ?? NO_STATUS, entry.committed ? 1 : 0)
  }

  private fleetCharged(entry: FleetCharged): void {
    this.put2(FLEET_CHARGED, entry.at)
    this.put3(entry.request, entry.call, entry.attempt)
    this.put2(entry.endpoint, entry.cost)
    this.put3(entry.inputTokens, entry.outputTokens, entry.quality)
    if (entry.cachedInputTokens !== undefined || entry.writtenInputTokens !== undefined)
      this.put2(entry.cachedInputTokens ?? 0, entry.writtenInputTokens ?? 0)
  }

  private callClosed(entry: CallClosed): void {
    this.put2(CALL_CLOSED, entry.at)
    this.put3(entry.request, entry.call, callOutcome(entry.outcome))
    this.put3(errorClassNumber(entry.errorClass), entry.servedBy, entry.billed)
    this.put3(entry.status, entry.attempts, entry.firstChoice)
    this.put(entry.rung)
    if (entry.usageEstimated) this.put(1)
  }

  private requestClosed(entry: RequestClosed): void {
    this.put2(REQUEST_CLOSED, entry.at)
    this.put3(entry.request, requestOutcome(entry.outcome), errorClassNumber(entry.errorClass))
    this.put3(entry.ttftMs ?? NO_INSTANT, entry.latencyMs, entry.outputTokens)
    this.put3(entry.attempts, entry.servedBy, toolCallNumber(entry.toolCall))
    this.put2(entry.workflow, entry.arrivedAt)
    this.put3(entry.calls, entry.firstChoice, entry.billed)
    this.put(entry.rung)
  }

  private rare(entry: RareEntry): void {
    this.put2(kindNumber(entry.kind), entry.at)
    switch (entry.kind) {
      case 'candidate.skipped':
        this.put2(entry.request, entry.call)
        this.put2(entry.endpoint, skipCause(entry.cause))
        return
      case 'health.changed':
        this.put(entry.policy)
        this.put3(entry.endpoint, breakerState(entry.from), breakerState(entry.to))
        this.put2(entry.until ?? NO_INSTANT, errorClassNumber(entry.cause as ErrorClass | null))
        return
      case 'fault.started':
      case 'fault.ended':
        this.put(entry.fault)
        return
      case 'fault.fired':
        this.put3(entry.fault, entry.endpoint, entry.request)
        this.put2(entry.call, entry.attempt)
        return
      case 'signal.late':
        this.put2(entry.request, entry.endpoint)
        return
      case 'tool.called':
        this.put3(entry.request, entry.workflow, entry.arrivedAt)
        this.put3(entry.firstChoice, entry.servedBy, entry.rung)
        this.put3(entry.invocation, toolOutcome(entry.outcome), toolEffect(entry.effect))
        return
      case 'loop.lagged':
        this.put(entry.lagMs)
    }
  }

  /** The digest so far closes the fingerprint; entries after it are not counted. Asking again gives the same. */
  digest(): string {
    if (this.finished === null) {
      this.flush()
      this.finished = this.hasher.digest()
    }
    return this.finished
  }

  private put(value: number): void {
    this.numbers[this.used] = value
    this.used += 1
  }

  private put2(first: number, second: number): void {
    this.put(first)
    this.put(second)
  }

  private put3(first: number, second: number, third: number): void {
    this.put(first)
    this.put(second)
    this.put(third)
  }

  private makeRoom(): void {
    if (this.used > BUFFER_NUMBERS - ENTRY_NUMBERS_MAX) this.flush()
  }

  private flush(): void {
    if (this.used > 0 && this.finished === null) this.hasher.update(this.bytes.subarray(0, this.used * 8))
    this.used = 0
  }
}

/** How many lists are remembered with their digests. */
const RECENT = 8

/**
 * 53 bits for a list. Funnels and orders are mostly the same few objects for millions of calls: each is digested once,
 * and an entry holds its digest instead of its every number.
 */
class ListDigests<T> {
  private readonly encode: (list: readonly T[], numbers: number[]) => void
  private readonly lists: (readonly T[])[] = []
  private readonly digests: number[] = []
  private next = 0

  constructor(encode: (list: readonly T[], numbers: number[]) => void) {
    this.encode = encode
  }

  digest(list: readonly T[]): number {
    const { lists, digests } = this
    for (let index = 0; index < lists.length; index += 1) if (lists[index] === list) return digests[index] as number
    const numbers: number[] = [list.length]
    this.encode(list, numbers)
    const digest = digestOf(numbers)
    lists[this.next] = list
    digests[this.next] = digest
    this.next = (this.next + 1) % RECENT
    return digest
  }
}

function digestOf(numbers: readonly number[]): number {
  let high = 0
  let low = numbers.length
  for (const word of new Uint32Array(Float64Array.from(numbers).buffer)) {
    high = mix32(high ^ word)
    low = mix32((low + high) ^ word)
  }
  return (high >>> 0) * 2097152 + (low >>> 11)
}

function putFunnel(funnel: readonly FunnelStep[], numbers: number[]): void {
  for (const { step, left, removed } of funnel) numbers.push(nameNumber(step), left, removed.length, ...removed)
}

function putOrder(order: readonly Candidate[], numbers: number[]): void {
  for (const { endpoint, score, reason } of order) numbers.push(endpoint, score, nameNumber(reason))
}

const nameNumbers = new Map<string, number>()

/** Steps and reasons are a few sentences, told millions of times: hashed once each. */
function nameNumber(name: string): number {
  let number = nameNumbers.get(name)
  if (number === undefined) nameNumbers.set(name, (number = hashName(name)))
  return number
}

function toolCallNumber(toolCall: RequestClosed['toolCall']): number {
  if (toolCall === null) return -1
  return toolCall === 'valid' ? 0 : 1 + TOOL_CALL_DEFECTS.indexOf(toolCall)
}
