/** Which guardrails hold for whom: those that are assigned to his key or to its user, and the default ones. */
import { guardrailsFor, type Caller, type GatewaySpec, type GuardrailSpec } from '../protocol/index.ts'
import { filtersOf, flagsOf, type ContentFilter } from './content-filters.ts'

const NOBODY = -1
const NO_FILTERS: readonly ContentFilter[] = []

export class Guardrails {
  private readonly gateway: GatewaySpec
  private readonly known = new Map<number, readonly GuardrailSpec[]>()
  private readonly filters = new Map<number, readonly ContentFilter[]>()

  private readonly flags: readonly ContentFilter[]

  constructor(gateway: GatewaySpec) {
    this.gateway = gateway
    this.flags = gateway.moderation === undefined ? NO_FILTERS : flagsOf(gateway.moderation)
  }

  /** What a text is looked through for: by the filters, and by the moderation. */
  lookingFor(caller: Caller | null): readonly ContentFilter[] {
    const filters = this.filtersFor(caller)
    return this.flags.length === 0 ? filters : [...this.flags, ...filters]
  }

  of(caller: Caller | null): readonly GuardrailSpec[] {
    const key = caller?.key ?? NOBODY
    let guardrails = this.known.get(key)
    if (!guardrails) this.known.set(key, (guardrails = guardrailsFor(this.gateway, caller)))
    return guardrails
  }

  filtersFor(caller: Caller | null): readonly ContentFilter[] {
    if (this.gateway.guardrails === undefined) return NO_FILTERS
    const key = caller?.key ?? NOBODY
    let filters = this.filters.get(key)
    if (!filters) this.filters.set(key, (filters = filtersOf(this.of(caller))))
    return filters
  }
}
