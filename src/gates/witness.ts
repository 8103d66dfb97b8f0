/**
 * Who broke a gate first: the requests that count against it since it last held. A gate that is broken in the end was so
 * from then on; what it was before, in the first unlucky seconds of a run, is forgotten when it holds again.
 */
import type { Millis } from '../base/index.ts'
import { requestName, type Entry } from '../ledger/index.ts'
import type { RequestId } from '../protocol/index.ts'
import type { Assertion } from './assertion.ts'
import type { AnyMetric, FoldContext } from './metric.ts'
import type { FirstViolation } from './result.ts'

/** So many requests are named. */
export const NAMED_MAX = 5

/** Whether requests can be named that count against such a gate: asserted the way of the metric's example. */
export function isWitnessed(metric: AnyMetric, { operator }: Pick<Assertion, 'operator'>): boolean {
  return 'breaks' in metric && operator.startsWith('>') === metric.example.startsWith('>')
}

export class Witness {
  readonly metric: AnyMetric
  readonly settles = false
  private readonly context: FoldContext
  private readonly bound: number
  private readonly requests: RequestId[] = []
  private at: Millis = 0

  /** Of a metric that says which entries count against a gate. `bound`: that of the gate. */
  constructor(metric: AnyMetric, bound: number, context: FoldContext) {
    this.metric = metric
    this.bound = bound
    this.context = context
  }

  step(entry: Entry): void {
    const { requests } = this
    if (requests.length === NAMED_MAX || this.metric.breaks?.(entry, this.context, this.bound) !== true) return
    const { request } = entry as { request: RequestId }
    if (requests.includes(request)) return
    if (requests.length === 0) this.at = entry.at
    requests.push(request)
  }

  settle(): void {}

  forget(): void {
    this.requests.length = 0
  }

  /** null: nobody so far. */
  get seen(): FirstViolation | null {
    const { requests, at, context } = this
    return requests.length === 0 ? null : { at, requests: requests.map((each) => requestName(context.directory, each)) }
  }
}
