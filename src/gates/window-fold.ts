/**
 * One metric in the worst of many windows. A request belongs to every window that it arrives in, so an answer that comes
 * late does not flatter a later one. Each window is as long as the gate says, and a new one begins at every half of it,
 * from where the selected part of the run begins.
 *
 *   | a window                                    | is                                                     |
 *   | ------------------------------------------- | ------------------------------------------------------ |
 *   | with as many samples as the gate asks for   | judged; the worst of these is what is observed         |
 *   | in which nobody arrived                     | nothing                                                |
 *   | with fewer, and wholly in the selected part | unclear: what holds in the others is then no pass      |
 *   | with fewer, and cut off by the part's end   | nothing                                                |
 *
 * Memory: OPEN_MAX windows. Those before them are told, and done with; what comes later still is counted.
 */
import { InvariantError, type Millis } from '../base/index.ts'
import { formatDuration } from '../base/quantities.ts'
import type { Entry, EntryKind } from '../ledger/index.ts'
import { holds, type Assertion } from './assertion.ts'
import { countOf } from './format.ts'
import type { AnyMetric, FoldContext, Stat } from './metric.ts'
import type { Observation } from './result.ts'
import type { Traces } from './traces.ts'
import { isWitnessed, Witness } from './witness.ts'

/** Windows may be this short: in a shorter one hardly anybody arrives. */
export const WINDOW_MS_MIN: Millis = 5_000
/** At the shortest, twenty minutes: longer than any request takes. */
const OPEN_MAX = 512

/** What is asked of windows. */
export interface Windows {
  readonly lengthMs: Millis
  /** What the gate asks for: it says which of two windows is the worse one, and which breaks it. */
  readonly assertion: Pick<Assertion, 'operator' | 'bound'>
  /** A window with fewer samples says nothing. */
  readonly samplesMin: number
  /** The statistic within a window. */
  readonly stat: Stat
}

/** A window in which something arrived, with or without a sample. */
interface Stretch {
  readonly state: unknown
  readonly witness: Witness | null
}

interface Found {
  readonly value: number
  readonly n: number
  readonly from: Millis
  readonly witness: Witness | null
}

/** What is known of all windows so far. */
interface Tally {
  worst: Found | null
  /** The first window that breaks the gate. */
  broken: Found | null
  judged: number
  unclear: number
  /** Most samples of a window with too few. */
  most: number
}

/** Kinds of entries that belong to a request. */
const OF_REQUESTS: ReadonlySet<EntryKind> = new Set([
  'request.closed',
  'attempt.started',
  'attempt.ended',
  'fleet.charged',
  'tool.called',
])

/** Whether a metric can be told window by window; null, or why not. */
export function windowsProblem({ kind, scope, unit, needsTwin, takes = [], on }: AnyMetric): string | null {
  if (scope === 'faults') return `${kind} is told per fault, and not by window`
  if (needsTwin) return `${kind} is measured against the run without faults, and not by window`
  if (takes.includes('over')) return `${kind} is of the worst stretch already: say how long with \`over\``
  if (unit === 'count' || takes.includes('budget')) return `${kind} is a sum over the run, and has no worst window`
  return on.every((each) => OF_REQUESTS.has(each)) ? null : `${kind} has no worst window`
}

export class WindowFold {
  readonly metric: AnyMetric
  private readonly windows: Windows
  private readonly context: FoldContext & { endedAt: Millis; spanMs: Millis }
  private readonly stepMs: Millis
  private readonly open = new Map<number, Stretch>()
  private readonly told: Tally = { worst: null, broken: null, judged: 0, unclear: 0, most: 0 }
  /** Where the first window begins; null until something is selected. */
  private origin: Millis | null = null
  /** Windows before this one are told. */
  private firstOpen = 0
  private missed = 0

  constructor(metric: AnyMetric, windows: Windows, context: Omit<FoldContext, 'endedAt' | 'spanMs'>) {
    this.metric = metric
    this.windows = windows
    this.context = { ...context, endedAt: 0, spanMs: windows.lengthMs }
    this.stepMs = windows.lengthMs / 2
  }

  step(entry: Entry): void {
    const last = this.placeOf(arrivedAtOf(entry, this.context.traces))
    for (let index = Math.max(0, last - 1); index <= last; index += 1) {
      const stretch = this.stretchAt(index)
      if (stretch === null) continue
      this.metric.step(stretch.state, entry, this.context)
      stretch.witness?.step(entry)
    }
  }

  get settles(): boolean {
    return this.metric.settle !== undefined
  }

  settle(arrivedAt: Millis): void {
    const last = this.placeOf(arrivedAt)
    for (let index = Math.max(0, last - 1); index <= last; index += 1) {
      const stretch = this.open.get(index)
      if (stretch !== undefined) this.metric.settle?.(stretch.state, this.context)
    }
  }

  /** The worst window so far, as if the run had ended at `endedAt`. */
  observe(_stat: Stat, endedAt: Millis): Observation {
    const { samplesMin, lengthMs } = this.windows
    const tally = { ...this.told }
    for (const [index, stretch] of this.open) this.tell(tally, index, stretch, endedAt)
    const { worst, broken, judged, unclear, most } = tally
    const samples = countOf(samplesMin, this.metric.samples)
    const late = this.missed === 0 ? '' : `; ${countOf(this.missed, 'facts')} came too late to be counted`
    if (worst === null)
      return {
        value: null,
        n: most,
        note: `no window of ${formatDuration(lengthMs)} had ${samples}, the most was ${most}`,
      }
    const to = worst.from + lengthMs
    return {
      value: worst.value,
      n: worst.n,
      note: `worst from ${formatDuration(worst.from)} to ${formatDuration(to)}${late}`,
      windows: judged,
      ...(broken && { firstViolation: { at: broken.from, requests: broken.witness?.seen?.requests ?? [] } }),
      ...(unclear > 0 && {
        unclear: `${countOf(unclear, 'windows')} of ${judged + unclear} had fewer than ${samples}: lengthen \`window\`, or lower min_samples`,
      }),
    }
  }

  private tell(tally: Tally, index: number, { state, witness }: Stretch, endedAt: Millis): void {
    const { samplesMin, lengthMs, assertion, stat } = this.windows
    const from = (this.origin ?? 0) + index * this.stepMs
    const part = this.part(endedAt)
    this.context.endedAt = Math.min(endedAt, from + lengthMs)
    this.context.spanMs = Math.max(0, Math.min(part.to, from + lengthMs) - from)
    const { value, n } = this.metric.finish(state, stat, this.context, null)
    if ((value !== null && !Number.isFinite(value)) || !Number.isFinite(n))
      throw new InvariantError(`${this.metric.kind} (${stat}) came to ${value} over ${n} ${this.metric.samples}`)
    if (value === null || n < samplesMin) {
      tally.most = Math.max(tally.most, n)
      if (from + lengthMs <= part.to) tally.unclear += 1
      return
    }
    tally.judged += 1
    const { worst, broken } = tally
    const found = { value, n, from, witness }
    const isWorse = worst === null || (assertion.operator.startsWith('>') ? value < worst.value : value > worst.value)
    if (isWorse || (value === worst?.value && from < worst.from)) tally.worst = found
    if ((broken === null || from < broken.from) && !holds(assertion, value, this.metric.resolution))
      tally.broken = found
  }

  /** Where what is selected can arrive. */
  private part(endedAt: Millis): { readonly from: Millis; readonly to: Millis } {
    return this.context.selects.stretch(Math.min(endedAt, this.context.directory.durationMs))
  }

  private placeOf(arrivedAt: Millis): number {
    this.origin ??= Math.min(arrivedAt, this.context.selects.stretch(Infinity).from)
    return Math.floor((arrivedAt - this.origin) / this.stepMs)
  }

  /** null: it is told. */
  private stretchAt(index: number): Stretch | null {
    const known = this.open.get(index)
    if (known !== undefined) return known
    if (index < this.firstOpen) {
      this.missed += 1
      return null
    }
    const stretch = { state: this.metric.start(this.context), witness: this.witness() }
    this.open.set(index, stretch)
    if (this.open.size > OPEN_MAX) this.close(Math.min(...this.open.keys()))
    return stretch
  }

  private witness(): Witness | null {
    const { metric, windows, context } = this
    return isWitnessed(metric, windows.assertion) ? new Witness(metric, windows.assertion.bound, context) : null
  }

  private close(index: number): void {
    const stretch = this.open.get(index)
    if (stretch !== undefined) this.tell(this.told, index, stretch, Infinity)
    this.open.delete(index)
    this.firstOpen = Math.max(this.firstOpen, index + 1)
  }
}

function arrivedAtOf(entry: Entry, traces: Traces): Millis {
  if ('arrivedAt' in entry) return entry.arrivedAt
  return ('request' in entry ? traces.of(entry.request)?.arrivedAt : undefined) ?? entry.at
}
