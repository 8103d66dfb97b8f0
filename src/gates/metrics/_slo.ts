/** What is promised of one request, for metrics of service levels. */
import type { RequestClosed } from '../../ledger/index.ts'
import type { Bounds } from '../bounds.ts'

/** All of it together: ok, its first content in time, and the whole answer in time. */
export function keepsPromise({ outcome, ttftMs, latencyMs }: RequestClosed, { slo }: Bounds): boolean {
  if (outcome !== 'ok') return false
  const { ttft, latency } = slo ?? {}
  return (ttft === undefined || (ttftMs !== null && ttftMs <= ttft)) && (latency === undefined || latencyMs <= latency)
}
