/** Fallback depth: how often a request had to move on to another endpoint. */
import { Histogram } from '../../base/index.ts'
import type { Metric } from '../metric.ts'
import { observe } from './_quantiles.ts'
import { NO_REQUESTS } from './_share.ts'

export const fallbackDepth: Metric<Histogram, 'request.closed'> = {
  kind: 'fallback_depth',
  summary: 'How many times a request went on at another endpoint than the one before.',
  unit: 'factor',
  numerator: 'attempts at another endpoint than the attempt before of the same request',
  denominator: 'one value per request that arrived, without those the client itself cancelled',
  samples: 'requests',
  trap: 'A share of requests that moved hides those that went through all providers: their time and their cost add up.',
  stats: ['p99', 'p50', 'p90', 'p95', 'max', 'mean'],
  resolution: 1e-3,
  range: [0, Infinity],
  example: '<= 2',
  scope: 'traffic',
  hasBooks: false,
  needsTwin: false,
  onDemand: true,
  on: ['request.closed'],
  start: () => new Histogram(),
  step(state, entry, { traces }) {
    if (entry.outcome !== 'cancelled') state.record(traces.of(entry.request)?.moves ?? 0)
  },
  breaks: ({ outcome, request }, { traces }, bound) =>
    outcome !== 'cancelled' && (traces.of(request)?.moves ?? 0) > bound,
  finish: (state, stat) => observe(state, stat, NO_REQUESTS),
}
