/**
 * The gateway on the wire: `POST /v1/chat/completions` as OpenAI has it, the same under `/api/v1` as OpenRouter has it,
 * and `GET …/models`. Calls of the workload are matched by their mark; anybody else is an outside client, for whom the
 * gateway keeps the books that an application would keep.
 */
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import type { Millis } from '../base/index.ts'
import type { Offer, Signal } from '../protocol/index.ts'
import {
  dialectOf,
  isRequestProblem,
  problemSignal,
  type Dialect,
  type Renderer,
  type WireRequest,
} from '../protocol/dialects/index.ts'
import { CALL_MARK } from './application.ts'
import { BODY_BYTES_MAX, HOST } from './fleet-servers.ts'

/** A decoded request at the gateway's door, and how to answer it. */
export interface Visitor {
  readonly wire: WireRequest
  /** Mark of a call of the workload; null for an outside client. */
  readonly mark: string | null
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly reply: FastifyReply
  renderer(model: string, providerName: string): Renderer
}

export interface GatewayServerOptions {
  readonly offers: readonly Offer[]
  readonly epochMs: number
  readonly now: () => Millis
  onVisitor(visitor: Visitor): void
}

const SURFACES = [
  { prefix: '/v1', surface: 'openai' },
  { prefix: '/api/v1', surface: 'openrouter' },
] as const

export class GatewayServer {
  private readonly options: GatewayServerOptions
  private readonly server: FastifyInstance
  private answers = 0

  constructor(options: GatewayServerOptions) {
    this.options = options
    this.server = Fastify({ bodyLimit: BODY_BYTES_MAX, forceCloseConnections: true, logger: false })
    const dialect = dialectOf('openai-chat')
    for (const { prefix, surface } of SURFACES) {
      this.server.post(`${prefix}/chat/completions`, (request, reply) => this.receive(dialect, surface, request, reply))
      this.server.get(`${prefix}/models`, () => this.models())
    }
    this.server.setErrorHandler((error: { statusCode?: number; message: string }, _request, reply) => {
      const status = error.statusCode ?? 500
      void reply
        .status(status)
        .send({ error: { message: error.message, type: 'invalid_request_error', param: null, code: null } })
    })
    this.server.setNotFoundHandler((request, reply) => {
      const message = `Unknown request URL: ${request.method} ${request.url}`
      void reply
        .status(404)
        .send({ error: { message, type: 'invalid_request_error', param: null, code: 'unknown_url' } })
    })
  }

  /** Listen on 127.0.0.1. Returns the origin; rejects with code EADDRINUSE when the port is taken. */
  async start(port: number): Promise<string> {
    await this.server.listen({ host: HOST, port })
    const address = this.server.server.address()
    return `http://${HOST}:${typeof address === 'object' && address ? address.port : port}`
  }

  async stop(): Promise<void> {
    await this.server.close()
  }

  private receive(
    dialect: Dialect,
    surface: 'openai' | 'openrouter',
    request: FastifyRequest,
    reply: FastifyReply,
  ): void {
    const decoded = dialect.decodeRequest(request.body, request.headers, request.url)
    const mark = request.headers[CALL_MARK]
    const renderer = (stream: boolean, includeUsage: boolean) => (model: string, providerName: string) => {
      this.answers += 1
      return dialect.renderer({
        id: `${surface === 'openrouter' ? 'gen' : 'chatcmpl'}-squall${this.answers.toString(36)}`,
        model,
        createdAtSeconds: Math.floor((this.options.epochMs + this.options.now()) / 1_000),
        stream,
        includeUsage: includeUsage || surface === 'openrouter',
        textOf: (_channel, _from, tokens) => ' '.repeat(tokens * 4),
        surface,
        ...(surface === 'openrouter' && { providerName }),
      })
    }
    reply.hijack()
    if (isRequestProblem(decoded)) {
      const frame = renderer(false, false)('', '').render([problemSignal(decoded) as Signal])
      reply.raw.writeHead(frame.head?.status ?? 400, frame.head?.headers ?? {}).end(frame.body)
      return
    }
    this.options.onVisitor({
      wire: decoded,
      mark: typeof mark === 'string' ? mark : null,
      headers: request.headers,
      reply,
      renderer: renderer(decoded.stream, decoded.streamOptionsIncludeUsage),
    })
  }

  private models(): object {
    const models = [...new Set(this.options.offers.map(({ model }) => model))]
    const created = Math.floor(this.options.epochMs / 1_000)
    return {
      object: 'list',
      data: models.map((id) => ({ id, object: 'model', created, owned_by: id.split('/')[0] ?? id })),
    }
  }
}
