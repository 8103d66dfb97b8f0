/**
 * What the public pages say of endpoints (openrouter.md §4.6): uptime over 5 minutes, 30 minutes and a day, latency to
 * the first token and throughput over 30 minutes. A fold over the ledger, for live runs: nobody decides by it. The
 * numbers by which the router decides are its own (router/health.ts), over shorter windows.
 */
import { RollingQuantiles, RollingWindow, SECOND, type Millis } from '../base/index.ts'
import type { AttemptEnded, SortedFold, Steps } from '../ledger/index.ts'
import { PUBLIC_STATISTICS_WINDOW, PUBLIC_UPTIME_WINDOWS } from '../protocol/index.ts'
import { REACTIONS } from '../router/index.ts'

const UPTIME_BUCKETS = 60
const STATISTICS_SLOTS = 30

const TRIED = 0
const FAILED = 1

export const PERCENTILES = { p50: 0.5, p75: 0.75, p90: 0.9, p99: 0.99 } as const
export type Percentiles = Readonly<Record<keyof typeof PERCENTILES, number>>

/** Of one endpoint. Uptimes in percent; latency in ms; throughput in tokens per second. null: nothing is known. */
export interface PublicStatistics {
  readonly uptimeLast5m: number | null
  readonly uptimeLast30m: number | null
  readonly uptimeLast1d: number | null
  readonly latencyLast30m: Percentiles | null
  readonly throughputLast30m: Percentiles | null
}

interface Known {
  readonly uptimes: readonly RollingWindow[]
  readonly ttft: RollingQuantiles
  readonly throughput: RollingQuantiles
}

export class Statistics implements SortedFold {
  readonly steps: Steps = { 'attempt.ended': (entry) => this.step(entry) }
  private readonly known = new Map<number, Known>()

  /** Rate limits and the caller's own mistakes count on neither side. */
  step(entry: AttemptEnded): void {
    if (entry.outcome === 'cancelled') return
    const { at: now, endpoint, errorClass, startedAt, firstContentAt, outputTokens } = entry
    const isFailure = errorClass !== null && REACTIONS[errorClass].health === 'failure'
    if (errorClass !== null && !isFailure) return
    const known = this.knownOf(endpoint)
    for (const uptime of known.uptimes) {
      uptime.add(now, TRIED)
      if (isFailure) uptime.add(now, FAILED)
    }
    if (isFailure || firstContentAt === null) return
    known.ttft.record(now, firstContentAt - startedAt)
    if (now > startedAt) known.throughput.record(now, (outputTokens * SECOND) / (now - startedAt))
  }

  of(endpoint: number, now: Millis): PublicStatistics {
    const known = this.known.get(endpoint)
    const [last5m, last30m, last1d] = known?.uptimes ?? []
    return {
      uptimeLast5m: uptimeIn(last5m, now),
      uptimeLast30m: uptimeIn(last30m, now),
      uptimeLast1d: uptimeIn(last1d, now),
      latencyLast30m: percentilesOf((q) => known?.ttft.quantile(now, q) ?? null),
      // pN: N % of requests perform better, so throughput is read from the other end.
      throughputLast30m: percentilesOf((q) => known?.throughput.quantile(now, 1 - q) ?? null),
    }
  }

  private knownOf(endpoint: number): Known {
    let known = this.known.get(endpoint)
    if (known === undefined) {
      known = {
        uptimes: PUBLIC_UPTIME_WINDOWS.map((windowMs) => new RollingWindow(windowMs, UPTIME_BUCKETS, 2)),
        ttft: new RollingQuantiles(PUBLIC_STATISTICS_WINDOW, STATISTICS_SLOTS),
        throughput: new RollingQuantiles(PUBLIC_STATISTICS_WINDOW, STATISTICS_SLOTS),
      }
      this.known.set(endpoint, known)
    }
    return known
  }
}

function uptimeIn(window: RollingWindow | undefined, now: Millis): number | null {
  const tried = window?.total(now, TRIED) ?? 0
  return window === undefined || tried === 0 ? null : 100 * (1 - window.total(now, FAILED) / tried)
}

function percentilesOf(quantile: (q: number) => number | null): Percentiles | null {
  const [p50, p75, p90, p99] = Object.values(PERCENTILES).map((q) => quantile(q))
  if (p50 == null || p75 == null || p90 == null || p99 == null) return null
  return { p50: hundredths(p50), p75: hundredths(p75), p90: hundredths(p90), p99: hundredths(p99) }
}

function hundredths(value: number): number {
  return Math.round(value * 100) / 100
}
