/**
 * OpenRouter's default: endpoints without a significant outage in the last 30 seconds come first; among them the first
 * choice is drawn with probability proportional to 1/price², the others follow by ascending price; then the unstable
 * ones by ascending price (openrouter.md §1.1; the order of the rest is our reading of it).
 * A free endpoint would have infinite weight: it counts as if it cost a thousandth of a cent per million tokens.
 */
import { at } from '../../base/index.ts'
import { blendedPrice, orderedBy, type Strategy } from '../strategy.ts'

const PRICE_FLOOR = 1e-5

export const priceWeighted: Strategy = {
  kind: 'price_weighted',
  summary: 'Stable endpoints first, first choice drawn by 1/price², the rest by price.',
  example: '(the default: no sort, no order)',
  rank(eligible, { offers, belief, rng, now }) {
    const priceOf = (endpoint: number): number => Math.max(PRICE_FLOOR, blendedPrice(at(offers, endpoint)))
    const stable = orderedBy(
      eligible.filter((endpoint) => belief.isStable(endpoint, now)),
      priceOf,
      () => 'price-weighted fallback',
    )
    const ranked = stable.length < 2 ? stable : promote(stable, draw(stable, rng))
    if (stable.length === eligible.length) return ranked
    const unstable = orderedBy(
      eligible.filter((endpoint) => !belief.isStable(endpoint, now)),
      priceOf,
      () => 'outage in the last 30 s',
    )
    return [...ranked, ...unstable]
  },
}

/** Index of the first choice: weight 1/score². */
function draw(stable: readonly { score: number }[], rng: { next(): number }): number {
  let total = 0
  for (const { score } of stable) total += 1 / (score * score)
  let left = rng.next() * total
  for (let index = 0; index < stable.length; index += 1) {
    const { score } = at(stable, index)
    left -= 1 / (score * score)
    if (left < 0) return index
  }
  return stable.length - 1
}

function promote<T extends { reason: string }>(list: readonly T[], index: number): T[] {
  const first = { ...at(list, index), reason: 'price-weighted pick' }
  return [first, ...list.slice(0, index), ...list.slice(index + 1)]
}
