/**
 * `gateway.byok` of a fleet file: keys of one's own at providers (openrouter.md §5). Each makes a copy of every endpoint
 * of its provider that it applies to, called with that key, with limits and weather of its own.
 */
import { z } from 'zod'
import { lowerCase } from '../../base/lower-case.ts'
import { count } from '../../base/quantities.ts'
import { capacity, limits } from '../capacity.ts'
import { slug } from '../slug.ts'

const names = (what: string, example: string) =>
  z
    .array(z.string().min(1).max(128))
    .min(1, { error: 'an empty list would match nobody; drop the field to match everybody' })
    .max(100)
    .optional()
    .meta({ description: `Only for these ${what}. Absent: for all.`, examples: [[example]] })

const byokKeySchema = z
  .strictObject({
    name: lowerCase('the name of a key', /^[a-z][a-z0-9_-]{0,63}$/, 'a letter, then letters, digits, "-" and "_"').meta(
      {
        description: 'Its name in reports, and as `key` in fault selectors.',
        examples: ['our-openai'],
      },
    ),
    provider: slug.meta({ description: 'The provider whose key it is.', examples: ['openai'] }),
    sort_order: count({ min: 0, max: 1_000_000 })
      .default(0)
      .meta({ description: 'Lower is tried first. Keys of one number: in the order of their endpoints.' }),
    is_fallback: z
      .boolean()
      .default(false)
      .meta({ description: 'true: after the shared endpoints instead of before them.' }),
    is_required: z
      .boolean()
      .default(false)
      .meta({ description: 'true: the provider’s shared endpoints are not used for what the key applies to.' }),
    is_byok_only: z
      .boolean()
      .default(false)
      .meta({ description: 'true: the provider’s shared endpoints are not used at all, for no model.' }),
    allowed_models: names('models', 'openai/gpt-5-mini'),
    allowed_api_keys: names('API keys of `gateway.keys`, by name', 'support'),
    allowed_user_ids: names('users, whom `creator_user_id` of the API key names', 'alice'),
    declared_zdr: z.boolean().nullish().meta({
      description: 'What its owner declares of zero data retention under this key; over what the endpoint publishes.',
    }),
    limits: limits.optional().meta({
      description: 'Limits of this key at the provider. Absent: those of each endpoint, counted for this key alone.',
      examples: [{ requests_per_minute: 60 }],
    }),
    capacity: capacity.optional().meta({
      description: 'Capacity behind this key. Absent: as much again as the shared endpoint has.',
      examples: [{ slots: 8, queue: 0 }],
    }),
  })
  .refine(({ is_byok_only: isOnly, is_fallback: isFallback }) => !isOnly || !isFallback, {
    path: ['is_byok_only'],
    error: 'a fallback key comes after shared endpoints, so it cannot be the only way; drop one of the two',
  })

export type ByokKey = z.infer<typeof byokKeySchema>

export const byokSchema = z
  .array(byokKeySchema)
  .max(1_000)
  .default([])
  .superRefine((keys, context) => {
    keys.forEach(({ name }, index) => {
      if (keys.findIndex((other) => other.name === name) === index) return
      const message = `there is already a key "${name}"; give one of them another name`
      context.addIssue({ code: 'custom', path: [index, 'name'], message })
    })
  })

/** What a copy of an endpoint is called with, and what it is a copy of. */
export interface ByokCopy {
  /** Name of the key. */
  readonly name: string
  /** Its index in `gateway.byok`. */
  readonly key: number
  /** Index of the shared endpoint. */
  readonly of: number
}
