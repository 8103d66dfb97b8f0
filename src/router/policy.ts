/**
 * A policy has two halves. The request half is OpenRouter's own wire fields, so it can be pasted from or into an
 * application; the resilience half is ours. With no resilience half the router behaves as OpenRouter does: straight to
 * the next endpoint, no breaker, no cooldown, content shown as it comes, tool calls untouched.
 */
import { z } from 'zod'
import { count } from '../base/index.ts'
import { QUANTIZATIONS } from '../protocol/index.ts'
import { breakerSchema } from './policies/breaker.ts'
import { commitSchema } from './policies/commit.ts'
import { cooldownSchema } from './policies/cooldown.ts'
import { hedgeSchema } from './policies/hedge.ts'
import { retryBudgetSchema } from './policies/retry-budget.ts'
import { retrySchema } from './policies/retry.ts'
import { timeoutsSchema } from './policies/timeouts.ts'
import { validationSchema } from './policies/validation.ts'
import { reactionsSchema } from './reactions.ts'

/** OpenRouter's limit on `models`, seen on the wire: `'models' array must have 3 items or fewer.` */
export const MODELS_MAX = 3
const ATTEMPTS_DEFAULT = 8

const slugs = z.array(z.string().min(1).max(64)).max(1_000).nullish()
const price = z
  .union([
    z.number().min(0),
    z
      .string()
      .regex(/^\d+(\.\d+)?$/)
      .transform(Number),
  ])
  .nullish()
const sortBy = z.enum(['price', 'throughput', 'latency'])
const percentiles = z
  .union([
    z.number().min(0),
    z.strictObject({
      p50: z.number().min(0).nullish(),
      p75: z.number().min(0).nullish(),
      p90: z.number().min(0).nullish(),
      p99: z.number().min(0).nullish(),
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
  quantizations: z
    .array(z.enum(QUANTIZATIONS))
    .nullish()
    .meta({ description: 'Allowed weight formats.', examples: [['fp8']] }),
  sort: z
    .union([sortBy, z.strictObject({ by: sortBy.nullish(), partition: z.enum(['model', 'none']).nullish() })])
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
    .strictObject({ prompt: price, completion: price, request: price })
    .nullish()
    .meta({
      description: 'USD per million tokens (request: USD); dearer endpoints are never used.',
      examples: [{ prompt: 1, completion: 4 }],
    }),
})

export type ProviderPreferences = z.infer<typeof providerPreferencesSchema>

export const resilienceSchema = z.strictObject({
  timeouts: timeoutsSchema.prefault({}),
  retry: retrySchema.prefault({}),
  retry_budget: retryBudgetSchema
    .optional()
    .meta({ description: 'Absent: extra attempts are limited per request only.', examples: [{ kind: 'ratio' }] }),
  hedge: hedgeSchema.optional().meta({ description: 'Absent: nobody is asked twice at once.' }),
  reactions: reactionsSchema.optional(),
  breaker: breakerSchema.optional().meta({ description: 'Absent: no circuit breaker.' }),
  cooldown: cooldownSchema
    .optional()
    .meta({ description: 'Absent: no cooldown after rate limits and account errors.' }),
  commit: commitSchema.prefault({}),
  validation: validationSchema.prefault({}),
  max_attempts: count({ min: 1, max: 100 })
    .default(ATTEMPTS_DEFAULT)
    .meta({ description: 'Attempts per call, over all endpoints and models.', examples: [6] }),
})

export const policySchema = z.strictObject({
  name: z
    .string()
    .min(1)
    .max(64)
    .meta({ examples: ['support-chat'] }),
  summary: z.string().max(500).optional(),
  models: z
    .array(z.string().min(1).max(128))
    .min(1, { error: 'a policy needs at least one model' })
    .max(MODELS_MAX, { error: `'models' array must have ${MODELS_MAX} items or fewer.` })
    .meta({
      description: 'Models in order of preference.',
      examples: [['openai/gpt-5-mini', 'anthropic/claude-haiku-4-5']],
    }),
  provider: providerPreferencesSchema.prefault({}),
  resilience: resilienceSchema.prefault({}),
})

export type Policy = z.infer<typeof policySchema>

/** The request half alone: what crosses the wire with each request, and what the router plans by. */
export interface RequestHalf {
  readonly models: readonly string[]
  readonly provider: ProviderPreferences
}
