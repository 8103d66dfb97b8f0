/** SLO attainment: how many requests kept everything that is promised of one. */
import type { Metric } from '../metric.ts'
import { NO_REQUESTS, observeShare, type Share } from './_share.ts'
import { keepsPromise } from './_slo.ts'

export const sloAttainment: Metric<Share, 'request.closed'> = {
  kind: 'slo_attainment',
  summary: 'Requests that were answered well, and in time for all that is promised of one.',
  unit: 'ratio',
  numerator: 'requests that ended ok, with their first content and their last within the bounds of `slo`',
  denominator: 'requests that arrived, without those the client itself cancelled',
  samples: 'requests',
  trap: 'Judged request by request: percentiles of each time can all hold while hardly a request keeps all of them.',
  stats: ['value'],
  resolution: 1e-6,
  range: [0, 1],
  example: '>= 99%',
  scope: 'traffic',
  hasBooks: false,
  needsTwin: false,
  takes: ['slo'],
  onDemand: true,
  on: ['request.closed'],
  start: () => ({ part: 0, whole: 0 }),
  step(state, entry, { bounds }) {
    if (entry.outcome === 'cancelled') return
    state.whole += 1
    if (keepsPromise(entry, bounds)) state.part += 1
  },
  breaks: (entry, { bounds }) => entry.outcome !== 'cancelled' && !keepsPromise(entry, bounds),
  finish: (state) => observeShare(state, NO_REQUESTS),
}
