/** The JSON Schemas that editors use, made from the same schemas that check the files. Draft 7, which they all know. */
import { z } from 'zod'
import { fleetSchema } from '../protocol/index.ts'
import { policySchema } from '../router/index.ts'
import { scenarioSchema, SETTLED_KEYS } from './schema.ts'

export const SCHEMAS = { scenario: scenarioSchema, fleet: fleetSchema, policy: policySchema } as const
export type SchemaName = keyof typeof SCHEMAS

export function jsonSchema(name: SchemaName): object {
  return z.toJSONSchema(SCHEMAS[name], {
    io: 'input',
    target: 'draft-07',
    unrepresentable: 'any',
    override({ zodSchema, jsonSchema: written }) {
      const settled = SETTLED_KEYS.get(zodSchema)
      if (settled && written.required) written.required = written.required.filter((key) => !settled.includes(key))
    },
  })
}
