/** A gateway on the bench: the `gateway:` block of a fleet file, its offers, and what an application pastes as a policy. */
import { gatewaySchema, type Offer } from '../../src/protocol/index.ts'
import type { LabFleet } from '../router/lab.ts'

export { failed, Lab, offers, policy, request, TOOLS, type OfferInput } from '../router/lab.ts'

/** Offers behind a gateway as `gateway:` of a fleet file describes it. */
export function fleet(offers: readonly Offer[], gateway: Readonly<Record<string, unknown>> = {}): LabFleet {
  return { offers, gateway: gatewaySchema.parse(gateway) }
}
