/**
 * Lowest time to first token first, by the median of the last 5 minutes. Endpoints without samples come after those
 * that have some, in fleet order: untried is not the same as fast.
 */
import { NEVER } from '../../base/index.ts'
import { orderedBy, type Strategy } from '../strategy.ts'

export const latency: Strategy = {
  kind: 'latency',
  summary: 'Lowest median time to first token first.',
  example: 'provider: { sort: latency }',
  rank(eligible, { belief, now }) {
    return orderedBy(
      eligible,
      (endpoint) => belief.ttftMs(endpoint, 0.5, now) ?? NEVER,
      () => 'sort: latency',
    )
  },
}
