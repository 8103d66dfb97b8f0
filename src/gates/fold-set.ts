/**
 * The metrics over one log. Those that look at the same part of the traffic share one Selection, which is asked once
 * per entry for all of them: most of what a window's metrics would be told is not theirs.
 */
import {
  ENTRY_KINDS,
  type Directory,
  type Entry,
  type EntryKind,
  type EntryOf,
  type Log,
  type Steps,
} from '../ledger/index.ts'
import type { Bounds } from './bounds.ts'
import { MetricFold } from './metric-fold.ts'
import type { Aftermath, Book, FoldContext, IsLegal } from './metric.ts'
import { metricOf } from './metrics/index.ts'
import type { Selector } from './result.ts'
import { Selection } from './selection.ts'
import { Traces } from './traces.ts'
import { WindowFold, type Windows } from './window-fold.ts'
import { Witness } from './witness.ts'

/** A metric over what is selected, or in the worst window of it. */
export type GateFold = MetricFold | WindowFold
/** Those that hardly any run has. They are told apart from the others: one call for all kinds would be slower for all. */
type RareFold = WindowFold | Witness

/** The metrics of one selection. */
interface Group {
  readonly selects: Selection
  readonly folds: MetricFold[]
  readonly rare: RareFold[]
}

/** Those of a group that listen to one kind of entry. */
interface Section {
  readonly selects: Selection
  /** Told only what is selected. */
  readonly traffic: readonly MetricFold[]
  /** Told only what is selected. */
  readonly rare: readonly RareFold[]
  /** Told everything. */
  readonly others: readonly MetricFold[]
}

interface Settling {
  readonly selects: Selection
  readonly settled: readonly (MetricFold | RareFold)[]
}

type AttemptEntry = EntryOf<'attempt.started'> | EntryOf<'attempt.ended'> | EntryOf<'fleet.charged'>
type MoneyEntry = EntryOf<'fleet.charged'> | EntryOf<'attempt.ended'>

export class FoldSet {
  /** What is known of requests in flight, for folds beside the metrics that are attached after these. */
  readonly traces = new Traces()
  private readonly groups = new Map<string, Group>()
  private readonly folds = new Map<string, MetricFold>()
  private readonly windowFolds = new Map<string, WindowFold>()
  private readonly directory: Directory
  private readonly isLegal: IsLegal
  private readonly aftermath: Aftermath

  constructor(directory: Directory, isLegal: IsLegal, aftermath: Aftermath = { recovery: null }) {
    this.directory = directory
    this.isLegal = isLegal
    this.aftermath = aftermath
  }

  /** The fold for a question. The same question twice gives the same fold. */
  add(kind: string, where: Selector, book: Book, bounds: Bounds = NO_BOUNDS): MetricFold {
    const key = keyOf(kind, where, book, bounds)
    const known = this.folds.get(key)
    if (known !== undefined) return known
    const fold = this.addPulse(kind, where, book, bounds)
    this.folds.set(key, fold)
    return fold
  }

  /** A fold that nobody shares, to be restarted by whoever asked for it. */
  addPulse(kind: string, where: Selector, book: Book, bounds: Bounds = NO_BOUNDS): MetricFold {
    const group = this.groupOf(where)
    const fold = new MetricFold(metricOf(kind), this.contextOf(group, book, bounds))
    group.folds.push(fold)
    return fold
  }

  /** The metric in the worst of the windows. */
  addWindows(kind: string, where: Selector, book: Book, bounds: Bounds, windows: Windows): WindowFold {
    const { lengthMs, assertion, samplesMin, stat } = windows
    const { operator, bound } = assertion
    const key = JSON.stringify([keyOf(kind, where, book, bounds), lengthMs, operator, bound, samplesMin, stat])
    const known = this.windowFolds.get(key)
    if (known !== undefined) return known
    const group = this.groupOf(where)
    const fold = new WindowFold(metricOf(kind), windows, this.contextOf(group, book, bounds))
    group.rare.push(fold)
    this.windowFolds.set(key, fold)
    return fold
  }

  /** Who counts against a gate with this bound. */
  addWitness(kind: string, where: Selector, book: Book, bounds: Bounds, bound: number): Witness {
    const group = this.groupOf(where)
    const witness = new Witness(metricOf(kind), bound, {
      ...this.contextOf(group, book, bounds),
      endedAt: 0,
      spanMs: 0,
    })
    group.rare.push(witness)
    return witness
  }

  private contextOf({ selects }: Group, book: Book, bounds: Bounds): Omit<FoldContext, 'endedAt' | 'spanMs'> {
    const { directory, traces, isLegal, aftermath } = this
    return { directory, selects, traces, book, bounds, isLegal, aftermath }
  }

  get(kind: string, where: Selector, book: Book, bounds: Bounds = NO_BOUNDS): MetricFold | null {
    return this.folds.get(keyOf(kind, where, book, bounds)) ?? null
  }

  /** Listen to a log, once, when every question has been asked. */
  attach(log: Log): void {
    log.attach(this.traces)
    log.attach({ steps: Object.fromEntries(ENTRY_KINDS.map((kind) => [kind, this.tellerOf(kind)])) as Steps })
    const settling = [...this.groups.values()]
      .map(({ selects, folds, rare }) => ({ selects, settled: [...folds, ...rare].filter((fold) => fold.settles) }))
      .filter(({ settled }) => settled.length > 0)
    const { traces } = this
    const settle = (entry: MoneyEntry): void => tellSettled(settling, entry, traces)
    if (settling.length > 0) log.attach({ steps: { 'fleet.charged': settle, 'attempt.ended': settle } })
  }

  private tellerOf(kind: EntryKind): ((entry: Entry) => void) | undefined {
    const sections = this.sectionsOf(kind)
    return sections.length === 0 ? undefined : tellerOf(kind, sections)
  }

  private groupOf(where: Selector): Group {
    const key = whereKey(where)
    let group = this.groups.get(key)
    if (!group) {
      group = { selects: new Selection(where, this.directory, this.traces), folds: [], rare: [] }
      this.groups.set(key, group)
    }
    return group
  }

  private sectionsOf(kind: EntryKind): Section[] {
    return [...this.groups.values()]
      .map(({ selects, folds, rare }) => {
        const listens = ({ metric }: MetricFold | RareFold): boolean => metric.on.includes(kind)
        const listening = folds.filter(listens)
        const traffic = listening.filter(({ metric }) => metric.scope === 'traffic')
        const others = listening.filter((fold) => !traffic.includes(fold))
        return { selects, traffic, rare: rare.filter(listens), others }
      })
      .filter(({ traffic, rare, others }) => traffic.length + rare.length + others.length > 0)
  }
}

function tellerOf(kind: EntryKind, sections: readonly Section[]): (entry: Entry) => void {
  switch (kind) {
    case 'request.closed':
    case 'tool.called':
      return (entry) => {
        for (let index = 0; index < sections.length; index += 1) {
          const { selects, traffic, rare, others } = sections[index] as Section
          if (selects.request(entry as EntryOf<'request.closed'> | EntryOf<'tool.called'>)) {
            tell(traffic, entry)
            if (rare.length > 0) tellRare(rare, entry)
          }
          tell(others, entry)
        }
      }
    case 'attempt.started':
    case 'attempt.ended':
    case 'fleet.charged':
      return (entry) => {
        for (let index = 0; index < sections.length; index += 1) {
          const { selects, traffic, rare, others } = sections[index] as Section
          if (traffic.length + rare.length > 0 && selects.attempt(entry as AttemptEntry)) {
            tell(traffic, entry)
            if (rare.length > 0) tellRare(rare, entry)
          }
          tell(others, entry)
        }
      }
    default:
      return (entry) => {
        for (const { traffic, others } of sections) {
          tell(traffic, entry)
          tell(others, entry)
        }
      }
  }
}

function tell(folds: readonly MetricFold[], entry: Entry): void {
  for (let index = 0; index < folds.length; index += 1) (folds[index] as MetricFold).step(entry)
}

function tellRare(folds: readonly RareFold[], entry: Entry): void {
  for (let index = 0; index < folds.length; index += 1) (folds[index] as RareFold).step(entry)
}

/** Money that comes when its request has closed. It nearly never does. */
function tellSettled(sections: readonly Settling[], entry: MoneyEntry, traces: Traces): void {
  if (traces.upstreamAdded === 0 && traces.wastedAdded === 0) return
  const trace = traces.of(entry.request)
  if (!trace?.isClosed) return
  for (const { selects, settled } of sections) {
    if (selects.closed(trace)) for (const fold of settled) fold.settle(trace.arrivedAt)
  }
}

const NO_BOUNDS: Bounds = {}

function keyOf(kind: string, where: Selector, book: Book, bounds: Bounds): string {
  return JSON.stringify([kind, whereKey(where), metricOf(kind).hasBooks ? book : null, bounds])
}

function whereKey({ workflow, window, provider, model, phase, fallback, rung }: Selector): string {
  return JSON.stringify([workflow, window, provider, model, phase, fallback, rung])
}
