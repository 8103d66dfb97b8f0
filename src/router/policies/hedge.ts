/**
 * Hedging: when the first content is late, ask somebody else as well, and take whoever speaks first. The losers are
 * cancelled, billed up to then, and not blamed. Hedges go to another endpoint, of another provider if there is one.
 *
 *   | field      | default | source                                                                                 |
 *   | ---------- | ------- | -------------------------------------------------------------------------------------- |
 *   | after      | p95     | Finagle's backup requests: a percentile of measured latency; gRPC and Polly take a time |
 *   | max        | 1       | Polly MaxHedgedAttempts                                                                |
 *   | extra_load | 5 %     | Finagle maxExtraLoad; "The Tail at Scale" reports 2 % to 5 %                           |
 *
 * The share is kept by a bucket: each request pays in `extra_load`, each hedge takes 1, and no more than HEDGES_SAVED
 * are ever saved up. So when everything is slow at once, hedging stops instead of doubling the load. A request that
 * fails while a hedge is due sends it at once (gRPC's non-fatal statuses).
 */
import { z } from 'zod'
import { count, duration, ratio, type Millis } from '../../base/index.ts'
import type { Measured } from '../strategy.ts'

export const hedgeSchema = z.strictObject({
  after: z
    .union([z.enum(['p50', 'p75', 'p90', 'p95', 'p99']), duration({ min: 1 })])
    .prefault('p95')
    .meta({
      description: 'How long the first content may take: a time, or a percentile of the endpoint’s last 5 minutes.',
      examples: ['p95', '2s'],
    }),
  max: count({ min: 1, max: 4 })
    .default(1)
    .meta({ description: 'Hedges per request.', examples: [1] }),
  extra_load: ratio()
    .default(0.05)
    .meta({ description: 'Hedges may be at most this share of requests.', examples: ['5%'] }),
})

export type HedgePolicy = z.infer<typeof hedgeSchema>

/** Hedges that may be saved up in quiet times. */
const HEDGES_SAVED = 10

const QUANTILES = { p50: 0.5, p75: 0.75, p90: 0.9, p95: 0.95, p99: 0.99 } as const

/** Whether somebody has to measure times to first token. */
export function needsMeasuring(policy: HedgePolicy | undefined): boolean {
  return typeof policy?.after === 'string'
}

/** How long after the start of an attempt a hedge is due, in ms; null while nothing is known of the endpoint. */
export function hedgeDelayMs(policy: HedgePolicy, measured: Measured, endpoint: number, now: Millis): Millis | null {
  if (typeof policy.after === 'number') return policy.after
  return measured.ttftMs(endpoint, QUANTILES[policy.after], now)
}

/** The share of extra load that one policy may make. */
export class HedgeBudget {
  private saved = 0
  private readonly share: number

  constructor(policy: HedgePolicy) {
    this.share = policy.extra_load
  }

  /** A request has come. */
  deposit(): void {
    this.saved = Math.min(HEDGES_SAVED, this.saved + this.share)
  }

  /** Take one hedge; false when there is none to take. */
  withdraw(): boolean {
    if (this.share >= 1) return true
    if (this.saved < 1) return false
    this.saved -= 1
    return true
  }
}
