/**
 * Ctrl-C and its relatives. The first asks the run to end, with a report of what there is; the second leaves at once.
 */
import { signalExit } from './exit.ts'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

export class Interrupts {
  /** What came first; null when nothing did. */
  signal: NodeJS.Signals | null = null
  /** While the screen is up, a line of text would only tear it. */
  isSilent = false
  private readonly stops = new Set<() => void>()
  private readonly leaves = new Set<() => void>()
  private readonly say: (text: string) => void
  private readonly leave: (exitCode: number) => void
  private readonly listener = (signal: NodeJS.Signals): void => this.raise(signal)

  constructor(say: (text: string) => void, leave: (exitCode: number) => void = (code) => process.exit(code)) {
    this.say = say
    this.leave = leave
  }

  listen(): void {
    for (const signal of SIGNALS) process.on(signal, this.listener)
  }

  unlisten(): void {
    for (const signal of SIGNALS) process.off(signal, this.listener)
  }

  /** Call `stop` at the first signal, now if it has been; gives back how to forget it. */
  onStop(stop: () => void): () => void {
    if (this.signal !== null) stop()
    this.stops.add(stop)
    return () => this.stops.delete(stop)
  }

  /** Call `tidy` just before leaving at once: give the terminal back, remove drafts. It cannot wait for anything. */
  onLeave(tidy: () => void): () => void {
    this.leaves.add(tidy)
    return () => this.leaves.delete(tidy)
  }

  /** A signal, or a key that means one. */
  raise(signal: NodeJS.Signals): void {
    if (this.signal === null) {
      this.signal = signal
      if (!this.isSilent) this.say('stopping; what there is will be judged and reported. Once more to leave at once.')
      for (const stop of this.stops) stop()
      return
    }
    for (const tidy of this.leaves) tidy()
    this.leave(signalExit(signal))
  }
}
