/**
 * The least busy of all (of sixteen drawn at random, where there are more: looking at a thousand for each request buys
 * nothing); among equals the one that was drawn first. Where many routers each see only their own traffic, all of them
 * pick the same one; `power_of_two` does not.
 */
import { leastRequestScore } from '../policies/balance.ts'
import type { Strategy } from '../strategy.ts'
import { bestOfDrawn } from './_drawn.ts'

export const leastLoad: Strategy = {
  kind: 'least_load',
  summary: 'The least busy of all.',
  example: 'resilience: { balance: { by: least_load } }',
  rank(eligible, context) {
    const { belief, now } = context
    const score = (endpoint: number): number =>
      leastRequestScore(belief.load(endpoint, now), belief.share(endpoint, now))
    return bestOfDrawn(eligible, context, Infinity, score, 'least load')
  },
}
