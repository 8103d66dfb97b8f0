/** One metric over one selection of one log. Gates and the table of the report that ask the same share one of these. */
import { InvariantError, type Millis } from '../base/index.ts'
import type { Directory, Entry, EntryKind, Fold } from '../ledger/index.ts'
import type { AnyMetric, Book, FoldContext, IsLegal, Stat } from './metric.ts'
import type { Observation, Selector } from './result.ts'
import { Selection } from './selection.ts'
import type { Traces } from './traces.ts'

export class MetricFold implements Fold {
  readonly on: readonly EntryKind[]
  readonly metric: AnyMetric
  private readonly context: FoldContext & { endedAt: Millis }
  private readonly state: unknown

  constructor(metric: AnyMetric, where: Selector, book: Book, directory: Directory, traces: Traces, isLegal: IsLegal) {
    this.metric = metric
    this.on = metric.on
    const selects = new Selection(where, directory, traces)
    this.context = { directory, selects, traces, book, isLegal, endedAt: 0 }
    this.state = metric.start(this.context)
  }

  step(entry: Entry): void {
    this.metric.step(this.state, entry, this.context)
  }

  /** The value so far, as if the run had ended at `endedAt`. `twin` is the same fold over the run without faults. */
  observe(stat: Stat, endedAt: Millis, twin: MetricFold | null): Observation {
    this.context.endedAt = endedAt
    if (twin !== null) twin.context.endedAt = endedAt
    const observation = this.metric.finish(this.state, stat, this.context, twin === null ? null : twin.state)
    const { value, n } = observation
    if ((value !== null && !Number.isFinite(value)) || !Number.isFinite(n)) {
      throw new InvariantError(`${this.metric.kind} (${stat}) came to ${value} over ${n} ${this.metric.samples}`)
    }
    return observation
  }
}
