/**
 * The fingerprint of a run: a hash over a binary encoding of its entries. Same scenario, seed and version give the
 * same fingerprint on any machine. The hasher is handed in (node:crypto outside, anything in tests), because pure
 * rooms import no node modules. Numbers are written as little-endian float64, names as indexes.
 */
import { hashName } from '../base/index.ts'
import { errorClassNumber, TOOL_CALL_DEFECTS, type ErrorClass } from '../protocol/index.ts'
import {
  ATTEMPT_OUTCOMES,
  ATTEMPT_REASONS,
  BREAKER_STATES,
  CALL_OUTCOMES,
  ENTRY_KINDS,
  REQUEST_OUTCOMES,
  SKIP_CAUSES,
  type Candidate,
  type Entry,
  type FunnelStep,
  type RequestClosed,
} from './entry.ts'
import type { Fold } from './log.ts'

export interface Hasher {
  update(bytes: Uint8Array): unknown
  /** The digest in lower-case hexadecimal. */
  digest(): string
}

const BUFFER_NUMBERS = 8192
/** The widest entry, with room to spare; longer lists flush as they go. */
const ENTRY_NUMBERS_MAX = 32

function numbering<T extends string>(names: readonly T[]): (name: T) => number {
  const table = new Map<T, number>(names.map((name, index) => [name, index]))
  return (name) => table.get(name) ?? -1
}

const kindNumber = numbering(ENTRY_KINDS)
const requestOutcome = numbering(REQUEST_OUTCOMES)
const attemptOutcome = numbering(ATTEMPT_OUTCOMES)
const callOutcome = numbering(CALL_OUTCOMES)
const attemptReason = numbering(ATTEMPT_REASONS)
const breakerState = numbering(BREAKER_STATES)
const skipCause = numbering(SKIP_CAUSES)
const NO_INSTANT = -1
const NO_STATUS = -1

export class Fingerprint implements Fold {
  private readonly numbers = new Float64Array(BUFFER_NUMBERS)
  private readonly bytes = new Uint8Array(this.numbers.buffer)
  private used = 0
  private readonly hasher: Hasher
  private finished: string | null = null

  constructor(hasher: Hasher) {
    this.hasher = hasher
  }

  step(entry: Entry): void {
    this.makeRoom()
    this.put(kindNumber(entry.kind))
    this.put(entry.at)
    switch (entry.kind) {
      case 'request.arrived':
        this.put2(entry.request, entry.workflow)
        this.put2(entry.inputTokens, entry.stream ? 1 : 0)
        return
      case 'call.routed':
        this.put2(entry.request, entry.call)
        this.put2(entry.rule, entry.rung)
        this.putFunnel(entry.funnel)
        this.putOrder(entry.order)
        return
      case 'candidate.skipped':
        this.put2(entry.request, entry.call)
        this.put2(entry.endpoint, skipCause(entry.cause))
        return
      case 'attempt.started':
        this.put3(entry.request, entry.call, entry.attempt)
        this.put2(entry.endpoint, attemptReason(entry.reason))
        return
      case 'attempt.ended':
        this.put3(entry.request, entry.call, entry.attempt)
        this.put3(entry.endpoint, attemptOutcome(entry.outcome), errorClassNumber(entry.errorClass))
        this.put3(entry.startedAt, entry.firstContentAt ?? NO_INSTANT, entry.outputTokens)
        this.put2(entry.status ?? NO_STATUS, entry.committed ? 1 : 0)
        return
      case 'fleet.charged':
        this.put3(entry.request, entry.call, entry.attempt)
        this.put2(entry.endpoint, entry.cost)
        this.put3(entry.inputTokens, entry.outputTokens, entry.quality)
        if (entry.cachedInputTokens !== undefined || entry.writtenInputTokens !== undefined)
          this.put2(entry.cachedInputTokens ?? 0, entry.writtenInputTokens ?? 0)
        return
      case 'call.closed':
        this.put3(entry.request, entry.call, callOutcome(entry.outcome))
        this.put3(errorClassNumber(entry.errorClass), entry.servedBy, entry.billed)
        this.put3(entry.status, entry.attempts, entry.firstChoice)
        this.put(entry.rung)
        return
      case 'request.closed':
        this.put3(entry.request, requestOutcome(entry.outcome), errorClassNumber(entry.errorClass))
        this.put3(entry.ttftMs ?? NO_INSTANT, entry.latencyMs, entry.outputTokens)
        this.put3(entry.attempts, entry.servedBy, toolCallNumber(entry.toolCall))
        this.put2(entry.workflow, entry.arrivedAt)
        this.put3(entry.calls, entry.firstChoice, entry.billed)
        this.put(entry.rung)
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

  private putFunnel(funnel: readonly FunnelStep[]): void {
    this.put(funnel.length)
    for (const { step, left, removed } of funnel) {
      this.makeRoom()
      this.put3(nameNumber(step), left, removed.length)
      for (const endpoint of removed) {
        this.makeRoom()
        this.put(endpoint)
      }
    }
  }

  private putOrder(order: readonly Candidate[]): void {
    this.makeRoom()
    this.put(order.length)
    for (const { endpoint, score, reason } of order) {
      this.makeRoom()
      this.put3(endpoint, score, nameNumber(reason))
    }
  }

  private makeRoom(): void {
    if (this.used > BUFFER_NUMBERS - ENTRY_NUMBERS_MAX) this.flush()
  }

  private flush(): void {
    if (this.used > 0 && this.finished === null) this.hasher.update(this.bytes.subarray(0, this.used * 8))
    this.used = 0
  }
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
