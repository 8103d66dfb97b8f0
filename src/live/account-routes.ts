/** What an account is told of itself over HTTP: `GET /key`, `/credits` and `/generation`, as OpenRouter has them. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Millis } from '../base/index.ts'
import type { AccountPages, Page } from '../gateway/index.ts'
import type { GatewaySpec, KeySpec } from '../protocol/index.ts'
import { secretOf } from './outside.ts'

export interface AccountRoutes {
  readonly prefix: string
  readonly pages: AccountPages
  readonly gateway: GatewaySpec
  readonly now: () => Millis
}

export function addAccount(server: FastifyInstance, { prefix, pages, gateway, now }: AccountRoutes): void {
  const { keys, epoch } = gateway
  /** Index of the key that asks; null where the gateway has none; a page where it may not. */
  const asker = (request: FastifyRequest): number | null | Page => {
    if (keys === undefined) return null
    const secret = secretOf(request.headers)
    if (secret === undefined) return { status: 401, message: 'No cookie auth credentials found' }
    const index = keys.findIndex((key) => key.secret === secret)
    return isGood(keys[index], epoch + now()) ? index : { status: 401, message: 'User not found.' }
  }
  const serve = (request: FastifyRequest, reply: FastifyReply, page: (key: number | null) => Page): object => {
    const key = asker(request)
    const shown = typeof key === 'object' && key !== null ? key : page(key)
    if ('data' in shown) return shown
    const { status, message } = shown
    return reply.status(status).send({ error: { code: status, message } })
  }
  server.get(`${prefix}/key`, (request, reply) => serve(request, reply, (key) => pages.key(key, now())))
  server.get(`${prefix}/credits`, (request, reply) =>
    serve(request, reply, (key) =>
      key === null || keys?.[key]?.management === true
        ? pages.credits(now())
        : { status: 403, message: 'Only management keys can perform this operation' },
    ),
  )
  server.get<{ Querystring: { id?: string } }>(`${prefix}/generation`, (request, reply) =>
    serve(request, reply, () => pages.generation(request.query.id ?? '', now())),
  )
}

function isGood(key: KeySpec | undefined, unixMs: number): key is KeySpec {
  return key !== undefined && !key.disabled && (key.expires_at === undefined || unixMs < key.expires_at)
}
