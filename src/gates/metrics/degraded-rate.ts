/** Degraded rate: how many requests had to do with less than they asked for. */
import type { Metric } from '../metric.ts'
import { NO_REQUESTS, observeShare, type Share } from './_share.ts'

export const degradedRate: Metric<Share, 'request.closed'> = {
  kind: 'degraded_rate',
  summary: 'Requests that went down the degradation ladder of their policy.',
  unit: 'ratio',
  numerator: 'requests whose last call ended on a rung, whether or not the rung helped',
  denominator: 'requests that arrived, without those the client itself cancelled',
  samples: 'requests',
  trap: 'A rung that did not help counts too. How often it did is success_rate with `rung` in its selector.',
  stats: ['value'],
  resolution: 1e-6,
  range: [0, 1],
  example: '<= 5%',
  scope: 'traffic',
  hasBooks: false,
  needsTwin: false,
  on: ['request.closed'],
  start: () => ({ part: 0, whole: 0 }),
  step(state, entry) {
    if (entry.outcome === 'cancelled') return
    state.whole += 1
    if (entry.rung > 0) state.part += 1
  },
  breaks: ({ outcome, rung }) => outcome !== 'cancelled' && rung > 0,
  finish: (state) => observeShare(state, NO_REQUESTS),
}
