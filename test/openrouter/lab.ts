/** A gateway on the bench: the `gateway:` block of a fleet file, its offers, and what an application pastes as a policy. */
import { endpointSchema, gatewaySchema, offerOf, withByok, type Offer } from '../../src/protocol/index.ts'
import type { LabFleet, OfferInput } from '../router/lab.ts'

export {
  DONE,
  failed,
  Lab,
  offers,
  OPEN,
  policy,
  request,
  TOOLS,
  tokens,
  type Asked,
  type OfferInput,
} from '../router/lab.ts'

type Fields = Readonly<Record<string, unknown>>

/** Offers behind a gateway as `gateway:` of a fleet file describes it. */
export function fleet(offers: readonly Offer[], gateway: Fields = {}): LabFleet {
  return { offers, gateway: gatewaySchema.parse(gateway) }
}

/** A gateway whose fleet file has these endpoints, and these keys under `byok`. */
export function keyed(
  endpoints: readonly (string | OfferInput)[],
  byok: readonly Fields[],
  gateway: Fields = {},
): LabFleet {
  const specs = endpoints.map((input) =>
    endpointSchema.parse({
      model: 'm',
      price: { input: 1, output: 1 },
      ...(typeof input === 'string' ? { provider: input } : input),
    }),
  )
  const spec = gatewaySchema.parse({ ...gateway, byok })
  return { offers: withByok(specs, spec.byok).map(offerOf), gateway: spec }
}
