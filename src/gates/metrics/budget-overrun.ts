/** Budget overrun: by how much the selected requests cost more than they may. */
import type { Metric } from '../metric.ts'
import { lateNote, settleSpend, stepSpend, type Spend } from './_spend.ts'

interface State extends Spend {
  requests: number
}

export const budgetOverrun: Metric<State, 'request.closed'> = {
  kind: 'budget_overrun',
  summary: 'What the requests cost beyond their budget.',
  unit: 'nano_usd',
  numerator:
    'cost of all requests that arrived, charged upstream or billed (`book: billed`), less the `budget`; 0 within it',
  denominator: 'none: a sum',
  samples: 'requests',
  trap: 'By what the fleet charged, unless the gate says otherwise: a router’s own count of what it spent is not evidence.',
  stats: ['value'],
  resolution: 1,
  range: [0, Infinity],
  example: '<= $0',
  scope: 'traffic',
  hasBooks: true,
  needsTwin: false,
  takes: ['budget'],
  onDemand: true,
  on: ['request.closed'],
  start: () => ({ cost: 0, ok: 0, requests: 0 }),
  step(state, entry, context) {
    state.requests += 1
    stepSpend(state, entry, context)
  },
  settle: settleSpend,
  finish({ cost, requests }, _stat, { traces, bounds: { budget } }) {
    if (requests === 0) return { value: null, n: 0, note: 'no request arrived' }
    if (budget === undefined) return { value: null, n: requests, note: 'the gate has no `budget`' }
    return { value: Math.max(0, cost - budget), n: requests, ...lateNote(traces) }
  },
}
