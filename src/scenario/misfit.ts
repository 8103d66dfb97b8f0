/** Mistakes that only the whole shows, and the sentence for the commonest of them: a name that nobody has. */
import { didYouMean } from '../base/index.ts'

/** Of a long list of names, how many are told. */
const NAMES_SHOWN_MAX = 12

/** A mistake that only the whole shows, at its path in the scenario. */
export interface Misfit {
  readonly path: readonly PropertyKey[]
  readonly isKey?: boolean
  /** The name that nobody has, where that is the mistake. */
  readonly name?: string
  readonly message: string
  readonly allowed?: string
  readonly fix?: string
}

export function unknown(what: string, name: string, known: readonly string[], where: string): Omit<Misfit, 'path'> {
  const meant = didYouMean(name, known)
  return {
    name,
    message: `there is no ${what} "${name}" in ${where}`,
    allowed: known.slice(0, NAMES_SHOWN_MAX).join(', '),
    ...(meant !== undefined && { fix: `did you mean "${meant}"?` }),
  }
}
