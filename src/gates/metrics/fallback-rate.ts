/** Fallback rate: how many requests were tried anywhere but at their first choice. */
import type { Metric } from '../metric.ts'
import { NO_REQUESTS, observeShare, type Share } from './_share.ts'

export const fallbackRate: Metric<Share, 'request.closed'> = {
  kind: 'fallback_rate',
  summary: 'Requests that were tried at another endpoint than their first.',
  unit: 'ratio',
  numerator: 'requests with an attempt at an endpoint other than the one of their first attempt',
  denominator: 'requests that arrived, without those the client itself cancelled',
  samples: 'requests',
  trap: 'Retries at the same endpoint are no fallback, and a fallback counts even when it failed, too.',
  stats: ['value'],
  resolution: 1e-6,
  range: [0, 1],
  example: '<= 20%',
  scope: 'traffic',
  hasBooks: false,
  needsTwin: false,
  on: ['request.closed'],
  start: () => ({ part: 0, whole: 0 }),
  step(state, entry, { selects, traces }) {
    if (entry.outcome === 'cancelled' || !selects.request(entry)) return
    state.whole += 1
    const isServedElsewhere = entry.servedBy >= 0 && entry.servedBy !== entry.firstEndpoint
    if (isServedElsewhere || traces.of(entry.request)?.hasMoved) state.part += 1
  },
  finish: (state) => observeShare(state, NO_REQUESTS),
}
