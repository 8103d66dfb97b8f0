/**
 * Quantities with units, as people write them in a scenario, and the numbers the rest of the house computes with.
 *
 *   | written                        | schema     | becomes              |
 *   | ------------------------------ | ---------- | -------------------- |
 *   | 250ms, 5s, 1.5s, 2m, 1h30m     | duration() | milliseconds         |
 *   | 20/s, 300/min, 5/h             | rate()     | times per second     |
 *   | 99.5%, 0.995                   | ratio()    | a number from 0 to 1 |
 *   | 0s..60s                        | timeSpan() | { from, to } in ms   |
 *   | 500                            | count()    | a whole number       |
 *   | $0.05, $12                     | usd()      | whole nano-dollars   |
 *
 * A number without its unit is refused, never guessed. Each schema accepts any input, so that every refusal is one
 * sentence in the words of the quantity; the form that editors need is given beside it as JSON Schema.
 */
import { z } from 'zod'
import { quantize, type Millis } from './time.ts'

export type Parsed<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly message: string }

/** The allowed range in the quantity's own number (ms, per second, 0..1), both ends included. Absent: no limit. */
export interface Range {
  readonly min?: number
  readonly max?: number
}

/** From `from` until just before `to`, in ms. */
export interface TimeSpan {
  readonly from: Millis
  readonly to: Millis
}

const NUMBER = String.raw`\d{1,15}(?:\.\d{1,3})?`
const DURATION = String.raw`(?:${NUMBER}h)?(?:${NUMBER}m)?(?:${NUMBER}s)?(?:${NUMBER}ms)?`
const DURATION_PATTERN = String.raw`^(?=\d)${DURATION}$`
const RATE_PATTERN = String.raw`^${NUMBER}/(?:s|m|min|h)$`
const PERCENT_PATTERN = String.raw`^\d{1,3}(?:\.\d{1,9})?%$`
const TIME_SPAN_PATTERN = String.raw`^(?=\d)${DURATION}\.\.(?=\d)${DURATION}$`

const DOLLARS_PATTERN = String.raw`^\$\s?(\d{1,6})(?:\.(\d{1,9}))?$`

/** Milliseconds in a unit. */
const UNIT_MS = new Map([
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
  ['ms', 1],
])
/** Seconds in the unit after the slash. */
const PER_SECONDS = new Map([
  ['s', 1],
  ['m', 60],
  ['min', 60],
  ['h', 3_600],
])

// ── schemas ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/** A length of time such as "1m30s", in ms: a whole number of 1/1024 ms, 0 or more. */
export function duration(range: Range = {}): z.ZodType<Millis, string> {
  const words = `A length of time with its unit (ms, s, m, h)${rangeWords(range, formatDuration, ', ')}.`
  const parse = inRange(parseDuration, range, formatDuration)
  return quantity('a duration', parse, words, ['250ms', '5s', '1h30m'], { type: 'string', pattern: DURATION_PATTERN })
}

/** How often, such as "20/s", in times per second. */
export function rate(range: Range = {}): z.ZodType<number, string> {
  const words = `How often, per s, min or h${rangeWords(range, formatRate, ', ')}.`
  const parse = inRange(parseRate, range, formatRate)
  return quantity('a rate', parse, words, ['20/s', '300/min', '5/h'], { type: 'string', pattern: RATE_PATTERN })
}

/** A share such as "99.5%" or 0.995, as a number from 0 to 1. */
export function ratio(range: Range = {}): z.ZodType<number, string | number> {
  const words = `A percentage, or a number from 0 to 1${rangeWords(range, shortPercent, ', ')}.`
  const parse = inRange(parseRatio, range, shortPercent)
  return quantity('a ratio', parse, words, ['80%', '99.5%', 0.8], {
    anyOf: [
      { type: 'string', pattern: PERCENT_PATTERN },
      { type: 'number', minimum: 0, maximum: 1 },
    ],
  })
}

/** A stretch of scenario time such as "0s..60s", in ms. It is never empty. */
export function timeSpan(): z.ZodType<TimeSpan, string> {
  const words = 'A stretch of time: its start, two dots, its end.'
  return quantity('a time span', parseTimeSpan, words, ['0s..60s'], { type: 'string', pattern: TIME_SPAN_PATTERN })
}

/** How many: a whole number, 0 or more unless the range says otherwise. The only quantity without a unit. */
export function count(range: Range = {}): z.ZodType<number, number> {
  const { min = 0, max } = range
  const words = `A whole number${rangeWords({ ...range, min }, String, ', ')}.`
  const parse = inRange(parseCount, { ...range, min }, String)
  const shape = { type: 'integer', minimum: min, ...(max !== undefined && { maximum: max }) }
  return quantity('a whole number', parse, words, [min], shape)
}

/** An amount of money such as "$0.05", in whole nano-dollars. */
export function usd(range: Range = {}): z.ZodType<number, string> {
  const words = `An amount in US dollars${rangeWords(range, formatUsd, ', ')}.`
  const parse = inRange(parseUsd, range, formatUsd)
  return quantity('an amount in dollars', parse, words, ['$0.05', '$12'], { type: 'string', pattern: DOLLARS_PATTERN })
}

// ── parsers ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Reads "250ms", "1.5s", "1h30m": units from large to small, each at most once, at most three decimals. */
export function parseDuration(input: unknown): Parsed<Millis> {
  return (
    refuseNumber(input, durationsOf) ??
    fromText(input, 'a duration', DURATION_PATTERN, '"250ms", "1.5s" or "1h30m"', (text) => {
      let millis = 0
      for (const [, amount, unit] of text.matchAll(/([\d.]+)(ms|[hms])/g))
        millis += Number(amount) * UNIT_MS.get(unit!)!
      if (!Number.isSafeInteger(Math.ceil(millis * 1024))) return refuse(`${quote(input)} is longer than 270 years`)
      return accept(quantize(millis))
    })
  )
}

/** What a number without its unit may have meant: small ones are seconds, thousands are milliseconds. */
function durationsOf(bare: string): string {
  if (Number(bare) < 100) return `"${bare}s"`
  return Number(bare) < 1000 ? `"${bare}ms" or "${bare}s"` : `"${bare}ms"`
}

/** Reads "20/s", "300/min" (or "/m") and "5/h" as times per second. */
export function parseRate(input: unknown): Parsed<number> {
  return (
    refuseNumber(input, (bare) => `"${bare}/s"`) ??
    fromText(input, 'a rate', RATE_PATTERN, '"20/s", "300/min" or "5/h"', (text) => {
      const [amount, unit] = text.split('/')
      return accept(Number(amount) / PER_SECONDS.get(unit!)!)
    })
  )
}

/** Reads "99.5%", or a bare number from 0 to 1. */
export function parseRatio(input: unknown): Parsed<number> {
  const bare = bareNumber(input)
  if (bare !== undefined) {
    const value = Number(bare)
    const problem = numberProblem(value, bare)
    if (problem !== undefined) return refuse(problem)
    if (value >= 0 && value <= 1) return accept(value)
    // Whoever writes 20 means 20%; whoever writes 1.0001 does not mean 1.0001%.
    const fix = value >= 2 && value <= 100 ? `; write "${bare}%"` : '; write a ratio like "80%" or 0.8'
    return refuse(`${bare} is not between 0 and 1${fix}`)
  }
  return fromText(input, 'a ratio', PERCENT_PATTERN, '"80%" or 0.8', (text) => {
    // The decimal point is moved in the text: 99.9 / 100 is 0.9990000000000001, 99.9e-2 is 0.999.
    const value = Number(`${text.slice(0, -1)}e-2`)
    return value <= 1 ? accept(value) : refuse(`${quote(text)} is more than 100%; allowed: 0% to 100%`)
  })
}

/** Reads a whole number. A number in quotes is text, and refused. */
export function parseCount(input: unknown): Parsed<number> {
  if (typeof input === 'number') {
    const problem = numberProblem(input)
    if (problem !== undefined) return refuse(problem)
    return Number.isInteger(input) ? accept(input) : refuse(`${input} is not a whole number`)
  }
  const digits = typeof input === 'string' && /^\d{1,3}(?:[_,' ]?\d{3})+$/.test(input) ? input.replace(/\D/g, '') : ''
  const fix = bareNumber(input) !== undefined ? '; remove the quotes' : digits && `; write ${digits}`
  return refuse(`${quote(input)} is not a whole number${fix}`)
}

/** Reads "$0.05", at most nine decimals. */
export function parseUsd(input: unknown): Parsed<number> {
  const text = typeof input === 'string' ? input : (bareNumber(input) ?? '')
  const match = new RegExp(DOLLARS_PATTERN).exec(text)
  if (match === null) {
    if (bareNumber(text) !== undefined && Number(text) >= 0) return refuse(`"${text}" has no unit; write "$${text}"`)
    return refuse(`${quote(input)} is not an amount in dollars; write one like "$0.01", with at most nine decimals`)
  }
  return accept(Number(match[1]) * 1_000_000_000 + Number((match[2] ?? '').padEnd(9, '0')))
}

/** Reads "0s..60s". The start comes before the end. */
export function parseTimeSpan(input: unknown): Parsed<TimeSpan> {
  const sides = typeof input === 'string' ? input.split('..').map((side) => side.trim()) : []
  if (sides.length !== 2) return refuse(`${quote(input)} is not a time span; write one like "0s..60s"`)
  const [from, to] = [parseDuration(sides[0]), parseDuration(sides[1])]
  if (!from.ok) return from
  if (!to.ok) return to
  if (from.value < to.value) return accept({ from: from.value, to: to.value })
  if (from.value === to.value) return refuse(`${quote(input)} is empty; the end must come after the start`)
  return refuse(`${quote(input)} ends before it starts; write "${sides[1]}..${sides[0]}"`)
}

/**
 * Why `value` must not enter the house, or undefined when it may: NaN, an infinity, minus zero, or a whole number too
 * large to be exact. `written` is how it stood in the file.
 */
export function numberProblem(value: number, written: string = spell(value)): string | undefined {
  if (Number.isNaN(value)) return `${written} is not a number`
  if (!Number.isFinite(value)) return `${written} is not a finite number`
  if (Object.is(value, -0)) return `${written} is minus zero; write 0`
  const isExact = value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER
  return isExact ? undefined : `${written} is too large to be exact; allowed: up to ${Number.MAX_SAFE_INTEGER}`
}

// ── formatters ──────────────────────────────────────────────────────────────────────────────────────────────────────

/** "0s", "250ms", "1.25s", "1m30s", "2h": to the millisecond from one second on, to the microsecond below. */
export function formatDuration(millis: Millis): string {
  if (millis < 0) return `-${formatDuration(-millis)}`
  if (!Number.isFinite(millis)) return 'never'
  if (millis < 999.9995) return millis < 0.0005 ? '0s' : `${decimals(millis, 3)}ms`
  const whole = Math.round(millis)
  const hours = Math.floor(whole / 3_600_000)
  const minutes = Math.floor((whole % 3_600_000) / 60_000)
  const seconds = (whole % 60_000) / 1_000
  return `${hours > 0 ? `${hours}h` : ''}${minutes > 0 ? `${minutes}m` : ''}${seconds > 0 ? `${seconds}s` : ''}`
}

/** "20/s", "30/min", "5/h": the first unit in which the rate is at least 1, to three decimals. */
export function formatRate(perSecond: number): string {
  if (perSecond === 0 || perSecond >= 1) return `${decimals(perSecond, 3)}/s`
  if (perSecond * 60 >= 1) return `${decimals(perSecond * 60, 3)}/min`
  return `${decimals(perSecond * 3_600, 3)}/h`
}

/** "99.50%". A ratio below 1 never reads as 100%: a gate that asks for all must not seem to fail at "100.00%". */
export function formatRatio(value: number, digits = 2): string {
  const percent = (value * 100).toFixed(digits)
  const hides = value < 1 && Number(percent) === 100
  return hides ? `${digits === 0 ? '99' : `99.${'9'.repeat(digits)}`}%` : `${percent}%`
}

/** "$12.41", "$0.0031": cents, and below ten cents two significant digits. The unit is 1e-9 dollars. */
export function formatUsd(nanoDollars: number): string {
  if (nanoDollars < 0) return `-${formatUsd(-nanoDollars)}`
  let digits = 2
  for (let floor = 100_000_000; nanoDollars > 0 && nanoDollars < floor && digits < 9; floor /= 10) digits += 1
  return `$${(nanoDollars / 1_000_000_000).toFixed(digits)}`
}

// ── helpers ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/**
 * A schema around a parser. `shape` and `examples` are attached twice on purpose: to the input, because JSON Schema
 * for editors is made from there, and to the whole, because our own diagnostics look there.
 */
export function quantity<T, Input>(
  expected: string,
  parse: (input: unknown) => Parsed<T>,
  description: string,
  examples: readonly Input[],
  shape: Record<string, unknown>,
): z.ZodType<T, Input> {
  const written = z.any().meta({ ...shape, description, examples })
  const read = written.transform((input: unknown, context): T => {
    const result = parse(input)
    if (result.ok) return result.value
    if (input === undefined) context.issues.push({ code: 'invalid_type', expected: expected as 'string', input })
    else context.issues.push({ code: 'custom', message: result.message, params: { expected }, input })
    return z.NEVER
  })
  return read.meta({ description, examples })
}

export function accept<T>(value: T): Parsed<T> {
  return { ok: true, value }
}

export function refuse(message: string): { readonly ok: false; readonly message: string } {
  return { ok: false, message }
}

/** The text of a number that stands alone, in a file (90) or in quotes ("90"). */
function bareNumber(input: unknown): string | undefined {
  if (typeof input === 'number') return spell(input)
  return typeof input === 'string' && /^[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[-+]?\d+)?$/i.test(input) ? input : undefined
}

function refuseNumber(input: unknown, withUnit: (bare: string) => string): ReturnType<typeof refuse> | undefined {
  const bare = bareNumber(input)
  if (bare === undefined) return undefined
  const problem = numberProblem(Number(bare), bare)
  if (problem !== undefined) return refuse(problem)
  if (Number(bare) < 0) return refuse(`"${bare}" is negative and has no unit`)
  return refuse(`"${bare}" has no unit; write ${withUnit(bare)}`)
}

/** Reads a text of the given form; one that only spells it differently ("5 sec") is refused with the right spelling. */
function fromText<T>(
  input: unknown,
  name: string,
  pattern: string,
  examples: string,
  read: (text: string) => Parsed<T>,
): Parsed<T> {
  const form = new RegExp(pattern)
  if (typeof input !== 'string') return refuse(`${quote(input)} is not ${name}; write one like ${examples}`)
  if (form.test(input)) return read(input)
  if (/^\s*-/.test(input) && form.test(input.trim().slice(1)))
    return refuse(`${quote(input)} is negative; ${name} is 0 or more`)
  const respelled = input
    .slice(0, 64)
    .toLowerCase()
    .replace(/\s+/g, '')
    .replace(/millis(?:econds?)?|msecs?/g, 'ms')
    .replace(/sec(?:ond)?s?/g, 's')
    .replace(/minutes?|mins/g, 'min')
    .replace(/hours?|hrs?/g, 'h')
    .replace(/(\d)min/g, '$1m')
  const fix = form.test(respelled) ? `write "${respelled}"` : `write one like ${examples}`
  return refuse(`${quote(input)} is not ${name}; ${fix}`)
}

function inRange(
  parse: (input: unknown) => Parsed<number>,
  range: Range,
  format: (value: number) => string,
): (input: unknown) => Parsed<number> {
  return (input) => {
    const result = parse(input)
    if (!result.ok || (result.value >= (range.min ?? -Infinity) && result.value <= (range.max ?? Infinity)))
      return result
    return refuse(`${quote(input)} is out of range; allowed: ${rangeWords(range, format)}`)
  }
}

function rangeWords({ min, max }: Range, format: (value: number) => string, lead = ''): string {
  if (min !== undefined && max !== undefined) return `${lead}${format(min)} to ${format(max)}`
  if (min !== undefined) return `${lead}at least ${format(min)}`
  return max === undefined ? '' : `${lead}at most ${format(max)}`
}

function shortPercent(value: number): string {
  return `${decimals(value * 100, 7)}%`
}

/** At most `digits` decimals, without trailing zeros. */
function decimals(value: number, digits: number): string {
  return String(Number(value.toFixed(digits)))
}

function spell(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value)
}

/** The value as it would stand in a file, cut to a readable length. */
function quote(input: unknown): string {
  if (Array.isArray(input)) return 'a list'
  if (typeof input === 'object' && input !== null) return 'a mapping'
  if (typeof input !== 'string') return typeof input === 'number' ? spell(input) : String(input)
  return JSON.stringify(input.length > 40 ? `${input.slice(0, 40)}…` : input)
}
