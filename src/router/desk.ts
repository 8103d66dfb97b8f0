/**
 * The desk of one policy: what it says about trying, and the books that all its calls share. A life is handled at one
 * desk from beginning to end.
 */
import { at, type Rng } from '../base/index.ts'
import type { Choices, ErrorClass, Offer } from '../protocol/index.ts'
import { Allowance } from './allowance.ts'
import type { Failure } from './failures.ts'
import type { Billing } from './billing.ts'
import type { Guard } from './guard.ts'
import type { Health } from './health.ts'
import { Ladder } from './ladder.ts'
import { BudgetBook } from './policies/budget.ts'
import { Intake } from './policies/shedding.ts'
import type { Policy, Resilience } from './policy.ts'
import { reactionsOf, type Reaction } from './reactions.ts'
import { halfOfRule } from './rules.ts'
import type { Belief } from './strategy.ts'
import type { Terms, TermsByCaller } from './terms.ts'

/** What all desks share. */
export interface House {
  readonly terms: Terms
  readonly callers: TermsByCaller
  readonly health: Health
  readonly rng: Rng
  /** Who pays; null: nobody is asked. */
  readonly billing: Billing | null
}

export class Desk {
  /** Index of the policy. */
  readonly policy: number
  readonly resilience: Resilience
  readonly offers: readonly Offer[]
  /** What whoever calls is held to. */
  readonly callers: TermsByCaller
  /** How the contract is read where it is open. */
  readonly choices: Choices
  /** Unix time of instant 0, in ms: prices may go by the clock. */
  readonly epoch: number
  readonly health: Health
  readonly rng: Rng
  /** What the policy believes of endpoints, and what stands between it and each of them. */
  readonly belief: Belief
  readonly guards: readonly Guard[]
  /** What each class of error means for it: see `reactionTo`. */
  readonly reactions: Readonly<Record<ErrorClass, Reaction>>
  /** The extra attempts it may make. */
  readonly allowance: Allowance
  /** What to do with less; null for nothing. */
  readonly ladder: Ladder | null
  /** Attempts that any call may make, whatever the policy says. Infinity, unless retries have been stopped. */
  attemptsMax = Infinity
  /** Who pays; null: nobody is asked. */
  readonly billing: Billing | null
  /** What may be spent; null for no budget. */
  readonly budget: BudgetBook | null
  /** Its calls under way, where they are limited. */
  readonly intake: Intake | null

  constructor(policy: Policy, index: number, { terms, callers, health, rng, billing }: House) {
    const { resilience } = policy
    const { budget, degrade, shedding } = resilience
    this.policy = index
    this.resilience = resilience
    const { offers, choices } = terms
    this.offers = offers
    this.choices = choices
    this.epoch = terms.gateway.epoch
    this.callers = callers
    this.health = health
    this.rng = rng
    this.billing = billing
    this.belief = at(health.beliefs, index)
    this.guards = at(health.guards, index)
    this.reactions = reactionsOf(resilience.reactions, choices)
    this.allowance = new Allowance(policy, offers.length)
    const halves = [policy, ...policy.rules.map((rule) => halfOfRule(rule, policy))]
    this.ladder = degrade ? new Ladder(degrade, halves, resilience) : null
    this.budget = budget ? new BudgetBook(budget, offers, this.epoch) : null
    this.intake = shedding ? new Intake(shedding) : null
  }

  /** What a failure means: that of its class, unless nothing was said at all, and that is to be the end. */
  reactionTo({ class: errorClass, isBlank }: Failure): Reaction {
    const isTakenAsEmpty = isBlank === true && !this.choices.blank_responses_cascade
    return this.reactions[isTakenAsEmpty ? 'empty_completion' : errorClass]
  }
}
