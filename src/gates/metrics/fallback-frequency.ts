/** Fallback frequency: how often the router switched a request to another endpoint. */
import type { Metric } from '../metric.ts'
import type { Share } from './_share.ts'

export const fallbackFrequency: Metric<Share, 'attempt.started'> = {
  kind: 'fallback_frequency',
  summary: 'Switches of a request to another endpoint, per minute.',
  unit: 'per_second',
  numerator: 'attempts at another endpoint than the attempt before of the same request; a provider counts those to it',
  denominator: 'seconds of the selected part of the run',
  samples: 'attempts',
  trap: 'Counts every switch and not every request, so that going to and fro shows.',
  stats: ['value'],
  resolution: 1e-6,
  range: [0, Infinity],
  example: '<= 30/min',
  scope: 'traffic',
  hasBooks: false,
  needsTwin: false,
  on: ['attempt.started'],
  start: () => ({ part: 0, whole: 0 }),
  step(state, _entry, { traces }) {
    state.whole += 1
    if (traces.isSwitch) state.part += 1
  },
  breaks: (_entry, { traces }) => traces.isSwitch,
  finish({ part, whole }, _stat, { spanMs }) {
    if (spanMs === 0) return { value: null, n: whole, note: 'the selected part of the run was not reached' }
    if (whole === 0) return { value: null, n: 0, note: 'no attempt was made' }
    return { value: (part * 1000) / spanMs, n: whole }
  },
}
