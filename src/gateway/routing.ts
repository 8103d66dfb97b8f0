/** `openrouter_metadata`: how a call was routed, for callers that ask for it (openrouter.md §4.10). Made only then. */
import type { Call, Offer } from '../protocol/index.ts'

export interface RoutingMetadata {
  readonly requested: string
  readonly strategy: 'direct' | 'fallback' | NonNullable<Call['chosenBy']>['strategy']
  readonly region: null
  readonly summary: string
  /** The attempt that succeeded, from 1; if none did, how many there were. */
  readonly attempt: number
  readonly is_byok: boolean
  readonly endpoints: { readonly total: number; readonly available: readonly EndpointTold[] }
  readonly attempts: readonly { readonly provider: string; readonly model: string; readonly status: number }[]
  /** Stages that have done something to the request or its answer. */
  readonly pipeline: readonly object[]
}

interface EndpointTold {
  readonly provider: string
  readonly model: string
  readonly selected: boolean
}

/** null where the call was never routed. `requested`: the models as the caller named them, none for the policy's. */
export function routingOf(
  { summary, chosenBy }: Call,
  requested: readonly string[],
  offers: readonly Offer[],
  pipeline: readonly object[] = [],
): RoutingMetadata | null {
  if (summary?.story === undefined) return null
  const { servedBy, delivery, story } = summary
  const served = delivery === 'none' ? undefined : offers[servedBy]
  const planned = story.planned().flatMap((endpoint) => offers[endpoint] ?? [])
  const tried = story.tried()
  const models = new Set(planned.map(({ model }) => model))
  const attempt = served === undefined ? tried.length : 1 + tried.findIndex(({ status }) => status === 200)
  return {
    requested: requested[0] ?? planned[0]?.model ?? '',
    strategy: chosenBy?.strategy ?? (requested.length > 1 ? 'fallback' : 'direct'),
    region: null,
    summary: `available=${planned.length}, selected=${served?.providerName ?? 'none'}`,
    attempt,
    is_byok: served?.byok != null,
    endpoints: {
      total: offers.filter(({ model }) => models.has(model)).length,
      available: planned.map((offer) => ({
        provider: offer.providerName,
        model: offer.model,
        selected: offer === served,
      })),
    },
    attempts: tried.flatMap(({ endpoint, status }) => {
      const offer = offers[endpoint]
      return offer === undefined ? [] : [{ provider: offer.providerName, model: offer.model, status }]
    }),
    pipeline,
  }
}
