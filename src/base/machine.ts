import type { Millis } from './time.ts'

/**
 * A part of the world that reacts to events and says when it next wants to be woken. It never reads a clock, never
 * draws from a shared random stream, and never calls back: what it wants done or recorded, it pushes to `out`.
 */
export interface Machine<Event, Out> {
  /** React to one event. `now` never decreases. A command pushed to `out` never re-enters `handle`. */
  handle(event: Event, now: Millis, out: Out): void
  /** Earliest instant at which `handle({ type: 'wake' }, …)` could matter; NEVER if none. Waking early is a no-op. */
  wakeAt(): Millis
}
