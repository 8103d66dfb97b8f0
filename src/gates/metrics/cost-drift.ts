/** Cost drift: how much dearer a good answer became than in the same run without faults. */
import type { Metric } from '../metric.ts'
import { lateNote, settleSpend, stepSpend, type Spend } from './_spend.ts'

export const costDrift: Metric<Spend, 'request.closed'> = {
  kind: 'cost_drift',
  summary: 'How much dearer a good answer is than in the same run without faults.',
  unit: 'ratio',
  numerator: 'cost per ok request minus the twin’s',
  denominator: 'cost per ok request of the twin, over the same part of the run',
  samples: 'ok requests',
  trap: 'Per success and not in total, and against the same arrivals: neither failing nor a quiet hour looks cheap.',
  stats: ['value'],
  resolution: 1e-6,
  range: [-1, 1000],
  example: '<= 25%',
  scope: 'traffic',
  hasBooks: true,
  needsTwin: true,
  on: ['request.closed'],
  start: () => ({ cost: 0, ok: 0 }),
  step: stepSpend,
  settle: settleSpend,
  finish({ cost, ok }, _stat, { traces }, twin) {
    if (twin === null) return { value: null, n: ok, note: 'there is no run without faults to compare with' }
    if (ok === 0) return { value: null, n: 0, note: 'no request ended ok' }
    if (twin.ok === 0) return { value: null, n: 0, note: 'without faults, no request ended ok' }
    const n = Math.min(ok, twin.ok)
    if (twin.cost === 0) {
      // A share of nothing: equal when nothing was spent here either, otherwise there is no number for it.
      if (cost === 0) return { value: 0, n, note: 'neither run cost anything' }
      return { value: null, n, note: 'without faults, the requests cost nothing: a drift from $0 has no ratio' }
    }
    return { value: cost / ok / (twin.cost / twin.ok) - 1, n, ...lateNote(traces) }
  },
}
