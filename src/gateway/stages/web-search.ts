/**
 * Web search (openrouter.md §7.1, §7.4): `plugins: [{ id: web }]`, the suffix `:online`, and the server tool
 * `openrouter:web_search`. The engine is asked once, before the model: what it finds goes into the prompt, is cited in
 * the answer, and is paid for whatever comes of the answer. Where the engine fails, is slow or finds nothing, the model
 * answers without. A mock model decides nothing, so the server tool is used once whenever it is offered.
 */
import { at } from '../../base/index.ts'
import {
  PLAIN_CHAT,
  readModelName,
  SEARCH_RESULTS,
  type Call,
  type ChatRequest,
  type Citation,
  type Signal,
} from '../../protocol/index.ts'
import type { Halt, Stage, StageOptions } from '../stage.ts'
import { PluginUses } from '../uses.ts'

/** A query is short: the last message, or what a model makes of it (our choice). */
const QUERY_TOKENS = 30
const RESULTS_MAX = 50

export function webSearch(options: StageOptions): Stage | null {
  const { gateway, policies, offers } = options
  const { search } = gateway
  if (search === undefined) return null
  const uses = new PluginUses('web', options)
  const isOnline = (models: readonly string[]): boolean =>
    models.some((model) => readModelName(model).suffixes.includes('online'))
  const areOnline = policies.map(({ models }) => isOnline(models))
  // Behind everything that is offered.
  const endpoint = offers.length
  return {
    admit(call): Halt | null {
      const use = uses.of(call)
      if (use === null && !(call.half === null ? at(areOnline, call.policy) : isOnline(call.half.models))) return null
      const wanted = use?.['max_results']
      const max = typeof wanted === 'number' ? Math.min(Math.max(1, Math.floor(wanted)), RESULTS_MAX) : SEARCH_RESULTS
      const request = queryOf(call.request, max * search.tokens_per_result)
      return {
        do: 'fetch',
        errand: {
          request,
          endpoint,
          timeoutMs: search.timeout,
          onDone(signals) {
            const found = signals === null ? 0 : Math.floor(tokensOf(signals) / search.tokens_per_result)
            const data = { engine: search.engine, results: found, is_error: signals === null }
            call.pipeline = [...(call.pipeline ?? []), { type: 'server_tools', name: 'web_search', data }]
            if (signals !== null) call.toolCost = (call.toolCost ?? 0) + search.price
            if (found > 0) informed(call, found, found * search.tokens_per_result)
            return null
          },
        },
      }
    },
  }
}

function queryOf(request: ChatRequest, outputTokens: number): ChatRequest {
  return {
    ...request,
    inputTokens: QUERY_TOKENS,
    outputTokens,
    maxTokens: null,
    stream: false,
    callsTool: false,
    shape: PLAIN_CHAT,
    session: null,
    original: request,
    visited: [],
  }
}

function tokensOf(signals: readonly Signal[]): number {
  return signals.reduce((sum, signal) => (signal.type === 'content' ? sum + signal.tokens : sum), 0)
}

/** The model reads what was found, and cites it. */
function informed(call: Call, results: number, tokens: number): void {
  const { request } = call
  call.request = { ...request, inputTokens: request.inputTokens + tokens, original: request }
  call.citations = Array.from({ length: results }, (_, index): Citation => {
    const number = index + 1
    return {
      url: `https://search.example/results/${number}`,
      title: `Result ${number}`,
      content: `Found as result ${number}.`,
    }
  })
}
