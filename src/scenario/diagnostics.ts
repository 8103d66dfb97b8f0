/**
 * Diagnostics: every mistake in a file, each with where it is, what was found, what is allowed, and a fix.
 *
 *   scenarios/x.yaml:14:12 timeline[2].for: "90" has no unit; write "90s".
 *     12 |   - at: 60s
 *     13 |     fault: outage
 *   > 14 |     for: 90
 *        |          ^^
 *
 * The first half turns zod's issues into findings, the second half turns findings into diagnostics. The text that is
 * safe to print comes from code-frame.ts.
 */
import { z } from 'zod'
import { didYouMean } from '../base/did-you-mean.ts'
import { codeFrame, visible, type Position } from './code-frame.ts'

export interface Diagnostic {
  readonly file: string
  /** 1-based. */
  readonly line: number
  /** 1-based, in UTF-16 units, as editors count. */
  readonly col: number
  /** `timeline[2].for`; empty at the top of the file and for YAML syntax. */
  readonly path: string
  readonly message: string
  readonly allowed?: string
  readonly fix?: string
  /** The lines around the place, with a marker and a caret. */
  readonly frame: string
}

export type Path = readonly PropertyKey[]

/** A file that was read: what it says, and where it says it. */
export interface Source {
  readonly file: string
  readonly lines: readonly string[]
  readonly value: unknown
  /** Where the key or the value at `path` stands. What is not in the file is placed at its closest ancestor. */
  locate(path: Path, which: 'key' | 'value'): Position
}

/** A mistake before it is put in words for the screen. */
export interface Finding {
  readonly at: Position
  readonly path: Path
  readonly message: string
  readonly allowed?: string | undefined
  readonly fix?: string | undefined
}

/** Reading more at once helps nobody. What is left out is counted in the last one. */
const DIAGNOSTICS_MAX = 50
const ALLOWED_SHOWN_MAX = 12
const QUOTED_MAX = 60

/** Every issue of `error` as a diagnostic. `schema` is what refused the value of `source`. */
export function diagnose(error: z.ZodError, schema: z.ZodType, source: Source): Diagnostic[] {
  const mistakes = error.issues.flatMap((issue) => explain(issue as Issue, { schema, path: [], value: source.value }))
  // A key that is misspelled is also a key that is missing; the spelling is the mistake to show.
  const meant = new Set(mistakes.map((mistake) => mistake.meant))
  const shown = mistakes.filter((mistake) => !(mistake.isMissing && meant.has(z.core.toDotPath(mistake.path))))
  return toDiagnostics(
    source,
    shown.map(({ path, isMissing, isKey, ...words }) => {
      const at = isMissing ? source.locate(path.slice(0, -1), 'key') : source.locate(path, isKey ? 'key' : 'value')
      return { ...words, path, at }
    }),
  )
}

// ── from zod's issues to mistakes ───────────────────────────────────────────────────────────────────────────────────

type Issue = z.core.$ZodIssue
type Schema = z.core.$ZodType

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

/** Where issue paths start: the whole file, or the place of a union when its alternatives are looked into. */
interface Scope {
  readonly schema: Schema
  readonly path: Path
  readonly value: unknown
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
        fix: quotesFix(issue.expected, input),
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

function explainMissing(issue: Issue, path: Path, scope: Scope): Mistake {
  const key = String(path.at(-1))
  const example = exampleAt(scope, issue.path)
  const allowed = allowedBy(issue)
  return { path, isMissing: true, message: `missing key "${key}"`, allowed, fix: example && `add "${key}: ${example}"` }
}

function explainUnknownKeys(issue: z.core.$ZodIssueUnrecognizedKeys, path: Path, scope: Scope): Mistake[] {
  const input = valueAt(scope.value, issue.path)
  const layers = schemasAt(scope.schema, issue.path, scope.value)
  const shapes = layers
    .flatMap((layer) => alternatives(layer, input))
    .flatMap((layer) => {
      const { def } = (layer as z.core.$ZodTypes)._zod
      return def.type === 'object' ? [Object.keys(def.shape)] : []
    })
  // Where a union leaves several, the one that is meant has the most of the keys that are there.
  const written = new Set(typeof input === 'object' && input !== null ? Object.keys(input) : [])
  const overlaps = shapes.map((keys) => keys.filter((key) => written.has(key)).length)
  const known = [...new Set(shapes.filter((_, index) => overlaps[index] === Math.max(...overlaps)).flat())]
  return issue.keys.map((key) => {
    const similar = didYouMean(key, known)
    return {
      path: [...path, key],
      isKey: true,
      message: `unknown key ${quote(key)}`,
      allowed: known.length > 0 ? shortList(known) : undefined,
      fix: similar && `did you mean "${similar}"?`,
      meant: similar && z.core.toDotPath([...path, similar]),
    }
  })
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
    return [{ path, message: `found ${describe(input)}`, allowed: allowedBy(issue), fix: similar }]
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

// ── walking values and schemas ──────────────────────────────────────────────────────────────────────────────────────

function valueAt(value: unknown, path: Path): unknown {
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined
    value = (value as Record<PropertyKey, unknown>)[key]
  }
  return value
}

/** The schemas that stand for `path`: one, or several where the way leads through a union that nothing decides. */
function schemasAt(schema: Schema, path: Path, value: unknown): Schema[] {
  const [key, ...rest] = path
  if (key === undefined) return [schema]
  return alternatives(schema, value)
    .flatMap((layer) => child(layer, key) ?? [])
    .flatMap((below) => schemasAt(below, rest, valueAt(value, [key])))
}

/** The schema without its wrappers, and a union as its alternatives: those that `value` may still be. */
function alternatives(schema: Schema, value: unknown): Schema[] {
  const bare = unwrapped(schema)
  const { def } = (bare as z.core.$ZodTypes)._zod
  if (def.type === 'intersection') return [...alternatives(def.left, value), ...alternatives(def.right, value)]
  if (def.type !== 'union') return [bare]
  const key = 'discriminator' in def ? String(def.discriminator) : undefined
  const tag = key === undefined ? undefined : valueAt(value, [key])
  const chosen = def.options.filter((option) => key && option._zod.propValues?.[key]?.has(tag as never))
  return (chosen.length > 0 ? chosen : def.options).flatMap((option) => alternatives(option, value))
}

function unwrapped(schema: Schema): Schema {
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

/** The first of the `examples` in the schema's meta, as it would be written in a file. The outermost meta wins. */
function exampleAt(scope: Scope, path: Path): string | undefined {
  let [schema] = schemasAt(scope.schema, path, scope.value)
  for (; schema !== undefined; schema = wrappedBy(schema)) {
    const examples = z.globalRegistry.get(schema)?.['examples']
    if (Array.isArray(examples) && examples.length > 0) return inline(examples[0])
  }
  return undefined
}

// ── words ───────────────────────────────────────────────────────────────────────────────────────────────────────────

const TYPE_NAMES = new Map([
  ['string', 'text'],
  ['number', 'a number'],
  ['int', 'a whole number'],
  ['boolean', 'true or false'],
  ['array', 'a list'],
  ['tuple', 'a list'],
  ['object', 'a mapping'],
  ['record', 'a mapping'],
  ['never', 'nothing'],
])

function typeName(expected: string): string {
  return TYPE_NAMES.get(expected) ?? expected
}

function describe(input: unknown): string {
  if (input === null) return 'no value'
  if (Array.isArray(input)) return 'a list'
  if (typeof input === 'object') return 'a mapping'
  return typeof input === 'string' ? `text ${quote(input)}` : `${typeof input} ${quote(input)}`
}

function quote(input: unknown): string {
  if (typeof input === 'object' && input !== null) return describe(input)
  const isLong = typeof input === 'string' && input.length > QUOTED_MAX
  return JSON.stringify(isLong ? `${input.slice(0, QUOTED_MAX)}…` : input) ?? String(input)
}

/** An example in YAML's one-line style. */
function inline(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(inline).join(', ')}]`
  if (typeof value === 'object' && value !== null) {
    const pairs = Object.entries(value).map(([key, inner]) => `${key}: ${inline(inner)}`)
    return `{ ${pairs.join(', ')} }`
  }
  return typeof value === 'string' && /^[a-z0-9][\w./%-]*$/i.test(value) && Number.isNaN(Number(value))
    ? value
    : JSON.stringify(value)
}

function list(values: readonly unknown[]): string {
  return shortList(values.map((value) => quote(typeof value === 'bigint' ? String(value) : value)))
}

function shortList(words: readonly string[]): string {
  const hidden = words.length - ALLOWED_SHOWN_MAX
  return hidden > 1 ? `${words.slice(0, ALLOWED_SHOWN_MAX).join(', ')} and ${hidden} more` : words.join(', ')
}

function suggestion(input: unknown, allowed: readonly unknown[]): string | undefined {
  const words = allowed.filter((value) => typeof value === 'string')
  const similar = typeof input === 'string' ? didYouMean(input, words) : undefined
  return similar && `did you mean "${similar}"?`
}

/** The fix when only the quotes are wrong: "7" for 7, or 7 for "7". */
function quotesFix(expected: string, input: unknown): string | undefined {
  const isNumeric = typeof input === 'string' && /^-?\d+(\.\d+)?$/.test(input)
  if (isNumeric && (expected === 'number' || expected === 'int')) return 'remove the quotes'
  return typeof input === 'number' && expected === 'string' ? `write "${input}"` : undefined
}

interface Limit {
  readonly origin: string
  readonly inclusive?: boolean | undefined
}

function beyond(issue: Limit, input: unknown, thing: string, items: string): string {
  if (issue.origin === 'string') return `${quote(input)} is too ${items}`
  if (Array.isArray(input)) return `a list of ${input.length} is too ${items}`
  return issue.origin === 'number' || issue.origin === 'int' ? `${quote(input)} is too ${thing}` : `too ${thing}`
}

function limit(issue: Limit, bound: number | bigint, inclusive: string, exclusive: string): string {
  const words = issue.inclusive === false ? exclusive : inclusive
  const thing = issue.origin === 'string' ? ' character' : issue.origin === 'array' ? ' item' : undefined
  return thing === undefined ? `${words} ${bound}` : `${words} ${bound}${thing}${bound === 1 ? '' : 's'}`
}

// ── from mistakes to text ───────────────────────────────────────────────────────────────────────────────────────────

/** Findings as diagnostics, in the order of the file, each once: the first 50, and then how many are left out. */
export function toDiagnostics(source: Source, findings: readonly Finding[]): Diagnostic[] {
  const sorted = sortDiagnostics(findings.map((finding) => toDiagnostic(source, finding)))
  const next = sorted[DIAGNOSTICS_MAX]
  if (next === undefined) return sorted
  const { file, line, col, frame } = next
  const message = `${sorted.length - DIAGNOSTICS_MAX} more mistakes from here on are not shown`
  return [...sorted.slice(0, DIAGNOSTICS_MAX), { file, line, col, path: '', message, frame }]
}

/** By file, line, column, path and message; the same mistake at the same place only once. */
export function sortDiagnostics(diagnostics: readonly Diagnostic[]): Diagnostic[] {
  const sorted = diagnostics.toSorted(
    (a, b) =>
      compare(a.file, b.file) ||
      a.line - b.line ||
      a.col - b.col ||
      compare(a.path, b.path) ||
      compare(a.message, b.message),
  )
  return sorted.filter((one, index) => index === 0 || headline(one) !== headline(sorted[index - 1]!))
}

/** The headline and the code frame, without a final line break. */
export function formatDiagnostic(diagnostic: Diagnostic): string {
  return diagnostic.frame === '' ? headline(diagnostic) : `${headline(diagnostic)}\n${diagnostic.frame}`
}

/** `scenarios/x.yaml:14:12 timeline[2].for: "90" has no unit; write "90s".` */
function headline({ file, line, col, path, message, allowed, fix }: Diagnostic): string {
  const sentence = [message, allowed && `allowed: ${allowed}`, fix].filter(Boolean).join('; ')
  return `${file}:${line}:${col} ${path === '' ? '' : `${path}: `}${sentence}${/[.?!…]$/.test(sentence) ? '' : '.'}`
}

function toDiagnostic(source: Source, { at, path, message, allowed, fix }: Finding): Diagnostic {
  return {
    file: visible(source.file),
    line: at.line,
    col: at.col,
    path: visible(z.core.toDotPath(path)),
    message: visible(message),
    ...(allowed !== undefined && { allowed: visible(allowed) }),
    ...(fix !== undefined && { fix: visible(fix) }),
    frame: codeFrame(source.lines, at),
  }
}

/** By code unit: the same order on every machine and in every language. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
