/**
 * Whom to ask next: one call's way through its plan. In the order of the plan, a candidate is asked unless
 *
 *   ruled_out        what has just failed says not to go on there                      (reactions.ts)
 *   cooling, ejected, breaker   it is held back for its health; panic ignores that     (guard.ts, policies/panic.ts)
 *   moderated        the gateway's moderation flagged the prompt                       (moderation.ts)
 *   budget           it could cost more than is left                                   (policies/budget.ts)
 *   throttled, full, paced      our own limits there are reached; or it must wait      (door.ts)
 *   retry_budget     there have been enough extra attempts                             (allowance.ts)
 *
 * asked in this order, because what is asked later takes something. What a start has taken is given back by the attempt
 * that ends, or by whoever decides not to begin it. Nothing is sent from here.
 */
import { at, type Millis } from '../base/index.ts'
import type { AttemptReason, Out, SkipCause } from '../ledger/index.ts'
import { STATUS_OF, type ErrorClass } from '../protocol/index.ts'
import { NO_SIGNALS, type Attempt, type Start } from './attempt.ts'
import type { Desk } from './desk.ts'
import type { Door, LoadCause, Turn } from './door.ts'
import { HELD_BACK, SHED, TOO_DEAR, type Failure, type Tried } from './failures.ts'
import type { Guard } from './guard.ts'
import type { Plan } from './plan.ts'
import type { Admission } from './policies/breaker.ts'
import type { HedgePolicy } from './policies/hedge.ts'
import { panics } from './policies/panic.ts'
import type { RequestLife } from './request.ts'

const DOOR_STREAM = 0x646f

/** An endpoint that may not be asked for the caller's sake: for money, or his prompt. After so many attempts. */
interface Objection extends Tried {
  readonly after: number
}

const NO_OBJECTIONS: readonly Objection[] = []

export class Chooser {
  plan: Plan
  private readonly life: RequestLife
  private readonly desk: Desk
  /** Position in the plan of the last candidate that was asked or passed over. */
  private position = -1
  /** Attempts that had been made when the plan came into force, and that may have been made in all when it is over. */
  private planFrom = 0
  private attemptsMax = 0
  /** What has failed last in this plan, and of which model that was. */
  private failed: Failure | null = null
  private failedModel = ''
  /** Whether it was called with a key of the caller's own. */
  private failedOwnKey = false
  /** What the caller is told if nothing but our own limits stood in the way; null while they did not. */
  private refusal: Failure | null = null
  /** What stood against somebody, if nothing has failed since; null for nothing. */
  private objection: Failure | null = null
  private objections: readonly Objection[] = NO_OBJECTIONS

  constructor(life: RequestLife, plan: Plan) {
    this.life = life
    this.desk = life.desk
    this.plan = plan
    this.follow(plan, life.desk.resilience.max_attempts)
  }

  /** From now on this plan, and so many attempts. */
  follow(plan: Plan, attempts: number): void {
    this.plan = plan
    this.position = -1
    this.planFrom = this.attempts.length
    this.attemptsMax = Math.min(this.planFrom + attempts, this.desk.budget?.attemptsMax ?? Infinity)
    this.failed = null
    if (this.life.spending !== null) this.life.spending.isShort = false
  }

  /** An attempt has failed: what comes next depends on it. */
  heed(why: Failure, attempt: Attempt): void {
    this.failed = why
    this.objection = null
    this.failedModel = this.modelOf(attempt.endpoint)
    this.failedOwnKey = at(this.desk.offers, attempt.endpoint).byok !== null
  }

  /** Whether another candidate stands behind this position of the plan. */
  hasNext(position: number): boolean {
    return position + 1 < this.plan.order.length
  }

  private get attempts(): readonly Attempt[] {
    return this.life.race.attempts
  }

  /** As many attempts have been made as may be. */
  get isExhausted(): boolean {
    return this.attempts.length >= Math.min(this.attemptsMax, this.desk.attemptsMax)
  }

  /** The next of the plan that has not been asked; null when nobody is left. */
  next(now: Millis, out: Out<unknown>): Start | null {
    while (this.hasNext(this.position)) {
      const position = this.position + 1
      const chosen = this.hasAsked(position) ? null : this.consider(position, now)
      if (chosen === 'exhausted') return null
      this.position = position
      if (typeof chosen === 'string') this.skip(this.endpointAt(position), chosen, now, out)
      else if (chosen !== null) return chosen
      if (chosen === 'moderated' && this.plan.moderation?.isForAll === true) return null
    }
    return this.lastResort(now)
  }

  /** The same endpoint once more, after a wait. A cause: something has come between. */
  again(start: Start, now: Millis): Start | SkipCause {
    const { endpoint } = start
    const guard = this.guard(endpoint)
    const admission = guard.admits(now)
    if (admission === false) return guard.heldBack(now).cause
    const forbidden = this.forbidden(endpoint, now)
    if (forbidden !== null) return forbidden
    const turn = this.knock(endpoint, true, now)
    if (typeof turn === 'string') return turn
    const isProbe = admission === 'probe'
    return { ...start, isProbe, reason: isProbe ? 'probe' : 'retry', turn }
  }

  /** The turn that a start has waited for has come. A cause: something has come between. */
  comeIn(start: Start, now: Millis): Start | SkipCause {
    const { endpoint, reason } = start
    const guard = this.guard(endpoint)
    const admission = guard.admits(now)
    if (admission === false && reason !== 'panic') return guard.heldBack(now).cause
    const forbidden = this.forbidden(endpoint, now)
    if (forbidden !== null) return forbidden
    if (admission === 'probe') return { ...start, isProbe: true, reason: 'probe', turn: null }
    return { ...start, isProbe: false, reason: reason === 'probe' ? this.onward(endpoint) : reason, turn: null }
  }

  /** For an evaluation: the candidate at this position, if it is the first of its model that can be asked at once. */
  entrant(position: number, now: Millis): Start | null {
    const endpoint = this.endpointAt(position)
    const model = this.modelOf(endpoint)
    if (this.isExhausted || this.attempts.some((attempt) => this.modelOf(attempt.endpoint) === model)) return null
    const admission = this.guard(endpoint).admits(now)
    if (admission === false) return null
    const reason = this.attempts.length === 0 ? 'primary' : 'evaluation'
    const start = this.startAt(position, admission, reason, false, now)
    return typeof start === 'string' ? null : start
  }

  /** One more while others are in the race; null when there may be none. */
  hedge(now: Millis): Start | null {
    const { hedge } = this.desk.resilience
    if (!hedge || !this.mayHedge(hedge) || this.isExhausted) return null
    const position = this.hedgePosition(now)
    if (position < 0) return null
    const endpoint = this.endpointAt(position)
    if (this.knock(endpoint, false, now) !== null) return null
    const { allowance } = this.desk
    const price = allowance.hedges?.withdraw() ? allowance.withdraw(endpoint, false, now) : null
    if (price === null) {
      this.guard(endpoint).door?.undo(this.life.request, now)
      return null
    }
    return { endpoint, position, reason: 'hedge', retry: 0, waitedMs: 0, isProbe: false, price, turn: null }
  }

  /** Whether the policy lets this plan have one more hedge. */
  mayHedge({ max }: HedgePolicy): boolean {
    let hedges = 0
    for (let index = this.planFrom; index < this.attempts.length; index += 1) {
      if (at(this.attempts, index).start.reason === 'hedge') hedges += 1
    }
    return hedges < max
  }

  /** Our own limits have kept it from somebody. */
  turnedAway(door: Door, cause: LoadCause, now: Millis): void {
    if (cause !== 'paced') {
      this.refusal ??= SHED
      return
    }
    const retryAfterMs = Math.min(door.pacedForMs(this.life.request, now), this.refusal?.retryAfterMs ?? Infinity)
    this.refusal = { ...SHED, status: STATUS_OF.rate_limited, retryAfterMs }
  }

  /** Why nobody could be asked: for what has failed, or for want of money, of room, or of health. */
  whyNobody(): Failure {
    if (this.objection !== null) return this.objection
    if (this.failed !== null) return this.failed
    return this.life.spending?.isShort === true ? TOO_DEAR : (this.refusal ?? HELD_BACK)
  }

  skip(endpoint: number, cause: SkipCause, now: Millis, out: Out<unknown>): void {
    const { request, number } = this.life.call
    out.record({ kind: 'candidate.skipped', at: now, request: request.id, call: number, endpoint, cause })
  }

  // ── one candidate ─────────────────────────────────────────────────────────────────────────────────────────────────

  private consider(position: number, now: Millis): Start | SkipCause | 'exhausted' {
    const endpoint = this.endpointAt(position)
    if (this.isRuledOut(endpoint)) return 'ruled_out'
    const guard = this.guard(endpoint)
    const admission = guard.admits(now)
    const isPanic = admission === false && this.panicsAtOnce(now)
    if (admission === false && !isPanic) return guard.heldBack(now).cause
    if (this.isExhausted) return 'exhausted'
    return this.startAt(position, admission, isPanic ? 'panic' : this.onward(endpoint), true, now)
  }

  /** What stands before an endpoint that is well: money, its door, and the price of an extra attempt. */
  private startAt(
    position: number,
    admission: Admission,
    onward: AttemptReason,
    mayWait: boolean,
    now: Millis,
  ): Start | SkipCause {
    const endpoint = this.endpointAt(position)
    const forbidden = this.forbidden(endpoint, now)
    if (forbidden !== null) return forbidden
    const turn = this.knock(endpoint, mayWait, now)
    if (typeof turn === 'string') return turn
    const price = this.charge(endpoint, now)
    const isProbe = admission === 'probe'
    const reason = isProbe ? 'probe' : onward
    if (price !== null) return { endpoint, position, reason, retry: 0, waitedMs: 0, isProbe, price, turn }
    if (turn === null) this.guard(endpoint).door?.undo(this.life.request, now)
    else turn.door.turnAway(turn, now)
    return 'retry_budget'
  }

  private onward(endpoint: number): AttemptReason {
    if (this.failed !== null) return this.isOfFailedModel(endpoint) ? 'next_endpoint' : 'next_model'
    return this.life.descent === null ? 'primary' : 'degraded'
  }

  /** Whether what has failed says not to go on there. */
  private isRuledOut(endpoint: number): boolean {
    if (this.failed === null) return false
    // A key of one's own that is refused says nothing about the next key, or the shared one.
    if (this.failedOwnKey && isAboutAccount(this.failed.class)) return false
    const { nextProvider, nextModel } = this.desk.reactionTo(this.failed)
    return !(this.isOfFailedModel(endpoint) ? nextProvider : nextModel)
  }

  private isOfFailedModel(endpoint: number): boolean {
    return this.modelOf(endpoint) === this.failedModel
  }

  private hasAsked(position: number): boolean {
    for (let index = this.planFrom; index < this.attempts.length; index += 1) {
      if (at(this.attempts, index).start.position === position) return true
    }
    return false
  }

  /** Why an attempt at an endpoint must not be: for its prompt, or whose money it would overdraw, whatever it comes to. */
  private forbidden(endpoint: number, now: Millis): SkipCause | null {
    const { moderation } = this.plan
    const flagged = moderation === null ? null : moderation.objection(this.life.call, at(this.desk.offers, endpoint))
    if (flagged === null) return this.unpaid(endpoint, now)
    this.object(endpoint, flagged)
    return 'moderated'
  }

  private unpaid(endpoint: number, now: Millis): SkipCause | null {
    const { spending, tab } = this.life
    if (spending === null && tab === null) return null
    const request = this.life.requestFor(endpoint)
    if (spending !== null && !spending.covers(request, endpoint, now)) {
      spending.isShort = true
      return 'budget'
    }
    const why = tab === null ? null : tab.objection(request, endpoint, now)
    if (why === null) return null
    this.object(endpoint, why)
    return why.class === 'rate_limited' ? 'free_limit' : 'credits'
  }

  private object(endpoint: number, why: Failure): void {
    this.objection = why
    this.objections = [...this.objections, { endpoint, why, held: NO_SIGNALS, after: this.attempts.length }]
  }

  /** What came of the endpoints that were asked, and of those that may not be, in order. */
  tried(): readonly Tried[] {
    if (this.objections.length === 0) return this.attempts
    const objectionsAfter = (count: number): readonly Tried[] => this.objections.filter(({ after }) => after === count)
    return [...objectionsAfter(0), ...this.attempts.flatMap((one, index) => [one, ...objectionsAfter(index + 1)])]
  }

  /** Ask at the door of an endpoint. null: come in. A turn: wait for it. A cause: not here, or not without a wait. */
  private knock(endpoint: number, mayWait: boolean, now: Millis): Turn | LoadCause | null {
    const { door } = this.guard(endpoint)
    if (door === null) return null
    const { request, call } = this.life
    const dice = this.desk.rng.fork(DOOR_STREAM + call.number, request.weather, this.attempts.length, endpoint)
    const answer = door.knock(this.life, dice, now)
    if (typeof answer === 'string') this.turnedAway(door, answer, now)
    else if (answer !== null && !mayWait) {
      door.turnAway(answer, now)
      return 'full'
    }
    return answer
  }

  /** What the retry budget charges for going on after a failure: -1 for nothing, null when it cannot be paid. */
  private charge(endpoint: number, now: Millis): number | null {
    const { allowance } = this.desk
    if (this.failed === null || !allowance.coversFailover) return -1
    return allowance.withdraw(endpoint, this.failed.class === 'rate_limited', now)
  }

  // ── out of order ──────────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Nobody is left who is well: if too few are, the one of least risk that has not been asked, for all that. Our own
   * limits hold in panic, too, and nobody waits for what is a last resort.
   */
  private lastResort(now: Millis): Start | null {
    const { panic } = this.desk.resilience
    if (!panic || this.isExhausted) return null
    const { order } = this.plan
    let best = -1
    let leastRisk = Infinity
    for (let position = 0; position < order.length; position += 1) {
      const endpoint = this.endpointAt(position)
      if (this.isWell(endpoint, now) || this.hasAsked(position) || this.isRuledOut(endpoint)) continue
      const risk = this.desk.health.risk(this.desk.policy, endpoint, now)
      if (risk >= leastRisk) continue
      best = position
      leastRisk = risk
    }
    if (best < 0 || !panics(panic, this.countWell(now), order.length)) return null
    const start = this.startAt(best, false, 'panic', false, now)
    return typeof start === 'string' ? null : start
  }

  private panicsAtOnce(now: Millis): boolean {
    const { panic } = this.desk.resilience
    return panic?.when === 'spread' && panics(panic, this.countWell(now), this.plan.order.length)
  }

  private countWell(now: Millis): number {
    return this.plan.order.filter(({ endpoint }) => this.isWell(endpoint, now)).length
  }

  private isWell(endpoint: number, now: Millis): boolean {
    return this.guard(endpoint).admits(now) !== false
  }

  /** The first that has not been asked and is free to be; of those, one of a provider that is not in the race. */
  private hedgePosition(now: Millis): number {
    const { spending, tab } = this.life
    const { offers } = this.desk
    let best = -1
    for (let position = 0; position < this.plan.order.length; position += 1) {
      const endpoint = this.endpointAt(position)
      if (this.attempts.some((attempt) => attempt.endpoint === endpoint)) continue
      if (this.guard(endpoint).admits(now) !== true) continue
      const request = this.life.requestFor(endpoint)
      if (spending !== null && !spending.covers(request, endpoint, now)) continue
      if (tab !== null && tab.objection(request, endpoint, now) !== null) continue
      if (this.plan.moderation?.objection(this.life.call, at(offers, endpoint)) != null) continue
      const { provider } = at(offers, endpoint)
      const isElsewhere = this.attempts.every(
        (attempt) => attempt.isOver || at(offers, attempt.endpoint).provider !== provider,
      )
      if (isElsewhere) return position
      if (best < 0) best = position
    }
    return best
  }

  private endpointAt(position: number): number {
    return at(this.plan.order, position).endpoint
  }

  private modelOf(endpoint: number): string {
    return at(this.desk.offers, endpoint).model
  }

  private guard(endpoint: number): Guard {
    return at(this.desk.guards, endpoint)
  }
}

function isAboutAccount(errorClass: ErrorClass): boolean {
  return errorClass === 'authentication' || errorClass === 'payment_required' || errorClass === 'permission_denied'
}
