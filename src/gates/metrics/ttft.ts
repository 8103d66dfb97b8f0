/** TTFT: how long the application waited for the first content it saw. */
import { Histogram } from '../../base/index.ts'
import type { Metric } from '../metric.ts'
import { observe, QUANTILE_STATS } from './_quantiles.ts'

export const ttft: Metric<Histogram, 'request.closed'> = {
  kind: 'ttft',
  summary: 'Time from a request to the first content that the application saw.',
  unit: 'ms',
  numerator: 'from arrival to first content, over all calls and attempts',
  denominator: 'requests that ended ok',
  samples: 'requests',
  trap: 'Only requests that ended ok: fast failures would make it look better. Counted from arrival, not from the attempt that won.',
  stats: QUANTILE_STATS,
  resolution: 1,
  range: [0, Infinity],
  example: '< 2s',
  scope: 'traffic',
  hasBooks: false,
  needsTwin: false,
  on: ['request.closed'],
  start: () => new Histogram(),
  step(state, entry) {
    if (entry.outcome === 'ok' && entry.ttftMs !== null) state.record(entry.ttftMs)
  },
  breaks: ({ outcome, ttftMs }, _, bound) => outcome === 'ok' && ttftMs !== null && ttftMs > bound,
  finish: (state, stat) => observe(state, stat, 'no request ended ok with content'),
}
