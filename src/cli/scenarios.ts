/** Which scenarios a command means, and loading them: every mistake of every file before anything runs. */
import { resolve } from 'node:path'
import { fleetSchema } from '../protocol/index.ts'
import { policySchema } from '../router/index.ts'
import {
  diagnose,
  formatDiagnostic,
  loadScenario,
  readYaml,
  scenarioSchema,
  sortDiagnostics,
  type CompiledScenario,
  type Diagnostic,
} from '../scenario/index.ts'
import { EXIT, Failure } from './exit.ts'
import { expandPaths, readText, scenarioFiles, yamlFilesIn } from './files.ts'
import { plain } from './shell.ts'

/** Where scenarios are looked for when none is named. */
export const SCENARIO_FOLDER = 'scenarios'

export const FILE_KINDS = ['scenario', 'fleet', 'policy'] as const
export type FileKind = (typeof FILE_KINDS)[number]

const SCHEMA_OF = { scenario: scenarioSchema, fleet: fleetSchema, policy: policySchema } as const

export interface Checked {
  readonly path: string
  readonly kind: FileKind
  readonly diagnostics: readonly Diagnostic[]
}

/** The scenario files that arguments mean; without arguments, those directly in `scenarios`. */
export function selectScenarios(cwd: string, args: readonly string[]): string[] {
  const paths = expandPaths(cwd, args.length > 0 ? args : yamlFilesIn(resolve(cwd, SCENARIO_FOLDER)))
  if (paths.length > 0) return paths
  const where =
    args.length > 0 ? `no YAML file matches ${plain(args.join(' '))}` : `there are no scenarios in ${SCENARIO_FOLDER}/`
  throw new Failure(EXIT.nothing, `nothing selected: ${where}. To begin with an example: squall init`)
}

/** All of them, or a Failure that lists every mistake in any of them. */
export function loadAll(cwd: string, paths: readonly string[]): CompiledScenario[] {
  const diagnostics: Diagnostic[] = []
  const scenarios: CompiledScenario[] = []
  for (const path of paths) {
    const kind = kindOfFile(resolve(cwd, path))
    if (kind !== null && kind !== 'scenario') {
      diagnostics.push(inFile(path, `this is a ${kind}; run a scenario that names it`))
      continue
    }
    const loaded = loadScenario(path, scenarioFiles(cwd))
    if (loaded.ok) scenarios.push(loaded.scenario)
    else diagnostics.push(...loaded.diagnostics, ...mistakesBehind(cwd, path))
  }
  if (diagnostics.length > 0) throw new Failure(EXIT.usage, formatAll(diagnostics, 'nothing ran'))
  return scenarios
}

/** Check one file by its own schema; of a scenario also everything that it names. */
export function checkFile(cwd: string, path: string): Checked {
  const kind = kindOfFile(resolve(cwd, path)) ?? 'scenario'
  if (kind === 'scenario') {
    const loaded = loadScenario(path, scenarioFiles(cwd))
    return { path, kind, diagnostics: loaded.ok ? [] : [...loaded.diagnostics, ...mistakesBehind(cwd, path)] }
  }
  const found = readText(resolve(cwd, path))
  if (!found.ok) return { path, kind, diagnostics: [inFile(path, `cannot be read: ${found.message}`)] }
  const source = readYaml(found.text, path)
  const schema = SCHEMA_OF[kind]
  const parsed = schema.safeParse(source.value)
  const diagnostics =
    source.diagnostics.length > 0 || parsed.success ? source.diagnostics : diagnose(parsed.error, schema, source)
  return { path, kind, diagnostics }
}

/** Mistakes in the files that a broken scenario names: loading it stops before them, and they are to be told as well. */
function mistakesBehind(cwd: string, path: string): readonly Diagnostic[] {
  const files = scenarioFiles(cwd)
  const found = files.read(path)
  const value = found.ok ? readYaml(found.text, path).value : undefined
  const { fleet, policies } = (value ?? {}) as { fleet?: unknown; policies?: unknown }
  const named = [fleet, ...(typeof policies === 'object' && policies !== null ? Object.values(policies) : [])]
  return named.flatMap((name) => {
    const target = typeof name === 'string' ? files.resolve(path, name) : null
    const kind = target === null ? null : kindOfFile(resolve(cwd, target))
    return target !== null && kind !== null && kind !== 'scenario' ? checkFile(cwd, target).diagnostics : []
  })
}

/** Every YAML file that belongs to the scenarios in `scenarios`: they themselves, fleets and policies. */
export function allFiles(cwd: string): string[] {
  const folders = [SCENARIO_FOLDER, `${SCENARIO_FOLDER}/fleets`, `${SCENARIO_FOLDER}/policies`]
  return folders.flatMap((folder) => expandPaths(cwd, yamlFilesIn(resolve(cwd, folder))))
}

/** What kind of file this is, by its keys; null when that cannot be told. */
export function kindOfFile(path: string): FileKind | null {
  const found = readText(path)
  if (!found.ok) return null
  const { value } = readYaml(found.text, path)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null
  const keys = Object.keys(value)
  const hits = (kind: FileKind) => keys.filter((key) => DISTINCTIVE[kind].has(key)).length
  const best = FILE_KINDS.reduce((best, kind) => (hits(kind) > hits(best) ? kind : best))
  return hits(best) === 0 ? null : best
}

/** The keys that only one kind of file has. */
const DISTINCTIVE: Readonly<Record<FileKind, ReadonlySet<string>>> = distinctiveKeys()

function distinctiveKeys(): Record<FileKind, ReadonlySet<string>> {
  const keysOf = (kind: FileKind) => Object.keys(SCHEMA_OF[kind].shape)
  const others = (kind: FileKind) => new Set(FILE_KINDS.filter((other) => other !== kind).flatMap(keysOf))
  const only = (kind: FileKind) => new Set(keysOf(kind).filter((key) => !others(kind).has(key)))
  return { scenario: only('scenario'), fleet: only('fleet'), policy: only('policy') }
}

/** Diagnostics with their code frames, and a closing line that counts them. */
function formatAll(diagnostics: readonly Diagnostic[], consequence: string): string {
  const sorted = sortDiagnostics(diagnostics)
  return `${sorted.map(formatDiagnostic).join('\n\n')}\n\n${countMistakes(sorted)}; ${consequence}`
}

/** `3 mistakes in 2 files`. */
export function countMistakes(diagnostics: readonly Diagnostic[]): string {
  const files = new Set(diagnostics.map(({ file }) => file)).size
  const mistakes = diagnostics.length === 1 ? 'mistake' : 'mistakes'
  return `${diagnostics.length} ${mistakes} in ${files} ${files === 1 ? 'file' : 'files'}`
}

function inFile(file: string, message: string): Diagnostic {
  return { file, line: 1, col: 1, path: '', message, frame: '' }
}
