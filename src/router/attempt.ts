/**
 * One try at one endpoint, as the router sees it: its four clocks, what has come of it so far, and what is kept back
 * from the caller. It decides nothing; the life it belongs to does (request.ts).
 */
import { NEVER, type Millis } from '../base/index.ts'
import {
  lastChunkMs,
  nextVisit,
  tokensSent,
  type AttemptHandle,
  type ChatRequest,
  type Content,
  type Signal,
  type ToolDelta,
  type Usage,
} from '../protocol/index.ts'
import type { Reservation } from './policies/budget.ts'
import type { RequestLife } from './request.ts'

/** How an attempt comes about. */
export interface Start {
  readonly endpoint: number
  readonly position: number
  readonly retry: number
  readonly isProbe: boolean
  readonly price: number
}

export class Attempt implements AttemptHandle {
  readonly life: RequestLife
  readonly request: ChatRequest
  readonly call: number
  readonly number: number
  readonly endpoint: number
  readonly visit: number
  slot = -1
  readonly startedAt: Millis
  readonly isProbe: boolean
  /** Place of its candidate in the plan. */
  readonly position: number
  /** How many times its candidate had been asked before, in a row. */
  readonly retry: number
  /** What the retry budget charged for it; -1 when it was not charged. */
  readonly price: number
  /** What is put aside for it; null without a budget. */
  reservation: Reservation | null = null
  isOver = false
  wasAccepted = false
  firstContentAt: Millis | null = null
  outputTokens = 0
  /** The run of content that flows now, and since when. */
  run: Content | null = null
  runAt: Millis = 0
  /** Signals not yet handed to the caller. */
  held: Signal[] = []
  toolDeltas: ToolDelta[] = []
  usage: Usage | null = null
  connectAt: Millis = NEVER
  firstTokenAt: Millis = NEVER
  idleAt: Millis = NEVER
  attemptAt: Millis = NEVER

  constructor(life: RequestLife, number: number, { endpoint, position, retry, isProbe, price }: Start, now: Millis) {
    this.life = life
    this.request = life.request
    this.call = life.call.number
    this.number = number
    this.endpoint = endpoint
    this.visit = nextVisit(this.request, endpoint)
    this.startedAt = now
    this.isProbe = isProbe
    this.position = position
    this.retry = retry
    this.price = price
  }

  nextDeadline(): Millis {
    return Math.min(this.connectAt, this.firstTokenAt, this.idleAt, this.attemptAt)
  }

  /** Content keeps a stream alive: count it, and set the idle clock by when the run will have ended. */
  take(run: Content, idleMs: Millis, isBlocked: boolean, now: Millis): void {
    const before = this.run
    const quietSince = before === null ? now : this.runAt + lastChunkMs(before, now - this.runAt)
    this.settleRun(now)
    if (run.tokens > 0 && this.firstContentAt === null) {
      this.firstContentAt = now
      this.firstTokenAt = NEVER
    }
    this.run = run
    this.runAt = now
    if (this.firstContentAt === null || !this.request.stream || isBlocked) return
    if (run.tokens > 0) this.idleAt = now + (run.everyMs > idleMs ? 0 : run.forMs) + idleMs
    else if (before !== null && before.tokens > 0) this.idleAt = quietSince + idleMs
  }

  /** The current run is over at `now`: count what it had sent. One that is held has been said by then, not flowing. */
  settleRun(now: Millis): void {
    const { run } = this
    if (run === null) return
    const tokens = tokensSent(run, now - this.runAt)
    this.outputTokens += tokens
    this.run = null
    if (run.everyMs === 0) return
    const place = this.held.lastIndexOf(run)
    if (place >= 0) this.held[place] = { ...run, tokens, forMs: 0, everyMs: 0 }
  }
}

/** The life an attempt belongs to; undefined for attempts that are not the router's. */
export function lifeOf(attempt: AttemptHandle): RequestLife | undefined {
  return attempt instanceof Attempt ? attempt.life : undefined
}
