/** How diagnostics say things: values as they stand in a file, types in plain words, lists that stay short. */
import { didYouMean } from '../base/did-you-mean.ts'

const ALLOWED_SHOWN_MAX = 12
const QUOTED_MAX = 60
const LOOKALIKES_SHOWN_MAX = 3

const TYPE_NAMES = new Map([
  ['string', 'text'],
  ['number', 'a number'],
  ['int', 'a whole number'],
  ['boolean', 'true or false'],
  ['array', 'a list'],
  ['tuple', 'a list'],
  ['object', 'a mapping'],
  ['record', 'a mapping'],
  ['never', 'nothing'],
])

export function typeName(expected: string): string {
  return TYPE_NAMES.get(expected) ?? expected
}

export function describe(input: unknown): string {
  if (input === null) return 'no value'
  if (Array.isArray(input)) return 'a list'
  if (typeof input === 'object') return 'a mapping'
  return typeof input === 'string' ? `text ${quote(input)}` : `${typeof input} ${quote(input)}`
}

export function quote(input: unknown): string {
  if (typeof input === 'object' && input !== null) return describe(input)
  const isLong = typeof input === 'string' && input.length > QUOTED_MAX
  return JSON.stringify(isLong ? `${input.slice(0, QUOTED_MAX)}…` : input) ?? String(input)
}

/** An example in YAML's one-line style. */
export function inline(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(inline).join(', ')}]`
  if (typeof value === 'object' && value !== null) {
    const pairs = Object.entries(value).map(([key, inner]) => `${key}: ${inline(inner)}`)
    return `{ ${pairs.join(', ')} }`
  }
  return typeof value === 'string' && /^[a-z0-9][\w./%-]*$/i.test(value) && Number.isNaN(Number(value))
    ? value
    : JSON.stringify(value)
}

export function list(values: readonly unknown[]): string {
  return shortList(values.map((value) => quote(typeof value === 'bigint' ? String(value) : value)))
}

export function shortList(words: readonly string[]): string {
  const hidden = words.length - ALLOWED_SHOWN_MAX
  return hidden > 1 ? `${words.slice(0, ALLOWED_SHOWN_MAX).join(', ')} and ${hidden} more` : words.join(', ')
}

export function suggestion(input: unknown, allowed: readonly unknown[]): string | undefined {
  const words = allowed.filter((value) => typeof value === 'string')
  const similar = typeof input === 'string' ? didYouMean(input, words) : undefined
  return similar && `did you mean "${similar}"?`
}

/** The fix when only the form is wrong: "7" for 7, 7 for "7", `yes` for true, one thing for a list of one. */
export function formFix(expected: string, input: unknown): string | undefined {
  const isNumeric = typeof input === 'string' && /^-?\d+(\.\d+)?$/.test(input)
  if (isNumeric && (expected === 'number' || expected === 'int')) return 'remove the quotes'
  if (typeof input === 'string' && expected === 'boolean') {
    if (/^(?:yes|on|y|true)$/i.test(input)) return 'write true'
    if (/^(?:no|off|n|false)$/i.test(input)) return 'write false'
  }
  if (expected === 'array' && typeof input === 'string') return `write [${inline(input)}]`
  return typeof input === 'number' && expected === 'string' ? `write "${input}"` : undefined
}

interface Limit {
  readonly origin: string
  readonly inclusive?: boolean | undefined
}

export function beyond(issue: Limit, input: unknown, thing: string, items: string): string {
  if (issue.origin === 'string') return `${quote(input)} is too ${items}`
  if (Array.isArray(input)) return `a list of ${input.length} is too ${items}`
  return issue.origin === 'number' || issue.origin === 'int' ? `${quote(input)} is too ${thing}` : `too ${thing}`
}

export function limit(issue: Limit, bound: number | bigint, inclusive: string, exclusive: string): string {
  const words = issue.inclusive === false ? exclusive : inclusive
  const thing = issue.origin === 'string' ? ' character' : issue.origin === 'array' ? ' item' : undefined
  return thing === undefined ? `${words} ${bound}` : `${words} ${bound}${thing}${bound === 1 ? '' : 's'}`
}

/** Letters of other alphabets in a name, told by number: "о" may look like "o" and is not. Empty for ASCII. */
export function lookalikes(name: string): string {
  const strange = [...new Set(name.match(/[^\0-\x7f]/gu) ?? [])].slice(0, LOOKALIKES_SHOWN_MAX)
  const told = strange.map(
    (letter) => `"${letter}" is U+${letter.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}`,
  )
  return told.length === 0 ? '' : ` Here ${told.join(', ')}.`
}
