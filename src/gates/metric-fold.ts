/** One metric over one selection of one log. Gates and the table of the report that ask the same share one of these. */
import { InvariantError, type Millis } from '../base/index.ts'
import type { Entry } from '../ledger/index.ts'
import type { AnyMetric, FoldContext, Stat } from './metric.ts'
import type { Observation } from './result.ts'

export class MetricFold {
  readonly metric: AnyMetric
  private readonly context: FoldContext & { endedAt: Millis; spanMs: Millis }
  private state: unknown
  /** What it counts came after this. */
  private begunAt: Millis = 0

  constructor(metric: AnyMetric, context: Omit<FoldContext, 'endedAt' | 'spanMs'>) {
    this.metric = metric
    this.context = { ...context, endedAt: 0, spanMs: 0 }
    this.state = metric.start(this.context)
  }

  step(entry: Entry): void {
    this.metric.step(this.state, entry, this.context)
  }

  /** Whether it wants to hear of money that comes late. */
  get settles(): boolean {
    return this.metric.settle !== undefined
  }

  settle(_arrivedAt: Millis): void {
    this.metric.settle?.(this.state, this.context)
  }

  /** Forget everything: what is told from now on is of what happens after `now`. */
  restart(now: Millis): void {
    this.begunAt = now
    this.state = this.metric.start(this.context)
  }

  /** The value so far, as if the run had ended at `endedAt`. `twin` is the same fold over the run without faults. */
  observe(stat: Stat, endedAt: Millis, twin: MetricFold | null): Observation {
    this.endAt(endedAt)
    twin?.endAt(endedAt)
    const observation = this.metric.finish(this.state, stat, this.context, twin === null ? null : twin.state)
    const { value, n } = observation
    if ((value !== null && !Number.isFinite(value)) || !Number.isFinite(n)) {
      throw new InvariantError(`${this.metric.kind} (${stat}) came to ${value} over ${n} ${this.metric.samples}`)
    }
    return observation
  }

  private endAt(endedAt: Millis): void {
    const { from, to } = this.context.selects.stretch(endedAt)
    this.context.endedAt = endedAt
    this.context.spanMs = Math.max(0, to - Math.max(from, this.begunAt))
  }
}
