/**
 * The router Machine: all calls in flight, one queue of deadlines, one view of health. It carries events to the life
 * they belong to, and after each tells the roster when that life next wants to be woken.
 */
import { at, type Machine, type Millis, type Rng, Roster } from '../base/index.ts'
import type { Out } from '../ledger/index.ts'
import type { Call, Offer } from '../protocol/index.ts'
import { Health } from './health.ts'
import type { RouterCommand, RouterEvent } from './messages.ts'
import { Intake } from './policies/shedding.ts'
import { Planner } from './plan.ts'
import { providerPreferencesSchema, type Policy, type RequestHalf } from './policy.ts'
import { Allowance } from './allowance.ts'
import { Ladder } from './ladder.ts'
import { halfOfRule, NO_RULE, RuleBook } from './rules.ts'
import { lifeOf } from './attempt.ts'
import { BudgetBook } from './policies/budget.ts'
import { needsMeasuring } from './policies/hedge.ts'
import { reactionsOf } from './reactions.ts'
import { PLAN_STREAM, RequestLife, type House } from './request.ts'

export type { RouterCommand, RouterEvent } from './messages.ts'

/** Foreign request halves whose plans are remembered; the oldest is forgotten beyond that. */
const FOREIGN_PLANNERS_MAX = 256

export interface RouterOptions {
  readonly offers: readonly Offer[]
  readonly policies: readonly Policy[]
  readonly rng: Rng
  /** Names of the workflows, by index: what rules may choose by. */
  readonly workflows?: readonly string[]
  /** Measure latency and throughput even if no policy sorts by them: calls may bring their own request half. */
  readonly measuresSpeed?: boolean
}

/** The rules of one policy, and a planner for each. */
interface PolicyRules {
  readonly book: RuleBook
  readonly planners: readonly Planner[]
}

export class Router implements Machine<RouterEvent, Out<RouterCommand>> {
  private readonly house: House
  private readonly rng: Rng
  private readonly planners: readonly Planner[]
  /** null for a policy without rules. */
  private readonly rules: readonly (PolicyRules | null)[]
  private readonly budgets: readonly (BudgetBook | null)[]
  private readonly foreign = new Map<string, Planner>()
  private readonly lives = new Roster<RequestLife>()

  constructor({ offers, policies, rng, workflows = [], measuresSpeed = false }: RouterOptions) {
    this.rng = rng
    this.planners = policies.map((policy) => new Planner(policy, offers, NO_RULE, policy.resilience))
    this.rules = policies.map((policy) => {
      if (policy.rules.length === 0) return null
      const planners = policy.rules.map(
        (rule, index) => new Planner(halfOfRule(rule, policy), offers, index, policy.resilience),
      )
      return { book: new RuleBook(policy.rules, workflows), planners }
    })
    const ladders = policies.map((policy) => {
      const halves = [policy, ...policy.rules.map((rule) => halfOfRule(rule, policy))]
      return policy.resilience.degrade ? new Ladder(policy.resilience.degrade, halves, offers, policy.resilience) : null
    })
    const planners = [...this.planners, ...this.rules.flatMap((rules) => rules?.planners ?? [])]
    const isMeasured =
      measuresSpeed ||
      planners.some((planner) => planner.needsStatistics) ||
      policies.some(({ resilience }) => needsMeasuring(resilience.hedge))
    this.budgets = policies.map(({ resilience }) =>
      resilience.budget ? new BudgetBook(resilience.budget, offers) : null,
    )
    const reactions = policies.map(({ resilience }) => reactionsOf(resilience.reactions))
    const allowances = policies.map((policy) => new Allowance(policy, offers.length))
    this.house = {
      offers,
      policies,
      reactions,
      allowances,
      ladders,
      budgets: this.budgets,
      rng,
      health: new Health(offers, policies, isMeasured),
      intakes: policies.map(({ resilience: { shedding } }) => (shedding ? new Intake(shedding) : null)),
    }
  }

  handle(event: RouterEvent, now: Millis, out: Out<RouterCommand>): void {
    this.take(event, now, out)
    if (this.house.health.woken.length > 0) this.goOn(now, out)
  }

  /** One call's end is another's turn, and that one's end may be the next one's. */
  private goOn(now: Millis, out: Out<RouterCommand>): void {
    const { woken } = this.house.health
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
        const life = lifeOf(event.attempt)
        if (!life) return
        life.signalled(event.attempt, event.signals, now, out)
        this.settle(life)
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
        this.lives.at(event.call.slot)?.block(now, out)
        return
      case 'client.drained': {
        const life = this.lives.at(event.call.slot)
        life?.drain(now, out)
        if (life) this.settle(life)
        return
      }
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
    this.house.health.sweep(now, out)
    const rng = this.rng.fork(PLAN_STREAM, call.request.weather, call.number)
    const plan = this.plannerOf(call, now).plan(call.request, at(this.house.health.beliefs, call.policy), rng, now)
    const life = new RequestLife(call, plan, this.house, now)
    call.slot = this.lives.add(life)
    life.arrive(now, out)
    this.settle(life)
  }

  private plannerOf(call: Call, now: Millis): Planner {
    if (call.half === null) {
      const rules = at(this.rules, call.policy)
      const rule =
        rules === null
          ? NO_RULE
          : rules.book.match(call.request, this.budgets[call.policy]?.left(call.request, now) ?? 1)
      return rules === null || rule === NO_RULE ? at(this.planners, call.policy) : at(rules.planners, rule)
    }
    const key = `${call.policy} ${JSON.stringify(call.half)}`
    let planner = this.foreign.get(key)
    if (!planner) {
      const provider = providerPreferencesSchema.parse(call.half.provider)
      const half = { models: call.half.models, provider } satisfies RequestHalf
      planner = new Planner(half, this.house.offers, NO_RULE, at(this.house.policies, call.policy).resilience)
      if (this.foreign.size >= FOREIGN_PLANNERS_MAX) this.foreign.delete([...this.foreign.keys()][0] as string)
      this.foreign.set(key, planner)
    }
    return planner
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
