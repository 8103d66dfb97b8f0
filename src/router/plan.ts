/**
 * Planning one call: the funnel, then the order. Eligibility depends on the request half, the shape and (rarely) the
 * length of a request, so it is computed once per combination and remembered; the order depends on the moment.
 *
 * The order, as OpenRouter publishes it (openrouter.md §1.1–1.5, §2.2): model by model unless `partition: none`; inside
 * a model the strategy; then endpoints that miss a preferred threshold go to the end; then those named in `order` come
 * to the front, in that order; then keys of one's own come before them all (byok.ts); then `allow_fallbacks: false` cuts
 * the list.
 */
import { at, hashName, type Millis, type Rng } from '../base/index.ts'
import type { Candidate, FunnelStep } from '../ledger/index.ts'
import type { ChatRequest, Offer, RequestShape } from '../protocol/index.ts'
import { OwnKeys } from './byok.ts'
import { matchesSlug, runFunnel, type Eligibility } from './eligibility.ts'
import { tierLoads, tierOf } from './policies/spill-over.ts'
import { stickyEndpoint, stickyKey } from './policies/stickiness.ts'
import type { ProviderPreferences, RequestHalf, Resilience } from './policy.ts'
import { resolve } from './resolve.ts'
import { NO_RULE } from './rules.ts'
import { BALANCES, priceWeighted, SORTS } from './strategies/index.ts'
import type { Belief, RankContext, Strategy } from './strategy.ts'
import type { Terms } from './terms.ts'

export interface Plan {
  /** Index of the rule whose models these are; NO_RULE for the policy's own. */
  readonly rule: number
  readonly funnel: readonly FunnelStep[]
  readonly order: readonly Candidate[]
}

type Threshold = NonNullable<ProviderPreferences['preferred_max_latency']>

const QUANTILES = [
  ['p50', 0.5],
  ['p75', 0.75],
  ['p90', 0.9],
  ['p99', 0.99],
] as const

/** What of a policy's resilience half has a say in the order. */
export type Arrangement = Partial<Pick<Resilience, 'balance' | 'stickiness' | 'breaker' | 'spill_over'>>

/** The stream of a call's plans. */
export const PLAN_STREAM = 0x706c
const SLOW_START_STREAM = 0x7373
const SPILL_STREAM = 0x7370

export class Planner {
  private readonly offers: readonly Offer[]
  private readonly half: RequestHalf
  private readonly terms: Terms
  /** Weak: a live gateway decodes a shape of its own for every request. */
  private readonly byShape = new WeakMap<RequestShape, Eligibility>()
  private readonly strategy: Strategy
  private readonly partition: 'model' | 'none'
  /** Nothing but load balancing over one list: the order can be handed out as the strategy made it. */
  private readonly isPlain: boolean
  /** The order depends on prices and names alone: one plan for all requests that the same endpoints may serve. */
  private readonly isFixed: boolean
  private readonly fixed = new WeakMap<readonly number[], Plan>()
  private readonly rule: number
  private readonly arrangement: Arrangement
  /** null: nobody has keys of their own for these models. */
  private readonly ownKeys: OwnKeys | null
  /** Whether the order is drawn by load, which knows of slow starts. */
  private readonly isBalanced: boolean
  /** Hashes of the endpoints' ids: what a key sticks to must not depend on its place in the fleet. */
  private readonly names: readonly number[]
  /** The groups of a list, so that each list is split once. */
  private readonly groups = new WeakMap<readonly number[], readonly (readonly number[])[]>()

  constructor(asked: RequestHalf, terms: Terms, rule: number = NO_RULE, arrangement: Arrangement = {}) {
    const half = resolve(asked)
    this.terms = terms
    this.offers = terms.offers
    this.half = half
    this.rule = rule
    this.arrangement = arrangement
    this.names = arrangement.stickiness ? this.offers.map(({ id }) => hashName(id)) : []
    const { sort } = half.provider
    const by = typeof sort === 'string' ? sort : sort?.by
    const order = half.provider.order ?? []
    const isAlone = half.provider.allow_fallbacks === false
    // `order` or `sort` switch load balancing off; after `order`, the rest comes in strict price order. Without fallbacks
    // and without an order, the one endpoint is the cheapest.
    const { balance } = arrangement
    this.isBalanced = !by && order.length === 0 && balance !== undefined
    const unsorted = balance ? BALANCES[balance.by] : isAlone ? SORTS.price : priceWeighted
    this.strategy = by ? SORTS[by] : order.length > 0 ? SORTS.price : unsorted
    this.partition = (typeof sort === 'object' ? sort?.partition : null) ?? 'model'
    this.ownKeys = OwnKeys.of(half.models, this.partition, terms)
    const isUnmoved =
      this.ownKeys === null &&
      half.provider.preferred_max_latency == null &&
      half.provider.preferred_min_throughput == null &&
      !arrangement.stickiness &&
      (this.isBalanced || !arrangement.breaker?.slow_start)
    this.isPlain =
      isUnmoved && half.models.length === 1 && order.length === 0 && half.provider.allow_fallbacks !== false
    this.isFixed = isUnmoved && !arrangement.spill_over && this.strategy === SORTS.price
  }

  /** Whether plans depend on measured latency or throughput, so that somebody has to measure. */
  get needsStatistics(): boolean {
    const { provider } = this.half
    return (
      this.strategy === SORTS.latency ||
      this.strategy === SORTS.throughput ||
      provider.preferred_max_latency != null ||
      provider.preferred_min_throughput != null
    )
  }

  plan(request: ChatRequest, belief: Belief, rng: Rng, now: Millis): Plan {
    const known = this.eligibility(request)
    const context = { offers: this.offers, belief, rng, now }
    if (this.isFixed) {
      let plan = this.fixed.get(known.eligible)
      if (!plan) this.fixed.set(known.eligible, (plan = this.arrange(known, request, context)))
      return plan
    }
    if (this.isPlain) {
      return { rule: this.rule, funnel: known.funnel, order: this.strategy.rank(known.eligible, context) }
    }
    return this.arrange(known, request, context)
  }

  private arrange(known: Eligibility, request: ChatRequest, context: RankContext): Plan {
    const { belief, now } = context
    const { eligible } = known
    const groups = this.spilled(this.groupsOf(eligible), context)
    const ranked = groups.flatMap((group) => this.strategy.rank(group, context))
    const stuck = this.stuckFirst(ranked, groups[0] ?? [], request, belief, now)
    const { order, listed } = this.listedFirst(this.preferredFirst(stuck, belief, now))
    const keyed = this.ownKeys === null ? { order, funnel: known.funnel } : this.ownKeys.addTo(order, known)
    const plan = this.withoutFallbacks(keyed.order, listed, keyed.funnel)
    return { ...plan, order: this.easedIn(plan.order, context) }
  }

  /** Model by model, in the order of the request; a model that nobody serves has no group. */
  private groupsOf(eligible: readonly number[]): readonly (readonly number[])[] {
    let groups = this.groups.get(eligible)
    if (groups === undefined) {
      groups =
        this.partition === 'none'
          ? [eligible]
          : [...new Set(this.half.models)].map((model) =>
              eligible.filter((endpoint) => at(this.offers, endpoint).model === model),
            )
      groups = groups.filter((group) => group.length > 0)
      this.groups.set(eligible, groups)
    }
    return groups
  }

  /** The groups as they are to be asked: where the first is not well, the draw may let another begin. */
  private spilled(groups: readonly (readonly number[])[], { belief, rng, now }: RankContext): typeof groups {
    const { spill_over: spillOver } = this.arrangement
    if (!spillOver || groups.length < 2) return groups
    const healthy = groups.map(
      (group) => group.filter((endpoint) => belief.isOpen(endpoint, now)).length / group.length,
    )
    const first = tierOf(tierLoads(spillOver, healthy), rng.fork(SPILL_STREAM).next())
    if (first === 0) return groups
    return [at(groups, first), ...groups.slice(0, first), ...groups.slice(first + 1)]
  }

  /** The endpoint that the request sticks to comes first, unless the request half has an order of its own. */
  private stuckFirst(
    order: Candidate[],
    group: readonly number[],
    request: ChatRequest,
    belief: Belief,
    now: Millis,
  ): Candidate[] {
    const { stickiness } = this.arrangement
    if (!stickiness || (this.half.provider.order ?? []).length > 0) return order
    const key = stickyKey(stickiness, request)
    if (key === null) return order
    const load = (endpoint: number): number => (belief.isOpen(endpoint, now) ? belief.load(endpoint, now) : -1)
    const stuck = stickyEndpoint(key, group, this.names, stickiness.bound, load)
    if (stuck < 0) return order
    const others = order.filter(({ endpoint }) => endpoint !== stuck)
    return [{ endpoint: stuck, score: load(stuck), reason: 'sticky' }, ...others]
  }

  /** An endpoint that starts slowly is first choice for its share of requests, and last choice for the others. */
  private easedIn(order: readonly Candidate[], { belief, rng, now }: RankContext): readonly Candidate[] {
    if (this.isBalanced || !this.arrangement.breaker?.slow_start) return order
    const mustWait = ({ endpoint }: Candidate): boolean => {
      const share = belief.share(endpoint, now)
      return share < 1 && !rng.fork(SLOW_START_STREAM, hashName(at(this.offers, endpoint).id)).chance(share)
    }
    const waiting = order.filter(mustWait)
    if (waiting.length === 0) return order
    const others = order.filter((candidate) => !waiting.includes(candidate))
    return [...others, ...waiting.map((candidate) => ({ ...candidate, reason: 'slow start' }))]
  }

  private eligibility(request: ChatRequest): Eligibility {
    let known = this.byShape.get(request.shape)
    if (!known) {
      known = runFunnel({ ...this.half, shape: request.shape, inputTokens: 0, maxTokens: null }, this.terms)
      this.byShape.set(request.shape, known)
    }
    const output = request.maxTokens ?? 0
    const fits = request.inputTokens + output <= known.contextLength && output <= known.maxOutput
    if (fits) return known
    const { shape, inputTokens, maxTokens } = request
    return runFunnel({ ...this.half, shape, inputTokens, maxTokens }, this.terms)
  }

  /** Endpoints that miss a preferred threshold go to the end; they stay usable. No samples: not held against them. */
  private preferredFirst(order: Candidate[], belief: Belief, now: Millis): Candidate[] {
    const { preferred_max_latency: latency, preferred_min_throughput: throughput } = this.half.provider
    if (latency == null && throughput == null) return order
    const meets = ({ endpoint }: Candidate): boolean =>
      cutoffs(latency).every(([q, seconds]) => (belief.ttftMs(endpoint, q, now) ?? 0) <= seconds * 1_000) &&
      cutoffs(throughput).every(([q, speed]) => (belief.throughput(endpoint, q, now) ?? Infinity) >= speed)
    const missed = order
      .filter((candidate) => !meets(candidate))
      .map((candidate) => ({ ...candidate, reason: 'misses a preferred threshold' }))
    return [...order.filter(meets), ...missed]
  }

  /** Those that `order` names come first, in its order; which those are, null without one. */
  private listedFirst(order: Candidate[]): { order: Candidate[]; listed: ReadonlySet<number> | null } {
    const { order: slugs } = this.half.provider
    if (slugs == null || slugs.length === 0) return { order, listed: null }
    const named = slugs.flatMap((slug) => order.filter(({ endpoint }) => matchesSlug(slug, at(this.offers, endpoint))))
    const front = [...new Set(named)]
    const rest = order.filter((candidate) => !front.includes(candidate))
    const listed = new Set(front.map(({ endpoint }) => endpoint))
    return { order: [...front.map((candidate) => ({ ...candidate, reason: 'provider.order' })), ...rest], listed }
  }

  /** `allow_fallbacks: false` leaves those that `order` names, each with its copies; without an order, the first. */
  private withoutFallbacks(
    order: readonly Candidate[],
    listed: ReadonlySet<number> | null,
    funnel: readonly FunnelStep[],
  ): Plan {
    const { rule } = this
    if (this.half.provider.allow_fallbacks !== false) return { rule, funnel, order }
    const sharedOf = ({ endpoint }: Candidate): number => at(this.offers, endpoint).byok?.of ?? endpoint
    const kept = listed === null ? order.slice(0, 1) : order.filter((candidate) => listed.has(sharedOf(candidate)))
    if (kept.length === order.length) return { rule, funnel, order }
    const left = new Set(kept.map(sharedOf))
    const removed = [...new Set(order.map(sharedOf))].filter((endpoint) => !left.has(endpoint))
    return { rule, funnel: [...funnel, { step: 'Filter by Fallback', left: left.size, removed }], order: kept }
  }
}

function cutoffs(threshold: Threshold | null | undefined): [number, number][] {
  if (threshold == null) return []
  if (typeof threshold === 'number') return [[0.5, threshold]]
  return QUANTILES.flatMap(([name, q]) => (threshold[name] == null ? [] : [[q, threshold[name]] as [number, number]]))
}
