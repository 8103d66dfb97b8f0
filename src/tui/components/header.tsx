/**
 * The first line: which scenario and seed, how it is going, and how far it is.
 */
import type { ReactNode } from 'react'
import type { Screen } from '../view-model/screen.ts'
import { widthOf } from './cells.ts'
import { Line, type Cell } from './line.tsx'
import { useLook } from './look.ts'

const STATE_COLORS: Readonly<Record<Screen['state'], string>> = {
  running: 'green',
  paused: 'yellow',
  draining: 'yellow',
  finished: 'cyan',
}

export function Header({ screen, columns }: { readonly screen: Screen; readonly columns: number }): ReactNode {
  const look = useLook()
  const state = screen.state === 'running' ? `running ${screen.speedText}` : screen.state
  const barWidth = columns >= 120 ? 28 : columns >= 100 ? 20 : 12
  const done = Math.round(screen.progress * barWidth)
  const percent = `${Math.floor(screen.progress * 100 + 1e-9)}%`
  const clockWidth = screen.clock.length
  const nameWidth = columns - 9 - (13 + 2 + barWidth + 5 + 2 + clockWidth + 1)
  const seed = `  seed ${screen.seed}`
  const slack = nameWidth - widthOf(look.text(screen.title)) - seed.length
  const name: Cell[] = [
    { text: screen.title, bold: true },
    { text: seed, dim: true },
    { text: '', width: slack },
  ]
  return (
    <Line
      width={columns}
      cells={[
        { text: ' SQUALL  ', color: 'cyan', bold: true },
        ...(slack >= 0 ? name : [{ text: screen.title, bold: true, width: nameWidth }]),
        { text: state, width: 13, align: 'right', color: STATE_COLORS[screen.state] },
        { text: '  ' },
        { text: look.done.repeat(done), color: 'cyan' },
        { text: look.left.repeat(barWidth - done), color: 'gray' },
        { text: percent, width: 5, align: 'right' },
        { text: '  ' },
        { text: screen.clock, bold: true },
        { text: ' ' },
      ]}
    />
  )
}
