/**
 * One try at one endpoint, as the router sees it: its four clocks, what has come of it so far, what is kept back from
 * the caller, and the books it stands in (ledger, health, budgets). It decides nothing; the race it runs in does
 * (race.ts).
 */
import { NEVER, type Millis } from '../base/index.ts'
import type { AttemptEnded, AttemptOutcome, AttemptReason, AttemptStarted, Form, Out } from '../ledger/index.ts'
import {
  lastChunkMs,
  nextVisit,
  tokensSent,
  type AttemptHandle,
  type Call,
  type ChatRequest,
  type Content,
  type ErrorClass,
  type Signal,
  type ToolDelta,
  type Usage,
} from '../protocol/index.ts'
import { tellCompression } from './compression.ts'
import type { Turn } from './door.ts'
import type { Failure } from './failures.ts'
import type { RouterCommand } from './messages.ts'
import type { Reservation } from './policies/budget.ts'
import { attemptDeadline, firstTokenMs } from './policies/timeouts.ts'
import type { RequestLife } from './request.ts'

/** How an attempt comes about. */
export interface Start {
  readonly endpoint: number
  /** Place of its candidate in the plan. */
  readonly position: number
  readonly reason: AttemptReason
  /** How many times its candidate had been asked before, in a row, and how long was waited before this time, in ms. */
  readonly retry: number
  readonly waitedMs: Millis
  readonly isProbe: boolean
  /** What the retry budget charged for it; -1 when it was not charged. */
  readonly price: number
  /** What it waits for before it may begin; null for nothing. */
  readonly turn: Turn | null
}

/** Lists that nobody adds to: most attempts have no need of their own. */
export const NO_SIGNALS: Signal[] = []
export const NO_DELTAS: ToolDelta[] = []

export class Attempt implements AttemptHandle {
  readonly life: RequestLife
  readonly start: Start
  readonly request: ChatRequest
  readonly call: number
  readonly number: number
  readonly endpoint: number
  readonly visit: number
  slot = -1
  way = -1
  readonly startedAt: Millis
  isOver = false
  wasAccepted = false
  firstContentAt: Millis | null = null
  outputTokens = 0
  /** Of these, such as were of reasoning. */
  reasoningTokens = 0
  /** The run of content that flows now, and since when. */
  run: Content | null = null
  runAt: Millis = 0
  /** Signals not yet handed to the caller. */
  held: Signal[] = NO_SIGNALS
  toolDeltas: ToolDelta[] = NO_DELTAS
  usage: Usage | null = null
  /** What it failed of; null while it has not. Nobody is blamed for one that was cancelled. */
  why: Failure | null = null
  connectAt: Millis = NEVER
  firstTokenAt: Millis = NEVER
  idleAt: Millis = NEVER
  attemptAt: Millis = NEVER
  /** What is put aside for it; null without a budget. */
  private reservation: Reservation | null = null

  constructor(life: RequestLife, number: number, start: Start, now: Millis) {
    this.life = life
    this.start = start
    this.request = life.requestFor(start.endpoint)
    this.call = life.call.number
    this.number = number
    this.endpoint = start.endpoint
    this.visit = nextVisit(life.request, start.endpoint) // However it is cut, it is the same request.
    this.startedAt = now
  }

  nextDeadline(): Millis {
    return Math.min(this.connectAt, this.firstTokenAt, this.idleAt, this.attemptAt)
  }

  /** The clock that has run out; null for none. */
  overdue(now: Millis): ErrorClass | null {
    if (now >= this.connectAt) return 'connect_timeout'
    if (now >= this.firstTokenAt) return 'first_token_timeout'
    if (now >= this.idleAt) return 'idle_timeout'
    return now >= this.attemptAt ? 'attempt_timeout' : null
  }

  /** Send it. `hasNext`: somebody else could be asked after it, and needs time for that. */
  begin(hasNext: boolean, now: Millis, out: Out<RouterCommand>): void {
    const { life, request, call, number, endpoint, start } = this
    const { desk, spending, tab, totalAt } = life
    const { timeouts } = desk.resilience
    if (request !== life.request) out.record(tellCompression(life.call, life.request, request, endpoint, now))
    this.connectAt = now + timeouts.connect
    this.attemptAt = attemptDeadline(timeouts, hasNext, totalAt, now)
    // Without streaming there is no first token to see before the answer is whole.
    if (request.stream) this.firstTokenAt = now + firstTokenMs(timeouts, request.inputTokens)
    if (spending !== null) this.reservation = spending.reserve(request, endpoint, now)
    if (tab !== null) tab.hold(request, endpoint, now)
    desk.health.started(endpoint)
    if (start.isProbe) desk.health.beginProbe(desk.policy, endpoint, now, out)
    const form = STARTED
    form.at = now
    form.request = request.id
    form.call = call
    form.attempt = number
    form.endpoint = endpoint
    form.reason = start.reason
    out.record(form)
    out.push({ type: 'attempt.dispatch', attempt: this })
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

  get from(): Call {
    return this.life.call
  }

  /** Keep a Signal back from the caller. */
  hold(signal: Signal): void {
    if (this.held.length === 0) this.held = [signal]
    else this.held.push(signal)
  }

  /** The current run is over at `now`: count what it had sent. One that is held has been said by then, not flowing. */
  settleRun(now: Millis): void {
    const { run } = this
    if (run === null) return
    const tokens = tokensSent(run, now - this.runAt)
    this.outputTokens += tokens
    if (run.channel === 'reasoning') this.reasoningTokens += tokens
    this.run = null
    if (run.everyMs === 0) return
    const place = this.held.lastIndexOf(run)
    if (place >= 0) this.held[place] = { ...run, tokens, forMs: 0, everyMs: 0 }
  }

  /** End it before its own end. Nobody is blamed: what our own deadline cut off may have been in time. */
  cancel(why: Failure, now: Millis, out: Out<RouterCommand>): void {
    this.settleRun(now)
    out.push({ type: 'attempt.cancel', attempt: this })
    this.end('cancelled', why, null, now, out)
  }

  /** It is over, whatever came of it; `why` is null when it went well. */
  end(outcome: AttemptOutcome, why: Failure | null, status: number | null, now: Millis, out: Out<RouterCommand>): void {
    this.isOver = true
    const { life, start, endpoint, startedAt, firstContentAt, outputTokens } = this
    const { desk } = life
    const errorClass = why?.class ?? null
    const form = ENDED
    form.at = now
    form.request = this.request.id
    form.call = this.call
    form.attempt = this.number
    form.endpoint = endpoint
    form.outcome = outcome
    form.errorClass = errorClass
    form.status = status
    form.startedAt = startedAt
    form.firstContentAt = firstContentAt
    form.outputTokens = outputTokens
    form.committed = life.race.committed === this
    out.record(form)
    if (start.price >= 0) desk.allowance.returned(endpoint)
    if (this.reservation !== null) life.spending?.settle(this, this.reservation, why)
    if (outcome !== 'ok') life.tab?.release(endpoint)
    desk.health.ended(desk.policy, this, errorClass, now)
    if (outcome === 'cancelled') {
      if (start.isProbe) desk.health.abandonProbe(desk.policy, endpoint, startedAt)
      return
    }
    const isRetryable = errorClass !== null && desk.reactions[errorClass].retryHere
    desk.allowance.reported(endpoint, isRetryable, start.price)
    desk.health.report(desk.policy, this, why, now, out)
  }
}

const STARTED: Form<AttemptStarted> = {
  kind: 'attempt.started',
  at: 0,
  request: 0,
  call: 0,
  attempt: 0,
  endpoint: 0,
  reason: 'primary',
}

const ENDED: Form<AttemptEnded> = {
  kind: 'attempt.ended',
  at: 0,
  request: 0,
  call: 0,
  attempt: 0,
  endpoint: 0,
  outcome: 'ok',
  errorClass: null,
  status: null,
  startedAt: 0,
  firstContentAt: null,
  outputTokens: 0,
  committed: false,
}
