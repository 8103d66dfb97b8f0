/**
 * The live screen: mounts Ink on a terminal, folds updates as they come, and draws at most ten times a second.
 */
import { render, useWindowSize } from 'ink'
import { useSyncExternalStore, type ReactNode } from 'react'
import type { Directory } from '../ledger/index.ts'
import { App } from './components/app.tsx'
import type { Controls } from './components/keys.ts'
import { ViewModel, type ViewModelOptions } from './view-model.ts'
import type { Screen, Update } from './view-model/screen.ts'

const FRAMES_PER_SECOND_MAX = 10
const FRAME_MS = 1000 / FRAMES_PER_SECOND_MAX

export interface OpenScreenOptions extends ViewModelOptions {
  readonly directory: Directory
  readonly controls: Controls
  /** Calls the listener with every update; gives back how to stop. */
  readonly subscribe: (listener: (update: Update) => void) => () => void
  /** Draw with ASCII only. Default false. */
  readonly ascii?: boolean
  /** Default process.stdout. Must be a terminal: elsewhere print `progressLine` instead. */
  readonly stdout?: NodeJS.WriteStream
  /** Default process.stdin. Without raw mode the screen only shows. */
  readonly stdin?: NodeJS.ReadStream
}

export interface ScreenHandle {
  /** The latest state, drawn or not: for the closing lines after `close`. */
  screen(): Screen
  /** Stop drawing and give the terminal back as it was. Resolves when it is; calling again is harmless. */
  close(): Promise<void>
}

/** A run that is over stays on the screen until the caller closes it. */
export function openScreen(options: OpenScreenOptions): ScreenHandle {
  const { directory, controls, subscribe, ascii = false, stdout = process.stdout, stdin = process.stdin } = options
  const frames = new Frames(new ViewModel(directory, options))
  const unsubscribe = subscribe((update) => frames.fold(update))
  const ink = render(<Live frames={frames} controls={controls} ascii={ascii} />, {
    stdout,
    stdin,
    interactive: true,
    alternateScreen: true,
    incrementalRendering: true,
    maxFps: FRAMES_PER_SECOND_MAX,
    exitOnCtrlC: false,
    patchConsole: false,
  })
  let closing: Promise<void> | null = null
  return {
    screen: () => frames.latest(),
    close: () => {
      closing ??= closeOnce()
      return closing
    },
  }

  async function closeOnce(): Promise<void> {
    unsubscribe()
    frames.stop()
    ink.unmount()
    await ink.waitUntilExit()
  }
}

interface LiveProps {
  readonly frames: Frames
  readonly controls: Controls
  readonly ascii: boolean
}

function Live({ frames, controls, ascii }: LiveProps): ReactNode {
  const screen = useSyncExternalStore(frames.subscribe, frames.shown)
  const { columns, rows } = useWindowSize()
  return <App screen={screen} controls={controls} columns={columns} rows={rows} ascii={ascii} />
}

/** Folds every update at once, and makes a new Screen only when it is time for a frame. */
class Frames {
  private readonly model: ViewModel
  private frame: Screen
  private timer: NodeJS.Timeout | null = null
  private readonly listeners = new Set<() => void>()

  constructor(model: ViewModel) {
    this.model = model
    this.frame = model.screen()
  }

  fold(update: Update): void {
    this.model.fold(update)
    this.timer ??= setTimeout(() => this.next(), FRAME_MS)
  }

  stop(): void {
    if (this.timer !== null) clearTimeout(this.timer)
    this.timer = null
  }

  latest(): Screen {
    return this.model.screen()
  }

  readonly shown = (): Screen => this.frame

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  private next(): void {
    this.timer = null
    this.frame = this.model.screen()
    for (const listener of this.listeners) listener()
  }
}
