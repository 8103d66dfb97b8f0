/** Tool-call validity: how many answers with a tool call an application could act on. */
import type { Metric } from '../metric.ts'
import { observeShare, type Share } from './_share.ts'

export const toolCallValidity: Metric<Share, 'request.closed'> = {
  kind: 'tool_call_validity',
  summary: 'Tool calls that parse, match their schema and name a known tool.',
  unit: 'ratio',
  numerator: 'answers whose tool calls are valid',
  denominator: 'answers that carried a tool call or needed one, without those the client itself cancelled',
  samples: 'answers',
  trap: 'An answer that should have called a tool and did not is an invalid one, not a missing sample.',
  stats: ['value'],
  resolution: 1e-6,
  range: [0, 1],
  example: '>= 99%',
  scope: 'traffic',
  hasBooks: false,
  needsTwin: false,
  on: ['request.closed'],
  start: () => ({ part: 0, whole: 0 }),
  step(state, entry) {
    if (entry.toolCall === null || entry.outcome === 'cancelled') return
    state.whole += 1
    if (entry.toolCall === 'valid') state.part += 1
  },
  breaks: ({ outcome, toolCall }) => outcome !== 'cancelled' && toolCall !== null && toolCall !== 'valid',
  finish: (state) => observeShare(state, 'no answer carried or needed a tool call'),
}
