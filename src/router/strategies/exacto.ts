/**
 * Exacto: by quality before price (openrouter.md §1.8). Endpoints whose speed, tool calls and benchmarks hold their own
 * among those of their model come first, then those of which too little is known, then those that fall behind. Requests
 * with tools are ordered so by themselves (Auto Exacto). Who is not well goes behind who is, as ever; inside a tier the
 * order is not published (`exacto_within`).
 */
import { GRADES, STATUSES, type Strategy } from '../strategy.ts'
import { levelled, levelsByStatus, type Level } from './_by-price.ts'

const REASONS = ['exacto: good', 'exacto: insufficient data', 'exacto: deprioritized']

/** By status, then grade. */
const LEVELS: readonly Level[] = Array.from({ length: STATUSES * GRADES }, (_, index) => {
  const { reason, isOut } = levelsByStatus(REASONS[index % GRADES]!)[Math.floor(index / GRADES)]!
  return { rank: index, reason, isOut }
})

export const exacto: Strategy = {
  kind: 'exacto',
  summary: 'Good tool calls, speed and benchmarks first, then little known, then worse than the others.',
  example: 'provider: { sort: exacto }',
  rank(eligible, context) {
    const { belief, choices, now } = context
    const level = (endpoint: number): number => belief.status(endpoint, now) * GRADES + belief.grade(endpoint, now)
    const order = levelled(eligible, context, (endpoint) => LEVELS[level(endpoint)]!)
    if (choices.exacto_within === 'balanced') return order
    const speed = (endpoint: number): number => belief.throughput(endpoint, 0.5, now) ?? 0
    return order.sort(
      (left, right) =>
        level(left.endpoint) - level(right.endpoint) ||
        speed(right.endpoint) - speed(left.endpoint) ||
        left.endpoint - right.endpoint,
    )
  },
}
