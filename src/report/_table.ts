/** A table as every report for people shows it, whatever it is written in. */
import type { Status } from '../gates/index.ts'

export interface Table {
  /** One that begins with `>` is of numbers, one with a backtick of commands. */
  readonly heads: readonly string[]
  readonly rows: readonly Row[]
}

export interface Row {
  /** How it came out; absent where nothing is judged. */
  readonly status?: Status
  readonly cells: readonly string[]
  /** The cell to be seen first. */
  readonly strong?: number
}

/** The same, worst rows first. */
export function worstFirst({ heads, rows }: Table): Table {
  const urgency = ({ status = 'pass' }: Row): number => ['fail', 'inconclusive', 'pass'].indexOf(status)
  return { heads, rows: rows.toSorted((left, right) => urgency(left) - urgency(right)) }
}

export function plainRows(rows: readonly (readonly string[])[]): Row[] {
  return rows.map((cells) => ({ cells }))
}

/** What a column holds, and what it is called. */
export function columnOf(head: string): { readonly name: string; readonly kind: 'text' | 'number' | 'command' } {
  if (head.startsWith('>')) return { name: head.slice(1), kind: 'number' }
  if (head.startsWith('`')) return { name: head.slice(1), kind: 'command' }
  return { name: head, kind: 'text' }
}
