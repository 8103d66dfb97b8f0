/**
 * The weather: the timeline of faults, which of them are at work now, and whom they strike. A Machine whose only events
 * are the edges of its faults. Endpoints ask it at three points of an attempt (at the door, when service begins, when
 * the script is written); the driver asks it for the gateway.
 */
import {
  at,
  EventQueue,
  hashName,
  NEVER,
  sampleExponential,
  type Machine,
  type Millis,
  type Rng,
} from '../base/index.ts'
import type { Out } from '../ledger/index.ts'
import { streamOf, type AttemptHandle, type Call, type EndpointSpec, type Signal } from '../protocol/index.ts'
import {
  LAYERS,
  type FaultBehaviour,
  type FaultKind,
  type Layer,
  type Load,
  type Member,
  type Strike,
} from './fault.ts'
import { courseOf, type Course, type Shape } from './shape.ts'
import type { Script, Service } from './service.ts'

/** One line of a timeline, compiled. */
export interface ScheduledFault {
  readonly id: string
  readonly at: Millis
  /** NEVER: until it is healed by hand. */
  readonly until: Millis
  /** What the timeline calls it: its kind, or a row of the catalogue. */
  readonly name: string
  readonly kind: FaultKind
  readonly params: Readonly<Record<string, unknown>>
  /** Endpoints it applies to; ignored for the gateway. */
  readonly endpoints: readonly number[]
  readonly gateway: boolean
  /** 0..1: the share of attempts that it strikes. */
  readonly probability: number
  readonly shape: Shape
  /** The pattern it follows; null for none. */
  readonly pattern: string | null
  readonly per: DrawPer
  /** Each further endpoint is struck so much later than the one before. */
  readonly stagger: Millis
  /** Of the faults at work in a group, one is drawn per attempt, by weight; null: it stands alone. */
  readonly exclusiveGroup: string | null
  readonly weight: number
}

/**
 * What a draw is made for: each attempt; each request, at every endpoint alike; each session at an endpoint; each
 * connection to an endpoint.
 */
export const DRAW_PER = ['attempt', 'request', 'session', 'connection'] as const
export type DrawPer = (typeof DRAW_PER)[number]

export type WeatherEvent =
  | { readonly type: 'wake' }
  /** A fault started by hand; its index is the next one. */
  | { readonly type: 'fault.began'; readonly fault: ScheduledFault }
  | { readonly type: 'fault.healed'; readonly fault: number }

export type WeatherCommand =
  /** A fault has started that breaks what is in flight. */
  { readonly type: 'flight.struck'; readonly fault: number }

interface Active {
  readonly index: number
  readonly key: number
  readonly fault: ScheduledFault
  readonly behaviour: FaultBehaviour
  readonly course: Course
  readonly members: readonly Member[]
  /** Members that it has begun at; one after the other where it is staggered. */
  reached: number
  isOn: boolean
}

type GatewayCall = Pick<Call, 'request' | 'number'>

/** What happens to a fault: it begins, it reaches its next endpoint, it ends. */
const EDGES = 3
const BEGINS = 0
const SPREADS = 1
const ENDS = 2
const COURSE_STREAM = 0x6375
const REQUEST_STREAM = 0x7265
const SESSION_STREAM = 0x7373
const GROUP_STREAM = 0x6772
/** A workflow keeps so many connections to an endpoint, each for so long (our choice: a small keep-alive pool). */
const CONNECTIONS = 4
const CONNECTION_MS: Millis = 60_000

/** Nobody has said what is in flight. */
const IDLE: Load = { inFlight: () => 0 }

export class Weather implements Machine<WeatherEvent, Out<WeatherCommand>> {
  private readonly faults: Active[] = []
  private readonly queue = new EventQueue()
  private readonly rng: Rng
  private readonly endpoints: readonly EndpointSpec[]
  private readonly atEndpoint: Active[][]
  private atGateway: Active[] = []
  /** Set by the fleet, which knows. */
  load: Load = IDLE

  constructor(timeline: readonly ScheduledFault[], endpoints: readonly EndpointSpec[], rng: Rng) {
    this.rng = rng
    this.endpoints = endpoints
    this.atEndpoint = endpoints.map(() => [])
    for (const fault of timeline) this.schedule(fault)
  }

  handle(event: WeatherEvent, now: Millis, out: Out<WeatherCommand>): void {
    switch (event.type) {
      case 'fault.began':
        this.schedule(event.fault)
        break
      case 'fault.healed': {
        const active = this.faults[event.fault]
        if (active?.isOn) this.end(active, now, out)
        return
      }
      case 'wake':
        break
    }
    while (this.queue.nextAt() <= now) {
      const edge = this.queue.pop()
      const active = at(this.faults, Math.floor(edge / EDGES))
      if (edge % EDGES === BEGINS) this.begin(active, now, out)
      else if (!active.isOn) continue
      else if (edge % EDGES === SPREADS) this.spread(active, out)
      else this.end(active, now, out)
    }
  }

  wakeAt(): Millis {
    return this.queue.nextAt()
  }

  /** Whether anything at all is at work at an endpoint. */
  isCalm(endpoint: number): boolean {
    return at(this.atEndpoint, endpoint).length === 0
  }

  /** Turned away at the door: the Signals to send (none: silence), or null to come in. */
  admit(attempt: AttemptHandle, now: Millis, out: Out<unknown>): readonly Signal[] | null {
    for (const active of at(this.atEndpoint, attempt.endpoint)) {
      if (!active.behaviour.onAdmit) continue
      const strike = this.strike(active, attempt, now)
      const refusal = strike && active.behaviour.onAdmit(strike)
      if (!refusal) continue
      this.fired(active, attempt, now, out)
      return refusal.signals
    }
    return null
  }

  service(service: Service, attempt: AttemptHandle, now: Millis, out: Out<unknown>): Service {
    return this.reshape('onService', service, attempt, now, out)
  }

  script(script: Script, attempt: AttemptHandle, now: Millis, out: Out<unknown>): Script {
    return this.reshape('onScript', script, attempt, now, out)
  }

  /** What a fault that has just started does to an attempt in flight; null for nothing. */
  breaks(fault: number, attempt: AttemptHandle, now: Millis, out: Out<unknown>): 'reset' | 'silence' | null {
    const active = at(this.faults, fault)
    const { stagger, endpoints } = active.fault
    const place = endpoints.indexOf(attempt.endpoint)
    if (!active.behaviour.inFlight || place < 0 || (stagger > 0 && place !== active.reached - 1)) return null
    if (!this.strike(active, attempt, now)) return null
    this.fired(active, attempt, now, out)
    return active.behaviour.inFlight
  }

  /**
   * A call at the gateway's door: the Signals it is answered with (none: silence), or null to come in. `visit` is the
   * number of the call.
   */
  gateway(call: GatewayCall, now: Millis, out: Out<unknown>): readonly Signal[] | null {
    for (const active of this.atGateway) {
      const attempt = atTheGate(call)
      const strike = this.strike(active, attempt, now)
      const refusal = strike && active.behaviour.onAdmit?.(strike)
      if (!refusal) continue
      this.fired(active, attempt, now, out)
      return refusal.signals
    }
    return null
  }

  /** What a fault of the gateway that has just started does to a call in flight; null for nothing. */
  breaksCall(fault: number, call: GatewayCall, now: Millis, out: Out<unknown>): 'reset' | 'silence' | null {
    const active = at(this.faults, fault)
    const attempt = atTheGate(call)
    if (!active.behaviour.inFlight || !this.strike(active, attempt, now)) return null
    this.fired(active, attempt, now, out)
    return active.behaviour.inFlight
  }

  /** Whether a fault that has just started may take the gateway's calls in flight down with it. */
  breaksGateway(fault: number): boolean {
    const active = at(this.faults, fault)
    return active.fault.gateway && active.behaviour.inFlight !== undefined
  }

  private reshape<Hook extends 'onService' | 'onScript', Shape extends Service | Script>(
    hook: Hook,
    start: Shape,
    attempt: AttemptHandle,
    now: Millis,
    out: Out<unknown>,
  ): Shape {
    let result = start
    let struck: Layer[] | null = null
    for (const active of at(this.atEndpoint, attempt.endpoint)) {
      const apply = active.behaviour[hook] as ((value: Shape, strike: Strike) => Shape | null) | undefined
      if (!apply || struck?.includes(active.fault.kind.layer)) continue
      const strike = this.strike(active, attempt, now)
      const reshaped = strike && apply(result, strike)
      if (!reshaped) continue
      result = reshaped
      struck = [...(struck ?? []), active.fault.kind.layer]
      this.fired(active, attempt, now, out)
    }
    return result
  }

  /** The dice: whether this fault strikes this attempt, and how hard. */
  private strike(active: Active, attempt: AttemptHandle, now: Millis): Strike | null {
    const { fault } = active
    const sinceMs = sinceOf(fault, attempt.endpoint, now)
    if (sinceMs < 0) return null
    const level = active.course(sinceMs, attempt, now)
    if (level === 0) return null
    const stream = attempt.endpoint < 0 ? 0 : this.endpointKey(attempt.endpoint)
    const rng = this.rng.fork(active.key, stream, attempt.request.weather, attempt.visit)
    const share = fault.kind.ramps === 'share' ? fault.probability * level : fault.probability
    if (share < 1) {
      const dice = fault.per === 'attempt' ? rng : this.dice(active, stream, attempt, now)
      if (!dice.chance(share)) return null
    }
    if (fault.exclusiveGroup !== null && !this.isDrawn(active, stream, attempt, now)) return null
    const endpoint = at(this.endpoints, Math.max(0, attempt.endpoint))
    return {
      attempt,
      endpoint,
      now,
      rng,
      level,
      sinceMs,
      leftMs: fault.until - now,
      members: active.members,
      load: this.load,
    }
  }

  /** The stream that all attempts share that are struck or spared together. */
  private dice({ key, fault }: Active, stream: number, { request, visit }: AttemptHandle, now: Millis): Rng {
    switch (fault.per) {
      case 'attempt':
        return this.rng.fork(key, stream, request.weather, visit)
      case 'request':
        return this.rng.fork(key, REQUEST_STREAM, request.weather)
      case 'session':
        return this.rng.fork(key, stream, request.session?.key ?? request.weather, SESSION_STREAM)
      case 'connection': {
        const lane = ((request.weather >>> 0) + visit) % CONNECTIONS
        return this.rng.fork(key, stream, request.workflow * CONNECTIONS + lane, Math.floor(now / CONNECTION_MS))
      }
    }
  }

  /**
   * Whether it is this fault's turn in its group: everybody at work here draws a waiting time, shorter the more weight,
   * and the first strikes. A fault that comes or goes takes turns from the others, or gives them back; between the
   * others nothing moves.
   */
  private isDrawn(active: Active, stream: number, attempt: AttemptHandle, now: Millis): boolean {
    const { endpoint, request, visit } = attempt
    const rivals = endpoint < 0 ? this.atGateway : at(this.atEndpoint, endpoint)
    const turnOf = ({ key, fault }: Active): number =>
      sampleExponential(1 / fault.weight, this.rng.fork(key ^ GROUP_STREAM, stream, request.weather, visit))
    const mine = turnOf(active)
    return rivals.every(
      (rival) =>
        rival === active ||
        rival.fault.exclusiveGroup !== active.fault.exclusiveGroup ||
        !isAtWork(rival, attempt, now) ||
        turnOf(rival) >= mine,
    )
  }

  private readonly keys = new Map<number, number>()

  private endpointKey(endpoint: number): number {
    let key = this.keys.get(endpoint)
    if (key === undefined) this.keys.set(endpoint, (key = hashName(streamOf(at(this.endpoints, endpoint)))))
    return key
  }

  private fired(active: Active, attempt: AttemptHandle, now: Millis, out: Out<unknown>): void {
    out.record({
      kind: 'fault.fired',
      at: now,
      fault: active.index,
      endpoint: attempt.endpoint,
      request: attempt.request.id,
      call: attempt.call,
      attempt: attempt.number,
    })
  }

  private schedule(fault: ScheduledFault): void {
    const index = this.faults.length
    const behaviour = fault.kind.begin(fault.params)
    const key = hashName(fault.id)
    const course = courseOf(fault.shape, fault.until - fault.at, this.rng.fork(key, COURSE_STREAM))
    const members = fault.endpoints.map((endpoint) => ({ index: endpoint, spec: at(this.endpoints, endpoint) }))
    this.faults.push({ index, key, fault, behaviour, course, members, reached: 0, isOn: false })
    this.queue.push(fault.at, index * EDGES + BEGINS)
    if (fault.until !== NEVER) this.queue.push(fault.until, index * EDGES + ENDS)
  }

  private begin(active: Active, now: Millis, out: Out<WeatherCommand>): void {
    active.isOn = true
    out.record({ kind: 'fault.started', at: now, fault: active.index })
    this.place(active)
    if (active.behaviour.inFlight) this.spread(active, out)
  }

  /** Break what is in flight: at all endpoints, or at the next of them. */
  private spread(active: Active, out: Out<WeatherCommand>): void {
    const { index, fault } = active
    active.reached += 1
    out.push({ type: 'flight.struck', fault: index })
    if (fault.stagger === 0 || active.reached >= fault.endpoints.length) return
    this.queue.push(fault.at + fault.stagger * active.reached, index * EDGES + SPREADS)
  }

  private end(active: Active, now: Millis, out: Out<WeatherCommand>): void {
    active.isOn = false
    out.record({ kind: 'fault.ended', at: now, fault: active.index })
    this.place(active)
  }

  /** Keep the lists of what is at work in the order of precedence: by layer, then as the timeline names them. */
  private place(active: Active): void {
    const relist = (list: Active[]): Active[] =>
      active.isOn
        ? [...list, active].sort((left, right) => layerOf(left) - layerOf(right) || left.index - right.index)
        : list.filter((other) => other !== active)
    if (active.fault.gateway) this.atGateway = relist(this.atGateway)
    else
      for (const endpoint of active.fault.endpoints) this.atEndpoint[endpoint] = relist(at(this.atEndpoint, endpoint))
  }
}

/** How long a fault has been there at an endpoint; negative: it has not come so far. */
function sinceOf({ at: start, stagger, endpoints }: ScheduledFault, endpoint: number, now: Millis): Millis {
  return now - start - (stagger > 0 ? stagger * Math.max(0, endpoints.indexOf(endpoint)) : 0)
}

/** Whether it could strike now, by its shape. A relapse is told by the attempts that ask, so it is not asked for others. */
function isAtWork({ fault, course }: Active, attempt: AttemptHandle, now: Millis): boolean {
  const sinceMs = sinceOf(fault, attempt.endpoint, now)
  return sinceMs >= 0 && (fault.shape.kind === 'relapse' || course(sinceMs, attempt, now) > 0)
}

function layerOf({ fault }: Active): number {
  return LAYERS.indexOf(fault.kind.layer)
}

/** A call as dice and ledger see it at the gateway: no endpoint, and visited once a call. */
function atTheGate({ request, number }: GatewayCall): AttemptHandle {
  return { request, call: number, number: 0, endpoint: -1, visit: number, slot: -1 }
}
