/** What an answer at `/api/v1` says of its cost, in `usage` (openrouter.md §4.4). */
import { costOf, type Call, type Offer, type Usage } from '../protocol/index.ts'

const NANO = 1e9

export function receiptOf({ summary, toolCost }: Call, offer: Offer | undefined, usage: Usage | null): object {
  if (summary === null || offer === undefined) return {}
  const { inputTokens = 0, outputTokens = 0, cachedInputTokens, writtenInputTokens } = usage ?? {}
  const prompt = costOf(offer.price, inputTokens, 0, cachedInputTokens, writtenInputTokens)
  const isByok = offer.byok !== null
  return {
    cost: summary.billed / NANO,
    is_byok: isByok,
    cost_details: {
      upstream_inference_cost: isByok
        ? costOf(offer.price, inputTokens, outputTokens, cachedInputTokens, writtenInputTokens) / NANO
        : null,
      upstream_inference_prompt_cost: prompt / NANO,
      upstream_inference_completions_cost: costOf(offer.price, 0, outputTokens) / NANO,
      ...(toolCost !== undefined && { server_tool_cost: toolCost / NANO }),
    },
    ...(toolCost !== undefined && ONE_SEARCH),
  }
}

const ONE_SEARCH = {
  server_tool_use: { web_search_requests: 1 },
  server_tool_use_details: { tool_calls_requested: 1, tool_calls_executed: 1, web_search_requests: 1 },
}

/** What an answer cites (openrouter.md §7.4), all of it at its end: a mock's words do not say which is from where. */
export function annotationsOf({ citations = [] }: Call): readonly object[] {
  return citations.map(({ url, title, content }) => ({
    type: 'url_citation',
    url_citation: { url, title, content, start_index: 0, end_index: 0 },
  }))
}
