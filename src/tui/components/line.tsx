/**
 * One line of the screen, made of cells. A line never wraps and never grows: it has exactly its width.
 */
import { Text } from 'ink'
import type { ReactNode } from 'react'
import { fit, truncate, widthOf } from './cells.ts'
import { useLook } from './look.ts'

export interface Cell {
  readonly text: string
  /** In cells. Absent: as wide as the text, and cut only at the end of the line. */
  readonly width?: number
  readonly align?: 'left' | 'right'
  readonly color?: string | undefined
  readonly bold?: boolean
  readonly dim?: boolean
}

export function Line({ cells, width }: { readonly cells: readonly Cell[]; readonly width: number }): ReactNode {
  const look = useLook()
  let left = width
  const parts: ReactNode[] = []
  cells.forEach((cell, index) => {
    const text = look.text(cell.text)
    const exact = Math.min(left, cell.width ?? left)
    const drawn =
      cell.width === undefined ? truncate(text, exact, look.ellipsis) : fit(text, exact, look.ellipsis, cell.align)
    left -= widthOf(drawn)
    const { color, bold = false, dim = false } = cell
    if (drawn !== '')
      parts.push(
        <Text key={index} bold={bold} dimColor={dim} {...(color && { color })}>
          {drawn}
        </Text>,
      )
  })
  return (
    <Text wrap="truncate-end">
      {parts}
      {' '.repeat(Math.max(0, left))}
    </Text>
  )
}
