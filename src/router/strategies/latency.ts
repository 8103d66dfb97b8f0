/**
 * Lowest time to first token first, by the median of the last 5 minutes. Endpoints without samples come after those
 * that have some (`without_statistics: first`: before them), in fleet order: untried is not the same as fast.
 */
import { NEVER } from '../../base/index.ts'
import { orderedBy, type Strategy } from '../strategy.ts'

export const latency: Strategy = {
  kind: 'latency',
  summary: 'Lowest median time to first token first.',
  example: 'provider: { sort: latency }',
  rank(eligible, { belief, choices, now }) {
    const unknown = choices.without_statistics === 'last' ? NEVER : 0
    return orderedBy(
      eligible,
      (endpoint) => belief.ttftMs(endpoint, 0.5, now) ?? unknown,
      () => 'sort: latency',
    )
  },
}
