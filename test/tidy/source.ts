/**
 * Reads TypeScript just closely enough to keep house rules: it tells code from comments and strings, and it finds
 * imports. A small scanner and not a parser, so it needs no compiler; it keeps every character at its place, so that
 * a hit in the blanked text has the same line number in the file.
 */

export interface Source {
  /** Path from the root of the repository, with forward slashes. */
  readonly path: string
  readonly text: string
  /** `text` with comments and the contents of strings, templates and regular expressions replaced by spaces. */
  readonly code: string
}

export interface Import {
  readonly specifier: string
  /** True where the import vanishes when types are removed. */
  readonly isTypeOnly: boolean
  readonly line: number
}

export function source(path: string, text: string): Source {
  return { path, text, code: /\.[cm]?[jt]sx?$/.test(path) ? blank(text) : text }
}

export function lineAt(text: string, index: number): number {
  return text.slice(0, index).split('\n').length
}

/** Every import, re-export and dynamic import with a literal specifier. */
export function importsOf({ text, code }: Source): Import[] {
  const found: Import[] = []
  // Strings are blank in `code` but keep their quotes and length, so the specifier is read from `text` at that place.
  const statement = /\b(?:import|export)\b(?<clause>[^'"`;=()]*?\bfrom)?\s*(?<call>\()?\s*(?<quoted>(['"`]) *\4)/dg
  for (const match of code.matchAll(statement)) {
    const { clause, call } = match.groups ?? {}
    const [start, end] = match.indices?.groups?.['quoted'] ?? [0, 0]
    found.push({
      specifier: text.slice(start + 1, end - 1),
      isTypeOnly: call === undefined && clause !== undefined && isTypeClause(clause),
      line: lineAt(code, start),
    })
  }
  return found
}

/** ` type { A } from`, or ` { type A, type B } from` where every name is a type. */
function isTypeClause(clause: string): boolean {
  if (/^\s+type\b(?!\s*(?:,|from\b))/.test(clause)) return true
  const names = /^\s*\{(?<names>[^}]*)\}\s*from$/.exec(clause)?.groups?.['names']
  const list = names?.split(',').filter((name) => name.trim() !== '') ?? []
  return list.length > 0 && list.every((name) => /^\s*type\s/.test(name))
}

/** A slash after one of these begins a regular expression and not a division. */
const BEFORE_REGEX = /(?:^|[-+*/%=>!&|^~?:;,({[}]|\b(?:return|typeof|case|in|of|void|delete|throw|else|do))\s*$/

function blank(text: string): string {
  let code = ''
  let at = 0
  /** For each open template literal, how many braces are open inside its current `${ }`. */
  const templates: number[] = []

  while (at < text.length) {
    const two = text.slice(at, at + 2)
    const char = text.charAt(at)
    if (two === '//') take(indexOrEnd('\n', at), 0)
    else if (two === '/*') take(indexOrEnd('*/', at + 2) + 2, 0)
    else if (char === '"' || char === "'") take(endOfLiteral(at + 1, char) + 1, 1)
    else if (char === '/' && BEFORE_REGEX.test(code.slice(-40))) take(endOfRegex(at + 1) + 1, 1)
    else if (char === '`') template()
    else if (char === '{' && templates.length > 0) brace(1)
    else if (char === '}' && templates.length > 0) brace(-1)
    else keep()
  }
  return code

  function keep(): void {
    code += text.charAt(at++)
  }

  /** Blanks up to `end`, except for `edge` characters on both sides and all line ends. */
  function take(end: number, edge: number): void {
    const piece = text.slice(at, Math.min(end, text.length))
    const inside = piece.slice(edge, piece.length - edge).replace(/[^\n]/g, ' ')
    code += piece.slice(0, edge) + inside + (piece.length > edge ? piece.slice(piece.length - edge) : '')
    at += piece.length
  }

  function template(): void {
    keep()
    templateText()
  }

  /** Blanks template text up to the closing backtick or the next `${`, and keeps that. */
  function templateText(): void {
    while (at < text.length && text.charAt(at) !== '`' && !text.startsWith('${', at)) {
      const isEscaped = text.charAt(at) === '\\'
      code += text.slice(at, at + (isEscaped ? 2 : 1)).replace(/[^\n]/g, ' ')
      at += isEscaped ? 2 : 1
    }
    if (text.startsWith('${', at)) {
      templates.push(0)
      keep()
    }
    keep()
  }

  function brace(step: 1 | -1): void {
    const open = (templates.pop() ?? 0) + step
    keep()
    if (open >= 0) templates.push(open)
    else templateText()
  }

  function indexOrEnd(what: string, from: number): number {
    const index = text.indexOf(what, from)
    return index < 0 ? text.length : index
  }

  /** A string ends at its quote, or at the end of the line if it is not one: an apostrophe in JSX text, say. */
  function endOfLiteral(from: number, quote: string): number {
    let i = from
    while (i < text.length && text.charAt(i) !== quote && text.charAt(i) !== '\n') i += text.charAt(i) === '\\' ? 2 : 1
    return i
  }

  function endOfRegex(from: number): number {
    let i = from
    let isInClass = false
    while (i < text.length && text.charAt(i) !== '\n' && (isInClass || text.charAt(i) !== '/')) {
      if (text.charAt(i) === '[') isInClass = true
      if (text.charAt(i) === ']') isInClass = false
      i += text.charAt(i) === '\\' ? 2 : 1
    }
    return i
  }
}
