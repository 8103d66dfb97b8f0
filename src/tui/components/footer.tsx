/**
 * The last line: which keys do what, as many of them as fit whole.
 */
import type { ReactNode } from 'react'
import type { Screen } from '../view-model/screen.ts'
import { widthOf } from './cells.ts'
import { Line, type Cell } from './line.tsx'
import { useLook } from './look.ts'

interface FooterProps {
  readonly state: Screen['state']
  readonly columns: number
  readonly isHelpOpen: boolean
}

export function Footer({ state, columns, isHelpOpen }: FooterProps): ReactNode {
  const look = useLook()
  const cells: Cell[] = []
  let left = columns
  for (const [key, does] of keysFor(state, isHelpOpen)) {
    left -= widthOf(look.text(` ${key} ${does} `))
    if (left < 0) break
    cells.push({ text: ` ${key}`, color: 'cyan', bold: true }, { text: ` ${does} `, dim: true })
  }
  return <Line width={columns} cells={cells} />
}

/** The most wanted first: a narrow line drops the last ones. */
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
