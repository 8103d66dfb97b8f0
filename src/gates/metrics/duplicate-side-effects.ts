/** Duplicate side effects: what a user was booked, mailed or charged twice. */
import { requestName } from '../../ledger/index.ts'
import type { Metric } from '../metric.ts'

interface State {
  effects: number
  duplicates: number
  /** The first one, in words. */
  first: string | null
}

export const duplicateSideEffects: Metric<State, 'tool.called'> = {
  kind: 'duplicate_side_effects',
  summary: 'Actions of agents that were carried out once more than they were meant.',
  unit: 'count',
  numerator: 'executions of an action that had been executed before, counted by the tool server',
  denominator: 'none: a count, over every execution that changed something',
  samples: 'executions',
  trap: 'Counted where it happens: a router that counts its own retries cannot see a task that was played again.',
  stats: ['value'],
  resolution: 1,
  range: [0, Infinity],
  example: '== 0',
  scope: 'traffic',
  hasBooks: false,
  needsTwin: false,
  on: ['tool.called'],
  start: () => ({ effects: 0, duplicates: 0, first: null }),
  step(state, entry, { directory }) {
    if (entry.effect !== 'first' && entry.effect !== 'duplicate') return
    state.effects += 1
    if (entry.effect === 'first') return
    state.duplicates += 1
    state.first ??= `first after ${requestName(directory, entry.request)}`
  },
  breaks: ({ effect }) => effect === 'duplicate',
  finish({ effects, duplicates, first }) {
    if (effects === 0) return { value: null, n: 0, note: 'no tool changed anything' }
    return { value: duplicates, n: effects, ...(first !== null && { note: first }) }
  },
}
