/**
 * The gateway's way to its providers: a pool of connections per endpoint, an Exchange per attempt. Faults of the
 * connection are real ones: an attempt that the fleet refuses is sent to a port where nobody listens, or to a name that
 * does not resolve.
 */
import type { LookupFunction } from 'node:net'
import type { Pool } from 'undici'
import { at, Register } from '../base/index.ts'
import type { AttemptHandle, EndpointSpec, ModelsSpec, Signal } from '../protocol/index.ts'
import { dialectOf, type Parser, type WireRequest } from '../protocol/dialects/index.ts'
import { Exchange } from './exchange.ts'
import { addressed, externalPool, isExternal, NO_SURROUNDINGS, type Surroundings } from './external.ts'
import { ATTEMPT_MARK, HOST, type FleetServers } from './fleet-servers.ts'
import { pool } from './upstream-pool.ts'
import { fitted, withEffort } from './wire.ts'

export interface UpstreamOptions {
  /** What is known of models: reasoning is asked of them as they take it. */
  readonly models: ModelsSpec
  readonly endpoints: readonly EndpointSpec[]
  readonly servers: FleetServers
  /** What real endpoints need. Default: no keys, and nobody beyond this machine. */
  readonly surroundings?: Surroundings
  /** Announce an attempt to the fleet, before its bytes are on the way. */
  arrive(attempt: AttemptHandle): void
  onSignals(attempt: AttemptHandle, signals: readonly Signal[]): void
}

/** A name that no resolver may know (RFC 6761 §6.4). */
const NO_NAME = 'http://provider.invalid'

/** Port 1 (tcpmux) of the loopback: reserved, and nobody listens there. */
export const DEAD_END = `http://${HOST}:1`

export class Upstream {
  private readonly options: UpstreamOptions
  private readonly pools: Pool[] = []
  private readonly deadEnd = pool(DEAD_END)
  private readonly nameless = pool(NO_NAME, { lookup: findNothing })
  /** Parameters that each endpoint supports. */
  private readonly supported: readonly ReadonlySet<string>[]
  private readonly exchanges = new Register<
    AttemptHandle,
    { readonly exchange: Exchange; readonly mark: string | null }
  >()

  constructor(options: UpstreamOptions) {
    this.options = options
    this.supported = options.endpoints.map(({ parameters }) => new Set(parameters))
  }

  start(): void {
    const { servers, endpoints, surroundings = NO_SURROUNDINGS } = this.options
    for (const [index, spec] of endpoints.entries()) {
      this.pools.push(isExternal(spec) ? externalPool(spec, surroundings) : pool(at(servers.origins, index)))
    }
  }

  async stop(): Promise<void> {
    await Promise.all([...this.pools, this.deadEnd, this.nameless].map((each) => each.destroy()))
  }

  /** Send an attempt on its way. `verbatim`: who listens in on the bytes of its answer. Returns the body that went out. */
  dispatch(attempt: AttemptHandle, wire: WireRequest, verbatim: ((parser: Parser) => Parser) | null = null): string {
    const { endpoints, models, surroundings = NO_SURROUNDINGS } = this.options
    const spec = at(endpoints, attempt.endpoint)
    const dialect = dialectOf(spec.dialect)
    const { stream } = attempt.request
    const parser = dialect.parser({ stream })
    const exchange = new Exchange(verbatim === null ? parser : verbatim(parser), {
      onSignals: (signals) => {
        if (endsExchange(signals)) this.settle(attempt)
        this.options.onSignals(attempt, signals)
      },
    })
    const model = spec.upstream_model ?? spec.model
    const fit = wire.isAdaptable ? fitted(wire, at(this.supported, attempt.endpoint)) : wire
    const asked = {
      ...withEffort(fit, models[spec.model]),
      models: [model],
      provider: null,
      stream,
      streamOptionsIncludeUsage: stream,
    }
    const request = dialect.encodeRequest(asked)
    if (isExternal(spec)) {
      this.exchanges.set(attempt, { exchange, mark: null })
      exchange.send(at(this.pools, attempt.endpoint), addressed(spec, request, surroundings), {})
      return request.body
    }
    const mark = this.options.servers.announce(attempt)
    this.exchanges.set(attempt, { exchange, mark })
    this.options.arrive(attempt)
    exchange.send(this.wayTo(attempt), request, { [ATTEMPT_MARK]: mark })
    return request.body
  }

  /** The pool of a mock endpoint; where its fault is one of the connection, a way that leads nowhere. */
  private wayTo(attempt: AttemptHandle): Pool {
    const refused = this.options.servers.refusalOf(attempt)
    if (refused === null) return at(this.pools, attempt.endpoint)
    return refused.class === 'dns_failure' ? this.nameless : this.deadEnd
  }

  cancel(attempt: AttemptHandle): void {
    const known = this.exchanges.get(attempt)
    if (!known) return
    this.settle(attempt)
    known.exchange.abort()
  }

  pause(attempt: AttemptHandle): void {
    this.exchanges.get(attempt)?.exchange.pause()
  }

  resume(attempt: AttemptHandle): void {
    this.exchanges.get(attempt)?.exchange.resume()
  }

  private settle(attempt: AttemptHandle): void {
    const known = this.exchanges.get(attempt)
    if (!known) return
    this.exchanges.delete(attempt)
    if (known.mark !== null) this.options.servers.forget(attempt, known.mark)
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
