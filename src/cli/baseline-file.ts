/**
 * Baselines on disk: one JSON file each in reports/baselines. A file is whole or it is the one before; what cannot be
 * read is told in words, and what must not be compared with says why, so that a gate on it is never a pass.
 */
import { existsSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { z } from 'zod'
import { redact } from '../base/redact.ts'
import { BOOKS, type Baseline, type Baselines, type GateSpec, type SourceText } from '../gates/index.ts'
import { kindOf, readYaml } from '../scenario/index.ts'
import { EXIT, Failure, systemMessage } from './exit.ts'
import { makeFolder, readText, shownPath } from './files.ts'
import { sha256 } from './hasher.ts'
import { replaceFile } from './report-folder.ts'
import type { Shell } from './shell.ts'
import { parseJson } from './sweep-file.ts'
import { VERSION } from './version.ts'

export const BASELINE_FOLDER = 'reports/baselines'
export const BASELINE_NAME = /^[a-z0-9][a-z0-9-]{0,63}$/
const BASELINE_VERSION = 1
const BYTES_MAX = 64 * 1_048_576

const whole = z.int().min(0)
const day = z.iso.date()
const baselineSchema = z.looseObject({
  squallBaseline: z.literal(BASELINE_VERSION),
  name: z.string().regex(BASELINE_NAME),
  scenario: z.string(),
  squall: z.string().regex(/^\d+\.\d+\.\d+/),
  clock: z.literal('virtual'),
  weather: z.string(),
  savedOn: day,
  expiresOn: day,
  command: z.string(),
  planned: z.strictObject({ first: whole, count: whole }),
  columns: z.array(
    z.strictObject({
      metric: z.string(),
      stat: z.string(),
      unit: z.string(),
      where: z.record(z.string(), z.unknown()),
      book: z.enum(BOOKS),
    }),
  ),
  runs: z.array(
    z.strictObject({ seed: whole, fingerprint: z.string().nullable(), values: z.array(z.number().nullable()) }),
  ),
})

export function baselinePath(cwd: string, name: string): string {
  return resolve(cwd, BASELINE_FOLDER, `${name}.json`)
}

/** null: there is none. Throws a Failure in words when the file is no baseline. */
export function readBaseline(cwd: string, name: string): Baseline | null {
  const path = baselinePath(cwd, name)
  if (!existsSync(path)) return null
  const shown = shownPath(cwd, path)
  const found = readText(path, BYTES_MAX)
  if (!found.ok) throw new Failure(EXIT.usage, `${shown} cannot be read: ${found.message}`)
  const parsed = baselineSchema.safeParse(parseJson(found.text))
  const isWhole = parsed.success && parsed.data.runs.every(({ values }) => values.length === parsed.data.columns.length)
  if (isWhole && parsed.data.name === name) return parsed.data as unknown as Baseline
  throw new Failure(
    EXIT.usage,
    `${shown} is not a baseline of version ${BASELINE_VERSION}; save it again with squall baseline save, or remove it`,
  )
}

/** The baselines that these gates compare with, as far as they may be used for what is to be played. */
export function baselinesFor(
  cwd: string,
  {
    gates,
    file,
    sources,
  }: { readonly gates: readonly GateSpec[]; readonly file: string; readonly sources: readonly SourceText[] },
  today: Date,
): Baselines {
  const names = new Set(gates.flatMap(({ compare }) => (compare === undefined ? [] : [compare.baseline])))
  return new Map(
    [...names].map((name) => {
      const found = readBaseline(cwd, name)
      return [name, found === null ? noneOf(name, file) : (obstacleOf(found, weatherOf(file, sources), today) ?? found)]
    }),
  )
}

function noneOf(name: string, file: string): string {
  return `there is no baseline ${name} in ${BASELINE_FOLDER}; save one where all is well: squall baseline save ${file} --name ${name}`
}

/** Why a baseline must not be compared with; null when it may be. */
function obstacleOf({ name, weather, squall, expiresOn, scenario }: Baseline, today: string, now: Date): string | null {
  if (weather !== today)
    return `baseline ${name} is of another scenario: ${scenario}, its fleet or its traffic has changed since; save it again`
  if (squall.split('.')[0] !== VERSION.split('.')[0])
    return `baseline ${name} was played by squall ${squall}, and this is ${VERSION}; save it again`
  if (dayOf(now) > expiresOn) return `baseline ${name} expired on ${expiresOn}; save it again`
  return null
}

/**
 * Hash of everything that was played but for what a baseline is there to judge: policies, gates, and the words around
 * them. Without secrets, as the shards of a sweep are stored.
 */
export function weatherOf(file: string, sources: readonly SourceText[]): string {
  const hash = sha256()
  for (const source of sources) {
    const { value } = readYaml(redact(source.text), source.file)
    if (kindOf(value) === 'policy') continue
    const kept = Object.entries((value ?? {}) as Record<string, unknown>).filter(
      ([key]) => source.file !== file || !FREE.includes(key),
    )
    hash.update(new TextEncoder().encode(JSON.stringify(canonical(Object.fromEntries(kept)))))
  }
  return hash.digest()
}

/** Keys of a scenario that a baseline does not depend on. */
const FREE: readonly string[] = ['policies', 'gates', 'abort', 'expect', 'seed', 'name', 'summary', 'why']

/** The same value with keys in order. */
function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical)
  if (typeof value !== 'object' || value === null) return value
  const sorted = Object.entries(value).toSorted(([left], [right]) => (left < right ? -1 : 1))
  return Object.fromEntries(sorted.map(([key, each]) => [key, canonical(each)]))
}

/** Whoever reads finds the old one or the new one. */
export function saveBaseline(shell: Shell, baseline: Baseline): string {
  const { cwd } = shell
  const path = baselinePath(cwd, baseline.name)
  try {
    makeFolder(dirname(path))
    replaceFile(
      path,
      `${JSON.stringify({ squallBaseline: BASELINE_VERSION, ...shell.concealed(baseline) }, null, 1)}\n`,
    )
    return shownPath(cwd, path)
  } catch (error) {
    throw new Failure(EXIT.cannot, `the baseline could not be written into ${BASELINE_FOLDER}: ${systemMessage(error)}`)
  }
}

/** `2026-11-20`, by the clock on the wall. */
export function dayOf(date: Date): string {
  const two = (value: number): string => String(value).padStart(2, '0')
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
}
