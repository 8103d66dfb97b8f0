/** Latency: how long a request took from arrival to its end. */
import { Histogram } from '../../base/index.ts'
import type { Metric } from '../metric.ts'
import { observe, QUANTILE_STATS } from './_quantiles.ts'

export const latency: Metric<Histogram, 'request.closed'> = {
  kind: 'latency',
  summary: 'Time from a request to the end of its answer.',
  unit: 'ms',
  numerator: 'from arrival to close, over all calls and attempts',
  denominator: 'requests that ended ok',
  samples: 'requests',
  trap: 'Only requests that ended ok: fast failures would make it look better. Waiting and backing off are part of it.',
  stats: QUANTILE_STATS,
  resolution: 1,
  range: [0, Infinity],
  example: '<= 8s',
  scope: 'traffic',
  hasBooks: false,
  needsTwin: false,
  on: ['request.closed'],
  start: () => new Histogram(),
  step(state, entry) {
    if (entry.outcome === 'ok') state.record(entry.latencyMs)
  },
  breaks: ({ outcome, latencyMs }, _, bound) => outcome === 'ok' && latencyMs > bound,
  finish: (state, stat) => observe(state, stat, 'no request ended ok'),
}
