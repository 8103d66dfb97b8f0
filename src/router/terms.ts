/** What a plan is made from besides the request: who offers what, and the terms of the gateway. */
import {
  guardrailsFor,
  PLAIN_GATEWAY,
  type Caller,
  type Choices,
  type GatewaySpec,
  type Offer,
  type Restraint,
} from '../protocol/index.ts'

/** A restraint, and whose it is in the words of the funnel: `account settings`. */
export interface NamedRestraint extends Restraint {
  readonly by: string
  /** Of a guardrail: models that may be asked, and models that may not. */
  readonly allowed_models?: readonly string[] | undefined
  readonly ignored_models?: readonly string[] | undefined
}

export interface Terms {
  readonly offers: readonly Offer[]
  /** How the contract is read where it is open. */
  readonly choices: Choices
  /** What everybody's requests are held to. All of them apply. */
  readonly restraints: readonly NamedRestraint[]
  /** Everything that the fleet file says of the gateway. */
  readonly gateway: GatewaySpec
}

export function termsOf(offers: readonly Offer[], gateway: GatewaySpec = PLAIN_GATEWAY): Terms {
  const { account, choices } = gateway
  const restraints = account === undefined ? [] : [{ ...account, by: 'account settings' }]
  return { offers, choices, restraints, gateway }
}

/** The terms of whoever calls: those of everybody, and the guardrails that hold for him. */
export class TermsByCaller {
  private readonly everybody: Terms
  /** By the names of the guardrails: callers with the same share what is planned for them. */
  private readonly byGuardrails = new Map<string, Terms>()
  private readonly byKey = new Map<number, Terms>()

  constructor(everybody: Terms) {
    this.everybody = everybody
  }

  of(caller: Caller | null): Terms {
    if (this.everybody.gateway.guardrails === undefined) return this.everybody
    const key = caller?.key ?? -1
    let terms = this.byKey.get(key)
    if (!terms) this.byKey.set(key, (terms = this.restrained(caller)))
    return terms
  }

  private restrained(caller: Caller | null): Terms {
    const { gateway, restraints } = this.everybody
    const guardrails = guardrailsFor(gateway, caller)
    if (guardrails.length === 0) return this.everybody
    const names = guardrails.map(({ name }) => name).join('\n')
    let terms = this.byGuardrails.get(names)
    if (!terms) {
      const own = guardrails.map((guardrail) => ({ ...guardrail, by: `guardrail ${guardrail.name}` }))
      this.byGuardrails.set(names, (terms = { ...this.everybody, restraints: [...restraints, ...own] }))
    }
    return terms
  }
}
