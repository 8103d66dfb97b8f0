/** What the attempts of one call have cost or may still cost, where its policy has a budget (policies/budget.ts). */
import { at, type Millis } from '../base/index.ts'
import {
  toolsOf,
  type Call,
  type ChatRequest,
  type ErrorClass,
  type NanoDollars,
  type Offer,
  type Usage,
} from '../protocol/index.ts'
import type { Attempt } from './attempt.ts'
import type { Failure } from './failures.ts'
import type { BudgetBook, Reservation } from './policies/budget.ts'
import { believable, costOfSeen, costOfUsage } from './usage.ts'

export class Spending {
  /** Somebody was passed over because he could not be paid for. */
  isShort = false
  /** In nano-dollars. */
  private committed: NanoDollars
  private readonly book: BudgetBook
  private readonly offers: readonly Offer[]

  /** What its server tools and the reading of its files have cost; null: nothing. */
  private readonly tools: Reservation | null
  /** Of that, what is paid whatever comes of the call. */
  private readonly parseCost: NanoDollars

  constructor(book: BudgetBook, offers: readonly Offer[], call: Call, now: Millis) {
    const { request, parseCost = 0 } = call
    const cost = toolsOf(call)
    this.book = book
    this.offers = offers
    this.tools = cost === 0 ? null : book.reserveAmount(request, cost, now)
    this.parseCost = parseCost
    this.committed = cost
  }

  /** The call is over: tools are paid with an answer, and only then; what was read is paid anyhow. */
  closeTools(isServed: boolean): void {
    const { tools, book, parseCost } = this
    if (tools !== null) book.settle(tools, isServed ? tools.amount : parseCost, 0)
  }

  /** Whether one more attempt can be paid for, whatever it comes to. */
  covers(request: ChatRequest, endpoint: number, now: Millis): boolean {
    return this.book.covers(request, endpoint, this.committed, now)
  }

  /** Put the money for an attempt aside. */
  reserve(request: ChatRequest, endpoint: number, now: Millis): Reservation {
    const reservation = this.book.reserve(request, endpoint, now)
    this.committed += reservation.amount
    return reservation
  }

  /** What was put aside and not spent is given back. Errors are free; of the rest only a bill says what it came to. */
  settle(attempt: Attempt, reservation: Reservation, why: Failure | null): void {
    const { endpoint, startedAt, wasAccepted, outputTokens } = attempt
    const { epoch } = attempt.life.desk
    const offer = at(this.offers, endpoint)
    const usage = believable(attempt)
    const wasRefused = !wasAccepted && why !== null && (why.status !== null || NEVER_SENT.has(why.class))
    const bill =
      usage === null || !isPlausible(usage, outputTokens)
        ? wasRefused
          ? 0
          : null
        : costOfUsage(offer, usage, attempt.request, epoch + startedAt)
    this.committed += this.book.settle(reservation, bill, costOfSeen(attempt)) - reservation.amount
  }
}

/** Nothing was sent that could be billed. */
const NEVER_SENT: ReadonlySet<ErrorClass> = new Set(['connect_refused', 'connect_timeout', 'connection_reset'])

/** A bill over nothing, or less than nothing, is none: what was put aside is kept. */
function isPlausible({ inputTokens, outputTokens }: Usage, seen: number): boolean {
  return inputTokens > 0 && outputTokens >= 0 && (outputTokens > 0 || seen === 0)
}
