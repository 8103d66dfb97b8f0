/**
 * The providers table. Columns have fixed widths for a given width of the screen, so that nothing jumps.
 */
import type { ReactNode } from 'react'
import type { ProviderView } from '../view-model/screen.ts'
import { Line, type Cell } from './line.tsx'
import { BREAKER_COLORS, sparkline, useLook } from './look.ts'
import { Panel, PANEL_FRAME } from './panel.tsx'

interface ProvidersProps {
  readonly providers: readonly ProviderView[]
  /** Index of the row that the keys act on. */
  readonly focus: number
  readonly columns: number
  /** Rows that fit; the table scrolls to keep the focus in sight. */
  readonly rows: number
}

export function Providers({ providers, focus, columns, rows }: ProvidersProps): ReactNode {
  const look = useLook()
  const inner = columns - PANEL_FRAME
  const first = Math.max(0, Math.min(focus - Math.floor(rows / 2), providers.length - rows))
  const shown = providers.slice(first, first + rows)
  const isScrolled = shown.length < providers.length
  const right = isScrolled
    ? [{ text: `${first + 1} to ${first + shown.length} of ${providers.length}`, dim: true }]
    : []
  const widths = widthsFor(inner)
  return (
    <Panel title="providers" right={right} width={columns} height={rows + 1}>
      <Line width={inner} cells={headings(widths)} />
      {shown.map((provider, index) => (
        <Line
          key={provider.id}
          width={inner}
          cells={[
            { text: first + index === focus ? `${look.focus} ` : '  ', color: 'cyan', bold: true },
            { text: provider.label, width: widths.name, bold: first + index === focus },
            { text: '  ' },
            { text: provider.breakerText, width: 11, color: BREAKER_COLORS[provider.breaker] },
            { text: provider.shareText, width: 5, align: 'right' },
            { text: String(provider.inFlight), width: 5, align: 'right' },
            { text: provider.okText, width: 7, align: 'right' },
            { text: provider.ttftText, width: 6, align: 'right' },
            { text: provider.spendText, width: 7, align: 'right' },
            { text: '  ' },
            { text: provider.faultText, width: widths.fault, color: 'red' },
            { text: ' ' },
            { text: sparkline(provider.series, widths.spark, true, look), color: 'green' },
          ]}
        />
      ))}
    </Panel>
  )
}

interface Widths {
  readonly name: number
  readonly fault: number
  readonly spark: number
}

/** Marker, gaps and the columns of numbers. */
const FIXED = 2 + 2 + 11 + 5 + 5 + 7 + 6 + 7 + 2 + 1

function widthsFor(inner: number): Widths {
  const free = inner - FIXED
  const name = Math.min(28, 10 + Math.floor((free - 28) / 4))
  const fault = Math.min(20, 10 + Math.floor((free - 28) / 4))
  return { name, fault, spark: free - name - fault }
}

function headings(widths: Widths): Cell[] {
  const right = (text: string, width: number): Cell => ({ text, width, align: 'right', dim: true })
  return [
    { text: '', width: 2 },
    { text: 'provider', width: widths.name, dim: true },
    { text: '  ' },
    { text: 'breaker', width: 11, dim: true },
    right('share', 5),
    right('busy', 5),
    right('ok', 7),
    right('ttft', 6),
    right('spend', 7),
    { text: '  ' },
    { text: 'fault', width: widths.fault, dim: true },
    { text: ' ' },
    right(`${widths.spark >= 14 ? 'ok, ' : ''}last ${widths.spark}s`, widths.spark),
  ]
}
