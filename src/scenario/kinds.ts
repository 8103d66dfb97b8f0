/** The three kinds of file, and how one is told from another: by the keys that only one of them has. */
import { fleetSchema } from '../protocol/index.ts'
import { policyFields, policySchema } from '../router/index.ts'
import { scenarioSchema } from './schema.ts'

export const FILE_KINDS = ['scenario', 'fleet', 'policy'] as const
export type FileKind = (typeof FILE_KINDS)[number]

export const SCHEMA_OF = { scenario: scenarioSchema, fleet: fleetSchema, policy: policySchema } as const

const DISTINCTIVE: Readonly<Record<FileKind, ReadonlySet<string>>> = distinctiveKeys()

/** What a file with this content is; null when that cannot be told. */
export function kindOf(value: unknown): FileKind | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null
  const keys = Object.keys(value)
  const hits = (kind: FileKind) => keys.filter((key) => DISTINCTIVE[kind].has(key)).length
  const best = FILE_KINDS.reduce((best, kind) => (hits(kind) > hits(best) ? kind : best))
  return hits(best) === 0 ? null : best
}

function distinctiveKeys(): Record<FileKind, ReadonlySet<string>> {
  const shapes = { ...SCHEMA_OF, policy: policyFields }
  const keysOf = (kind: FileKind) => Object.keys(shapes[kind].shape)
  const others = (kind: FileKind) => new Set(FILE_KINDS.filter((other) => other !== kind).flatMap(keysOf))
  const only = (kind: FileKind) => new Set(keysOf(kind).filter((key) => !others(kind).has(key)))
  return { scenario: only('scenario'), fleet: only('fleet'), policy: only('policy') }
}
