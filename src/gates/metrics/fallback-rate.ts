/** Fallback rate: how many requests were tried anywhere but at their first choice. */
import type { RequestClosed } from '../../ledger/index.ts'
import type { Metric } from '../metric.ts'
import type { Traces } from '../traces.ts'
import { NO_REQUESTS, observeShare, type Share } from './_share.ts'

export const fallbackRate: Metric<Share, 'request.closed'> = {
  kind: 'fallback_rate',
  summary: 'Requests that another endpoint than their first choice had to serve, or was asked to.',
  unit: 'ratio',
  numerator: 'requests served by, or tried at, an endpoint other than the first choice of their plan',
  denominator: 'requests that arrived, without those the client itself cancelled',
  samples: 'requests',
  trap: 'A first choice that its breaker keeps from being asked is a fallback too. Retries at the same endpoint are none.',
  stats: ['value'],
  resolution: 1e-6,
  range: [0, 1],
  example: '<= 20%',
  scope: 'traffic',
  hasBooks: false,
  needsTwin: false,
  on: ['request.closed'],
  start: () => ({ part: 0, whole: 0 }),
  step(state, entry, { traces }) {
    if (entry.outcome === 'cancelled') return
    state.whole += 1
    if (hasFallenBack(entry, traces)) state.part += 1
  },
  breaks: (entry, { traces }) => entry.outcome !== 'cancelled' && hasFallenBack(entry, traces),
  finish: (state) => observeShare(state, NO_REQUESTS),
}

function hasFallenBack({ request, servedBy, firstChoice }: RequestClosed, traces: Traces): boolean {
  const trace = traces.of(request)
  const isServedElsewhere = servedBy >= 0 && servedBy !== firstChoice
  const isTriedElsewhere = trace !== undefined && trace.firstEndpoint >= 0 && trace.firstEndpoint !== firstChoice
  return isServedElsewhere || isTriedElsewhere || trace?.hasMoved === true
}
