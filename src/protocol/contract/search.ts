/**
 * `gateway.search`: the search engine behind web search (openrouter.md §7.1, §7.4). It is a mock like any provider, with
 * an endpoint of its own in the fleet: faults strike it by the engine's name, and it charges by the search.
 */
import { z } from 'zod'
import { count, duration, usd } from '../../base/quantities.ts'
import { capacity } from '../capacity.ts'

export const SEARCH_ENGINES = ['exa', 'firecrawl', 'parallel', 'perplexity'] as const

export const searchSchema = z.strictObject({
  engine: z.enum(SEARCH_ENGINES).default('exa').meta({ description: 'Its slug, as provider, in fault selectors.' }),
  price: usd({ min: 0 })
    .prefault('$0.007')
    .meta({ description: 'What a search costs. Default: Exa’s through OpenRouter.', examples: ['$0.007'] }),
  latency_p50: duration({ min: 1 }).prefault('800ms').meta({ description: 'Median time of a search (our choice).' }),
  latency_p95: duration({ min: 1 }).prefault('2s').meta({ description: 'Its 95th percentile (our choice).' }),
  tokens_per_result: count({ min: 1, max: 100_000 })
    .default(300)
    .meta({ description: 'Tokens that each result adds to the prompt (our choice).', examples: [300] }),
  timeout: duration({ min: 1 })
    .prefault('10s')
    .meta({ description: 'After that the model is asked without results (our choice).', examples: ['10s'] }),
  capacity: capacity.optional(),
})

export type SearchSpec = z.infer<typeof searchSchema>

/** The model that the engine's endpoint has in the fleet. No offer has it, so no request is ever routed there. */
export const SEARCH_MODEL = 'openrouter/web-search'
/** Results of a search, if the request does not say. */
export const SEARCH_RESULTS = 5
