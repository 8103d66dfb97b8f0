/**
 * The catalogue of faults by name. A timeline names a kind (`outage`), or a row of the catalogue (`net.refused`): a kind
 * with some of its parameters settled.
 */
import type { FaultKind, FaultVariant } from './fault.ts'
import { FAULTS } from './faults/index.ts'

export interface NamedFault {
  readonly kind: FaultKind
  /** null: the name is that of the kind itself. */
  readonly variant: FaultVariant | null
}

const KINDS = FAULTS as unknown as readonly FaultKind[]

/** Every row, kinds without rows included, in the order of the registry. */
export const CATALOGUE: readonly NamedFault[] = KINDS.flatMap((kind) =>
  (kind.variants ?? [null]).map((variant) => ({ kind, variant })),
)

const byName = new Map<string, NamedFault>([
  ...KINDS.map((kind) => [kind.kind, { kind, variant: null }] as const),
  ...CATALOGUE.flatMap((row) => (row.variant === null ? [] : [[row.variant.id, row] as const])),
])

/** Every name that a timeline may say: kinds first, then rows. */
export const FAULT_NAMES: readonly string[] = [...byName.keys()]

/** What a name of the timeline stands for; null for a name nobody has. */
export function faultNamed(name: string): NamedFault | null {
  return byName.get(name) ?? null
}
