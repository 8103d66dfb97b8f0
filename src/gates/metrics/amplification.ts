/** Amplification: how many attempts a request cost the providers. */
import type { Metric } from '../metric.ts'
import { NO_REQUESTS, observeShare, type Share } from './_share.ts'

export const amplification: Metric<Share, 'request.closed'> = {
  kind: 'amplification',
  summary: 'Attempts per request; above 1 the router adds load to what the application asked for.',
  unit: 'factor',
  numerator: 'attempts of those requests: retries, fallbacks, hedges and probes, over all calls',
  denominator: 'requests that arrived, without those the client itself cancelled',
  samples: 'requests',
  trap: 'Attempts of failed requests count: a retry storm is made of them.',
  stats: ['value'],
  resolution: 1e-3,
  range: [0, Infinity],
  example: '<= 1.5',
  scope: 'traffic',
  hasBooks: false,
  needsTwin: false,
  on: ['request.closed'],
  start: () => ({ part: 0, whole: 0 }),
  step(state, entry) {
    if (entry.outcome === 'cancelled') return
    state.whole += 1
    state.part += entry.attempts
  },
  breaks: ({ outcome, attempts }, _, bound) => outcome !== 'cancelled' && attempts > bound,
  finish: (state) => observeShare(state, NO_REQUESTS),
}
