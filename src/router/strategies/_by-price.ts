/**
 * What load balancing and Exacto share: endpoints in levels, the best level first; in a level by ascending price, and in
 * the first level whose endpoints answer, the first choice drawn with probability proportional to 1/price². A free
 * endpoint would have infinite weight: it counts as the `price_floor`.
 */
import { at, type Rng } from '../../base/index.ts'
import type { Candidate } from '../../ledger/index.ts'
import { blendedPrice, orderedBy, STATUS, type RankContext } from '../strategy.ts'

/** One of the levels: who is in it, and why it is where it is. */
export interface Level {
  readonly rank: number
  readonly reason: string
  /** Nobody in it can be expected to answer: nothing is drawn there. */
  readonly isOut: boolean
}

export function levelled(
  eligible: readonly number[],
  context: RankContext,
  levelOf: (endpoint: number) => Level,
): Candidate[] {
  const levels = new Map<Level, number[]>()
  for (const endpoint of eligible) {
    const level = levelOf(endpoint)
    const members = levels.get(level)
    if (members) members.push(endpoint)
    else levels.set(level, [endpoint])
  }
  const order: Candidate[] = []
  for (const [{ reason, isOut }, members] of [...levels].sort(([left], [right]) => left.rank - right.rank)) {
    const ranked = byPrice(members, context, reason)
    const isDrawn = !isOut && (order.length === 0 || context.choices.rest_order === 'drawn')
    order.push(...(isDrawn ? drawn(ranked, context) : ranked))
  }
  return order
}

/** Levels of health, for an order whose reasons are its own. */
export function levelsByStatus(reason: string): readonly Level[] {
  return [
    { rank: STATUS.normal, reason, isOut: false },
    { rank: STATUS.degraded, reason: 'degraded: uptime below 95 %', isOut: false },
    { rank: STATUS.outage, reason: 'outage in the last 30 s', isOut: true },
    { rank: STATUS.down, reason: 'down: uptime below 80 %', isOut: true },
  ]
}

export function byPrice(endpoints: readonly number[], { offers, choices }: RankContext, reason: string): Candidate[] {
  return orderedBy(
    endpoints,
    (endpoint) => Math.max(choices.price_floor, blendedPrice(at(offers, endpoint), choices)),
    () => reason,
  )
}

/** A list by price with its first choice drawn; or drawn to its end, one by one. */
export function drawn(ranked: readonly Candidate[], { choices, rng }: RankContext): readonly Candidate[] {
  if (ranked.length < 2) return ranked
  const first = draw(ranked, rng)
  const [pick, ...rest] = promote(ranked, first)
  if (choices.rest_order === 'price') return [pick!, ...rest]
  const order = [pick!]
  while (rest.length > 0) order.push(...rest.splice(draw(rest, rng), 1))
  return order
}

/** Index of the first choice: weight 1/score². */
export function draw(ranked: readonly { score: number }[], rng: Pick<Rng, 'next'>): number {
  let total = 0
  for (const { score } of ranked) total += 1 / (score * score)
  let left = rng.next() * total
  for (let index = 0; index < ranked.length; index += 1) {
    const { score } = at(ranked, index)
    left -= 1 / (score * score)
    if (left < 0) return index
  }
  return ranked.length - 1
}

export function promote<T extends { reason: string }>(list: readonly T[], index: number): T[] {
  const first = { ...at(list, index), reason: 'price-weighted pick' }
  return [first, ...list.slice(0, index), ...list.slice(index + 1)]
}
