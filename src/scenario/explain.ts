/**
 * From zod's issues to what a person did: a key that is misspelled, a value of the wrong form, the alternative that was
 * probably meant. Each issue becomes a finding with its place; the sentences are in words.ts, the way through the
 * schema in schema-walk.ts.
 */
import { z } from 'zod'
import { didYouMean } from '../base/did-you-mean.ts'
import { toDiagnostics, type Diagnostic, type Path, type Source } from './diagnostics.ts'
import { alternatives, exampleAt, schemasAt, unwrapped, valueAt, type Schema, type Scope } from './schema-walk.ts'
import { beyond, describe, limit, list, quote, formFix, shortList, suggestion, typeName } from './words.ts'

/**
 * Every issue of `error` as a diagnostic. `schema` is what refused the value of `source`. What only follows from parts
 * that are `lost` has been told.
 */
export function diagnose(
  error: z.ZodError,
  schema: z.ZodType,
  source: Source,
  lost: readonly Path[] = [],
): Diagnostic[] {
  const mistakes = error.issues.flatMap((issue) => explain(issue as Issue, { schema, path: [], value: source.value }))
  // A key that is misspelled is also a key that is missing; the spelling is the mistake to show.
  const meant = new Set(mistakes.map((mistake) => mistake.meant))
  const shown = mistakes.filter(
    (mistake) =>
      !(mistake.isMissing && meant.has(z.core.toDotPath(mistake.path))) &&
      !lost.some((gap) => leadsTo(gap, mistake.path) || (!mistake.isKey && leadsTo(mistake.path, gap))),
  )
  return toDiagnostics(
    source,
    shown.map(({ path, isMissing, isKey, ...words }) => {
      const at = isMissing ? source.locate(path.slice(0, -1), 'key') : source.locate(path, isKey ? 'key' : 'value')
      return { ...words, path, at }
    }),
  )
}

/** Whether `inner` is `outer` or lies inside it. */
export function leadsTo(outer: Path, inner: Path): boolean {
  return outer.length <= inner.length && outer.every((step, index) => String(step) === String(inner[index]))
}

type Issue = z.core.$ZodIssue

interface Words {
  readonly message: string
  readonly allowed?: string | undefined
  readonly fix?: string | undefined
}

interface Mistake extends Words {
  readonly path: Path
  /** The key at `path` is what is wrong, not its value. */
  readonly isKey?: boolean
  /** There is nothing at `path`. */
  readonly isMissing?: boolean
  /** The path that a misspelled key was probably meant to be. */
  readonly meant?: string | undefined
}

function explain(issue: Issue, scope: Scope): Mistake[] {
  const path = [...scope.path, ...issue.path]
  const input = valueAt(scope.value, issue.path)
  const isMissing = issue.path.length > 0 && input === undefined
  if (isMissing && issue.code !== 'custom') return [explainMissing(issue, path, scope)]

  switch (issue.code) {
    case 'unrecognized_keys':
      return explainUnknownKeys(issue, path, scope)
    case 'invalid_union':
      if (issue.errors.length > 0) return explainUnion(issue, scope)
      return [{ path, ...explainValue(issue, input, scope) }]
    case 'invalid_key': {
      const keys = { ...scope, schema: z.string() }
      return issue.issues.map((inner) => ({ path, isKey: true, ...explainValue(inner, path.at(-1), keys) }))
    }
    default:
      return [{ path, ...explainValue(issue, input, scope) }]
  }
}

/** The words for an issue about one value, which neither misses nor branches. */
function explainValue(issue: Issue, input: unknown, scope: Scope): Words {
  if (issue.code === 'custom') return { message: issue.message, ...hints(issue.params) }
  if (issue.message !== zodsOwnMessage(issue, input)) return { message: issue.message }

  switch (issue.code) {
    case 'invalid_type':
      return {
        message: `found ${describe(input)}`,
        allowed: typeName(issue.expected),
        fix:
          formFix(issue.expected, input) ??
          (isTop(issue) ? 'begin with keys, like "name: primary-outage"' : mappingFix(issue, scope)),
      }
    case 'invalid_value':
      return {
        message: `unknown value ${quote(input)}`,
        allowed: list(issue.values),
        fix: suggestion(input, issue.values),
      }
    case 'too_big':
      return {
        message: beyond(issue, input, 'large', 'long'),
        allowed: limit(issue, issue.maximum, 'at most', 'less than'),
      }
    case 'too_small':
      return {
        message: beyond(issue, input, 'small', 'short'),
        allowed: limit(issue, issue.minimum, 'at least', 'more than'),
      }
    case 'not_multiple_of':
      return { message: `found ${describe(input)}`, allowed: `a multiple of ${issue.divisor}` }
    case 'invalid_format': {
      const example = exampleAt(scope, issue.path)
      const allowed = issue.format === 'regex' ? `text matching ${issue.pattern}` : issue.format
      return { message: `${quote(input)} has the wrong form`, allowed, fix: example && `write one like ${example}` }
    }
    case 'invalid_union': {
      const options = optionsOf(issue)
      if (options.length === 0) return { message: issue.message }
      const name = String(issue.path.at(-1))
      return { message: `unknown ${name} ${quote(input)}`, allowed: list(options), fix: suggestion(input, options) }
    }
    default:
      return { message: issue.message }
  }
}

/** One value where a mapping is wanted: what the mapping looks like. */
function mappingFix(issue: z.core.$ZodIssueInvalidType, scope: Scope): string | undefined {
  const example = issue.expected === 'object' ? exampleAt(scope, issue.path) : undefined
  return example && `write one like ${example}`
}

/** Whether the whole file is of the wrong form. */
function isTop({ path, code }: Issue): boolean {
  return path.length === 0 && code === 'invalid_type'
}

function explainMissing(issue: Issue, path: Path, scope: Scope): Mistake {
  const key = String(path.at(-1))
  const example = exampleAt(scope, issue.path)
  const allowed = allowedBy(issue)
  return {
    path,
    isMissing: true,
    message: `missing key "${key}"`,
    allowed,
    fix: example && addition(`${key}: ${example}`),
  }
}

function addition(line: string): string {
  return line.includes('"') ? `add ${line}` : `add "${line}"`
}

function explainUnknownKeys(issue: z.core.$ZodIssueUnrecognizedKeys, path: Path, scope: Scope): Mistake[] {
  const input = valueAt(scope.value, issue.path)
  const layers = schemasAt(scope.schema, issue.path, scope.value)
  const objects = layers
    .flatMap((layer) => alternatives(layer, input))
    .flatMap((layer) => {
      const { def } = (layer as z.core.$ZodTypes)._zod
      return def.type === 'object' ? [def.shape] : []
    })
  const shapes = objects.map((shape) => Object.keys(shape))
  // Where a union leaves several, the one that is meant has the most of the keys that are there.
  const written = new Set(typeof input === 'object' && input !== null ? Object.keys(input) : [])
  const overlaps = shapes.map((keys) => keys.filter((key) => written.has(key)).length)
  const known = [...new Set(shapes.filter((_, index) => overlaps[index] === Math.max(...overlaps)).flat())]
  const within = keysWithin(objects)
  return issue.keys.map((key) => {
    const similar = didYouMean(key, known)
    const home = [...(within.get(key) ?? [])].join(' or ')
    const fix = home === '' ? similar && `did you mean "${similar}"?` : `write it in ${home}`
    return {
      path: [...path, key],
      isKey: true,
      message: `unknown key ${quote(key)}`,
      allowed: known.length > 0 ? shortList(known) : undefined,
      fix,
      meant: similar && z.core.toDotPath([...path, similar]),
    }
  })
}

/** What may stand one level further in, and under which keys: it is easily written one level too high. */
function keysWithin(shapes: readonly Readonly<Record<string, Schema>>[]): ReadonlyMap<string, ReadonlySet<string>> {
  const homes = new Map<string, Set<string>>()
  for (const [name, schema] of shapes.flatMap((shape) => Object.entries(shape))) {
    for (const layer of alternatives(schema, undefined)) {
      const { def } = (layer as z.core.$ZodTypes)._zod
      const keys = def.type === 'object' ? Object.keys(def.shape) : []
      for (const key of keys) homes.set(key, (homes.get(key) ?? new Set()).add(name))
    }
  }
  return homes
}

/** Explains the alternative that fits best; when none comes close, says what all of them are. */
function explainUnion(issue: z.core.$ZodIssueInvalidUnion, scope: Scope): Mistake[] {
  const path = [...scope.path, ...issue.path]
  const input = valueAt(scope.value, issue.path)
  const costs = issue.errors.map(cost)
  const lowest = Math.min(...costs)
  if (lowest < NOT_CLOSE) {
    const best = costs.indexOf(lowest)
    const schema = unionOptions(scope, issue.path)[best] ?? z.unknown()
    return issue.errors[best]!.flatMap((inner) => explain(inner, { schema, path, value: input }))
  }

  const reasons = issue.errors.flat()
  const literals = reasons.flatMap((reason) => (reason.code === 'invalid_value' ? reason.values : []))
  const similar = suggestion(input, literals)
  const ownWords = reasons.find((reason) => reason.code === 'custom')
  if (ownWords === undefined || similar !== undefined) {
    const example = similar === undefined ? exampleAt(scope, issue.path) : undefined
    const fix = similar ?? (example && `write one like ${example}`)
    return [{ path, message: `found ${describe(input)}`, allowed: allowedBy(issue), fix }]
  }
  const also = literals.length > 0 ? `${list(literals)} is allowed too` : undefined
  return [{ path, message: ownWords.message, fix: also }]
}

/** The alternatives of the union at `path`, in the order of the issue's `errors`. */
function unionOptions(scope: Scope, path: Path): readonly Schema[] {
  for (const schema of schemasAt(scope.schema, path, scope.value)) {
    const { def } = (unwrapped(schema) as z.core.$ZodTypes)._zod
    if (def.type === 'union') return def.options
  }
  return []
}

/** The cost of an alternative that refuses the value as a whole. */
const NOT_CLOSE = 1000

/** How far an alternative is from what was written: another type is farthest, another word inside is far. */
function cost(issues: readonly Issue[]): number {
  let total = 0
  for (const { code, path } of issues) {
    const isRefusal = code === 'invalid_type' || code === 'invalid_value' || code === 'custom'
    total += path.length === 0 && isRefusal ? NOT_CLOSE : code === 'invalid_value' ? 10 : 1
  }
  return total
}

function allowedBy(issue: Issue): string | undefined {
  if (issue.code === 'invalid_type') return typeName(issue.expected)
  if (issue.code === 'invalid_value') return list(issue.values)
  if (issue.code === 'custom') return issue.params?.['expected'] as string | undefined
  if (issue.code !== 'invalid_union') return undefined
  if (issue.errors.length === 0) return list(optionsOf(issue))
  return [...new Set(issue.errors.flat().map(allowedBy))].filter(Boolean).join(', or ')
}

function optionsOf(issue: z.core.$ZodIssueInvalidUnion): readonly z.core.util.Primitive[] {
  return 'options' in issue ? (issue.options as readonly z.core.util.Primitive[]) : []
}

/** A refinement may say more in `params: { allowed, fix }`. */
function hints(params: Record<string, unknown> | undefined): Omit<Words, 'message'> {
  const text = (value: unknown) => (typeof value === 'string' ? value : undefined)
  return { allowed: text(params?.['allowed']), fix: text(params?.['fix']) }
}

const english = z.locales.en().localeError

/** What zod says when the schema has no words of its own. */
function zodsOwnMessage(issue: Issue, input: unknown): string | undefined {
  const message = english({ ...issue, input } as z.core.$ZodRawIssue)
  return typeof message === 'string' ? message : message?.message
}
