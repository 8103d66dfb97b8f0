/** What may be spent under guardrails with a limit: by each key and by each user, one by one (openrouter.md §8.2). */
import { guardrailsFor, type GatewaySpec } from '../protocol/index.ts'
import { Purse, type Budget } from './purse.ts'
import { guardrailSpent } from './refusals.ts'

export class GuardrailBudgets {
  private readonly gateway: GatewaySpec
  /** By guardrail and whose it is: keys of one user share his. */
  private readonly budgets = new Map<string, Budget>()

  constructor(gateway: GatewaySpec) {
    this.gateway = gateway
  }

  /** Those that a key draws on; -1: whoever comes without one. */
  of(key: number): Budget[] {
    const { keys = [] } = this.gateway
    const user = keys[key]?.creator_user_id
    const owners = [`key ${key}`, ...(user === undefined ? [] : [`user ${user}`])]
    return guardrailsFor(this.gateway, { key }).flatMap((guardrail) => {
      const { name, limit_usd: limit, reset_interval: interval, include_byok_in_budgets: countsOwn } = guardrail
      if (limit === undefined || interval === undefined) return []
      return owners.map((owner) => {
        const id = `${name}\n${owner}`
        let budget = this.budgets.get(id)
        if (budget === undefined) {
          budget = { purse: new Purse({ [interval]: limit }, countsOwn), exceeded: guardrailSpent }
          this.budgets.set(id, budget)
        }
        return budget
      })
    })
  }
}
