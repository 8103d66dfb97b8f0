/**
 * An errand: something that a stage has fetched from the fleet before a call goes on, such as the results of a search.
 * It is an attempt like any other to whoever carries it out; the router never hears of it.
 */
import type { Millis } from '../base/index.ts'
import { nextVisit, type AttemptHandle, type Call, type ChatRequest, type Signal } from '../protocol/index.ts'
import type { Halt } from './stage.ts'

/** Errands are numbered from here, out of the way of a call's attempts. */
const NUMBERS_FROM = 1_000

/** `slot` of a call that waits for an errand: it is here, and not yet with the router. */
export const WAITING = Number.MAX_SAFE_INTEGER

export class Errand implements AttemptHandle {
  readonly from: Call
  readonly request: ChatRequest
  readonly call: number
  readonly number: number
  readonly endpoint: number
  readonly visit: number
  slot = -1
  readonly until: Millis
  /** Stages that the call has passed, without the one that asked. */
  readonly passed: number
  readonly signals: Signal[] = []
  private readonly onDone: (signals: readonly Signal[] | null, now: Millis) => Halt | null

  constructor(from: Call, { request, endpoint, timeoutMs, onDone }: Errands, passed: number, now: Millis) {
    this.from = from
    this.request = request
    this.call = from.number
    this.number = NUMBERS_FROM
    this.endpoint = endpoint
    this.visit = nextVisit(request, endpoint)
    this.until = now + timeoutMs
    this.passed = passed
    this.onDone = onDone
  }

  /** Something has come. Whether that was the end. */
  hear(signals: readonly Signal[]): boolean {
    this.signals.push(...signals)
    const { type } = signals.at(-1) ?? { type: 'ping' }
    return type === 'finished' || type === 'failed' || type === 'closed' || type === 'garbled'
  }

  /** What the stage makes of it; it has what came if that is an answer, and null if not. */
  finish(now: Millis): Halt | null {
    return this.onDone(this.signals.at(-1)?.type === 'finished' ? this.signals : null, now)
  }
}

/** What a stage wants fetched. */
export interface Errands {
  readonly request: ChatRequest
  readonly endpoint: number
  readonly timeoutMs: Millis
  /** `signals`: a whole answer; null: it failed, or took too long. */
  readonly onDone: (signals: readonly Signal[] | null, now: Millis) => Halt | null
}
