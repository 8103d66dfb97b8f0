/**
 * A world in virtual time: workload, application client, router, fleet and weather, wired to each other.
 *
 * Order at one instant, by class; within a class, first come, first served:
 *
 *   1 fault edges   2 provider wakes   3 signals and answers   4 cancels   5 application timeouts   6 arrivals
 *   7 router wakes
 *
 * So an answer that comes at the very instant of a timeout is in time, and a fault that starts at the instant of an
 * arrival strikes it.
 */
import { InvariantError, Rng, type Millis } from '../base/index.ts'
import type { Entry, Log, Out } from '../ledger/index.ts'
import { Client, Workload, type ClientCommand, type WorkloadCommand } from '../workload/index.ts'
import { Fleet, Weather, type FleetCommand, type ScheduledFault, type WeatherCommand } from '../provider/index.ts'
import { gatewayOf, type GatewayMachine } from '../gateway/index.ts'
import type { AttemptHandle, Call, CallFailure, EndpointSpec, GatewaySpec, Offer, Signal } from '../protocol/index.ts'
import type { Policy, RouterCommand } from '../router/index.ts'
import type { Workflow } from '../workload/index.ts'

/** Everything a world is made of. A compiled scenario has this shape. */
export interface WorldSpec {
  readonly seed: number
  readonly durationMs: Millis
  /** How long after the last arrival the world may take to answer what is open. */
  readonly drainMs: Millis
  readonly endpoints: readonly EndpointSpec[]
  readonly offers: readonly Offer[]
  readonly gateway: GatewaySpec
  readonly policies: readonly Policy[]
  /** Called once per world: arrival processes may have state. */
  readonly workflows: (rng: Rng) => readonly Workflow[]
  readonly timeline: readonly ScheduledFault[]
}

/** What ends a world that would not end by itself. */
export interface WorldLimits {
  /** A Machine that schedules itself for the instant it is at, over and over, would stop time: a bug of ours. */
  readonly eventsPerInstantMax: number
  /** A world this busy would play for days. It stops there, and what it has shown is inconclusive. */
  readonly eventsPerRunMax: number
}

export const WORLD_LIMITS: WorldLimits = { eventsPerInstantMax: 10_000_000, eventsPerRunMax: 20_000_000_000 }

type Arrival =
  | { readonly type: 'call.send'; readonly call: Call }
  | { readonly type: 'attempt.dispatch'; readonly attempt: AttemptHandle }
type Cancel =
  | {
      readonly type: 'call.cancel'
      readonly call: Call
      readonly class: 'client_timeout' | 'cancelled' | 'gateway_down'
    }
  | { readonly type: 'attempt.cancel'; readonly attempt: AttemptHandle }
type Message =
  | FleetCommand
  | RouterCommand
  | { readonly type: 'gateway.struck'; readonly fault: number }
  | { readonly type: 'gateway.failed'; readonly call: Call; readonly failure: CallFailure; readonly committed: boolean }

const LINE_START = 64

/** A first-in-first-out list: a ring, so that a message costs no memory but its own. */
class Line<T> {
  private ring: (T | null)[] = Array.from({ length: LINE_START }, () => null)
  private head = 0
  private count = 0

  get isEmpty(): boolean {
    return this.count === 0
  }

  push(item: T): void {
    if (this.count === this.ring.length) this.grow()
    this.ring[(this.head + this.count) & (this.ring.length - 1)] = item
    this.count += 1
  }

  shift(): T {
    const item = this.ring[this.head] as T
    this.ring[this.head] = null // What has been delivered is not kept alive.
    this.head = (this.head + 1) & (this.ring.length - 1)
    this.count -= 1
    return item
  }

  /** Take out the first item that matches, if it is still waiting. Lines are short. */
  withdraw(matches: (item: T) => boolean): boolean {
    const waiting = Array.from({ length: this.count }, () => this.shift())
    const place = waiting.findIndex(matches)
    waiting.forEach((item, index) => {
      if (index !== place) this.push(item)
    })
    return place >= 0
  }

  private grow(): void {
    const { ring, head } = this
    this.ring = [...ring.slice(head), ...ring.slice(0, head), ...ring.map(() => null)]
    this.head = 0
  }
}

export class World {
  now: Millis = 0
  readonly client: Client
  readonly router: GatewayMachine
  readonly fleet: Fleet
  readonly weather: Weather
  private readonly workload: Workload
  private readonly spec: WorldSpec
  private readonly limits: WorldLimits
  private events = 0
  /** Whoever arrives is turned away unheard: see `shed`. */
  private isShedding = false
  private readonly signals = new Line<Message>()
  private readonly cancels = new Line<Cancel>()
  private readonly arrivals = new Line<Arrival>()
  private readonly fromFleet: Out<FleetCommand>
  private readonly fromRouter: Out<RouterCommand>
  private readonly fromClient: Out<ClientCommand>
  private readonly fromWorkload: Out<WorkloadCommand>
  private readonly fromWeather: Out<WeatherCommand>

  constructor(spec: WorldSpec, log: Log, grain: 'run' | 'chunk' = 'run', limits: WorldLimits = WORLD_LIMITS) {
    this.spec = spec
    this.limits = limits
    const root = Rng.fromSeed(spec.seed)
    const workflows = spec.workflows(root.named('arrivals'))
    this.weather = new Weather(spec.timeline, spec.endpoints, root.named('weather'))
    this.fleet = new Fleet({
      endpoints: spec.endpoints,
      weather: this.weather,
      rng: root.named('fleet'),
      grain,
      epoch: spec.gateway.epoch,
    })
    this.router = gatewayOf({
      gateway: spec.gateway,
      offers: spec.offers,
      policies: spec.policies,
      rng: root.named('router'),
      workflows: workflows.map(({ name }) => name),
    })
    this.client = new Client(workflows, root.named('client'))
    this.workload = new Workload({ workflows, rng: root.named('workload'), untilMs: spec.durationMs })

    const record = (entry: Entry): void => log.append(entry)
    this.fromFleet = { record, push: (command) => this.signals.push(command) }
    this.fromRouter = { record, push: (command) => this.pushedByRouter(command) }
    this.fromClient = { record, push: (command) => this.pushedByClient(command) }
    this.fromWorkload = {
      record,
      push: ({ request }) => {
        if (!this.isShedding) this.client.handle({ type: 'request.arrived', request }, this.now, this.fromClient)
      },
    }
    this.fromWeather = { record, push: ({ fault }) => this.strikeFlight(fault) }
  }

  /** Everything that happens up to and including `until`; nothing more where the world is spent. */
  step(until: Millis): void {
    this.play(until, this.limits.eventsPerRunMax)
    if (!this.isSpent) this.now = Math.max(this.now, Math.min(until, this.spec.durationMs + this.spec.drainMs))
  }

  private play(until: Millis, eventsMax: number): void {
    const { eventsPerInstantMax } = this.limits
    let instant = this.now
    let instantBegan = this.events
    while (this.events < eventsMax) {
      const hasMessages = !this.signals.isEmpty || !this.cancels.isEmpty || !this.arrivals.isEmpty
      const next = hasMessages ? this.now : this.nextWake()
      if (next > until) break
      this.now = next
      if (next !== instant) {
        instant = next
        instantBegan = this.events
      }
      this.events += 1
      if (this.events - instantBegan > eventsPerInstantMax) standStill(instant, eventsPerInstantMax)
      this.react(next)
    }
  }

  /** So much has happened that it stopped before its time. */
  get isSpent(): boolean {
    return this.events >= this.limits.eventsPerRunMax
  }

  /** Nobody arrives any more, and everything that arrived has been answered. */
  get isDone(): boolean {
    return (
      this.client.inFlight === 0 && this.workload.wakeAt() === Infinity && this.signals.isEmpty && this.cancels.isEmpty
    )
  }

  /** Close the books. With time left, the world was stopped, and what is open has not failed; otherwise it is unfinished. */
  end(): void {
    for (const call of this.client.openCalls()) {
      this.router.handle({ type: 'call.cancelled', call, class: 'cancelled' }, this.now, this.fromRouter)
    }
    this.router.handle({ type: 'run.ended' }, this.now, this.fromRouter)
    const wasStopped = this.now < this.spec.durationMs + this.spec.drainMs
    this.client.handle({ type: 'run.ended', wasStopped }, this.now, this.fromClient)
    this.play(this.now, Infinity)
  }

  /** Start or heal a fault by hand. */
  begin(fault: ScheduledFault): void {
    this.weather.handle({ type: 'fault.began', fault }, this.now, this.fromWeather)
  }

  heal(fault: number): void {
    this.weather.handle({ type: 'fault.healed', fault }, this.now, this.fromWeather)
  }

  /** From now on one attempt a call, and one call a request: what is left is the load as it comes. */
  stopRetries(): void {
    this.client.handle({ type: 'retries.stopped' }, this.now, this.fromClient)
    this.router.handle({ type: 'retries.stopped' }, this.now, this.fromRouter)
  }

  /** Drop open arrivals on their way in, without an entry, until told otherwise. */
  shed(isOn: boolean): void {
    this.isShedding = isOn
  }

  /** Requests not answered, and attempts that the fleet has not finished with: what must be worked off. */
  get outstanding(): number {
    return this.client.inFlight + this.fleet.load
  }

  private nextWake(): Millis {
    return Math.min(
      this.weather.wakeAt(),
      this.fleet.wakeAt(),
      this.client.wakeAt(),
      this.workload.wakeAt(),
      this.router.wakeAt(),
    )
  }

  /** Whatever comes first at this instant. */
  private react(now: Millis): void {
    if (this.weather.wakeAt() <= now) this.weather.handle(WAKE, now, this.fromWeather)
    else if (this.fleet.wakeAt() <= now) this.fleet.handle(WAKE, now, this.fromFleet)
    else if (!this.signals.isEmpty) this.deliver(this.signals.shift(), now)
    else if (!this.cancels.isEmpty) this.cancel(this.cancels.shift(), now)
    else if (this.client.wakeAt() <= now) this.client.handle(WAKE, now, this.fromClient)
    else if (!this.arrivals.isEmpty) this.arrive(this.arrivals.shift(), now)
    else if (this.workload.wakeAt() <= now) this.workload.handle(WAKE, now, this.fromWorkload)
    else if (this.router.wakeAt() <= now) this.router.handle(WAKE, now, this.fromRouter)
  }

  private deliver(message: Message, now: Millis): void {
    switch (message.type) {
      case 'attempt.signalled':
        if (message.attempt.call < 0) this.client.handle(message, now, this.fromClient)
        else this.router.handle(message, now, this.fromRouter)
        return
      case 'client.write': {
        const { call, signals, flowingForMs } = message
        this.client.handle({ type: 'call.wrote', call, signals, flowingForMs }, now, this.fromClient)
        return
      }
      case 'client.end':
        this.client.handle({ type: 'call.ended', call: message.call, signals: message.signals }, now, this.fromClient)
        return
      case 'client.fail':
      case 'gateway.failed': {
        const { call, failure, committed } = message
        this.client.handle({ type: 'call.failed', call, failure, committed }, now, this.fromClient)
        return
      }
      case 'gateway.struck':
        this.strikeGateway(message.fault, now)
        return
      case 'client.left':
        this.client.handle({ type: 'call.left', call: message.call }, now, this.fromClient)
        return
      case 'attempt.dispatch':
      case 'attempt.cancel':
      case 'attempt.pause':
      case 'attempt.resume':
    }
  }

  private arrive(arrival: Arrival, now: Millis): void {
    if (arrival.type === 'attempt.dispatch') {
      this.fleet.handle({ type: 'attempt.arrived', attempt: arrival.attempt }, now, this.fromFleet)
      return
    }
    const { call } = arrival
    const refusal = this.weather.gateway(call, now, this.fromWeather)
    if (refusal === null) this.router.handle({ type: 'call.arrived', call }, now, this.fromRouter)
    else this.refuse(call, refusal)
  }

  /** The gateway itself is struck: the call gets what the fault says, or nothing at all. */
  private refuse(call: Call, signals: readonly Signal[]): void {
    const last = signals[signals.length - 1]
    if (last?.type !== 'failed' && last?.type !== 'closed') return
    const failure = gatewayFailure(last)
    this.signals.push({ type: 'gateway.failed', call, failure, committed: false })
  }

  private cancel(cancel: Cancel, now: Millis): void {
    if (cancel.type === 'attempt.cancel') {
      const { attempt } = cancel
      // One that is taken back at the instant it was sent never left the house.
      if (this.arrivals.withdraw((arrival) => arrival.type === 'attempt.dispatch' && arrival.attempt === attempt))
        return
      this.fleet.handle({ type: 'attempt.cancelled', attempt }, now, this.fromFleet)
      return
    }
    const { call } = cancel
    if (call.slot >= 0) this.router.handle({ type: 'call.cancelled', call, class: cancel.class }, now, this.fromRouter)
    else this.client.handle({ type: 'call.left', call }, now, this.fromClient) // It never got past the door.
  }

  private strikeFlight(fault: number): void {
    if (!this.weather.breaksGateway(fault)) {
      this.fleet.handle({ type: 'flight.struck', fault }, this.now, this.fromFleet)
      return
    }
    // In line behind what endpoints say at this very instant, which has been said.
    if (this.fleet.wakeAt() <= this.now) this.fleet.handle(WAKE, this.now, this.fromFleet)
    this.signals.push({ type: 'gateway.struck', fault })
  }

  /** The gateway drops the calls that are struck: with a reset, or without a word until the application gives up. */
  private strikeGateway(fault: number, now: Millis): void {
    for (const call of this.client.openCalls()) {
      const consequence = this.weather.breaksCall(fault, call, now, this.fromWeather)
      if (consequence === null) continue
      this.router.handle({ type: 'call.cancelled', call, class: 'gateway_down' }, now, this.fromRouter)
      if (consequence === 'reset') {
        this.signals.push({ type: 'gateway.failed', call, failure: GATEWAY_DOWN, committed: false })
      }
    }
  }

  private pushedByRouter(command: RouterCommand): void {
    if (command.type === 'attempt.dispatch') this.arrivals.push(command)
    else if (command.type === 'attempt.cancel') this.cancels.push(command)
    else this.signals.push(command)
  }

  private pushedByClient(command: ClientCommand): void {
    switch (command.type) {
      case 'call.send':
      case 'attempt.dispatch':
        this.arrivals.push(command)
        return
      case 'call.cancel':
      case 'attempt.cancel':
        this.cancels.push(command)
        return
      case 'request.closed':
        this.workload.handle(command, this.now, this.fromWorkload)
    }
  }
}

function standStill(instant: Millis, events: number): never {
  throw new InvariantError(
    `time stands still at ${instant} ms of the scenario: more than ${events} events at one instant`,
  )
}

const WAKE = { type: 'wake' } as const

const GATEWAY_DOWN: CallFailure = {
  class: 'gateway_down',
  status: 502,
  retryAfterMs: null,
  message: 'the gateway went down',
}

/** What a caller makes of a gateway that answers with an error of its own, or not at all. */
function gatewayFailure(signal: Extract<Signal, { type: 'failed' | 'closed' }>): CallFailure {
  if (signal.type === 'closed' || signal.status === null) return GATEWAY_DOWN
  const { status, retryAfterMs, message } = signal
  return { class: status >= 500 ? 'gateway_down' : signal.class, status, retryAfterMs, message }
}
