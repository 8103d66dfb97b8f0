/**
 * The eligibility funnel: who may serve a request, as named steps whose counts are recorded. Step names are those seen
 * in OpenRouter's `routing_funnel` (openrouter.md §3.7); a step appears when it ran. Pure: offers and a request in, the
 * survivors and the story out. Nothing here knows about health, which never removes anybody.
 */
import { at } from '../base/index.ts'
import type { FunnelStep } from '../ledger/index.ts'
import type { Offer, Quantization, RequestShape } from '../protocol/index.ts'
import type { ProviderPreferences } from './policy.ts'
import { admitsTier, type Intent } from './resolve.ts'
import type { Terms } from './terms.ts'

export interface Eligibility {
  /** Shared endpoints. */
  readonly eligible: readonly number[]
  /** Copies for keys of one's own, which pass the same steps and are not counted in them. */
  readonly copies: readonly number[]
  readonly funnel: readonly FunnelStep[]
  /** No request that needs at most this much context, and at most `maxOutput` tokens, is turned away by length. */
  readonly contextLength: number
  readonly maxOutput: number
}

/** What of a request the funnel looks at. */
export interface Demand {
  readonly intent: Intent
  readonly models: readonly string[]
  readonly provider: ProviderPreferences
  readonly shape: RequestShape
  readonly inputTokens: number
  readonly maxTokens: number | null
}

/** `fp4` admits its two block-scaled kinds, `fp8` its one (openrouter.md §1). */
const QUANTIZATION_FAMILIES: Partial<Record<Quantization, readonly Quantization[]>> = {
  fp4: ['fp4', 'mxfp4', 'nvfp4'],
  fp8: ['fp8', 'mxfp8'],
}

/** Whether a slug of a request names an endpoint: its provider, or its full tag (openrouter.md §1.4). */
export function matchesSlug(slug: string, offer: Offer): boolean {
  return slug === offer.provider || slug === offer.tag || slug === offer.providerName
}

export function runFunnel(demand: Demand, { offers, choices }: Terms): Eligibility {
  const { provider, shape } = demand
  const funnel: FunnelStep[] = []
  let left = offers.filter((offer) => demand.models.includes(offer.model)).map((offer) => offer.index)
  const isShared = (endpoint: number): boolean => at(offers, endpoint).byok === null
  funnel.push({ step: 'Initial Endpoints', left: left.filter(isShared).length, removed: [] })

  const keep = (step: string, test: (offer: Offer) => boolean): void => {
    const removed = left.filter((endpoint) => !test(at(offers, endpoint)))
    if (removed.length > 0) left = left.filter((endpoint) => !removed.includes(endpoint))
    funnel.push({ step, left: left.filter(isShared).length, removed: removed.filter(isShared) })
  }
  /** Keep those that pass, unless nobody of a model does: a preference never empties a model. */
  const prefer = (step: string, test: (offer: Offer) => boolean): void => {
    const able = new Set(
      left.filter((endpoint) => test(at(offers, endpoint))).map((endpoint) => at(offers, endpoint).model),
    )
    keep(step, (offer) => !able.has(offer.model) || test(offer))
  }
  const supports = (name: string) => (offer: Offer) => offer.parameters.has(name)

  if (provider.data_collection === 'deny') keep('Filter by Data Policy', (offer) => !offer.collectsData)
  if (provider.zdr === true) keep('Filter by Data Policy', (offer) => offer.zdr)
  // An empty list restricts nothing, as if it were not there.
  const only = filled(provider.only)
  const ignore = filled(provider.ignore)
  if (only || ignore) {
    keep('Filter by Allowed Providers', (offer) => {
      if (ignore?.some((slug) => matchesSlug(slug, offer))) return false
      return !only || only.some((slug) => matchesSlug(slug, offer))
    })
  }
  if (left.some((endpoint) => at(offers, endpoint).tier !== 'default')) {
    const { intent } = demand
    // Who asks for `flex` is never served at the standard rate where the model has endpoints of that tier.
    const asked = left
      .map((endpoint) => at(offers, endpoint))
      .filter(({ tier }) => tier === 'flex' && intent.tier === tier)
    const flexible = new Set(asked.map(({ model }) => model))
    keep('Filter by Tier Endpoint Rows', (offer) =>
      flexible.has(offer.model) ? offer.tier === 'flex' : admitsTier(intent, offer),
    )
  }
  if (filled(provider.quantizations)) {
    const allowed = new Set(filled(provider.quantizations)?.flatMap((name) => QUANTIZATION_FAMILIES[name] ?? [name]))
    keep('Filter by Quantization', (offer) => allowed.has(offer.quantization))
  }
  if (provider.require_parameters === true) {
    keep('Filter by Parameters', (offer) => shape.parameters.every((name) => offer.parameters.has(name)))
  }
  if (shape.tools.length > 0) keep('Filter by Tool Compatibility', supports('tools'))
  if (shape.responseFormat === 'json_object') prefer('Filter by Response Format', supports('response_format'))
  if (shape.responseFormat === 'json_schema') prefer('Filter by Response Format', supports('structured_outputs'))
  if (provider.max_price) {
    const { prompt, completion, request } = provider.max_price
    const isWithin = (amount: number, cap: number | null | undefined): boolean =>
      cap == null || (choices.max_price === 'strict' ? amount < cap : amount <= cap)
    keep(
      'Filter by Max Price',
      ({ price }) =>
        isWithin(price.input, prompt) && isWithin(price.output, completion) && isWithin(price.request, request),
    )
  }

  const before = left.map((endpoint) => at(offers, endpoint))
  const contextLength = Math.min(...before.map((offer) => offer.contextLength))
  const maxOutput = Math.min(...before.map((offer) => offer.maxOutput))
  const output = demand.maxTokens ?? 0
  const needed = demand.inputTokens + output
  if (needed > contextLength || output > maxOutput) {
    keep('Filter by Context Length', (offer) => needed <= offer.contextLength && output <= offer.maxOutput)
  }
  const copies = left.filter((endpoint) => !isShared(endpoint))
  return { eligible: left.filter(isShared), copies, funnel, contextLength, maxOutput }
}

function filled<T>(list: readonly T[] | null | undefined): readonly T[] | null {
  return list && list.length > 0 ? list : null
}
