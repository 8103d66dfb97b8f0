/** Which scenarios a command means, and loading them: every mistake of every file before anything runs. */
import { resolve } from 'node:path'
import {
  checkDocument,
  formatDiagnostic,
  headline,
  kindOf,
  loadScenario,
  readYaml,
  sortDiagnostics,
  type CompiledScenario,
  type Diagnostic,
  type FileKind,
} from '../scenario/index.ts'
import { EXIT, Failure } from './exit.ts'
import { expandPaths, readText, scenarioFiles, yamlFilesIn } from './files.ts'
import { secretsOf } from './secrets.ts'
import { plain, type Shell } from './shell.ts'

/** Where scenarios are looked for when none is named. */
export const SCENARIO_FOLDER = 'scenarios'

export interface Checked {
  readonly path: string
  readonly kind: FileKind
  readonly diagnostics: readonly Diagnostic[]
  /** Only of a scenario without mistakes. */
  readonly warnings: readonly Diagnostic[]
}

/** The scenario files that arguments mean; without arguments, those directly in `scenarios`. */
export function selectScenarios(cwd: string, args: readonly string[]): string[] {
  const paths = expandPaths(cwd, args.length > 0 ? args : yamlFilesIn(resolve(cwd, SCENARIO_FOLDER)))
  if (paths.length > 0) return paths
  const where =
    args.length > 0 ? `no YAML file matches ${plain(args.join(' '))}` : `there are no scenarios in ${SCENARIO_FOLDER}/`
  throw new Failure(EXIT.nothing, `nothing selected: ${where}. To begin with an example: squall init`)
}

/** All of them, or a Failure that lists every mistake in any of them. Warnings are said, and nothing stops for them. */
export function loadAll(shell: Shell, paths: readonly string[], policies: readonly string[] = []): CompiledScenario[] {
  const { cwd } = shell
  const warnings: Diagnostic[] = []
  const diagnostics: Diagnostic[] = []
  const scenarios: CompiledScenario[] = []
  const refused: string[] = []
  for (const path of paths) {
    const kind = kindOfFile(resolve(cwd, path))
    if (kind !== null && kind !== 'scenario') {
      diagnostics.push(inFile(path, `this is a ${kind}; run a scenario that names it`))
      continue
    }
    const loaded = loadScenario(path, scenarioFiles(cwd), policies)
    if (!loaded.ok) {
      diagnostics.push(...loaded.diagnostics)
      refused.push(path)
    } else {
      scenarios.push(loaded.scenario)
      shell.conceal(secretsOf(loaded.scenario, shell.around.env))
      warnings.push(...loaded.warnings)
    }
  }
  if (diagnostics.length > 0) {
    // A policy from outside meets the fleet of each scenario, and not every fleet has its models.
    const some = policies.length > 0 && refused.length > 0 && scenarios.length > 0
    const count = `${refused.length} of ${paths.length} scenarios do not take this policy; leave them out`
    const advice = some ? `\n${count}:\n  ${refused.join('\n  ')}` : ''
    throw new Failure(EXIT.usage, `${formatAll(diagnostics, 'nothing ran')}${advice}`)
  }
  for (const warning of sortDiagnostics(warnings)) shell.err(headline(warning))
  return scenarios
}

/** Check one file by its own schema; of a scenario also everything that it names. */
export function checkFile(cwd: string, path: string): Checked {
  const kind = kindOfFile(resolve(cwd, path)) ?? 'scenario'
  const files = scenarioFiles(cwd)
  if (kind !== 'scenario') return { path, kind, diagnostics: checkDocument(path, kind, files), warnings: [] }
  const loaded = loadScenario(path, files)
  return loaded.ok
    ? { path, kind, diagnostics: [], warnings: loaded.warnings }
    : { path, kind, diagnostics: loaded.diagnostics, warnings: [] }
}

/** Every YAML file that belongs to the scenarios in `scenarios`: they themselves, incidents, fleets and policies. */
export function allFiles(cwd: string): string[] {
  const folders = ['', '/incidents', '/fleets', '/policies', '/policies/profiles'].map((name) => SCENARIO_FOLDER + name)
  return folders.flatMap((folder) => expandPaths(cwd, yamlFilesIn(resolve(cwd, folder))))
}

/** What kind of file this is, by its keys; null when that cannot be told. */
export function kindOfFile(path: string): FileKind | null {
  const found = readText(path)
  return found.ok ? kindOf(readYaml(found.text, path).value) : null
}

/** The end of a command whose files have these mistakes. */
export function refuseAll(diagnostics: readonly Diagnostic[], consequence: string): never {
  throw new Failure(EXIT.usage, formatAll(diagnostics, consequence))
}

/** Diagnostics with their code frames, and a closing line that counts them. */
function formatAll(diagnostics: readonly Diagnostic[], consequence: string): string {
  const sorted = sortDiagnostics(diagnostics)
  return `${sorted.map(formatDiagnostic).join('\n\n')}\n\n${countMistakes(sorted)}; ${consequence}`
}

/** `3 mistakes in 2 files`, `3 mistakes in 2 files, and 1 warning`. */
export function countMistakes(diagnostics: readonly Diagnostic[], warnings: readonly Diagnostic[] = []): string {
  const files = new Set(diagnostics.map(({ file }) => file)).size
  const mistakes = `${countOf(diagnostics, 'mistake')} in ${files} ${files === 1 ? 'file' : 'files'}`
  return warnings.length === 0 ? mistakes : `${mistakes}, and ${countOf(warnings, 'warning')}`
}

export function countOf(things: readonly unknown[], name: string): string {
  return `${things.length} ${name}${things.length === 1 ? '' : 's'}`
}

function inFile(file: string, message: string): Diagnostic {
  return { file, line: 1, col: 1, path: '', message, frame: '' }
}
