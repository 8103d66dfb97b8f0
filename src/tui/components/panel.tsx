/**
 * A box with its title in the upper border: `╭─ title ──── right ╮`.
 */
import { Box } from 'ink'
import type { ReactNode } from 'react'
import { truncate, widthOf } from './cells.ts'
import { Line, type Cell } from './line.tsx'
import { useLook } from './look.ts'

/** Columns that a panel takes for its borders and padding. */
export const PANEL_FRAME = 4

interface PanelProps {
  readonly title: string
  /** Shown at the right end of the upper border. */
  readonly right?: readonly Cell[]
  readonly width: number
  /** Lines inside; the panel is two higher. */
  readonly height: number
  readonly children: ReactNode
}

export function Panel({ title, right = [], width, height, children }: PanelProps): ReactNode {
  const look = useLook()
  const { topLeft, top, topRight } = look.border
  const rightWidth = right.reduce((sum, cell) => sum + widthOf(look.text(cell.text)), 0)
  const name = truncate(look.text(title), width - 6, look.ellipsis)
  const free = width - 5 - widthOf(name)
  const isRightShown = rightWidth > 0 && free >= rightWidth + 3
  const dashes = isRightShown ? free - rightWidth - 2 : free
  return (
    <Box flexDirection="column" width={width} height={height + 2} flexShrink={0}>
      <Line
        width={width}
        cells={[
          { text: `${topLeft}${top} `, color: 'gray' },
          { text: name, bold: true },
          { text: ` ${top.repeat(Math.max(0, dashes))}`, color: 'gray' },
          ...(isRightShown ? [{ text: ' ' }, ...right, { text: ' ' }] : []),
          { text: topRight, color: 'gray' },
        ]}
      />
      <Box
        flexDirection="column"
        width={width}
        height={height + 1}
        borderStyle={look.border}
        borderTop={false}
        borderColor="gray"
        paddingX={1}
      >
        {children}
      </Box>
    </Box>
  )
}
