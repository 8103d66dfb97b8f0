/**
 * A purse: what may be spent by day, week, month and ever, what has been, and what is held for attempts under way. What
 * is held counts against whichever interval it will end in, so it is held against all of them. How much of the fees on
 * keys of one's own will be taken depends on everybody's, so whoever asks says how much they come to together.
 */
import { intervalOf, INTERVALS, type Interval, type NanoDollars } from '../protocol/index.ts'
import type { Refusal } from './refusals.ts'

export interface Limit {
  readonly interval: Interval
  readonly amount: NanoDollars
  /** Which day, week or month `spent` is of. */
  window: number
  spent: NanoDollars
}

/** What is put aside: what is paid from the account at most. */
export interface Hold {
  readonly paid: NanoDollars
  /** Normal price of what is asked with a key of one's own, and the fee on all of it. */
  readonly own: NanoDollars
  readonly fee: NanoDollars
}

/** A purse that somebody beside the key has set, and what is told where it is exceeded. */
export interface Budget {
  readonly purse: Purse
  readonly exceeded: (limit: Limit, unixMs: number) => Refusal
}

type Amounts = Readonly<Partial<Record<Interval, NanoDollars | undefined>>>

export class Purse {
  /** Whether normal prices count of what is asked with a key of one's own. */
  countsOwn: boolean
  /** Fees that are held, each on all of what it is on. */
  fees: NanoDollars = 0
  private paid: NanoDollars = 0
  private own: NanoDollars = 0
  /** From the shortest interval to the longest. */
  private limits: readonly Limit[]

  constructor(amounts: Amounts, countsOwn = false) {
    this.limits = limitsOf(amounts)
    this.countsOwn = countsOwn
  }

  /** Other limits from now on, of which so much has been spent in the interval that an instant is in. */
  relimit(amounts: Amounts, countsOwn = false, spentIn: (interval: Interval) => NanoDollars, unixMs: number): void {
    this.countsOwn = countsOwn
    this.limits = limitsOf(amounts)
    for (const limit of this.limits) {
      roll(limit, unixMs)
      limit.spent = spentIn(limit.interval)
    }
  }

  /** The longest interval with less than so much left in it, what is held left aside; null: there is enough in all. */
  shortOf(amount: NanoDollars, unixMs: number): Limit | null {
    let short: Limit | null = null
    for (const limit of this.limits) {
      roll(limit, unixMs)
      if (limit.amount - limit.spent < amount) short = limit
    }
    return short
  }

  /** The longest interval in which nothing is left; null: there is something in all. */
  emptied(unixMs: number): Limit | null {
    return this.shortOf(1, unixMs)
  }

  /** What of this counts here, if the fee on it is so much. */
  shareOf({ paid, own }: Hold, fee: NanoDollars): NanoDollars {
    return paid + fee + (this.countsOwn ? own : 0)
  }

  /** What is held with this beside it, if all fees in flight come to so much. */
  heldWith({ paid, own, fee }: Hold, fees: NanoDollars): NanoDollars {
    return this.paid + paid + Math.min(this.fees + fee, fees) + (this.countsOwn ? this.own + own : 0)
  }

  hold({ paid, own, fee }: Hold, sign: 1 | -1): void {
    this.paid += sign * paid
    this.own += sign * own
    this.fees += sign * fee
  }

  /** `paid` from the account; `own`: normal price of what was answered with a key of one's own. */
  spend(paid: NanoDollars, own: NanoDollars, unixMs: number): void {
    const amount = this.countsOwn ? paid + own : paid
    for (const limit of this.limits) {
      roll(limit, unixMs)
      limit.spent += amount
    }
  }
}

function limitsOf(amounts: Amounts): readonly Limit[] {
  return INTERVALS.flatMap((interval) => {
    const amount = amounts[interval]
    return amount === undefined ? [] : [{ interval, amount, window: -1, spent: 0 }]
  })
}

function roll(limit: Limit, unixMs: number): void {
  const window = intervalOf(limit.interval, unixMs)
  if (window === limit.window) return
  limit.window = window
  limit.spent = 0
}
