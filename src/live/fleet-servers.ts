/**
 * The mock providers on the wire: a Fastify server per endpoint, on a free port of 127.0.0.1. An attempt is announced to
 * the fleet when its sender connects, so that a fault of the connection itself strikes before there is a connection;
 * the HTTP request that follows is matched by its mark, and gets whatever the fleet has said so far.
 */
import type { Socket } from 'node:net'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { at, type Millis, type Rng } from '../base/index.ts'
import { endpointId, type AttemptHandle, type EndpointSpec, type Failed, type Signal } from '../protocol/index.ts'
import { nativeOf } from '../protocol/natives/index.ts'
import { dialectOf, isRequestProblem, problemSignal } from '../protocol/dialects/index.ts'
import { answerText } from '../workload/text.ts'
import { Answer } from './answer.ts'

export const ATTEMPT_MARK = 'x-squall-attempt'
export const HOST = '127.0.0.1'
export const BODY_BYTES_MAX = 16 * 1024 * 1024

interface Visit {
  readonly attempt: AttemptHandle
  answer: Answer | null
  /** Said before the request was there to be answered. */
  unsaid: Signal[]
  /** The connection of its first request was closed under it. */
  wasDropped: boolean
}

export interface FleetServersOptions {
  readonly endpoints: readonly EndpointSpec[]
  readonly rng: Rng
  /** Unix time of scenario instant 0, in ms. */
  readonly epochMs: number
  readonly now: () => Millis
  /** The sender of an attempt left, or never wanted its answer. */
  onLeft(attempt: AttemptHandle): void
}

const WORDS_STREAM = 0x776f
const RACE = 'net.keepalive_race'

export class FleetServers {
  /** Base URL of each endpoint. */
  readonly origins: string[] = []
  private readonly options: FleetServersOptions
  private readonly servers: FastifyInstance[] = []
  private readonly byMark = new Map<string, Visit>()
  private readonly byAttempt = new Map<AttemptHandle, Visit>()
  private marks = 0
  /** Connections that have carried a request before. */
  private readonly known = new WeakSet<Socket>()

  constructor(options: FleetServersOptions) {
    this.options = options
  }

  async start(): Promise<void> {
    for (const [index, spec] of this.options.endpoints.entries()) {
      const server = Fastify({
        bodyLimit: BODY_BYTES_MAX,
        forceCloseConnections: true,
        logger: false,
        // Parameters go to providers as they came; a name is a name.
        onProtoPoisoning: 'ignore',
        onConstructorPoisoning: 'ignore',
      })
      for (const path of dialectOf(spec.dialect).paths) {
        server.post(path, (request, reply) => this.answer(index, request, reply))
      }
      await server.listen({ host: HOST, port: 0 })
      this.servers.push(server)
      const address = server.server.address()
      this.origins[index] = `http://${HOST}:${typeof address === 'object' && address ? address.port : 0}`
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.close()))
  }

  /** An attempt is on its way; the mark goes into its request. */
  announce(attempt: AttemptHandle): string {
    this.marks += 1
    const mark = String(this.marks)
    const visit: Visit = { attempt, answer: null, unsaid: [], wasDropped: false }
    this.byMark.set(mark, visit)
    this.byAttempt.set(attempt, visit)
    return mark
  }

  /** What the fleet says to an attempt: on the wire if its request is there, kept until then if not. */
  say(attempt: AttemptHandle, signals: readonly Signal[]): void {
    const visit = this.byAttempt.get(attempt)
    if (!visit) return
    if (visit.answer) visit.answer.send(signals)
    else visit.unsaid.push(...signals)
  }

  /** Why there is no connection for an attempt that was announced; null when there is one. */
  refusalOf(attempt: AttemptHandle): Failed | null {
    for (const signal of this.byAttempt.get(attempt)?.unsaid ?? []) {
      if (signal.type === 'failed' && signal.where === 'connect') return signal
    }
    return null
  }

  forget(attempt: AttemptHandle, mark: string): void {
    this.byAttempt.delete(attempt)
    this.byMark.delete(mark)
  }

  private answer(index: number, request: FastifyRequest, reply: FastifyReply): void {
    const spec = at(this.options.endpoints, index)
    const dialect = dialectOf(spec.dialect)
    const decoded = dialect.decodeRequest(request.body, request.headers, request.url)
    const mark = request.headers[ATTEMPT_MARK]
    const visit = typeof mark === 'string' ? this.byMark.get(mark) : undefined
    reply.hijack()
    if (!visit || visit.attempt.endpoint !== index || isRequestProblem(decoded)) {
      const problem = isRequestProblem(decoded)
        ? problemSignal(decoded)
        : problemSignal({ problem: `only the gateway of this run may ask ${endpointId(spec)}`, param: null })
      new Answer(reply.raw, {
        ...NOBODY,
        renderer: () => dialect.renderer(this.context(spec, null, false)),
      }).send([problem])
      return
    }
    const { attempt } = visit
    if (this.drops(visit, request.raw.socket)) {
      reply.raw.socket?.destroySoon()
      return
    }
    visit.answer = new Answer(reply.raw, {
      ...NOBODY, // A mock provider has no patience to lose: the kernel's buffers hold what it says.
      renderer: () => dialect.renderer(this.context(spec, attempt, decoded.streamOptionsIncludeUsage)),
      onLeft: () => this.options.onLeft(attempt),
    })
    if (visit.unsaid.length > 0) visit.answer.send(visit.unsaid)
    visit.unsaid = []
  }

  /** Whether the connection closes just as a request comes: only one that was kept alive can, and only once. */
  private drops(visit: Visit, socket: Socket): boolean {
    const isFresh = !this.known.has(socket)
    this.known.add(socket)
    if (visit.answer !== null) return true // It was answered with the end of the connection, and asks again.
    if (isFresh || visit.wasDropped) return false
    visit.wasDropped = visit.unsaid.some((signal) => signal.type === 'quirk' && signal.name === RACE)
    return visit.wasDropped
  }

  private context(spec: EndpointSpec, attempt: AttemptHandle | null, includeUsage: boolean) {
    const { rng, epochMs, now } = this.options
    const { weather, stream } = attempt?.request ?? { weather: 0, stream: false }
    let words: ((from: number, tokens: number) => string) | null = null
    return {
      id: `${dialectOf(spec.dialect).idPrefix}${(weather >>> 0).toString(36)}${attempt?.visit ?? 0}${attempt?.endpoint ?? 0}`,
      model: spec.model,
      createdAtSeconds: Math.floor((epochMs + now()) / 1_000),
      stream,
      inputTokens: Math.round((attempt?.request.inputTokens ?? 0) * spec.input_tokenizer),
      includeUsage,
      native: nativeOf(spec),
      textOf: (_channel: string, from: number, tokens: number) => {
        words ??= answerText(rng.fork(WORDS_STREAM, weather, attempt?.endpoint ?? 0, attempt?.visit ?? 0))
        return words(from, tokens)
      },
    }
  }
}

const NOBODY = { onBlocked() {}, onDrained() {}, onLeft() {} }
