/** The endpoint of the search engine, where a fleet has one: the last, behind all that are offered. */
import { endpointSchema, type EndpointSpec } from './catalogue.ts'
import { SEARCH_MODEL, type SearchSpec } from './contract/search.ts'

/** Fast enough that the time of a search is the time to its first result. */
const TOKENS_PER_SECOND = 100_000
const NANO = 1e9

export function searchEndpoint(spec: SearchSpec): EndpointSpec {
  const { engine, price, latency_p50: p50, latency_p95: p95 } = spec
  const endpoint = endpointSchema.parse({
    provider: engine,
    model: SEARCH_MODEL,
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
