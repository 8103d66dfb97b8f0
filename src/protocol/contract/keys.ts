/**
 * `keys:` of the gateway: who may call it, and how much each may spend (openrouter.md §8.3, §8.4). What a key may ask
 * for is at OpenRouter a matter of guardrails that are assigned to it (§8.2); the two lists here are one such guardrail,
 * in short.
 */
import { z } from 'zod'
import { usd } from '../../base/quantities.ts'
import { utcInstant } from './calendar.ts'
import { DEFAULT_WORKSPACE } from './credits.ts'
import { providers } from './restraint.ts'

export const KEY_RESETS = ['daily', 'weekly', 'monthly'] as const

export const keySchema = z
  .strictObject({
    name: z
      .string()
      .regex(/^[a-z0-9][a-z0-9_-]{0,63}$/, {
        error: 'a name has lower-case letters, digits, "-" and "_", and at most 64 characters',
      })
      .meta({ description: 'What workflows call it; a tenant of that name calls with it.', examples: ['support'] }),
    secret: z
      .string()
      .min(8)
      .max(256)
      .regex(/^[\x21-\x7e]+$/, { error: 'a secret has no spaces and nothing outside ASCII' })
      .optional()
      .meta({
        description: 'What a client sends as `Authorization: Bearer …`. Default: `sk-or-v1-` and the name.',
        examples: ['sk-or-v1-support'],
      }),
    creator_user_id: z
      .string()
      .min(1)
      .max(128)
      .optional()
      .meta({ description: 'Whose it is: keys of one’s own and guardrails may name users.', examples: ['alice'] }),
    limit: usd({ min: 0 })
      .optional()
      .meta({ description: 'What it may spend. Absent: as much as the account has.', examples: ['$5'] }),
    limit_reset: z
      .enum(KEY_RESETS)
      .optional()
      .meta({ description: 'When the limit begins anew, at midnight UTC. Absent: never.', examples: ['monthly'] }),
    expires_at: utcInstant()
      .optional()
      .meta({ description: 'From then on it is refused.', examples: ['2026-01-02T00:00:00Z'] }),
    allowed_models: z
      .array(z.string().min(1).max(128))
      .min(1, { error: 'an empty list says nothing; drop it, or name models' })
      .max(1_000)
      .optional()
      .meta({ description: 'It may use no other models. Absent: all.', examples: [['openai/gpt-5-mini']] }),
    allowed_providers: providers.meta({
      description: 'It may use no other providers, within those that the account allows. Absent: all of those.',
      examples: [['openai', 'azure']],
    }),
    disabled: z.boolean().default(false).meta({ description: 'It is refused.' }),
    management: z
      .boolean()
      .default(false)
      .meta({ description: 'It manages the account (`/credits`), and may not ask models anything.' }),
    workspace: z
      .string()
      .min(1)
      .max(64)
      .default(DEFAULT_WORKSPACE)
      .meta({ description: 'The workspace whose budgets it draws on.', examples: ['research'] }),
    include_byok_in_limit: z
      .boolean()
      .default(false)
      .meta({ description: 'Whether requests with keys of one’s own count toward the limit.' }),
  })
  .refine(({ limit, limit_reset: reset }) => reset === undefined || limit !== undefined, {
    path: ['limit_reset'],
    error: 'there is no limit to reset; add one, like `limit: $5`',
  })
  .transform((key) => ({ ...key, secret: key.secret ?? `sk-or-v1-${key.name}` }))

export const keysSchema = z
  .array(keySchema)
  .max(10_000)
  .superRefine((keys, context) => {
    for (const field of ['name', 'secret'] as const) {
      const seen = new Set<string>()
      keys.forEach((key, index) => {
        if (seen.has(key[field])) {
          const message = `there is already a key with the ${field} "${key[field]}"`
          context.addIssue({ code: 'custom', path: [index, field], message })
        }
        seen.add(key[field])
      })
    }
  })
  .transform((keys): KeySpec[] => keys)

/** A key as the fleet file has it, and what has become of it where keys are managed while the gateway stands. */
export type KeySpec = z.infer<typeof keySchema> & {
  /** What it is called where it is told of. Absent: by its name. */
  readonly title?: string
  /** It is gone, and keeps its place. */
  readonly isDeleted?: true
}

/** Place of the key with a secret; -1: there is none. */
export function placeOfKey(keys: readonly KeySpec[], secret: string | undefined): number {
  return keys.findIndex((key) => key.secret === secret && key.isDeleted !== true)
}
