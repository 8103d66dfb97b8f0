/** What a plan is made from besides the request: who offers what, and the terms of the gateway. */
import { PLAIN_GATEWAY, type Choices, type GatewaySpec, type Offer, type Restraint } from '../protocol/index.ts'

/** A restraint, and whose it is in the words of the funnel: `account settings`. */
export interface NamedRestraint extends Restraint {
  readonly by: string
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
