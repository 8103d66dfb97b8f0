/**
 * Web search: `plugins: [{ id: web }]`, the suffix `:online`, and the server tool `openrouter:web_search`. What is found
 * is cited in the answer. Where the engine fails, is slow or finds nothing, the model answers without.
 */
import { SEARCH_MODEL, SEARCH_RESULTS, toolEndpointOf, type Citation, type SearchSpec } from '../../protocol/index.ts'
import type { ServerTool } from './server-tool.ts'

const RESULTS_MAX = 50

export const webSearch: ServerTool = {
  name: 'web_search',
  plugin: 'web',
  isThere: ({ search }) => search !== undefined,
  use(_call, { max_results: wanted }, { gateway, offers }) {
    const { engine, price, timeout, tokens_per_result: length } = gateway.search as SearchSpec
    const results = typeof wanted === 'number' ? Math.min(Math.max(1, Math.floor(wanted)), RESULTS_MAX) : SEARCH_RESULTS
    return {
      endpoint: toolEndpointOf(SEARCH_MODEL, offers, gateway),
      tokensMax: results * length,
      timeoutMs: timeout,
      price,
      found(tokens) {
        const count = Math.floor((tokens ?? 0) / length)
        return {
          tokens: count * length,
          count,
          data: { engine, results: count, is_error: tokens === null },
          ...(count > 0 && { citations: Array.from({ length: count }, (_, index) => result(index + 1)) }),
        }
      },
    }
  },
}

function result(number: number): Citation {
  const url = `https://search.example/results/${number}`
  return { url, title: `Result ${number}`, content: `Found as result ${number}.` }
}
