/**
 * The gateway's way to its providers: a pool of connections per endpoint, an Exchange per attempt. Faults of the
 * connection are real ones: an attempt that the fleet refuses is sent to a port where nobody listens, or to a name that
 * does not resolve.
 */
import type { LookupFunction } from 'node:net'
import { Pool } from 'undici'
import { at } from '../base/index.ts'
import type { AttemptHandle, EndpointSpec, Signal } from '../protocol/index.ts'
import { dialectOf, type WireRequest } from '../protocol/dialects/index.ts'
import { Exchange } from './exchange.ts'
import { ATTEMPT_MARK, HOST, type FleetServers } from './fleet-servers.ts'

export interface UpstreamOptions {
  readonly endpoints: readonly EndpointSpec[]
  readonly servers: FleetServers
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
  private readonly exchanges = new Map<AttemptHandle, { readonly exchange: Exchange; readonly mark: string }>()

  constructor(options: UpstreamOptions) {
    this.options = options
  }

  start(): void {
    for (const origin of this.options.servers.origins) this.pools.push(pool(origin))
  }

  async stop(): Promise<void> {
    await Promise.all([...this.pools, this.deadEnd, this.nameless].map((each) => each.destroy()))
  }

  dispatch(attempt: AttemptHandle, wire: WireRequest): void {
    const { servers, endpoints } = this.options
    const spec = at(endpoints, attempt.endpoint)
    const dialect = dialectOf(spec.dialect)
    const mark = servers.announce(attempt)
    const exchange = new Exchange(dialect, attempt.request.stream, {
      onSignals: (signals) => {
        if (endsExchange(signals)) this.settle(attempt)
        this.options.onSignals(attempt, signals)
      },
    })
    this.exchanges.set(attempt, { exchange, mark })
    this.options.arrive(attempt)
    const refused = servers.refusalOf(attempt)
    const dispatcher =
      refused === null
        ? at(this.pools, attempt.endpoint)
        : refused.class === 'dns_failure'
          ? this.nameless
          : this.deadEnd
    const { stream } = attempt.request
    const request = dialect.encodeRequest({
      ...wire,
      models: [spec.model],
      provider: null,
      stream,
      streamOptionsIncludeUsage: stream,
    })
    exchange.send(dispatcher, request, { [ATTEMPT_MARK]: mark })
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
    this.options.servers.forget(attempt, known.mark)
  }
}

/** Node reads heads of 16 KiB; some edges send more (RFC 9110 names no limit). */
const HEAD_BYTES_MAX = 65_536

export function pool(origin: string, connect: { lookup?: LookupFunction } = {}): Pool {
  return new Pool(origin, {
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: { timeout: 0, ...connect },
    pipelining: 1,
    maxHeaderSize: HEAD_BYTES_MAX,
  })
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
