/** Truncated: how many answers broke off after the user had begun to read. */
import type { Metric } from '../metric.ts'
import { NO_REQUESTS, observeShare, type Share } from './_share.ts'

export const truncated: Metric<Share, 'request.closed'> = {
  kind: 'truncated',
  summary: 'Requests whose answer broke off after text had been shown.',
  unit: 'ratio',
  numerator: 'requests that ended truncated',
  denominator: 'requests that arrived, without those the client itself cancelled',
  samples: 'requests',
  trap: 'A stream that ends without its terminal marker is truncated, however the connection was closed.',
  stats: ['value'],
  resolution: 1e-6,
  range: [0, 1],
  example: '<= 0.5%',
  scope: 'traffic',
  hasBooks: false,
  needsTwin: false,
  on: ['request.closed'],
  start: () => ({ part: 0, whole: 0 }),
  step(state, entry) {
    if (entry.outcome === 'cancelled') return
    state.whole += 1
    if (entry.outcome === 'truncated') state.part += 1
  },
  breaks: ({ outcome }) => outcome === 'truncated',
  finish: (state) => observeShare(state, NO_REQUESTS),
}
