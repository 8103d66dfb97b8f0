/**
 * The books of the account: its credits, what its keys and workspaces may spend, what is in flight, and how often free
 * models were asked. Integer nano-dollars; every call is charged once, when it closes.
 *
 *   call comes in     debt, spent keys, spent workspaces, credit checks that are late          refused, nobody is asked
 *   before an attempt free models too often; not enough at this endpoint's price; too much
 *                     in flight                                                                 the next endpoint is asked
 *   attempt under way the most that it can cost is held against balance, key and workspace;
 *                     an estimate of it against what may be in flight
 *   call closes       what was held is free again, what it costs is charged
 *
 * What the most is: the prompt as the endpoint counts it, at the dearer of the input and the cache-write price, and the
 * longest answer that was asked for. A provider that bills more than that can make a balance negative; nobody else can.
 * With `choices.overshoot: slight` nothing is held but the estimate.
 */
import type { Millis, Rng } from '../base/index.ts'
import {
  boughtBy,
  costOf,
  DEFAULT_WORKSPACE,
  intervalOf,
  isFree,
  isFreeModel,
  worstCost,
  type AccountSpec,
  type Call,
  type ChatRequest,
  type GatewaySpec,
  type Interval,
  type KeySpec,
  type NanoDollars,
  type Offer,
  type WorkspaceSpec,
} from '../protocol/index.ts'
import type { Billing, Failure, ListCosts } from '../router/index.ts'
import { FreeTier } from './free-tier.ts'
import { Purse } from './purse.ts'
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
} from './refusals.ts'
import { AccountTab } from './tab.ts'

const ADMISSION_STREAM = 0x6372
/** Below this, part of a nano-dollar is an error of the arithmetic. */
const ROUNDING = 1e-3

/** What an attempt holds, by whom it is held against. */
export interface Hold {
  readonly endpoint: number
  readonly balance: NanoDollars
  readonly key: NanoDollars
  readonly workspace: NanoDollars
  readonly estimate: NanoDollars
  /** Normal price of what is asked with a key of one's own: the fee on all of it together is held against the balance. */
  readonly byokListed: NanoDollars
}

/** Who pays for a call besides the account. */
export interface Payer {
  readonly key: number
  readonly purse: Purse
  readonly workspace: Purse
  countsByok: { readonly key: boolean; readonly workspace: boolean }
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
  private readonly workspaces: ReadonlyMap<string, { readonly spec: WorkspaceSpec; readonly purse: Purse }>
  private readonly keyless: Payer
  private readonly freeTier = new FreeTier()
  /** Held against the balance, and estimates of what is in flight. */
  private held: NanoDollars = 0
  private inFlight: NanoDollars = 0
  /** Normal price of what is in flight with keys of one's own. */
  private byokHeld: NanoDollars = 0
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
      Object.entries(account.workspaces).map(([name, spec]) => [name, { spec, purse: new Purse(spec.budgets) }]),
    )
    this.keyless = this.newPayer(-1, null)
    this.payers = (gateway.keys ?? []).map((spec, key) => this.newPayer(key, spec))
  }

  private newPayer(key: number, spec: KeySpec | null): Payer {
    const workspace = this.workspaces.get(spec?.workspace ?? DEFAULT_WORKSPACE)
    return {
      key,
      purse: new Purse(limitOf(spec)),
      workspace: workspace?.purse ?? new Purse({}),
      countsByok: {
        key: spec?.include_byok_in_limit ?? false,
        workspace: workspace?.spec.include_byok_in_budgets ?? false,
      },
    }
  }

  /** A key has come to the gateway, or is limited otherwise from now on; so much has been spent with it already. */
  keyChanged(key: number, spentIn: (interval: Interval) => NanoDollars, now: Millis): void {
    const spec = this.gateway.keys?.[key] ?? null
    const payer = (this.payers[key] ??= this.newPayer(key, spec))
    payer.purse.relimit(limitOf(spec), spentIn, this.epoch + now)
    payer.countsByok = { ...payer.countsByok, key: spec?.include_byok_in_limit ?? false }
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
  refusal(call: Call, now: Millis): ReturnType<typeof inDebt> | null {
    const unixMs = this.epoch + now
    if (this.hasCredits && this.balance(now) < 0) return inDebt()
    const { purse, workspace } = this.payerOf(call)
    const spentKey = purse.emptied(unixMs)
    if (spentKey !== null) return keySpent(spentKey, this.gateway.choices.key_limit_status, unixMs)
    const spentWorkspace = workspace.emptied(unixMs)
    if (spentWorkspace !== null) return workspaceSpent(spentWorkspace, unixMs)
    const { credit_checks_late: share } = this.account
    if (share > 0 && this.rng.fork(ADMISSION_STREAM, call.request.weather, call.number).chance(share)) {
      return admissionLate()
    }
    return null
  }

  tabOf(call: Call): AccountTab {
    return new AccountTab(this, call)
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
    const hold = this.holdFor(payer, request, endpoint, now)
    const { balance: shared, byokListed: listed } = hold
    const owed = this.markedUp(tools)
    const balance = this.hasCredits ? this.balance(now) - owed : Infinity
    if (shared + this.feeOn(listed, unixMs) > balance) {
      return this.short('credits', this.coveredBy(balance, offer, unixMs), request, offer, unixMs)
    }
    const shortKey = payer.purse.shortOf(hold.key + owed, unixMs)
    if (shortKey !== null) {
      const covered = (shortKey.amount - shortKey.spent - owed) / this.keyShare(payer, offer)
      return this.short('key', covered, request, offer, unixMs)
    }
    const weight = this.weighs(hold, balance, offer, now)
    if (weight !== null) return weight
    if (!this.isHeld) return null
    const shortWorkspace = payer.workspace.shortOf(hold.workspace + payer.workspace.held, unixMs)
    if (shortWorkspace !== null) return workspaceSpent(shortWorkspace, unixMs)
    const isFull =
      // What is owed for tools is among what is held.
      this.held + shared + this.feeOn(this.byokHeld + listed, unixMs) > balance + owed ||
      payer.purse.shortOf(hold.key + payer.purse.held, unixMs) !== null
    return isFull ? inFlightFull(this.gateway.choices.in_flight_retry_after) : null
  }

  /** Why a use of a server tool cannot be paid for; null: it can. */
  toolObjection(call: Call, tool: string, price: NanoDollars, now: Millis): ReturnType<typeof toolTooDear> | null {
    if (price === 0) return null
    const payer = this.payerOf(call)
    const unixMs = this.epoch + now
    const amount = this.markedUp(price)
    const owed = this.markedUp(call.toolCost ?? 0)
    const balance = this.hasCredits ? this.balance(now) : Infinity
    if (amount + owed > balance) return toolTooDear('credits', tool, amount)
    if (payer.purse.shortOf(amount + owed, unixMs) !== null) return toolTooDear('key', tool, amount)
    if (!this.isHeld) return null
    const shortWorkspace = payer.workspace.shortOf(amount + payer.workspace.held, unixMs)
    if (shortWorkspace !== null) return workspaceSpent(shortWorkspace, unixMs)
    const isFull =
      this.held + amount + this.feeOn(this.byokHeld, unixMs) > balance ||
      payer.purse.shortOf(amount + payer.purse.held, unixMs) !== null
    return isFull ? inFlightFull(this.gateway.choices.in_flight_retry_after) : null
  }

  /** The budget of what is in flight, which accounts with a small balance have. */
  private weighs(hold: Hold, balance: NanoDollars, offer: Offer, now: Millis): Failure | null {
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

  /** What a balance pays for, at list prices. */
  private coveredBy(balance: NanoDollars, { byok }: Offer, unixMs: number): NanoDollars {
    const { markup, byok_fee: fee, byok_allowance: allowance } = this.account
    if (byok === null) return balance / (1 + markup)
    return Math.max(0, allowance - this.byokListed(unixMs)) + balance / fee
  }

  /** What of list prices may be counted toward the limit of a key, at most. */
  private keyShare({ countsByok }: Payer, { byok }: Offer): number {
    const { markup, byok_fee: fee } = this.account
    return byok === null ? 1 + markup : fee + (countsByok.key ? 1 : 0)
  }

  holdFor(payer: Payer, request: ChatRequest, endpoint: number, now: Millis): Hold {
    const offer = this.offers[endpoint] as Offer
    const { price } = offer
    const unixMs = this.epoch + now
    const prompt = promptAt(request, offer)
    // Where nobody tells, our own count is billed.
    const least = Math.min(prompt, request.inputTokens)
    const most = Math.max(prompt, request.inputTokens)
    const list = worstCost(price, least, most, outputMax(request, offer), unixMs, request.images)
    if (offer.byok !== null) {
      // Whose request is the first above the allowance is not known before it ends: any of them may be, with all of it.
      const fee = Math.ceil(list * this.account.byok_fee)
      return {
        endpoint,
        balance: 0,
        key: fee + (payer.countsByok.key ? list : 0),
        workspace: fee + (payer.countsByok.workspace ? list : 0),
        estimate: 0,
        byokListed: list,
      }
    }
    const balance = this.markedUpAtMost(list)
    const cap = this.gateway.choices.in_flight_output
    const estimated = costOf(price, prompt, Math.min(request.maxTokens ?? cap, cap, offer.maxOutput), 0, 0, unixMs)
    const estimate = this.markedUp(estimated)
    return { endpoint, balance, key: balance, workspace: balance, estimate, byokListed: 0 }
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

  hold(payer: Payer, hold: Hold, sign: 1 | -1): void {
    this.inFlight += sign * hold.estimate
    if (!this.isHeld) return
    this.held += sign * hold.balance
    this.byokHeld += sign * hold.byokListed
    payer.purse.held += sign * hold.key
    payer.workspace.held += sign * hold.workspace
  }

  /** What server tools of a call cost is held until it is over; less than nothing is free again. */
  holdTools(call: Call, price: NanoDollars): void {
    const amount = this.markedUp(Math.abs(price))
    const hold = { endpoint: -1, balance: amount, key: amount, workspace: amount, estimate: 0, byokListed: 0 }
    this.hold(this.payerOf(call), hold, price < 0 ? -1 : 1)
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
    payer.purse.spend(paid + (payer.countsByok.key ? own : 0), unixMs)
    payer.workspace.spend(paid + (payer.countsByok.workspace ? own : 0), unixMs)
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
