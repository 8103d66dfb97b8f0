/**
 * The four numbers that say whether the policy holds, each with its gate's mark and its last minutes.
 */
import { Box } from 'ink'
import type { ReactNode } from 'react'
import type { Dial, GateView } from '../view-model/screen.ts'
import { Line, type Cell } from './line.tsx'
import { sparkline, STATUS_COLORS, useLook } from './look.ts'
import { Panel, PANEL_FRAME } from './panel.tsx'

const VALUE_WIDTH = 7
/** A panel at least so wide also names the bound in its border. */
const WIDTH_FOR_BOUND = 25

export function Dials({ dials, columns }: { readonly dials: readonly Dial[]; readonly columns: number }): ReactNode {
  return (
    <Box>
      {dials.map((dial, index) => {
        const from = Math.floor((columns * index) / dials.length)
        const to = Math.floor((columns * (index + 1)) / dials.length)
        return <DialPanel key={dial.id} dial={dial} width={to - from} />
      })}
    </Box>
  )
}

function DialPanel({ dial, width }: { readonly dial: Dial; readonly width: number }): ReactNode {
  const inner = width - PANEL_FRAME
  return (
    <Panel title={dial.title} width={width} height={2} {...(dial.gate && { right: gateCells(dial.gate, width) })}>
      <Line
        width={inner}
        cells={[
          { text: dial.valueText, width: VALUE_WIDTH, bold: true, color: colorOf(dial.gate) },
          { text: dial.noteText, width: inner - VALUE_WIDTH, align: 'right', dim: true },
        ]}
      />
      <Spark dial={dial} width={inner} />
    </Panel>
  )
}

/** The sparkline with what its full height means. */
function Spark({ dial, width }: { readonly dial: Dial; readonly width: number }): ReactNode {
  const look = useLook()
  const scale = dial.scaleText === '' ? '' : ` 0–${dial.scaleText}`
  const sparkWidth = width - look.text(scale).length
  return (
    <Line
      width={width}
      cells={[
        { text: sparkline(dial.series, sparkWidth, dial.isMoreBetter, look), color: colorOf(dial.gate) ?? 'cyan' },
        { text: scale, dim: true },
      ]}
    />
  )
}

function gateCells(gate: GateView, width: number): Cell[] {
  const look = useLook()
  const mark = { text: look.marks[gate.status], color: STATUS_COLORS[gate.status], bold: true }
  return width < WIDTH_FOR_BOUND ? [mark] : [mark, { text: ` ${gate.threshold}`, color: 'gray' }]
}

function colorOf(gate: GateView | null): string | undefined {
  return gate === null || gate.status === 'pending' ? undefined : STATUS_COLORS[gate.status]
}
