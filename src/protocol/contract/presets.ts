/**
 * `gateway.presets`: requests that are kept under a name (openrouter.md §8.7). A request names one as `preset: slug`, as
 * its model (`@preset/slug`), or after its model (`openai/gpt-5-mini@preset/slug`). What the request says itself stands
 * over what the preset says, field by field and no deeper; only the tools of both are offered.
 */
import { z } from 'zod'
import { lowerCase } from '../../base/lower-case.ts'
import { MODELS_MAX, RESPONSE_CACHE_TTL_MAX } from './constants.ts'

const modelId = z.string().min(1).max(128)

const presetSchema = z.strictObject({
  model: modelId.optional().meta({ description: 'The model.', examples: ['openai/gpt-5-mini'] }),
  models: z
    .array(modelId)
    .max(MODELS_MAX)
    .optional()
    .meta({ description: 'Models in order, after `model` if there is one.' }),
  provider: z
    .record(z.string(), z.unknown())
    .optional()
    .meta({ description: 'Provider preferences, as in a request.', examples: [{ sort: 'price' }] }),
  service_tier: z.string().optional(),
  plugins: z
    .array(z.looseObject({ id: z.string().min(1).max(64), enabled: z.boolean().nullish() }))
    .max(32)
    .optional(),
  system_prompt: z
    .string()
    .min(1)
    .max(100_000)
    .optional()
    .meta({ description: 'First message of requests that bring no system message.', examples: ['Be brief.'] }),
  parameters: z
    .record(z.string(), z.unknown())
    .optional()
    .meta({ description: 'Sampling parameters and the like, as in a request.', examples: [{ temperature: 0.2 }] }),
  tools: z
    .array(z.looseObject({ type: z.string() }))
    .max(128)
    .optional()
    .meta({ description: 'Tools that are offered beside those of the request.' }),
  cache_enabled: z
    .boolean()
    .optional()
    .meta({ description: 'Whether answers are cached. false: whatever the request says.' }),
  cache_ttl_seconds: z
    .int()
    .min(1)
    .max(RESPONSE_CACHE_TTL_MAX / 1_000)
    .optional()
    .meta({ description: 'How long they are kept.', examples: [300] }),
})

export const presetsSchema = z.record(
  lowerCase('a slug', /^[a-z0-9][a-z0-9-]{0,63}$/, 'a letter or digit, then letters, digits and "-"'),
  presetSchema,
)

export type PresetSpec = z.infer<typeof presetSchema>
export type PresetsSpec = z.infer<typeof presetsSchema>

const REFERENCE = /^(.*)@preset\/([^/]+)$/

/** A model's name apart from the preset that it refers to; a preset alone has no model. */
export function readPresetName(name: string): { readonly model: string | null; readonly preset: string | null } {
  const [, model, preset] = REFERENCE.exec(name) ?? []
  if (preset === undefined) return { model: name, preset: null }
  return { model: model === '' ? null : (model ?? null), preset }
}

/** The models of a preset, first first. */
export function modelsOfPreset({ model, models = [] }: PresetSpec): readonly string[] {
  return model === undefined ? models : [model, ...models]
}

export interface Named {
  readonly preset?: string | null | undefined
  readonly models: readonly string[]
}

/** Which preset a request refers to, and the models it names itself; null for no preset. */
export function presetReference({ preset, models }: Named): { preset: string; models: readonly string[] } | null {
  const names = models.map(readPresetName)
  const slug = preset ?? names.find((name) => name.preset !== null)?.preset ?? null
  return slug === null ? null : { preset: slug, models: names.flatMap(({ model }) => model ?? []) }
}
