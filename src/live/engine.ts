/**
 * The live engine: workload, application, gateway, fleet and weather in real time, the same Machines as in virtual time,
 * with HTTP between them.
 *
 *   workload ─▶ client ─▶ Application ══HTTP══▶ GatewayServer ─▶ router ─▶ Upstream ══HTTP══▶ FleetServers ─▶ fleet
 *
 * Commands that a Machine pushes are carried out at once, and never re-enter it: what comes back comes from a socket.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { at, NEVER, Register, Rng, type Millis } from '../base/index.ts'
import { Generations, type Entry, type Log, type Out } from '../ledger/index.ts'
import {
  AccountPages,
  annotationsOf,
  Catalogue,
  gatewayOf,
  Guardrails,
  receiptOf,
  routingOf,
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
  Failed,
  GatewaySpec,
  Offer,
  Signal,
} from '../protocol/index.ts'
import { ACCEPTED, generationId, isFreeModel, PING, promptTokens } from '../protocol/index.ts'
import type { Echo, Parser, WireRequest } from '../protocol/dialects/index.ts'
import { Fleet, Weather, type FleetCommand, type ScheduledFault, type WeatherCommand } from '../provider/index.ts'
import { validates, type Policy, type RouterCommand } from '../router/index.ts'
import {
  Client,
  Workload,
  type ClientCommand,
  type ClientEvent,
  type Workflow,
  type WorkloadCommand,
} from '../workload/index.ts'
import { Answer } from './answer.ts'
import { Application } from './application.ts'
import { LiveClock } from './clock.ts'
import type { Control } from './control.ts'
import { ExternalBooks, isExternal, type Surroundings } from './external.ts'
import { FleetServers } from './fleet-servers.ts'
import { GatewayServer, type Visitor } from './gateway-server.ts'
import { KeepAlive, type Pulse } from './keep-alive.ts'
import { keyBookOf } from './key-secrets.ts'
import { Loop } from './loop.ts'
import { Outside } from './outside.ts'
import { screenRequest, type ScreenedRequest } from './screening.ts'
import { endsExchange, Upstream } from './upstream.ts'
import { Verbatim } from './verbatim.ts'
import type { Speaker } from './voice.ts'
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

/** A call that the gateway is answering. */
interface AtGateway {
  readonly answer: Answer
  /** Endpoint whose answer it is; -1 until it is known. */
  servedBy: number
  hasBegun: boolean
  /** Its head is out, with a sign of life. */
  isOpen: boolean
  /** null where nobody waits for signs of life. */
  pulse: Pulse | null
  readonly echoes: Echo[] | null
  readonly takesPartial: boolean
  /** Head of an answer that goes through as it came; null: it is rendered. */
  readonly verbatim: Visitor['verbatim']
}

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
  private readonly external: ExternalBooks
  private readonly record: (entry: Entry) => void
  private readonly keepAlive: KeepAlive
  /** Requests whose answers may go through as they come, and the bytes of those that do. */
  private readonly asTheyCome = new WeakSet<ChatRequest>()
  private readonly verbatims = new WeakMap<AttemptHandle, Verbatim>()
  /** Requests whose callers want to see what is sent upstream. */
  private readonly echoing = new WeakMap<ChatRequest, Echo[]>()
  private readonly lagHistogram = monitorEventLoopDelay({ resolution: 5 })
  private readonly wires = new WeakMap<ChatRequest, WireRequest>()
  private readonly guardrails: Guardrails
  private readonly failures = new WeakMap<Call, CallFailure>()
  private readonly atGateway = new Register<Call, AtGateway>()
  /** Calls that a gateway fault turns away, with what they are to be answered. */
  private readonly turnedAway = new WeakMap<Call, readonly Signal[]>()
  private readonly notesSeen = new Set<string>()
  private isStopped = false
  private isBroken = false
  private closing: Promise<void> | null = null
  private areDoorsClosed = false
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
    this.router = gatewayOf({
      gateway: spec.gateway,
      offers: spec.offers,
      policies: spec.policies,
      rng: root.named('router'),
      workflows: this.workflows.map(({ name }) => name),
      measuresSpeed: true, // Outside clients bring their own request half, and may ask for the fastest.
    })
    this.keepAlive = new KeepAlive(spec.gateway.choices.keep_alive)
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
      models: spec.gateway.models,
      servers: this.servers,
      ...(options.surroundings && { surroundings: options.surroundings }),
      arrive: (attempt) => this.fleet.handle({ type: 'attempt.arrived', attempt }, this.loop.now, this.fromFleet),
      onSignals: (attempt, signals) => this.heardUpstream(attempt, signals),
    })
    this.external = new ExternalBooks(spec.offers)
    this.application = new Application({
      tell: (event) => this.loop.enter((at) => this.client.handle(event, at, this.fromClient)),
      failureOf: (call) => this.failures.get(call),
    })
    this.outside = new Outside({ ...spec, record, workflows: this.workflows, rng: this.rng })
    const statistics = new Statistics()
    log.attach(statistics)
    const statisticsOf = (endpoint: number) => statistics.of(endpoint, this.loop.now)
    const { gateway, offers } = spec
    const free = new Set(offers.filter(({ model }) => isFreeModel(model)).map(({ index }) => index))
    const generations = new Generations({ epoch: gateway.epoch, free })
    log.attach(generations)
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
        { wakeAt: () => this.nextEnd(), wake: () => {} },
      ],
      deadlines: [part(this.client, this.fromClient), part(this.router, this.fromRouter), this.keepAlive],
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

  /** From now on nobody new is let in; who is inside is served. */
  closeDoors(): void {
    this.areDoorsClosed = true
  }

  /** Resolves when no outside client is in flight any more, or after `wallMsMax`; at once when nothing plays any more. */
  async whenQuiet(wallMsMax: number): Promise<void> {
    const until = performance.now() + wallMsMax
    while (!this.isStopped && this.outside.inFlight > 0 && performance.now() < until) {
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
    for (const [, { answer }] of this.atGateway.entries()) answer.reset()
    await Promise.all([this.gateway.stop(), this.application.stop(), this.upstream.stop(), this.servers.stop()])
  }

  private closeBooks(): void {
    const now = this.loop.now
    // The router's books first, so that those of the applications can take them over.
    for (const [call] of this.atGateway.entries())
      this.router.handle({ type: 'call.cancelled', call, class: 'cancelled' }, now, this.fromRouter)
    this.router.handle({ type: 'run.ended' }, now, this.fromRouter)
    const wasStopped = now < this.spec.durationMs + this.spec.drainMs
    this.client.handle({ type: 'run.ended', wasStopped }, now, this.fromClient)
    this.outside.endAll(wasStopped ? 'cancelled' : 'unfinished', now)
  }

  private nextEnd(): Millis {
    const { durationMs, drainMs } = this.spec
    if (this.isStopped) return NEVER
    return this.loop.now < durationMs ? durationMs : durationMs + drainMs
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

  private wireOf(request: ChatRequest): WireRequest {
    let wire = this.wires.get(request)
    if (!wire && request.original) {
      wire = degraded(this.wireOf(request.original), request)
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
      this.cameTooLate += 1 // Left waiting: whoever asks after closing time is about to hang up.
      return
    }
    const isOurs = this.application.hasMade(visitor.mark)
    const known = isOurs ? this.application.callOf(visitor.mark ?? '') : undefined
    if (isOurs && !known) {
      visitor.reply.raw.destroy() // The application hung up before it was heard.
      return
    }
    this.loop.enter((now) => {
      const { wire, labels } = known ? { wire: visitor.wire, labels: [] } : this.screened(visitor)
      const screened = wire === visitor.wire ? visitor : { ...visitor, wire }
      const call = known ?? this.callFromOutside(screened, now)
      if (call === null) return
      if (labels.length > 0) call.contains = labels
      if (known && promptTokens(visitor.wire.promptBytes) !== known.request.inputTokens) {
        this.note('the size of a prompt on the wire was not what the workload meant')
      }
      this.admit(call, screened, now)
    })
  }

  /** What of a stranger's text its guardrails let through. */
  private screened({ wire, headers }: Visitor): ScreenedRequest {
    const filters = this.guardrails.lookingFor(this.outside.callerOf(headers))
    return filters.length === 0 ? { wire, labels: [] } : screenRequest(wire, filters)
  }

  private admit(call: Call, visitor: Visitor, now: Millis): void {
    this.wires.set(call.request, this.wires.get(call.request) ?? visitor.wire)
    const { takesPartial, echoes, verbatim } = visitor
    const answer = this.answerTo(call, visitor)
    const place: AtGateway = {
      answer,
      servedBy: -1,
      hasBegun: false,
      isOpen: false,
      pulse: null,
      echoes,
      takesPartial,
      verbatim,
    }
    this.atGateway.set(call, place)
    if (verbatim !== null && !validates(at(this.spec.policies, call.policy).resilience.validation))
      this.asTheyCome.add(call.request)
    if (echoes !== null) this.echoing.set(call.request, echoes)
    if (visitor.ask !== null && visitor.wire.stream) this.watch(place, call, visitor, now)
    const refusal =
      this.turnedAway.get(call) ?? (this.outside.has(call) ? this.weather.gateway(call, now, this.fromWeather) : null)
    if (refusal === null) {
      this.router.handle({ type: 'call.arrived', call }, now, this.fromRouter)
      return
    }
    if (refusal.length > 0) {
      this.leaveGateway(call)
      this.outside.failed(call, GATEWAY_DOWN, false, now)
    }
    place.answer.send(refusal)
  }

  /** A stream at OpenRouter's surface shows that it lives, even before anybody has said a word. */
  private watch(place: AtGateway, call: Call, visitor: Visitor, now: Millis): void {
    const beat = (): void => {
      if (place.hasBegun) {
        place.answer.send(ONLY_PING)
        return
      }
      const renderer = visitor.renderer(this.speaker(call, visitor, undefined))
      place.answer.open(renderer.render(place.isOpen ? ONLY_PING : FIRST_PING))
      place.isOpen = true
    }
    place.pulse = { lastAt: now, beat }
    this.keepAlive.watch(place.pulse)
  }

  /** The gateway has nothing more to say to a call. */
  private leaveGateway(call: Call): void {
    const pulse = this.atGateway.get(call)?.pulse ?? null
    if (pulse !== null) this.keepAlive.leave(pulse)
    this.atGateway.delete(call)
  }

  private answerTo(call: Call, visitor: Visitor): Answer {
    const renderer = () => {
      const offer = this.spec.offers[this.atGateway.get(call)?.servedBy ?? -1]
      return visitor.renderer(this.speaker(call, visitor, offer))
    }
    return new Answer(
      visitor.reply.raw,
      renderer,
      {},
      {
        onBlocked: () =>
          this.loop.enter((at) => this.router.handle({ type: 'client.blocked', call }, at, this.fromRouter)),
        onDrained: () =>
          this.loop.enter((at) => this.router.handle({ type: 'client.drained', call }, at, this.fromRouter)),
        onLeft: () => this.loop.enter((at) => this.callerLeft(call, at)),
      },
    )
  }

  private speaker(call: Call, { wire, ask }: Visitor, offer: Offer | undefined): Speaker {
    const { offers } = this.spec
    const routing = () => (ask?.tellsRouting === true ? routingOf(call, wire.models, offers, call.pipeline) : null)
    return {
      model: offer?.model ?? wire.models[0] ?? '',
      providerName: offer?.providerName ?? '',
      generation: generationId(call.request.id, call.number),
      isOpen: this.atGateway.get(call)?.isOpen ?? false,
      failure: () => this.failures.get(call),
      routing,
      annotations: () => annotationsOf(call),
      closing: (usage) => {
        const told = routing()
        return {
          usage: receiptOf(call, offer, usage, this.spec.gateway.epoch),
          beside: { service_tier: offer?.tier ?? null, ...(told && { openrouter_metadata: told }) },
        }
      },
    }
  }

  private callFromOutside(visitor: Visitor, now: Millis): Call | null {
    const { speed } = this.clock
    const received =
      speed === 1 ? this.outside.receive(visitor.wire, visitor.ask, visitor.headers, now) : tooFast(speed)
    if ('request' in received) {
      this.note('outside clients called the gateway: this run cannot be reproduced')
      return received
    }
    visitor.refuse(received)
    return null
  }

  private callerLeft(call: Call, now: Millis): void {
    this.leaveGateway(call)
    this.router.handle({ type: 'call.cancelled', call, class: 'client_timeout' }, now, this.fromRouter)
    this.outside.left(call, now)
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
        this.answer(command.call, command.attempt, command.signals, false)
        this.outside.heard(command.call, command.signals, this.loop.now)
        return
      case 'client.end':
        this.answer(command.call, command.attempt, command.signals, true)
        this.leaveGateway(command.call)
        this.outside.ended(command.call, command.signals, this.loop.now)
        this.wires.delete(command.call.request)
        return
      case 'client.fail':
        this.failCall(command.call, command.failure, command.committed)
        return
      case 'client.left':
        this.tellLater({ type: 'call.left', call: command.call })
    }
  }

  private dispatch(attempt: AttemptHandle): void {
    const { request, endpoint } = attempt
    const wire = this.wireOf(request)
    const body = this.upstream.dispatch(attempt, wire, this.listenerTo(attempt, wire))
    const offer = this.spec.offers[endpoint] // Whom a tool asks is no provider.
    if (offer) this.echoing.get(request.original ?? request)?.push({ providerName: offer.providerName, body })
  }

  /** Keeps the bytes of an answer of a real endpoint, where they may go through as they come; null: they may not. */
  private listenerTo(attempt: AttemptHandle, wire: WireRequest): ((parser: Parser) => Parser) | null {
    const { request, endpoint } = attempt
    const spec = at(this.spec.endpoints, endpoint)
    const mayPass = isExternal(spec) && spec.dialect === 'openai-chat'
    if (!mayPass || !this.asTheyCome.has(request.original ?? request)) return null
    return (parser) => {
      const verbatim = new Verbatim(parser, {
        stream: request.stream,
        includeUsage: wire.streamOptionsIncludeUsage,
      })
      this.verbatims.set(attempt, verbatim)
      return verbatim
    }
  }

  /** The router hands over content; the head of the answer is the gateway's own. */
  private answer(call: Call, attempt: AttemptHandle | null, signals: readonly Signal[], isEnd: boolean): void {
    const place = this.atGateway.get(call)
    if (!place) return
    place.servedBy = attempt?.endpoint ?? -1
    const mayPass = place.verbatim !== null && call.citations === undefined // Citations are our own words.
    if (attempt !== null && mayPass && this.pass(place, call, attempt, signals, isEnd)) return
    place.answer.send(place.hasBegun ? signals : [ACCEPTED, ...signals], this.headersOf(call, attempt))
    place.hasBegun = true
    if (place.pulse !== null) place.pulse.lastAt = this.loop.now
  }

  /** Hand over the bytes that these Signals were read from, if they were kept. Whether they were. */
  private pass(
    place: AtGateway,
    call: Call,
    attempt: AttemptHandle,
    signals: readonly Signal[],
    isEnd: boolean,
  ): boolean {
    const verbatim = this.verbatims.get(attempt)
    const bytes = verbatim?.take(signals)
    if (isEnd) this.verbatims.delete(attempt)
    if (!verbatim || !bytes) return false
    const headers = place.hasBegun
      ? NO_HEADERS
      : {
          'content-type': verbatim.contentType,
          ...(attempt.request.stream && NO_CACHE),
          ...place.verbatim,
          ...this.headersOf(call, attempt),
        }
    place.answer.pass(bytes, headers, isEnd)
    place.hasBegun = true
    place.isOpen = true // Whatever may have to be rendered after all has no head.
    return true
  }

  private failCall(call: Call, failure: CallFailure, committed: boolean): void {
    this.failures.set(call, failure)
    const { class: errorClass, status, retryAfterMs, message, detail } = failure
    const attempts = call.summary?.attempts ?? 0
    const place = this.atGateway.get(call)
    const partial = place?.takesPartial === true ? detail?.partial : undefined
    if (place && partial) place.servedBy = detail?.attempts?.[detail.told ?? -1]?.endpoint ?? -1
    const isInside = committed || partial !== undefined
    const failed: Failed = {
      type: 'failed',
      class: errorClass,
      status: isInside ? null : status,
      retryAfterMs,
      where: isInside ? 'stream' : 'response',
      message,
    }
    place?.answer.send(partial ? [ACCEPTED, ...partial, failed] : [failed], {
      'x-squall-attempts': String(attempts),
      // Every fallback has been tried: a client library that tries again multiplies the load and changes nothing.
      ...(attempts > 1 && { 'x-should-retry': 'false' }),
      ...inLowerCase(detail?.headers ?? {}),
    })
    this.leaveGateway(call)
    this.outside.failed(call, failure, committed, this.loop.now)
    this.wires.delete(call.request)
  }

  private headersOf(call: Call, attempt: AttemptHandle | null): Record<string, string> {
    const offer = this.spec.offers[attempt?.endpoint ?? -1]
    return {
      'x-squall-attempts': String(attempt === null ? (call.summary?.attempts ?? 0) : attempt.number + 1),
      'x-squall-endpoint': offer?.id ?? '',
      'x-squall-call': String(call.number),
      ...this.cacheHeadersOf(call),
    }
  }

  private cacheHeadersOf({ cached }: Call): Record<string, string> {
    if (cached === undefined) return {}
    const { status, ageMs, ttlMs, source } = cached
    return {
      'x-openrouter-cache-status': status,
      'x-openrouter-cache-ttl': String(Math.floor(ttlMs / 1_000)),
      ...(status === 'HIT' && { 'x-openrouter-cache-age': String(Math.floor(ageMs / 1_000)) }),
      ...(source !== null && { 'x-openrouter-cache-source-id': generationId(source.request, source.call) }),
    }
  }

  // ── the fleet's side ──────────────────────────────────────────────────────────────────────────────────────────────

  /** The fleet is told at once: an attempt may be given up before there is a socket to close. */
  private cancelAttempt(attempt: AttemptHandle): void {
    this.upstream.cancel(attempt)
    this.external.forget(attempt)
    this.fleet.handle({ type: 'attempt.cancelled', attempt }, this.loop.now, this.fromFleet)
  }

  private heardUpstream(attempt: AttemptHandle, signals: readonly Signal[]): void {
    this.loop.enter((now) => {
      const isOver = endsExchange(signals)
      if (isExternal(this.spec.endpoints[attempt.endpoint] as EndpointSpec))
        this.bookExternal(attempt, signals, isOver, now)
      // The fleet has finished by itself, unless the connection broke on the way to it.
      else if (isOver) this.fleet.handle({ type: 'attempt.cancelled', attempt }, now, this.fromFleet)
      if (attempt.call < 0) this.client.handle({ type: 'attempt.signalled', attempt, signals }, now, this.fromClient)
      else this.router.handle({ type: 'attempt.signalled', attempt, signals }, now, this.fromRouter)
    })
  }

  private bookExternal(attempt: AttemptHandle, signals: readonly Signal[], isOver: boolean, now: Millis): void {
    this.note('real endpoints answered: this run cannot be reproduced')
    const charge = this.external.heard(attempt, signals, isOver, now)
    if (charge !== null) this.record(charge)
  }

  private strikeFlight(fault: number): void {
    const now = this.loop.now
    if (!this.weather.breaksGateway(fault)) {
      this.fleet.handle({ type: 'flight.struck', fault }, now, this.fromFleet)
      return
    }
    for (const [call, { answer }] of this.atGateway.entries()) {
      const consequence = this.weather.breaksCall(fault, call, now, this.fromWeather)
      if (consequence === null) continue
      this.leaveGateway(call)
      this.router.handle({ type: 'call.cancelled', call, class: 'gateway_down' }, now, this.fromRouter)
      if (consequence === 'silence') continue // Nothing more is heard, until the caller hangs up.
      this.outside.failed(call, GATEWAY_DOWN, false, now)
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

const GATEWAY_DOWN: CallFailure = {
  class: 'gateway_down',
  status: 502,
  retryAfterMs: null,
  message: 'the gateway went down',
}

const NO_HEADERS = {}
const NO_CACHE = { 'cache-control': 'no-cache' }

const ONLY_PING: readonly Signal[] = [PING]
const FIRST_PING: readonly Signal[] = [ACCEPTED, PING]

function tooFast(speed: number): CallFailure {
  const message = `This run plays at ${speed} times real time; outside clients need --speed 1.`
  return { class: 'invalid_request', status: 409, retryAfterMs: null, message }
}

function inLowerCase(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
}

function part<Command>(
  machine: { wakeAt(): Millis; handle(event: { type: 'wake' }, now: Millis, out: Out<Command>): void },
  out: Out<Command>,
) {
  return { wakeAt: () => machine.wakeAt(), wake: (now: Millis) => machine.handle({ type: 'wake' }, now, out) }
}
