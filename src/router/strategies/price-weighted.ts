/**
 * OpenRouter's default (openrouter.md §1.1, §1.9): endpoints that are well come first, and among them the first choice is
 * drawn with probability proportional to 1/price²; the others follow by ascending price. Then those whose uptime is
 * degraded, those with a significant outage in the last 30 seconds, and those that are down, each by ascending price.
 */
import type { Rng } from '../../base/index.ts'
import type { Candidate } from '../../ledger/index.ts'
import { STATUS, type Belief, type RankContext, type Strategy } from '../strategy.ts'
import { byPrice, draw, levelled, levelsByStatus, promote } from './_by-price.ts'

const FALLBACK = 'price-weighted fallback'
const LEVELS = levelsByStatus(FALLBACK)

export const priceWeighted: Strategy = {
  kind: 'price_weighted',
  summary: 'Stable endpoints first, first choice drawn by 1/price², the rest by price.',
  example: '(the default: no sort, no order)',
  rank(eligible, context) {
    const { belief, choices, rng, now } = context
    if (choices.rest_order === 'price' && areAllWell(eligible, belief, now)) return calmOrder(eligible, context, rng)
    return levelled(eligible, context, (endpoint) => LEVELS[belief.status(endpoint, now)]!)
  },
}

function areAllWell(endpoints: readonly number[], belief: Belief, now: number): boolean {
  for (const endpoint of endpoints) if (belief.status(endpoint, now) !== STATUS.normal) return false
  return true
}

/** The orders of a list when nothing is wrong with anybody, one per first choice: the same for every such request. */
interface Calm {
  readonly context: Pick<RankContext, 'offers' | 'choices'>
  readonly ranked: readonly Candidate[]
  readonly orders: (readonly Candidate[] | undefined)[]
}

const calm = new WeakMap<readonly number[], Calm>()

function calmOrder(eligible: readonly number[], context: RankContext, rng: Rng): readonly Candidate[] {
  let known = calm.get(eligible)
  if (known?.context.offers !== context.offers || known.context.choices !== context.choices) {
    const { offers, choices } = context
    known = { context: { offers, choices }, ranked: byPrice(eligible, context, FALLBACK), orders: [] }
    calm.set(eligible, known)
  }
  const { ranked, orders } = known
  const first = ranked.length < 2 ? 0 : draw(ranked, rng)
  return (orders[first] ??= ranked.length < 2 ? ranked : promote(ranked, first))
}
