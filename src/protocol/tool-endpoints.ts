/** The endpoints of what server tools ask: the last of a fleet, behind all that are offered. */
import { endpointSchema, type EndpointSpec } from './catalogue.ts'
import { FETCH_MODEL, type FetchSpec } from './contract/fetch.ts'
import type { PluginId } from './contract/plugins.ts'
import { SEARCH_MODEL, type SearchSpec } from './contract/search.ts'

interface Backends {
  readonly search?: SearchSpec | undefined
  readonly fetch?: FetchSpec | undefined
}

/** Fast enough that the time of an answer is the time to its beginning. */
const TOKENS_PER_SECOND = 100_000
const NANO = 1e9

export function toolEndpoints({ search, fetch }: Backends): readonly EndpointSpec[] {
  return [
    ...(search === undefined ? [] : [toolEndpoint(SEARCH_MODEL, search)]),
    ...(fetch === undefined ? [] : [toolEndpoint(FETCH_MODEL, fetch)]),
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

function toolEndpoint(model: string, spec: SearchSpec | FetchSpec): EndpointSpec {
  const { engine, price, latency_p50: p50, latency_p95: p95 } = spec
  const endpoint = endpointSchema.parse({
    provider: engine,
    model,
    price: { input: 0, output: 0, request: price / NANO },
    context_length: 1_000_000,
    latency: {
      ttft_p50: `${p50}ms`,
      ttft_p95: `${Math.max(p50, p95)}ms`,
      prefill: '0ms',
      tokens_per_second: TOKENS_PER_SECOND,
      speed_jitter: 0,
    },
  })
  return spec.capacity === undefined ? endpoint : { ...endpoint, capacity: spec.capacity }
}
