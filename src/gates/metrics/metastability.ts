/**
 * Metastability: whether the run stayed down when nothing was wrong any more, and would have served the same load had the
 * load been shed. Told from worlds that are played beside the run (recovery.ts), and only where a gate asks for it.
 */
import type { Metric } from '../metric.ts'
import type { RecoveryVerdict } from '../recovery.ts'

const TOLD: Readonly<Partial<Record<RecoveryVerdict, number>>> = { RECOVERED: 0, SLOW_RECOVERY: 0, METASTABLE: 1 }

export const metastability: Metric<null> = {
  kind: 'metastability',
  summary: 'Whether it stays down although the faults are over, kept there by its own retries or by lost capacity.',
  unit: 'ratio',
  numerator: 'runs with the verdict METASTABLE: 0 or 1 in one run, a probability over several seeds',
  denominator: 'runs with any verdict but OVERLOADED and INCONCLUSIVE',
  samples: 'whole runs',
  trap: 'One that is merely slow, or too small for its load, is not metastable: a shed test and a twin without retries tell.',
  stats: ['value'],
  resolution: 1e-6,
  range: [0, 1],
  example: '<= 5%',
  scope: 'faults',
  isOfRun: true,
  onDemand: true,
  hasBooks: false,
  needsTwin: false,
  on: [],
  start: () => null,
  step() {},
  finish(_state, _stat, { aftermath: { recovery } }) {
    if (recovery === null)
      return { value: null, n: 0, note: 'it is told when the run is over, if it was played to its end' }
    const { verdict, cause } = recovery
    const value = TOLD[verdict] ?? null
    return { value, n: value === null ? 0 : 1, note: `${verdict}: ${cause}` }
  },
}
