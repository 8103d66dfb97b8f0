/**
 * What the screen shows, as plain data: every text is already made and safe to print, every bar is a number from 0 to
 * 1. Components only draw it, and the line reporter only prints it.
 */
import type { Millis } from '../../base/index.ts'
import type { BreakerState, Entry } from '../../ledger/index.ts'
import type { Status } from '../../gates/result.ts'

export type RunState = 'running' | 'paused' | 'draining' | 'finished'

/** A gate as it stands: `pending` until there is enough to judge by. */
export interface Gauge {
  readonly id: string
  readonly metric: string
  /** The assertion as the scenario writes it, `>= 99.5%`. */
  readonly threshold: string
  readonly observedText: string
  readonly status: Status | 'pending'
}

/** The same run without faults, so far. `upstreamCost` in nano-dollars. */
export interface TwinTotals {
  readonly ok: number
  readonly requests: number
  readonly upstreamCost: number
}

/** What happened since the last update, and how things stand at `now`. */
export interface Update {
  /** Scenario ms; never decreases. */
  readonly now: Millis
  readonly entries: readonly Entry[]
  /** null: this run has no twin. */
  readonly twin: TwinTotals | null
  readonly gauges: readonly Gauge[]
  /** When a rule of the scenario has ended the run early, and on which gate. Absent or null: none has. */
  readonly aborted?: { readonly at: Millis; readonly gate: string } | null
  /** Scenario seconds per real second; Infinity: as fast as it goes. */
  readonly speed: number
  readonly state: RunState
}

/** Points of a sparkline, oldest first, each 0..1 of its scale; null where nothing was measured. */
export type Series = readonly (number | null)[]

export interface Dial {
  readonly id: 'success_rate' | 'fallback_rate' | 'cost_drift' | 'ttft'
  readonly title: string
  readonly valueText: string
  /** A second number that helps to read the first: the whole run, a rate, a sum. */
  readonly noteText: string
  readonly series: Series
  /** What the full height of the sparkline means; empty for 100%. */
  readonly scaleText: string
  /** Whether more is better: a sparkline then rounds down, so that the smallest loss is seen. */
  readonly isMoreBetter: boolean
  /** The worst of the gates on this metric; null when there is none. */
  readonly gate: GateView | null
}

export interface WindowSegment {
  readonly name: string
  /** Fractions of the run. */
  readonly from: number
  readonly to: number
  readonly isCurrent: boolean
}

export interface FaultLane {
  readonly id: string
  readonly label: string
  /** Fractions of the run. */
  readonly from: number
  readonly to: number
  readonly state: 'upcoming' | 'active' | 'over'
  /** `18s left`, `in 34s`, `over`, `until healed`. */
  readonly statusText: string
  readonly hits: number
}

export interface ProviderView {
  /** Unique over the rows; focus is kept by it. */
  readonly id: string
  /** What the controls are told. Exactly as the Directory has it; never printed. */
  readonly provider: string
  readonly label: string
  readonly breaker: BreakerState
  /** `closed`, `OPEN 12s`, `half-open`, `cooling 3s`; `2/3 open` for a row of several endpoints. */
  readonly breakerText: string
  readonly inFlight: number
  readonly okText: string
  readonly ttftText: string
  readonly shareText: string
  readonly spendText: string
  /** Kinds of the faults that are on; empty for none. */
  readonly faultText: string
  readonly series: Series
}

export interface GateView {
  readonly id: string
  readonly metric: string
  readonly threshold: string
  readonly observedText: string
  readonly status: Status | 'pending'
}

export interface EventLine {
  readonly at: Millis
  readonly clock: string
  readonly tone: 'bad' | 'warn' | 'good' | 'info'
  readonly text: string
}

export interface Totals {
  /** Requests that are over and were not cancelled by their own user. */
  readonly requests: number
  readonly ok: number
  readonly fallbacks: number
  readonly truncated: number
  readonly attempts: number
  /** Nano-dollars. */
  readonly upstreamCost: number
  /** One sentence for the end of a run. */
  readonly text: string
}

export interface Screen {
  readonly title: string
  readonly seed: number
  readonly state: RunState
  readonly speed: number
  /** `×3`, `max`. */
  readonly speedText: string
  readonly now: Millis
  /** `01:14/02:00`. */
  readonly clock: string
  /** 0..1 of the duration. */
  readonly progress: number
  readonly windows: readonly WindowSegment[]
  readonly faults: readonly FaultLane[]
  readonly nextFault: { readonly label: string; readonly inText: string } | null
  readonly dials: readonly [success: Dial, fallback: Dial, drift: Dial, ttft: Dial]
  readonly providers: readonly ProviderView[]
  readonly gates: readonly GateView[]
  /** What the gates come to so far. The run's verdict may know more, such as a fault that never fired. */
  readonly verdict: { readonly status: Status | 'pending'; readonly text: string }
  /** Newest last. */
  readonly events: readonly EventLine[]
  readonly totals: Totals
}
