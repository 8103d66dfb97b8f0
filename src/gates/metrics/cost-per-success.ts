/** Cost per success: what one good answer costs, everything that went wrong on the way included. */
import type { Metric } from '../metric.ts'
import { lateNote, settleSpend, stepSpend, type Spend } from './_spend.ts'

export const costPerSuccess: Metric<Spend, 'request.closed'> = {
  kind: 'cost_per_success',
  summary: 'What one good answer costs, failed attempts and failed requests included.',
  unit: 'nano_usd',
  numerator:
    'cost of all requests that arrived: charged upstream, or billed to the caller (`book: billed`; `with_fees` with the fee on buying credits)',
  denominator: 'requests that ended ok',
  samples: 'ok requests',
  trap: 'Per success and not in total: failing requests makes the total fall.',
  stats: ['value'],
  resolution: 1,
  range: [0, Infinity],
  example: '<= $0.01',
  scope: 'traffic',
  hasBooks: true,
  needsTwin: false,
  on: ['request.closed'],
  start: () => ({ cost: 0, ok: 0 }),
  step: stepSpend,
  settle: settleSpend,
  finish({ cost, ok }, _stat, { traces }) {
    if (ok === 0) return { value: null, n: 0, note: 'no request ended ok' }
    return { value: cost / ok, n: ok, ...lateNote(traces) }
  },
}
