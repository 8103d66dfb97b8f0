/** Cache hit rate: how much of the prompts the providers had read before. */
import type { Metric } from '../metric.ts'
import { observeShare, type Share } from './_share.ts'

export const cacheHitRate: Metric<Share, 'fleet.charged'> = {
  kind: 'cache_hit_rate',
  summary: 'Input tokens that were read from a prompt cache; failing over to somebody else loses them.',
  unit: 'ratio',
  numerator: 'input tokens that endpoints charged as read from their cache',
  denominator: 'input tokens that endpoints charged, over every attempt',
  samples: 'input tokens',
  trap: 'Weighted by tokens and not by requests: the long prompts are the ones that cost.',
  stats: ['value'],
  resolution: 1e-6,
  range: [0, 1],
  example: '>= 60%',
  scope: 'traffic',
  hasBooks: false,
  needsTwin: false,
  on: ['fleet.charged'],
  start: () => ({ part: 0, whole: 0 }),
  step(state, entry) {
    state.whole += entry.inputTokens
    state.part += entry.cachedInputTokens ?? 0
  },
  finish: (state) => observeShare(state, 'no input token was charged'),
}
