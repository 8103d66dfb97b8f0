/**
 * A story told in the scenario language, played in virtual time, and held against a formula. Every check is a row:
 * what theory says, what the ledger says, and how far apart the two may be; the rows are printed when all are in.
 */
import { expect, vi } from 'vitest'
import { judgeSweep, seedGates, seedRunOf, type RunResult, type SweepResult } from '../../src/gates/index.ts'
import type { Entry } from '../../src/ledger/index.ts'
import { VirtualRun } from '../../src/runner/index.ts'
import { formatDiagnostic, loadScenario, type CompiledScenario } from '../../src/scenario/index.ts'
import type { Estimate } from './statistics.ts'

// A slow machine must not look like a wrong formula.
vi.setConfig({ testTimeout: 60_000 })

/** How many standard errors apart the two may be: further, by chance, is one honest row in thousands. */
export const SIGMAS = 4

export interface Story {
  readonly seed?: number
  readonly seconds: number
  /** The inside of each endpoint's braces, but for model and price. */
  readonly endpoints: readonly string[]
  /** The inside of the policy's braces, but for name and models. */
  readonly policy?: string
  readonly arrivals: string
  /** The rest of the workflow. */
  readonly workflow?: string
  readonly timeline?: readonly string[]
}

/** The scenario file of a story: one model, one policy, one workflow, and nobody who gives up by himself. */
export function fileOf({ seed = 1, seconds, endpoints, policy, arrivals, workflow, timeline = [] }: Story): string {
  const list = (lines: readonly string[]): string => lines.map((line) => `\n  - { ${line} }`).join('')
  return `
name: theory
summary: One formula.
seed: ${seed}
duration: ${decimal(seconds)}s
drain: 24h
fleet:
  name: theory
  endpoints:${list(endpoints.map((inside) => `model: m, price: { input: 1, output: 2 }, ${inside}`)).replaceAll('\n', '\n  ')}
policies:
  plain: { name: plain, models: [m], ${policy ?? PATIENT} }
workload:${list([`workflow: w, policy: plain, mix: short-chat, arrivals: { ${arrivals} }, ${workflow ?? UNHURRIED}`])}
timeline:${timeline.length === 0 ? ' []' : list(timeline)}
`
}

const PATIENT = 'resilience: { timeouts: { attempt: 24h } }'
const UNHURRIED = 'client: { timeout: 24h }'

/** A number as the language reads it: three decimals at most, no exponent. */
export const decimal = (value: number): string => String(Number(value.toFixed(3)))

export function load(text: string, read: (path: string) => string = () => ''): CompiledScenario {
  const loaded = loadScenario('theory.yaml', {
    read: (path) => ({ ok: true, text: path === 'theory.yaml' ? text : read(path) }),
    resolve: (_from, path) => path,
  })
  if (!loaded.ok) throw new Error(`${loaded.diagnostics.map(formatDiagnostic).join('\n')}\n${text}`)
  return loaded.scenario
}

/** Play a scenario to its end; `step` sees every entry of the ledger. */
export function play(scenario: CompiledScenario, step: (entry: Entry) => void): RunResult {
  const run = new VirtualRun(scenario, { hasher: null, sinks: [{ step }] })
  run.advance(Infinity)
  return run.finish()
}

export const tell = (story: Story, step: (entry: Entry) => void): RunResult => play(load(fileOf(story)), step)

/** The same scenario with so many seeds, from 1 on, judged as one. */
export function playSeeds(scenario: CompiledScenario, count: number): SweepResult {
  const results = Array.from({ length: count }, (_, index) =>
    play({ ...scenario, seed: index + 1, gates: seedGates(scenario.gates) }, () => {}),
  )
  const { name, summary, file, durationMs, expect: expected, gates: asked, sources } = scenario
  const head = { scenario: name, summary, file, durationMs, expect: expected, asked, sources, command: '' }
  const played = results.map(seedRunOf)
  const [first] = results
  if (first === undefined) throw new Error('a sweep needs a seed')
  return judgeSweep(
    { ...head, planned: { first: 1, count } },
    first.gates,
    played[0]?.table ?? [],
    played.map(({ run }) => run),
  )
}

/** A metric of the report, over the whole run. */
export function metric(result: RunResult, kind: string, stat = 'value'): number {
  const row = result.metrics.find(
    (each) => each.metric === kind && each.stat === stat && Object.keys(each.where).length === 0,
  )
  if (row?.value == null) throw new Error(`no ${kind} ${stat}`)
  return row.value
}

// ── rows ────────────────────────────────────────────────────────────────────────────────────────────────────────────

export interface Row {
  /** Id of the check in our list of external checks; a word where it has none. */
  readonly id: string
  readonly what: string
  readonly expected: number
  readonly measured: number
  /** How far apart the two may be. 0: not at all. */
  readonly tolerance: number
}

const rows: Row[] = []

/** A row whose tolerance follows from the sample: SIGMAS standard errors. */
export const rowOf = (id: string, what: string, expected: number, { mean, error }: Estimate): Row => ({
  id,
  what,
  expected,
  measured: mean,
  tolerance: SIGMAS * error,
})

export const holds = ({ expected, measured, tolerance }: Row): boolean => Math.abs(measured - expected) <= tolerance

/** Keep the row for the table, and hold it against its tolerance. */
export function check(row: Row): void {
  rows.push(row)
  expect(holds(row), line(row)).toBe(true)
}

/** A row that must not hold: what a wrong model would have measured. */
export function checkCaught(row: Row): void {
  rows.push({ ...row, what: `${row.what} (wrong on purpose)` })
  expect(holds(row), `a wrong model went unseen: ${line(row)}`).toBe(false)
}

export function table(): string {
  const cells = [['id', 'check', 'expected', 'measured', 'within ±', ''], ...rows.map(cellsOf)]
  const widths = cells[0]!.map((_, column) => Math.max(...cells.map((each) => each[column]!.length)))
  return cells
    .map((each) =>
      each
        .map((cell, column) =>
          column < 2 || column > 4 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

const line = (row: Row): string => cellsOf(row).join(' | ')

function cellsOf(row: Row): string[] {
  const { id, what, expected, measured, tolerance } = row
  return [id, what, digits(expected), digits(measured), tolerance === 0 ? 'exact' : digits(tolerance), verdict(row)]
}

function verdict(row: Row): string {
  if (row.what.endsWith('(wrong on purpose)')) return holds(row) ? 'UNSEEN' : 'caught'
  return holds(row) ? 'ok' : 'OFF'
}

function digits(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e9) return String(value)
  return value !== 0 && Math.abs(value) < 1e-3 ? value.toExponential(3) : value.toPrecision(5)
}
