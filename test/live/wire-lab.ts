/**
 * One side of a wire against the other, without a router: a fleet under its weather on real sockets, the gateway's own
 * upstream that asks it, and a tap between them. Everything is there to be compared: the Signals the upstream parsed,
 * and the raw bytes they were parsed from.
 */
import { Rng, type Millis } from '../../src/base/index.ts'
import { LiveClock } from '../../src/live/clock.ts'
import { FleetServers } from '../../src/live/fleet-servers.ts'
import { Loop } from '../../src/live/loop.ts'
import { endsExchange, Upstream } from '../../src/live/upstream.ts'
import { wireRequestOf } from '../../src/live/wire.ts'
import type { Entry, Out } from '../../src/ledger/index.ts'
import {
  CONNECTED,
  nextVisit,
  type AttemptHandle,
  type ChatRequest,
  type EndpointSpec,
  type Signal,
} from '../../src/protocol/index.ts'
import {
  Fleet,
  Weather,
  type FleetCommand,
  type ScheduledFault,
  type WeatherCommand,
} from '../../src/provider/index.ts'
import { question } from '../provider/lab.ts'
import { Tap, rawAnswer, type RawAnswer, type Tapped } from './tap.ts'

/** What came of one question. */
export interface Exchanged {
  /** As the router would have heard it, `connected` first. */
  readonly signals: readonly Signal[]
  /** When each of them was heard, in wall ms after the question was sent. */
  readonly heardMs: readonly Millis[]
  /** The connections that carried something for this question (or ended), in the order in which they were made. */
  readonly connections: readonly Tapped[]
  /** Everything the endpoint sent for it. */
  readonly bytes: Buffer
  /** The answer in those bytes; null where there is no HTTP in them. */
  readonly answer: RawAnswer | null
}

export interface AskOptions {
  readonly endpoint?: number
  /** Give up after so many wall ms without an end. Default 400. */
  readonly patienceMs?: number
  /** Listen so many wall ms longer for what follows the end: a late FIN, bytes too many. Default 20. */
  readonly lingerMs?: number
}

const EPOCH_MS = Date.UTC(2026, 0, 1)
const HALF = { models: ['m'], provider: {} }

interface Heard {
  readonly signals: Signal[]
  readonly heardMs: Millis[]
  readonly startedAt: number
  over: () => void
}

export class WireLab {
  readonly entries: Entry[] = []
  private readonly loop: Loop
  private readonly clock: LiveClock
  private readonly servers: FleetServers
  private readonly upstream: Upstream
  private readonly fleet: Fleet
  private readonly taps: Tap[] = []
  private readonly heard = new Map<AttemptHandle, Heard>()
  private readonly root = Rng.fromSeed(1)
  private readonly fromFleet: Out<FleetCommand>

  private constructor(endpoints: readonly EndpointSpec[], timeline: readonly ScheduledFault[], speed: number) {
    this.clock = new LiveClock(speed)
    const { root } = this
    const record = (entry: Entry) => void this.entries.push({ ...entry })
    const weather = new Weather(timeline, endpoints, root.named('weather'))
    this.fleet = new Fleet({ endpoints, weather, rng: root.named('fleet'), grain: 'chunk' })
    this.fromFleet = { record, push: ({ attempt, signals }) => this.servers.say(attempt, signals) }
    const { fromFleet } = this
    const fromWeather = {
      record,
      push: ({ fault }: WeatherCommand) =>
        this.fleet.handle({ type: 'flight.struck', fault }, this.loop.now, fromFleet),
    }
    const cancel = (attempt: AttemptHandle) =>
      this.loop.enter((now) => this.fleet.handle({ type: 'attempt.cancelled', attempt }, now, fromFleet))
    this.servers = new FleetServers({
      endpoints,
      rng: root.named('answers'),
      epochMs: EPOCH_MS,
      now: () => this.loop.now,
      onLeft: cancel,
    })
    this.upstream = new Upstream({
      models: {},
      offers: [],
      endpoints,
      servers: this.servers,
      arrive: (attempt) => this.fleet.handle({ type: 'attempt.arrived', attempt }, this.loop.now, fromFleet),
      onSignals: (attempt, signals) => {
        this.hear(attempt, signals)
        if (endsExchange(signals)) cancel(attempt)
      },
    })
    this.loop = new Loop({
      clock: this.clock,
      producers: [
        { wakeAt: () => weather.wakeAt(), wake: (now) => weather.handle({ type: 'wake' }, now, fromWeather) },
        { wakeAt: () => this.fleet.wakeAt(), wake: (now) => this.fleet.handle({ type: 'wake' }, now, fromFleet) },
      ],
      deadlines: [],
      onDeadlines: () => {},
      onTurn: () => {},
      onLag: () => {},
      onBroken: (error) => {
        throw error
      },
    })
  }

  /** `speed`: scenario ms per wall ms. */
  static async open(
    endpoints: readonly EndpointSpec[],
    timeline: readonly ScheduledFault[] = [],
    speed = 1,
  ): Promise<WireLab> {
    const lab = new WireLab(endpoints, timeline, speed)
    await lab.servers.start()
    for (const [index, origin] of lab.servers.origins.entries()) {
      const tap = new Tap(origin)
      lab.taps.push(tap)
      lab.servers.origins[index] = await tap.open()
    }
    lab.upstream.start()
    lab.clock.resume()
    lab.loop.arm()
    return lab
  }

  async close(): Promise<void> {
    this.loop.stop()
    await Promise.all([this.upstream.stop(), ...this.taps.map((tap) => tap.close()), this.servers.stop()])
  }

  /** Attempts that the fleet has not finished with. */
  get inFlight(): number {
    return this.fleet.inFlight
  }

  of<Kind extends Entry['kind']>(kind: Kind): Extract<Entry, { kind: Kind }>[] {
    return this.entries.filter((entry) => entry.kind === kind) as Extract<Entry, { kind: Kind }>[]
  }

  /** One question, to its end or until patience is lost; then the sender leaves. One at a time. */
  async ask(asked: Partial<ChatRequest> = {}, options: AskOptions = {}): Promise<Exchanged> {
    const { endpoint = 0, patienceMs = 400, lingerMs = 20 } = options
    const request = question(asked)
    const visit = nextVisit(request, endpoint)
    const attempt: AttemptHandle = { request, call: 0, number: 0, endpoint, visit, slot: -1 }
    const tap = this.taps[endpoint] as Tap
    const before = tap.connections.map(({ segments, end }) => ({ segments: segments.length, end }))
    const heard: Heard = { signals: [], heardMs: [], startedAt: performance.now(), over: () => {} }
    this.heard.set(attempt, heard)
    const isOver = new Promise<void>((resolve) => {
      heard.over = resolve
    })
    this.loop.enter(() => this.upstream.dispatch(attempt, wireRequestOf(request, HALF, 'short-chat', this.root)))
    const timer = setTimeout(heard.over, patienceMs)
    await isOver
    clearTimeout(timer)
    for (const quiet of this.upstream.connected()) this.hear(quiet, [CONNECTED])
    await new Promise((resolve) => setTimeout(resolve, lingerMs))
    this.loop.enter((now) => {
      this.upstream.cancel(attempt)
      this.fleet.handle({ type: 'attempt.cancelled', attempt }, now, this.fromFleet)
    })

    const connections = tap.connections
      .map(({ segments, end }, index) => ({ segments: segments.slice(before[index]?.segments ?? 0), end, index }))
      .filter(({ segments, end, index }) => segments.length > 0 || end !== (before[index]?.end ?? 'none'))
      .map(({ segments, end }) => ({ segments, end }))
    const bytes = Buffer.concat(connections.flatMap(({ segments }) => segments))
    return { signals: heard.signals, heardMs: heard.heardMs, connections, bytes, answer: rawAnswer(bytes) }
  }

  private hear(attempt: AttemptHandle, signals: readonly Signal[]): void {
    const heard = this.heard.get(attempt)
    if (!heard) return
    const after = performance.now() - heard.startedAt
    heard.signals.push(...signals)
    heard.heardMs.push(...signals.map(() => after))
    if (endsExchange(signals)) heard.over()
  }
}
