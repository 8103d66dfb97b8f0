/**
 * A policy has two halves. The request half is OpenRouter's own wire fields, so it can be pasted from or into an
 * application; the resilience half is ours. With no resilience half the router behaves as OpenRouter does: straight to
 * the next endpoint, no breaker, no cooldown, content shown as it comes, tool calls untouched.
 */
import { z } from 'zod'
import { count, schemaVersion } from '../base/index.ts'
import { readModelName, type RequestWishes } from '../protocol/index.ts'
import { balanceSchema } from './policies/balance.ts'
import { breakerSchema } from './policies/breaker.ts'
import { budgetSchema } from './policies/budget.ts'
import { commitSchema } from './policies/commit.ts'
import { concurrencySchema } from './policies/concurrency.ts'
import { cooldownSchema } from './policies/cooldown.ts'
import { evaluateSchema } from './policies/evaluate.ts'
import { hedgeSchema } from './policies/hedge.ts'
import { outlierEjectionSchema } from './policies/outlier-ejection.ts'
import { pacingSchema } from './policies/pacing.ts'
import { panicSchema } from './policies/panic.ts'
import { retryBudgetSchema } from './policies/retry-budget.ts'
import { retrySchema } from './policies/retry.ts'
import { sheddingSchema } from './policies/shedding.ts'
import { spillOverSchema } from './policies/spill-over.ts'
import { stickinessSchema } from './policies/stickiness.ts'
import { timeoutsSchema } from './policies/timeouts.ts'
import { validationSchema } from './policies/validation.ts'
import { degradeSchema } from './ladder.ts'
import { modelList, providerPreferencesSchema, wishFields, type ProviderPreferences } from './preferences.ts'
import { reactionsSchema } from './reactions.ts'
import { ruleList } from './rules.ts'

export * from './preferences.ts'

const ATTEMPTS_DEFAULT = 8

export const resilienceSchema = z.strictObject({
  timeouts: timeoutsSchema
    .prefault({})
    .meta({ description: 'How long anything may take.', examples: [{ first_token: '10s', total: '90s' }] }),
  retry: retrySchema.prefault({}).meta({
    description: 'Asking the same endpoint again. Absent: the next endpoint is asked at once.',
    examples: [{ attempts: 1, base: '250ms' }],
  }),
  retry_budget: retryBudgetSchema
    .optional()
    .meta({ description: 'Absent: extra attempts are limited per request only.', examples: [{ kind: 'ratio' }] }),
  hedge: hedgeSchema
    .optional()
    .meta({ description: 'Absent: nobody else is asked while an answer is awaited.', examples: [{ after: 'p95' }] }),
  reactions: reactionsSchema.optional(),
  breaker: breakerSchema
    .optional()
    .meta({ description: 'Absent: no circuit breaker.', examples: [{ consecutive: 5, open_for: '15s' }] }),
  outlier_ejection: outlierEjectionSchema
    .optional()
    .meta({ description: 'Absent: endpoints are not compared with each other.', examples: [{ consecutive: 5 }] }),
  balance: balanceSchema
    .optional()
    .meta({ description: 'Absent: OpenRouter’s draw by price.', examples: [{ by: 'power_of_two' }] }),
  stickiness: stickinessSchema.optional().meta({
    description: 'Absent: a conversation stays only where its prompt is in a cache that makes it cheaper.',
    examples: [{ by: 'session' }],
  }),
  spill_over: spillOverSchema
    .optional()
    .meta({ description: 'Absent: the next model is asked only after the first.', examples: [{ factor: 1.4 }] }),
  panic: panicSchema.optional().meta({
    description: 'Absent: whoever is held back stays held back, even if nobody is left.',
    examples: [{ threshold: '50%' }],
  }),
  concurrency: concurrencySchema.optional().meta({
    description: 'Absent: as many attempts at once as there are requests.',
    examples: [{ kind: 'fixed', limit: 64 }],
  }),
  pacing: pacingSchema
    .optional()
    .meta({ description: 'Absent: as fast as requests come.', examples: [{ requests: '500/min', wait: '2s' }] }),
  shedding: sheddingSchema
    .optional()
    .meta({ description: 'Absent: nobody is turned away for load.', examples: [{ max_in_flight: 500 }] }),
  cooldown: cooldownSchema.optional().meta({
    description: 'Absent: no cooldown after rate limits and account errors.',
    examples: [{ rate_limited: '10s' }],
  }),
  commit: commitSchema
    .prefault({})
    .meta({ description: 'When the caller sees content.', examples: [{ at: 'hold', hold_for: '1s' }] }),
  validation: validationSchema.prefault({}).meta({
    description: 'What answers must be before the caller sees them. Absent: they go through untouched.',
    examples: [{ tool_calls: 'heal', empty_completion: 'fall_back' }],
  }),
  evaluate: evaluateSchema
    .optional()
    .meta({ description: 'Absent: one answer is enough.', examples: [{ score: { quality: 1, cost: 0.1 } }] }),
  budget: budgetSchema
    .optional()
    .meta({ description: 'Absent: money is no object.', examples: [{ per_request: { max_cost: '$0.05' } }] }),
  degrade: degradeSchema.optional(),
  max_attempts: count({ min: 1, max: 100 })
    .default(ATTEMPTS_DEFAULT)
    .meta({ description: 'Attempts per call, over all endpoints and models.', examples: [6] }),
})

export type Resilience = z.infer<typeof resilienceSchema>

/** A policy file before `model` and `models` are one list. */
export const policyFields = z
  .strictObject({
    name: z
      .string()
      .min(1)
      .max(64)
      .meta({ description: 'Its name in scenarios and reports.', examples: ['support-chat'] }),
    summary: z
      .string()
      .max(500)
      .optional()
      .meta({ description: 'One sentence for people.', examples: ['Answers in a second, or a cheaper model does.'] }),
    model: z
      .string()
      .min(1)
      .max(128)
      .optional()
      .meta({ description: 'The first model, before `models`.', examples: ['openai/gpt-5-mini:nitro'] }),
    models: modelList,
    provider: providerPreferencesSchema
      .nullish()
      .transform((provider): ProviderPreferences => provider ?? {})
      .meta({
        description: 'Which providers may be asked, and in which order: OpenRouter’s own fields.',
        examples: [{ order: ['openai', 'azure'], data_collection: 'deny' }],
      }),
    ...wishFields,
    rules: ruleList,
    resilience: resilienceSchema.prefault({}).meta({
      description: 'What happens when providers do not do what they should. Absent: what OpenRouter does.',
      examples: [{ retry: { attempts: 1 }, breaker: { consecutive: 5 } }],
    }),
    schema_version: schemaVersion,
  })
  .refine(
    ({ models, provider, service_tier: tier, resilience }) =>
      resilience.balance === undefined ||
      (!provider.sort && !provider.order?.length && !isTiered(tier) && !models.some(isSortedByName)),
    {
      path: ['resilience', 'balance'],
      error:
        'the request half says in which order to ask (`sort`, `order`, `service_tier`, or a suffix of a model); drop that, or drop `balance`',
    },
  )
  .superRefine(({ rules, resilience: { budget } }, context) => {
    if (budget?.per_workflow ?? budget?.per_tenant) return
    rules.forEach(({ when }, index) => {
      if (when.budget_left === undefined) return
      const message = 'there is no budget that could be left: `resilience.budget` needs `per_workflow` or `per_tenant`'
      context.addIssue({ code: 'custom', path: ['rules', index, 'when', 'budget_left'], message })
    })
  })

export const policySchema = z.preprocess(withModelList, policyFields.transform(modelFirst))

export type Policy = z.infer<typeof policySchema>

/** `model` alone is a list of one. */
function withModelList(fields: unknown): unknown {
  if (typeof fields !== 'object' || fields === null) return fields
  const { model, models } = fields as { readonly model?: unknown; readonly models?: unknown }
  return typeof model === 'string' && models === undefined ? { ...fields, models: [model] } : fields
}

/** `model` is tried before `models` (openrouter.md §2.1). */
function modelFirst({ model, ...policy }: z.infer<typeof policyFields>): Omit<z.infer<typeof policyFields>, 'model'> {
  if (model === undefined) return policy
  return { ...policy, models: [model, ...policy.models.filter((other) => other !== model)] }
}

function isSortedByName(name: string): boolean {
  return readModelName(name).suffixes.some((suffix) => suffix !== 'online')
}

function isTiered(tier: RequestWishes['service_tier']): boolean {
  return tier === 'priority' || tier === 'fast' || tier === 'flex'
}
