/**
 * What a metric is: a fold over the ledger with a unit, a numerator and a denominator. A metric file reads like its
 * neighbours: kind, summary, unit, numerator, denominator, the trap its definition avoids, then start, step, finish.
 */
import type { Millis } from '../base/index.ts'
import type { Asked, Directory, EntryKind, EntryOf } from '../ledger/index.ts'
import type { RequestId } from '../protocol/index.ts'
import type { Bounds } from './bounds.ts'
import type { Recovery } from './recovery.ts'
import type { Observation, Unit } from './result.ts'
import type { Selection } from './selection.ts'
import type { Traces } from './traces.ts'

/** `value` is the one number of a metric that has no distribution. Quantiles are nearest rank. */
export const STATS = ['value', 'p50', 'p90', 'p95', 'p99', 'max', 'mean'] as const
export type Stat = (typeof STATS)[number]

/** What a gate may ask for: a statistic, or its metric in the worst of many windows. */
export const GATE_STATS = [...STATS, 'worst_window'] as const

/**
 * Whose money: what the fleet charged for every attempt, what the caller pays by the rules of the gateway, or that with
 * the fee on the credits that it takes.
 */
export const BOOKS = ['upstream', 'billed', 'with_fees'] as const
export type Book = (typeof BOOKS)[number]

/**
 * Why this request must never be sent to that endpoint, or null when it may. An oracle of its own, not the router:
 * a router that judges itself would repeat its own mistake. `rule` and `rung` say which models the policy meant for it:
 * -1 and 0 are its own. `asked`: what was asked of the endpoint; absent: nobody wrote it down, and it is not looked at.
 */
export type IsLegal = (
  request: RequestId,
  workflow: number,
  endpoint: number,
  rule: number,
  rung: number,
  asked?: Asked,
) => string | null

/** What is known only when the run is over, from worlds that were played beside it. */
export interface Aftermath {
  /** null: nobody asked, or it is not known yet. */
  recovery: Recovery | null
}

/** What a fold is handed beside the entries. One per fold; `traces` is one per log. */
export interface FoldContext {
  readonly directory: Directory
  /** Which requests, attempts and faults are meant. */
  readonly selects: Selection
  /** What is known of the request behind an entry. It has seen the entry before the metric does. */
  readonly traces: Traces
  readonly book: Book
  /** What the gate says besides; empty where the report asks. */
  readonly bounds: Bounds
  readonly isLegal: IsLegal
  readonly aftermath: Aftermath
  /** When the run ended, or for a reading during the run: now. Only `finish` may rely on it. */
  readonly endedAt: Millis
  /** How much of the run is looked at, in ms. Only `finish` may rely on it. */
  readonly spanMs: Millis
}

/** The kinds a metric listens to are part of its type, so that `step` needs no check for the others. */
export interface Metric<State, Kind extends EntryKind = EntryKind> {
  /** Its name in a scenario. */
  readonly kind: string
  /** One sentence for people. */
  readonly summary: string
  readonly unit: Unit
  readonly numerator: string
  readonly denominator: string
  /** What `n` counts, as a plural. */
  readonly samples: string
  /** The mistake that the definition avoids. */
  readonly trap: string
  /** Allowed statistics; the first is the default. */
  readonly stats: readonly [Stat, ...Stat[]]
  /** Observed values are rounded to a multiple of this before they are compared. */
  readonly resolution: number
  /** Smallest and largest value that the metric can take. */
  readonly range: readonly [min: number, max: number]
  /** An assertion as a scenario writes it. */
  readonly example: string
  /**
   * `traffic` is told by window, and `step` is handed only requests and attempts that are selected. `faults` has one
   * value per fault, is told over the whole run, and `step` is handed every entry of its kinds.
   */
  readonly scope: 'traffic' | 'faults'
  /** Told of the whole run, from worlds that are played beside it: it takes no `where`. Absent: no. */
  readonly isOfRun?: true
  /** Whether `book` means anything to it. */
  readonly hasBooks: boolean
  /** Whether it is measured against the run without faults. */
  readonly needsTwin: boolean
  /** What a gate on it may say besides. Absent: nothing. */
  readonly takes?: readonly (keyof Bounds)[]
  /** Folded only where a gate asks for it, and no row of the report otherwise. Absent: every run tells it. */
  readonly onDemand?: true
  readonly on: readonly Kind[]
  start(context: FoldContext): State
  step(state: State, entry: EntryOf<Kind>, context: FoldContext): void
  /**
   * Whether an entry counts against a gate with this bound, asserted the way of the example. After `step`. Absent: no one
   * entry does.
   */
  breaks?(entry: EntryOf<Kind>, context: FoldContext, bound: number): boolean
  /** Money that came after its request had closed: `context.traces` says how much was added, spent and wasted. */
  settle?(state: State, context: FoldContext): void
  /** Reads the state without changing it: the screen asks during the run, too. */
  finish(state: State, stat: Stat, context: FoldContext, twin: State | null): Observation
}

export type AnyMetric = Metric<unknown>
