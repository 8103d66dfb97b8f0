/**
 * The gateway on the wire: its skins (`/chat/completions`, `/messages`, …) under `/v1` as their makers have them, and
 * under `/api/v1` as OpenRouter has them, and its catalogue. Calls of the workload are matched by their mark; anybody
 * else is an outside client, for whom the gateway keeps the books that an application would keep.
 */
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import type { Millis } from '../base/index.ts'
import { askerProblem, type AccountPages, type Ask, type Catalogue, type KeyBook } from '../gateway/index.ts'
import {
  classOfStatus,
  placeOfKey,
  type CallFailure,
  type Choices,
  type Failed,
  type GatewaySpec,
  type Offer,
} from '../protocol/index.ts'
import { SKINS, type Echo, type HeaderBag, type Renderer, type WireRequest } from '../protocol/dialects/index.ts'
import { AllowedModels } from '../router/index.ts'
import { CALL_MARK } from './application.ts'
import { addAccount } from './account-routes.ts'
import { collectBody } from './body.ts'
import { addCatalogue } from './catalogue-routes.ts'
import { addControl, type Control } from './control.ts'
import { enter, isTurnedAway, SURFACES, type Door, type Entry } from './door.ts'
import { BODY_BYTES_MAX, HOST } from './fleet-servers.ts'
import { secretOf } from './outside.ts'
import type { Spelling } from './spelling.ts'
import { refusalRenderer, rendererOf, type Speaker } from './voice.ts'

/** A decoded request at the gateway's door, and how to answer it. */
export class Visitor {
  readonly door: Door
  readonly wire: WireRequest
  /** null: not at OpenRouter's surface. */
  readonly ask: Ask | null
  /** The body in its caller's own spelling, where it can go on as it is; null: it is spelled anew. */
  readonly spelling: Spelling | null
  readonly headers: HeaderBag
  readonly reply: FastifyReply
  /** What is sent upstream for it; null where he does not want to see that. */
  readonly echoes: Echo[] | null
  private readonly echo: Entry['echo']
  private readonly id: string
  private readonly server: GatewayServer

  constructor(door: Door, { wire, ask, spelling, echo }: Entry, reply: FastifyReply, server: GatewayServer) {
    this.door = door
    this.wire = wire
    this.ask = ask
    this.spelling = spelling
    this.headers = reply.request.headers
    this.reply = reply
    this.echoes = ask?.echoesUpstream === true ? [] : null
    this.echo = echo
    this.id = server.nextId(door)
    this.server = server
  }

  /** Mark of a call of the workload; null for an outside client. */
  get mark(): string | null {
    const mark = this.headers[CALL_MARK]
    return typeof mark === 'string' ? mark : null
  }

  /** Whether a completion that broke off is handed over as far as it came, its error on the choice (openrouter.md §3.4). */
  get takesPartial(): boolean {
    return this.door.surface === 'openrouter' && this.isChat && !this.wire.stream
  }

  /** Whether he speaks as providers do: then their bytes may go through as they came. */
  get speaksPlainly(): boolean {
    return this.door.surface === 'openai' && this.isChat
  }

  /** What the answer is called in its head. */
  get requestId(): string {
    return `req_${this.id}`
  }

  /** How the answer is written, once it is known who speaks. */
  renderer(speaker: Speaker): Renderer {
    const { door, wire, id, echo, echoes } = this
    return rendererOf({ door, wire, id, echo, echoes, speaker }, this.server.options)
  }

  /** Answer that he is not let in. */
  refuse(failure: CallFailure): void {
    this.server.refuse(this.door, failure, this.reply, this.wire)
  }

  private get isChat(): boolean {
    return this.door.skin.path === CHAT_PATH
  }
}

export interface GatewayServerOptions {
  readonly gateway: GatewaySpec
  readonly offers: readonly Offer[]
  readonly choices: Choices
  readonly epochMs: number
  readonly now: () => Millis
  readonly catalogue: Catalogue
  readonly pages: AccountPages
  readonly keyBook: KeyBook
  onVisitor(visitor: Visitor): void
  /** Who may steer the run over HTTP; absent: nobody. */
  readonly control?: Control
}

const CHAT_PATH = '/chat/completions'

declare module 'fastify' {
  interface FastifyContextConfig {
    readonly door?: Door
  }
}

export class GatewayServer {
  readonly options: GatewayServerOptions
  private readonly server: FastifyInstance
  private answers = 0

  constructor(options: GatewayServerOptions) {
    this.options = options
    this.server = Fastify({
      bodyLimit: BODY_BYTES_MAX,
      forceCloseConnections: true,
      logger: false,
      frameworkErrors: ({ statusCode: status = 400, message }, request, reply) => {
        void (reply as FastifyReply).status(status).send(elsewhere(request, status, message, null))
      },
    })
    // Bytes: what is wrong with them is said at the door, in its own words.
    this.server.removeAllContentTypeParsers()
    this.server.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => {
      done(null, body)
    })
    // Any page may have a browser send these: whatever they hold, it is no JSON.
    this.server.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, _body, done) => done(null, null))
    void this.server.register((doors, _options, done) => {
      doors.removeAllContentTypeParsers()
      doors.addContentTypeParser('*', (_request, _payload, isReady) => isReady(null)) // Doors read for themselves.
      for (const { prefix, surface } of SURFACES) {
        for (const skin of SKINS) {
          const door: Door = { skin, surface }
          const config = { door }
          doors.post(`${prefix}${skin.path}`, { config }, (request, reply) => this.read(door, request, reply))
        }
      }
      done()
    })
    this.server.get('/v1/models', () => this.models())
    this.server.get<{ Params: { '*': string } }>('/v1/models/*', ({ params }, reply) => this.model(params['*'], reply))
    const { catalogue, now, pages, keyBook, gateway } = options
    const allowed = new AllowedModels(options.offers, gateway)
    addAccount(this.server, { prefix: '/api/v1', pages, keyBook, catalogue, allowed, gateway, now })
    addCatalogue(this.server, { prefix: '/api/v1', catalogue, now, isKnown: (request) => this.isKnown(request) })
    if (options.control) addControl(this.server, options.control)
    this.server.setErrorHandler((error: { statusCode?: number; message: string }, request, reply) => {
      const { statusCode: status = 500, message } = error
      const { door } = request.routeOptions.config
      if (door && status === 415) {
        this.receive(door, null, reply) // A body of no type that anybody knows is none, as far as the door can tell.
        return
      }
      if (door) {
        this.refuse(door, { class: classOfStatus(status), status, retryAfterMs: null, message }, reply)
        return
      }
      void reply.status(status).send(elsewhere(request, status, message, null))
    })
    this.server.setNotFoundHandler((request, reply) => {
      const message = `Unknown request URL: ${request.method} ${request.url}`
      void reply.status(404).send(elsewhere(request, 404, message, 'unknown_url'))
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

  private read(door: Door, request: FastifyRequest, reply: FastifyReply): void {
    reply.hijack()
    collectBody(request.raw, BODY_BYTES_MAX, (body) => {
      try {
        if (body === null) this.refuse(door, tooLarge(door), reply)
        else this.receive(door, isJson(request) ? body : null, reply)
      } catch (error) {
        this.refuse(door, broken(error), reply)
      }
    })
  }

  private receive(door: Door, body: Buffer | null, reply: FastifyReply): void {
    const { headers, url } = reply.request
    const entered = enter(door, body, headers, url, this.options.gateway)
    if (isTurnedAway(entered)) this.refuse(door, entered, reply)
    else this.options.onVisitor(new Visitor(door, entered, reply, this))
  }

  nextId({ skin, surface }: Door): string {
    this.answers += 1
    return `${surface === 'openrouter' ? 'gen-' : skin.idPrefix}squall${this.answers.toString(36)}`
  }

  /**
   * The answer to a request that is not let in. `wire`: what it says, where it could be read. To somebody who may not
   * call at all, nothing else is said.
   */
  refuse(door: Door, why: CallFailure, reply: FastifyReply, read: WireRequest | null = null): void {
    const { gateway, now } = this.options
    const stranger = why.status === 413 ? null : askerProblem(gateway, secretOf(reply.request.headers), now())
    const failure = stranger ?? why
    const wire = stranger === null ? read : null
    const failed: Failed = { type: 'failed', where: 'response', ...failure }
    const renderer = refusalRenderer({ door, wire, id: this.nextId(door), failure }, this.options)
    const { head, body } = renderer.render([failed])
    if (!reply.sent) reply.hijack()
    if (reply.raw.headersSent) {
      reply.raw.destroy() // What has been said cannot be taken back.
      return
    }
    if (failure.status === 413) reply.raw.shouldKeepAlive = false // What is still to come is not read.
    reply.raw.writeHead(head?.status ?? failure.status, head?.headers ?? {}).end(body)
  }

  /** Whether a request comes from somebody with a key; from anybody, where the gateway has none. */
  private isKnown({ headers }: FastifyRequest): boolean {
    const { keys } = this.options.gateway
    const secret = secretOf(headers)
    return keys === undefined || placeOfKey(keys, secret) >= 0
  }

  private models(): object {
    const ids = [...new Set(this.options.offers.map(({ model }) => model))]
    return { object: 'list', data: ids.map((id) => this.modelBody(id)) }
  }

  private model(id: string, reply: FastifyReply): object {
    if (this.options.offers.some(({ model }) => model === id)) return this.modelBody(id)
    const message = `The model '${id}' does not exist`
    const error = { message, type: 'invalid_request_error', param: 'model', code: 'model_not_found' }
    return reply.status(404).send({ error })
  }

  private modelBody(id: string): object {
    const created = Math.floor(this.options.epochMs / 1_000)
    return { id, object: 'model', created, owned_by: id.split('/')[0] ?? id }
  }
}

/** Any page may have a browser send something else: whatever is in it, it is no JSON. */
function isJson({ headers }: FastifyRequest): boolean {
  const type = headers['content-type']
  return type === 'application/json' || JSON_TYPE.test(type ?? '')
}

const JSON_TYPE = /^application\/json *(?:;|$)/i

function tooLarge({ surface }: Door): CallFailure {
  const message = surface === 'openrouter' ? 'Request payload too large' : 'Request body is too large'
  return { class: classOfStatus(413), status: 413, retryAfterMs: null, message }
}

function broken(error: unknown): CallFailure {
  const message = error instanceof Error ? error.message : String(error)
  return { class: 'server_error', status: 500, retryAfterMs: null, message }
}

/** An error where there is no skin, in the way of the surface. */
function elsewhere({ url }: FastifyRequest, status: number, message: string, word: string | null): object {
  if (url.startsWith('/api/')) return { error: { code: status, message } }
  return { error: { message, type: 'invalid_request_error', param: null, code: word } }
}
