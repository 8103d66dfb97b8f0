/**
 * Pieces of Markdown that say what they leave out. Every value from outside is made harmless for terminals and then
 * written in character references wherever Markdown, HTML or GitHub could read anything into it.
 */
import { safeForTerminal, truncateToColumns } from '../base/safe-text.ts'

/** Columns of one value, before its characters are escaped. */
const CELL_COLUMNS_MAX = 240
const COMMAND_COLUMNS_MAX = 1_000

/** A heading that begins with `>` is of a column of numbers. */
export function table(
  title: string,
  head: readonly string[],
  rows: readonly (readonly string[])[],
  budget: number,
): string[] {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  const { kept, left } = within(rows.map(line), budget)
  return [
    title,
    '',
    line(head.map((each) => each.replace('>', ''))),
    `|${head.map((each) => (each.startsWith('>') ? '---:' : '---')).join('|')}|`,
    ...kept,
    ...(left > 0 ? ['', `… and ${left} more.`] : []),
  ]
}

export function list(title: string, sentences: readonly string[], budget: number): string[] {
  if (sentences.length === 0) return []
  const { kept, left } = within(
    sentences.map((sentence) => `- ${cell(sentence)}`),
    budget,
  )
  return [title, '', ...kept, ...(left > 0 ? [`- … and ${left} more.`] : [])]
}

function within(lines: readonly string[], budget: number): { kept: string[]; left: number } {
  let used = 0
  const kept: string[] = []
  for (const line of lines) {
    used += bytesOf(line) + 1
    if (used > budget) break
    kept.push(line)
  }
  return { kept, left: lines.length - kept.length }
}

export function bytesOf(text: string): number {
  let bytes = 0
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4
  }
  return bytes
}

/** A code block whose fence is longer than any run of backticks inside. Nothing is read into what stands there. */
export function fenced(text: string): string[] {
  const safe = truncateToColumns(safeForTerminal(text), COMMAND_COLUMNS_MAX)
  const longest = Math.max(2, ...[...safe.matchAll(/`+/g)].map(([run]) => run.length))
  const fence = '`'.repeat(longest + 1)
  return [`${fence}sh`, safe, fence]
}

/** One value from outside, as plain text of one line. `<` before a space or `=` begins no tag: thresholds stay readable. */
export function cell(text: string): string {
  return truncateToColumns(safeForTerminal(text), CELL_COLUMNS_MAX)
    .replace(/<(?![ =])|[&|`*[\]~\\@#!$]|(?<!\w)_|_(?!\w)/g, (character) => `&#${character.codePointAt(0)};`)
    .replace(/:(?=[:/])/g, '&#58;')
    .replace(/(?<=www)\./gi, '&#46;')
    .replace(/^(?:[-+=]|>(?!=))/, (mark) => `&#${mark.codePointAt(0)};`)
    .replace(/^(\d+)[.)](?=\s|$)/, (mark, digits: string) => `${digits}&#${mark.codePointAt(digits.length)};`)
}
