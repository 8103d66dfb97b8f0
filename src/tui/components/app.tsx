/**
 * The whole screen: it picks the layout for the size at hand, and hands the keys on.
 */
import { Box, useInput, useStdin } from 'ink'
import { useRef, useState, type ReactNode } from 'react'
import type { Screen } from '../view-model/screen.ts'
import { Compact } from './compact.tsx'
import { Dials } from './dials.tsx'
import { Events } from './events.tsx'
import { Footer } from './footer.tsx'
import { GatesLine, GatesPanel } from './gates.tsx'
import { Header } from './header.tsx'
import { Help } from './help.tsx'
import { pressKeys, type Controls, type Hand } from './keys.ts'
import { layoutOf, type Layout } from './layout.ts'
import { LookContext, lookOf } from './look.ts'
import { Providers } from './providers.tsx'
import { Timeline } from './timeline.tsx'

export interface AppProps {
  readonly screen: Screen
  readonly controls: Controls
  readonly columns: number
  readonly rows: number
  /** Draw with ASCII only. Default false. */
  readonly ascii?: boolean
}

const AT_FIRST: Hand = { focus: 0, isHelpOpen: false }

export function App({ screen, controls, columns, rows, ascii = false }: AppProps): ReactNode {
  // Several keys may come between two frames: each must see what the one before it did.
  const latest = useRef<Hand>(AT_FIRST)
  const [hand, setHand] = useState<Hand>(AT_FIRST)
  const { isRawModeSupported } = useStdin()
  useInput(
    (input, key) => {
      latest.current = pressKeys(input, key, screen, latest.current, controls)
      setHand(latest.current)
    },
    { isActive: isRawModeSupported },
  )
  const layout = layoutOf(columns, rows, {
    providers: screen.providers.length,
    faults: screen.faults.length,
    gates: screen.gates.length,
  })
  return (
    <LookContext value={lookOf(ascii)}>
      <Box flexDirection="column" width={columns} height={layout.height} overflow="hidden">
        <Body screen={screen} hand={hand} layout={layout} columns={columns} />
      </Box>
    </LookContext>
  )
}

interface BodyProps {
  readonly screen: Screen
  readonly hand: Hand
  readonly layout: Layout
  readonly columns: number
}

function Body({ screen, hand, layout, columns }: BodyProps): ReactNode {
  if (hand.isHelpOpen && layout.height >= 8) {
    return (
      <>
        <Header screen={screen} columns={columns} />
        <Help columns={columns} rows={layout.height - 4} />
        <Footer state={screen.state} columns={columns} isHelpOpen />
      </>
    )
  }
  if (layout.kind === 'compact') {
    return <Compact screen={screen} focus={hand.focus} columns={columns} height={layout.height} />
  }
  return (
    <>
      <Header screen={screen} columns={columns} />
      <Dials dials={screen.dials} columns={columns} />
      <Providers providers={screen.providers} focus={hand.focus} columns={columns} rows={layout.providers} />
      <Storm screen={screen} layout={layout} columns={columns} />
      <Events events={screen.events} columns={columns} rows={layout.events} />
      {layout.gatesPlace === 'line' && <GatesLine screen={screen} columns={columns} />}
      <Footer state={screen.state} columns={columns} isHelpOpen={false} />
    </>
  )
}

/** The faults, and the gates where they have a panel: beside the faults of equal height, or below them. */
function Storm({ screen, layout, columns }: Omit<BodyProps, 'hand'>): ReactNode {
  if (layout.gatesPlace === 'line') return <Timeline screen={screen} columns={columns} rows={layout.faults} />
  if (layout.gatesPlace === 'below') {
    return (
      <>
        <Timeline screen={screen} columns={columns} rows={layout.faults} />
        <GatesPanel screen={screen} width={columns} rows={layout.gates} />
      </>
    )
  }
  const inside = Math.max(layout.faults + 1, layout.gates)
  const left = Math.floor(columns * 0.6)
  return (
    <Box>
      <Timeline screen={screen} columns={left} rows={inside - 1} />
      <GatesPanel screen={screen} width={columns - left} rows={inside} />
    </Box>
  )
}
