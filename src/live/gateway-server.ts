/**
 * The gateway on the wire: its skins (`/chat/completions`, `/messages`, …) under `/v1` as their makers have them, and
 * under `/api/v1` as OpenRouter has them, and `GET …/models`. Calls of the workload are matched by their mark; anybody else is an outside client, for whom the
 * gateway keeps the books that an application would keep.
 */
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import type { Millis } from '../base/index.ts'
import { presetBody } from '../gateway/index.ts'
import {
  classOfStatus,
  ERROR_TYPE_OF,
  promptTokens,
  type Choices,
  type Failed,
  type GatewaySpec,
  type Offer,
} from '../protocol/index.ts'
import {
  isRequestProblem,
  problemSignal,
  SKINS,
  type RenderContext,
  type Renderer,
  type Skin,
  type WireRequest,
} from '../protocol/dialects/index.ts'
import { CALL_MARK } from './application.ts'
import { addControl, type Control } from './control.ts'
import { BODY_BYTES_MAX, HOST } from './fleet-servers.ts'

/** A decoded request at the gateway's door, and how to answer it. */
export interface Visitor {
  readonly wire: WireRequest
  /** Mark of a call of the workload; null for an outside client. */
  readonly mark: string | null
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly reply: FastifyReply
  /** `model` and `providerName` of who answers; empty where the request was never routed. */
  renderer(model: string, providerName: string): Renderer
}

export interface GatewayServerOptions {
  readonly gateway: GatewaySpec
  readonly offers: readonly Offer[]
  readonly choices: Choices
  readonly epochMs: number
  readonly now: () => Millis
  onVisitor(visitor: Visitor): void
  /** Who may steer the run over HTTP; absent: nobody. */
  readonly control?: Control
}

const SURFACES = [
  { prefix: '/v1', surface: 'openai' },
  { prefix: '/api/v1', surface: 'openrouter' },
] as const

/** What a request came through: a skin, and whose habits it has. */
interface Door {
  readonly skin: Skin
  readonly surface: 'openai' | 'openrouter'
}

declare module 'fastify' {
  interface FastifyContextConfig {
    readonly door?: Door
  }
}

export class GatewayServer {
  private readonly options: GatewayServerOptions
  private readonly server: FastifyInstance
  private answers = 0

  constructor(options: GatewayServerOptions) {
    this.options = options
    this.server = Fastify({ bodyLimit: BODY_BYTES_MAX, forceCloseConnections: true, logger: false })
    for (const { prefix, surface } of SURFACES) {
      for (const skin of SKINS) {
        const door: Door = { skin, surface }
        const config = { door }
        this.server.post(`${prefix}${skin.path}`, { config }, (request, reply) => this.receive(door, request, reply))
      }
      this.server.get(`${prefix}/models`, () => this.models())
    }
    if (options.control) addControl(this.server, options.control)
    this.server.setErrorHandler((error: { statusCode?: number; message: string }, request, reply) => {
      const { statusCode: status = 500, message } = error
      const { door } = request.routeOptions.config
      if (door) {
        const failed: Failed = {
          type: 'failed',
          class: classOfStatus(status),
          status,
          retryAfterMs: null,
          where: 'response',
          message,
        }
        this.refuse(door, failed, reply)
        return
      }
      void reply.status(status).send({ error: { message, type: 'invalid_request_error', param: null, code: null } })
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

  private receive(door: Door, request: FastifyRequest, reply: FastifyReply): void {
    const body = this.withPreset(request.body)
    const decoded = door.skin.decodeRequest(body, request.headers, request.url)
    if (isRequestProblem(decoded)) {
      this.refuse(door, problemSignal(decoded), reply)
      return
    }
    const mark = request.headers[CALL_MARK]
    reply.hijack()
    this.options.onVisitor({
      wire: decoded,
      mark: typeof mark === 'string' ? mark : null,
      headers: request.headers,
      reply,
      renderer: (model, providerName) => this.renderer(door, decoded, model, providerName),
    })
  }

  /** The body with the fields of the preset it refers to; one that is not there is no model that anybody knows. */
  private withPreset(body: unknown): unknown {
    const { presets } = this.options.gateway
    return presets === undefined ? body : (presetBody(body, presets) ?? body)
  }

  /** The answer to a request that is not let in. */
  private refuse(door: Door, failed: Failed, reply: FastifyReply): void {
    const { head, body } = this.renderer(door, null, '', '').render([failed])
    reply.hijack()
    reply.raw.writeHead(head?.status ?? 400, head?.headers ?? {}).end(body)
  }

  private renderer({ skin, surface }: Door, wire: WireRequest | null, model: string, providerName: string): Renderer {
    this.answers += 1
    const isOpenRouter = surface === 'openrouter'
    const id = `${isOpenRouter ? 'gen-' : skin.idPrefix}squall${this.answers.toString(36)}`
    const context: RenderContext = {
      id,
      model,
      createdAtSeconds: Math.floor((this.options.epochMs + this.options.now()) / 1_000),
      stream: wire?.stream ?? false,
      ...(wire && { inputTokens: promptTokens(wire.promptBytes) }),
      includeUsage: isOpenRouter || (wire?.streamOptionsIncludeUsage ?? false),
      textOf: (_channel, _from, tokens) => ' '.repeat(tokens * 4),
      surface,
      ...(isOpenRouter && {
        providerName,
        told: ({ class: errorClass, message }: Failed) => ({
          errorType: ERROR_TYPE_OF[errorClass],
          message,
          generation: model === '' ? null : id,
          codes: this.options.choices.responses_code,
        }),
      }),
    }
    return skin.renderer(context)
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
