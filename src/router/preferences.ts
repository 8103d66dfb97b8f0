/**
 * The request half of a policy: OpenRouter's own wire fields, so that it can be pasted from or into an application.
 */
import { z } from 'zod'
import {
  EFFORTS,
  MODELS_MAX,
  pluginUseSchema,
  QUANTIZATIONS,
  RESPONSE_CACHE_TTL_MAX,
  SERVICE_TIERS,
  SESSION_ID_MAX,
  SORTS_BY,
  type RequestWishes,
  STOP_CONDITIONS,
  TOOL_STEPS_MAX,
} from '../protocol/index.ts'

const PLUGINS_MAX = 32

const slugs = z.array(z.string().min(1).max(64)).max(1_000).nullish()
const price = (of: string, example: number) =>
  z
    .union([
      z.number().min(0),
      z
        .string()
        .regex(/^\d+(\.\d+)?$/, { error: 'a price is a number, or a number in quotes, like "0.5"' })
        .transform(Number),
    ])
    .nullish()
    .meta({ description: `USD per ${of}, at most.`, examples: [example] })
const sortBy = z.enum(SORTS_BY)
const percentile = (requests: string) =>
  z
    .number()
    .min(0)
    .nullish()
    .meta({ description: `What ${requests} requests must keep.`, examples: [2] })
const percentiles = z
  .union([
    z.number().min(0),
    z.strictObject({
      p50: percentile('half of all'),
      p75: percentile('three in four'),
      p90: percentile('nine in ten'),
      p99: percentile('99 of 100'),
    }),
  ])
  .nullish()

/** The `provider` object of a request (openrouter.md §1). Every field accepts null, which means absent. */
export const providerPreferencesSchema = z.strictObject({
  order: slugs.meta({ description: 'Try these providers first, in this order.', examples: [['openai', 'azure']] }),
  only: slugs.meta({ description: 'Use no other providers.', examples: [['openai']] }),
  ignore: slugs.meta({ description: 'Never use these providers.', examples: [['deepinfra']] }),
  allow_fallbacks: z
    .boolean()
    .nullish()
    .meta({ description: 'false: only the first choice, or only those in `order`. Default true.' }),
  require_parameters: z
    .boolean()
    .nullish()
    .meta({ description: 'Only endpoints that support every parameter of the request. Default false.' }),
  data_collection: z
    .enum(['allow', 'deny'])
    .nullish()
    .meta({ description: '`deny`: only providers that do not keep prompts. Default allow.' }),
  zdr: z.boolean().nullish().meta({ description: 'true: only endpoints with zero data retention.' }),
  enforce_distillable_text: z
    .boolean()
    .nullish()
    .meta({ description: 'true: only models whose authors let others train on their answers.' }),
  quantizations: z
    .array(z.enum(QUANTIZATIONS))
    .nullish()
    .meta({ description: 'Allowed weight formats.', examples: [['fp8']] }),
  sort: z
    .union([
      sortBy,
      z.strictObject({
        by: sortBy.nullish().meta({ description: 'What is compared.' }),
        partition: z
          .enum(['model', 'none'])
          .nullish()
          .meta({ description: '`model`: model by model, in the order of `models`. `none`: all models in one list.' }),
      }),
    ])
    .nullish()
    .meta({ description: 'Strict order instead of load balancing.', examples: ['price'] }),
  preferred_min_throughput: percentiles.meta({
    description: 'Tokens per second; slower endpoints go to the end.',
    examples: [50],
  }),
  preferred_max_latency: percentiles.meta({
    description: 'Seconds to first token; slower endpoints go to the end.',
    examples: [2],
  }),
  max_price: z
    .strictObject({
      prompt: price('million input tokens', 1),
      completion: price('million output tokens', 4),
      request: price('request', 0.01),
      image: price('image', 0.01),
      audio: price('million input tokens of audio', 10),
    })
    .nullish()
    .meta({
      description: 'USD per million tokens (request, image: USD each); dearer endpoints are never used.',
      examples: [{ prompt: 1, completion: 4 }],
    }),
})

export type ProviderPreferences = z.infer<typeof providerPreferencesSchema>

/** Models in order of preference: what `models` takes, in a policy and wherever else models are chosen. */
export const modelList = z
  .array(z.string().min(1).max(128))
  .min(1, { error: 'name at least one model' })
  .max(MODELS_MAX, {
    error: `a request names at most ${MODELS_MAX} models; OpenRouter: "'models' array must have ${MODELS_MAX} items or fewer."`,
  })
  .meta({
    description: 'Models in order of preference.',
    examples: [['openai/gpt-5-mini', 'anthropic/claude-haiku-4-5']],
  })

/** The fields beside `models` and `provider` (openrouter.md §4.1), of a request and of a policy alike. */
export const wishFields = {
  route: z
    .enum(['fallback', 'sort'])
    .nullish()
    .meta({ description: 'Deprecated: `fallback` is `provider.sort.partition: model`, `sort` is `none`.' }),
  service_tier: z
    .enum(SERVICE_TIERS)
    .nullish()
    .meta({ description: 'The tier of service to be served in. Absent: the default tier.', examples: ['flex'] }),
  preset: z
    .string()
    .min(1)
    .max(128)
    .nullish()
    .meta({ description: 'Slug of a preset, whose fields these override.', examples: ['support'] }),
  plugins: z
    .array(pluginUseSchema(z.string().min(1).max(64)))
    .max(PLUGINS_MAX)
    .nullish()
    .meta({ description: 'Plugins, with their settings.', examples: [[{ id: 'response-healing' }]] }),
  session_id: z
    .string()
    .max(SESSION_ID_MAX)
    .nullish()
    .meta({
      description:
        'The conversation that all its requests are turns of: it stays with its endpoint from the first answer on. Requests that name one themselves keep it.',
      examples: ['ticket-4711'],
    }),
  prompt_cache_key: z
    .string()
    .nullish()
    .meta({
      description:
        'Names the conversation where `session_id` does not: it stays once an answer has told of a prompt cache.',
      examples: ['ticket-4711'],
    }),
  cache_enabled: z
    .boolean()
    .nullish()
    .meta({ description: 'true: an identical request that was answered before gets that answer. Default false.' }),
  cache_ttl_seconds: z
    .int()
    .min(1)
    .max(RESPONSE_CACHE_TTL_MAX / 1_000)
    .nullish()
    .meta({ description: 'How long answers are kept. Default 300.', examples: [300] }),
  app: z
    .string()
    .min(1)
    .max(256)
    .nullish()
    .meta({
      description: 'What the application calls itself: `HTTP-Referer` on the wire. Some free endpoints look at it.',
      examples: ['https://cline.bot'],
    }),
  max_tool_calls: z
    .int()
    .min(1)
    .max(TOOL_STEPS_MAX)
    .nullish()
    .meta({ description: `Server tools that it may use. Default ${TOOL_STEPS_MAX}.`, examples: [5] }),
  stop_server_tools_when: z
    .array(z.looseObject({ type: z.enum(STOP_CONDITIONS) }))
    .min(1)
    .max(16)
    .nullish()
    .meta({
      description: 'When it uses no more of them, instead of `max_tool_calls`; any of these is enough.',
      examples: [[{ type: 'step_count_is', step_count: 2 }]],
    }),
  reasoning: z
    .looseObject({
      effort: z.enum(EFFORTS).nullish().meta({ description: 'How much it may think.' }),
      max_tokens: z
        .int()
        .min(1)
        .nullish()
        .meta({ description: 'Tokens of reasoning, at most.', examples: [2_000] }),
      enabled: z.boolean().nullish().meta({ description: 'false: it does not.' }),
    })
    .nullish()
    .meta({ description: 'Settings of reasoning.', examples: [{ effort: 'high' }] }),
}

/** The request half alone: what crosses the wire with each request, and what the router plans by. */
export interface RequestHalf extends RequestWishes {
  readonly models: readonly string[]
  readonly provider: ProviderPreferences
}
