/** A comparison in a terminal or a log; its last line is the verdict with the command that compares again. */
import { safeForTerminal } from '../../base/safe-text.ts'
import type { ComparisonResult, Parting } from '../../gates/index.ts'
import { columnOf, type Table } from '../_table.ts'
import { decidingTable, otherTable } from './tables.ts'
import { comparisonHeadline, partingSentences } from './words.ts'

const COLORS = { pass: 'green', fail: 'red', inconclusive: 'yellow' } as const

export interface ComparisonSummaryOptions {
  /** The text in a style, or as it is. */
  readonly paint?: (style: 'bold' | 'green' | 'red' | 'yellow', text: string) => string
  /** Width of the terminal: both stories stand beside each other where there is room. Default: there is. */
  readonly columns?: number
}

export function renderComparisonSummary(
  result: ComparisonResult,
  { paint = (_, text) => text, columns = Infinity }: ComparisonSummaryOptions = {},
): string {
  const { verdict, others, parting, reproduce } = result
  const { status, causes } = verdict
  const bold = (text: string): string => paint('bold', text)
  const lines = [
    inColumns('what decides', decidingTable(result), bold),
    ...(others.length > 0 ? ['', inColumns('what else differs', otherTable(result), bold)] : []),
    '',
    ...partingSentences(result).map(plain),
    ...(parting === null ? [] : ['', ...stories(parting, columns)]),
    ...causes.map((cause) => `  ! ${plain(cause)}`),
    '',
    `${paint(COLORS[status], status.toUpperCase())} ${comparisonHeadline(result)} · reproduce: ${plain(reproduce)}`,
  ]
  return `${lines.join('\n')}\n`
}

function inColumns(title: string, { heads, rows }: Table, bold: (text: string) => string): string {
  if (rows.length === 0) return `${title}: nothing`
  const columns = heads.map(columnOf)
  const head = [title, ...columns.slice(1).map(({ name }) => name)]
  const cells = rows.map((row) => row.cells.map(plain))
  const widths = head.map((name, column) => Math.max(name.length, ...cells.map((row) => row[column]?.length ?? 0)))
  const line = (row: readonly string[]): string =>
    row
      .map((text, column) => {
        const width = widths[column] ?? 0
        return columns[column]?.kind === 'number' ? text.padStart(width) : text.padEnd(width)
      })
      .join('  ')
      .trimEnd()
  return [bold(line(head)), ...cells.map(line)].join('\n')
}

/** Beside each other where there is room. */
function stories({ before, after }: Parting, columns: number): string[] {
  const [left, right] = [before.map(plain), after.map(plain)]
  const width = Math.max(0, ...left.map((line) => line.length))
  const widest = width + 3 + Math.max(0, ...right.map((line) => line.length))
  if (widest > columns) return [...left, '', ...right]
  return Array.from({ length: Math.max(left.length, right.length) }, (_, n) =>
    `${(left[n] ?? '').padEnd(width)} │ ${right[n] ?? ''}`.trimEnd(),
  )
}

/** One line of harmless text, in which a CI system reads no command. */
function plain(text: string): string {
  return safeForTerminal(text)
    .replace(/##(?=\[)/g, '# #')
    .replace(/::/g, ': :')
}
