/**
 * Pieces of Markdown that say what they leave out. Every value from outside is made harmless for terminals and then
 * written in character references wherever Markdown, HTML or GitHub could read anything into it.
 */
import { safeForTerminal, truncateToColumns } from '../base/safe-text.ts'
import { columnOf, type Row, type Table } from './_table.ts'
import { MARKS } from './_words.ts'

/** Columns of one value, before its characters are escaped. */
const CELL_COLUMNS_MAX = 240
const COMMAND_COLUMNS_MAX = 1_000
/** `-1.25%`, `$0.10`, `3.25s to 4s`: nothing that could be read as anything else. */
const NUMBER = /^[-+]?(?:\$?\d[\d.]*|\d[\d.]*[%a-z/]+(?: to [-+]?\d[\d.]*[%a-z/]*)?)$/

/** Nothing where there are no rows. */
export function table(title: string, { heads, rows }: Table, budget: number): string[] {
  if (rows.length === 0) return []
  const columns = heads.map(columnOf)
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  const { kept, left } = within(
    rows.map((row) => line(row.cells.map((text, index) => rowCell(row, text, index)))),
    budget,
  )
  return [
    title,
    '',
    line(columns.map(({ name }) => name)),
    `|${columns.map(({ kind }) => (kind === 'number' ? '---:' : '---')).join('|')}|`,
    ...kept,
    ...(left > 0 ? ['', `… and ${left} more.`] : []),
  ]
}

function rowCell({ status, strong }: Row, text: string, index: number): string {
  const safe = NUMBER.test(text) ? text : cell(text)
  const marked = index === 0 && status !== undefined ? `${MARKS[status]} ${safe}` : safe
  return index === strong ? `**${marked}**` : marked
}

export function list(title: string, sentences: readonly string[], budget: number): string[] {
  if (sentences.length === 0) return []
  const { kept, left } = within(
    sentences.map((sentence) => `- ${cell(sentence)}`),
    budget,
  )
  return [title, '', ...kept, ...(left > 0 ? [`- … and ${left} more.`] : [])]
}

/** As many lines as fit into so many UTF-8 bytes, and how many do not. */
export function within(lines: readonly string[], budget: number): { kept: string[]; left: number } {
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
export function fenced(lines: string | readonly string[], language = 'sh'): string[] {
  const safe = [lines].flat().map((line) => truncateToColumns(safeForTerminal(line), COMMAND_COLUMNS_MAX))
  const longest = Math.max(2, ...safe.flatMap((line) => [...line.matchAll(/`+/g)].map(([run]) => run.length)))
  const fence = '`'.repeat(longest + 1)
  return [`${fence}${language}`, ...safe, fence]
}

/** The table, and what is not in it. */
export function costs(title: string, told: Table & { readonly notes: readonly string[] }, budget: number): string[] {
  const lines = table(title, told, budget)
  return lines.length === 0 ? [] : [...lines, ...told.notes.flatMap((note) => ['', cell(note)])]
}

/** One value from outside, as plain text of one line. `<` before a space or `=` begins no tag: thresholds stay readable. */
export function cell(text: string, columns = CELL_COLUMNS_MAX): string {
  return truncateToColumns(safeForTerminal(text), columns)
    .replace(/<(?![ =])|[&|`*[\]~\\@#!$]|(?<!\w)_|_(?!\w)/g, (character) => `&#${character.codePointAt(0)};`)
    .replace(/:(?=[:/])/g, '&#58;')
    .replace(/(?<=www)\./gi, '&#46;')
    .replace(/^(?:[-+=]|>(?!=))/, (mark) => `&#${mark.codePointAt(0)};`)
    .replace(/^(\d+)[.)](?=\s|$)/, (mark, digits: string) => `${digits}&#${mark.codePointAt(digits.length)};`)
}

/** Those of the sections that say anything, each as text without a final line break. */
export function sectionsOf(sections: readonly (readonly string[])[]): string[] {
  return sections.filter((lines) => lines.some((line) => line !== '')).map((lines) => lines.join('\n'))
}
