/** What a plan is made from besides the request: who offers what, and the terms of the gateway. */
import { PLAIN_GATEWAY, type Choices, type GatewaySpec, type Offer } from '../protocol/index.ts'

export interface Terms {
  readonly offers: readonly Offer[]
  /** How the contract is read where it is open. */
  readonly choices: Choices
  /** Everything that the fleet file says of the gateway. */
  readonly gateway: GatewaySpec
}

export function termsOf(offers: readonly Offer[], gateway: GatewaySpec = PLAIN_GATEWAY): Terms {
  return { offers, choices: gateway.choices, gateway }
}
