/**
 * Reads an assertion, `>= 99.5%`, by the unit of its metric, and says in words what is wrong with one.
 *
 *   | unit       | written             | bound                  |
 *   | ---------- | ------------------- | ---------------------- |
 *   | ratio      | `>= 99.5%`, `<= 0.2`| 0.995 (a drift may be below 0% or above 100%) |
 *   | ms         | `< 2s`, `<= 250ms`  | milliseconds           |
 *   | count      | `== 0`, `<= 3`      | whole number           |
 *   | factor     | `<= 1.5`            | 1.5                    |
 *   | nano_usd   | `<= $0.01`          | whole nano-dollars     |
 *   | per_second | `>= 18/s`, `<= 6/min` | times per second     |
 */
import { parseCount, parseDuration, parseRate, parseRatio, parseUsd, type Parsed } from '../base/quantities.ts'
import { formatValue } from './format.ts'
import type { AnyMetric } from './metric.ts'
import type { GateResult, Unit } from './result.ts'

export const OPERATORS = ['<', '<=', '>', '>=', '=='] as const
export type Operator = GateResult['operator']

export interface Assertion {
  readonly operator: Operator
  /** In the metric's unit. */
  readonly bound: number
  /** As the file writes it, with one space. */
  readonly threshold: string
}

type Asserted = Pick<AnyMetric, 'kind' | 'unit' | 'range' | 'example'>

const FORM = /^(<=|>=|==|<|>|=|!=)?\s*(.*)$/s
const PLAIN_NUMBER = /^-?\d{1,15}(?:\.\d{1,9})?$/
const PERCENT = /^(-?)(\d{1,7}(?:\.\d{1,9})?)%$/
const FACTOR_MAX = 1_000_000
const TEXT_LENGTH_MAX = 64

/** The assertion in `text`, or a sentence that says what to write instead. */
export function parseAssertion(text: string, metric: Asserted): Parsed<Assertion> {
  const trimmed = text.trim()
  if (trimmed.length > TEXT_LENGTH_MAX) return refuse(`an assertion has at most ${TEXT_LENGTH_MAX} characters`)
  const [, operator, rest = ''] = FORM.exec(trimmed) ?? []
  const example = `"${metric.example}"`
  if (operator === undefined) return refuse(`"${trimmed}" begins with no operator; write one like ${example}`)
  if (!isOperator(operator)) return refuse(`"${operator}" is not an operator; allowed: ${OPERATORS.join(' ')}`)
  if (rest === '') return refuse(`"${trimmed}" has no number; write one like ${example}`)
  if (operator === '==' && metric.unit !== 'count') {
    return refuse(`"==" is for counts only, and ${metric.kind} is measured; write one like ${example}`)
  }
  const bound = parseBound(rest, metric)
  if (!bound.ok) return refuse(`${bound.message} (${metric.kind} is ${WORDS[metric.unit]})`)
  const idle = idleReason(operator, bound.value, metric)
  if (idle !== null) return refuse(`"${trimmed}" ${idle}; write one like ${example}`)
  return { ok: true, value: { operator, bound: bound.value, threshold: `${operator} ${rest}` } }
}

/** What a unit is called in an error message. */
const WORDS: Readonly<Record<Unit, string>> = {
  ratio: 'a share',
  ms: 'a length of time',
  count: 'a count',
  factor: 'a factor',
  nano_usd: 'an amount of money',
  per_second: 'a rate',
}

function parseBound(text: string, { unit, range }: Asserted): Parsed<number> {
  switch (unit) {
    case 'ratio':
      return range[0] === 0 && range[1] === 1 ? parseRatio(text) : parseRelative(text, range)
    case 'ms':
      return parseDuration(text)
    case 'count':
      return PLAIN_NUMBER.test(text)
        ? atLeastZero(parseCount(Number(text)), text)
        : refuse(`"${text}" is not a whole number`)
    case 'factor':
      return parseFactor(text)
    case 'nano_usd':
      return parseUsd(text)
    case 'per_second':
      return parseRate(text)
  }
}

/** A share that may leave 0% to 100%: a drift. */
function parseRelative(text: string, [min, max]: Asserted['range']): Parsed<number> {
  const percent = PERCENT.exec(text)
  if (percent === null && !PLAIN_NUMBER.test(text)) return refuse(`"${text}" is not a ratio; write one like "25%"`)
  // The point is moved in the text, as in parseRatio: 99.9 / 100 is not 0.999.
  const value = percent === null ? Number(text) : Number(`${percent[1]}${percent[2]}e-2`)
  if (percent === null && Math.abs(value) > 1) return refuse(`${text} has no unit; write "${text}%"`)
  if (value >= min && value <= max) return { ok: true, value: value === 0 ? 0 : value }
  return refuse(`"${text}" is out of range; allowed: ${formatValue(min, 'ratio')} to ${formatValue(max, 'ratio')}`)
}

function parseFactor(text: string): Parsed<number> {
  if (!PLAIN_NUMBER.test(text)) return refuse(`"${text}" is not a plain number; write one like "1.5"`)
  return atLeastZero({ ok: true, value: Number(text) }, text, FACTOR_MAX)
}

function atLeastZero(parsed: Parsed<number>, text: string, max = Number.MAX_SAFE_INTEGER): Parsed<number> {
  if (!parsed.ok || (parsed.value >= 0 && !Object.is(parsed.value, -0) && parsed.value <= max)) return parsed
  return refuse(`"${text}" is out of range; allowed: 0 to ${max}`)
}

/** Why such a gate would say nothing: a bound at the edge of what the metric can be. */
function idleReason(operator: Operator, bound: number, { range: [min, max] }: Asserted): string | null {
  if ((operator === '>=' && bound <= min) || (operator === '<=' && bound >= max)) return 'always holds'
  if ((operator === '<' && bound <= min) || (operator === '>' && bound >= max)) return 'can never hold'
  return null
}

function isOperator(text: string): text is Operator {
  return (OPERATORS as readonly string[]).includes(text)
}

function refuse(message: string): { readonly ok: false; readonly message: string } {
  return { ok: false, message }
}

/** Whether `value` satisfies the assertion. Both are held to the metric's resolution, so 0.1 + 0.2 is 0.3. */
export function holds(
  { operator, bound }: Pick<Assertion, 'operator' | 'bound'>,
  value: number,
  resolution: number,
): boolean {
  const left = Math.round(value / resolution)
  const right = Number((bound / resolution).toFixed(6))
  switch (operator) {
    case '<':
      return left < right
    case '<=':
      return left <= right
    case '>':
      return left > right
    case '>=':
      return left >= right
    case '==':
      return left === right
  }
}

/** A value rounded to the resolution, as it is compared and reported. */
export function roundTo(value: number, resolution: number): number {
  return Number((Math.round(value / resolution) * resolution).toPrecision(15))
}
