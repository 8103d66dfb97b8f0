/**
 * The screen below 80×24: no boxes, one fact a line, the most important first.
 */
import type { ReactNode } from 'react'
import type { Dial, Screen } from '../view-model/screen.ts'
import { Footer } from './footer.tsx'
import { verdictCells } from './gates.tsx'
import { Line, type Cell } from './line.tsx'
import { BREAKER_COLORS, sparkline, STATUS_COLORS, useLook, type Look } from './look.ts'

interface CompactProps {
  readonly screen: Screen
  readonly focus: number
  readonly columns: number
  /** Lines of the frame. */
  readonly height: number
}

/** Below this many lines two dials share one. */
const HEIGHT_FOR_DIALS = 6

export function Compact({ screen, focus, columns, height }: CompactProps): ReactNode {
  const look = useLook()
  const verdict = [{ text: ' ' }, ...verdictCells(screen, look.marks)]
  const dials = height < HEIGHT_FOR_DIALS ? paired(screen.dials, columns) : screen.dials.map(dialCells(columns, look))
  const least = [...dials, verdict].slice(0, height)
  const room = height - least.length
  const body = [...faultLines(screen, look), ...providerLines(screen, focus, columns, look)].slice(
    0,
    Math.max(0, room - 2),
  )
  const lines = [...(room >= 1 ? [headerCells(screen, columns)] : []), ...least, ...body]
  return (
    <>
      {lines.map((cells, index) => (
        <Line key={index} width={columns} cells={cells} />
      ))}
      {room >= 2 && <Footer state={screen.state} columns={columns} isHelpOpen={false} />}
    </>
  )
}

function headerCells(screen: Screen, columns: number): Cell[] {
  const right = `${screen.state === 'running' ? '' : `${screen.state} `}${screen.clock}`
  const isNameShown = columns >= right.length + 12
  return [
    { text: ' ' },
    { text: screen.title, bold: true, width: isNameShown ? columns - right.length - 3 : 0 },
    ...(isNameShown ? [{ text: ' ' }] : []),
    { text: right },
  ]
}

function dialCells(columns: number, look: Look): (dial: Dial) => Cell[] {
  return (dial) => {
    const mark = dial.gate === null ? ' ' : look.marks[dial.gate.status]
    const color = dial.gate === null ? undefined : STATUS_COLORS[dial.gate.status]
    const sparkWidth = columns - 1 - 11 - 8 - 2 - 1
    return [
      { text: ' ' },
      { text: dial.title, width: 11, dim: true },
      { text: dial.valueText, width: 8, bold: true },
      { text: `${mark} `, color, bold: true },
      ...(sparkWidth >= 8 ? [{ text: sparkline(dial.series, Math.min(60, sparkWidth), dial.isMoreBetter, look) }] : []),
    ]
  }
}

function paired(dials: readonly Dial[], columns: number): Cell[][] {
  const half = Math.floor((columns - 1) / 2)
  const cell = (dial: Dial): Cell => ({ text: `${SHORT[dial.id]} ${dial.valueText}`, width: half, bold: true })
  return [dials.slice(0, 2), dials.slice(2)].map((pair) => [{ text: ' ' }, ...pair.map(cell)])
}

const SHORT: Readonly<Record<Dial['id'], string>> = {
  success_rate: 'ok',
  fallback_rate: 'fb',
  cost_drift: '$',
  ttft: 'p95',
}

/** What is on, or else what comes next. */
function faultLines(screen: Screen, look: Look): Cell[][] {
  const active = screen.faults.filter((lane) => lane.state === 'active')
  if (active.length > 0) {
    return active.map((lane) => [
      { text: ` ${look.faultMarks.active} `, color: 'red', bold: true },
      { text: `${lane.statusText}: ${lane.label}` },
    ])
  }
  if (screen.nextFault === null) return [[{ text: ' no fault is on', dim: true }]]
  return [[{ text: ` next ${screen.nextFault.inText}: ${screen.nextFault.label}`, dim: true }]]
}

function providerLines(screen: Screen, focus: number, columns: number, look: Look): Cell[][] {
  const name = Math.max(6, columns - 3 - 11 - 7 - 1)
  return screen.providers.map((provider, index) => [
    { text: index === focus ? ` ${look.focus} ` : '   ', color: 'cyan', bold: true },
    { text: provider.label, width: Math.min(24, name) },
    { text: ' ' },
    { text: provider.breakerText, width: 11, color: BREAKER_COLORS[provider.breaker] },
    { text: provider.okText, width: 7, align: 'right' },
  ])
}
