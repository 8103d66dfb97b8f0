/**
 * The router Machine: all calls in flight, one queue of deadlines, one view of health. It carries events to the life
 * they belong to, and after each tells the roster when that life next wants to be woken.
 */
import { at, type Machine, type Millis, Rng, Roster } from '../base/index.ts'
import type { Out } from '../ledger/index.ts'
import type { Call, GatewaySpec, Offer } from '../protocol/index.ts'
import { Attempt } from './attempt.ts'
import type { Billing } from './billing.ts'
import { Desk } from './desk.ts'
import { Health } from './health.ts'
import type { RouterCommand, RouterEvent } from './messages.ts'
import { PLAN_STREAM } from './plan.ts'
import { PlannersByCaller } from './planners.ts'
import { needsMeasuring } from './policies/hedge.ts'
import type { Policy } from './policy.ts'
import { RequestLife } from './request.ts'
import { TermsByCaller, termsOf } from './terms.ts'

export type { RouterCommand, RouterEvent } from './messages.ts'

export interface RouterOptions {
  readonly offers: readonly Offer[]
  readonly policies: readonly Policy[]
  readonly rng: Rng
  /** Names of the workflows, by index: what rules may choose by. */
  readonly workflows?: readonly string[]
  /** Measure latency and throughput even if no policy sorts by them: calls may bring their own request half. */
  readonly measuresSpeed?: boolean
  /** What the fleet file says of the gateway. Default: nothing. */
  readonly gateway?: GatewaySpec
  /** Who pays. Absent: nobody is asked. */
  readonly billing?: Billing | null
}

export class Router implements Machine<RouterEvent, Out<RouterCommand>> {
  private readonly health: Health
  private readonly rng: Rng
  private readonly dice = Rng.blank()
  private readonly planners: readonly PlannersByCaller[]
  private readonly desks: readonly Desk[]
  private readonly lives = new Roster<RequestLife>()

  constructor({
    offers,
    policies,
    rng,
    workflows = [],
    measuresSpeed = false,
    gateway,
    billing = null,
  }: RouterOptions) {
    this.rng = rng
    const terms = termsOf(offers, gateway)
    const callers = new TermsByCaller(terms)
    this.planners = policies.map((policy) => new PlannersByCaller(policy, terms, callers, workflows))
    const isMeasured =
      measuresSpeed ||
      this.planners.some(({ everybody }) => everybody.needStatistics) ||
      policies.some(({ resilience }) => needsMeasuring(resilience.hedge))
    this.health = new Health(terms, policies, isMeasured)
    const house = { terms, callers, health: this.health, rng, billing }
    this.desks = policies.map((policy, index) => new Desk(policy, index, house))
  }

  handle(event: RouterEvent, now: Millis, out: Out<RouterCommand>): void {
    this.take(event, now, out)
    if (this.health.woken.length > 0) this.goOn(now, out)
  }

  /** One call's end is another's turn, and that one's end may be the next one's. */
  private goOn(now: Millis, out: Out<RouterCommand>): void {
    const { woken } = this.health
    for (let turn = woken.shift(); turn !== undefined; turn = woken.shift()) {
      turn.life.turnCame(turn, now, out)
      this.settle(turn.life)
    }
  }

  private take(event: RouterEvent, now: Millis, out: Out<RouterCommand>): void {
    switch (event.type) {
      case 'call.arrived':
        this.arrive(event.call, now, out)
        return
      case 'attempt.signalled': {
        const { attempt, signals } = event
        if (!(attempt instanceof Attempt)) return
        attempt.life.race.signalled(attempt, signals, now, out)
        this.settle(attempt.life)
        return
      }
      case 'call.cancelled': {
        const life = this.lives.at(event.call.slot)
        if (!life || life.call !== event.call) return
        life.cancel(event.class, now, out)
        this.settle(life)
        return
      }
      case 'client.blocked':
        this.lives.at(event.call.slot)?.race.block(now, out)
        return
      case 'client.drained': {
        const life = this.lives.at(event.call.slot)
        life?.race.drain(now, out)
        if (life) this.settle(life)
        return
      }
      case 'retries.stopped':
        for (const desk of this.desks) desk.attemptsMax = 1
        return
      case 'run.ended':
        for (const life of this.lives.everybody()) {
          life.cancel('cancelled', now, out)
          this.settle(life)
        }
        return
      case 'wake':
        this.wake(now, out)
    }
  }

  wakeAt(): Millis {
    return this.lives.nextAt()
  }

  /** How many calls are in flight. */
  get inFlight(): number {
    return this.lives.size
  }

  private arrive(call: Call, now: Millis, out: Out<RouterCommand>): void {
    this.health.sweep(now, out)
    const desk = at(this.desks, call.policy)
    const planner = at(this.planners, call.policy).of(call.caller).of(call, desk.budget, now)
    const rng = this.rng.forkInto(this.dice, PLAN_STREAM, call.request.weather, call.number)
    const life = new RequestLife(call, planner.plan(call.request, desk.belief, rng, now, call.caller), desk, now)
    call.slot = this.lives.add(life)
    life.arrive(now, out)
    this.settle(life)
  }

  private wake(now: Millis, out: Out<RouterCommand>): void {
    for (let life = this.lives.due(now); life !== null; life = this.lives.due(now)) {
      if (life.nextDeadline() <= now) life.wake(now, out)
      this.settle(life)
    }
  }

  /** After anything happened to a life: queue its next deadline, or let it go. */
  private settle(life: RequestLife): void {
    if (life.phase === 'closed') {
      if (life.call.slot >= 0) this.lives.remove(life.call.slot)
      life.call.slot = -1
      return
    }
    this.lives.wake(life.call.slot, life.nextDeadline())
  }
}
