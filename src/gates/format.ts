/** Values of metrics, written for people. */
import { formatDuration, formatRate, formatRatio, formatUsd } from '../base/quantities.ts'
import type { Unit } from './result.ts'

const RATIO_DIGITS_MAX = 6

/** `97.82%`, `1.84s`, `12`, `1.25`, `$0.0031`, `6/min`. */
export function formatValue(value: number, unit: Unit): string {
  switch (unit) {
    case 'ratio':
      return formatRatio(value)
    case 'ms':
      return formatDuration(value)
    case 'count':
      return String(value)
    case 'factor':
      return String(Number(value.toFixed(3)))
    case 'nano_usd':
      return formatUsd(value)
    case 'per_second':
      return formatRate(value)
  }
}

/** The same, with enough digits to be told apart from `bound` where the two differ. */
export function formatBeside(value: number, bound: number, unit: Unit): string {
  const text = formatValue(value, unit)
  if (value === bound || text !== formatValue(bound, unit)) return text
  if (unit === 'nano_usd') return `$${(value / 1e9).toFixed(9)}`
  if (unit !== 'ratio') return text
  let digits = 3
  while (digits < RATIO_DIGITS_MAX && formatRatio(value, digits) === formatRatio(bound, digits)) digits += 1
  return formatRatio(value, digits)
}

/** `1 request`, `12 requests`, from the plural: its first word that ends in s loses it. */
export function countOf(n: number, plural: string): string {
  return `${n} ${n === 1 ? plural.replace(/s\b/, '') : plural}`
}
