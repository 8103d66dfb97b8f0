/** The statistics of a distribution, for metrics that keep a histogram. */
import { assertNever, Histogram } from '../../base/index.ts'
import type { Stat } from '../metric.ts'
import type { Observation } from '../result.ts'

export const QUANTILE_STATS = ['p95', 'p50', 'p90', 'p99', 'max', 'mean'] as const satisfies readonly Stat[]

export function observe(histogram: Histogram, stat: Stat, nothing: string): Observation {
  const value = read(histogram, stat)
  return value === null ? { value, n: 0, note: nothing } : { value, n: histogram.count }
}

function read(histogram: Histogram, stat: Stat): number | null {
  switch (stat) {
    case 'value':
    case 'p95':
      return histogram.quantile(0.95)
    case 'p50':
      return histogram.quantile(0.5)
    case 'p90':
      return histogram.quantile(0.9)
    case 'p99':
      return histogram.quantile(0.99)
    case 'max':
      return histogram.max
    case 'mean':
      return histogram.mean
    default:
      return assertNever(stat)
  }
}
