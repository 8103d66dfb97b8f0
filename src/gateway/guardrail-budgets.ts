/** What has been spent under guardrails with a limit: by each key and by each user, one by one (openrouter.md §8.2). */
import type { Caller, GatewaySpec, GuardrailSpec, NanoDollars } from '../protocol/index.ts'
import { Purse, type Limit } from './purse.ts'

export class GuardrailBudgets {
  private readonly gateway: GatewaySpec
  private readonly purses = new Map<string, Purse>()

  constructor(gateway: GatewaySpec) {
    this.gateway = gateway
  }

  /** A limit that has been reached under one of these; null: there is something left under all. */
  reached(guardrails: readonly GuardrailSpec[], caller: Caller | null, unixMs: number): Limit | null {
    for (const guardrail of guardrails) {
      for (const purse of this.pursesOf(guardrail, caller)) {
        const limit = purse.emptied(unixMs)
        if (limit !== null) return limit
      }
    }
    return null
  }

  /** `paid` with the account's money; `own`: normal price of what was paid with a key of the caller's own. */
  spend(
    guardrails: readonly GuardrailSpec[],
    caller: Caller | null,
    { paid, own }: { readonly paid: NanoDollars; readonly own: NanoDollars },
    unixMs: number,
  ): void {
    for (const guardrail of guardrails) {
      const amount = paid + (guardrail.include_byok_in_budgets ? own : 0)
      for (const purse of this.pursesOf(guardrail, caller)) purse.spend(amount, unixMs)
    }
  }

  private pursesOf(guardrail: GuardrailSpec, caller: Caller | null): Purse[] {
    const { name, limit_usd: limit, reset_interval: interval } = guardrail
    if (limit === undefined || interval === undefined) return []
    const user = this.gateway.keys?.[caller?.key ?? -1]?.creator_user_id
    const owners = [`${name}\nkey ${caller?.key ?? ''}`, ...(user === undefined ? [] : [`${name}\nuser ${user}`])]
    return owners.map((owner) => {
      let purse = this.purses.get(owner)
      if (!purse) this.purses.set(owner, (purse = new Purse({ [interval]: limit })))
      return purse
    })
  }
}
