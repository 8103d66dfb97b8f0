/** Highest output speed first, by the median of the last 5 minutes; endpoints without samples last, in fleet order. */
import { orderedBy, type Strategy } from '../strategy.ts'

export const throughput: Strategy = {
  kind: 'throughput',
  summary: 'Highest median output tokens per second first.',
  example: 'provider: { sort: throughput }',
  rank(eligible, { belief, now }) {
    return orderedBy(
      eligible,
      (endpoint) => 0 - (belief.throughput(endpoint, 0.5, now) ?? 0),
      () => 'sort: throughput',
    )
  },
}
