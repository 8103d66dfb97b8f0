/** Goodput: good answers per second, counted for the time in which their requests arrived. */
import type { Metric } from '../metric.ts'
import { NO_REQUESTS, type Share } from './_share.ts'

export const goodput: Metric<Share, 'request.closed'> = {
  kind: 'goodput',
  summary: 'Good answers per second.',
  unit: 'per_second',
  numerator: 'requests that ended ok',
  denominator: 'seconds of the selected part of the run',
  samples: 'requests',
  trap: 'An answer counts for the window in which its request arrived: late answers do not flatter the recovery.',
  stats: ['value'],
  resolution: 1e-3,
  range: [0, Infinity],
  example: '>= 18/s',
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
  finish({ part, whole }, _stat, { spanMs }) {
    if (spanMs === 0) return { value: null, n: whole, note: 'the selected part of the run was not reached' }
    if (whole === 0) return { value: null, n: 0, note: NO_REQUESTS }
    return { value: (part * 1000) / spanMs, n: whole }
  },
}
