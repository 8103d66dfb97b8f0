/**
 * Signs of life on streams that are silent: a comment after so long without a byte (openrouter.md §3.5). A part of the
 * loop, with one wake for all. To have written is to note the instant, and moves nothing.
 */
import { Roster, type Millis } from '../base/index.ts'

/** One stream that is kept alive. */
export interface Pulse {
  /** When something was last written. */
  lastAt: Millis
  /** Write a sign of life. */
  readonly beat: () => void
}

interface Place {
  readonly pulse: Pulse
  readonly slot: number
}

export class KeepAlive {
  private readonly everyMs: Millis
  private readonly roster = new Roster<Place>()
  private readonly places = new Map<Pulse, Place>()

  constructor(everyMs: Millis) {
    this.everyMs = everyMs
  }

  watch(pulse: Pulse): void {
    const place: { pulse: Pulse; slot: number } = { pulse, slot: -1 }
    place.slot = this.roster.add(place)
    this.places.set(pulse, place)
    this.roster.wake(place.slot, pulse.lastAt + this.everyMs)
  }

  leave(pulse: Pulse): void {
    const place = this.places.get(pulse)
    if (place === undefined) return
    this.places.delete(pulse)
    this.roster.remove(place.slot)
  }

  wakeAt(): Millis {
    return this.roster.nextAt()
  }

  wake(now: Millis): void {
    for (let place = this.roster.due(now); place !== null; place = this.roster.due(now)) {
      const { pulse, slot } = place
      if (pulse.lastAt + this.everyMs <= now) {
        pulse.lastAt = now
        pulse.beat()
      }
      if (this.places.has(pulse)) this.roster.wake(slot, pulse.lastAt + this.everyMs)
    }
  }
}
