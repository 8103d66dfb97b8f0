/**
 * One request's life at the gateway (one call of it: a client that retries by itself starts another).
 *
 *   phase        event                                      next
 *   ──────────   ────────────────────────────────────────   ─────────────────────────────────────────────────────────
 *   queued       arrival                                    racing, or closed (nobody eligible; shed)
 *   racing       first content at the commit point          streaming
 *   racing       the whole answer                           closed (ok); in an evaluation: racing, until all have answered
 *   racing       the first content is late: hedge           racing, with one more attempt
 *   racing       attempt failed, others are in the race     racing, at most with one more attempt: a hedge
 *   racing       attempt failed, retry here                 backing_off
 *   racing       attempt failed, somebody else is left      racing
 *   racing       attempt failed, nobody is left             closed (failed)
 *   racing       nobody is left, a rung of the ladder       racing, with less; or queued, or closed (partial, canned)
 *   racing       who is next has no room for it now         queued, at his door
 *   queued       its turn has come                          racing: there, or elsewhere if he is not well any more
 *   queued       the wait is over, in vain                  as if he had been passed over
 *   queued       look again                                 racing, or queued again, or the next rung
 *   backing_off  retry deadline                             racing: here, or elsewhere if its breaker closed it meanwhile;
 *                                                           or queued, at his door
 *   streaming    the rest of the answer                     closed (ok)
 *   streaming    the stream broke, or went silent           closed (truncated, or partial): no way back after the commit
 *   any          total deadline                             closed (failed, canned; after the commit truncated, partial)
 *   any          the caller left                            closed (cancelled); or as before, and then closed (cancelled),
 *                                                           where an answer that cannot be stopped is paid for
 *
 * Here is what becomes of the call as a whole. Whom to ask next is in chooser.ts; the attempts that are under way, and
 * what they say, in race.ts; what all calls of a policy share, at its desk (desk.ts). Deadlines are state. They fire in
 * this order: `decide` of an evaluation, `total`, the end of a pause (a turn, a retry, another look), then `hold` and
 * `hedge` of the race, and of each attempt `connect`, `firstToken`, `idle` and `attempt`. Late Signals are counted.
 */
import { assert, assertNever, at, NEVER, type Millis } from '../base/index.ts'
import type { CallClosed, CallOutcome, CallRouted, Form, Out, SkipCause } from '../ledger/index.ts'
import {
  PLAIN_CHAT,
  promptTokens,
  STATUS_OF,
  type Call,
  type CallStory,
  type CallSummary,
  type ChatRequest,
  type ErrorClass,
  type Finished,
  type NanoDollars,
  type Usage,
} from '../protocol/index.ts'
import type { Attempt, Start } from './attempt.ts'
import type { Tab } from './billing.ts'
import { Chooser } from './chooser.ts'
import type { Desk } from './desk.ts'
import type { LoadCause, Turn } from './door.ts'
import { answerOf, breachOf, statusOf, failure, OUT_OF_TIME, SHED, type Failure } from './failures.ts'
import { Descent, endOf, type Landing } from './ladder.ts'
import type { RouterCommand } from './messages.ts'
import { PLAN_STREAM, type Plan } from './plan.ts'
import { retryDelayMs } from './policies/retry.ts'
import { totalDeadline } from './policies/timeouts.ts'
import { Race } from './race.ts'
import type { PlanEnd } from './rung.ts'
import { Spending } from './spending.ts'
import { costOfSeen, seenOf } from './usage.ts'

export type Phase = 'queued' | 'racing' | 'backing_off' | 'streaming' | 'closed'

type RouterOut = Out<RouterCommand>

/** What a call waits for while nobody is asked, and until when: its turn at a door, a retry, another look around. */
type Pause =
  | { readonly for: 'turn'; readonly turn: Turn; readonly start: Start; until: Millis }
  | { readonly for: 'retry'; readonly start: Start; readonly until: Millis }
  | { readonly for: 'look'; readonly landing: Landing; readonly until: Millis }

const RETRY_STREAM = 0x7265

export class RequestLife implements CallStory {
  phase: Phase = 'queued'
  readonly call: Call
  readonly desk: Desk
  /** What endpoints are asked: the call's own request, or what the ladder has made of it. */
  request: ChatRequest
  readonly totalAt: Millis
  readonly race: Race
  readonly chooser: Chooser
  /** null without a budget. */
  readonly spending: Spending | null
  /** What the call costs its caller; null where the gateway keeps no accounts. */
  readonly tab: Tab | null
  /** Its way down the ladder of the policy; null above it. */
  descent: Descent | null = null
  private pause: Pause | null = null
  /** How the caller left, where the answer runs on without him; null: he is there. */
  private leftAs: ErrorClass | null = null
  /** Whether the policy's intake counts the call among those under way. */
  private isTakenIn = false
  /** The endpoint that the first plan put first; -1 for nobody. */
  private readonly firstChoice: number

  constructor(call: Call, plan: Plan, desk: Desk, now: Millis) {
    this.call = call
    this.desk = desk
    this.request = call.request
    this.totalAt = totalDeadline(desk.resilience.timeouts, now)
    this.spending = desk.budget === null ? null : new Spending(desk.budget, desk.offers, call, now)
    this.tab = desk.billing === null ? null : desk.billing.tabOf(call)
    this.race = new Race(this)
    this.chooser = new Chooser(this, plan)
    this.firstChoice = plan.order[0]?.endpoint ?? -1
  }

  /** The earliest of all deadlines; NEVER once closed. */
  nextDeadline(): Millis {
    if (this.phase === 'closed') return NEVER
    return Math.min(this.totalAt, this.pause === null ? NEVER : this.pause.until, this.race.nextDeadline())
  }

  arrive(now: Millis, out: RouterOut): void {
    assert(this.phase === 'queued', 'a request arrives once')
    const { allowance, intake } = this.desk
    if (this.firstChoice >= 0) allowance.requested(this.firstChoice, now)
    if (intake === null || (this.isTakenIn = intake.takes(this.request.traits.priority))) this.follow(now, out)
    else this.shed(now, out)
  }

  /** Deadlines that are due, in declared order. */
  wake(now: Millis, out: RouterOut): void {
    const { contest } = this.race
    const isTooLate = now >= this.totalAt
    if (contest !== null && (isTooLate || now >= contest.decideAt)) this.race.hurry(now, out)
    if (isTooLate && this.isOpen()) {
      this.stop('deadline_exceeded', now, out)
      this.fail(OUT_OF_TIME, now, out)
    }
    if (this.pause !== null && now >= this.pause.until) this.goOn(this.pause, now, out)
    if (this.isOpen()) this.race.wake(now, out)
  }

  /** The caller is gone, or the gateway is. */
  cancel(errorClass: ErrorClass, now: Millis, out: RouterOut): void {
    if (!this.isOpen()) return
    if (this.runsOn() && errorClass !== 'gateway_down') {
      this.leftAs = errorClass
      this.race.drain(now, out)
      this.call.summary = this.summaryOf('cancelled', 0)
      out.push({ type: 'client.left', call: this.call })
      return
    }
    this.stop('cancelled', now, out)
    this.close('cancelled', errorClass, STATUS_OF[errorClass], this.costOfLeft(), now, out)
    this.tell({ type: 'client.left', call: this.call }, out)
  }

  /**
   * Whether the answer under way comes to its end, and is paid for, though its caller leaves: not every provider can be
   * stopped, and an answer in one piece by none (openrouter.md §3.4).
   */
  private runsOn(): boolean {
    const { attempts, contest } = this.race
    const current = attempts.at(-1)
    if (this.tab === null || this.leftAs !== null || contest !== null || current?.wasAccepted !== true) return false
    const isAlone = attempts.every((attempt) => attempt.isOver === (attempt !== current))
    return isAlone && (!current.request.stream || !at(this.desk.offers, current.endpoint).stopsWhenLeft)
  }

  /** The request as it goes to an endpoint. */
  requestFor(endpoint: number): ChatRequest {
    const { compression } = this.chooser.plan
    return compression === null ? this.request : compression.fit(this.request, at(this.desk.offers, endpoint))
  }

  /** Say something to the caller, if he is still there. */
  tell(command: RouterCommand, out: RouterOut): void {
    if (this.leftAs === null) out.push(command)
  }

  planned(): readonly number[] {
    return this.chooser.plan.order.map(({ endpoint }) => endpoint)
  }

  tried(): readonly { readonly endpoint: number; readonly status: number }[] {
    const { attempts, committed } = this.race
    return attempts.map((attempt) => {
      const { endpoint, why } = attempt
      if (attempt === committed && why === null) return { endpoint, status: 200 }
      return { endpoint, status: why === null || why.class === 'cancelled' ? 0 : statusOf(why) }
    })
  }

  servedFrom(): Millis | null {
    return this.race.committed?.startedAt ?? null
  }

  seen(): Usage | null {
    const { committed } = this.race
    return committed === null ? null : { type: 'usage', ...seenOf(committed) }
  }

  private isOpen(): boolean {
    return this.phase !== 'closed'
  }

  /** End whatever is under way. */
  private stop(errorClass: 'cancelled' | 'deadline_exceeded', now: Millis, out: RouterOut): void {
    const { pause } = this
    if (pause?.for === 'turn') pause.turn.door.turnAway(pause.turn, now)
    if (pause !== null && pause.for !== 'look') this.giveBack(pause.start)
    this.pause = null
    this.race.end(errorClass, now, out)
  }

  // ── trying ────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Begin with the plan in force. */
  private follow(now: Millis, out: RouterOut): void {
    this.tellPlan(now, out)
    const { plan } = this.chooser
    const { evaluate } = this.desk.resilience
    if (plan.nobody !== null) {
      const { message, status } = plan.nobody
      this.fail({ ...failure('no_endpoint', message), status }, now, out)
      return
    }
    if (evaluate && this.descent === null) {
      this.race.evaluate(evaluate, now, out)
      this.phase = 'racing'
      if (this.race.isOpen()) return
    }
    this.advance(now, out)
  }

  private tellPlan(now: Millis, out: RouterOut): void {
    const { request, number } = this.call
    const { rule, funnel, order } = this.chooser.plan
    const form = ROUTED
    form.at = now
    form.request = request.id
    form.call = number
    form.rule = rule
    form.rung = this.rung
    form.funnel = funnel
    form.order = order
    form.inputTokens = this.request.inputTokens
    form.maxTokens = this.request.maxTokens
    form.shape = this.request.shape
    out.record(form)
  }

  /** Go to the next candidate that may be asked. */
  private advance(now: Millis, out: RouterOut): void {
    if (this.totalAt - now < this.desk.resilience.timeouts.min_useful) {
      this.fail(OUT_OF_TIME, now, out)
      return
    }
    const next = this.chooser.next(now, out)
    if (next === null) this.fail(this.chooser.whyNobody(), now, out)
    else this.begin(next, now, out)
  }

  /** Start the attempt, or wait at the door until it may start. */
  private begin(start: Start, now: Millis, out: RouterOut): void {
    const { turn } = start
    this.phase = turn === null ? 'racing' : 'queued'
    this.pause = turn === null ? null : { for: 'turn', turn, start, until: turn.until }
    if (turn === null) this.race.start(start, now, out)
  }

  /** The pause is over. */
  private goOn(pause: Pause, now: Millis, out: RouterOut): void {
    switch (pause.for) {
      case 'turn':
        if (pause.turn.state === 'paced') this.comeIn(pause.turn, pause.start, now, out)
        else {
          pause.turn.door.turnAway(pause.turn, now)
          this.notHere(pause.turn, pause.start, 'full', now, out)
        }
        return
      case 'retry': {
        const again = this.chooser.again(pause.start, now)
        if (typeof again === 'string') this.goElsewhere(pause.start, again, now, out)
        else this.begin(again, now, out)
        return
      }
      case 'look':
        this.pause = null
        this.planAgain(pause.landing, now, out)
        return
      default:
        assertNever(pause)
    }
  }

  /** Somebody has left, and the slot is ours. */
  turnCame(turn: Turn, now: Millis, out: RouterOut): void {
    const { pause } = this
    if (pause?.for !== 'turn' || pause.turn !== turn) return
    const answer = turn.door.goOn(turn, now)
    if (answer === null) this.comeIn(turn, pause.start, now, out)
    else if (typeof answer === 'string') this.notHere(turn, pause.start, answer, now, out)
    else pause.until = turn.until
  }

  /** Its turn: if the endpoint is still well, can be paid for, and there is time left. */
  private comeIn(turn: Turn, start: Start, now: Millis, out: RouterOut): void {
    const { timeouts, shedding } = this.desk.resilience
    const isTooLate = this.totalAt - now < Math.max(timeouts.min_useful, shedding?.min_remaining ?? 0)
    const chosen = isTooLate ? 'shed' : this.chooser.comeIn(start, now)
    if (typeof chosen !== 'string') {
      this.begin(chosen, now, out)
      return
    }
    turn.door.turnAway(turn, now)
    if (!isTooLate) {
      this.goElsewhere(start, chosen, now, out)
      return
    }
    this.leave(start, chosen, now, out)
    this.fail(SHED, now, out)
  }

  private notHere(turn: Turn, start: Start, cause: LoadCause, now: Millis, out: RouterOut): void {
    this.chooser.turnedAway(turn.door, cause, now)
    this.goElsewhere(start, cause, now, out)
  }

  private goElsewhere(start: Start, cause: SkipCause, now: Millis, out: RouterOut): void {
    this.leave(start, cause, now, out)
    this.advance(now, out)
  }

  /** What was waited for does not come about. */
  private leave(start: Start, cause: SkipCause, now: Millis, out: RouterOut): void {
    this.pause = null
    this.giveBack(start)
    this.chooser.skip(start.endpoint, cause, now, out)
  }

  /** What the retry budget charged for an attempt that was not made is no longer under way. */
  private giveBack({ endpoint, price }: Start): void {
    if (price >= 0) this.desk.allowance.returned(endpoint)
  }

  // ── what comes of an attempt ──────────────────────────────────────────────────────────────────────────────────────

  /** A whole answer, and it is the caller's. */
  answered(attempt: Attempt, bill: NanoDollars, now: Millis, out: RouterOut): void {
    this.close('ok', null, 200, bill, now, out)
    this.tell({ type: 'client.end', call: this.call, attempt, signals: attempt.held }, out)
  }

  /** An attempt failed before the commit, and nobody else is in the race. */
  lost(attempt: Attempt, why: Failure, now: Millis, out: RouterOut): void {
    if (this.leftAs !== null) {
      this.refuse(why, now, out) // Nobody is there to try again for.
      return
    }
    this.chooser.heed(why, attempt)
    const again = this.retryOf(attempt, why, now)
    if (again === null) {
      this.advance(now, out)
      return
    }
    this.phase = 'backing_off'
    this.pause = { for: 'retry', start: again, until: now + again.waitedMs }
  }

  /** The same endpoint again after a wait, if its failure, the policy, its budget and the time left all allow it. */
  private retryOf({ start }: Attempt, why: Failure, now: Millis): Start | null {
    const { desk, call, race, chooser } = this
    const { retry } = desk.resilience
    if (!desk.reactionTo(why).retryHere || start.retry >= retry.attempts || chooser.isExhausted) return null
    if (at(desk.guards, start.endpoint).admits(now) !== true) return null
    const dice = desk.rng.fork(RETRY_STREAM, call.request.weather, call.number, race.attempts.length)
    const waitedMs = retryDelayMs(retry, start.retry, why.retryAfterMs, start.waitedMs, this.totalAt - now, dice)
    if (waitedMs === null) return null
    const price = desk.allowance.withdraw(start.endpoint, why.class === 'rate_limited', now)
    if (price === null) return null
    return { ...start, reason: 'retry', retry: start.retry + 1, waitedMs, isProbe: false, price }
  }

  /** An attempt ended after the commit, before its end: the caller keeps what it has seen, and is told. */
  brokeOff(attempt: Attempt, why: Failure, now: Millis, out: RouterOut): void {
    // Pieces of a tool call are of no use to anybody.
    if (this.leftAs === null && attempt.toolDeltas.length === 0 && this.degrade('truncated', now, out)) {
      this.close('partial', why.class, 200, costOfSeen(attempt), now, out)
      this.tell({ type: 'client.end', call: this.call, attempt, signals: [BROKEN_OFF] }, out)
      return
    }
    const answer = breachOf(why, this.chooser.tried(), this.desk.offers)
    this.close('truncated', why.class, answer.status, 0, now, out)
    this.tell({ type: 'client.fail', call: this.call, failure: answer, committed: true }, out)
  }

  // ── the end ───────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Nobody is left, or no time: do with less if the policy says how, or else tell the caller. */
  private fail(why: Failure, now: Millis, out: RouterOut): void {
    const { committed } = this.race
    if (committed !== null) this.brokeOff(committed, why, now, out)
    else if (
      this.leftAs !== null ||
      !this.degrade(endOf(why, this.chooser.plan, this.spending?.isShort === true), now, out)
    ) {
      this.refuse(why, now, out)
    }
  }

  /** Too much to do for one of its priority: it costs nobody anything, and no rung of the ladder either. */
  private shed(now: Millis, out: RouterOut): void {
    this.tellPlan(now, out)
    for (const { endpoint } of this.chooser.plan.order) this.chooser.skip(endpoint, 'shed', now, out)
    this.refuse(SHED, now, out)
  }

  private refuse(why: Failure, now: Millis, out: RouterOut): void {
    const answer = answerOf(why, this.chooser.tried(), this.desk.offers, this.chooser.plan)
    this.close('failed', why.class, answer.status, 0, now, out)
    this.tell({ type: 'client.fail', call: this.call, failure: answer, committed: false }, out)
  }

  /** Do with less, if the ladder has a rung for how the plan ended. Whether it has. */
  private degrade(end: PlanEnd, now: Millis, out: RouterOut): boolean {
    const { ladder } = this.desk
    if (ladder === null || this.call.half !== null) return false
    this.descent ??= new Descent(ladder)
    const landing = this.descent.next(end, this.request, now)
    if (landing === null) return false
    const { step } = landing
    switch (step.do) {
      case 'plan':
        this.request = step.request
        this.planAgain(landing, now, out)
        return true
      case 'wait':
        this.phase = 'queued'
        this.pause = { for: 'look', landing, until: now + step.everyMs }
        return true
      case 'say':
        this.say(step.text, now, out)
        return true
      case 'deliver':
        return true
      default:
        return assertNever(step)
    }
  }

  private planAgain(landing: Landing, now: Millis, out: RouterOut): void {
    const { call, desk, chooser, race, request } = this
    const dice = desk.rng.fork(PLAN_STREAM, request.weather, call.number, 1 + race.attempts.length)
    const planner = desk.ladder!.planner(chooser.plan.rule, landing, desk.callers.of(call.caller))
    chooser.follow(planner.plan(request, desk.belief, dice, now, call.caller), landing.attempts)
    this.follow(now, out)
  }

  /** The caller gets a sentence of the policy's own. */
  private say(text: string, now: Millis, out: RouterOut): void {
    this.close('canned', this.race.lastFailure?.class ?? null, 200, 0, now, out)
    const tokens = promptTokens(text.length)
    const content = { type: 'content', channel: 'text', tokens, forMs: 0, everyMs: 0, text } as const
    out.push({ type: 'client.end', call: this.call, attempt: null, signals: [content, FINISHED] })
  }

  /** What a caller who leaves has had until then: nothing before the first content, nor where nobody keeps accounts. */
  private costOfLeft(): NanoDollars {
    const { committed } = this.race
    return this.tab === null || committed === null ? 0 : costOfSeen(committed)
  }

  /** What of the cost of an answer was with keys of the caller's own; in an evaluation, of all answers. */
  private ownPart({ endpoint }: Attempt, listCost: NanoDollars): NanoDollars {
    const { contest } = this.race
    if (contest !== null) return contest.billedOwn
    return at(this.desk.offers, endpoint).byok === null ? 0 : listCost
  }

  private get rung(): number {
    return this.descent === null ? 0 : this.descent.rung
  }

  private summaryOf(outcome: CallOutcome, billed: NanoDollars): CallSummary {
    const { committed, contest, attempts } = this.race
    const servedBy = committed === null ? -1 : committed.endpoint
    // Of an evaluation, the winner is the choice.
    const firstChoice = contest === null || committed === null ? this.firstChoice : servedBy
    const delivery = DELIVERIES[outcome]
    return {
      attempts: attempts.length,
      firstChoice,
      servedBy,
      billed,
      rung: this.rung,
      asked: this.request,
      delivery,
      story: this,
    }
  }

  private close(
    outcome: CallOutcome,
    errorClass: ErrorClass | null,
    status: number,
    completion: NanoDollars,
    now: Millis,
    out: RouterOut,
  ): void {
    assert(this.isOpen(), 'a call is closed once')
    if (this.leftAs !== null && outcome !== 'cancelled') {
      this.close('cancelled', this.leftAs, STATUS_OF[this.leftAs], completion, now, out)
      return
    }
    this.phase = 'closed'
    const { call, desk, rung, tab } = this
    const { committed } = this.race
    const isServed = outcome === 'ok' || completion > 0
    const listCost = isServed ? completion : 0
    const tools = isServed ? (call.toolCost ?? 0) : 0
    const own = isServed && committed !== null ? this.ownPart(committed, listCost) : 0
    const billed =
      tab === null
        ? listCost + tools
        : tab.close(isServed ? committed : null, { all: listCost, own }, isServed, now, out)
    this.spending?.closeTools(isServed)
    const summary = this.summaryOf(outcome, billed)
    const { attempts, firstChoice, servedBy } = summary
    if (this.firstChoice >= 0) desk.allowance.closed(this.firstChoice)
    if (this.isTakenIn) desk.intake?.letOut()
    call.summary = summary
    const closed = CLOSED
    closed.at = now
    closed.request = call.request.id
    closed.call = call.number
    closed.outcome = outcome
    closed.errorClass = errorClass
    closed.status = status
    closed.attempts = attempts
    closed.firstChoice = firstChoice
    closed.servedBy = servedBy
    closed.billed = billed
    closed.rung = rung
    const isEstimated = outcome === 'ok' && committed?.usage === null
    out.record(isEstimated ? { ...closed, usageEstimated: true } : closed)
  }
}

const ROUTED: Form<CallRouted> = {
  kind: 'call.routed',
  at: 0,
  request: 0,
  call: 0,
  rule: -1,
  rung: 0,
  funnel: [],
  order: [],
  inputTokens: 0,
  maxTokens: null,
  shape: PLAIN_CHAT,
}

const CLOSED: Form<CallClosed> = {
  kind: 'call.closed',
  at: 0,
  request: 0,
  call: 0,
  outcome: 'ok',
  errorClass: null,
  status: 200,
  attempts: 0,
  firstChoice: -1,
  servedBy: -1,
  billed: 0,
  rung: 0,
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
