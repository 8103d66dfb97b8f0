/**
 * Windows and faults as bars on one axis, with the present as a line through them.
 */
import type { ReactNode } from 'react'
import type { FaultLane, Screen } from '../view-model/screen.ts'
import { widthOf } from './cells.ts'
import { Line, type Cell } from './line.tsx'
import { useLook, type Look } from './look.ts'
import { Panel, PANEL_FRAME } from './panel.tsx'

const STATUS_WIDTH = 12
/** The part of a line that the names of faults may take. */
const LABEL_SHARE = 0.4

interface TimelineProps {
  readonly screen: Screen
  readonly columns: number
  /** Faults that fit. */
  readonly rows: number
}

export function Timeline({ screen, columns, rows }: TimelineProps): ReactNode {
  const look = useLook()
  const inner = columns - PANEL_FRAME
  const lanes = chosen(screen.faults, rows)
  const longest = Math.max(8, ...screen.faults.map((lane) => widthOf(look.text(lane.label))))
  const label = Math.min(longest, Math.floor(inner * LABEL_SHARE))
  const axis = inner - 2 - label - 1 - 1 - STATUS_WIDTH
  const current = screen.windows.find((window) => window.isCurrent)
  return (
    <Panel title="faults" right={summary(screen, lanes.length)} width={columns} height={rows + 1}>
      <Line
        width={inner}
        cells={[
          { text: '', width: 2 },
          { text: screen.windows.length > 0 ? 'window' : '', width: label, dim: true },
          { text: ' ' },
          ...windowCells(screen, axis, look),
          { text: ' ' },
          { text: current?.name ?? '', width: STATUS_WIDTH, align: 'right', bold: true },
        ]}
      />
      {lanes.map((lane) => (
        <Line
          key={lane.id}
          width={inner}
          cells={[
            markOf(lane, look),
            { text: lane.label, width: label, bold: lane.state === 'active', dim: lane.state === 'over' },
            { text: ' ' },
            ...laneCells(lane, screen.progress, axis, look),
            { text: ' ' },
            { text: statusOf(lane), width: STATUS_WIDTH, align: 'right', dim: lane.state !== 'active' },
          ]}
        />
      ))}
      {lanes.length === 0 && <Line width={inner} cells={[{ text: '  none: a calm run', dim: true }]} />}
    </Panel>
  )
}

const COLORS: Readonly<Record<FaultLane['state'], string>> = { upcoming: 'yellow', active: 'red', over: 'gray' }

/** What is on comes first (the latest before the others), then what comes next, then what was last; shown in the order of the scenario. */
function chosen(lanes: readonly FaultLane[], rows: number): FaultLane[] {
  const upcoming = lanes.filter((lane) => lane.state === 'upcoming').sort((a, b) => a.from - b.from)
  const over = lanes.filter((lane) => lane.state === 'over').sort((a, b) => b.to - a.to)
  const active = lanes.filter((lane) => lane.state === 'active').sort((a, b) => b.from - a.from)
  const best = new Set([...active, ...upcoming, ...over].slice(0, rows))
  return lanes.filter((lane) => best.has(lane))
}

function markOf(lane: FaultLane, look: Look): Cell {
  if (lane.state === 'over' && lane.hits === 0)
    return { text: `${look.marks.inconclusive} `, color: 'yellow', bold: true }
  return { text: `${look.faultMarks[lane.state]} `, color: COLORS[lane.state], bold: lane.state === 'active' }
}

/** A fault that is over says what it did, because one that did nothing proves nothing. */
function statusOf(lane: FaultLane): string {
  if (lane.state !== 'over') return lane.statusText
  return lane.hits === 1 ? '1 hit' : `${lane.hits} hits`
}

function summary(screen: Screen, shown: number): Cell[] {
  const active = screen.faults.filter((lane) => lane.state === 'active').length
  const parts = [
    ...(active > 0 ? [`${active} active`] : []),
    ...(active === 0 && screen.nextFault ? [`next ${screen.nextFault.inText}`] : []),
    ...(shown < screen.faults.length ? [`${shown} of ${screen.faults.length} shown`] : []),
  ]
  return parts.length === 0 ? [] : [{ text: parts.join(', '), dim: true }]
}

function windowCells(screen: Screen, axis: number, look: Look): Cell[] {
  const cells: Cell[] = []
  let column = 0
  for (const window of screen.windows) {
    const [from, to] = [columnOf(window.from, axis), columnOf(window.to, axis)]
    if (from < column || to <= from) continue
    if (from > column) cells.push({ text: '', width: from - column })
    const name = look.text(window.name)
    const room = to - from - 1
    const shown = widthOf(name) <= room ? name + look.rule.repeat(room - widthOf(name)) : name
    cells.push({ text: look.edge, color: 'gray' })
    cells.push({ text: shown, width: room, bold: window.isCurrent, dim: !window.isCurrent })
    column = to
  }
  if (column < axis) cells.push({ text: '', width: axis - column })
  return cells
}

function laneCells(lane: FaultLane, progress: number, axis: number, look: Look): Cell[] {
  const [from, to] = span(lane.from, lane.to, axis)
  const now = Math.min(axis - 1, Math.floor(progress * axis))
  const split = lane.state === 'active' ? Math.min(to, Math.max(from + 1, now + 1)) : from
  const bar = lane.state === 'over' ? look.over : look.left
  return [
    ...calm(0, from, now, look),
    { text: look.done.repeat(split - from), color: COLORS[lane.state] },
    { text: bar.repeat(to - split), color: COLORS[lane.state], dim: lane.state === 'upcoming' },
    ...calm(to, axis, now, look),
  ]
}

/** A stretch without a fault: empty, but for the line of the present. */
function calm(from: number, to: number, now: number, look: Look): Cell[] {
  if (now < from || now >= to) return [{ text: '', width: to - from }]
  return [
    { text: '', width: now - from },
    { text: look.now, color: 'cyan' },
    { text: '', width: to - now - 1 },
  ]
}

function columnOf(fraction: number, axis: number): number {
  return Math.floor(fraction * axis + 1e-9)
}

/** Columns of a fault, at least one. */
function span(from: number, to: number, axis: number): [from: number, to: number] {
  const first = Math.min(axis - 1, columnOf(from, axis))
  return [first, Math.min(axis, Math.max(first + 1, Math.ceil(to * axis - 1e-9)))]
}
