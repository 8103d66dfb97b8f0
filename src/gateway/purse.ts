/**
 * A purse: what may be spent by day, week, month and ever, what has been, and what is held for attempts under way. What
 * is held counts against whichever interval it will end in, so it is held against all of them.
 */
import { intervalOf, INTERVALS, type Interval, type NanoDollars } from '../protocol/index.ts'

export interface Limit {
  readonly interval: Interval
  readonly amount: NanoDollars
  /** Which day, week or month `spent` is of. */
  window: number
  spent: NanoDollars
}

type Amounts = Readonly<Partial<Record<Interval, NanoDollars | undefined>>>

export class Purse {
  held: NanoDollars = 0
  /** From the shortest interval to the longest. */
  private limits: readonly Limit[]

  constructor(amounts: Amounts) {
    this.limits = limitsOf(amounts)
  }

  /** Other limits from now on, of which so much has been spent in the interval that an instant is in. */
  relimit(amounts: Amounts, spentIn: (interval: Interval) => NanoDollars, unixMs: number): void {
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

  spend(amount: NanoDollars, unixMs: number): void {
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
