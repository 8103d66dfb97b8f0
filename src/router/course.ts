/**
 * The course of a request half: which strategy orders the endpoints of each of its models. There are two, because requests
 * with tools have Auto Exacto where nobody asks for another order (openrouter.md §1.2, §1.8, §1.11).
 *
 *   `order`              by price, those that are not well last; who is named comes before them all (plan.ts)
 *   a sort               as it says: of the request, of a suffix, of a service tier, in this order
 *   `balance`            of the policy: by load
 *   an account's sort    as it says
 *   tools                Exacto
 *   no fallbacks         the cheapest
 *   nothing              load balancing by price
 */
import { at } from '../base/index.ts'
import type { Offer } from '../protocol/index.ts'
import type { Resilience } from './policy.ts'
import { sortOf, type Intent, type ModelWish } from './resolve.ts'
import { BALANCES, priceWeighted, SORTS } from './strategies/index.ts'
import type { Strategy } from './strategy.ts'
import type { Terms } from './terms.ts'

/** Endpoints that are ordered among themselves, before those of the next group. */
export interface Group {
  readonly endpoints: readonly number[]
  readonly strategy: Strategy
  /** An endpoint of each model in it. */
  readonly ofModels: readonly number[]
}

export class Course {
  /** Whether the order is drawn by load, which knows of slow starts. */
  readonly isBalanced: boolean
  /** Prices and names alone decide, and perhaps who is well. */
  readonly isFixed: boolean
  /** Those that are not well go to the end of their group, whatever the strategy says. */
  readonly isByStatus: boolean
  /** The strategy of all, where there is only ever one group; null otherwise. */
  readonly only: Strategy | null
  private readonly intent: Intent
  private readonly offers: readonly Offer[]
  /** By model of the request; one for all of them, where they stand in one list. */
  private readonly strategies: readonly Strategy[]
  /** So that each list is split once. */
  private readonly known = new WeakMap<readonly number[], readonly Group[]>()

  constructor(intent: Intent, { offers, choices, gateway }: Terms, balance: Resilience['balance'], hasTools: boolean) {
    const { wishes, order, partition, provider } = intent
    const hasOrder = order.length > 0
    const byDefault = hasOrder || balance !== undefined ? null : (gateway.account?.default_provider_sort ?? null)
    const sorts = wishes.map((wish) =>
      hasOrder && !choices.order_then_sort ? null : (sortOf(intent, wish) ?? byDefault),
    )
    const isSorted = sorts.some((sort) => sort !== null)
    const unsorted = (): Strategy => {
      if (hasOrder) return SORTS.price
      if (balance !== undefined) return BALANCES[balance.by]
      if (hasTools) return SORTS.exacto
      return provider.allow_fallbacks === false ? SORTS.price : priceWeighted
    }
    const strategies = sorts.map((sort) => (sort === null ? unsorted() : SORTS[sort]))
    const first = sorts.findIndex((sort) => sort !== null)
    this.intent = intent
    this.offers = offers
    this.strategies = partition === 'model' ? strategies : [at(strategies, Math.max(0, first))]
    this.only = this.strategies.length === 1 && !this.isTiered ? at(this.strategies, 0) : null
    this.isBalanced = !hasOrder && balance !== undefined && !isSorted
    this.isFixed = this.strategies.every((strategy) => strategy === SORTS.price)
    this.isByStatus = hasOrder || (isSorted && choices.status_sorting === 'always')
  }

  uses(...strategies: readonly Strategy[]): boolean {
    return this.strategies.some((strategy) => strategies.includes(strategy))
  }

  /** Model by model, in the order of the request; a model that nobody serves has no group. */
  groups(eligible: readonly number[]): readonly Group[] {
    let groups = this.known.get(eligible)
    if (groups === undefined) {
      const { wishes, partition } = this.intent
      const lists = partition === 'none' ? [eligible] : wishes.map((wish) => this.ofModel(eligible, wish))
      groups = lists
        .flatMap((list, index) => this.byTier(list).map((tier) => this.group(tier, at(this.strategies, index))))
        .filter(({ endpoints }) => endpoints.length > 0)
      this.known.set(eligible, groups)
    }
    return groups
  }

  private ofModel(eligible: readonly number[], { model }: ModelWish): readonly number[] {
    return eligible.filter((endpoint) => at(this.offers, endpoint).model === model)
  }

  /** `service_tier: priority` goes to that tier first, and to the others if it must. */
  private get isTiered(): boolean {
    return this.intent.tier === 'priority' && this.intent.order.length === 0
  }

  private byTier(list: readonly number[]): readonly (readonly number[])[] {
    if (!this.isTiered) return [list]
    const isFirst = (endpoint: number): boolean => at(this.offers, endpoint).tier === 'priority'
    return [list.filter(isFirst), list.filter((endpoint) => !isFirst(endpoint))]
  }

  private group(endpoints: readonly number[], strategy: Strategy): Group {
    const byModel = new Map(endpoints.map((endpoint) => [at(this.offers, endpoint).model, endpoint]))
    return { endpoints, strategy, ofModels: [...byModel.values()] }
  }
}
