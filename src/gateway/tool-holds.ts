/**
 * What one stage holds for the tools of calls that are not over: added up for each call, because it is billed as one sum,
 * and free again when the call is settled.
 */
import type { Call, NanoDollars } from '../protocol/index.ts'
import type { StageOptions } from './stage.ts'

export class ToolHolds {
  private readonly accounts: StageOptions['accounts']
  private readonly held = new Map<Call, NanoDollars>()

  /** `accounts`: undefined where nobody keeps any. */
  constructor(accounts: StageOptions['accounts']) {
    this.accounts = accounts
  }

  /** Less than nothing gives back. */
  add(call: Call, amount: NanoDollars): void {
    const { accounts, held } = this
    if (accounts === undefined || amount === 0) return
    const before = held.get(call) ?? 0
    accounts.holdTools(call, before, before + amount)
    held.set(call, before + amount)
  }

  /** Give back all of it. */
  settle(call: Call): void {
    const amount = this.held.get(call)
    if (amount === undefined) return
    this.held.delete(call)
    this.accounts?.holdTools(call, amount, 0)
  }
}
