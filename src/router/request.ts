/**
 * One request's life at the gateway (one call of it: a client that retries by itself starts another).
 *
 *   phase        event                                      next
 *   ──────────   ────────────────────────────────────────   ─────────────────────────────────────────────────────────
 *   queued       arrival                                    racing, or closed (nobody eligible)
 *   racing       first content at the commit point          streaming
 *   racing       the whole answer                           closed (ok); in an evaluation: racing, until all have answered
 *   racing       the first content is late: hedge           racing, with one more attempt
 *   racing       attempt failed, others are in the race     racing
 *   racing       attempt failed, retry here                 backing_off
 *   racing       attempt failed, somebody else is left      racing
 *   racing       attempt failed, nobody is left             closed (failed)
 *   racing       nobody is left, a rung of the ladder       racing, with less; or queued, or closed (partial, canned)
 *   racing       who is next has no room for it now        queued, at his door
 *   queued       its turn has come                          racing: there, or elsewhere if he is not well any more
 *   queued       the wait is over, in vain                  as if he had been passed over
 *   queued       look again                                 racing, or the next rung
 *   backing_off  retry deadline                             racing: here, or elsewhere if its breaker closed it meanwhile
 *   streaming    the rest of the answer                     closed (ok)
 *   streaming    the stream broke, or went silent           closed (truncated): no way back after the commit
 *   any          total deadline                             closed (failed, or truncated after the commit)
 *   any          the caller left                            closed (cancelled)
 *
 * Deadlines are state: `total`, `queue`, `turn`, `retry`, `hold`, `hedge`, `decide` of the request; `connect`,
 * `firstToken`, `idle`, `attempt` of each attempt. They fire in that order. Attempts are an array and race to the first
 * content: as long as one of them is still open, another's failure is only noted. Losers are cancelled, billed by the
 * fleet, and not blamed. Late Signals are counted.
 */
import { assert, assertNever, at, NEVER, type Millis, type Rng } from '../base/index.ts'
import type {
  AttemptOutcome,
  AttemptReason,
  CallClosed,
  CallOutcome,
  Candidate,
  Out,
  SkipCause,
} from '../ledger/index.ts'
import {
  costOf,
  promptTokens,
  type AttemptHandle,
  type Call,
  type CallFailure,
  type ChatRequest,
  type Content,
  type ErrorClass,
  type Finished,
  type NanoDollars,
  type Offer,
  type Signal,
  type ToolDelta,
  type Usage,
} from '../protocol/index.ts'
import type { Allowance } from './allowance.ts'
import { Attempt, type Start } from './attempt.ts'
import { failure, Failures, statusOf, type Failure } from './failures.ts'
import { endOf, type Descent, type Ladder } from './ladder.ts'
import type { Health } from './health.ts'
import type { RouterCommand } from './messages.ts'
import type { Plan } from './plan.ts'
import type { BudgetBook, Reservation } from './policies/budget.ts'
import { commitAt } from './policies/commit.ts'
import { Contest, costOfUsage, scoreOf, type EvaluatePolicy } from './policies/evaluate.ts'
import { hedgeDelayMs } from './policies/hedge.ts'
import type { Intake } from './policies/shedding.ts'
import type { Door, LoadCause, Turn } from './door.ts'
import { panics } from './policies/panic.ts'
import { retryDelayMs } from './policies/retry.ts'
import { attemptDeadline, firstTokenMs, totalDeadline } from './policies/timeouts.ts'
import { holdsText, isOn, judge } from './policies/validation.ts'
import type { Policy } from './policy.ts'
import { STATUS_OF, type Reaction } from './reactions.ts'
import { believable } from './usage.ts'
import type { PlanEnd } from './rung.ts'

export type Phase = 'queued' | 'racing' | 'backing_off' | 'streaming' | 'closed'

/** What every life shares: the router's own books and rules. */
export interface House {
  readonly offers: readonly Offer[]
  readonly policies: readonly Policy[]
  /** By policy: what each class of error means for it. */
  readonly reactions: readonly Readonly<Record<ErrorClass, Reaction>>[]
  /** By policy: the extra attempts it may make. */
  readonly allowances: readonly Allowance[]
  /** By policy: what to do with less; null for none. */
  readonly ladders: readonly (Ladder | null)[]
  /** By policy: what may be spent; null for no budget. */
  readonly budgets: readonly (BudgetBook | null)[]
  readonly health: Health
  /** By policy: the calls it has under way, where they are limited. */
  readonly intakes: readonly (Intake | null)[]
  readonly rng: Rng
}

type RouterOut = Out<RouterCommand>

interface Next {
  readonly start: Start
  readonly reason: AttemptReason
  /** null: at once. */
  readonly turn: Turn | null
}

/** A call at somebody's door, and what it goes on from if it is not let in. */
interface Waiting {
  readonly turn: Turn
  readonly next: Next
  readonly failed: Failure | null
  readonly failedAt: number
}

const RETRY_STREAM = 0x7265
const DOOR_STREAM = 0x646f
export const PLAN_STREAM = 0x706c

export class RequestLife {
  phase: Phase = 'queued'
  readonly call: Call
  /** What endpoints are asked: the call's own request, or what the ladder has made of it. */
  request: ChatRequest
  private readonly house: House
  private readonly policy: Policy
  private plan: Plan
  private readonly allowance: Allowance
  private readonly attempts: Attempt[] = []
  /** Position in the plan of the last candidate that was asked or passed over. */
  private position = -1
  /** The attempt whose first content came first: it has won the race, and may still fail before the commit. */
  private leader: Attempt | null = null
  private committed: Attempt | null = null
  private readonly failures = new Failures()
  private isBlocked = false
  private totalAt: Millis
  private retryAt: Millis = NEVER
  /** What the retry that is waited for will be, and how long its wait is. */
  private retryStart: Start | null = null
  private retryWaitMs: Millis = 0
  private holdAt: Millis = NEVER
  private waiting: Waiting | null = null
  private turnAt: Millis = NEVER
  /** Whether the policy's intake counts the call among those under way. */
  private isTakenIn = false
  /** Whether our own limits kept it from somebody, and after how long a quota would have let it in; NEVER if none. */
  private wasTurnedAway = false
  private pacedForMs: Millis = NEVER
  private hedgeAt: Millis = NEVER
  private hedges = 0
  /** Somebody was asked before it was his turn. */
  private isOutOfOrder = false
  private contest: Contest<Attempt> | null = null
  private decideAt: Millis = NEVER
  /** Attempts that may be made in all, and how many had been made when the plan in force was made. */
  private attemptsMax: number
  private planFrom = 0
  private readonly budget: BudgetBook | null
  /** What the attempts so far have cost or may still cost, in nano-dollars. */
  private committedCost = 0
  /** Somebody was passed over because he could not be paid for. */
  private isShortOfMoney = false
  /** Place on the ladder, from 1; null and 0 above it. */
  private descent: Descent | null = null
  private queueAt: Millis = NEVER
  private queueUntil: Millis = NEVER
  private readonly firstChoice: number

  constructor(call: Call, plan: Plan, house: House, now: Millis) {
    this.call = call
    this.request = call.request
    this.house = house
    this.plan = plan
    this.policy = at(house.policies, call.policy)
    this.allowance = at(house.allowances, call.policy)
    this.budget = at(house.budgets, call.policy)
    this.attemptsMax = Math.min(this.policy.resilience.max_attempts, this.budget?.attemptsMax ?? Infinity)
    this.firstChoice = plan.order[0]?.endpoint ?? -1
    this.totalAt = totalDeadline(this.policy.resilience.timeouts, now)
  }

  /** The earliest of all deadlines; NEVER once closed. */
  nextDeadline(): Millis {
    if (this.phase === 'closed') return NEVER
    let earliest = Math.min(
      this.totalAt,
      this.queueAt,
      this.turnAt,
      this.retryAt,
      this.holdAt,
      this.hedgeAt,
      this.decideAt,
    )
    for (const attempt of this.attempts) if (!attempt.isOver) earliest = Math.min(earliest, attempt.nextDeadline())
    return earliest
  }

  arrive(now: Millis, out: RouterOut): void {
    assert(this.phase === 'queued', 'a request arrives once')
    if (this.firstChoice >= 0) this.allowance.requested(this.firstChoice, now)
    const intake = at(this.house.intakes, this.call.policy)
    if (intake === null || (this.isTakenIn = intake.takes(this.request.traits.priority))) this.follow(now, out)
    else this.shed(now, out)
  }

  /** Too much to do for one of its priority: it costs nobody anything, and no rung of the ladder either. */
  private shed(now: Millis, out: RouterOut): void {
    this.tellPlan(now, out)
    for (const candidate of this.plan.order) this.skip(candidate, 'shed', now, out)
    this.close('failed', SHED.class, STATUS_OF.shed, 0, now, out)
    out.push({ type: 'client.fail', call: this.call, failure: this.failures.answer(SHED), committed: false })
  }

  private tellPlan(now: Millis, out: RouterOut): void {
    const { request, number } = this.call
    const { rule, funnel, order } = this.plan
    const rung = this.descent?.rung ?? 0
    out.record({ kind: 'call.routed', at: now, request: request.id, call: number, rule, rung, funnel, order })
  }

  /** Begin with the plan in force. */
  private follow(now: Millis, out: RouterOut): void {
    this.tellPlan(now, out)
    const { order } = this.plan
    if (order.length === 0) this.fail(failure('no_endpoint', noEndpointMessage(this.plan)), now, out)
    else if (this.policy.resilience.evaluate && this.descent === null)
      this.askAll(this.policy.resilience.evaluate, now, out)
    else this.advance(now, out, null)
  }

  /** Deadlines that are due, in declared order. */
  wake(now: Millis, out: RouterOut): void {
    if (now >= this.decideAt) {
      this.decideAt = NEVER
      this.contest?.hurry()
      this.decide(now, out)
    }
    if (this.phase !== 'closed' && now >= this.totalAt) {
      this.contest?.hurry()
      if (this.decide(now, out)) return
      this.endAll('deadline_exceeded', now, out)
      this.fail(OUT_OF_TIME, now, out)
    }
    if (now >= this.queueAt) this.lookAgain(now, out)
    if (this.waiting !== null && now >= this.turnAt) this.waitIsOver(this.waiting, now, out)
    if (this.retryStart !== null && now >= this.retryAt) {
      const again = this.retryStart
      this.retryAt = NEVER
      this.retryStart = null
      this.askAgain(again, now, out)
    }
    if (now >= this.holdAt && this.leader !== null) this.commit(this.leader, now, out)
    if (now >= this.hedgeAt) this.hedge(now, out)
    // Those that start meanwhile have deadlines in the future.
    const { length } = this.attempts
    for (let index = 0; index < length; index += 1) {
      const attempt = at(this.attempts, index)
      if (attempt.isOver) continue
      if (now >= attempt.connectAt) this.timeOut(attempt, 'connect_timeout', now, out)
      else if (now >= attempt.firstTokenAt) this.timeOut(attempt, 'first_token_timeout', now, out)
      else if (now >= attempt.idleAt) this.timeOut(attempt, 'idle_timeout', now, out)
      else if (now >= attempt.attemptAt) this.timeOut(attempt, 'attempt_timeout', now, out)
    }
  }

  /** What an endpoint sent. */
  signalled(handle: AttemptHandle, signals: readonly Signal[], now: Millis, out: RouterOut): void {
    const attempt = handle as Attempt
    if (attempt.isOver) {
      this.late(attempt, now, out)
      return
    }
    for (let index = 0; index < signals.length; index += 1) {
      this.take(attempt, signals[index] as Signal, now, out)
      if (!attempt.isOver) continue
      if (index < signals.length - 1) this.late(attempt, now, out)
      return
    }
    if (this.phase === 'streaming') this.forward(attempt, now, out)
  }

  private late(attempt: Attempt, now: Millis, out: RouterOut): void {
    out.record({ kind: 'signal.late', at: now, request: attempt.request.id, endpoint: attempt.endpoint })
  }

  /** The caller is gone, or the gateway is. */
  cancel(errorClass: ErrorClass, now: Millis, out: RouterOut): void {
    if (this.phase === 'closed') return
    this.endAll('cancelled', now, out)
    this.close('cancelled', errorClass, STATUS_OF[errorClass], 0, now, out)
    out.push({ type: 'client.left', call: this.call })
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
    current.idleAt = now + this.policy.resilience.timeouts.idle
    out.push({ type: 'attempt.resume', attempt: current })
  }

  /** Whether any attempt is still open. */
  private isRacing(): boolean {
    for (const attempt of this.attempts) if (!attempt.isOver) return true
    return false
  }

  // ── trying ────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Go to the next candidate that may be asked. After a failure, only where its reaction allows. */
  private advance(now: Millis, out: RouterOut, failed: Failure | null, failedAt = -1): void {
    const isTooLate = this.totalAt - now < this.policy.resilience.timeouts.min_useful
    const next = isTooLate ? null : this.nextCandidate(now, out, failed, failedAt)
    if (next === null) this.fail(isTooLate ? OUT_OF_TIME : (failed ?? this.whyNobody()), now, out)
    else this.go(next, failed, failedAt, now, out)
  }

  /** Start the attempt, or wait at the door until it may start. */
  private go(next: Next, failed: Failure | null, failedAt: number, now: Millis, out: RouterOut): void {
    if (next.turn === null) {
      this.start(next.start, next.reason, now, out)
      return
    }
    this.phase = 'queued'
    this.waiting = { turn: next.turn, next, failed, failedAt }
    this.turnAt = next.turn.until
  }

  /** Nobody could be asked, and nobody has failed: for want of money, of health, or of room. */
  private whyNobody(): Failure {
    if (this.isShortOfMoney) return TOO_DEAR
    if (!this.wasTurnedAway) return HELD_BACK
    if (this.pacedForMs === NEVER) return SHED
    return { ...SHED, status: STATUS_OF.rate_limited, retryAfterMs: this.pacedForMs }
  }

  /** Ask at the door of an endpoint. null: come in. */
  private knock(endpoint: number, now: Millis): Turn | LoadCause | null {
    const door = this.house.health.door(this.call.policy, endpoint)
    if (door === null) return null
    const { weather } = this.request
    const answer = door.knock(
      this,
      this.house.rng.fork(DOOR_STREAM + this.call.number, weather, this.attempts.length, endpoint),
      now,
    )
    if (typeof answer === 'string') this.turnedAway(door, answer, now)
    return answer
  }

  private turnedAway(door: Door, cause: LoadCause, now: Millis): void {
    this.wasTurnedAway = true
    if (cause === 'paced') this.pacedForMs = Math.min(this.pacedForMs, door.pacedForMs(this.request, now))
  }

  /** It was let in, or let wait, and does not use it. */
  private leaveDoor(endpoint: number, turn: Turn | null, now: Millis): void {
    const door = this.house.health.door(this.call.policy, endpoint)
    if (turn === null) door?.undo(this.request, now)
    else door?.turnAway(turn, now)
  }

  /** Somebody has left, and the slot is ours. */
  turnCame(turn: Turn, now: Millis, out: RouterOut): void {
    const { waiting } = this
    if (waiting?.turn !== turn) return
    const answer = turn.door.goOn(turn, now)
    if (answer === null) this.comeIn(waiting, now, out)
    else if (typeof answer === 'string') {
      this.turnedAway(turn.door, answer, now)
      this.waitInVain(waiting, answer, now, out)
    } else this.turnAt = answer.until
  }

  private waitIsOver(waiting: Waiting, now: Millis, out: RouterOut): void {
    if (waiting.turn.state === 'paced') {
      this.comeIn(waiting, now, out)
      return
    }
    waiting.turn.door.turnAway(waiting.turn, now)
    this.wasTurnedAway = true
    this.waitInVain(waiting, 'full', now, out)
  }

  /** Its turn: if the endpoint is still well, can be paid for, and there is time left. */
  private comeIn({ turn, next, failed, failedAt }: Waiting, now: Millis, out: RouterOut): void {
    const { start, reason } = next
    const { health } = this.house
    const { timeouts, shedding } = this.policy.resilience
    const admission = health.admits(this.call.policy, start.endpoint, now)
    const isAdmitted = admission !== false || reason === 'panic'
    const leftMs = this.totalAt - now
    const isTooLate = leftMs < timeouts.min_useful || leftMs < (shedding?.min_remaining ?? 0)
    if (isAdmitted && !isTooLate && this.canPay(start.endpoint, now)) {
      this.waiting = null
      this.turnAt = NEVER
      const isProbe = admission === 'probe'
      const onward = failed === null ? 'primary' : 'next_endpoint'
      this.start({ ...start, isProbe }, isProbe ? 'probe' : reason === 'probe' ? onward : reason, now, out)
      return
    }
    turn.door.turnAway(turn, now)
    const cause = isTooLate
      ? 'shed'
      : isAdmitted
        ? 'budget'
        : health.heldBack(this.call.policy, start.endpoint, now).cause
    if (!isTooLate) {
      this.waitInVain({ turn, next, failed, failedAt }, cause, now, out)
      return
    }
    this.skip(at(this.plan.order, start.position), cause, now, out)
    this.stopWaiting()
    this.fail(SHED, now, out)
  }

  private waitInVain({ next, failed, failedAt }: Waiting, cause: SkipCause, now: Millis, out: RouterOut): void {
    this.stopWaiting()
    this.skip(at(this.plan.order, next.start.position), cause, now, out)
    this.advance(now, out, failed, failedAt)
  }

  /** The wait is over; what the retry budget charged for the attempt is no longer under way. */
  private stopWaiting(): void {
    if (this.waiting === null) return
    const { endpoint, price } = this.waiting.next.start
    if (price >= 0) this.allowance.returned(endpoint)
    this.waiting = null
    this.turnAt = NEVER
  }

  /** The next of the plan that has not been asked. `failedAt` is the place of the one that has just failed. */
  private nextCandidate(now: Millis, out: RouterOut, failed: Failure | null, failedAt: number): Next | null {
    const { order } = this.plan
    const reaction = failed === null ? null : this.reactionTo(failed.class)
    const from = failedAt < 0 ? null : this.modelAt(failedAt)
    while (this.position + 1 < order.length) {
      const position = this.position + 1
      const candidate = at(order, position)
      if (this.isOutOfOrder && this.hasAsked(position)) {
        this.position = position
        continue
      }
      const isSameModel = from !== null && this.modelAt(position) === from
      if (reaction !== null && !(isSameModel ? reaction.nextProvider : reaction.nextModel)) {
        this.passOver(position, 'ruled_out', now, out)
        continue
      }
      const { endpoint } = candidate
      const admission = this.house.health.admits(this.call.policy, endpoint, now)
      const isPanic = admission === false && this.panicsAtOnce(now)
      if (admission === false && !isPanic) {
        this.passOver(position, this.house.health.heldBack(this.call.policy, endpoint, now).cause, now, out)
        continue
      }
      if (this.attempts.length >= this.attemptsMax) return null
      if (!this.canPay(endpoint, now)) {
        this.passOver(position, 'budget', now, out)
        continue
      }
      const turn = this.knock(endpoint, now)
      if (typeof turn === 'string') {
        this.passOver(position, turn, now, out)
        continue
      }
      const price = this.charge(endpoint, failed, now)
      if (price === null) {
        this.leaveDoor(endpoint, turn, now)
        this.passOver(position, 'retry_budget', now, out)
        continue
      }
      this.position = position
      const isProbe = admission === 'probe'
      const first = this.descent === null ? 'primary' : 'degraded'
      const onward = from === null ? first : isSameModel ? 'next_endpoint' : 'next_model'
      const reason = isPanic ? 'panic' : isProbe ? 'probe' : onward
      return { start: { endpoint, position, retry: 0, isProbe, price }, reason, turn }
    }
    return this.lastResort(now, failed, from)
  }

  /** Nobody is left who is well: if too few are, the one of least risk that has not been asked, for all that. */
  private lastResort(now: Millis, failed: Failure | null, from: string | null): Next | null {
    const { panic } = this.policy.resilience
    if (!panic || this.attempts.length >= this.attemptsMax) return null
    const { order } = this.plan
    const reaction = failed === null ? null : this.reactionTo(failed.class)
    let best = -1
    let leastRisk = Infinity
    for (let position = 0; position < order.length; position += 1) {
      const { endpoint } = at(order, position)
      if (this.house.health.admits(this.call.policy, endpoint, now) !== false || this.hasAsked(position)) continue
      const isSameModel = from !== null && this.modelAt(position) === from
      if (reaction !== null && !(isSameModel ? reaction.nextProvider : reaction.nextModel)) continue
      const risk = this.house.health.risk(this.call.policy, endpoint, now)
      if (risk >= leastRisk) continue
      best = position
      leastRisk = risk
    }
    if (best < 0 || !panics(panic, this.healthy(now), order.length)) return null
    const { endpoint } = at(order, best)
    if (!this.canPay(endpoint, now)) return null
    // Our own limits hold in panic, too, and nobody waits for what is a last resort.
    if (!this.comesInAtOnce(endpoint, now)) return null
    const price = this.charge(endpoint, failed, now)
    if (price === null) {
      this.leaveDoor(endpoint, null, now)
      return null
    }
    return { start: { endpoint, position: best, retry: 0, isProbe: false, price }, reason: 'panic', turn: null }
  }

  private comesInAtOnce(endpoint: number, now: Millis): boolean {
    const turn = this.knock(endpoint, now)
    if (turn !== null && typeof turn !== 'string') this.leaveDoor(endpoint, turn, now)
    return turn === null
  }

  private panicsAtOnce(now: Millis): boolean {
    const { panic } = this.policy.resilience
    return panic?.when === 'spread' && panics(panic, this.healthy(now), this.plan.order.length)
  }

  /** How many candidates of the plan are well. */
  private healthy(now: Millis): number {
    const { health } = this.house
    return this.plan.order.filter(({ endpoint }) => health.admits(this.call.policy, endpoint, now) !== false).length
  }

  /** What the retry budget charges for going on after a failure: -1 for nothing, null when it cannot be paid. */
  private charge(endpoint: number, failed: Failure | null, now: Millis): number | null {
    if (failed === null || !this.allowance.coversFailover) return -1
    return this.allowance.withdraw(endpoint, failed.class === 'rate_limited', now)
  }

  /** Whether an attempt at an endpoint can be paid for, whatever it comes to. */
  private canPay(endpoint: number, now: Millis): boolean {
    if (this.budget === null || this.budget.covers(this.request, endpoint, this.committedCost, now)) return true
    this.isShortOfMoney = true
    return false
  }

  private hasAsked(position: number): boolean {
    for (let index = this.planFrom; index < this.attempts.length; index += 1)
      if (at(this.attempts, index).position === position) return true
    return false
  }

  /** The wait is over. Its breaker or a cooldown may have closed the endpoint meanwhile: then somebody else is asked. */
  private askAgain(again: Start, now: Millis, out: RouterOut): void {
    const { health } = this.house
    const admission = health.admits(this.call.policy, again.endpoint, now)
    const isPaid = admission === false || this.canPay(again.endpoint, now)
    const turn = admission !== false && isPaid ? this.knock(again.endpoint, now) : null
    if (admission !== false && isPaid && typeof turn !== 'string') {
      const isProbe = admission === 'probe'
      const next: Next = { start: { ...again, isProbe }, reason: isProbe ? 'probe' : 'retry', turn }
      this.go(next, this.failures.last, again.position, now, out)
      return
    }
    if (again.price >= 0) this.allowance.returned(again.endpoint)
    const candidate = at(this.plan.order, again.position)
    const held = isPaid ? health.heldBack(this.call.policy, again.endpoint, now).cause : 'budget'
    const cause = typeof turn === 'string' ? turn : held
    this.skip(candidate, cause, now, out)
    this.advance(now, out, this.failures.last, again.position)
  }

  /** The first content is late: ask one more, of another provider if there is one. */
  private hedge(now: Millis, out: RouterOut): void {
    this.hedgeAt = NEVER
    const { hedge } = this.policy.resilience
    if (!hedge || this.hedges >= hedge.max || this.leader !== null || this.attempts.length >= this.attemptsMax) return
    const next = this.hedgeCandidate(now)
    if (next === null || !this.comesInAtOnce(next.endpoint, now)) return
    const price = this.allowance.hedges?.withdraw() ? this.allowance.withdraw(next.endpoint, false, now) : null
    if (price === null) {
      this.leaveDoor(next.endpoint, null, now)
      return
    }
    this.hedges += 1
    this.isOutOfOrder = true
    this.start({ ...next, price }, 'hedge', now, out)
  }

  /** The first that has not been asked and is free to be; of those, one of a provider that is not in the race. */
  private hedgeCandidate(now: Millis): Omit<Start, 'price'> | null {
    const { order } = this.plan
    let best: Omit<Start, 'price'> | null = null
    for (let position = 0; position < order.length; position += 1) {
      const { endpoint } = at(order, position)
      if (this.attempts.some((attempt) => attempt.endpoint === endpoint)) continue
      if (this.house.health.admits(this.call.policy, endpoint, now) !== true) continue
      if (this.budget !== null && !this.budget.covers(this.request, endpoint, this.committedCost, now)) continue
      const candidate = { endpoint, position, retry: 0, isProbe: false }
      const { provider } = at(this.house.offers, endpoint)
      const isElsewhere = this.attempts.every(
        (attempt) => attempt.isOver || at(this.house.offers, attempt.endpoint).provider !== provider,
      )
      if (isElsewhere) return candidate
      best ??= candidate
    }
    return best
  }

  private reactionTo(errorClass: ErrorClass): Reaction {
    return at(this.house.reactions, this.call.policy)[errorClass]
  }

  private passOver(position: number, cause: SkipCause, now: Millis, out: RouterOut): void {
    this.position = position
    this.skip(at(this.plan.order, position), cause, now, out)
  }

  private skip(candidate: Candidate, cause: SkipCause, now: Millis, out: RouterOut): void {
    const { request, number } = this.call
    const { endpoint } = candidate
    out.record({ kind: 'candidate.skipped', at: now, request: request.id, call: number, endpoint, cause })
  }

  private modelAt(position: number): string {
    return at(this.house.offers, at(this.plan.order, position).endpoint).model
  }

  private start(start: Start, reason: AttemptReason, now: Millis, out: RouterOut): void {
    const { timeouts, hedge } = this.policy.resilience
    const { endpoint, isProbe, position } = start
    const attempt = new Attempt(this, this.attempts.length, start, now)
    const hasNext = position + 1 < this.plan.order.length
    attempt.connectAt = now + timeouts.connect
    attempt.attemptAt = attemptDeadline(timeouts, hasNext, this.totalAt, now)
    // Without streaming there is no first token to see before the answer is whole.
    if (attempt.request.stream) attempt.firstTokenAt = now + firstTokenMs(timeouts, attempt.request.inputTokens)
    if (hedge && this.hedges < hedge.max) {
      const delay = hedgeDelayMs(hedge, this.house.health, endpoint, now)
      this.hedgeAt = delay === null ? NEVER : now + delay
    }
    if (this.budget !== null) {
      attempt.reservation = this.budget.reserve(this.request, endpoint, now)
      this.committedCost += attempt.reservation.amount
    }
    this.attempts.push(attempt)
    this.phase = 'racing'
    this.house.health.started(endpoint)
    if (isProbe) this.house.health.beginProbe(this.call.policy, endpoint, now, out)
    out.record({
      kind: 'attempt.started',
      at: now,
      request: attempt.request.id,
      call: attempt.call,
      attempt: attempt.number,
      endpoint: attempt.endpoint,
      reason,
    })
    out.push({ type: 'attempt.dispatch', attempt })
  }

  // ── listening ─────────────────────────────────────────────────────────────────────────────────────────────────────

  private take(attempt: Attempt, signal: Signal, now: Millis, out: RouterOut): void {
    switch (signal.type) {
      case 'connected':
        attempt.connectAt = NEVER
        return
      case 'accepted':
        attempt.connectAt = NEVER
        attempt.wasAccepted = true
        if (this.policy.resilience.commit.at === 'on_headers' && attempt.request.stream) this.commit(attempt, now, out)
        return
      case 'ping':
      case 'quirk':
        return
      case 'content':
        this.takeContent(attempt, signal, now, out)
        attempt.held.push(signal)
        this.commitWhenDue(attempt, now, out)
        return
      case 'toolDelta':
        this.takeContent(
          attempt,
          { type: 'content', channel: 'text', tokens: signal.tokens, forMs: 0, everyMs: 0 },
          now,
          out,
        )
        attempt.toolDeltas.push(signal)
        if (this.holdsToolCalls()) return
        attempt.held.push(signal)
        this.commitWhenDue(attempt, now, out)
        return
      case 'usage':
        attempt.usage = signal
        return
      case 'garbled':
        this.attemptFailed(
          attempt,
          failure('invalid_response', `not what the dialect promises: ${signal.pattern}`),
          now,
          out,
        )
        return
      case 'finished':
        this.finish(attempt, signal, now, out)
        return
      case 'failed':
        this.attemptFailed(attempt, signal, now, out)
        return
      case 'closed': {
        const isUnanswered = !attempt.wasAccepted
        const errorClass = isUnanswered ? 'connection_reset' : 'stream_cut'
        this.attemptFailed(
          attempt,
          failure(errorClass, `the connection was closed (${signal.how}) before the end`),
          now,
          out,
        )
        return
      }
      default:
        assertNever(signal)
    }
  }

  private takeContent(attempt: Attempt, run: Content, now: Millis, out: RouterOut): void {
    attempt.take(run, this.policy.resilience.timeouts.idle, this.isBlocked, now)
    if (this.contest !== null) return
    if (this.leader === null && attempt.firstContentAt !== null) this.win(attempt, now, out)
  }

  /** The race is over: whoever else is in it is cancelled and not blamed. */
  private win(winner: Attempt, now: Millis, out: RouterOut): void {
    this.leader = winner
    this.hedgeAt = NEVER
    this.house.health.heard(this.call.policy, winner, now)
    if (this.attempts.length === 1) return
    for (const attempt of this.attempts) if (attempt !== winner && !attempt.isOver) this.lose(attempt, now, out)
  }

  private lose(attempt: Attempt, now: Millis, out: RouterOut): void {
    attempt.settleRun(now)
    out.push({ type: 'attempt.cancel', attempt })
    this.endAttempt(attempt, 'cancelled', LOST, null, now, out)
  }

  private holdsToolCalls(): boolean {
    return this.policy.resilience.validation.tool_calls !== 'pass'
  }

  private commitWhenDue(attempt: Attempt, now: Millis, out: RouterOut): void {
    if (this.contest !== null || this.committed !== null || !attempt.request.stream || attempt.firstContentAt === null)
      return
    if (holdsText(this.policy.resilience.validation, attempt.request.shape)) return
    const due = commitAt(this.policy.resilience.commit, attempt.firstContentAt)
    if (now >= due) this.commit(attempt, now, out)
    else this.holdAt = due
  }

  /** From here on the caller sees content, and no other endpoint can take over. */
  private commit(attempt: Attempt, now: Millis, out: RouterOut): void {
    if (this.leader !== attempt) this.win(attempt, now, out)
    this.committed = attempt
    this.holdAt = NEVER
    this.phase = 'streaming'
    this.forward(attempt, now, out)
  }

  private forward(attempt: Attempt, now: Millis, out: RouterOut): void {
    if (attempt.held.length === 0) return
    const signals = attempt.held
    attempt.held = []
    const flowingForMs = attempt.run === null ? 0 : now - attempt.runAt
    out.push({ type: 'client.write', call: this.call, attempt, signals, flowingForMs })
  }

  /** The answer is complete: validate what the policy wants validated, and hand it over. */
  private finish(attempt: Attempt, finished: Finished, now: Millis, out: RouterOut): void {
    if (finished.reason === 'error') {
      this.attemptFailed(attempt, failure('stream_error', 'the answer ended with an error'), now, out)
      return
    }
    let ending = finished
    const { validation } = this.policy.resilience
    if (isOn(validation)) {
      const { toolDeltas, held, request } = attempt
      const hasBeenShown = this.committed === attempt
      const judged = judge({ toolDeltas, held, reason: finished.reason, hasBeenShown }, request.shape, validation)
      if (judged.verdict === 'refused') {
        this.attemptFailed(attempt, failure(judged.class, judged.message), now, out)
        return
      }
      if (judged.verdict === 'calls') {
        const tokens = tokensByCall(toolDeltas)
        judged.calls.forEach(({ id, name, args }, index) => {
          held.push({ type: 'toolDelta', index, id, name, args, tokens: tokens[index] ?? 0 })
        })
        if (judged.reason !== finished.reason) ending = { type: 'finished', reason: judged.reason }
      } else if (judged.verdict === 'text') {
        attempt.settleRun(now)
        attempt.held = rewritten(held, judged.text)
      }
    }
    attempt.settleRun(now)
    attempt.usage = believable(attempt) // Nonsense goes no further.
    if (attempt.usage) attempt.held.push(attempt.usage)
    attempt.held.push(ending)
    if (this.contest !== null) {
      this.enter(this.contest, attempt, now, out)
      return
    }
    if (this.leader !== attempt) this.win(attempt, now, out)
    this.committed = attempt
    this.endAttempt(attempt, 'ok', null, null, now, out)
    this.close('ok', null, 200, this.bill(attempt), now, out)
    out.push({ type: 'client.end', call: this.call, attempt, signals: attempt.held })
  }

  private bill({ endpoint, usage, request, outputTokens }: Attempt): NanoDollars {
    return costOfUsage(at(this.house.offers, endpoint), usage ?? { inputTokens: request.inputTokens, outputTokens })
  }

  // ── evaluating ────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Ask every model of the plan at once, each at its first endpoint that can be asked. */
  private askAll(policy: EvaluatePolicy, now: Millis, out: RouterOut): void {
    const { order } = this.plan
    const models = new Set<string>()
    for (let position = 0; position < order.length; position += 1) {
      const { endpoint } = at(order, position)
      const model = this.modelAt(position)
      if (models.has(model) || this.attempts.length >= this.attemptsMax) continue
      const admission = this.house.health.admits(this.call.policy, endpoint, now)
      if (admission === false || !this.canPay(endpoint, now) || !this.comesInAtOnce(endpoint, now)) continue
      models.add(model)
      const start = { endpoint, position, retry: 0, isProbe: admission === 'probe', price: -1 }
      this.start(start, start.isProbe ? 'probe' : models.size === 1 ? 'primary' : 'evaluation', now, out)
    }
    if (models.size === 0) {
      this.advance(now, out, null)
      return
    }
    this.isOutOfOrder = true
    this.contest = new Contest(policy, models.size)
    this.decideAt = policy.up_to === undefined ? NEVER : now + policy.up_to
  }

  /** A whole answer: keep the best, and decide when enough have come. */
  private enter(contest: Contest<Attempt>, attempt: Attempt, now: Millis, out: RouterOut): void {
    const { endpoint, request } = attempt
    const cost = this.bill(attempt)
    const policy = this.policy.resilience.evaluate as EvaluatePolicy
    attempt.isOver = true
    this.house.health.heard(this.call.policy, attempt, now)
    const score = scoreOf(policy, at(this.house.offers, endpoint), request.traits.task, cost)
    const beaten = contest.enter(attempt, score, cost)
    if (beaten !== null) this.endAttempt(beaten, 'ok', null, null, now, out)
    this.decide(now, out)
  }

  /** The best answer so far is the answer, if enough have come or nobody else is left to wait for. Whether it is. */
  private decide(now: Millis, out: RouterOut): boolean {
    const { contest } = this
    const best = contest?.best ?? null
    if (contest === null || best === null || (!contest.isDecided && this.isRacing())) return false
    this.committed = best
    for (const attempt of this.attempts) if (!attempt.isOver) this.lose(attempt, now, out)
    this.endAttempt(best, 'ok', null, null, now, out)
    this.close('ok', null, 200, contest.billed, now, out)
    out.push({ type: 'client.end', call: this.call, attempt: best, signals: best.held })
    return true
  }

  // ── failing ───────────────────────────────────────────────────────────────────────────────────────────────────────

  private timeOut(attempt: Attempt, errorClass: ErrorClass, now: Millis, out: RouterOut): void {
    out.push({ type: 'attempt.cancel', attempt })
    this.attemptFailed(attempt, failure(errorClass, `gave up waiting: ${errorClass}`), now, out)
  }

  private attemptFailed(attempt: Attempt, why: Failure, now: Millis, out: RouterOut): void {
    if (GIVEN_UP.has(why.class)) out.push({ type: 'attempt.cancel', attempt })
    attempt.settleRun(now)
    const isCommitted = this.committed === attempt
    this.endAttempt(attempt, isCommitted ? 'truncated' : 'failed', why, why.status, now, out)
    this.holdAt = NEVER
    if (isCommitted) {
      this.forward(attempt, now, out) // What came with the end, the caller sees as well.
      this.closeTruncated(why, now, out)
      return
    }
    this.failures.add(why)
    if (this.leader === attempt) this.leader = null
    if (this.contest !== null) {
      if (this.isRacing() || this.decide(now, out)) return
      this.contest = null
      this.decideAt = NEVER
    }
    if (this.isRacing()) {
      this.hedge(now, out)
      return
    }
    this.hedgeAt = NEVER
    if (!this.backOff(attempt, why, now)) this.advance(now, out, why, attempt.position)
  }

  /** Wait, and ask the same endpoint again: if its failure, the policy, its budget and the time left all allow it. */
  private backOff(attempt: Attempt, why: Failure, now: Millis): boolean {
    const { retry } = this.policy.resilience
    const { endpoint, position } = attempt
    if (!this.reactionTo(why.class).retryHere || attempt.retry >= retry.attempts) return false
    if (this.attempts.length >= this.attemptsMax) return false
    if (this.house.health.admits(this.call.policy, endpoint, now) !== true) return false
    const { weather } = this.call.request
    const rng = this.house.rng.fork(RETRY_STREAM, weather, this.call.number, this.attempts.length)
    const lastMs = attempt.retry === 0 ? 0 : this.retryWaitMs
    const waitMs = retryDelayMs(retry, attempt.retry, why.retryAfterMs, lastMs, this.totalAt - now, rng)
    if (waitMs === null) return false
    const price = this.allowance.withdraw(endpoint, why.class === 'rate_limited', now)
    if (price === null) return false
    this.phase = 'backing_off'
    this.retryAt = now + waitMs
    this.retryWaitMs = waitMs
    this.retryStart = { endpoint, position, retry: attempt.retry + 1, isProbe: false, price }
    return true
  }

  private endAttempt(
    attempt: Attempt,
    outcome: AttemptOutcome,
    why: Failure | null,
    status: number | null,
    now: Millis,
    out: RouterOut,
  ): void {
    attempt.isOver = true
    const { startedAt, firstContentAt, outputTokens, endpoint } = attempt
    const errorClass = why?.class ?? null
    out.record({
      kind: 'attempt.ended',
      at: now,
      request: attempt.request.id,
      call: attempt.call,
      attempt: attempt.number,
      endpoint,
      outcome,
      errorClass,
      status,
      startedAt,
      firstContentAt,
      outputTokens,
      committed: this.committed === attempt,
    })
    if (attempt.price >= 0) this.allowance.returned(endpoint)
    if (attempt.reservation !== null) this.settleBill(attempt, attempt.reservation, why)
    this.house.health.ended(this.call.policy, attempt, errorClass, now)
    if (outcome === 'cancelled') {
      if (attempt.isProbe) this.house.health.abandonProbe(this.call.policy, endpoint, startedAt)
      return
    }
    this.allowance.reported(endpoint, errorClass !== null && this.reactionTo(errorClass).retryHere, attempt.price)
    const retryAfterMs = why?.retryAfterMs ?? null
    const { isProbe } = attempt
    const report = { endpoint, errorClass, retryAfterMs, startedAt, firstContentAt, outputTokens, isProbe }
    this.house.health.report(this.call.policy, report, now, out)
  }

  /** What was put aside and not spent is given back. Errors are free; of the rest only a bill says what it came to. */
  private settleBill(attempt: Attempt, reservation: Reservation, why: Failure | null): void {
    const { wasAccepted, outputTokens } = attempt
    const usage = believable(attempt)
    const offer = at(this.house.offers, attempt.endpoint)
    const wasRefused = !wasAccepted && why !== null && (why.status !== null || NEVER_SENT.has(why.class))
    const bill =
      usage === null || !isPlausible(usage, outputTokens) ? (wasRefused ? 0 : null) : costOfUsage(offer, usage)
    const seen = costOf(offer.price, attempt.request.inputTokens, outputTokens)
    this.committedCost -= reservation.amount
    this.committedCost += this.budget?.settle(reservation, bill, seen) ?? 0
  }

  /** End whatever is still running. Nobody is blamed: an attempt that our own deadline cut off may have been in time. */
  private endAll(errorClass: 'cancelled' | 'deadline_exceeded', now: Millis, out: RouterOut): void {
    if (this.waiting !== null) this.waiting.turn.door.turnAway(this.waiting.turn, now)
    this.stopWaiting()
    if (this.contest?.best) this.endAttempt(this.contest.best, 'ok', null, null, now, out)
    for (const attempt of this.attempts) {
      if (attempt.isOver) continue
      attempt.settleRun(now)
      out.push({ type: 'attempt.cancel', attempt })
      this.endAttempt(attempt, 'cancelled', failure(errorClass, errorClass), null, now, out)
    }
  }

  private fail(why: Failure, now: Millis, out: RouterOut): void {
    if (this.committed !== null) {
      this.closeTruncated(why, now, out)
      return
    }
    if (this.degrade(endOf(why, this.plan, this.isShortOfMoney), now, out)) return
    const answer = this.failures.answer(why)
    this.close('failed', why.class, answer.status, 0, now, out)
    out.push({ type: 'client.fail', call: this.call, failure: answer, committed: false })
  }

  /** Do with less, if the ladder has a rung for how the plan ended. Whether it has. */
  private degrade(end: PlanEnd, now: Millis, out: RouterOut): boolean {
    const ladder = at(this.house.ladders, this.call.policy)
    if (ladder === null || this.call.half !== null) return false
    if (this.queueUntil !== NEVER && end !== 'deadline' && this.waitOn(now)) return true
    const descent = ladder.below(this.descent?.rung ?? 0, end, this.request)
    if (descent === null) return false
    this.descent = descent
    this.queueUntil = NEVER
    const { step } = descent
    switch (step.do) {
      case 'plan':
        this.request = step.request
        this.planAgain(ladder, descent, now, out)
        return true
      case 'wait':
        this.queueUntil = now + step.upToMs
        return this.waitOn(now) || this.degrade(end, now, out)
      case 'say':
        this.say(step.text, now, out)
        return true
      case 'deliver':
        return true
      default:
        return assertNever(step)
    }
  }

  private planAgain(ladder: Ladder, descent: Descent, now: Millis, out: RouterOut): void {
    const { health, rng } = this.house
    const { weather } = this.request
    const dice = rng.fork(PLAN_STREAM, weather, this.call.number, 1 + this.attempts.length)
    this.plan = ladder
      .planner(this.plan.rule, descent)
      .plan(this.request, at(health.beliefs, this.call.policy), dice, now)
    this.planFrom = this.attempts.length
    this.attemptsMax = Math.min(this.planFrom + descent.attempts, this.budget?.attemptsMax ?? Infinity)
    this.isShortOfMoney = false
    this.position = -1
    this.hedges = 0
    this.isOutOfOrder = false
    this.follow(now, out)
  }

  /** Look again after a while, if the longest wait is not over by then. */
  private waitOn(now: Millis): boolean {
    const step = this.descent?.step
    if (step?.do !== 'wait' || now + step.everyMs > this.queueUntil) return false
    this.phase = 'queued'
    this.queueAt = now + step.everyMs
    return true
  }

  private lookAgain(now: Millis, out: RouterOut): void {
    this.queueAt = NEVER
    const ladder = at(this.house.ladders, this.call.policy)
    if (ladder !== null && this.descent !== null) this.planAgain(ladder, this.descent, now, out)
  }

  /** The caller gets a sentence of the policy's own. */
  private say(text: string, now: Millis, out: RouterOut): void {
    const tokens = promptTokens(text.length)
    this.close('canned', this.failures.last?.class ?? null, 200, 0, now, out)
    const content = { type: 'content', channel: 'text', tokens, forMs: 0, everyMs: 0, text } as const
    out.push({ type: 'client.end', call: this.call, attempt: null, signals: [content, FINISHED] })
  }

  /** The caller keeps what it has seen, and is told that it is not all. */
  private deliver(attempt: Attempt, why: Failure, now: Millis, out: RouterOut): void {
    const { inputTokens } = attempt.request
    const { price } = at(this.house.offers, attempt.endpoint)
    this.close('partial', why.class, 200, costOf(price, inputTokens, attempt.outputTokens), now, out)
    out.push({ type: 'client.end', call: this.call, attempt, signals: [BROKEN_OFF] })
  }

  private closeTruncated(why: Failure, now: Millis, out: RouterOut): void {
    const attempt = this.committed
    // Pieces of a tool call are of no use to anybody.
    if (attempt !== null && attempt.toolDeltas.length === 0 && this.degrade('truncated', now, out)) {
      this.deliver(attempt, why, now, out)
      return
    }
    const status = statusOf(why)
    const answer: CallFailure = { class: why.class, status, retryAfterMs: null, message: why.message }
    this.close('truncated', why.class, status, 0, now, out)
    out.push({ type: 'client.fail', call: this.call, failure: answer, committed: true })
  }

  private close(
    outcome: CallOutcome,
    errorClass: ErrorClass | null,
    status: number,
    billed: number,
    now: Millis,
    out: RouterOut,
  ): void {
    assert(this.phase !== 'closed', 'a call is closed once')
    this.phase = 'closed'
    const { call, attempts } = this
    const { request: asked } = this
    // Of an evaluation, the winner is the choice.
    const firstChoice = this.contest === null ? this.firstChoice : (this.committed?.endpoint ?? this.firstChoice)
    const rung = this.descent?.rung ?? 0
    if (this.firstChoice >= 0) this.allowance.closed(this.firstChoice)
    if (this.isTakenIn) at(this.house.intakes, call.policy)?.letOut()
    if (this.retryStart !== null && this.retryStart.price >= 0) this.allowance.returned(this.retryStart.endpoint)
    // A loop that lags may find several deadlines due at once.
    this.retryStart = null
    this.queueAt = this.hedgeAt = this.holdAt = this.decideAt = NEVER
    const servedBy = this.committed?.endpoint ?? -1
    const delivery = DELIVERIES[outcome]
    call.summary = { attempts: attempts.length, firstChoice, servedBy, billed, rung, asked, delivery }
    const closed: CallClosed = {
      kind: 'call.closed',
      at: now,
      request: call.request.id,
      call: call.number,
      outcome,
      errorClass,
      status,
      attempts: attempts.length,
      firstChoice,
      servedBy,
      billed,
      rung,
    }
    const isEstimated = outcome === 'ok' && this.committed?.usage === null
    out.record(isEstimated ? { ...closed, usageEstimated: true } : closed)
  }
}

const DELIVERIES = {
  ok: 'answer',
  partial: 'partial',
  canned: 'canned',
  truncated: 'none',
  failed: 'none',
  cancelled: 'none',
} as const

const FINISHED: Finished = { type: 'finished', reason: 'stop' }
const BROKEN_OFF: Finished = { type: 'finished', reason: 'length' }

const TOO_DEAR: Failure = failure('budget_exceeded', 'no endpoint that is left can be paid for')
const LOST: Failure = failure('cancelled', 'another endpoint was faster')
const OUT_OF_TIME: Failure = failure('deadline_exceeded', 'the time for this request is over')

const SHED: Failure = failure('shed', 'turned away to keep the load down')

const HELD_BACK: Failure = {
  class: 'circuit_open',
  status: null,
  retryAfterMs: null,
  message: 'every eligible endpoint is held back by its circuit breaker or a cooldown',
}

/** Answers that we stop listening to, whatever else may come. */
const GIVEN_UP: ReadonlySet<ErrorClass> = new Set([
  'invalid_tool_call',
  'invalid_output',
  'empty_completion',
  'invalid_response',
])

/** The same answer with its text in other words, in one piece. */
function rewritten(held: readonly Signal[], text: string): Signal[] {
  let tokens = 0
  const others = held.filter((signal) => {
    if (signal.type !== 'content' || signal.channel !== 'text') return true
    tokens += signal.tokens
    return false
  })
  return [...others, { type: 'content', channel: 'text', tokens, forMs: 0, everyMs: 0, text }]
}

/** Output tokens of each tool call, in order of first appearance, which is how the calls are put together. */
function tokensByCall(deltas: readonly ToolDelta[]): number[] {
  const byIndex = new Map<number, number>()
  for (const { index, tokens } of deltas) byIndex.set(index, (byIndex.get(index) ?? 0) + tokens)
  return [...byIndex.values()]
}

/** Nothing was sent that could be billed. */
const NEVER_SENT: ReadonlySet<ErrorClass> = new Set(['connect_refused', 'connect_timeout', 'connection_reset'])

/** A bill over nothing, or less than nothing, is none: what was put aside is kept. */
function isPlausible({ inputTokens, outputTokens }: Usage, seen: number): boolean {
  return inputTokens > 0 && outputTokens >= 0 && (outputTokens > 0 || seen === 0)
}

function noEndpointMessage({ funnel }: Plan): string {
  const last = funnel.at(-1)
  return `No endpoints found: every candidate was removed (last step: ${last?.step ?? 'Initial Endpoints'})`
}
