/**
 * The last notable events, newest first.
 */
import type { ReactNode } from 'react'
import type { EventLine } from '../view-model/screen.ts'
import { Line } from './line.tsx'
import { TONE_COLORS, useLook } from './look.ts'
import { Panel, PANEL_FRAME } from './panel.tsx'

interface EventsProps {
  readonly events: readonly EventLine[]
  readonly columns: number
  readonly rows: number
}

export function Events({ events, columns, rows }: EventsProps): ReactNode {
  const look = useLook()
  const inner = columns - PANEL_FRAME
  return (
    <Panel title="events" width={columns} height={rows}>
      {events
        .slice(-rows)
        .reverse()
        .map((event, index) => (
          <Line
            key={index}
            width={inner}
            cells={[
              { text: `${event.clock} `, dim: true },
              { text: `${look.tones[event.tone]} `, color: TONE_COLORS[event.tone], bold: true },
              { text: event.text },
            ]}
          />
        ))}
      {events.length === 0 && <Line width={inner} cells={[{ text: 'all quiet so far', dim: true }]} />}
    </Panel>
  )
}
