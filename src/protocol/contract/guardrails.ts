/**
 * `gateway.guardrails`: what keys or users may ask, and spend (openrouter.md §8.2). One enforces nothing until it is
 * assigned, but for the default, which holds for everybody. Of several, allowlists intersect, denylists and filters add
 * up, a demand for zero data retention of one holds for all, and budgets are kept one by one.
 */
import { z } from 'zod'
import { usd } from '../../base/quantities.ts'
import { KEY_RESETS, type KeySpec } from './keys.ts'
import { restraintFields } from './restraint.ts'

export const FILTER_ACTIONS = ['flag', 'redact', 'block'] as const
export type FilterAction = (typeof FILTER_ACTIONS)[number]

/** What the gateway knows how to look for. Names and addresses of people are known by declared labels alone. */
export const BUILTIN_FILTERS = [
  'email', 'phone', 'ssn', 'credit-card', 'ip-address', 'secrets', 'person-name', 'address', 'regex-prompt-injection',
] as const // prettier-ignore
export type BuiltinFilter = (typeof BUILTIN_FILTERS)[number]

const action = z
  .enum(FILTER_ACTIONS)
  .meta({ description: '`block`: 403. `redact`: taken out of the text. `flag`: told.' })
const names = (what: string, example: string) =>
  z
    .array(z.string().min(1).max(128))
    .max(10_000)
    .default([])
    .meta({ description: `The ${what} that it is assigned to.`, examples: [[example]] })
const models = z.array(z.string().min(1).max(128)).max(1_000).optional()

const guardrailSchema = z
  .strictObject({
    name: z
      .string()
      .min(1)
      .max(64)
      .meta({ description: 'What reasons in funnels call it.', examples: ['interns'] }),
    default: z.boolean().default(false).meta({ description: 'true: it holds for everybody.' }),
    keys: names('API keys of `gateway.keys`, by name,', 'support'),
    users: names('users, whom `creator_user_id` of an API key names,', 'alice'),
    ...restraintFields,
    allowed_models: models.meta({
      description: 'Use no other models. Absent: all.',
      examples: [['openai/gpt-5-mini']],
    }),
    ignored_models: models.meta({ description: 'Never use these models.' }),
    limit_usd: usd({ min: 0 })
      .optional()
      .meta({ description: 'What each key and each user under it may spend. Absent: no limit.', examples: ['$5'] }),
    reset_interval: z
      .enum(KEY_RESETS)
      .optional()
      .meta({ description: 'When the limit begins anew, at midnight UTC.', examples: ['daily'] }),
    include_byok_in_budgets: z
      .boolean()
      .default(false)
      .meta({ description: 'Whether requests with keys of one’s own count toward the limit.' }),
    content_filters: z
      .array(
        z.strictObject({
          pattern: z
            .string()
            .min(1)
            .max(1_024)
            .refine(isPattern, { error: 'is no regular expression' })
            .meta({ description: 'A regular expression, read without regard to case.', examples: ['project[- ]x'] }),
          action,
          label: z
            .string()
            .min(1)
            .max(64)
            .meta({
              description: 'What it finds: told to the caller, and declared by workloads.',
              examples: ['PROJECT-X'],
            }),
        }),
      )
      .max(100)
      .default([]),
    content_filter_builtins: z
      .array(z.strictObject({ slug: z.enum(BUILTIN_FILTERS), action }))
      .max(BUILTIN_FILTERS.length)
      .default([])
      .meta({ examples: [[{ slug: 'email', action: 'redact' }]] }),
  })
  .refine(({ limit_usd: limit, reset_interval: interval }) => (limit === undefined) === (interval === undefined), {
    path: ['reset_interval'],
    error: 'a limit and its interval come together, like `limit_usd: $5, reset_interval: daily`',
  })

function isPattern(pattern: string): boolean {
  try {
    return new RegExp(pattern, 'giu') instanceof RegExp
  } catch {
    return false
  }
}

export const guardrailsSchema = z.array(guardrailSchema).max(1_000)

export type GuardrailSpec = z.infer<typeof guardrailSchema>

/** Those that hold for whoever calls: the default ones, and those assigned to his key or to its user. */
export function guardrailsFor(
  {
    guardrails = [],
    keys = [],
  }: { readonly guardrails?: readonly GuardrailSpec[] | undefined; readonly keys?: readonly KeySpec[] | undefined },
  caller: { readonly key: number } | null,
): readonly GuardrailSpec[] {
  const key = caller === null ? undefined : keys[caller.key]
  const user = key?.creator_user_id
  return guardrails.filter(
    (guardrail) =>
      guardrail.default ||
      (key !== undefined && guardrail.keys.includes(key.name)) ||
      (user !== undefined && guardrail.users.includes(user)),
  )
}
