/** The endpoints of what server tools and the file parser ask: the last of a fleet, behind all that are offered. */
import { endpointSchema, type EndpointSpec } from './catalogue.ts'
import { FETCH_MODEL, type FetchSpec } from './contract/fetch.ts'
import { FILE_MODEL, PARSER_ENGINES, type FileParserSpec, type ParserEngine } from './contract/file-parser.ts'
import type { PluginId } from './contract/plugins.ts'
import { SEARCH_MODEL, type SearchSpec } from './contract/search.ts'

interface Backends {
  readonly search?: SearchSpec | undefined
  readonly fetch?: FetchSpec | undefined
  readonly file_parser?: FileParserSpec | undefined
}

/** Fast enough that the time of an answer is the time to its beginning. */
const TOKENS_PER_SECOND = 100_000
const NANO = 1e9

export function toolEndpoints({ search, fetch, file_parser: parser }: Backends): readonly EndpointSpec[] {
  return [
    ...(search === undefined ? [] : [toolEndpoint(SEARCH_MODEL, search.engine, search, byUse(search))]),
    ...(fetch === undefined ? [] : [toolEndpoint(FETCH_MODEL, fetch.engine, fetch, byUse(fetch))]),
    ...(parser === undefined ? [] : PARSER_ENGINES.map((engine) => parserEndpoint(engine, parser))),
  ]
}

/** The place of one of them in a fleet that offers so many. */
export function toolEndpointOf(model: typeof SEARCH_MODEL | typeof FETCH_MODEL, offers: number, { search }: Backends) {
  return model === FETCH_MODEL && search !== undefined ? offers + 1 : offers
}

/** The plugin whose requests an endpoint is asked for; null: it is none of a server tool. */
export function pluginAsking({ model }: Pick<EndpointSpec, 'model'>): PluginId | null {
  return model === SEARCH_MODEL ? 'web' : model === FETCH_MODEL ? 'web-fetch' : null
}

export function parserEndpointOf(engine: ParserEngine, offers: number, { search, fetch }: Backends): number {
  return offers + (search === undefined ? 0 : 1) + (fetch === undefined ? 0 : 1) + PARSER_ENGINES.indexOf(engine)
}

/** What the fleet charges, and how fast it is. */
interface Terms {
  readonly price: { readonly input: 0; readonly output: number; readonly request: number }
  readonly speed: number
}

function byUse({ price }: SearchSpec | FetchSpec): Terms {
  return { price: { input: 0, output: 0, request: price / NANO }, speed: TOKENS_PER_SECOND }
}

/** Pages are charged by the tokens that they have. */
function parserEndpoint(engine: ParserEngine, spec: FileParserSpec): EndpointSpec {
  const { price, tokens_per_page: length, pages_per_second: pages } = spec
  const perMTok = engine === 'mistral-ocr' ? (price / NANO / 1_000 / length) * 1e6 : 0
  return toolEndpoint(FILE_MODEL, engine, spec, {
    price: { input: 0, output: perMTok, request: 0 },
    speed: Math.min(length * pages, TOKENS_PER_SECOND),
  })
}

function toolEndpoint(
  model: string,
  provider: string,
  { latency_p50: p50, latency_p95: p95, capacity }: SearchSpec | FetchSpec | FileParserSpec,
  { price, speed }: Terms,
): EndpointSpec {
  const endpoint = endpointSchema.parse({
    provider,
    model,
    price,
    context_length: 10_000_000,
    latency: {
      ttft_p50: `${p50}ms`,
      ttft_p95: `${Math.max(p50, p95)}ms`,
      prefill: '0ms',
      tokens_per_second: speed,
      speed_jitter: 0,
    },
  })
  return capacity === undefined ? endpoint : { ...endpoint, capacity }
}
