/** Words that the reports of a comparison share. */
import { formatValue, signed, type ComparisonResult, type Difference } from '../../gates/index.ts'
import type { CostWords } from '../_costs.ts'
import { metricName, whereOf } from '../_words.ts'

const VERDICTS = {
  pass: 'the second policy is no worse than the first',
  fail: 'the second policy is worse than the first',
  inconclusive: 'whether the second policy is worse cannot be told',
} as const

export function comparisonHeadline({ verdict }: Pick<ComparisonResult, 'verdict'>): string {
  return VERDICTS[verdict.status]
}

/** `20 seeds, 7 to 26`. */
export function comparedSeeds({ seeds: { first, count } }: Pick<ComparisonResult, 'seeds'>): string {
  return `${count} seeds, ${first} to ${first + count - 1}`
}

/** `ttft p95 (window storm)`. */
export function differenceName(row: Pick<Difference, 'metric' | 'stat' | 'where'>): string {
  const where = whereOf(row.where)
  return where === '' ? metricName(row) : `${metricName(row)} (${where})`
}

/** Whether it is surely not the same under both. */
export function isDifferent({ comparison }: Difference): boolean {
  return comparison !== null && (comparison.interval.low > 0 || comparison.interval.high < 0)
}

export function valueCell(value: number | null, { unit }: Pick<Difference, 'unit'>): string {
  return value === null ? '–' : formatValue(value, unit)
}

/** `+1.2%`. */
export function changeCell({ comparison, unit }: Difference): string {
  return comparison === null ? '–' : signed(comparison.difference, unit)
}

/** `+1.1% to +1.3%`. */
export function reachCell({ comparison, unit }: Difference): string {
  if (comparison === null) return '–'
  return `${signed(comparison.interval.low, unit)} to ${signed(comparison.interval.high, unit)}`
}

/** `worse`, `not sure: 40 seeds would tell`. */
export function findingOf({ status, comparison }: Difference): string {
  if (status === 'pass') return 'no worse'
  if (status === 'fail') return 'worse'
  const needed = comparison?.runsNeeded ?? null
  return needed === null ? 'not sure' : `not sure: ${needed} seeds would tell`
}

/** Where requests part, and how many do. */
export function partingSentences({ parting }: Pick<ComparisonResult, 'parting'>): string[] {
  if (parting === null) return ['They treat every request of the first seed alike.']
  const { request, seed, why, parted, requests } = parting
  return [
    `They part at ${request} (seed ${seed}): ${why}.`,
    `Of ${requests} requests of that seed, ${parted} fare differently.`,
  ]
}

export const POLICY_COSTS: CostWords = {
  heads: ['the first', 'the second'],
  twin: 'under the first',
  run: 'under the second',
  change: 'difference',
}
