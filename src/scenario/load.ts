/**
 * Loading: a scenario file, the fleet and the policies that it names, each read, checked, and compiled together. The
 * files come through `Files`, so this room touches no disk. Every mistake of every file is told at once, at its own
 * place: what a policy gets wrong about a fleet is told in the policy's file. Only a sound scenario has warnings.
 */
import type { z } from 'zod'
import { versionProblem } from '../base/index.ts'
import type { SourceText } from '../gates/index.ts'
import type { FleetSpec } from '../protocol/index.ts'
import type { Policy } from '../router/index.ts'
import { ARRIVALS, type ArrivalKind, type FileReading } from '../workload/index.ts'
import { compile, type CompiledScenario } from './compile.ts'
import { sortDiagnostics, toDiagnostics, type Diagnostic, type Path, type Source } from './diagnostics.ts'
import { draftOf, FLEET_STAND_IN, POLICY_STAND_IN } from './draft.ts'
import { diagnose, leadsTo } from './explain.ts'
import { kindOf, SCHEMA_OF, type FileKind } from './kinds.ts'
import type { Misfit } from './misfit.ts'
import { readYaml, type YamlFile } from './yaml.ts'

export interface Files {
  /** The text of a file, or why it cannot be read. `bytesMax` is for files that may be longer than people write. */
  read(
    path: string,
    bytesMax?: number,
  ): { readonly ok: true; readonly text: string } | { readonly ok: false; readonly message: string }
  /** A path written in `from`, as a path that `read` takes; null when it leads outside of what may be read. */
  resolve(from: string, path: string): string | null
}

export type Loaded =
  | { readonly ok: true; readonly scenario: CompiledScenario; readonly warnings: readonly Diagnostic[] }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] }

/**
 * `instead` are policies to play in place of the scenario's own: the path of a file for all of them, or `name=path` for
 * one. They are read as they stand, from wherever they are.
 */
export function loadScenario(file: string, files: Files, instead: readonly string[] = []): Loaded {
  const diagnostics: Diagnostic[] = []
  const source = readFile(file, files, diagnostics)
  const draft = source && draftOf(source, diagnostics)
  if (!draft) return { ok: false, diagnostics: sortDiagnostics(diagnostics) }
  const { scenario } = draft
  const inclusions = new Inclusions(source, files, diagnostics)
  const fleet = inclusions.take<FleetSpec>(scenario.fleet, ['fleet'], 'fleet')
  const policies = Object.entries(scenario.policies).map(([name, policy]) => {
    const chosen = instead.findLast((text) => !text.includes('=') || text.startsWith(`${name}=`))
    const path = ['policies', name]
    return chosen === undefined
      ? inclusions.take<Policy>(policy, path, 'policy')
      : inclusions.choose<Policy>(chosen.slice(chosen.indexOf('=') + 1), path, 'policy')
  })
  for (const text of instead) {
    const name = text.slice(0, Math.max(0, text.indexOf('=')))
    if (name !== '' && !Object.hasOwn(scenario.policies, name))
      inclusions.refuse(
        ['policies'],
        `there is no policy "${name}" to play "${text.slice(name.length + 1)}" instead of`,
        `name one of its own: ${Object.keys(scenario.policies).join(', ')}`,
      )
  }

  const arrivalFiles = scenario.workload.map((line, index) => {
    const kind = ARRIVALS.find((candidate) => candidate.kind === line.arrivals.kind) as unknown as ArrivalKind
    return (
      kind.file && inclusions.takeArrivals(kind.file, line.arrivals, draft.placeOf(['workload', index, 'arrivals']))
    )
  })

  const parts = {
    arrivalFiles,
    fleet: fleet ?? FLEET_STAND_IN,
    policies: policies.map((policy) => policy ?? POLICY_STAND_IN),
  }
  const { compiled, misfits, warnings } = compile({ file, sources: inclusions.texts, instead, scenario, ...parts })
  const untold = misfits.filter((misfit) => !draft.isTold(misfit) && !inclusions.isTold(misfit))
  const place = (misfit: Misfit) => inclusions.diagnose({ ...misfit, path: draft.placeOf(misfit.path) })
  diagnostics.push(...untold.filter(({ severity }) => severity === undefined).flatMap(place))
  if (diagnostics.length > 0) return { ok: false, diagnostics: sortDiagnostics(diagnostics) }
  return { ok: true, scenario: compiled, warnings: sortDiagnostics([...untold, ...warnings()].flatMap(place)) }
}

/** Every mistake in a fleet or policy file, read by itself. */
export function checkDocument(file: string, kind: Exclude<FileKind, 'scenario'>, files: Files): Diagnostic[] {
  const diagnostics: Diagnostic[] = []
  readDocument(file, kind, files, diagnostics)
  return diagnostics
}

/** What a fleet or policy file says, read by itself; undefined when it is not sound, which is then told. */
export function readDocument<T>(
  file: string,
  kind: Exclude<FileKind, 'scenario'>,
  files: Files,
  diagnostics: Diagnostic[],
): T | undefined {
  const source = readFile(file, files, diagnostics)
  return source ? (parse(source, SCHEMA_OF[kind] as z.ZodType, diagnostics) as T | undefined) : undefined
}

/** The fleet and the policies of a scenario: in the scenario itself, or in files that it names. */
class Inclusions {
  private readonly source: Source
  private readonly files: Files
  private readonly diagnostics: Diagnostic[]
  /** The files, by where in the scenario they stand. */
  private readonly sources: { readonly path: Path; readonly source: Source }[] = []
  private readonly broken: Path[] = []

  constructor(source: Source, files: Files, diagnostics: Diagnostic[]) {
    this.source = source
    this.files = files
    this.diagnostics = diagnostics
  }

  /** The texts that were read, the scenario's first, each once. */
  get texts(): SourceText[] {
    const all = [this.source, ...this.sources.map(({ source }) => source)]
    return all
      .filter((one, index) => all.findIndex(({ file }) => file === one.file) === index)
      .map(({ file, lines }) => ({ file, text: lines.join('\n') }))
  }

  /** The thing itself, or what the file of that name holds; null when that is broken, which is then told. */
  take<T>(reference: T | string, path: Path, kind: FileKind): T | null {
    if (typeof reference !== 'string') return reference
    const found = this.read<T>(reference, path, kind)
    if (found === null) this.broken.push(path)
    return found
  }

  /** What is in the file that arrivals need; null when that is not what they need, which is then told. */
  takeArrivals(
    { key, read }: NonNullable<ArrivalKind['file']>,
    params: Readonly<Record<string, unknown>>,
    path: Path,
  ): unknown {
    const opened = this.open(params[key] as string, [...path, key], ARRIVAL_BYTES_MAX)
    if (opened === null) return null
    const reading: FileReading<unknown> = read(opened.text, params)
    if (reading.ok) return reading.data
    const findings = reading.mistakes.map(({ line, col, length, ...words }) => ({
      ...words,
      at: { line, col, length },
      path: [],
    }))
    this.diagnostics.push(...toDiagnostics({ file: opened.target, lines: opened.text.split('\n') }, findings))
    return null
  }

  /** What the file holds that is to be played instead; null when it is broken, which is then told. */
  choose<T>(file: string, path: Path, kind: FileKind): T | null {
    const opened = this.files.read(file)
    const found = opened.ok
      ? this.parsed<T>({ target: file, text: opened.text }, path, kind)
      : this.refuse(path, `cannot read "${file}", to be played instead: ${opened.message}`)
    if (found === null) this.broken.push(path)
    return found
  }

  /** Tell a mistake at its place. */
  refuse(path: Path, message: string, fix?: string): null {
    this.diagnostics.push(...this.diagnose({ path, message, ...(fix !== undefined && { fix }) }))
    return null
  }

  /** Whether a misfit only follows from a file that is broken. */
  isTold({ path, needs }: Misfit): boolean {
    return this.broken.some((gap) => leadsTo(gap, path) || gap[0] === needs)
  }

  /** The misfit at its place, which may be in an included file. */
  diagnose({ path, isKey, ...words }: Misfit): Diagnostic[] {
    const inclusion = this.sources.find((one) => path.length > one.path.length && leadsTo(one.path, path))
    const source = inclusion?.source ?? this.source
    const inner = path.slice(inclusion?.path.length ?? 0)
    return toDiagnostics(source, [{ ...words, at: source.locate(inner, isKey ? 'key' : 'value'), path: inner }])
  }

  private read<T>(reference: string, path: Path, kind: FileKind): T | null {
    const opened = this.open(reference, path)
    return opened && this.parsed<T>(opened, path, kind)
  }

  private parsed<T>({ target, text }: Opened, path: Path, kind: FileKind): T | null {
    const count = this.diagnostics.length
    const actual = kindOf(readYaml(text, target).value)
    if (actual !== null && actual !== kind) {
      return this.refuse(path, `"${target}" is a ${actual}, where a ${kind} is wanted`, `name the file of a ${kind}`)
    }
    const source = sourceOf(text, target, this.diagnostics)
    if (source === null) return null
    this.sources.push({ path, source })
    const value = parse(source, SCHEMA_OF[kind] as z.ZodType, this.diagnostics)
    return this.diagnostics.length > count ? null : (value as T)
  }

  /** A file that the scenario names at `path`; null when it cannot be read, which is then told. */
  private open(reference: string, path: Path, bytesMax?: number): Opened | null {
    if (/^[a-z][a-z0-9+.-]*:\/\//i.test(reference)) {
      return this.refuse(path, `"${reference}" is an address, and only files are read`, 'download it and name the file')
    }
    const target = this.files.resolve(this.source.file, reference)
    if (target === null) {
      const message = `"${reference}" leads out of the folder that holds the scenarios`
      return this.refuse(path, message, 'put the file inside, and name it from this one on, like fleets/x.yaml')
    }
    const found = this.files.read(target, bytesMax)
    if (found.ok) return { target, text: found.text }
    return this.refuse(path, `cannot read "${reference}": ${found.message}`, pathFix(reference))
  }
}

interface Opened {
  readonly target: string
  readonly text: string
}

/** 64 MiB: some two million requests. */
const ARRIVAL_BYTES_MAX = 67_108_864

function readFile(file: string, files: Files, diagnostics: Diagnostic[]): YamlFile | null {
  const found = files.read(file)
  if (found.ok) return sourceOf(found.text, file, diagnostics)
  diagnostics.push({ file, line: 1, col: 1, path: '', message: `cannot be read: ${found.message}`, frame: '' })
  return null
}

/** A file with content, of a version that is known; null when there is nothing in it to look at. */
function sourceOf(text: string, file: string, diagnostics: Diagnostic[]): YamlFile | null {
  const source = readYaml(text, file)
  const { value } = source
  const problem = versionProblem((value as { schema_version?: unknown } | null | undefined)?.schema_version)
  if (problem) {
    const path = ['schema_version']
    diagnostics.push(...toDiagnostics(source, [{ ...problem, path, at: source.locate(path, 'value') }]))
    return null
  }
  diagnostics.push(...source.diagnostics)
  return value === undefined ? null : source
}

/** What is probably wrong with a path that leads to no file. */
function pathFix(path: string): string | undefined {
  if (/[\\\p{Cc}]/u.test(path)) return 'write / between folders, and no backslash'
  return /^~|\$/.test(path) ? 'nothing is filled in; name it from this file on, like fleets/x.yaml' : undefined
}

function parse(source: YamlFile, schema: z.ZodType, diagnostics: Diagnostic[]): unknown {
  const parsed = schema.safeParse(source.value)
  if (parsed.success) return parsed.data
  diagnostics.push(...diagnose(parsed.error, schema, source, source.lost))
  return undefined
}
