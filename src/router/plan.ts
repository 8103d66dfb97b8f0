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
import type { Caller, ChatRequest, Offer } from '../protocol/index.ts'
import { OwnKeys } from './byok.ts'
import { Compression } from './compression.ts'
import { Course, type Group } from './course.ts'
import { Funnel, type Eligibility } from './eligibility.ts'
import { Moderation } from './moderation.ts'
import { noEndpoint, type NoEndpoint } from './no-endpoint.ts'
import { tierLoads, tierOf } from './policies/spill-over.ts'
import { stickyEndpoint, stickyKey } from './policies/stickiness.ts'
import type { ProviderPreferences, RequestHalf, Resilience } from './policy.ts'
import { resolve, type Intent } from './resolve.ts'
import { NO_RULE } from './rules.ts'
import { placesIn } from './slugs.ts'
import { readsCheaper } from './sticky.ts'
import { SORTS } from './strategies/index.ts'
import { STATUS, STATUSES, type Belief, type RankContext } from './strategy.ts'
import type { Terms } from './terms.ts'

export interface Plan {
  /** Index of the rule whose models these are; NO_RULE for the policy's own. */
  readonly rule: number
  readonly funnel: readonly FunnelStep[]
  readonly order: readonly Candidate[]
  /** Why there is nobody in it; null where there is somebody. */
  readonly nobody: NoEndpoint | null
  /** What prompts are cut by that are too long for an endpoint of it; null: nothing. */
  readonly compression: Compression | null
  /** Who looks at prompts before they reach an endpoint of it; null: nobody. */
  readonly moderation: Moderation | null
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
  private readonly intent: Intent
  private readonly models: readonly string[]
  private readonly terms: Terms
  private readonly compression: Compression | null
  private readonly moderation: Moderation | null
  private readonly funnel: Funnel
  /** By endpoint: its place in `order`; Infinity for those that are not named there. Empty without an order. */
  private readonly places: readonly number[]
  /** For requests without tools, and with some; the same where both are ordered alike. */
  private readonly course: Course
  private readonly withTools: Course
  /** Nothing moves what the strategies make, but who is well. */
  private readonly isUnmoved: boolean
  /** Plans of a course whose order is fixed, by list and by who is well: one for all requests that these may serve. */
  private readonly fixed = new WeakMap<readonly number[], Map<number, Plan>>()
  private readonly rule: number
  private readonly arrangement: Arrangement
  /** null: nobody has keys of their own for these models. */
  private readonly ownKeys: OwnKeys | null
  /** Whether a conversation stays with the endpoint that has its prompt in the cache. */
  private readonly isSticky: boolean
  /** Hashes of the endpoints' ids: what a key sticks to must not depend on its place in the fleet. */
  private readonly names: readonly number[]

  constructor(half: RequestHalf, terms: Terms, rule: number = NO_RULE, arrangement: Arrangement = {}) {
    const { balance, stickiness, breaker } = arrangement
    this.terms = terms
    this.offers = terms.offers
    this.intent = resolve(half, (model) => this.offers.some((offer) => offer.model === model))
    this.models = this.intent.wishes.map(({ model }) => model)
    const served = this.offers.filter(({ model }) => this.models.includes(model))
    this.compression = Compression.of(half, served, terms.gateway.plugins)
    this.moderation = Moderation.of(half, served, terms.gateway)
    this.funnel = new Funnel(this.intent, terms, this.compression)
    this.places = this.intent.order.length === 0 ? [] : placesIn(this.intent.order, terms)
    this.rule = rule
    this.arrangement = arrangement
    this.names = stickiness ? this.offers.map(({ id }) => hashName(id)) : []
    this.course = new Course(this.intent, terms, balance, false)
    const withTools = new Course(this.intent, terms, balance, true)
    this.withTools = withTools.uses(SORTS.exacto) ? withTools : this.course
    this.ownKeys = OwnKeys.of(this.models, this.intent.partition, terms)
    const { provider, order } = this.intent
    this.isSticky = order.length === 0 && stickiness === undefined && balance === undefined && served.some(readsCheaper)
    this.isUnmoved =
      this.ownKeys === null &&
      provider.preferred_max_latency == null &&
      provider.preferred_min_throughput == null &&
      !stickiness &&
      !arrangement.spill_over &&
      (this.course.isBalanced || !breaker?.slow_start)
  }

  /** Whether plans depend on measured latency or throughput, so that somebody has to measure. */
  get needsStatistics(): boolean {
    const { provider } = this.intent
    return (
      this.course.uses(SORTS.latency, SORTS.throughput) ||
      (this.withTools.uses(SORTS.exacto) && this.terms.choices.exacto_within === 'throughput') ||
      provider.preferred_max_latency != null ||
      provider.preferred_min_throughput != null
    )
  }

  plan(request: ChatRequest, belief: Belief, rng: Rng, now: Millis, caller: Caller | null = null): Plan {
    const known = this.funnel.of(request)
    const course = request.shape.tools.length === 0 ? this.course : this.withTools
    const context = { offers: this.offers, choices: this.terms.choices, belief, rng, now }
    if (!this.isUnmoved || (this.isSticky && this.isStaying(course, known.eligible, request, belief, now))) {
      return this.arrange(course, known, request, context, caller)
    }
    if (course.isFixed) return this.fixedPlan(course, known, request, context)
    const isPlain = course.only !== null && !course.isByStatus && this.intent.provider.allow_fallbacks !== false
    if (!isPlain) return this.arrange(course, known, request, context)
    const { eligible, funnel } = known
    const nobody = eligible.length > 0 ? null : this.nobody(known, funnel, request)
    const { rule, compression, moderation } = this
    return { rule, funnel, order: course.only.rank(eligible, context), nobody, compression, moderation }
  }

  private nobody({ removals }: Eligibility, funnel: readonly FunnelStep[], request: ChatRequest): NoEndpoint {
    return noEndpoint({ intent: this.intent, request, funnel, removals }, this.terms)
  }

  private fixedPlan(course: Course, known: Eligibility, request: ChatRequest, context: RankContext): Plan {
    const { eligible } = known
    let plans = this.fixed.get(eligible)
    if (plans === undefined) this.fixed.set(eligible, (plans = new Map()))
    const state = course.isByStatus ? statesOf(eligible, context) : 0
    let plan = plans.get(state)
    if (plan === undefined || state < 0) {
      plan = this.arrange(course, known, request, context)
      if (plan.nobody !== null) return plan // What is said of it may be about this request alone.
      if (plans.size >= STATES_MAX) plans.clear()
      plans.set(state, plan)
    }
    return plan
  }

  private arrange(
    course: Course,
    known: Eligibility,
    request: ChatRequest,
    context: RankContext,
    caller: Caller | null = null,
  ): Plan {
    const { belief, now } = context
    const groups = this.spilled(course.groups(known.eligible), context)
    const ranked = groups.flatMap((group) => this.ranked(course, group, request, context))
    const stuck = this.stuckFirst(ranked, groups[0]?.endpoints ?? [], request, belief, now)
    const { order: named, listed } = this.listedFirst(stuck)
    const order = this.preferredFirst(named, listed, belief, now)
    const keyed = this.ownKeys === null ? { order, funnel: known.funnel } : this.ownKeys.addTo(order, known, caller)
    const plan = this.withoutFallbacks(keyed.order, listed, keyed.funnel)
    const nobody = plan.order.length > 0 ? null : this.nobody(known, plan.funnel, request)
    const { rule, compression, moderation } = this
    return {
      rule,
      funnel: plan.funnel,
      order: this.easedIn(course, plan.order, context),
      nobody,
      compression,
      moderation,
    }
  }

  /** A group as its strategy has it: those that are not well at its end, and first who has the prompt in the cache. */
  private ranked(course: Course, group: Group, request: ChatRequest, context: RankContext): readonly Candidate[] {
    const { belief, now } = context
    let order = group.strategy.rank(group.endpoints, context)
    if (course.isByStatus) {
      const status = ({ endpoint }: Candidate): number => belief.status(endpoint, now)
      order = order.toSorted((left, right) => status(left) - status(right)) // A stable sort.
    }
    if (!this.isSticky) return order
    const stay = this.stayIn(group, request, belief, now)
    const place = stay < 0 ? -1 : order.findIndex(({ endpoint }) => endpoint === stay)
    if (place < 0) return order
    return [{ ...at(order, place), reason: 'sticky' }, ...order.slice(0, place), ...order.slice(place + 1)]
  }

  private isStaying(
    course: Course,
    eligible: readonly number[],
    request: ChatRequest,
    belief: Belief,
    now: Millis,
  ): boolean {
    if (request.session === null && request.conversation === undefined) return false
    return course.groups(eligible).some((group) => this.stayIn(group, request, belief, now) >= 0)
  }

  /** Where in a group the conversation stays, if nothing is known against that endpoint; -1 for nowhere. */
  private stayIn({ ofModels, endpoints }: Group, request: ChatRequest, belief: Belief, now: Millis): number {
    for (const endpoint of ofModels) {
      const stay = belief.stay(request, endpoint, now)
      if (stay >= 0 && endpoints.includes(stay) && belief.status(stay, now) <= STATUS.degraded) return stay
    }
    return -1
  }

  /** The groups as they are to be asked: where the first is not well, the draw may let another begin. */
  private spilled(groups: readonly Group[], { belief, rng, now }: RankContext): readonly Group[] {
    const { spill_over: spillOver } = this.arrangement
    if (!spillOver || groups.length < 2) return groups
    const healthy = groups.map(
      ({ endpoints }) => endpoints.filter((endpoint) => belief.isOpen(endpoint, now)).length / endpoints.length,
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
    if (!stickiness || this.intent.order.length > 0) return order
    const key = stickyKey(stickiness, request)
    if (key === null) return order
    const load = (endpoint: number): number => (belief.isOpen(endpoint, now) ? belief.load(endpoint, now) : -1)
    const stuck = stickyEndpoint(key, group, this.names, stickiness.bound, load)
    if (stuck < 0) return order
    const others = order.filter(({ endpoint }) => endpoint !== stuck)
    return [{ endpoint: stuck, score: load(stuck), reason: 'sticky' }, ...others]
  }

  /** An endpoint that starts slowly is first choice for its share of requests, and last choice for the others. */
  private easedIn(
    { isBalanced }: Course,
    order: readonly Candidate[],
    { belief, rng, now }: RankContext,
  ): readonly Candidate[] {
    if (isBalanced || !this.arrangement.breaker?.slow_start) return order
    const mustWait = ({ endpoint }: Candidate): boolean => {
      const share = belief.share(endpoint, now)
      return share < 1 && !rng.fork(SLOW_START_STREAM, hashName(at(this.offers, endpoint).id)).chance(share)
    }
    const waiting = order.filter(mustWait)
    if (waiting.length === 0) return order
    const others = order.filter((candidate) => !waiting.includes(candidate))
    return [...others, ...waiting.map((candidate) => ({ ...candidate, reason: 'slow start' }))]
  }

  /**
   * Endpoints that miss a preferred threshold go to the end, but for those that `order` names; they stay usable. No
   * samples: not held against them.
   */
  private preferredFirst(
    order: readonly Candidate[],
    listed: ReadonlySet<number> | null,
    belief: Belief,
    now: Millis,
  ): readonly Candidate[] {
    const { preferred_max_latency: latency, preferred_min_throughput: throughput } = this.intent.provider
    if (latency == null && throughput == null) return order
    const meets = ({ endpoint }: Candidate): boolean =>
      listed?.has(endpoint) === true ||
      (cutoffs(latency).every(([q, seconds]) => (belief.ttftMs(endpoint, q, now) ?? 0) <= seconds * 1_000) &&
        cutoffs(throughput).every(([q, speed]) => (belief.throughput(endpoint, q, now) ?? Infinity) >= speed))
    const missed = order
      .filter((candidate) => !meets(candidate))
      .map((candidate) => ({ ...candidate, reason: 'misses a preferred threshold' }))
    return [...order.filter(meets), ...missed]
  }

  /**
   * Those that `order` names come first, in its order, model by model unless all are in one list; which those are, null
   * without one.
   */
  private listedFirst(order: readonly Candidate[]): {
    order: readonly Candidate[]
    listed: ReadonlySet<number> | null
  } {
    const { places, intent } = this
    if (places.length === 0) return { order, listed: null }
    const placeOf = ({ endpoint }: Candidate): number => at(places, endpoint)
    const listed = new Set<number>()
    const modelOf = ({ endpoint }: Candidate): string => at(this.offers, endpoint).model
    const lists = intent.partition === 'none' ? [order] : [...Map.groupBy(order, modelOf).values()]
    const sorted = lists.flatMap((list) => {
      const front = list.filter((candidate) => placeOf(candidate) < Infinity)
      front.sort((left, right) => placeOf(left) - placeOf(right))
      for (const { endpoint } of front) listed.add(endpoint)
      const rest = list.filter((candidate) => placeOf(candidate) === Infinity)
      return [...front.map((candidate) => ({ ...candidate, reason: 'provider.order' })), ...rest]
    })
    return { order: sorted, listed }
  }

  /** `allow_fallbacks: false` leaves those that `order` names, each with its copies; without an order, the first. */
  private withoutFallbacks(
    order: readonly Candidate[],
    listed: ReadonlySet<number> | null,
    funnel: readonly FunnelStep[],
  ): Pick<Plan, 'order' | 'funnel'> {
    if (this.intent.provider.allow_fallbacks !== false || order.length === 0) return { funnel, order }
    const sharedOf = ({ endpoint }: Candidate): number => at(this.offers, endpoint).byok?.of ?? endpoint
    const kept = listed === null ? order.slice(0, 1) : order.filter((candidate) => listed.has(sharedOf(candidate)))
    if (kept.length === order.length) return { funnel, order }
    const left = new Set(kept.map(sharedOf))
    const removed = [...new Set(order.map(sharedOf))].filter((endpoint) => !left.has(endpoint))
    return { funnel: [...funnel, { step: 'Filter by Fallback', left: left.size, removed }], order: kept }
  }
}

/** Combinations of who is well that are remembered for a list. */
const STATES_MAX = 64
/** Four states of each fit into an integer for so many endpoints. */
const STATEFUL_MAX = 26

/** How well each of a list is, as one number; -1 for a list that is too long for that. */
function statesOf(eligible: readonly number[], { belief, now }: RankContext): number {
  if (eligible.length > STATEFUL_MAX) return -1
  let states = 0
  for (const endpoint of eligible) states = states * STATUSES + belief.status(endpoint, now)
  return states
}

function cutoffs(threshold: Threshold | null | undefined): [number, number][] {
  if (threshold == null) return []
  if (typeof threshold === 'number') return [[0.5, threshold]]
  return QUANTILES.flatMap(([name, q]) => (threshold[name] == null ? [] : [[q, threshold[name]] as [number, number]]))
}
