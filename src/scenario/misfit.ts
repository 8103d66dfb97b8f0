/** Mistakes that only the whole shows, and the sentence for the commonest of them: a name that nobody has. */
import { didYouMean } from '../base/index.ts'
import type { WarningRule } from './diagnostics.ts'
import { lookalikes, shortList } from './words.ts'

/** The parts of a scenario that others name, or are measured by. */
export type Named = 'duration' | 'fleet' | 'policies' | 'windows' | 'workload' | 'timeline' | 'gates'

/**
 * A mistake that only the whole shows. Its path begins in the scenario and may lead on into the fleet or a policy,
 * whether they stand there or in files of their own: `policies.chat.models[0]`.
 */
export interface Misfit {
  readonly path: readonly PropertyKey[]
  readonly isKey?: boolean
  /** Nothing is wrong in it, but it proves less than it seems to: the run goes on. */
  readonly severity?: 'warning'
  /** Of a warning: what kind it is. */
  readonly rule?: WarningRule
  /** The part that must be there as a whole for this to be a mistake. */
  readonly needs?: Named
  /** The name that nobody has, where that is the mistake. */
  readonly name?: string
  readonly message: string
  readonly allowed?: string
  readonly fix?: string
}

const NEEDS: Readonly<Record<string, Named>> = {
  policy: 'policies',
  window: 'windows',
  workflow: 'workload',
  provider: 'fleet',
  model: 'fleet',
  region: 'fleet',
  endpoint: 'fleet',
  gate: 'gates',
}

export function unknown(what: string, name: string, known: readonly string[], where: string): Omit<Misfit, 'path'> {
  const meant = didYouMean(name, known)
  const needs = NEEDS[what]
  return {
    name,
    ...(needs !== undefined && { needs }),
    message: `there is no ${what} "${name}" in ${where}`,
    allowed: known.length === 0 ? `nothing: there is no ${what} yet` : shortList(known),
    ...(meant !== undefined && { fix: `did you mean "${meant}"?${lookalikes(name)}` }),
  }
}
