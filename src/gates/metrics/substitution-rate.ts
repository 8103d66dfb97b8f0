/** Substitution rate: how many good answers came from another model than the one that was meant. */
import type { Metric } from '../metric.ts'
import { observeShare, type Share } from './_share.ts'

export const substitutionRate: Metric<Share, 'request.closed'> = {
  kind: 'substitution_rate',
  summary: 'Good answers that another model gave than that of the first choice.',
  unit: 'ratio',
  numerator: 'requests that ended ok, served by another model than that of their first choice',
  denominator: 'requests that ended ok, of which it is known who served them and who was meant to',
  samples: 'ok requests',
  trap: 'Another provider of the same model is no substitute: a fallback need not cost quality.',
  stats: ['value'],
  resolution: 1e-6,
  range: [0, 1],
  example: '<= 10%',
  scope: 'traffic',
  hasBooks: false,
  needsTwin: false,
  onDemand: true,
  on: ['request.closed'],
  start: () => ({ part: 0, whole: 0 }),
  step(state, { outcome, servedBy, firstChoice }, { directory: { endpoints } }) {
    if (outcome !== 'ok' || servedBy < 0 || firstChoice < 0) return
    state.whole += 1
    if (endpoints[servedBy]?.model !== endpoints[firstChoice]?.model) state.part += 1
  },
  breaks: ({ outcome, servedBy, firstChoice }, { directory: { endpoints } }) =>
    outcome === 'ok' &&
    servedBy >= 0 &&
    firstChoice >= 0 &&
    endpoints[servedBy]?.model !== endpoints[firstChoice]?.model,
  finish: (state) => observeShare(state, 'no request ended ok that an endpoint served'),
}
