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

/** A metric over what is selected, or in the worst window of it. */
export type AnyFold = MetricFold | WindowFold

/** The metrics of one selection. */
interface Group {
  readonly selects: Selection
  readonly folds: AnyFold[]
}

/** Those of a group that listen to one kind of entry. */
interface Section {
  readonly selects: Selection
  /** Told only what is selected. */
  readonly traffic: readonly AnyFold[]
  /** Told everything. */
  readonly others: readonly AnyFold[]
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
    const { lengthMs, worse, samplesMin, stat } = windows
    const key = JSON.stringify([keyOf(kind, where, book, bounds), lengthMs, worse, samplesMin, stat])
    const known = this.windowFolds.get(key)
    if (known !== undefined) return known
    const group = this.groupOf(where)
    const fold = new WindowFold(metricOf(kind), windows, this.contextOf(group, book, bounds))
    group.folds.push(fold)
    this.windowFolds.set(key, fold)
    return fold
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
      .map(({ selects, folds }) => ({ selects, traffic: folds.filter((fold) => fold.settles), others: [] }))
      .filter(({ traffic }) => traffic.length > 0)
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
      group = { selects: new Selection(where, this.directory, this.traces), folds: [] }
      this.groups.set(key, group)
    }
    return group
  }

  private sectionsOf(kind: EntryKind): Section[] {
    return [...this.groups.values()]
      .map(({ selects, folds }) => {
        const listening = folds.filter(({ metric }) => metric.on.includes(kind))
        const traffic = listening.filter(({ metric }) => metric.scope === 'traffic')
        return { selects, traffic, others: listening.filter((fold) => !traffic.includes(fold)) }
      })
      .filter(({ traffic, others }) => traffic.length + others.length > 0)
  }
}

function tellerOf(kind: EntryKind, sections: readonly Section[]): (entry: Entry) => void {
  switch (kind) {
    case 'request.closed':
    case 'tool.called':
      return (entry) => {
        for (let index = 0; index < sections.length; index += 1) {
          const { selects, traffic, others } = sections[index] as Section
          if (selects.request(entry as EntryOf<'request.closed'> | EntryOf<'tool.called'>)) tell(traffic, entry)
          tell(others, entry)
        }
      }
    case 'attempt.started':
    case 'attempt.ended':
    case 'fleet.charged':
      return (entry) => {
        for (let index = 0; index < sections.length; index += 1) {
          const { selects, traffic, others } = sections[index] as Section
          if (traffic.length > 0 && selects.attempt(entry as AttemptEntry)) tell(traffic, entry)
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

function tell(folds: readonly AnyFold[], entry: Entry): void {
  for (let index = 0; index < folds.length; index += 1) (folds[index] as AnyFold).step(entry)
}

/** Money that comes when its request has closed. It nearly never does. */
function tellSettled(sections: readonly Section[], entry: MoneyEntry, traces: Traces): void {
  if (traces.upstreamAdded === 0 && traces.wastedAdded === 0) return
  const trace = traces.of(entry.request)
  if (!trace?.isClosed) return
  for (const { selects, traffic } of sections) {
    if (selects.closed(trace)) for (const fold of traffic) fold.settle(trace.arrivedAt)
  }
}

const NO_BOUNDS: Bounds = {}

function keyOf(kind: string, where: Selector, book: Book, bounds: Bounds): string {
  return JSON.stringify([kind, whereKey(where), metricOf(kind).hasBooks ? book : null, bounds])
}

function whereKey({ workflow, window, provider, model, phase, fallback, rung }: Selector): string {
  return JSON.stringify([workflow, window, provider, model, phase, fallback, rung])
}
