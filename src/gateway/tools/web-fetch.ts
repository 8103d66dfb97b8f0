/**
 * A page of the web: `openrouter:web_fetch`, at most `max_content_tokens` of it. Where the engine fails or is slow, the
 * model is told of the error, and answers without.
 */
import { FETCH_MODEL, promptTokens, toolEndpointOf, type FetchSpec } from '../../protocol/index.ts'
import type { ServerTool } from './server-tool.ts'

const URL = 'https://fetched.example/page'
const FAILED = JSON.stringify({ url: URL, error: 'the page could not be fetched' })

export const webFetch: ServerTool = {
  name: 'web_fetch',
  plugin: 'web-fetch',
  isThere: ({ fetch }) => fetch !== undefined,
  use(_call, { max_content_tokens: wanted }, { gateway, offers }) {
    const { engine, price, timeout, tokens_per_page: length } = gateway.fetch as FetchSpec
    const most = typeof wanted === 'number' && wanted >= 1 ? Math.min(Math.floor(wanted), length) : length
    return {
      endpoint: toolEndpointOf(FETCH_MODEL, offers, gateway),
      tokensMax: most,
      timeoutMs: timeout,
      price,
      found(tokens) {
        if (tokens === null) {
          const data = { engine, url: URL, is_error: true }
          return { tokens: promptTokens(FAILED.length), text: FAILED, count: 0, data }
        }
        return { tokens: Math.min(tokens, most), count: 1, data: { engine, url: URL, is_error: false } }
      },
    }
  },
}
