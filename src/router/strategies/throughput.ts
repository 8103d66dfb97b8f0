/**
 * Highest output speed first, by the median of the last 5 minutes. Endpoints without samples come after those that have
 * some (`without_statistics: first`: before them), in fleet order.
 */
import { orderedBy, type Strategy } from '../strategy.ts'

export const throughput: Strategy = {
  kind: 'throughput',
  summary: 'Highest median output tokens per second first.',
  example: 'provider: { sort: throughput }',
  rank(eligible, { belief, choices, now }) {
    const unknown = choices.without_statistics === 'last' ? 0 : Infinity
    return orderedBy(
      eligible,
      (endpoint) => 0 - (belief.throughput(endpoint, 0.5, now) ?? unknown),
      () => 'sort: throughput',
    )
  },
}
