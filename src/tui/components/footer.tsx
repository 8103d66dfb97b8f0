/**
 * The last line: which keys do what.
 */
import type { ReactNode } from 'react'
import type { Screen } from '../view-model/screen.ts'
import { Line, type Cell } from './line.tsx'

interface FooterProps {
  readonly state: Screen['state']
  readonly columns: number
  readonly isHelpOpen: boolean
}

export function Footer({ state, columns, isHelpOpen }: FooterProps): ReactNode {
  const keys = keysFor(state, isHelpOpen)
  const cells: Cell[] = [{ text: ' ' }]
  for (const [key, does] of keys) {
    cells.push({ text: key, color: 'cyan', bold: true }, { text: ` ${does}  `, dim: true })
  }
  return <Line width={columns} cells={cells} />
}

function keysFor(state: Screen['state'], isHelpOpen: boolean): (readonly [key: string, does: string])[] {
  if (isHelpOpen)
    return [
      ['?', 'back'],
      ['q', 'quit with report'],
    ]
  if (state === 'finished')
    return [
      ['q', 'leave with the report'],
      ['?', 'help'],
    ]
  return [
    ['q', 'quit'],
    ['p', state === 'paused' ? 'resume' : 'pause'],
    ['+/-', 'speed'],
    ['↑↓', 'provider'],
    ['b', 'break'],
    ['h', 'heal'],
    ['?', 'help'],
  ]
}
