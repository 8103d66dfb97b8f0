/** What an answer at `/api/v1` says of its cost, in `usage` (openrouter.md §4.4). */
import {
  costOf,
  raritiesOf,
  type Call,
  type Citation,
  type Offer,
  type Usage,
  type UsageDetails,
} from '../protocol/index.ts'

const NANO = 1e9

/** `epoch`: Unix time of instant 0, in ms. The parts of the cost are at the prices of when the answer was asked for. */
export function receiptOf(
  { summary, toolCost, parseCost, toolUse }: Call,
  offer: Offer | undefined,
  usage: Usage | null,
  epoch: number,
): object {
  if (summary === null || offer === undefined) return {}
  const { inputTokens = 0, outputTokens = 0, cachedInputTokens, writtenInputTokens, details } = usage ?? {}
  const { reasoningTokens: _, ...ofPrompt } = details ?? {}
  const from = summary.story?.servedFrom() ?? null
  const listed = (output: number, told: UsageDetails | undefined): number => {
    if (from === null) return 0 // An answer that was kept costs nothing.
    const rarities = raritiesOf(told, summary.asked.images)
    return costOf(offer.price, inputTokens, output, cachedInputTokens, writtenInputTokens, epoch + from, rarities)
  }
  const all = listed(outputTokens, details)
  const prompt = listed(0, ofPrompt)
  const isByok = offer.byok !== null
  return {
    cost: summary.billed / NANO,
    is_byok: isByok,
    cost_details: {
      upstream_inference_cost: isByok ? all / NANO : null,
      upstream_inference_prompt_cost: prompt / NANO,
      upstream_inference_completions_cost: (all - prompt) / NANO,
      ...((toolCost ?? parseCost) !== undefined && { server_tool_cost: ((toolCost ?? 0) + (parseCost ?? 0)) / NANO }),
    },
    ...(toolUse !== undefined && usedTools(toolUse)),
  }
}

function usedTools({ requested, executed, webSearches }: NonNullable<Call['toolUse']>): object {
  const searches = { web_search_requests: webSearches }
  return {
    server_tool_use: searches,
    server_tool_use_details: { tool_calls_requested: requested, tool_calls_executed: executed, ...searches },
  }
}

/**
 * What an answer cites (openrouter.md §7.4), all of it at its end: a mock's words do not say which is from where. Then
 * the files that were read for it.
 */
export function annotationsOf(call: Call): readonly object[] {
  const { citations = [] } = call
  return [...citations.map(citationOf), ...fileAnnotationsOf(call)]
}

/** What was read of files, for requests that follow to bring along (openrouter.md §7.1). */
export function fileAnnotationsOf({ request: { files = [], areFilesRead } }: Call): readonly object[] {
  if (areFilesRead !== true) return NONE
  return files.flatMap(({ seen }) => {
    if (seen === undefined) return []
    const { hash, name, text } = seen
    return [{ type: 'file', file: { hash, name, content: [{ type: 'text', text }] } }]
  })
}

const NONE: readonly object[] = []

function citationOf({ url, title, content }: Citation): object {
  return {
    type: 'url_citation',
    url_citation: { url, title, content, start_index: 0, end_index: 0 },
  }
}
