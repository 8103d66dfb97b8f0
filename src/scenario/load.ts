/**
 * Loading: a scenario file, the fleet and the policies that it names, each read, checked, and compiled together. The
 * files come through `Files`, so this room touches no disk. Every mistake of every file is told at once.
 */
import type { z } from 'zod'
import { fleetSchema, type FleetSpec } from '../protocol/index.ts'
import { policySchema, type Policy } from '../router/index.ts'
import { compile, type CompiledScenario, type Misfit } from './compile.ts'
import { diagnose, sortDiagnostics, toDiagnostics, type Diagnostic, type Source } from './diagnostics.ts'
import { scenarioSchema, type Scenario } from './schema.ts'
import { readYaml } from './yaml.ts'

export interface Files {
  /** The text of a file, or why it cannot be read. */
  read(path: string): { readonly ok: true; readonly text: string } | { readonly ok: false; readonly message: string }
  /** A path written in `from`, as a path that `read` takes; null when it leads outside of what may be read. */
  resolve(from: string, path: string): string | null
}

export type Loaded =
  | { readonly ok: true; readonly scenario: CompiledScenario }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] }

export function loadScenario(file: string, files: Files): Loaded {
  const diagnostics: Diagnostic[] = []
  const source = readSource(file, files, diagnostics)
  const draft = source && draftOf(source, diagnostics)
  if (!draft) return { ok: false, diagnostics: sortDiagnostics(diagnostics) }
  const { scenario, places } = draft

  const include = <T>(reference: string | T, path: readonly PropertyKey[], schema: z.ZodType<T>): T | null => {
    if (typeof reference !== 'string') return reference
    const target = files.resolve(file, reference)
    if (target === null) {
      const message = `"${reference}" leads out of the folder that holds the scenarios`
      diagnostics.push(...misfit(source, { path, message }))
      return null
    }
    const found = files.read(target)
    if (found.ok) return readDocument(target, schema, files, diagnostics)
    diagnostics.push(...misfit(source, { path, message: `cannot read "${reference}": ${found.message}` }))
    return null
  }

  const fleet = include<FleetSpec>(scenario.fleet, ['fleet'], fleetSchema as unknown as z.ZodType<FleetSpec>)
  const policies = Object.entries(scenario.policies).map(([name, policy]) =>
    include<Policy>(policy, ['policies', name], policySchema as unknown as z.ZodType<Policy>),
  )
  const known = policies.filter((policy) => policy !== null)
  if (fleet === null || known.length < policies.length) return { ok: false, diagnostics: sortDiagnostics(diagnostics) }

  const { compiled, misfits } = compile({ file, scenario, fleet, policies: known })
  for (const mistake of misfits) diagnostics.push(...misfit(source, { ...mistake, path: places(mistake.path) }))
  if (diagnostics.length > 0) return { ok: false, diagnostics: sortDiagnostics(diagnostics) }
  return { ok: true, scenario: compiled }
}

/** A scenario to look further at, and where its parts stand in the file. */
interface Draft {
  readonly scenario: Scenario
  places(path: readonly PropertyKey[]): readonly PropertyKey[]
}

/** Lists whose members stand alone: without the broken ones, the rest can still be checked against the whole. */
const LISTS = ['timeline', 'gates'] as const

/**
 * The scenario in a file, or what is left of it without the broken lines of its timeline and gates: a mistake in the
 * form of one line must not hide that another names a provider nobody has.
 */
function draftOf(source: Source, diagnostics: Diagnostic[]): Draft | null {
  const parsed = scenarioSchema.safeParse(source.value)
  if (parsed.success) return { scenario: parsed.data, places: (path) => path }
  diagnostics.push(...diagnose(parsed.error, scenarioSchema, source))

  const rest = { ...(source.value as Record<string, unknown>) }
  const kept = new Map<PropertyKey, number[]>()
  for (const name of LISTS) {
    const list = rest[name]
    if (!Array.isArray(list)) continue
    const broken = new Set(parsed.error.issues.filter(({ path }) => path[0] === name).map(({ path }) => path[1]))
    const sound = list.map((_, index) => index).filter((index) => !broken.has(index))
    if (sound.length === 0) delete rest[name]
    else rest[name] = sound.map((index) => list[index] as unknown)
    kept.set(name, sound)
  }
  for (const issue of parsed.error.issues) {
    if (issue.code === 'unrecognized_keys' && issue.path.length === 0) for (const key of issue.keys) delete rest[key]
  }
  const again = scenarioSchema.safeParse(rest)
  if (!again.success) return null
  const places = ([name, index, ...deeper]: readonly PropertyKey[]): readonly PropertyKey[] => {
    const places = name === undefined ? undefined : kept.get(name)
    const place = typeof index === 'number' ? (places?.[index] ?? index) : index
    return [name, place, ...deeper].filter((step) => step !== undefined)
  }
  return { scenario: again.data, places }
}

function readSource(file: string, files: Files, diagnostics: Diagnostic[]): Source | null {
  const found = files.read(file)
  if (!found.ok) {
    diagnostics.push({ file, line: 1, col: 1, path: '', message: `cannot be read: ${found.message}`, frame: '' })
    return null
  }
  const source = readYaml(found.text, file)
  diagnostics.push(...source.diagnostics)
  return source.diagnostics.length > 0 ? null : source
}

function readDocument<T>(file: string, schema: z.ZodType<T>, files: Files, diagnostics: Diagnostic[]): T | null {
  const source = readSource(file, files, diagnostics)
  if (!source) return null
  const parsed = schema.safeParse(source.value)
  if (parsed.success) return parsed.data
  diagnostics.push(...diagnose(parsed.error, schema, source))
  return null
}

function misfit(source: Source, { path, isKey, message, allowed, fix }: Misfit): Diagnostic[] {
  return toDiagnostics(source, [{ at: source.locate(path, isKey ? 'key' : 'value'), path, message, allowed, fix }])
}
