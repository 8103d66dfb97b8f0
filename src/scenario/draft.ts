/**
 * What is left of a scenario without its broken lines: a mistake in the form of one line must not hide that another
 * names a provider nobody has. What cannot be left out has a stand-in, and nothing is said about that.
 */
import { gateSchema } from '../gates/index.ts'
import { fleetSchema } from '../protocol/index.ts'
import { policySchema } from '../router/index.ts'
import type { Diagnostic, Path } from './diagnostics.ts'
import { diagnose, leadsTo } from './explain.ts'
import type { Misfit } from './misfit.ts'
import { faultLineSchema, scenarioSchema, workflowSchema, type Scenario } from './schema.ts'
import type { YamlFile } from './yaml.ts'

/** A scenario to look further at. */
export interface Draft {
  readonly scenario: Scenario
  /** Where a part of it stands in the file. */
  placeOf(path: Path): Path
  /** Whether a mistake only follows from something that is broken, which has been told. */
  isTold(misfit: Misfit): boolean
}

/** Parts whose members stand alone: without the broken ones, the rest can still be checked against the whole. */
const COLLECTIONS: ReadonlySet<PropertyKey> = new Set(['windows', 'policies', 'workload', 'timeline', 'gates', 'abort'])

const ARRIVALS = { kind: 'constant', rate: '1/s' }
const NO_POLICY = { name: 'draft', models: ['draft'] }
/** What stands in for a required key that is broken, as a file would say it. */
const STAND_INS: Readonly<Record<string, unknown>> = {
  name: 'draft',
  summary: 'draft',
  duration: '8760h',
  fleet: { name: 'draft', endpoints: [{ provider: 'draft', model: 'draft', price: { input: 0, output: 0 } }] },
  policies: { draft: NO_POLICY },
  workload: [{ workflow: 'draft', policy: 'draft', arrivals: ARRIVALS, mix: 'short-chat' }],
}

const LINES = { workload: workflowSchema, timeline: faultLineSchema, gates: gateSchema } as const
/** What stands in for a broken key of a line. Others are left out. */
const LINE_STAND_INS: Readonly<Record<string, unknown>> = { at: '0s', for: '1s', arrivals: ARRIVALS, mix: 'short-chat' }
/** Keys that say what a line is: broken, the line is left out as a whole. */
const IDENTITY: ReadonlySet<PropertyKey> = new Set(['id', 'fault', 'workflow', 'metric'])
/** Keys of a line that name others: sound, they are checked even where the rest of the line is broken. */
const NAMING: ReadonlySet<PropertyKey> = new Set(['on', 'policy', 'where'])

/** Stand-ins for a fleet and a policy whose files cannot be read. */
export const FLEET_STAND_IN = fleetSchema.parse(STAND_INS['fleet'])
export const POLICY_STAND_IN = policySchema.parse(NO_POLICY)

/** Null when nothing is left. Mistakes of form are pushed to `diagnostics`. */
export function draftOf(source: YamlFile, diagnostics: Diagnostic[]): Draft | null {
  const parsed = scenarioSchema.safeParse(source.value)
  if (parsed.success && source.lost.length === 0) {
    return { scenario: parsed.data, placeOf: (path) => path, isTold: () => false }
  }
  const issues = parsed.error?.issues ?? []
  if (parsed.error) diagnostics.push(...diagnose(parsed.error, scenarioSchema, source, source.lost))
  if (typeof source.value !== 'object' || source.value === null || Array.isArray(source.value)) return null

  const whole = source.value as Readonly<Record<string, unknown>>
  const unknownKeys = issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys' && issue.path.length === 0 ? issue.keys : [],
  )
  const places = issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys' ? issue.keys.map((key) => [...issue.path, key]) : [issue.path],
  )
  const damaged = [...source.lost, ...places.filter(([key]) => !unknownKeys.includes(String(key)))].filter(
    ({ length }) => length > 0,
  )
  const { rest, kept, replaced, mended } = withoutBroken(whole, damaged, unknownKeys)
  const again = scenarioSchema.safeParse(rest)
  if (!again.success) return null
  const placeOf = ([key, index, ...deeper]: Path): Path => {
    const place = typeof index === 'number' ? (kept.get(key ?? '')?.[index] ?? index) : index
    return [key, place, ...deeper].filter((step) => step !== undefined)
  }
  return {
    scenario: again.data,
    placeOf,
    isTold({ path, needs, name }) {
      if (replaced.has(path[0] ?? '')) return true
      if (mended.some((line) => leadsTo(line, placeOf(path))) && !NAMING.has(path[2] ?? '')) return true
      if (needs === undefined) return false
      const isUnreadable = source.lost.some((gap) => gap[0] === needs)
      const isBroken = damaged.some((gap) => gap[0] === needs)
      return replaced.has(needs) || isUnreadable || (isBroken && (name === undefined || isIn(whole[needs], name)))
    },
  }
}

interface Remains {
  readonly rest: Readonly<Record<string, unknown>>
  /** For each list with members left out, where those that are left stand in the file. */
  readonly kept: ReadonlyMap<PropertyKey, readonly number[]>
  /** Keys that were left out or have a stand-in. */
  readonly replaced: ReadonlySet<PropertyKey>
  /** Lines that were kept without their broken keys, as they stand in the file. */
  readonly mended: readonly Path[]
}

function withoutBroken(
  whole: Readonly<Record<string, unknown>>,
  damaged: readonly Path[],
  unknownKeys: readonly string[],
): Remains {
  const rest: Record<string, unknown> = { ...whole }
  const kept = new Map<PropertyKey, number[]>()
  const replaced = new Set<PropertyKey>()
  const mended: Path[] = []
  const replace = (key: string) => {
    replaced.add(key)
    if (key in STAND_INS) rest[key] = STAND_INS[key]
    else delete rest[key]
  }
  for (const key of unknownKeys) delete rest[key]
  for (const key of new Set(damaged.map(([first]) => String(first)))) {
    const gaps = damaged.filter(([first]) => first === key)
    const value = whole[key]
    const isWhole = !COLLECTIONS.has(key) || gaps.some(({ length }) => length === 1)
    if (isWhole || typeof value !== 'object' || value === null) {
      replace(key)
      continue
    }
    const isSound = (part: PropertyKey) => !gaps.some((gap) => leadsTo([key, part], gap))
    if (Array.isArray(value)) {
      const lines = value.flatMap((line: unknown, index) => {
        if (isSound(index)) return [{ index, line }]
        const rest = mend(
          key,
          line,
          gaps.filter((gap) => leadsTo([key, index], gap)),
        )
        if (rest === null) return []
        mended.push([key, index])
        return [{ index, line: rest }]
      })
      kept.set(
        key,
        lines.map(({ index }) => index),
      )
      rest[key] = lines.map(({ line }) => line)
    } else rest[key] = Object.fromEntries(Object.entries(value).filter(([name]) => isSound(name)))
    if (key in STAND_INS && Object.keys(rest[key] as object).length === 0) replace(key)
  }
  return { rest, kept, replaced, mended }
}

/** A line without its broken keys, if that is still one: what it names can then be checked. */
function mend(list: string, line: unknown, gaps: readonly Path[]): object | null {
  if (typeof line !== 'object' || line === null || !(list in LINES)) return null
  const keys = gaps.map((gap) => gap[2])
  const mended: Record<string, unknown> = { ...line }
  for (const key of keys) {
    if (key === undefined || IDENTITY.has(key) || NAMING.has(key)) return null
    if (key in LINE_STAND_INS) mended[key as string] = LINE_STAND_INS[key as string]
    else delete mended[key as string]
  }
  return LINES[list as keyof typeof LINES].safeParse(mended).success ? mended : null
}

/** Whether a name is in a part of the file, if only in a line that was left out as broken. */
function isIn(part: unknown, name: string): boolean {
  if (Array.isArray(part))
    return part.some((line) => {
      const { workflow, id } = (line ?? {}) as { workflow?: unknown; id?: unknown }
      return workflow === name || id === name
    })
  return typeof part === 'object' && part !== null && Object.hasOwn(part, name)
}
