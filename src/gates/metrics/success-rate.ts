/** Success rate: how many requests the application got a good answer to. */
import type { Metric } from '../metric.ts'
import { NO_REQUESTS, observeShare, type Share } from './_share.ts'

export const successRate: Metric<Share, 'request.closed'> = {
  kind: 'success_rate',
  summary: 'Requests that the application got a good answer to.',
  unit: 'ratio',
  numerator: 'requests that ended ok',
  denominator: 'requests that arrived, without those the client itself cancelled',
  samples: 'requests',
  trap: 'A truncated stream, a bad tool call, and a request still in flight at the end are failures.',
  stats: ['value'],
  resolution: 1e-6,
  range: [0, 1],
  example: '>= 99.5%',
  scope: 'traffic',
  hasBooks: false,
  needsTwin: false,
  on: ['request.closed'],
  start: () => ({ part: 0, whole: 0 }),
  step(state, entry) {
    if (entry.outcome === 'cancelled') return
    state.whole += 1
    if (entry.outcome === 'ok') state.part += 1
  },
  breaks: ({ outcome }) => outcome !== 'ok' && outcome !== 'cancelled',
  finish: (state) => observeShare(state, NO_REQUESTS),
}
