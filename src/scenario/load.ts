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
  const main = readDocument(file, scenarioSchema, files, diagnostics)
  if (!main) return { ok: false, diagnostics: sortDiagnostics(diagnostics) }
  const scenario: Scenario = main.value

  const include = <T>(reference: string | T, path: readonly PropertyKey[], schema: z.ZodType<T>): T | null => {
    if (typeof reference !== 'string') return reference
    const target = files.resolve(file, reference)
    if (target === null) {
      diagnostics.push(
        ...misfit(main.source, { path, message: `"${reference}" leads out of the folder that holds the scenarios` }),
      )
      return null
    }
    const found = files.read(target)
    if (found.ok) return readDocument(target, schema, files, diagnostics)?.value ?? null
    diagnostics.push(...misfit(main.source, { path, message: `cannot read "${reference}": ${found.message}` }))
    return null
  }

  const fleet = include<FleetSpec>(scenario.fleet, ['fleet'], fleetSchema as unknown as z.ZodType<FleetSpec>)
  const policies = Object.entries(scenario.policies).map(([name, policy]) =>
    include<Policy>(policy, ['policies', name], policySchema as unknown as z.ZodType<Policy>),
  )
  const known = policies.filter((policy) => policy !== null)
  if (fleet === null || known.length < policies.length) return { ok: false, diagnostics: sortDiagnostics(diagnostics) }

  const { compiled, misfits } = compile({ file, scenario, fleet, policies: known })
  for (const mistake of misfits) diagnostics.push(...misfit(main.source, mistake))
  return diagnostics.length > 0
    ? { ok: false, diagnostics: sortDiagnostics(diagnostics) }
    : { ok: true, scenario: compiled }
}

function readDocument<T>(
  file: string,
  schema: z.ZodType<T>,
  files: Files,
  diagnostics: Diagnostic[],
): { value: T; source: Source } | null {
  const found = files.read(file)
  if (!found.ok) {
    diagnostics.push({ file, line: 1, col: 1, path: '', message: `cannot be read: ${found.message}`, frame: '' })
    return null
  }
  const source = readYaml(found.text, file)
  if (source.diagnostics.length > 0) {
    diagnostics.push(...source.diagnostics)
    return null
  }
  const parsed = schema.safeParse(source.value)
  if (parsed.success) return { value: parsed.data, source }
  diagnostics.push(...diagnose(parsed.error, schema, source))
  return null
}

function misfit(source: Source, { path, isKey, message, allowed, fix }: Misfit): Diagnostic[] {
  return toDiagnostics(source, [{ at: source.locate(path, isKey ? 'key' : 'value'), path, message, allowed, fix }])
}
