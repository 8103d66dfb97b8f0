/** Anybody, evenly: what load-aware strategies are measured against. An endpoint in slow start counts like the others. */
import type { Strategy } from '../strategy.ts'
import { bestOfDrawn } from './_drawn.ts'

export const random: Strategy = {
  kind: 'random',
  summary: 'Anybody, drawn evenly.',
  example: 'resilience: { balance: { by: random } }',
  rank(eligible, context) {
    return bestOfDrawn(eligible, context, 1, () => 0, 'random')
  },
}
