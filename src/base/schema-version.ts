/**
 * The version of the language that a scenario, fleet or policy file is written in.
 *
 *   | `schema_version`   | what happens                                                                    |
 *   | ------------------ | ------------------------------------------------------------------------------- |
 *   | absent             | the current one: a file says it only to be safe from a later, different language |
 *   | the current one    | read                                                                            |
 *   | a later one        | refused with this one sentence: the rest would be measured by the wrong rules    |
 *
 * There is no earlier one. The first that changes the meaning of a file becomes 2, and brings the rules for 1 along.
 */
import { z } from 'zod'

export const SCHEMA_VERSION = 1

export const schemaVersion = z
  .literal(SCHEMA_VERSION)
  .optional()
  .meta({ description: 'The version of this language. Default: the current one.', examples: [SCHEMA_VERSION] })

/** Why a file of that version cannot be read by this Squall; null when it can, or when it is no version at all. */
export function versionProblem(written: unknown): { readonly message: string; readonly fix: string } | null {
  if (typeof written !== 'number' || !Number.isInteger(written) || written <= SCHEMA_VERSION) return null
  const message = `the file is written in version ${written} of the language, and this Squall knows ${SCHEMA_VERSION}`
  return { message, fix: 'use a later Squall' }
}
