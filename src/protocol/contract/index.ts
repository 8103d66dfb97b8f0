/**
 * contract: the gateway as a fleet file describes it, and the numbers of OpenRouter's contract. Every block of
 * `gateway:` has a file of its own here, with its schema; what is published is in constants.ts, what is not in choices.ts.
 */
import { z } from 'zod'
import { byokSchema } from './byok.ts'
import { choicesSchema } from './choices.ts'

export * from './byok.ts'
export * from './choices.ts'
export * from './constants.ts'

export const gatewaySchema = z.strictObject({
  choices: choicesSchema.prefault({}).meta({
    description: 'What to do where OpenRouter’s contract is silent. Absent: our reading of it.',
    examples: [{ max_price: 'strict' }],
  }),
  byok: byokSchema.meta({
    description: 'Keys of one’s own at providers. Absent: none; everybody shares the gateway’s.',
    examples: [[{ name: 'our-openai', provider: 'openai' }]],
  }),
})

/** The gateway of a fleet: `gateway:` of the fleet file, with every default. */
export type GatewaySpec = z.infer<typeof gatewaySchema>

export const PLAIN_GATEWAY: GatewaySpec = gatewaySchema.parse({})
