/** What the selected requests cost and how many of them succeeded, for metrics of money. */
import type { RequestClosed } from '../../ledger/index.ts'
import { countOf } from '../format.ts'
import type { FoldContext } from '../metric.ts'
import type { Traces } from '../traces.ts'

export interface Spend {
  /** Nano-dollars in the book of the fold, failed and cancelled requests included: their attempts are paid for, too. */
  cost: number
  ok: number
}

/** A request is counted when it closes, with all it cost so far. */
export function stepSpend(spend: Spend, entry: RequestClosed, { traces, book, directory }: FoldContext): void {
  if (entry.outcome === 'ok') spend.ok += 1
  if (book === 'upstream') spend.cost += traces.of(entry.request)?.upstreamCost ?? 0
  else spend.cost += book === 'billed' ? entry.billed : entry.billed * (1 + (directory.creditFee ?? 0))
}

/** What the fleet charges after that is added then. */
export function settleSpend(spend: Spend, { traces, book }: FoldContext): void {
  if (book === 'upstream') spend.cost += traces.upstreamAdded
}

/** What a reader must know when charges came too late to be told whose they were. */
export function lateNote({ lateCharges }: Traces): { note: string } | undefined {
  if (lateCharges === 0) return undefined
  return { note: `${countOf(lateCharges, 'charges')} came too late to be counted for a request` }
}
