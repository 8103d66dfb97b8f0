/**
 * `gateway.fetch`: what reads pages for the server tool `openrouter:web_fetch` (openrouter.md §7.4). A mock like any
 * provider, with an endpoint of its own in the fleet: faults strike it by the engine's name, and it charges by the page.
 */
import { z } from 'zod'
import { count, duration, usd } from '../../base/quantities.ts'
import { capacity } from '../capacity.ts'

export const FETCH_ENGINES = ['exa', 'openrouter', 'firecrawl', 'parallel'] as const

export const fetchSchema = z.strictObject({
  engine: z
    .enum(FETCH_ENGINES)
    .default('exa')
    .meta({ description: 'Its slug, as provider, in fault selectors. Default: what `auto` falls back to.' }),
  price: usd({ min: 0 })
    .prefault('$0.001')
    .meta({
      description: 'What a page costs. Default: Exa’s, as announced with the tool; `openrouter` is free.',
      examples: ['$0.001'],
    }),
  latency_p50: duration({ min: 1 }).prefault('1s').meta({ description: 'Median time of a page (our choice).' }),
  latency_p95: duration({ min: 1 }).prefault('3s').meta({ description: 'Its 95th percentile (our choice).' }),
  tokens_per_page: count({ min: 1, max: 1_000_000 })
    .default(2_000)
    .meta({
      description: 'Tokens that a page adds to the prompt, if `max_content_tokens` is not less (our choice).',
      examples: [2_000],
    }),
  timeout: duration({ min: 1 })
    .prefault('10s')
    .meta({ description: 'After that the model is asked without the page (our choice).', examples: ['10s'] }),
  capacity: capacity.optional(),
})

export type FetchSpec = z.infer<typeof fetchSchema>

/** The model that the engine's endpoint has in the fleet. No offer has it, so no request is ever routed there. */
export const FETCH_MODEL = 'openrouter/web-fetch'
