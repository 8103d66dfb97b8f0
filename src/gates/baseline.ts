/**
 * What a scenario came to when it was last found good: its gates and metrics by seed. A gate that compares with it asks
 * whether things have got worse since. Pure: files and dates are read by whoever hands it in.
 */
import { seriesOf, type Series } from './compare.ts'
import { selectorOf, type GateSpec } from './gate-spec.ts'
import type { Book } from './metric.ts'
import type { SeedRange, SweepMetric, SweepResult } from './sweep.ts'

/** A column of a baseline: a gate's metric over its part of the traffic. */
export interface BaselineColumn extends SweepMetric {
  readonly book: Book
}

export interface Baseline {
  readonly name: string
  readonly scenario: string
  /** Version of Squall that played it. */
  readonly squall: string
  readonly clock: 'virtual'
  /** Hash of what was played, but for policies and gates: those are what may change. */
  readonly weather: string
  /** Days, `2026-11-20`. */
  readonly savedOn: string
  readonly expiresOn: string
  /** The command that played it. */
  readonly command: string
  readonly planned: SeedRange
  /** The metrics of its gates, then every metric of the report. */
  readonly columns: readonly BaselineColumn[]
  readonly runs: readonly {
    readonly seed: number
    readonly fingerprint: string | null
    /** In the order of the columns; null: no value. */
    readonly values: readonly (number | null)[]
  }[]
}

/** Baselines by name; a sentence where there is none to be used. */
export type Baselines = ReadonlyMap<string, Baseline | string>

export function baselineOf(
  { scenario, asked, gates, table, runs, command, planned }: SweepResult,
  told: Pick<Baseline, 'name' | 'squall' | 'weather' | 'savedOn' | 'expiresOn'>,
): Baseline {
  const ofGates = gates.map(({ metric, stat, unit, where }, index): BaselineColumn => {
    return { metric, stat, unit, where, book: asked[index]?.book ?? 'upstream' }
  })
  const ofTable = table.map((column): BaselineColumn => ({ ...column, book: 'upstream' }))
  const columns = [...ofGates, ...ofTable]
  const isFirst = columns.map((column, index) => columns.findIndex((other) => keyOf(other) === keyOf(column)) === index)
  return {
    ...told,
    scenario,
    clock: 'virtual',
    command: `${command} --seeds ${planned.first}..${planned.first + planned.count - 1}`,
    planned,
    columns: columns.filter((_, index) => isFirst[index]),
    runs: runs.map(({ seed, fingerprint, gates: cells, metrics }) => ({
      seed,
      fingerprint,
      values: [...cells.map(({ observed }) => observed), ...metrics].filter((_, index) => isFirst[index]),
    })),
  }
}

/** What a gate is compared with; null where the baseline has no such metric over such traffic. */
export function seriesInBaseline(
  { columns, runs }: Baseline,
  { metric, stat, unit }: Omit<SweepMetric, 'where'>,
  spec: Pick<GateSpec, 'where' | 'book'>,
): Series | null {
  const where = selectorOf(spec.where)
  const key = keyOf({ metric, stat, where, book: spec.book ?? 'upstream' })
  const index = columns.findIndex((column) => keyOf(column) === key)
  return index < 0 ? null : seriesOf({ metric, stat, unit, where }, runs, ({ values }) => values[index] ?? null)
}

function keyOf({ metric, stat, where, book }: Omit<BaselineColumn, 'unit'>): string {
  const selected = Object.entries(where).toSorted(([left], [right]) => (left < right ? -1 : 1))
  return JSON.stringify([metric, stat, selected, book])
}
