/** The catalogue over HTTP: `GET …/models` and its like, as OpenRouter has them under `/api/v1`. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { z } from 'zod'
import type { Millis } from '../base/index.ts'
import { modelsQuerySchema, type Catalogue, type ModelsQuery } from '../gateway/index.ts'

export interface CatalogueRoutes {
  readonly prefix: string
  readonly catalogue: Catalogue
  readonly now: () => Millis
  /** Whether somebody says who he is: who does not, is told no speeds. */
  readonly isKnown: (request: FastifyRequest) => boolean
}

interface ModelParams {
  readonly author: string
  readonly slug: string
}

export function addCatalogue(server: FastifyInstance, { prefix, catalogue, now, isKnown }: CatalogueRoutes): void {
  server.get(`${prefix}/models`, (request, reply) => modelsPage(catalogue, request, reply, now()))
  server.get(`${prefix}/models/count`, (request, reply) => {
    const query = modelsQuerySchema.safeParse(request.query)
    return query.success ? catalogue.count(query.data, now()) : malformed(query.error, reply)
  })
  server.get<{ Params: ModelParams }>(`${prefix}/model/:author/:slug`, ({ params }, reply) =>
    found(catalogue.model(idOf(params)), reply),
  )
  server.get<{ Params: ModelParams }>(`${prefix}/models/:author/:slug/endpoints`, (request, reply) =>
    found(catalogue.endpoints(idOf(request.params), isKnown(request)), reply),
  )
  server.get(`${prefix}/endpoints/zdr`, (request) => catalogue.zdrEndpoints(isKnown(request)))
  server.get(`${prefix}/providers`, () => catalogue.providers())
}

/** The models that a request asks for; `among`: of these alone. */
export function modelsPage(
  catalogue: Catalogue,
  request: FastifyRequest,
  reply: FastifyReply,
  now: Millis,
  among?: ReadonlySet<string>,
): object {
  const query = modelsQuerySchema.safeParse(request.query)
  if (!query.success) return malformed(query.error, reply)
  return catalogue.page(query.data, now, (offset) => linkTo(request.url, query.data, offset), among)
}

function malformed({ issues }: z.ZodError, reply: FastifyReply): object {
  return reply.status(400).send({ success: false, error: { name: 'ZodError', message: JSON.stringify(issues) } })
}

function idOf({ author, slug }: ModelParams): string {
  return `${author}/${slug}`
}

function found(row: object | null, reply: FastifyReply): object {
  return row ?? reply.status(404).send({ error: { code: 404, message: 'Model not found' } })
}

function linkTo(url: string, { limit }: ModelsQuery, offset: number): string {
  const { pathname, searchParams } = new URL(url, 'http://localhost')
  searchParams.set('offset', String(offset))
  if (limit !== undefined) searchParams.set('limit', String(limit))
  return `${pathname}?${searchParams.toString()}`
}
