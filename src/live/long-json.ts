/**
 * JSON with long texts in it, read without copying them: a prompt of some hundred kilobytes that is copied costs more to
 * throw away than it did to read. What comes out is what `JSON.parse` makes of it.
 *
 *   text ─▶ long strings are cut out, each a slice of the text ─▶ JSON.parse of the rest ─▶ they are put back
 */
import { randomUUID } from 'node:crypto'

declare global {
  interface JSON {
    /** Throws a SyntaxError where a text is no primitive value of JSON (ECMA-262, JSON.parse source text access). */
    rawJSON(text: string): object
  }
}

export interface Lengths {
  /** Shorter texts are read as they are. In UTF-16 units. */
  readonly text: number
  /** Shorter strings are left where they are. */
  readonly string: number
}

const WORTH_IT: Lengths = { text: 65_536, string: 16_384 }
/** After so many strings nothing more is cut out: to look at each costs as much as to read it. */
const STRINGS_MAX = 4_096

/** Stands for a string that was cut out, with its number: nobody can guess it, and so have one of his own. */
const MARK = randomUUID()
const DIGITS = 4

/** What a JSON text says. Throws a SyntaxError where it is none. */
export function parseJson(text: string, lengths: Lengths = WORTH_IT): unknown {
  const strings: string[] = []
  const rest = text.length < lengths.text ? text : cutOut(text, lengths.string, strings)
  const value: unknown = JSON.parse(rest)
  return strings.length === 0 ? value : putBack(value, strings)
}

/** The text with marks for its long strings, which are added to the list. */
function cutOut(text: string, lengthMin: number, strings: string[]): string {
  let rest = ''
  let kept = 0
  let escape = text.indexOf('\\')
  let open = text.indexOf('"')
  for (let seen = 0; open >= 0 && seen < STRINGS_MAX; seen += 1) {
    if (escape >= 0 && escape < open) escape = text.indexOf('\\', open)
    let close = text.indexOf('"', open + 1)
    const isPlain = escape < 0 || escape > close
    while (!isPlain && close >= 0 && isEscaped(text, close)) close = text.indexOf('"', close + 1)
    if (close < 0) break
    if (isPlain && close - open > lengthMin && !isKey(text, close)) {
      JSON.rawJSON(text.slice(open, close + 1)) // Throws where something is in it that may not be.
      rest += text.slice(kept, open + 1) + MARK + String(strings.length).padStart(DIGITS, '0')
      strings.push(text.slice(open + 1, close))
      kept = close
    }
    open = text.indexOf('"', close + 1)
  }
  return rest + text.slice(kept)
}

/** Whether an odd number of backslashes stands before a place. */
function isEscaped(text: string, at: number): boolean {
  let before = at - 1
  while (text[before] === '\\') before -= 1
  return (at - before) % 2 === 0
}

function isKey(text: string, close: number): boolean {
  let after = close + 1
  while (BLANKS.has(text[after])) after += 1
  return text[after] === ':'
}

const BLANKS: ReadonlySet<string | undefined> = new Set([' ', '\t', '\n', '\r'])

/** Throws a RangeError where the value is nested too deeply. */
function putBack(value: unknown, strings: readonly string[]): unknown {
  if (typeof value === 'string') {
    const isMark = value.length === MARK.length + DIGITS && value.startsWith(MARK)
    return isMark ? strings[Number(value.slice(MARK.length))] : value
  }
  if (typeof value !== 'object' || value === null) return value
  const fields = value as Record<string, unknown>
  for (const name in fields) {
    const field = fields[name]
    const whole = putBack(field, strings)
    if (whole !== field) fields[name] = whole
  }
  return value
}
