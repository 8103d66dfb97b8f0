/** What a run tells while it is going: small, plain, and safe to send between threads. */
import type { Millis } from '../base/index.ts'
import type { Aborted, Gauge } from '../gates/index.ts'
import type { Entry } from '../ledger/index.ts'

export type RunState = 'running' | 'paused' | 'draining' | 'finished'

/** The twin so far: requests, those that were ok, and what the fleet charged, in nano-dollars. */
export interface TwinTotals {
  readonly requests: number
  readonly ok: number
  readonly upstreamCost: number
}

export interface Progress {
  readonly now: Millis
  /** Everything recorded since the last one. */
  readonly entries: readonly Entry[]
  readonly twin: TwinTotals
  readonly gauges: readonly Gauge[]
  /** The rule of the scenario that has ended the run early; null for none. */
  readonly aborted: Aborted | null
  readonly speed: number
  readonly state: RunState
}
