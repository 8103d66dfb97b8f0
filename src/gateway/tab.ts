/**
 * The tab of one call: what its attempts hold while they are under way, whether it was counted as a request to a free
 * model, and at its end the one charge, with an entry of its own.
 */
import type { Millis } from '../base/index.ts'
import type { Out } from '../ledger/index.ts'
import {
  cacheDiscount,
  isFreeModel,
  raritiesOf,
  toolsOf,
  type Call,
  type ChatRequest,
  type NanoDollars,
  type Offer,
} from '../protocol/index.ts'
import { seenOf, type Attempt, type Failure, type ListCosts, type Tab } from '../router/index.ts'
import type { Accounts, AttemptHold, Payer } from './accounts.ts'

export class AccountTab implements Tab {
  private readonly accounts: Accounts
  private readonly call: Call
  private readonly payer: Payer
  private holds: AttemptHold[] = []
  /** When it was counted as a request to a free model; null: it was not. */
  private freeAt: Millis | null = null

  constructor(accounts: Accounts, call: Call) {
    this.accounts = accounts
    this.call = call
    this.payer = accounts.payerOf(call)
  }

  objection(request: ChatRequest, endpoint: number, now: Millis): Failure | null {
    const { accounts, payer, call, freeAt } = this
    return accounts.objection(payer, freeAt !== null, request, endpoint, toolsOf(call), now)
  }

  hold(request: ChatRequest, endpoint: number, now: Millis): void {
    const { accounts, payer } = this
    const offer = accounts.offers[endpoint] as Offer
    if (isFreeModel(offer.model) && offer.byok === null && this.freeAt === null) {
      this.freeAt = now
      accounts.countFree(now)
    }
    const hold = accounts.holdFor(request, endpoint, now)
    accounts.hold(payer, hold, 1)
    this.holds.push(hold)
  }

  release(endpoint: number): void {
    const place = this.holds.findIndex((hold) => hold.endpoint === endpoint)
    const hold = this.holds[place]
    if (hold === undefined) return
    this.holds.splice(place, 1)
    this.accounts.hold(this.payer, hold, -1)
  }

  close(served: Attempt | null, costs: ListCosts, isOk: boolean, now: Millis, out: Out<unknown>): NanoDollars {
    const { accounts, payer, call, freeAt } = this
    for (const hold of this.holds) accounts.hold(payer, hold, -1)
    this.holds = []
    if (freeAt !== null && !isOk && !accounts.countsFailures) accounts.uncountFree(freeAt, now)
    if (served === null) return this.closeUnserved(now, out)
    const { endpoint, usage, request, startedAt } = served
    const offer = accounts.offers[endpoint] as Offer
    const toolCost = toolsOf(call)
    const paid = accounts.charge(payer, costs, toolCost, now)
    const isByok = offer.byok !== null
    const tokens = usage ?? seenOf(served)
    const { cachedInputTokens: cached = 0, writtenInputTokens: written = 0, details } = tokens
    const rarities = raritiesOf(details, request.images)
    out.record({
      kind: 'call.billed',
      at: now,
      request: call.request.id,
      call: call.number,
      key: payer.key,
      endpoint,
      cost: paid,
      listCost: costs.all,
      ...(costs.own !== (isByok ? costs.all : 0) && { ownCost: costs.own }),
      ...(toolCost > 0 && { toolCost }),
      inputTokens: tokens.inputTokens,
      outputTokens: tokens.outputTokens,
      isByok,
      ...(rarities !== null && { rarities }),
      ...(cached + written > 0 && {
        cachedInputTokens: cached,
        writtenInputTokens: written,
        cacheDiscount: cacheDiscount(
          offer.price,
          tokens.inputTokens,
          tokens.outputTokens,
          cached,
          written,
          accounts.epoch + startedAt,
        ),
      }),
    })
    return paid
  }
  /** No answer is paid for, but the files have been read. */
  private closeUnserved(now: Millis, out: Out<unknown>): NanoDollars {
    const { accounts, payer, call } = this
    const { parseCost = 0, request, number } = call
    if (parseCost === 0) return 0
    const paid = accounts.charge(payer, { all: 0, own: 0 }, parseCost, now)
    out.record({
      kind: 'call.billed',
      at: now,
      request: request.id,
      call: number,
      key: payer.key,
      endpoint: -1,
      cost: paid,
      listCost: 0,
      toolCost: parseCost,
      inputTokens: 0,
      outputTokens: 0,
      isByok: false,
    })
    return paid
  }
}
