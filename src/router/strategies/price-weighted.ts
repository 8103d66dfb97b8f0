/**
 * OpenRouter's default: endpoints without a significant outage in the last 30 seconds come first; among them the first
 * choice is drawn with probability proportional to 1/price², the others follow by ascending price; then the unstable
 * ones by ascending price (openrouter.md §1.1; the order of the rest is our reading of it).
 * A free endpoint would have infinite weight: it counts as if it cost a thousandth of a cent per million tokens.
 */
import { at, type Millis, type Rng } from '../../base/index.ts'
import type { Candidate } from '../../ledger/index.ts'
import type { Offer } from '../../protocol/index.ts'
import { blendedPrice, orderedBy, type Belief, type Strategy } from '../strategy.ts'

const PRICE_FLOOR = 1e-5

export const priceWeighted: Strategy = {
  kind: 'price_weighted',
  summary: 'Stable endpoints first, first choice drawn by 1/price², the rest by price.',
  example: '(the default: no sort, no order)',
  rank(eligible, { offers, belief, rng, now }) {
    if (areAllStable(eligible, belief, now)) return calmOrder(eligible, offers, rng)
    const stable = eligible.filter((endpoint) => belief.isStable(endpoint, now))
    const ranked = byPrice(stable, offers, 'price-weighted fallback')
    const unstable = eligible.filter((endpoint) => !stable.includes(endpoint))
    return [
      ...(ranked.length < 2 ? ranked : promote(ranked, draw(ranked, rng))),
      ...byPrice(unstable, offers, 'outage in the last 30 s'),
    ]
  },
}

function areAllStable(endpoints: readonly number[], belief: Belief, now: Millis): boolean {
  for (const endpoint of endpoints) if (!belief.isStable(endpoint, now)) return false
  return true
}

function byPrice(endpoints: readonly number[], offers: readonly Offer[], reason: string): Candidate[] {
  return orderedBy(
    endpoints,
    (endpoint) => Math.max(PRICE_FLOOR, blendedPrice(at(offers, endpoint))),
    () => reason,
  )
}

/** The orders of a list when nothing is wrong with anybody, one per first choice: the same for every such request. */
interface Calm {
  readonly offers: readonly Offer[]
  readonly ranked: readonly Candidate[]
  readonly orders: (readonly Candidate[] | undefined)[]
}

const calm = new WeakMap<readonly number[], Calm>()

function calmOrder(eligible: readonly number[], offers: readonly Offer[], rng: Rng): readonly Candidate[] {
  let known = calm.get(eligible)
  if (known?.offers !== offers) {
    known = { offers, ranked: byPrice(eligible, offers, 'price-weighted fallback'), orders: [] }
    calm.set(eligible, known)
  }
  const { ranked, orders } = known
  const first = ranked.length < 2 ? 0 : draw(ranked, rng)
  return (orders[first] ??= ranked.length < 2 ? ranked : promote(ranked, first))
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
