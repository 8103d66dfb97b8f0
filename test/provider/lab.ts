/** A fleet on the bench: endpoints, a timeline, attempts sent at chosen instants, and all that came back. */
import { Rng, type Millis } from '../../src/base/index.ts'
import type { Entry, EntryKind, EntryOf } from '../../src/ledger/index.ts'
import {
  nextVisit,
  PLAIN_CHAT,
  PLAIN_TRAITS,
  requestId,
  weatherOf,
  type AttemptHandle,
  type ChatRequest,
  type EndpointSpec,
  type Signal,
} from '../../src/protocol/index.ts'
import { Fleet, Weather, type FleetCommand, type ScheduledFault } from '../../src/provider/index.ts'

export { endpoint, fault } from '../virtual/lab.ts'

/** Nothing left to chance: first token after 100 ms, 20 tokens a second, one chunk each 50 ms. */
export const EXACT = { ttft_p50: '100ms', ttft_p95: '100ms', prefill: '0ms', speed_jitter: 0, tokens_per_second: 20 }

let ordinals = 0

export function question(more: Partial<ChatRequest> = {}): ChatRequest {
  ordinals += 1
  return {
    id: requestId(0, ordinals),
    workflow: 0,
    weather: weatherOf('bench', ordinals),
    inputTokens: 100,
    maxTokens: null,
    outputTokens: 40,
    stream: true,
    callsTool: false,
    shape: PLAIN_CHAT,
    traits: PLAIN_TRAITS,
    session: null,
    visited: [],
    ...more,
  }
}

export interface Heard {
  readonly at: Millis
  readonly signal: Signal
}

export class FleetLab {
  now: Millis = 0
  readonly entries: Entry[] = []
  readonly fleet: Fleet
  readonly weather: Weather
  private readonly heard = new Map<AttemptHandle, Heard[]>()
  private readonly out = {
    record: (entry: Entry) => void this.entries.push({ ...entry }),
    push: ({ attempt, signals }: FleetCommand) =>
      void this.heard.get(attempt)?.push(...signals.map((signal) => ({ at: this.now, signal }))),
  }

  constructor(
    endpoints: readonly EndpointSpec[],
    timeline: readonly ScheduledFault[] = [],
    grain: 'run' | 'chunk' = 'run',
  ) {
    const root = Rng.fromSeed(1)
    this.weather = new Weather(timeline, endpoints, root.named('weather'))
    this.fleet = new Fleet({ endpoints, weather: this.weather, rng: root.named('fleet'), grain })
  }

  send(endpoint = 0, request: ChatRequest = question()): AttemptHandle {
    const number = request.visited.length
    const attempt = { request, call: 0, number, endpoint, visit: nextVisit(request, endpoint), slot: -1 }
    this.heard.set(attempt, [])
    this.fleet.handle({ type: 'attempt.arrived', attempt }, this.now, this.out)
    return attempt
  }

  cancel(attempt: AttemptHandle): this {
    this.fleet.handle({ type: 'attempt.cancelled', attempt }, this.now, this.out)
    return this
  }

  at(instant: Millis): this {
    const struck = {
      record: this.out.record,
      push: ({ fault }: { fault: number }) => this.fleet.handle({ type: 'flight.struck', fault }, this.now, this.out),
    }
    for (;;) {
      const next = Math.min(this.weather.wakeAt(), this.fleet.wakeAt())
      if (next > instant) break
      this.now = Math.max(this.now, next)
      if (this.weather.wakeAt() <= this.now) this.weather.handle({ type: 'wake' }, this.now, struck)
      else this.fleet.handle({ type: 'wake' }, this.now, this.out)
    }
    this.now = instant
    return this
  }

  said(attempt: AttemptHandle): readonly Heard[] {
    return this.heard.get(attempt) ?? []
  }

  /** Types of what was said, in order. */
  types(attempt: AttemptHandle): string[] {
    return this.said(attempt).map(({ signal }) => signal.type)
  }

  of<Kind extends EntryKind>(kind: Kind): EntryOf<Kind>[] {
    return this.entries.filter((entry) => entry.kind === kind) as EntryOf<Kind>[]
  }
}
