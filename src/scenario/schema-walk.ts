/** The way through a value and its schema: what stands at a path, and which schemas say what may stand there. */
import { z } from 'zod'
import type { Path } from './diagnostics.ts'
import { inline } from './words.ts'

export type Schema = z.core.$ZodType

/** Where issue paths start: the whole file, or the place of a union when its alternatives are looked into. */
export interface Scope {
  readonly schema: Schema
  readonly path: Path
  readonly value: unknown
}

export function valueAt(value: unknown, path: Path): unknown {
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined
    value = (value as Record<PropertyKey, unknown>)[key]
  }
  return value
}

/** The schemas that stand for `path`: one, or several where the way leads through a union that nothing decides. */
export function schemasAt(schema: Schema, path: Path, value: unknown): Schema[] {
  const [key, ...rest] = path
  if (key === undefined) return [schema]
  return alternatives(schema, value)
    .flatMap((layer) => child(layer, key) ?? [])
    .flatMap((below) => schemasAt(below, rest, valueAt(value, [key])))
}

/** The schema without its wrappers, and a union as its alternatives: those that `value` may still be. */
export function alternatives(schema: Schema, value: unknown): Schema[] {
  const bare = unwrapped(schema)
  const { def } = (bare as z.core.$ZodTypes)._zod
  if (def.type === 'intersection') return [...alternatives(def.left, value), ...alternatives(def.right, value)]
  if (def.type !== 'union') return [bare]
  const key = 'discriminator' in def ? String(def.discriminator) : undefined
  const tag = key === undefined ? undefined : valueAt(value, [key])
  const chosen = def.options.filter((option) => key && option._zod.propValues?.[key]?.has(tag as never))
  return (chosen.length > 0 ? chosen : def.options).flatMap((option) => alternatives(option, value))
}

export function unwrapped(schema: Schema): Schema {
  const inner = wrappedBy(schema)
  return inner === undefined ? schema : unwrapped(inner)
}

/** The schema under one wrapper, on the side of what is written. Undefined when `schema` is not a wrapper. */
function wrappedBy(schema: Schema): Schema | undefined {
  const { def } = (schema as z.core.$ZodTypes)._zod
  switch (def.type) {
    case 'optional':
    case 'nullable':
    case 'default':
    case 'prefault':
    case 'nonoptional':
    case 'readonly':
    case 'catch':
      return def.innerType
    case 'lazy':
      return def.getter()
    case 'pipe':
      return (def.in as z.core.$ZodTypes)._zod.def.type === 'transform' ? def.out : def.in
    default:
      return undefined
  }
}

function child(schema: Schema, key: PropertyKey): Schema | undefined {
  const { def } = (schema as z.core.$ZodTypes)._zod
  if (def.type === 'object') return Object.hasOwn(def.shape, key) ? def.shape[key as string] : def.catchall
  if (def.type === 'record') return def.valueType
  if (def.type === 'array') return def.element
  return def.type === 'tuple' ? (def.items[key as number] ?? def.rest ?? undefined) : undefined
}

/** What may stand at `path`, as it would be written in a file. */
export function exampleAt(scope: Scope, path: Path): string | undefined {
  const [schema] = schemasAt(scope.schema, path, scope.value)
  const example = schema && exampleOf(schema)
  return example === undefined ? undefined : inline(example)
}

/**
 * The first of the `examples` in the schema's meta, the outermost meta first; without one, the first word of a choice,
 * or a mapping of the examples of all that it must have.
 */
function exampleOf(schema: Schema): unknown {
  for (let layer: Schema | undefined = schema; layer !== undefined; layer = wrappedBy(layer)) {
    const examples = z.globalRegistry.get(layer)?.['examples']
    if (Array.isArray(examples) && examples.length > 0) return examples[0] as unknown
  }
  const { def } = (unwrapped(schema) as z.core.$ZodTypes)._zod
  if (def.type === 'enum') return Object.values(def.entries)[0]
  if (def.type === 'literal') return def.values[0]
  if (def.type === 'array') {
    const item = exampleOf(def.element)
    return item === undefined ? undefined : [item]
  }
  if (def.type !== 'object') return undefined
  const required = Object.entries(def.shape).filter(([, inner]) => inner._zod.optin === undefined)
  const pairs = required.map(([key, inner]) => [key, exampleOf(inner)] as const)
  return pairs.length === 0 || pairs.some(([, value]) => value === undefined) ? undefined : Object.fromEntries(pairs)
}
