/**
 * YAML's syntax errors in words that a person can act on. The parser says what it met, often far from the mistake; this
 * says what was probably done: a quote or bracket left open, a text that needs quotes, a line out of line.
 */
import type { ErrorCode, YAMLError } from 'yaml'

export interface SyntaxMistake {
  /** Offsets in the text that was read. */
  readonly at: readonly [from: number, to: number]
  readonly message: string
  readonly fix?: string
}

const CLOSING: Readonly<Record<string, string>> = { '{': '}', '[': ']', '"': '"', "'": "'" }

/** `error` in `text`; null for a text that is well-formed but not a key with its value. */
export function explainSyntax(error: YAMLError | null, text: string): SyntaxMistake {
  const start = text.search(/\S/)
  if (error === null || error.code === 'MULTILINE_IMPLICIT_KEY') return withoutValue(text, error?.pos[0] ?? start)
  const { code, pos } = error
  const variable = /\$\{[^}\n]*\}/.exec(text)
  if (variable) return { at: [variable.index, variable.index + variable[0].length], ...noVariables(variable[0]) }
  if (code === 'UNEXPECTED_TOKEN' && /[}\]]/.test(text[pos[0]] ?? '')) {
    return { at: [pos[0], pos[0] + 1], message: `the ${text[pos[0]]} here closes nothing`, fix: 'remove it' }
  }
  const open = OPEN_CODES.has(code) ? unclosed(text) : null
  if (open) {
    const closing = CLOSING[open.mark]
    const fix = open.mark === "'" ? 'close it; an apostrophe inside is written twice' : `add ${closing} where it ends`
    return { at: [open.at, open.at + 1], message: `the ${open.mark} here is never closed`, fix }
  }
  const sign = /[*>|%@`][<=>]?/.exec(text.slice(signBefore(text, pos[0])))?.[0]
  if (
    code === 'BAD_SCALAR_START' ||
    code === 'BAD_ALIAS' ||
    (code === 'UNEXPECTED_TOKEN' && sign && isValueStart(text, pos[0]))
  ) {
    const from = signBefore(text, pos[0])
    const value = /^[^\n,}\]#]*/.exec(text.slice(from))![0].trim()
    const message = `a text that begins with "${sign ?? text[from]}" needs quotes`
    return { at: [from, from + value.length], message, fix: `write ${JSON.stringify(value)}` }
  }
  return { at: pos, ...(WORDS[code] ?? parserWords(error)) }
}

/** What the parser says when something was left open. */
const OPEN_CODES: ReadonlySet<ErrorCode> = new Set(['BAD_INDENT', 'MISSING_CHAR', 'UNEXPECTED_TOKEN', 'BLOCK_IN_FLOW'])

const WORDS: Partial<Record<ErrorCode, { readonly message: string; readonly fix: string }>> = {
  TAB_AS_INDENT: { message: 'tabs are not allowed as indentation', fix: 'use spaces' },
  BLOCK_AS_IMPLICIT_KEY: {
    message: 'there is a second ": " where a value should be',
    fix: 'put a text with ": " in it in quotes; keys of one mapping begin at the same column',
  },
  MULTIPLE_DOCS: { message: 'a second document starts here', fix: 'put the second document in a file of its own' },
  BAD_INDENT: {
    message: 'this line stands neither below the one above nor beside it',
    fix: 'indent it like the other lines of its mapping or list',
  },
  BLOCK_IN_FLOW: { message: 'there is a comma missing', fix: 'put a comma between the keys inside { }' },
  BAD_DQ_ESCAPE: {
    message: 'a backslash that begins no known escape',
    fix: String.raw`write \\ for a backslash, or use single quotes`,
  },
  KEY_OVER_1024_CHARS: { message: 'a key is longer than 1024 characters', fix: 'shorten it' },
  UNEXPECTED_TOKEN: {
    message: 'there is something after the end of the value',
    fix: "remove it, or put the whole in quotes (inside '…', an apostrophe is written twice)",
  },
}

/** Nothing is filled in anywhere; what looks as if it should be is a mistake, and not a text. */
export function noVariables(variable: string): { readonly message: string; readonly fix: string } {
  const message = `"${variable}" would stay as it is: no variables are filled in, nor anything from the environment`
  return { message, fix: 'write the value itself' }
}

function parserWords({ message }: YAMLError): { readonly message: string } {
  return { message: message[0]!.toLowerCase() + message.slice(1) }
}

/** A line without ": " where a key should be. */
function withoutValue(text: string, from: number): SyntaxMistake {
  const line = /^[^\n]*/
    .exec(text.slice(from))![0]
    .replace(/\s+#.*$/, '')
    .trimEnd()
  const [, key, value] = /^([\w$./-]+?)(?::|\s+|=\s*)(.*)$/.exec(line) ?? []
  const fix = key !== undefined && value ? `write "${key}: ${value.replace(/^[=:]\s*/, '')}"` : 'write "key: value"'
  return {
    at: [from, from + line.length],
    message: `${JSON.stringify(line.slice(0, 60))} is not a key with its value`,
    fix,
  }
}

/** Where the sign is that made the parser stumble at `at`: there, or right before it. */
function signBefore(text: string, at: number): number {
  const before = /[>|]\s*$/.exec(text.slice(0, at))
  return before === null || !isValueStart(text, before.index) ? at : before.index
}

/** Whether a value could begin at `at`. */
function isValueStart(text: string, at: number): boolean {
  const before = text.slice(0, at)
  return /(?::|-|,|\[)\s+[>|]?\s*$/.test(before)
}

/** The first bracket or quote that is never closed, comments aside. */
function unclosed(text: string): { readonly at: number; readonly mark: string } | null {
  const open: { at: number; mark: string }[] = []
  for (let index = 0; index < text.length; index++) {
    const mark = text[index]!
    const isOpening = /(?:^|[\s,[{:-])$/.test(text.slice(Math.max(0, index - 1), index))
    if (mark === '#' && isOpening) index = endOf(text, '\n', index)
    else if ((mark === '"' || mark === "'") && isOpening) {
      const end = mark === '"' ? endOfDouble(text, index) : endOfSingle(text, index)
      if (end >= text.length) return { at: index, mark }
      index = end
    } else if ((mark === '{' || mark === '[') && (open.length > 0 || isOpening)) open.push({ at: index, mark })
    else if (mark === '}' || mark === ']') open.pop()
  }
  return open.at(-1) ?? null
}

function endOf(text: string, mark: string, from: number): number {
  const end = text.indexOf(mark, from + 1)
  return end < 0 ? text.length : end
}

function endOfDouble(text: string, from: number): number {
  for (let index = from + 1; index < text.length; index++) {
    if (text[index] === '\\') index += 1
    else if (text[index] === '"') return index
  }
  return text.length
}

function endOfSingle(text: string, from: number): number {
  for (let index = from + 1; index < text.length; index++) {
    if (text[index] !== "'") continue
    if (text[index + 1] !== "'") return index
    index += 1
  }
  return text.length
}
