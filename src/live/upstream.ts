/**
 * The gateway's way to its providers: a pool of connections per endpoint, an Exchange per attempt. Faults of the
 * connection are real ones: an attempt that the fleet refuses is sent to a port where nobody listens, or to a name that
 * does not resolve.
 */
import type { LookupFunction } from 'node:net'
import type { Pool } from 'undici'
import { at, Slots } from '../base/index.ts'
import type { AttemptHandle, EndpointSpec, ModelsSpec, Offer, Signal } from '../protocol/index.ts'
import { CHAT_PATH, dialectOf, requestHeaders, type Parser, type WireRequest } from '../protocol/dialects/index.ts'
import { Exchange, type ExchangeEvents, type SentRequest } from './exchange.ts'
import { addressing, ExternalBook, externalPool, isExternal, NO_SURROUNDINGS, type Surroundings } from './external.ts'
import { ATTEMPT_MARK, HOST, type FleetServers } from './fleet-servers.ts'
import type { Spelling } from './spelling.ts'
import { pool } from './upstream-pool.ts'
import { fitted, withEffort } from './wire.ts'

export interface UpstreamOptions {
  /** What is known of models: reasoning is asked of them as they take it. */
  readonly models: ModelsSpec
  readonly endpoints: readonly EndpointSpec[]
  readonly offers: readonly Offer[]
  readonly servers: FleetServers
  /** What real endpoints need. Default: no keys, and nobody beyond this machine. */
  readonly surroundings?: Surroundings
  /** Announce an attempt to the fleet, before its bytes are on the way. */
  arrive(attempt: AttemptHandle): void
  /** `book`: what a real endpoint charges; null for a mock one. */
  onSignals(attempt: AttemptHandle, signals: readonly Signal[], book: ExternalBook | null): void
}

/** How a caller's own bytes come through: those that go out, and those that come back. */
export interface Untouched {
  /** null: spelled anew. */
  readonly spelling: Spelling | null
  /** Listen in on the bytes of the answer to an attempt. */
  keep(attempt: AttemptHandle, parser: Parser): Parser
}

/** An attempt that is on its way, and what its exchange tells. */
class Way implements ExchangeEvents {
  readonly attempt: AttemptHandle
  readonly exchange: Exchange
  /** Mark of its request at a mock provider; null at a real one. */
  mark: string | null = null
  /** There is a connection, and nobody has been told yet. */
  isQuiet = false
  /** What a real endpoint charges; null for a mock one. */
  readonly book: ExternalBook | null
  private readonly upstream: Upstream

  constructor(attempt: AttemptHandle, parser: Parser, book: ExternalBook | null, upstream: Upstream) {
    this.attempt = attempt
    this.exchange = new Exchange(parser, this)
    this.book = book
    this.upstream = upstream
  }

  /** Whoever answers is connected: it is said where a time for it would have run out, and otherwise never. */
  onConnected(): void {
    this.isQuiet = true
  }

  onSignals(signals: readonly Signal[]): void {
    const { attempt, book, upstream } = this
    this.isQuiet = false
    if (endsExchange(signals)) upstream.settle(attempt)
    upstream.options.onSignals(attempt, signals, book)
  }
}

/** A name that no resolver may know (RFC 6761 §6.4). */
const NO_NAME = 'http://provider.invalid'

/** Port 1 (tcpmux) of the loopback: reserved, and nobody listens there. */
export const DEAD_END = `http://${HOST}:1`

export class Upstream {
  readonly options: UpstreamOptions
  private readonly pools: Pool[] = []
  /** What makes a request one for the real server of an endpoint; null for a mock one. */
  private readonly addressings: (((request: SentRequest) => SentRequest) | null)[] = []
  private readonly deadEnd = pool(DEAD_END)
  private readonly nameless = pool(NO_NAME, { lookup: findNothing })
  /** Parameters that each endpoint supports. */
  private readonly supported: readonly ReadonlySet<string>[]
  private readonly ways = new Slots<Way>()

  constructor(options: UpstreamOptions) {
    this.options = options
    this.supported = options.endpoints.map(({ parameters }) => new Set(parameters))
  }

  start(): void {
    const { servers, endpoints, surroundings = NO_SURROUNDINGS } = this.options
    for (const [index, spec] of endpoints.entries()) {
      this.pools.push(isExternal(spec) ? externalPool(spec, surroundings) : pool(at(servers.origins, index)))
      this.addressings.push(isExternal(spec) ? addressing(spec, surroundings) : null)
    }
  }

  async stop(): Promise<void> {
    await Promise.all([...this.pools, this.deadEnd, this.nameless].map((each) => each.destroy()))
  }

  /** Send an attempt on its way. `untouched`: null where everything is spelled anew. Returns the body that went out. */
  dispatch(attempt: AttemptHandle, wire: WireRequest, untouched: Untouched | null = null): string | Buffer {
    const { endpoints, offers } = this.options
    const spec = at(endpoints, attempt.endpoint)
    const parser = dialectOf(spec.dialect).parser({ stream: attempt.request.stream })
    const book = isExternal(spec) ? new ExternalBook(at(offers, attempt.endpoint)) : null
    const way = new Way(attempt, untouched === null ? parser : untouched.keep(attempt, parser), book, this)
    const request = this.requestOf(spec, attempt, wire, untouched)
    attempt.way = this.ways.add(way)
    const addressed = at(this.addressings, attempt.endpoint)
    if (addressed !== null) {
      way.exchange.send(at(this.pools, attempt.endpoint), addressed(request))
      return request.body
    }
    way.mark = this.options.servers.announce(attempt)
    this.options.arrive(attempt)
    way.exchange.send(this.wayTo(attempt), request, { [ATTEMPT_MARK]: way.mark })
    return request.body
  }

  /** As the endpoint can take it: as it was spelled, where nothing has to be left out. */
  private requestOf(
    spec: EndpointSpec,
    { endpoint, request: { stream, original } }: AttemptHandle,
    wire: WireRequest,
    untouched: Untouched | null,
  ): SentRequest {
    const dialect = dialectOf(spec.dialect)
    const model = spec.upstream_model ?? spec.model
    const fit = wire.isAdaptable ? fitted(wire, at(this.supported, endpoint)) : wire
    const asked = withEffort(fit, this.options.models[spec.model])
    const isAsItCame = asked === wire && original === undefined
    const body = isAsItCame ? (untouched?.spelling?.naming(model) ?? null) : null
    if (body !== null) return { path: CHAT_PATH, headers: requestHeaders(wire), body }
    return dialect.encodeRequest({
      ...asked,
      models: [model],
      provider: null,
      stream,
      streamOptionsIncludeUsage: stream,
    })
  }

  /** The pool of a mock endpoint; where its fault is one of the connection, a way that leads nowhere. */
  private wayTo(attempt: AttemptHandle): Pool {
    const refused = this.options.servers.refusalOf(attempt)
    if (refused === null) return at(this.pools, attempt.endpoint)
    return refused.class === 'dns_failure' ? this.nameless : this.deadEnd
  }

  /** Attempts that have had a connection for a while, of which nobody has been told. */
  connected(): AttemptHandle[] {
    const quiet = this.ways.all().filter(({ isQuiet }) => isQuiet)
    for (const way of quiet) way.isQuiet = false
    return quiet.map(({ attempt }) => attempt)
  }

  /** Give it up. Returns what a real endpoint charges; null for a mock one. */
  cancel(attempt: AttemptHandle): ExternalBook | null {
    const way = this.wayOf(attempt)
    this.settle(attempt)
    way?.exchange.abort()
    return way?.book ?? null
  }

  pause(attempt: AttemptHandle): void {
    this.wayOf(attempt)?.exchange.pause()
  }

  resume(attempt: AttemptHandle): void {
    this.wayOf(attempt)?.exchange.resume()
  }

  private wayOf({ way = -1 }: AttemptHandle): Way | null {
    return this.ways.at(way)
  }

  settle(attempt: AttemptHandle): void {
    const way = this.wayOf(attempt)
    if (way === null) return
    this.ways.remove(attempt.way as number)
    attempt.way = -1
    if (way.mark !== null) this.options.servers.forget(attempt, way.mark)
  }
}

/** A resolver that knows no name, so that nobody's real one is asked. */
const findNothing: LookupFunction = (hostname, _options, done) => {
  const error = Object.assign(new Error(`getaddrinfo ENOTFOUND ${hostname}`), { code: 'ENOTFOUND' })
  setImmediate(done, error, '')
}

export function endsExchange(signals: readonly Signal[]): boolean {
  const last = signals[signals.length - 1]
  return (
    last !== undefined &&
    (last.type === 'finished' || last.type === 'failed' || last.type === 'closed' || last.type === 'garbled')
  )
}
