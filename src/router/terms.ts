/** What a plan is made from besides the request: who offers what, and the terms of the gateway. */
import {
  guardrailsFor,
  NO_RESTRAINT,
  PLAIN_GATEWAY,
  type Caller,
  type Choices,
  type GatewaySpec,
  type KeySpec,
  type Offer,
  type Restraint,
} from '../protocol/index.ts'

/** A restraint, and whose it is in the words of the funnel: `account settings`. */
export interface NamedRestraint extends Restraint {
  readonly by: string
  /** Of a guardrail, or of a key: models that may be asked, and models that may not. */
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

/** The terms of whoever calls: those of everybody, the guardrails that hold for him, and what his key may ask for. */
export class TermsByCaller {
  private readonly everybody: Terms
  /** Whether anybody is held to more than everybody is. */
  private readonly differ: boolean
  /** By who restrains: callers who are held to the same share what is planned for them. */
  private readonly byRestraints = new Map<string, Terms>()
  private readonly byKey = new Map<number, Terms>()

  constructor(everybody: Terms) {
    this.everybody = everybody
    const { guardrails, keys = [] } = everybody.gateway
    this.differ = guardrails !== undefined || keys.some((key) => ofKey(key).length > 0)
  }

  of(caller: Caller | null): Terms {
    if (!this.differ) return this.everybody
    const key = caller?.key ?? -1
    let terms = this.byKey.get(key)
    if (!terms) this.byKey.set(key, (terms = this.restrained(caller)))
    return terms
  }

  private restrained(caller: Caller | null): Terms {
    const { gateway, restraints } = this.everybody
    const key = gateway.keys?.[caller?.key ?? -1]
    const own: NamedRestraint[] = [
      ...guardrailsFor(gateway, caller).map((guardrail) => ({ ...guardrail, by: `guardrail ${guardrail.name}` })),
      ...(key === undefined ? [] : ofKey(key)),
    ]
    if (own.length === 0) return this.everybody
    const names = own.map(({ by }) => by).join('\n')
    let terms = this.byRestraints.get(names)
    if (!terms) this.byRestraints.set(names, (terms = { ...this.everybody, restraints: [...restraints, ...own] }))
    return terms
  }
}

/** What a key says itself of what may be asked for with it. */
function ofKey({ name, allowed_models: models, allowed_providers: providers }: KeySpec): readonly NamedRestraint[] {
  if (models === undefined && providers === undefined) return []
  return [{ ...NO_RESTRAINT, by: `API key ${name}`, allowed_models: models, allowed_providers: providers }]
}
