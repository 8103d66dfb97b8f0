/**
 * The less busy of two drawn at random. Two choices instead of one turn the longest queue from logarithmic into doubly
 * logarithmic (Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing"), and unlike the least busy of all
 * they do not send everybody to the same endpoint at once.
 */
import { leastRequestScore } from '../policies/balance.ts'
import type { Strategy } from '../strategy.ts'
import { bestOfDrawn } from './_drawn.ts'

const CHOICES = 2

export const powerOfTwo: Strategy = {
  kind: 'power_of_two',
  summary: 'The less busy of two drawn at random.',
  example: 'resilience: { balance: { by: power_of_two } }',
  rank(eligible, context) {
    const { belief, now } = context
    const score = (endpoint: number): number =>
      leastRequestScore(belief.load(endpoint, now), belief.share(endpoint, now))
    return bestOfDrawn(eligible, context, CHOICES, score, 'power of two')
  },
}
