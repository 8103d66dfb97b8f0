/**
 * Who pays, as the router sees it: before an attempt it asks whether anything stands against it, and at the end of a call
 * what the caller pays for it. The books themselves are the gateway's (gateway/accounts.ts); without any, attempts cost
 * what endpoints publish, and nobody runs out of money.
 */
import type { Millis } from '../base/index.ts'
import type { Out } from '../ledger/index.ts'
import type { Call, ChatRequest, NanoDollars } from '../protocol/index.ts'
import type { Attempt } from './attempt.ts'
import type { Failure } from './failures.ts'

export interface Billing {
  tabOf(call: Call): Tab
}

/** What an answer costs at the prices of the endpoint that served; in an evaluation, all answers. */
export interface ListCosts {
  readonly all: NanoDollars
  /** Of that, what was answered with keys of the caller's own. */
  readonly own: NanoDollars
}

/** What one call costs its caller. */
export interface Tab {
  /** What the caller is told if an attempt there cannot be paid for, or is one too many; null: nothing stands against it. */
  objection(request: ChatRequest, endpoint: number, now: Millis): Failure | null
  /** Put aside what an attempt there may cost. Only where nothing stands against it, at the same instant. */
  hold(request: ChatRequest, endpoint: number, now: Millis): void
  /** An attempt there came to nothing: what was put aside for it is free again. */
  release(endpoint: number): void
  /**
   * The call is over. Returns what the caller pays for the answer and for the tools of the call; whatever was put aside
   * is free again.
   */
  close(served: Attempt | null, costs: ListCosts, isOk: boolean, now: Millis, out: Out<unknown>): NanoDollars
}
