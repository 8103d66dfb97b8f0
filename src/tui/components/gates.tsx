/**
 * The gates: a panel with one line each where there is room, else one line for all of them.
 */
import type { ReactNode } from 'react'
import type { GateView, Screen } from '../view-model/screen.ts'
import { widthOf } from './cells.ts'
import { Line, type Cell } from './line.tsx'
import { STATUS_COLORS, useLook } from './look.ts'
import { Panel, PANEL_FRAME } from './panel.tsx'

/** Room kept for `  +12 more`. */
const MORE_WIDTH = 10

interface GatesPanelProps {
  readonly screen: Screen
  readonly width: number
  readonly rows: number
}

export function GatesPanel({ screen, width, rows }: GatesPanelProps): ReactNode {
  const look = useLook()
  const inner = width - PANEL_FRAME
  const bound = inner >= 50 ? 11 : 9
  return (
    <Panel title="gates" right={verdictCells(screen, look.marks)} width={width} height={rows}>
      {chosen(screen.gates, rows).map((gate) => (
        <Line
          key={gate.id}
          width={inner}
          cells={[
            { text: `${look.marks[gate.status]} `, color: STATUS_COLORS[gate.status], bold: true },
            { text: gate.id, width: inner - 2 - 2 * (bound + 1) },
            { text: ' ' },
            { text: gate.observedText, width: bound, align: 'right', color: STATUS_COLORS[gate.status] },
            { text: ' ' },
            { text: gate.threshold, width: bound, align: 'right', dim: true },
          ]}
        />
      ))}
    </Panel>
  )
}

/** The verdict so far, then as many gates as fit whole, the worst first. */
export function GatesLine({ screen, columns }: { readonly screen: Screen; readonly columns: number }): ReactNode {
  const look = useLook()
  const cells: Cell[] = [{ text: ' ' }, ...verdictCells(screen, look.marks)]
  let left = columns - MORE_WIDTH - cells.reduce((sum, cell) => sum + widthOf(look.text(cell.text)), 0)
  let hidden = 0
  for (const gate of worstFirst(screen.gates)) {
    const mark = `  ${look.marks[gate.status]} `
    const text = gate.status === 'pending' || gate.observedText === '' ? gate.id : `${gate.id} ${gate.observedText}`
    const width = widthOf(mark) + widthOf(look.text(text))
    if (width > left) {
      hidden += 1
      continue
    }
    cells.push({ text: mark, color: STATUS_COLORS[gate.status], bold: true }, { text })
    left -= width
  }
  if (hidden > 0) cells.push({ text: `  +${hidden} more`, dim: true })
  return <Line width={columns} cells={cells} />
}

/** `✗ 1 of 4 gates fails so far`. */
export function verdictCells(screen: Screen, marks: Readonly<Record<GateView['status'], string>>): Cell[] {
  const { status, text } = screen.verdict
  return [
    { text: `${marks[status]} `, color: STATUS_COLORS[status], bold: true },
    { text, bold: true },
  ]
}

function worstFirst(gates: readonly GateView[]): GateView[] {
  const order = ['fail', 'inconclusive', 'pending', 'pass']
  return [...gates].sort((a, b) => order.indexOf(a.status) - order.indexOf(b.status))
}

/** The worst ones, in the order of the scenario. */
function chosen(gates: readonly GateView[], rows: number): GateView[] {
  const best = new Set(worstFirst(gates).slice(0, rows))
  return gates.filter((gate) => best.has(gate))
}
