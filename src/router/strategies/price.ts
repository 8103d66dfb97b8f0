/** Cheapest first. Deterministic: the same order on every request. */
import { at } from '../../base/index.ts'
import { blendedPrice, orderedBy, type Strategy } from '../strategy.ts'

export const price: Strategy = {
  kind: 'price',
  summary: 'Cheapest first, by blended price; no random pick.',
  example: 'provider: { sort: price }',
  rank(eligible, { offers, choices }) {
    return orderedBy(
      eligible,
      (endpoint) => blendedPrice(at(offers, endpoint), choices),
      () => 'sort: price',
    )
  },
}
