/**
 * The attempts of one call race to the first content. Whoever has it leads, and the others are cancelled, billed by the
 * fleet and not blamed; from the commit on the caller sees the leader's content, and nobody can take over. As long as
 * one attempt is open, another's failure is only noted: what comes after the last is the life's business (request.ts).
 *
 *   hold     the leader's content is kept back until the commit point               (policies/commit.ts)
 *   hedge    the first content is late: one more joins the race                     (policies/hedge.ts)
 *   contest  in an evaluation nobody leads: whole answers are compared              (policies/evaluate.ts)
 */
import { assertNever, at, NEVER, type Millis } from '../base/index.ts'
import type { Out } from '../ledger/index.ts'
import type { Content, ErrorClass, Finished, Garbled, NanoDollars, Signal } from '../protocol/index.ts'
import { complete } from './answer.ts'
import { Attempt, NO_DELTAS, NO_SIGNALS, type Start } from './attempt.ts'
import { failure, type Failure } from './failures.ts'
import type { RouterCommand } from './messages.ts'
import { commitAt } from './policies/commit.ts'
import { Contest, type EvaluatePolicy } from './policies/evaluate.ts'
import { hedgeDelayMs } from './policies/hedge.ts'
import { holdsText } from './policies/validation.ts'
import type { RequestLife } from './request.ts'
import { billOf } from './usage.ts'

type RouterOut = Out<RouterCommand>

export class Race {
  /** In order of their numbers. A list that never grows: nearly always it is one. */
  attempts: readonly Attempt[] = NO_ATTEMPTS
  /** Its answer is the caller's; null until the commit. */
  committed: Attempt | null = null
  /** An evaluation under way; null for none. */
  contest: Contest<Attempt> | null = null
  /** What an attempt has failed of last, before the commit; null while none has. */
  lastFailure: Failure | null = null
  /** The attempt whose first content came first: it has won the race, and may still fail before the commit. */
  private leader: Attempt | null = null
  private holdAt: Millis = NEVER
  private hedgeAt: Millis = NEVER
  /** The caller does not read fast enough. */
  private isBlocked = false
  private readonly life: RequestLife

  constructor(life: RequestLife) {
    this.life = life
  }

  nextDeadline(): Millis {
    let earliest = Math.min(this.holdAt, this.hedgeAt, this.contest?.decideAt ?? NEVER)
    for (const attempt of this.attempts) if (!attempt.isOver) earliest = Math.min(earliest, attempt.nextDeadline())
    return earliest
  }

  /** Whether any attempt is still open. */
  isOpen(): boolean {
    for (const attempt of this.attempts) if (!attempt.isOver) return true
    return false
  }

  start(start: Start, now: Millis, out: RouterOut): void {
    const { chooser, desk } = this.life
    const attempt = new Attempt(this.life, this.attempts.length, start, now)
    this.attempts = this.attempts.length === 0 ? [attempt] : [...this.attempts, attempt]
    const { hedge } = desk.resilience
    if (hedge && chooser.mayHedge(hedge)) {
      const delay = hedgeDelayMs(hedge, desk.health, start.endpoint, now)
      this.hedgeAt = delay === null ? NEVER : now + delay
    }
    attempt.begin(chooser.hasNext(start.position), now, out)
  }

  /** Deadlines that are due, in declared order. */
  wake(now: Millis, out: RouterOut): void {
    if (now >= this.holdAt && this.leader !== null) this.commit(this.leader, now, out)
    if (now >= this.hedgeAt) this.hedge(now, out)
    // Those that start meanwhile have deadlines in the future.
    const { length } = this.attempts
    for (let index = 0; index < length; index += 1) {
      const attempt = at(this.attempts, index)
      const errorClass = attempt.isOver ? null : attempt.overdue(now)
      if (errorClass === null) continue
      out.push({ type: 'attempt.cancel', attempt })
      this.fail(attempt, failure(errorClass, `gave up waiting: ${errorClass}`), now, out)
    }
  }

  block(now: Millis, out: RouterOut): void {
    const current = this.committed
    if (this.isBlocked || current === null || current.isOver) return
    this.isBlocked = true
    current.settleRun(now)
    current.idleAt = NEVER
    out.push({ type: 'attempt.pause', attempt: current })
  }

  drain(now: Millis, out: RouterOut): void {
    const current = this.committed
    if (!this.isBlocked || current === null || current.isOver) return
    this.isBlocked = false
    current.idleAt = now + this.life.desk.resilience.timeouts.idle
    out.push({ type: 'attempt.resume', attempt: current })
  }

  /** End whatever is still running. */
  end(errorClass: 'cancelled' | 'deadline_exceeded', now: Millis, out: RouterOut): void {
    if (this.contest?.best) this.contest.best.end('ok', null, null, now, out)
    for (const attempt of this.attempts) if (!attempt.isOver) attempt.cancel(failure(errorClass, errorClass), now, out)
  }

  // ── listening ─────────────────────────────────────────────────────────────────────────────────────────────────────

  /** What an endpoint sent. */
  signalled(attempt: Attempt, signals: readonly Signal[], now: Millis, out: RouterOut): void {
    for (const signal of signals) {
      if (attempt.isOver) {
        out.record({ kind: 'signal.late', at: now, request: attempt.request.id, endpoint: attempt.endpoint })
        return
      }
      this.take(attempt, signal, now, out)
    }
    if (this.committed !== null && !attempt.isOver) this.forward(attempt, now, out)
  }

  private take(attempt: Attempt, signal: Signal, now: Millis, out: RouterOut): void {
    const { commit, validation } = this.life.desk.resilience
    switch (signal.type) {
      case 'connected':
        attempt.connectAt = NEVER
        return
      case 'accepted':
        attempt.connectAt = NEVER
        attempt.wasAccepted = true
        if (commit.at === 'on_headers' && attempt.request.stream && this.contest === null) {
          this.commit(attempt, now, out)
        }
        return
      case 'ping':
      case 'quirk':
        return
      case 'content':
        this.takeContent(attempt, signal, now, out)
        attempt.hold(signal)
        this.commitWhenDue(attempt, now, out)
        return
      case 'toolDelta': {
        const { tokens } = signal
        this.takeContent(attempt, { type: 'content', channel: 'text', tokens, forMs: 0, everyMs: 0 }, now, out)
        if (attempt.toolDeltas === NO_DELTAS) attempt.toolDeltas = []
        attempt.toolDeltas.push(signal)
        if (validation.tool_calls !== 'pass') return
        attempt.hold(signal)
        this.commitWhenDue(attempt, now, out)
        return
      }
      case 'usage':
        attempt.usage = signal
        return
      case 'finished':
        this.finish(attempt, signal, now, out)
        return
      case 'garbled':
        this.fail(attempt, garbled(signal), now, out)
        return
      case 'failed':
        this.fail(attempt, signal, now, out)
        return
      case 'closed': {
        const errorClass = attempt.wasAccepted ? 'stream_cut' : 'connection_reset'
        const why = failure(errorClass, `the connection was closed (${signal.how}) before the end`)
        const isBlank = attempt.wasAccepted && signal.how === 'clean' && attempt.firstContentAt === null
        this.fail(attempt, isBlank ? { ...why, isBlank } : why, now, out)
        return
      }
      default:
        assertNever(signal)
    }
  }

  private takeContent(attempt: Attempt, run: Content, now: Millis, out: RouterOut): void {
    attempt.take(run, this.life.desk.resilience.timeouts.idle, this.isBlocked, now)
    if (this.contest === null && this.leader === null && attempt.firstContentAt !== null) this.win(attempt, now, out)
  }

  /** The race is over: whoever else is in it is cancelled and not blamed. */
  private win(winner: Attempt, now: Millis, out: RouterOut): void {
    const { desk } = this.life
    this.leader = winner
    this.hedgeAt = NEVER
    desk.health.heard(desk.policy, winner, now)
    if (this.attempts.length > 1) this.cancelOthers(winner, now, out)
  }

  private cancelOthers(winner: Attempt, now: Millis, out: RouterOut): void {
    for (const attempt of this.attempts) if (attempt !== winner && !attempt.isOver) attempt.cancel(LOST, now, out)
  }

  private commitWhenDue(attempt: Attempt, now: Millis, out: RouterOut): void {
    const { request, firstContentAt } = attempt
    if (this.contest !== null || this.committed !== null || !request.stream || firstContentAt === null) return
    const { commit, validation } = this.life.desk.resilience
    if (holdsText(validation, request.shape)) return
    const due = commitAt(commit, firstContentAt)
    if (now >= due) this.commit(attempt, now, out)
    else this.holdAt = due
  }

  /** From here on the caller sees content, and no other endpoint can take over. */
  private commit(attempt: Attempt, now: Millis, out: RouterOut): void {
    if (this.leader !== attempt) this.win(attempt, now, out)
    this.committed = attempt
    this.holdAt = NEVER
    this.life.phase = 'streaming'
    this.forward(attempt, now, out)
  }

  private forward(attempt: Attempt, now: Millis, out: RouterOut): void {
    if (attempt.held.length === 0) return
    const signals = attempt.held
    attempt.held = NO_SIGNALS
    const flowingForMs = attempt.run === null ? 0 : now - attempt.runAt
    this.life.tell({ type: 'client.write', call: this.life.call, attempt, signals, flowingForMs }, out)
  }

  private finish(attempt: Attempt, finished: Finished, now: Millis, out: RouterOut): void {
    const { desk } = this.life
    const refusal = complete(attempt, finished, desk.resilience.validation, this.committed === attempt, now)
    if (refusal !== null) {
      this.fail(attempt, refusal, now, out)
      return
    }
    const bill = billOf(attempt)
    if (this.contest !== null) {
      this.enter(this.contest, attempt, bill, now, out)
      return
    }
    if (this.leader !== attempt) this.win(attempt, now, out)
    this.committed = attempt
    attempt.end('ok', null, null, now, out)
    this.life.answered(attempt, bill, now, out)
  }

  private fail(attempt: Attempt, why: Failure, now: Millis, out: RouterOut): void {
    if (GIVEN_UP.has(why.class)) out.push({ type: 'attempt.cancel', attempt })
    attempt.settleRun(now)
    const isCommitted = this.committed === attempt
    attempt.end(isCommitted ? 'truncated' : 'failed', why, why.status, now, out)
    this.holdAt = NEVER
    attempt.why = why
    if (isCommitted) {
      this.forward(attempt, now, out) // What came with the end, the caller sees as well.
      this.life.brokeOff(attempt, why, now, out)
      return
    }
    this.lastFailure = why
    if (this.leader === attempt) this.leader = null
    if (this.isOpen()) {
      if (this.contest === null) this.hedge(now, out)
      return
    }
    if (this.decide(now, out)) return
    this.contest = null
    this.hedgeAt = NEVER
    this.life.lost(attempt, why, now, out)
  }

  // ── more than one at once ─────────────────────────────────────────────────────────────────────────────────────────

  /** The first content is late, or somebody else in the race has failed: ask one more. */
  private hedge(now: Millis, out: RouterOut): void {
    this.hedgeAt = NEVER
    const start = this.leader === null ? this.life.chooser.hedge(now) : null
    if (start !== null) this.start(start, now, out)
  }

  /** Ask every model of the plan at once, each at its first endpoint that can be asked. */
  evaluate(policy: EvaluatePolicy, now: Millis, out: RouterOut): void {
    const { chooser } = this.life
    for (let position = 0; position < chooser.plan.order.length; position += 1) {
      const start = chooser.entrant(position, now)
      if (start !== null) this.start(start, now, out)
    }
    if (this.attempts.length > 0) this.contest = new Contest(policy, this.attempts.length, now)
  }

  /** A whole answer: keep the best, and decide when enough have come. */
  private enter(contest: Contest<Attempt>, attempt: Attempt, bill: NanoDollars, now: Millis, out: RouterOut): void {
    const { desk } = this.life
    attempt.isOver = true
    desk.health.heard(desk.policy, attempt, now)
    const beaten = contest.enter(attempt, at(desk.offers, attempt.endpoint), attempt.request.traits.task, bill)
    if (beaten !== null) beaten.end('ok', null, null, now, out)
    this.decide(now, out)
  }

  /** The time of an evaluation is over: take the best there is, or the next that comes. */
  hurry(now: Millis, out: RouterOut): void {
    this.contest?.hurry()
    this.decide(now, out)
  }

  /** The best answer so far is the answer, if enough have come or nobody else is left to wait for. Whether it is. */
  private decide(now: Millis, out: RouterOut): boolean {
    const { contest } = this
    const best = contest?.best ?? null
    if (contest === null || best === null || (!contest.isDecided && this.isOpen())) return false
    this.committed = best
    this.cancelOthers(best, now, out)
    best.end('ok', null, null, now, out)
    this.life.answered(best, contest.billed, now, out)
    return true
  }
}

function garbled({ pattern }: Garbled): Failure {
  const why = failure('invalid_response', `not what the dialect promises: ${pattern}`)
  return pattern === 'empty_body' ? { ...why, isBlank: true } : why
}

const LOST = failure('cancelled', 'another endpoint was faster')

/** Answers that we stop listening to, whatever else may come. */
const GIVEN_UP: ReadonlySet<ErrorClass> = new Set([
  'invalid_tool_call',
  'invalid_output',
  'empty_completion',
  'invalid_response',
])

const NO_ATTEMPTS: readonly Attempt[] = []
