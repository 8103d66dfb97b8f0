/**
 * The books of the account: its credits, what may be spent by key, workspace and guardrail, what is in flight, and how often free
 * models were asked. Integer nano-dollars; every call is charged once, when it closes.
 *
 *   call comes in     debt, spent keys and budgets, credit checks that are late               refused, nobody is asked
 *   before an attempt free models too often; not enough at this endpoint's price; too much
 *                     in flight                                                                 the next endpoint is asked
 *   attempt under way the most that it can cost is held against balance, key, workspace and
 *                     guardrails; an estimate of it against what may be in flight
 *   call closes       what was held is free again, what it costs is charged
 *
 * What the most is: the prompt as the endpoint counts it, at the dearer of the input and the cache-write price, and the
 * longest answer that was asked for. A provider that bills more than that can make a balance negative; nobody else can.
 * With `choices.overshoot: slight` nothing is held but the estimate.
 */
import type { Millis, Rng } from '../base/index.ts'
import type { Out } from '../ledger/index.ts'
import {
  boughtBy,
  costOf,
  DEFAULT_WORKSPACE,
  intervalOf,
  isFree,
  isFreeModel,
  toolsOf,
  worstCost,
  type AccountSpec,
  type Call,
  type ChatRequest,
  type GatewaySpec,
  type Interval,
  type KeySpec,
  type NanoDollars,
  type Offer,
} from '../protocol/index.ts'
import type { Billing, Failure, ListCosts } from '../router/index.ts'
import { FreeTier } from './free-tier.ts'
import { GuardrailBudgets } from './guardrail-budgets.ts'
import { Purse, type Budget, type Hold } from './purse.ts'
import {
  admissionLate,
  affordableTokens,
  inDebt,
  inFlightFull,
  keySpent,
  promptTooDear,
  tooDear,
  tooHeavy,
  toolTooDear,
  workspaceSpent,
  type Refusal,
} from './refusals.ts'
import { AccountTab } from './tab.ts'

const ADMISSION_STREAM = 0x6372
/** Below this, part of a nano-dollar is an error of the arithmetic. */
const ROUNDING = 1e-3
const NO_ANSWER: ListCosts = { all: 0, own: 0 }
const NOTHING: Hold = { paid: 0, own: 0, fee: 0 }

/** What an attempt holds. */
export interface AttemptHold extends Hold {
  readonly endpoint: number
  /** Against what may be in flight. */
  readonly estimate: NanoDollars
}

/** Who pays for a call besides the account. */
export interface Payer {
  readonly key: number
  readonly purse: Purse
  /** Of its workspace, and of guardrails. */
  readonly budgets: readonly Budget[]
}

export class Accounts implements Billing {
  readonly epoch: number
  readonly offers: readonly Offer[]
  /** What the account has used, in all. */
  used: NanoDollars
  private readonly gateway: GatewaySpec
  private readonly account: AccountSpec
  private readonly hasCredits: boolean
  private readonly rng: Rng
  /** By key. */
  private readonly payers: Payer[]
  private readonly workspaces: ReadonlyMap<string, Budget>
  private readonly guardrails: GuardrailBudgets
  private readonly keyless: Payer
  private readonly freeTier = new FreeTier()
  /** Held against the balance, but for fees; and estimates of what is in flight. */
  private held: NanoDollars = 0
  private inFlight: NanoDollars = 0
  /** Normal price of what is in flight with keys of one's own, and the fee on each of it. */
  private ownHeld: NanoDollars = 0
  private feesHeld: NanoDollars = 0
  /** Purses that such fees are held against. */
  private readonly owing = new Set<Purse>()
  /** Costs of calls that have ended and are still held as if in flight, in order of their release. */
  private readonly settling: { readonly until: Millis; readonly amount: NanoDollars }[] = []
  /** Normal price of requests with keys of one's own in this month. */
  private byokMonth: { readonly number: number; readonly listed: NanoDollars } = { number: -1, listed: 0 }

  constructor(gateway: GatewaySpec, account: AccountSpec, offers: readonly Offer[], rng: Rng) {
    this.gateway = gateway
    this.account = account
    this.epoch = gateway.epoch
    this.offers = offers
    this.rng = rng
    this.hasCredits = account.credits !== undefined
    this.used = account.used
    this.workspaces = new Map(
      Object.entries(account.workspaces).map(([name, { budgets, include_byok_in_budgets: countsOwn }]) => [
        name,
        { purse: new Purse(budgets, countsOwn), exceeded: workspaceSpent },
      ]),
    )
    this.guardrails = new GuardrailBudgets(gateway)
    this.keyless = this.newPayer(-1, null)
    this.payers = (gateway.keys ?? []).map((spec, key) => this.newPayer(key, spec))
  }

  private newPayer(key: number, spec: KeySpec | null): Payer {
    const workspace = this.workspaces.get(spec?.workspace ?? DEFAULT_WORKSPACE)
    const guardrails = this.guardrails.of(key)
    return {
      key,
      purse: new Purse(limitOf(spec), spec?.include_byok_in_limit),
      budgets: workspace === undefined ? guardrails : [workspace, ...guardrails],
    }
  }

  /** A key has come to the gateway, or is limited otherwise from now on; so much has been spent with it already. */
  keyChanged(key: number, spentIn: (interval: Interval) => NanoDollars, now: Millis): void {
    const spec = this.gateway.keys?.[key] ?? null
    const payer = (this.payers[key] ??= this.newPayer(key, spec))
    payer.purse.relimit(limitOf(spec), spec?.include_byok_in_limit, spentIn, this.epoch + now)
  }

  /** Credits bought until an instant. */
  boughtBy(now: Millis): NanoDollars {
    return boughtBy(this.account, now)
  }

  balance(now: Millis): NanoDollars {
    return this.boughtBy(now) - this.used
  }

  payerOf({ caller }: Call): Payer {
    return this.payers[caller?.key ?? -1] ?? this.keyless
  }

  /** Why a call is turned away before anybody is chosen for it; null: it is not. */
  refusal(call: Call, now: Millis): Refusal | null {
    const unixMs = this.epoch + now
    if (this.hasCredits && this.balance(now) < 0) return inDebt()
    const { purse, budgets } = this.payerOf(call)
    const spentKey = purse.emptied(unixMs)
    if (spentKey !== null) return keySpent(spentKey, this.gateway.choices.key_limit_status, unixMs)
    for (const budget of budgets) {
      const spent = budget.purse.emptied(unixMs)
      if (spent !== null) return budget.exceeded(spent, unixMs)
    }
    const { credit_checks_late: share } = this.account
    if (share > 0 && this.rng.fork(ADMISSION_STREAM, call.request.weather, call.number).chance(share)) {
      return admissionLate()
    }
    return null
  }

  tabOf(call: Call): AccountTab {
    return new AccountTab(this, call)
  }

  /** A call that has never reached the router is over. Returns what is paid all the same. */
  closeUnrouted(call: Call, now: Millis, out: Out<unknown>): NanoDollars {
    return call.parseCost === undefined ? 0 : this.tabOf(call).close(null, NO_ANSWER, false, now, out)
  }

  // ── before an attempt ─────────────────────────────────────────────────────────────────────────────────────────────

  /** `tools`: what server tools of the call have cost, which is held apart. */
  objection(
    payer: Payer,
    isCounted: boolean,
    request: ChatRequest,
    endpoint: number,
    tools: NanoDollars,
    now: Millis,
  ): Failure | null {
    const offer = this.offers[endpoint] as Offer
    const unixMs = this.epoch + now
    if (isFreeModel(offer.model) && offer.byok === null && !isCounted) {
      const bought = this.hasCredits ? this.boughtBy(now) : Infinity
      const objection = this.freeTier.objection(bought, unixMs)
      if (objection !== null) return objection
    }
    if (isFree(offer.price)) return null
    const hold = this.holdFor(request, endpoint, now)
    const owed = this.markedUp(tools)
    const balance = this.hasCredits ? this.balance(now) - owed : Infinity
    const fee = this.feesAtMost(hold.own, hold.fee, unixMs)
    if (hold.paid + fee > balance) {
      return this.short('credits', this.coveredBy(balance, offer, false, unixMs), request, offer, unixMs)
    }
    const { purse } = payer
    const shortKey = purse.shortOf(purse.shareOf(hold, fee) + owed, unixMs)
    if (shortKey !== null) {
      const covered = this.coveredBy(shortKey.amount - shortKey.spent - owed, offer, purse.countsOwn, unixMs)
      return this.short('key', covered, request, offer, unixMs)
    }
    // What is owed for tools is among what is held.
    return this.weighs(hold, balance, offer, now) ?? this.full(payer, hold, balance + owed, unixMs)
  }

  /** Why a use of a server tool cannot be paid for; null: it can. */
  toolObjection(call: Call, what: string, price: NanoDollars, now: Millis): Refusal | null {
    if (price === 0) return null
    const payer = this.payerOf(call)
    const unixMs = this.epoch + now
    const amount = this.markedUp(price)
    const owed = this.markedUp(toolsOf(call))
    const balance = this.hasCredits ? this.balance(now) : Infinity
    if (amount + owed > balance) return toolTooDear('credits', what, amount)
    if (payer.purse.shortOf(amount + owed, unixMs) !== null) return toolTooDear('key', what, amount)
    return this.full(payer, { paid: amount, own: 0, fee: 0 }, balance, unixMs)
  }

  /** What stands against holding so much more beside what is held; null: nothing. */
  private full(payer: Payer, hold: Hold, balance: NanoDollars, unixMs: number): Refusal | null {
    if (!this.isHeld) return null
    const { purse: own, budgets } = payer
    const fees = this.feesAtMost(this.ownHeld + hold.own, this.feesHeld + hold.fee, unixMs)
    for (const { purse, exceeded } of budgets) {
      const short = purse.shortOf(purse.heldWith(hold, fees), unixMs)
      if (short !== null) return exceeded(short, unixMs)
    }
    const isFull =
      this.held + hold.paid + fees > balance ||
      own.shortOf(own.heldWith(hold, fees), unixMs) !== null ||
      (hold.own > 0 && this.endangers(fees, unixMs))
    return isFull ? inFlightFull(this.gateway.choices.in_flight_retry_after) : null
  }

  /**
   * Whether one of those who are in flight with keys of their own could not pay if fees came to as much as this. One more
   * request may use up the allowance that they would have had.
   */
  private endangers(fees: NanoDollars, unixMs: number): boolean {
    if (fees === 0) return false
    const before = this.feesAtMost(this.ownHeld, this.feesHeld, unixMs)
    for (const purse of this.owing) {
      if (purse.fees > before && purse.shortOf(purse.heldWith(NOTHING, fees), unixMs) !== null) return true
    }
    return false
  }

  /** The budget of what is in flight, which accounts with a small balance have. */
  private weighs(hold: AttemptHold, balance: NanoDollars, offer: Offer, now: Millis): Failure | null {
    const { in_flight_below: below, in_flight_share: share, in_flight_ceiling: ceiling } = this.gateway.choices
    if (balance >= below || offer.byok !== null) return null
    this.settle(now)
    const budget = Math.min(Math.floor(balance * share), ceiling)
    if (hold.estimate > budget) return tooHeavy()
    if (this.inFlight + hold.estimate > budget) return inFlightFull(this.gateway.choices.in_flight_retry_after)
    return null
  }

  /** In how many tokens, of the answer or else of the prompt, somebody's money ends that covers so much at list prices. */
  private short(whose: 'credits' | 'key', covered: NanoDollars, request: ChatRequest, offer: Offer, unixMs: number) {
    const { price } = offer
    const prompt = promptAt(request, offer)
    const { images } = request
    const forPrompt = worstCost(price, prompt, prompt, 0, unixMs, images)
    if (forPrompt > covered) {
      return promptTooDear(whose, prompt, affordableTokens(covered - price.requestNano, price.inputNanoPerKTok))
    }
    const wanted = outputMax(request, offer)
    const perKTok = worstCost(price, prompt, prompt, 1_000, unixMs, images) - forPrompt
    return tooDear(whose, wanted, Math.min(wanted, affordableTokens(covered - forPrompt, perKTok)))
  }

  /** What list prices so much money pays for; `countsOwn`: whether it is they that are counted, with a key of one's own. */
  private coveredBy(amount: NanoDollars, { byok }: Offer, countsOwn: boolean, unixMs: number): NanoDollars {
    const { markup, byok_fee: fee, byok_allowance: allowance } = this.account
    if (byok === null) return amount / (1 + markup)
    const free = Math.max(0, allowance - this.byokListed(unixMs))
    if (!countsOwn) return free + amount / fee
    return amount <= free ? amount : (amount + free * fee) / (1 + fee)
  }

  holdFor(request: ChatRequest, endpoint: number, now: Millis): AttemptHold {
    const offer = this.offers[endpoint] as Offer
    const { price } = offer
    const unixMs = this.epoch + now
    const prompt = promptAt(request, offer)
    // Where nobody tells, our own count is billed.
    const least = Math.min(prompt, request.inputTokens)
    const most = Math.max(prompt, request.inputTokens)
    const list = worstCost(price, least, most, outputMax(request, offer), unixMs, request.images)
    if (offer.byok !== null) {
      return { endpoint, paid: 0, own: list, fee: Math.ceil(list * this.account.byok_fee), estimate: 0 }
    }
    const cap = this.gateway.choices.in_flight_output
    const estimated = costOf(price, prompt, Math.min(request.maxTokens ?? cap, cap, offer.maxOutput), 0, 0, unixMs)
    return { endpoint, paid: this.markedUpAtMost(list), own: 0, fee: 0, estimate: this.markedUp(estimated) }
  }

  /** Several of them are never less than all of them at once. */
  private markedUpAtMost(list: NanoDollars): NanoDollars {
    const { markup } = this.account
    return markup === 0 ? list : Math.ceil(list * (1 + markup) - ROUNDING)
  }

  private markedUp(list: NanoDollars): NanoDollars {
    const { markup } = this.account
    return markup === 0 ? list : Math.round(list * (1 + markup))
  }

  /**
   * The fee on so much more at normal prices with keys of one's own, above the allowance of the month. Of two amounts
   * one after the other it is what it is of both at once, to the nano-dollar.
   */
  private feeOn(list: NanoDollars, unixMs: number): NanoDollars {
    if (list === 0) return 0
    const { byok_fee: fee, byok_allowance: allowance } = this.account
    const feeUpTo = (listed: NanoDollars): NanoDollars => Math.round(Math.max(0, listed - allowance) * fee)
    const listed = this.byokListed(unixMs)
    return feeUpTo(listed + list) - feeUpTo(listed)
  }

  /**
   * The most that fees come to on so much more at normal prices, in flight with keys of one's own: on what of it is above
   * the allowance if all of it is charged, whoever's that is; and `each` of it alone at most. Who is charged first is not
   * known before, nor whether a month ends in between, and sums begin anew: rounded twice, they may be a nano-dollar more.
   */
  private feesAtMost(list: NanoDollars, each: NanoDollars, unixMs: number): NanoDollars {
    const { byok_fee: fee, byok_allowance: allowance } = this.account
    const above = Math.min(list, this.byokListed(unixMs) + list - allowance)
    return above <= 0 ? 0 : Math.min(each, Math.ceil(above * fee) + 1)
  }

  /** Normal price of what was done with keys of one's own in the month of an instant. */
  private byokListed(unixMs: number): NanoDollars {
    return intervalOf('monthly', unixMs) === this.byokMonth.number ? this.byokMonth.listed : 0
  }

  // ── under way ─────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Whether failed requests count against the limits of free models. */
  get countsFailures(): boolean {
    return this.gateway.choices.free_counts_failures
  }

  private get isHeld(): boolean {
    return this.gateway.choices.overshoot === 'none'
  }

  hold(payer: Payer, hold: AttemptHold, sign: 1 | -1): void {
    this.inFlight += sign * hold.estimate
    this.putAside(payer, hold, sign)
  }

  /** What server tools of a call cost is held until it is over. It was `before`, and is `after` from now on. */
  holdTools(call: Call, before: NanoDollars, after: NanoDollars): void {
    const more = this.markedUp(after) - this.markedUp(before) // They are billed as one sum, and rounded as one.
    this.putAside(this.payerOf(call), { paid: Math.abs(more), own: 0, fee: 0 }, more < 0 ? -1 : 1)
  }

  private putAside({ purse, budgets }: Payer, hold: Hold, sign: 1 | -1): void {
    if (!this.isHeld) return
    this.held += sign * hold.paid
    this.ownHeld += sign * hold.own
    this.feesHeld += sign * hold.fee
    this.putInto(purse, hold, sign)
    for (const budget of budgets) this.putInto(budget.purse, hold, sign)
  }

  private putInto(purse: Purse, hold: Hold, sign: 1 | -1): void {
    purse.hold(hold, sign)
    if (hold.fee === 0) return
    if (purse.fees > 0) this.owing.add(purse)
    else this.owing.delete(purse)
  }

  countFree(now: Millis): void {
    this.freeTier.count(this.epoch + now)
  }

  uncountFree(countedAt: Millis, now: Millis): void {
    this.freeTier.uncount(this.epoch + countedAt, this.epoch + now)
  }

  /** What has settled is not in flight any more. */
  private settle(now: Millis): void {
    let done = 0
    for (const { until, amount } of this.settling) {
      if (until > now) break
      this.inFlight -= amount
      done += 1
    }
    if (done > 0) this.settling.splice(0, done)
  }

  /**
   * A call has ended, and costs so much at list prices, and so much for server tools, which are the gateway's own with
   * whatever key the answer came. Returns what is paid.
   */
  charge(payer: Payer, { all, own }: ListCosts, tools: NanoDollars, now: Millis): NanoDollars {
    const unixMs = this.epoch + now
    const paid = this.markedUp(all - own) + this.feeOn(own, unixMs) + this.markedUp(tools)
    if (own > 0) this.byokMonth = { number: intervalOf('monthly', unixMs), listed: this.byokListed(unixMs) + own }
    this.used += paid
    payer.purse.spend(paid, own, unixMs)
    for (const { purse } of payer.budgets) purse.spend(paid, own, unixMs)
    const { settlement } = this.gateway.choices
    this.settle(now)
    if (settlement > 0 && paid > 0 && own < all && this.hasCredits) {
      this.inFlight += paid
      this.settling.push({ until: now + settlement, amount: paid })
    }
    return paid
  }
}

function limitOf(spec: KeySpec | null): Partial<Record<Interval, NanoDollars>> {
  return spec?.limit === undefined ? {} : { [spec.limit_reset ?? 'lifetime']: spec.limit }
}

/** The prompt as an endpoint counts it. */
function promptAt({ inputTokens }: ChatRequest, { inputTokenizer }: Offer): number {
  return Math.round(inputTokens * inputTokenizer)
}

/** The longest answer that was asked for, or that the endpoint gives. */
function outputMax({ maxTokens }: ChatRequest, { maxOutput }: Offer): number {
  return Math.min(maxTokens ?? Infinity, maxOutput)
}
