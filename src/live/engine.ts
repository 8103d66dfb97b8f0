/**
 * The live engine: workload, application, gateway, fleet and weather in real time, the same Machines as in virtual time,
 * with HTTP between them.
 *
 *   workload ─▶ client ─▶ Application ══HTTP══▶ GatewayServer ─▶ router ─▶ Upstream ══HTTP══▶ FleetServers ─▶ fleet
 *
 * Commands that a Machine pushes are carried out at once, and never re-enter it: what comes back comes from a socket.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { at, NEVER, Rng, type Millis } from '../base/index.ts'
import { Generations, type Entry, type Log, type Out } from '../ledger/index.ts'
import {
  AccountPages,
  Catalogue,
  gatewayOf,
  Guardrails,
  standing,
  Statistics,
  type GatewayMachine,
} from '../gateway/index.ts'
import type {
  AttemptHandle,
  Call,
  CallFailure,
  ChatRequest,
  EndpointSpec,
  GatewaySpec,
  Offer,
  PromptFile,
  Signal,
} from '../protocol/index.ts'
import { CONNECTED, isFreeModel, promptTokens, UNKNOWN_KEY } from '../protocol/index.ts'
import type { WireRequest } from '../protocol/dialects/index.ts'
import { Fleet, Weather, type FleetCommand, type ScheduledFault, type WeatherCommand } from '../provider/index.ts'
import { validates, type Policy, type RouterCommand, type RouterEvent } from '../router/index.ts'
import {
  Client,
  Workload,
  type ClientCommand,
  type ClientEvent,
  type Workflow,
  type WorkloadCommand,
} from '../workload/index.ts'
import { Application } from './application.ts'
import { LiveClock } from './clock.ts'
import type { Control } from './control.ts'
import { isExternal, NO_SURROUNDINGS, type ExternalBook, type Surroundings } from './external.ts'
import { hasPdf } from './file-parts.ts'
import { FileReader } from './file-reader.ts'
import { FleetServers } from './fleet-servers.ts'
import { GatewayServer, type Visitor } from './gateway-server.ts'
import { keyBookOf } from './key-secrets.ts'
import { Loop } from './loop.ts'
import { Outside } from './outside.ts'
import { Reception, type Admission, type Visit } from './reception.ts'
import { screenRequest, type ScreenedRequest } from './screening.ts'
import { endsExchange, Upstream } from './upstream.ts'
import { degraded, wireRequestOf } from './wire.ts'

export interface EngineSpec {
  readonly seed: number
  readonly durationMs: Millis
  readonly drainMs: Millis
  readonly endpoints: readonly EndpointSpec[]
  readonly offers: readonly Offer[]
  readonly gateway: GatewaySpec
  readonly policies: readonly Policy[]
  readonly policyNames: readonly string[]
  readonly workflows: (rng: Rng) => readonly Workflow[]
  readonly timeline: readonly ScheduledFault[]
}

export interface EngineOptions {
  readonly speed: number
  /** Port of the gateway; 0 for a free one. */
  readonly port: number
  /** Whether the scenario's own workload plays, and its end ends the run. A load generator brings its own. */
  readonly playsWorkload: boolean
  /** What real endpoints need. Default: no keys, and nobody beyond this machine. */
  readonly surroundings?: Surroundings
  /** Who may steer the run over HTTP; absent: nobody. */
  readonly control?: Control
}

/** Faster than this, chunks of a stream would come more often than timers can tell apart. */
export const SPEED_MAX = 20
const QUIET_POLL_MS = 10

export class Engine {
  readonly clock: LiveClock
  readonly weather: Weather
  /** Resolves when the run has played to its end, or was stopped; rejects when it broke. */
  readonly done: Promise<void>
  private finish!: () => void
  private giveUp!: (error: unknown) => void
  private readonly spec: EngineSpec
  private readonly options: EngineOptions
  private readonly rng: Rng
  private readonly workflows: readonly Workflow[]
  private readonly client: Client
  private readonly workload: Workload | null
  private readonly router: GatewayMachine
  private readonly fleet: Fleet
  private readonly loop: Loop
  private readonly servers: FleetServers
  private readonly upstream: Upstream
  private readonly application: Application
  private readonly gateway: GatewayServer
  private readonly outside: Outside
  private readonly record: (entry: Entry) => void
  private readonly reception: Reception
  private readonly lagHistogram = monitorEventLoopDelay({ resolution: 5 })
  private readonly wires = new WeakMap<ChatRequest, WireRequest>()
  private readonly guardrails: Guardrails
  /** Calls that a gateway fault turns away, with what they are to be answered. */
  private readonly turnedAway = new WeakMap<Call, readonly Signal[]>()
  /** null: files go to providers as they came. */
  private readonly files: FileReader | null
  private readonly notesSeen = new Set<string>()
  /** When somebody must look whether it is over: at the end of what is played, and of the time to come to an end. */
  private readonly ends: Millis[]
  private isStopped = false
  private isBroken = false
  private closing: Promise<void> | null = null
  private areDoorsClosed = false
  private saysClosed = false
  /** Requests that came after the doors were closed; they are in no ledger. */
  cameTooLate = 0

  private readonly fromFleet: Out<FleetCommand>
  private readonly fromRouter: Out<RouterCommand>
  private readonly fromClient: Out<ClientCommand>
  private readonly fromWorkload: Out<WorkloadCommand>
  private readonly fromWeather: Out<WeatherCommand>

  constructor(given: EngineSpec, log: Log, options: EngineOptions) {
    const spec = { ...given, gateway: standing(given.gateway) }
    this.spec = spec
    this.options = options
    this.clock = new LiveClock(options.speed)
    this.ends = [spec.durationMs, spec.durationMs + spec.drainMs]
    this.done = new Promise((resolve, reject) => {
      this.finish = resolve
      this.giveUp = reject
    })
    this.done.catch(() => {}) // Whoever closes the engine is told as well.
    const root = Rng.fromSeed(spec.seed)
    this.rng = root.named('words')
    this.workflows = spec.workflows(root.named('arrivals'))
    this.weather = new Weather(spec.timeline, spec.endpoints, root.named('weather'))
    this.fleet = new Fleet({
      endpoints: spec.endpoints,
      weather: this.weather,
      rng: root.named('fleet'),
      grain: 'chunk',
      epoch: spec.gateway.epoch,
    })
    this.guardrails = new Guardrails(spec.gateway)
    const { surroundings = NO_SURROUNDINGS } = options
    this.files = spec.gateway.file_parser === undefined ? null : new FileReader(surroundings)
    this.router = gatewayOf({
      gateway: spec.gateway,
      offers: spec.offers,
      policies: spec.policies,
      rng: root.named('router'),
      workflows: this.workflows.map(({ name }) => name),
      measuresSpeed: true, // Outside clients bring their own request half, and may ask for the fastest.
    })
    this.client = new Client(this.workflows, root.named('client'))
    this.workload = options.playsWorkload
      ? new Workload({ workflows: this.workflows, rng: root.named('workload'), untilMs: spec.durationMs })
      : null

    this.record = (entry) => log.append(entry)
    const { record } = this
    this.fromFleet = { record, push: ({ attempt, signals }) => this.servers.say(attempt, signals) }
    this.fromRouter = { record, push: (command) => this.pushedByRouter(command) }
    this.fromClient = { record, push: (command) => this.pushedByClient(command) }
    this.fromWorkload = {
      record,
      push: ({ request }) => this.client.handle({ type: 'request.arrived', request }, this.loop.now, this.fromClient),
    }
    this.fromWeather = { record, push: ({ fault }) => this.strikeFlight(fault) }

    const now = (): Millis => this.loop.now
    this.servers = new FleetServers({
      endpoints: spec.endpoints,
      rng: root.named('answers'),
      epochMs: spec.gateway.epoch,
      now,
      onLeft: (attempt) =>
        this.loop.enter((at) => this.fleet.handle({ type: 'attempt.cancelled', attempt }, at, this.fromFleet)),
    })
    this.upstream = new Upstream({
      endpoints: spec.endpoints,
      offers: spec.offers,
      models: spec.gateway.models,
      servers: this.servers,
      ...(options.surroundings && { surroundings: options.surroundings }),
      arrive: (attempt) => this.fleet.handle({ type: 'attempt.arrived', attempt }, this.loop.now, this.fromFleet),
      onSignals: (attempt, signals, book) => this.heardUpstream(attempt, signals, book),
    })
    this.application = new Application({
      tell: (event) => this.loop.enter((at) => this.client.handle(event, at, this.fromClient)),
      failureOf: (call) => this.reception.failureOf(call),
    })
    const { gateway, offers } = spec
    const free = new Set(offers.filter(({ model }) => isFreeModel(model)).map(({ index }) => index))
    const generations = new Generations({ epoch: gateway.epoch, free })
    log.attach(generations)
    this.outside = new Outside({ ...spec, record, workflows: this.workflows, rng: this.rng, generations })
    const tellRouter = (event: RouterEvent): void =>
      this.loop.enter((at) => this.router.handle(event, at, this.fromRouter))
    this.reception = new Reception({
      offers: spec.offers,
      keepAliveMs: spec.gateway.choices.keep_alive,
      outside: this.outside,
      epochMs: spec.gateway.epoch,
      now,
      onBlocked: (call) => tellRouter({ type: 'client.blocked', call }),
      onDrained: (call) => tellRouter({ type: 'client.drained', call }),
      onLeft: (visit) => this.loop.enter((at) => this.callerLeft(visit, at)),
    })
    const statistics = new Statistics()
    log.attach(statistics)
    const statisticsOf = (endpoint: number) => statistics.of(endpoint, this.loop.now)
    this.gateway = new GatewayServer({
      pages: new AccountPages({ gateway, offers, generations }),
      keyBook: keyBookOf(gateway, generations, this.router.accounts),
      catalogue: new Catalogue({ offers: spec.offers, gateway: spec.gateway, statisticsOf }),
      gateway: spec.gateway,
      offers: spec.offers,
      choices: spec.gateway.choices,
      epochMs: spec.gateway.epoch,
      now,
      onVisitor: (visitor) => this.receive(visitor),
      ...(options.control && { control: options.control }),
    })
    this.loop = new Loop({
      clock: this.clock,
      producers: [
        part(this.weather, this.fromWeather),
        part(this.fleet, this.fromFleet),
        ...(this.workload ? [part(this.workload, this.fromWorkload)] : []),
        // Nobody may have anything left to do when the run is over; somebody must look.
        { wakeAt: () => this.ends[0] ?? NEVER, wake: () => void this.ends.shift() },
      ],
      deadlines: [part(this.client, this.fromClient), part(this.router, this.fromRouter), this.reception.keepAlive],
      onDeadlines: (at) => this.tellConnections(at),
      onTurn: (at) => this.lookForTheEnd(at),
      onLag: (lagMs, at) => record({ kind: 'loop.lagged', at, lagMs }),
      onBroken: (error) => this.break(error),
    })
  }

  /** Open the servers and start the clock. Returns the gateway's origin. */
  async start(): Promise<string> {
    const origin = await this.openDoors().catch(async (error: unknown) => {
      await this.close()
      throw error
    })
    this.application.start(origin)
    this.lagHistogram.enable()
    this.clock.resume()
    this.loop.arm()
    return origin
  }

  private async openDoors(): Promise<string> {
    await this.servers.start()
    this.upstream.start()
    return this.gateway.start(this.options.port)
  }

  get now(): Millis {
    return this.loop.now
  }

  get isDone(): boolean {
    return this.isStopped
  }

  /** What a reader of the report must know. */
  get notes(): readonly string[] {
    return [...this.notesSeen]
  }

  /** 99th percentile of the event loop's own delay so far, in wall ms. */
  get lagP99Ms(): number {
    const nanos = this.lagHistogram.percentile(99)
    return Number.isFinite(nanos) ? Math.max(0, nanos / 1e6 - 5) : 0
  }

  pause(): void {
    this.clock.pause()
    this.loop.arm()
  }

  /** A run that was stopped stays stopped. */
  resume(): void {
    if (this.isStopped) return
    this.clock.resume()
    this.loop.arm()
  }

  setSpeed(speed: number): void {
    this.clock.setSpeed(speed)
    this.loop.arm()
  }

  begin(fault: ScheduledFault): void {
    this.loop.enter((now) => this.weather.handle({ type: 'fault.began', fault }, now, this.fromWeather))
  }

  heal(fault: number): void {
    this.loop.enter((now) => this.weather.handle({ type: 'fault.healed', fault }, now, this.fromWeather))
  }

  /** From now on nobody new is let in; who is inside is served. `says`: who comes is told so, and not left waiting. */
  closeDoors({ says }: { readonly says: boolean }): void {
    this.areDoorsClosed = true
    this.saysClosed = says
  }

  /** Resolves when no outside client is in flight any more, or after `wallMsMax`; at once when nothing plays any more. */
  async whenQuiet(wallMsMax: number): Promise<void> {
    const until = performance.now() + wallMsMax
    const underWay = (): number => this.outside.inFlight + (this.files?.reading ?? 0)
    while (!this.isStopped && underWay() > 0 && performance.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, QUIET_POLL_MS))
    }
  }

  /** Play no further. */
  stop(): void {
    if (this.isStopped) return
    this.isStopped = true
    this.clock.pause()
    this.finish()
  }

  /** Something threw: whatever state it left behind is not to be trusted, so nothing more is played. */
  private break(error: unknown): void {
    this.isBroken = true
    this.giveUp(error)
    void this.close()
  }

  /** Close the books and the doors. Nothing is left behind: no timer, no socket, no listener. */
  close(): Promise<void> {
    return (this.closing ??= this.shut())
  }

  private async shut(): Promise<void> {
    this.stop()
    this.loop.stop()
    if (!this.isBroken) this.closeBooks()
    this.lagHistogram.disable()
    for (const { answer } of this.reception.everybody()) answer.reset()
    await new Promise((resolve) => setImmediate(resolve)) // Answers that wait to go out together do so first.
    await Promise.all([this.gateway.stop(), this.application.stop(), this.upstream.stop(), this.servers.stop()])
  }

  private closeBooks(): void {
    const now = this.loop.now
    // The router's books first, so that those of the applications can take them over.
    for (const { call } of this.reception.everybody())
      this.router.handle({ type: 'call.cancelled', call, class: 'cancelled' }, now, this.fromRouter)
    this.router.handle({ type: 'run.ended' }, now, this.fromRouter)
    const wasStopped = now < this.spec.durationMs + this.spec.drainMs
    this.client.handle({ type: 'run.ended', wasStopped }, now, this.fromClient)
    this.outside.endAll(wasStopped ? 'cancelled' : 'unfinished', now)
  }

  private lookForTheEnd(now: Millis): void {
    if (this.isStopped || this.workload === null || now < this.spec.durationMs) return
    const isQuiet =
      this.client.inFlight === 0 && this.outside.inFlight === 0 && (this.workload?.wakeAt() ?? Infinity) === Infinity
    if (isQuiet || now >= this.spec.durationMs + this.spec.drainMs) this.stop()
  }

  // ── the application's side ────────────────────────────────────────────────────────────────────────────────────────

  private pushedByClient(command: ClientCommand): void {
    switch (command.type) {
      case 'call.send':
        this.sendCall(command.call)
        return
      case 'call.cancel':
        this.cancelCall(command.call)
        return
      case 'attempt.dispatch':
        this.upstream.dispatch(command.attempt, this.wireOf(command.attempt.request))
        return
      case 'attempt.cancel':
        this.cancelAttempt(command.attempt)
        return
      case 'request.closed':
        this.workload?.handle(command, this.loop.now, this.fromWorkload)
    }
  }

  private sendCall(call: Call): void {
    const refusal = this.weather.gateway(call, this.loop.now, this.fromWeather)
    if (refusal !== null) this.turnedAway.set(call, refusal)
    const isRefused = refusal?.some((signal) => signal.type === 'failed' && signal.where === 'connect') ?? false
    this.application.send(call, this.wireOf(call.request), isRefused)
  }

  private cancelCall(call: Call): void {
    this.application.cancel(call)
    // The gateway sees the socket close, and closes the call; one that never reached it is closed here.
    if (call.slot < 0) setImmediate(() => this.tellClient({ type: 'call.left', call }))
  }

  private tellClient(event: ClientEvent): void {
    this.loop.enter((now) => this.client.handle(event, now, this.fromClient))
  }

  /** A request as it goes over the wire; one that somebody brought, as he did. */
  private wireOf(request: ChatRequest, visit: Visit | null = null): WireRequest {
    if (visit !== null && request.original === undefined) return visit.wire
    let wire = this.wires.get(request)
    if (!wire && request.original) {
      wire = degraded(this.wireOf(request.original, visit), request)
      this.wires.set(request, wire)
    }
    if (!wire) {
      const workflow = this.workflows[request.workflow] as Workflow
      const { models, provider } = this.spec.policies[workflow.policy] as Policy
      wire = wireRequestOf(request, { models, provider }, workflow.mix.kind, this.rng)
      this.wires.set(request, wire)
    }
    return wire
  }

  // ── the gateway ───────────────────────────────────────────────────────────────────────────────────────────────────

  private receive(visitor: Visitor): void {
    if (this.areDoorsClosed) {
      this.cameTooLate += 1
      // Whom a load generator sends is left waiting: it is about to hang up.
      if (this.saysClosed) visitor.refuse(CLOSED)
      return
    }
    const isOurs = this.application.hasMade(visitor.mark)
    const known = isOurs ? this.application.callOf(visitor.mark ?? '') : undefined
    if (isOurs && !known) {
      visitor.reply.raw.destroy() // The application hung up before it was heard.
      return
    }
    if (!known && this.files !== null && this.hasFilesToRead(visitor)) {
      this.readFiles(this.files, visitor).catch((error: unknown) => this.break(error))
      return
    }
    this.loop.enter((now) => {
      if (known) this.admitOwn(known, visitor, now)
      else this.admitStranger(visitor, now)
    })
  }

  /** At OpenRouter's surface alone, and for nobody who may not call at all. */
  private hasFilesToRead({ ask, headers, wire }: Visitor): boolean {
    if (ask === null || !hasPdf(wire)) return false
    return this.spec.gateway.keys === undefined || (this.outside.callerOf(headers)?.key ?? UNKNOWN_KEY) !== UNKNOWN_KEY
  }

  /** What a stranger brings along is read before he is let in. */
  private async readFiles(reader: FileReader, visitor: Visitor): Promise<void> {
    const files = await reader.read(visitor.wire)
    if (this.isStopped || visitor.reply.raw.destroyed) return
    if ('status' in files) visitor.refuse(files)
    else this.loop.enter((now) => this.admitStranger(visitor, now, files))
  }

  /** A call of the workload comes in as it was sent. */
  private admitOwn(call: Call, visitor: Visitor, now: Millis): void {
    if (promptTokens(visitor.wire.promptBytes) !== call.request.inputTokens)
      this.note('the size of a prompt on the wire was not what the workload meant')
    const wire = this.wires.get(call.request) ?? visitor.wire
    const mayPass = this.mayPass(call, visitor)
    this.admit({ call, visitor, wire, guest: null, mayPass }, this.turnedAway.get(call) ?? null, now)
  }

  private admitStranger(visitor: Visitor, now: Millis, read?: readonly PromptFile[]): void {
    const { speed } = this.clock
    const { ask, headers } = visitor
    const { wire, files, labels } = this.screened(visitor, read)
    const guest = speed === 1 ? this.outside.receive(wire, ask, headers, now, files) : tooFast(speed)
    if (!('call' in guest)) {
      visitor.refuse(guest)
      return
    }
    this.note('outside clients called the gateway: this run cannot be reproduced')
    const { call } = guest
    if (labels.length > 0) call.contains = labels
    const mayPass = this.mayPass(call, visitor)
    this.admit({ call, visitor, wire, guest, mayPass }, this.weather.gateway(call, now, this.fromWeather), now)
  }

  /** Whether the bytes of real endpoints may go through as they come: nobody has to look at the answer first. */
  private mayPass({ policy }: Call, { speaksPlainly }: Visitor): boolean {
    return speaksPlainly && !validates(at(this.spec.policies, policy).resilience.validation)
  }

  /** What of a stranger's text its guardrails let through. */
  private screened({ wire, headers }: Visitor, files?: readonly PromptFile[]): ScreenedRequest {
    const filters = this.guardrails.lookingFor(this.outside.callerOf(headers))
    return filters.length === 0 ? { wire, files, labels: [] } : screenRequest(wire, files, filters)
  }

  /** `refusal`: what a fault of the gateway has it answered; null for none. */
  private admit(admission: Admission, refusal: readonly Signal[] | null, now: Millis): void {
    const { call, guest } = admission
    const visit = this.reception.open(admission)
    if (refusal === null) {
      this.router.handle({ type: 'call.arrived', call }, now, this.fromRouter)
      return
    }
    if (refusal.length > 0) {
      this.reception.close(visit)
      if (guest !== null) this.outside.failed(guest, GATEWAY_DOWN, false, now)
    }
    visit.answer.send(refusal)
  }

  private callerLeft(visit: Visit, now: Millis): void {
    const { call, guest } = visit
    this.reception.close(visit)
    this.router.handle({ type: 'call.cancelled', call, class: 'client_timeout' }, now, this.fromRouter)
    if (guest !== null) this.outside.left(guest, now)
  }

  private pushedByRouter(command: RouterCommand): void {
    switch (command.type) {
      case 'attempt.dispatch':
        this.dispatch(command.attempt)
        return
      case 'attempt.cancel':
        this.cancelAttempt(command.attempt)
        return
      case 'attempt.pause':
        this.upstream.pause(command.attempt)
        return
      case 'attempt.resume':
        this.upstream.resume(command.attempt)
        return
      case 'client.write':
        this.reception.write(command.call, command.attempt, command.signals, false)
        return
      case 'client.end':
        this.reception.write(command.call, command.attempt, command.signals, true)
        return
      case 'client.fail':
        this.reception.fail(command.call, command.failure, command.committed)
        return
      case 'client.left':
        this.tellLater({ type: 'call.left', call: command.call })
    }
  }

  private dispatch(attempt: AttemptHandle): void {
    const { request, endpoint, from } = attempt
    const visit = from === undefined ? null : this.reception.of(from)
    const spec = at(this.spec.endpoints, endpoint)
    const mayPass = visit !== null && visit.mayPass && isExternal(spec) && spec.dialect === 'openai-chat'
    const body = this.upstream.dispatch(attempt, this.wireOf(request, visit), mayPass ? visit : null)
    const offer = this.spec.offers[endpoint] // Whom a tool asks is no provider.
    if (offer) visit?.visitor.echoes?.push({ providerName: offer.providerName, body: String(body) })
  }

  // ── the fleet's side ──────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * The fleet is told at once: an attempt may be given up before there is a socket to close. A real endpoint charges what
   * it has said until then.
   */
  private cancelAttempt(attempt: AttemptHandle): void {
    const { now } = this.loop
    const charge = this.upstream.cancel(attempt)?.heard(attempt, NOTHING, true, now) ?? null
    if (charge !== null) this.record(charge)
    this.fleet.handle({ type: 'attempt.cancelled', attempt }, now, this.fromFleet)
  }

  private heardUpstream(attempt: AttemptHandle, signals: readonly Signal[], book: ExternalBook | null): void {
    this.loop.enter((now) => {
      const isOver = endsExchange(signals)
      if (book !== null) {
        this.note('real endpoints answered: this run cannot be reproduced')
        const charge = book.heard(attempt, signals, isOver, now)
        if (charge !== null) this.record(charge)
      }
      // The fleet has finished by itself, unless the connection broke on the way to it.
      else if (isOver) this.fleet.handle({ type: 'attempt.cancelled', attempt }, now, this.fromFleet)
      this.signalled(attempt, signals, now)
    })
  }

  /** Before anybody gives up an attempt for want of a connection. */
  private tellConnections(now: Millis): void {
    for (const attempt of this.upstream.connected()) this.signalled(attempt, ONLY_CONNECTED, now)
  }

  private signalled(attempt: AttemptHandle, signals: readonly Signal[], now: Millis): void {
    if (attempt.call < 0) this.client.handle({ type: 'attempt.signalled', attempt, signals }, now, this.fromClient)
    else this.router.handle({ type: 'attempt.signalled', attempt, signals }, now, this.fromRouter)
  }

  private strikeFlight(fault: number): void {
    const now = this.loop.now
    if (!this.weather.breaksGateway(fault)) {
      this.fleet.handle({ type: 'flight.struck', fault }, now, this.fromFleet)
      return
    }
    for (const visit of this.reception.everybody()) {
      const { call, guest, answer } = visit
      const consequence = this.weather.breaksCall(fault, call, now, this.fromWeather)
      if (consequence === null) continue
      this.reception.close(visit)
      this.router.handle({ type: 'call.cancelled', call, class: 'gateway_down' }, now, this.fromRouter)
      if (consequence === 'silence') continue // Nothing more is heard, until the caller hangs up.
      if (guest !== null) this.outside.failed(guest, GATEWAY_DOWN, false, now)
      answer.reset()
    }
  }

  private tellLater(event: ClientEvent): void {
    setImmediate(() => this.tellClient(event))
  }

  private note(text: string): void {
    this.notesSeen.add(text)
  }
}

const NOTHING: readonly Signal[] = []
const ONLY_CONNECTED: readonly Signal[] = [CONNECTED]

const GATEWAY_DOWN: CallFailure = {
  class: 'gateway_down',
  status: 502,
  retryAfterMs: null,
  message: 'the gateway went down',
}

const CLOSED: CallFailure = {
  class: 'overloaded',
  status: 503,
  retryAfterMs: null,
  message: 'Service temporarily unavailable',
}

function tooFast(speed: number): CallFailure {
  const message = `This run plays at ${speed} times real time; outside clients need --speed 1.`
  return { class: 'invalid_request', status: 409, retryAfterMs: null, message }
}

function part<Command>(
  machine: { wakeAt(): Millis; handle(event: { type: 'wake' }, now: Millis, out: Out<Command>): void },
  out: Out<Command>,
) {
  return { wakeAt: () => machine.wakeAt(), wake: (now: Millis) => machine.handle({ type: 'wake' }, now, out) }
}
