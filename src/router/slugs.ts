/**
 * What a slug of a request names (openrouter.md §1.4): a full slug (`deepinfra/turbo`, `google-vertex/us-east5`) that
 * one endpoint, a base slug or a display name every variant and region of a provider. A row of a service tier
 * (`openai/priority`) is named by its full slug alone, the same in `order`, `only`, `ignore` and an account's lists.
 */
import { at } from '../base/index.ts'
import type { Choices, Offer } from '../protocol/index.ts'
import type { Terms } from './terms.ts'

type Spelling = Pick<Choices, 'slug_case'>

/** Whether a slug names an endpoint. */
export function isNamedBy(slug: string, offer: Offer, spelling: Spelling): boolean {
  if (isNamedInFull(slug, offer, spelling)) return true
  const { provider, providerName, tag, tier } = offer
  return tier === 'default' && [provider, providerName, tag].some((name) => isSame(name, slug, spelling))
}

/** Whether a slug names this endpoint and no others of its provider. */
export function isNamedInFull(slug: string, { provider, tag, region, tier }: Offer, spelling: Spelling): boolean {
  if (tag !== provider && isSame(tag, slug, spelling)) return true
  return tier === 'default' && isSame(`${provider}/${region}`, slug, spelling)
}

function isSame(name: string, slug: string, { slug_case: letters }: Spelling): boolean {
  return name === slug || (letters === 'any' && name.toLowerCase() === slug.toLowerCase())
}

/** Whether any slug of a list names an endpoint. */
export function isAmong(slugs: readonly string[], offer: Offer, spelling: Spelling): boolean {
  return slugs.some((slug) => isNamedBy(slug, offer, spelling))
}

/** By endpoint: its place in a list of slugs, that of the first that names it; Infinity for one that is not in it. */
export function placesIn(slugs: readonly string[], { offers, choices }: Terms): readonly number[] {
  return offers.map((_, endpoint) => {
    const place = slugs.findIndex((slug) => isNamedBy(slug, at(offers, endpoint), choices))
    return place < 0 ? Infinity : place
  })
}
