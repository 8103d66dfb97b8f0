/** Facts about models that hold wherever they are served: `gateway: { models: { <id>: … } }`. */
import { z } from 'zod'
import { utcInstant } from './calendar.ts'
import { routerFacts } from './model-facts.ts'

/** What a prompt or an answer can hold. Files are read by the gateway, whoever serves. */
export const MODALITIES = ['text', 'image', 'audio', 'file', 'video'] as const
export type Modality = (typeof MODALITIES)[number]

const modalities = z.array(z.enum(MODALITIES)).min(1)

const modelFacts = z.strictObject({
  distillable: z
    .boolean()
    .default(false)
    .meta({ description: 'Whether its author lets others train on its answers (`enforce_distillable_text`).' }),
  name: z
    .string()
    .min(1)
    .max(128)
    .optional()
    .meta({ description: 'What the catalogue calls it. Default: its id.', examples: ['OpenAI: GPT-5 Mini'] }),
  description: z.string().max(4_000).default('').meta({ description: 'What the catalogue says of it.' }),
  created: utcInstant()
    .optional()
    .meta({ description: 'When it came into the catalogue. Default: the epoch.', examples: ['2025-08-07T00:00:00Z'] }),
  input_modalities: modalities.optional().meta({
    description: 'What a prompt may hold. Default: what any of its endpoints takes; text, if they do not say.',
    examples: [['text', 'image']],
  }),
  output_modalities: modalities
    .default(['text'])
    .meta({ description: 'What an answer may hold.', examples: [['text']] }),
  tokenizer: z
    .string()
    .min(1)
    .max(64)
    .default('Other')
    .meta({ description: 'Its family, as the catalogue groups models.', examples: ['GPT', 'Claude'] }),
  knowledge_cutoff: z
    .string()
    .regex(/^\d{4}-\d{2}-\d{2}$/, { error: 'a day like 2024-10-01' })
    .optional()
    .meta({ description: 'The last day it knows of.', examples: ['2024-10-01'] }),
  expiration_date: z
    .string()
    .regex(/^\d{4}-\d{2}-\d{2}$/, { error: 'a day like 2027-01-31' })
    .optional()
    .meta({ description: 'The day it leaves the catalogue.', examples: ['2027-01-31'] }),
  hugging_face_id: z.string().min(1).max(128).optional().meta({ description: 'Where its weights are.' }),
  ...routerFacts,
})

export const modelsSchema = z.record(z.string().min(1).max(128), modelFacts)

export type ModelFacts = z.infer<typeof modelFacts>
/** By model id; a model without facts is not in it. */
export type ModelsSpec = z.infer<typeof modelsSchema>

/** What is taken of a model of which nothing is said. */
export const PLAIN_MODEL: ModelFacts = modelFacts.parse({})
