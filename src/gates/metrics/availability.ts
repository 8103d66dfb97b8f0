/** Availability: how many requests got an answer that the policy had foreseen, be it less than was asked for. */
import type { RequestOutcome } from '../../ledger/index.ts'
import type { Metric } from '../metric.ts'
import { NO_REQUESTS, observeShare, type Share } from './_share.ts'

const ANSWERED: readonly RequestOutcome[] = ['ok', 'partial', 'canned']

export const availability: Metric<Share, 'request.closed'> = {
  kind: 'availability',
  summary:
    'Requests that got an answer, a declared partial one, or the sentence that the policy keeps for the worst case.',
  unit: 'ratio',
  numerator: 'requests that ended ok, partial or canned',
  denominator: 'requests that arrived, without those the client itself cancelled',
  samples: 'requests',
  trap: 'No measure of success: a policy that always says its sentence is fully available. Hold success_rate beside it.',
  stats: ['value'],
  resolution: 1e-6,
  range: [0, 1],
  example: '>= 99.9%',
  scope: 'traffic',
  hasBooks: false,
  needsTwin: false,
  on: ['request.closed'],
  start: () => ({ part: 0, whole: 0 }),
  step(state, { outcome }) {
    if (outcome === 'cancelled') return
    state.whole += 1
    if (ANSWERED.includes(outcome)) state.part += 1
  },
  breaks: ({ outcome }) => !ANSWERED.includes(outcome) && outcome !== 'cancelled',
  finish: (state) => observeShare(state, NO_REQUESTS),
}
