/**
 * What an account may set about who serves its requests, and a guardrail just the same (openrouter.md §8.1, §8.2).
 * Several at once only tighten: lists of who is allowed intersect, lists of who is ignored add up, and a rule about
 * data holds as soon as one of them has it. A request cannot loosen any of them.
 */
import { z } from 'zod'

/** Whose models zero data retention can be demanded of, one by one; `other` is everybody else's. */
export const ZDR_GROUPS = ['anthropic', 'openai', 'google', 'xai', 'other'] as const
export type ZdrGroup = (typeof ZDR_GROUPS)[number]

export const DATA_REGIONS = ['global', 'europe', 'us'] as const
export type DataRegion = (typeof DATA_REGIONS)[number]

/** Providers by slug: a list of who is meant, or none. */
export const providers = z
  .array(z.string().min(1).max(64))
  .min(1, { error: 'an empty list says nothing; drop it, or name providers' })
  .max(1_000)
  .optional()

export const restraintFields = {
  allowed_providers: providers.meta({
    description: 'Use no other providers; `provider.only` of a request narrows it further. Absent: all.',
    examples: [['openai', 'azure']],
  }),
  ignored_providers: providers.meta({
    description: 'Never use these providers, beside those in `provider.ignore` of a request.',
    examples: [['deepinfra']],
  }),
  allowed_data_regions: z
    .array(z.enum(DATA_REGIONS))
    .min(1)
    .optional()
    .meta({
      description:
        'Where prompts may be processed: `europe` are regions that begin with `eu`, `us` those with `us`. Absent: anywhere.',
      examples: [['europe']],
    }),
  zdr: z
    .union([z.boolean(), z.array(z.enum(ZDR_GROUPS))])
    .default(false)
    .meta({
      description: 'Only endpoints with zero data retention: for all models, or for those of these authors.',
      examples: [true, ['anthropic', 'openai']],
    }),
  data_collection: z
    .enum(['allow', 'deny'])
    .default('allow')
    .meta({ description: '`deny`: only providers that do not keep prompts.' }),
  enable_paid_model_training: z
    .boolean()
    .default(true)
    .meta({ description: 'false: no paid model of a provider that trains on prompts.' }),
  enable_free_model_training: z
    .boolean()
    .default(true)
    .meta({ description: 'false: no free model of a provider that trains on prompts.' }),
  enable_free_model_publication: z
    .boolean()
    .default(true)
    .meta({ description: 'false: no free model of a provider that publishes prompts.' }),
}

const restraintSchema = z.object(restraintFields)

export type Restraint = z.infer<typeof restraintSchema>

/** Nothing is restrained. */
export const NO_RESTRAINT: Restraint = restraintSchema.parse({})

/** Whether a region is one of those that a restraint allows. */
export function isRegionAllowed(region: string, { allowed_data_regions: allowed }: Restraint): boolean {
  return allowed === undefined || allowed.some((one) => one === 'global' || lies(region, one))
}

/** Whether prompts processed in a region stay in this part of the world: `eu-west-1`, `europe-west4`; `us-east5`. */
export function lies(region: string, part: Exclude<DataRegion, 'global'>): boolean {
  return region.startsWith(part === 'europe' ? 'eu' : 'us')
}

/** The group of a model, by its author: the part of its id before the slash. */
export function zdrGroupOf(model: string): ZdrGroup {
  const author = model.slice(0, model.indexOf('/'))
  return AUTHORS[author] ?? 'other'
}

const AUTHORS: Readonly<Record<string, ZdrGroup>> = {
  anthropic: 'anthropic',
  openai: 'openai',
  google: 'google',
  'x-ai': 'xai',
  xai: 'xai',
}
