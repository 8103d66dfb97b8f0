/**
 * Loading: a scenario file, the fleet and the policies that it names, each read, checked, and compiled together. The
 * files come through `Files`, so this room touches no disk. Every mistake of every file is told at once.
 */
import type { z } from 'zod'
import { fleetSchema, type FleetSpec } from '../protocol/index.ts'
import { policySchema, type Policy } from '../router/index.ts'
import { compile, type CompiledScenario } from './compile.ts'
import { sortDiagnostics, toDiagnostics, type Diagnostic, type Source } from './diagnostics.ts'
import { diagnose } from './explain.ts'
import type { Misfit } from './misfit.ts'
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
  const { scenario, places, isTold } = draft

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
  for (const mistake of misfits) {
    const path = places(mistake.path)
    if (!isTold(path, mistake.name)) diagnostics.push(...misfit(source, { ...mistake, path }))
  }
  if (diagnostics.length > 0) return { ok: false, diagnostics: sortDiagnostics(diagnostics) }
  return { ok: true, scenario: compiled }
}

/** A scenario to look further at, and where its parts stand in the file. */
interface Draft {
  readonly scenario: Scenario
  readonly places: (path: readonly PropertyKey[]) => readonly PropertyKey[]
  /** Whether that name is only missing because the line that brings it is broken, which has been told. */
  readonly isTold: (path: readonly PropertyKey[], name: unknown) => boolean
}

/** Lists whose members stand alone: without the broken ones, the rest can still be checked against the whole. */
const LISTS = ['workload', 'timeline', 'gates'] as const
/** What stands in for a required key that is broken, so that the rest can be looked at. */
const STAND_INS: Readonly<Record<string, unknown>> = { name: 'draft', summary: 'draft', duration: '8760h' }

/**
 * The scenario in a file, or what is left of it without its broken lines: a mistake in the form of one line must not
 * hide that another names a provider nobody has.
 */
function draftOf(source: Source, diagnostics: Diagnostic[]): Draft | null {
  const parsed = scenarioSchema.safeParse(source.value)
  if (parsed.success) return { scenario: parsed.data, places: (path) => path, isTold: () => false }
  diagnostics.push(...diagnose(parsed.error, scenarioSchema, source))
  if (typeof source.value !== 'object' || source.value === null || Array.isArray(source.value)) return null

  const whole = source.value as Readonly<Record<string, unknown>>
  const rest: Record<string, unknown> = { ...whole }
  const broken = new Map<PropertyKey, Set<PropertyKey>>()
  for (const { path, code, ...issue } of parsed.error.issues) {
    const [key, part] = path
    if (key === undefined) {
      if (code === 'unrecognized_keys') for (const unknown of (issue as { keys: string[] }).keys) delete rest[unknown]
    } else if (part !== undefined && isCollection(key)) broken.set(key, (broken.get(key) ?? new Set()).add(part))
    else if (key in STAND_INS) rest[key as string] = STAND_INS[key as string]
    else delete rest[key as string]
  }
  const kept = new Map<PropertyKey, number[]>()
  for (const [key, parts] of broken) {
    const value = rest[key as string]
    if (Array.isArray(value)) {
      const sound = value.map((_, index) => index).filter((index) => !parts.has(index))
      rest[key as string] = sound.map((index) => value[index] as unknown)
      kept.set(key, sound)
    } else {
      const entries = Object.entries(value as object).filter(([name]) => !parts.has(name))
      rest[key as string] = Object.fromEntries(entries)
    }
  }
  const again = scenarioSchema.safeParse(rest)
  if (!again.success) return null
  return {
    scenario: again.data,
    places: ([key, index, ...deeper]) => {
      const place = typeof index === 'number' ? (kept.get(key ?? '')?.[index] ?? index) : index
      return [key, place, ...deeper].filter((step) => step !== undefined)
    },
    isTold: (path, name) => mentions(whole, path, name),
  }
}

function isCollection(key: PropertyKey): boolean {
  return key === 'windows' || key === 'policies' || (LISTS as readonly PropertyKey[]).includes(key)
}

/** Whether what a name stands for is in the file, if only in a line that was left out as broken. */
function mentions(whole: Readonly<Record<string, unknown>>, path: readonly PropertyKey[], name: unknown): boolean {
  const last = path.at(-1)
  if (last === 'window') return isNamed(whole['windows'], name)
  if (last === 'policy') return isNamed(whole['policies'], name)
  if (last !== 'workflow') return false
  return (
    Array.isArray(whole['workload']) &&
    whole['workload'].some((line) => (line as { workflow?: unknown } | null)?.workflow === name)
  )
}

function isNamed(map: unknown, name: unknown): boolean {
  return typeof map === 'object' && map !== null && typeof name === 'string' && Object.hasOwn(map, name)
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
