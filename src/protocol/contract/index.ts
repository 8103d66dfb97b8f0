/**
 * contract: the gateway as a fleet file describes it, and the numbers of OpenRouter's contract. Every block of
 * `gateway:` has a file of its own here, with its schema; what is published is in constants.ts, what is not in choices.ts.
 */
import { z } from 'zod'
import { accountSchema } from './account.ts'
import { byokSchema } from './byok.ts'
import { choicesSchema } from './choices.ts'
import { utcInstant } from './calendar.ts'
import { fetchSchema } from './fetch.ts'
import { fileParserSchema } from './file-parser.ts'
import { guardrailsSchema } from './guardrails.ts'
import { keysSchema } from './keys.ts'
import { modelsSchema } from './models.ts'
import { moderationSchema } from './moderation.ts'
import { pluginsSchema } from './plugins.ts'
import { presetsSchema } from './presets.ts'
import { searchSchema } from './search.ts'

export * from './account.ts'
export * from './byok.ts'
export * from './calendar.ts'
export * from './cancellation.ts'
export * from './choices.ts'
export * from './constants.ts'
export * from './credits.ts'
export * from './fetch.ts'
export * from './file-parser.ts'
export * from './guardrails.ts'
export * from './keys.ts'
export * from './model-facts.ts'
export * from './models.ts'
export * from './moderation.ts'
export * from './plugins.ts'
export * from './presets.ts'
export * from './restraint.ts'
export * from './search.ts'

export const gatewaySchema = z.strictObject({
  choices: choicesSchema.prefault({}).meta({
    description: 'What to do where OpenRouter’s contract is silent. Absent: our reading of it.',
    examples: [{ max_price: 'strict' }],
  }),
  byok: byokSchema.meta({
    description: 'Keys of one’s own at providers. Absent: none; everybody shares the gateway’s.',
    examples: [[{ name: 'our-openai', provider: 'openai' }]],
  }),
  epoch: utcInstant()
    .prefault('2026-01-01T00:00:00Z')
    .meta({
      description: 'The instant in UTC at which a run begins: days, months and prices by the clock follow from it.',
      examples: ['2026-01-01T00:00:00Z'],
    }),
  keys: keysSchema.optional().meta({
    description: 'API keys of the gateway. Absent: anybody may call.',
    examples: [[{ name: 'support', limit: '$5', limit_reset: 'monthly' }]],
  }),
  models: modelsSchema.default({}).meta({
    description: 'Facts about models, by id. Absent: nothing is known but what endpoints say.',
    examples: [{ 'meta-llama/llama-3.3-70b': { distillable: true } }],
  }),
  guardrails: guardrailsSchema.optional().meta({
    description: 'What keys and users may ask, and spend. Absent: nothing is forbidden.',
    examples: [[{ name: 'interns', keys: ['support'], allowed_models: ['openai/gpt-5-mini'] }]],
  }),
  moderation: moderationSchema.optional().meta({
    description: 'What the gateway’s moderation flags prompts for. Absent: it flags none.',
    examples: [{ reasons: { violence: ['how to hurt'] } }],
  }),
  plugins: pluginsSchema.prefault({}).meta({
    description: 'Plugins that are on for every request. Absent: those that requests ask for.',
    examples: [{ defaults: [{ id: 'response-healing' }] }],
  }),
  search: searchSchema.optional().meta({
    description: 'The engine behind web search. Absent: there is none, and nothing is searched.',
    examples: [{ engine: 'exa', price: '$0.007' }],
  }),
  fetch: fetchSchema.optional().meta({
    description: 'What reads pages for `openrouter:web_fetch`. Absent: nothing, and who asks for it is refused.',
    examples: [{ engine: 'exa', price: '$0.001' }],
  }),
  file_parser: fileParserSchema.optional().meta({
    description: 'What reads PDFs for models that do not. Absent: nothing; files go to providers as they came.',
    examples: [{ engine: 'cloudflare-ai' }],
  }),
  presets: presetsSchema.optional().meta({
    description: 'Requests that are kept under a name. Absent: none.',
    examples: [{ careful: { provider: { data_collection: 'deny' }, parameters: { temperature: 0 } } }],
  }),
  account: accountSchema.optional().meta({
    description: 'The account that requests belong to. Absent: nobody’s, without credits or settings.',
    examples: [{ credits: '$10', allowed_providers: ['openai', 'azure'], zdr: true }],
  }),
})

/** The gateway of a fleet: `gateway:` of the fleet file, with every default. */
export type GatewaySpec = z.infer<typeof gatewaySchema>

export const PLAIN_GATEWAY: GatewaySpec = gatewaySchema.parse({})
