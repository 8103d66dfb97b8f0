/** What an answer at `/api/v1` says of its cost, in `usage` (openrouter.md §4.4). */
import { costOf, type Call, type Offer, type Usage } from '../protocol/index.ts'

const NANO = 1e9

export function receiptOf({ summary }: Call, offer: Offer | undefined, usage: Usage | null): object {
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
    },
  }
}
