/**
 * What an account is told of itself over HTTP, as OpenRouter has it: `GET /key`, `/generation` and `/models/user` for
 * every key; `GET /credits`, `/activity` and the keys under `/keys` for management keys.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Millis } from '../base/index.ts'
import { keyProblem, type AccountPages, type Catalogue, type KeyBook, type Page, type Told } from '../gateway/index.ts'
import { placeOfKey, type GatewaySpec } from '../protocol/index.ts'
import type { AllowedModels } from '../router/index.ts'
import { parseBody } from './body.ts'
import { modelsPage } from './catalogue-routes.ts'
import { secretOf } from './outside.ts'

export interface AccountRoutes {
  readonly prefix: string
  readonly pages: AccountPages
  readonly keyBook: KeyBook
  readonly catalogue: Catalogue
  readonly allowed: AllowedModels
  readonly gateway: GatewaySpec
  readonly now: () => Millis
}

interface Named {
  readonly Params: { readonly hash: string }
}

export function addAccount(server: FastifyInstance, routes: AccountRoutes): void {
  const { prefix, pages, keyBook, catalogue, allowed, gateway, now } = routes
  const { keys } = gateway
  /** Index of the key that asks; null where the gateway has none; a page where it may not. */
  const asker = (request: FastifyRequest): number | null | Page => {
    if (keys === undefined) return null
    const secret = secretOf(request.headers)
    return keyProblem(gateway, secret, now()) ?? placeOfKey(keys, secret)
  }
  const tell = (reply: FastifyReply, told: Told): object => {
    if ('data' in told) return told
    if ('body' in told) return reply.status(told.status).send(told.body)
    const { status, message } = told
    return reply.status(status).send({ error: { code: status, message } })
  }
  const serve = (request: FastifyRequest, reply: FastifyReply, page: (key: number | null) => Told): object => {
    const key = asker(request)
    return tell(reply, typeof key === 'object' && key !== null ? key : page(key))
  }
  /** For management keys. Where nobody has a key, everybody may look; there is nothing to manage. */
  const manage = (request: FastifyRequest, reply: FastifyReply, page: () => Told, isOpen = false): object =>
    serve(request, reply, (key) =>
      (key === null ? isOpen : keys?.[key]?.management === true) ? page() : MANAGEMENT_ONLY,
    )

  server.get(`${prefix}/key`, (request, reply) => serve(request, reply, (key) => pages.key(key, now())))
  server.get<{ Querystring: { id?: string } }>(`${prefix}/generation`, (request, reply) =>
    serve(request, reply, () => pages.generation(request.query.id ?? '', now())),
  )
  server.get(`${prefix}/models/user`, (request, reply) => {
    const key = asker(request)
    if (typeof key === 'object' && key !== null) return tell(reply, key)
    return modelsPage(catalogue, request, reply, now(), allowed.of(key === null ? null : { key }))
  })
  server.get(`${prefix}/credits`, (request, reply) => manage(request, reply, () => pages.credits(now()), true))
  server.get(`${prefix}/activity`, (request, reply) =>
    manage(request, reply, () => pages.activity(request.query, (hash) => keyBook.placeOf(hash), now()), true),
  )

  server.get(`${prefix}/keys`, (request, reply) => manage(request, reply, () => keyBook.list(request.query, now())))
  server.post(`${prefix}/keys`, (request, reply) =>
    manage(request, reply, () => keyBook.create(bodyOf(request), now())),
  )
  server.get<Named>(`${prefix}/keys/:hash`, (request, reply) =>
    manage(request, reply, () => keyBook.get(request.params.hash, now())),
  )
  server.patch<Named>(`${prefix}/keys/:hash`, (request, reply) =>
    manage(request, reply, () => keyBook.update(request.params.hash, bodyOf(request), now())),
  )
  server.delete<Named>(`${prefix}/keys/:hash`, (request, reply) =>
    manage(request, reply, () => keyBook.remove(request.params.hash)),
  )
}

const MANAGEMENT_ONLY = { status: 403, message: 'Only management keys can perform this operation' } as const

/** What cannot be read is no body at all, and is told as what it lacks. */
function bodyOf({ body }: FastifyRequest): unknown {
  const parsed = parseBody(body)
  return 'value' in parsed ? parsed.value : undefined
}
