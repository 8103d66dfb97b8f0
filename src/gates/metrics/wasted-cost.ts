/** Wasted cost: how much of the money went into answers nobody got. */
import type { Metric } from '../metric.ts'
import { lateNote } from './_spend.ts'

interface State {
  cost: number
  wasted: number
  requests: number
}

export const wastedCost: Metric<State, 'request.closed'> = {
  kind: 'wasted_cost',
  summary: 'Money spent on attempts whose content the caller never got.',
  unit: 'ratio',
  numerator: 'upstream cost of attempts whose content never reached the caller: failed, hedged away, given up',
  denominator: 'upstream cost of all attempts of the requests that arrived',
  samples: 'requests',
  trap: 'Taken from what the fleet charged, not from what the gateway billed: a loser that is not billed was paid for.',
  stats: ['value'],
  resolution: 1e-6,
  range: [0, 1],
  example: '<= 5%',
  scope: 'traffic',
  hasBooks: false,
  needsTwin: false,
  on: ['request.closed'],
  start: () => ({ cost: 0, wasted: 0, requests: 0 }),
  step(state, entry, { traces }) {
    const trace = traces.of(entry.request)
    state.requests += 1
    state.cost += trace?.upstreamCost ?? 0
    state.wasted += trace?.wastedCost ?? 0
  },
  settle(state, { traces }) {
    state.cost += traces.upstreamAdded
    state.wasted += traces.wastedAdded
  },
  finish({ cost, wasted, requests }, _stat, { traces }) {
    if (cost === 0) return { value: null, n: requests, note: 'nothing was charged' }
    return { value: wasted / cost, n: requests, ...lateNote(traces) }
  },
}
