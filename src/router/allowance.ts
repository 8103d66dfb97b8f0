/**
 * How much extra work a policy allows itself beyond one attempt per request: its retry budget, as a whole or endpoint
 * by endpoint, and its share of hedges. Shared by all requests of the policy.
 */
import { at, type Millis } from '../base/index.ts'
import { HedgeBudget } from './policies/hedge.ts'
import { retryBudget, type RetryBudget } from './policies/retry-budget.ts'
import type { Policy } from './policy.ts'

export class Allowance {
  readonly hedges: HedgeBudget | null
  /** Whether going to another endpoint is charged, too. */
  readonly coversFailover: boolean
  private readonly overall: RetryBudget | null
  private readonly byEndpoint: readonly RetryBudget[] | null

  constructor({ resilience: { hedge, retry_budget: budget } }: Policy, endpoints: number) {
    this.hedges = hedge ? new HedgeBudget(hedge) : null
    this.coversFailover = budget?.covers === 'all'
    this.overall = budget?.scope === 'overall' ? retryBudget(budget) : null
    this.byEndpoint = budget?.scope === 'endpoint' ? Array.from({ length: endpoints }, () => retryBudget(budget)) : null
  }

  /** A request has come, and its first choice is this endpoint. */
  requested(endpoint: number, now: Millis): void {
    this.hedges?.deposit()
    this.budget(endpoint)?.requested(now)
  }

  closed(endpoint: number): void {
    this.budget(endpoint)?.closed()
  }

  reported(endpoint: number, isFailure: boolean, price: number): void {
    this.budget(endpoint)?.reported(isFailure, price)
  }

  returned(endpoint: number): void {
    this.budget(endpoint)?.returned()
  }

  /** Charge one more attempt at an endpoint: its price, -1 without a budget, null when it cannot be paid. */
  withdraw(endpoint: number, wasThrottled: boolean, now: Millis): number | null {
    const budget = this.budget(endpoint)
    return budget === null ? -1 : budget.withdraw(wasThrottled, now)
  }

  private budget(endpoint: number): RetryBudget | null {
    return this.byEndpoint === null ? this.overall : at(this.byEndpoint, endpoint)
  }
}
