/**
 * The cheaper of two drawn at random, where cost is the decayed peak of time to first token times one more than is in
 * flight there (Finagle). It sees what counting cannot: an endpoint that has become slow, before its queue has grown.
 * Time to first token and not the whole answer: that one is long because it was asked for many words.
 */
import type { Strategy } from '../strategy.ts'
import { bestOfDrawn } from './_drawn.ts'

const CHOICES = 2

export const peakEwma: Strategy = {
  kind: 'peak_ewma',
  summary: 'The cheaper of two drawn at random: recent peak of time to first token × attempts in flight.',
  example: 'resilience: { balance: { by: peak_ewma } }',
  rank(eligible, context) {
    const { belief, now } = context
    const score = (endpoint: number): number => belief.cost(endpoint, now) / belief.share(endpoint, now)
    return bestOfDrawn(eligible, context, CHOICES, score, 'peak ewma')
  },
}
