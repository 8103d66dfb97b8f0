/**
 * What judging a run comes to: the shapes that reports, the screen and the command line share.
 */
import type { Millis } from '../base/index.ts'
import type { Aborted } from './abort.ts'
import type { Chronicle } from './chronicle.ts'
import type { Coverage } from './coverage.ts'
import type { Recovery } from './recovery.ts'

/** No evidence is never a pass: a gate that cannot tell is inconclusive, with a cause in words. */
export const STATUSES = ['pass', 'fail', 'inconclusive'] as const
export type Status = (typeof STATUSES)[number]

/** `ratio` 0..1 · `ms` scenario milliseconds · `count` · `factor` (1 = once) · `nano_usd` integer nano-dollars · `per_second`. */
export type Unit = 'ratio' | 'ms' | 'count' | 'factor' | 'nano_usd' | 'per_second'

/** The part of the traffic that a metric looks at. Every key narrows; absent means all. */
export interface Selector {
  readonly workflow?: string
  readonly window?: string
  readonly provider?: string
  readonly model?: string
  readonly phase?: 'before' | 'during' | 'after'
  /** Served by another endpoint than their first choice, or not. */
  readonly fallback?: boolean
  /** Rung of the degradation ladder they ended on; 0 for none. */
  readonly rung?: number
}

export interface Observation {
  /** null: nothing to measure. Never NaN or Infinity. */
  readonly value: number | null
  /** Samples behind the value (the denominator). */
  readonly n: number
  /** The true value is at least this (an event that had not happened when the run ended). */
  readonly censored?: boolean
  /** Why there is no value, or what a reader must know about it. */
  readonly note?: string
  /** Of a value in the worst window: how many windows were looked at. */
  readonly windows?: number
  /** Why a value that holds is no pass all the same. */
  readonly unclear?: string
  /** Where the first of these windows breaks the gate. */
  readonly firstViolation?: FirstViolation
}

/** Where a gate was broken first, and by whom. */
export interface FirstViolation {
  /** When the first of these requests did; where no one request does, when it was seen. Of a window: when it begins. */
  readonly at: Millis
  /** Five at most, as `squall explain` takes them; empty where no one request breaks it. */
  readonly requests: readonly string[]
  /** Of a sweep: the seed it was. */
  readonly seed?: number
}

/** Whether a gate decides the verdict, or is told only. */
export const GATE_LEVELS = ['block', 'warn', 'info'] as const
export type GateLevel = (typeof GATE_LEVELS)[number]

export interface GateResult {
  readonly id: string
  readonly metric: string
  readonly stat: string
  readonly where: Selector
  readonly unit: Unit
  readonly status: Status
  readonly observed: number | null
  /** The bound as a number in the metric's unit, and its operator. */
  readonly bound: number
  readonly operator: '<' | '<=' | '>' | '>=' | '=='
  /** The assertion as the file writes it, `>= 99.5%`. */
  readonly threshold: string
  readonly n: number
  /** Why it failed or could not tell, as a sentence; null for a pass. */
  readonly cause: string | null
  /** Absent: block. */
  readonly level?: GateLevel
  /** What the true value may be, where the gate asks how sure it is. */
  readonly interval?: { readonly low: number; readonly high: number }
  /** How far the value is from the bound, from −1 to 1; above 0 it holds. Absent: there is no value, or no bound yet. */
  readonly margin?: number
  /** Since when a gate that failed was broken. Absent: it did not fail, or that cannot be told of its metric. */
  readonly firstViolation?: FirstViolation
}

/** A metric's value over the whole run, or over one window, for the report. */
export interface MetricRow {
  readonly metric: string
  readonly stat: string
  readonly unit: Unit
  readonly where: Selector
  readonly value: number | null
  readonly n: number
}

export interface FaultRow {
  readonly id: string
  readonly label: string
  readonly at: Millis
  readonly until: Millis
  readonly hits: number
  readonly minHits: number
}

export interface ProviderRow {
  readonly endpoint: string
  readonly provider: string
  readonly model: string
  readonly attempts: number
  readonly ok: number
  readonly failed: number
  readonly served: number
  readonly upstreamCost: number
  readonly errors: Readonly<Record<string, number>>
}

/** How requests fared that ended on a rung of a ladder. */
export interface RungRow {
  readonly workflow: string
  readonly rung: number
  /** `2 fail_safely`. */
  readonly name: string
  readonly requests: number
  readonly ok: number
}

/** Nano-dollars by what they were spent on; their sum is what the run cost more than its twin. */
export interface CostParts {
  /** Attempts whose answer the caller did not get. */
  readonly retriesAndHedges: number
  /** The same tokens at the prices of another endpoint. */
  readonly modelSubstitution: number
  /** The same prompt counted as more tokens, or fewer. */
  readonly tokenizer: number
  /** Less of the prompt read from a cache, or more of it written to one. */
  readonly cacheLoss: number
  /** A longer answer. */
  readonly outputExpansion: number
  /** More of the answer thought, where that has a price of its own. */
  readonly reasoning: number
  /** More images of the prompt. */
  readonly images: number
  /** More of the prompt of audio. */
  readonly audio: number
  /** Charged otherwise than the price book says. */
  readonly offBook: number
}

/** Requests, and what they cost in this run and in the one without faults, in nano-dollars. */
export interface CostPair {
  readonly requests: number
  readonly run: number
  readonly twin: number
}

/** What made the requests of a run dearer than those of the same run without faults. */
export interface CostSplit extends CostPair {
  /** `{}`: the whole run. Otherwise a window, by arrival. `requests`: those that ended ok in both runs. */
  readonly where: Selector
  /** Exact: `twin` and all parts together are `run`. */
  readonly parts: CostParts
  /** The same, each part averaged over all orders of telling them; null where no part is above a tenth of `twin`. */
  readonly shapley: CostParts | null
  /** Ok without faults, and not here. No part of the split. */
  readonly unserved: CostPair
  /** Ok here, and not without faults. No part of the split. */
  readonly newlyServed: CostPair
  /** Of those two: requests that only one of the runs had, as where users come back when they have their answer. */
  readonly withoutPartner: number
}

/** A file that was played. */
export interface SourceText {
  readonly file: string
  readonly text: string
}

/** What an account that pays with credits came to, in nano-dollars. */
export interface CreditBook {
  /** Bought before the run and during it, and what that cost on top. */
  readonly bought: number
  readonly fees: number
  /** Used before the run, and in it: with `left` they are what was bought. */
  readonly usedBefore: number
  readonly used: number
  /** Below 0: a debt. */
  readonly left: number
}

export interface Verdict {
  readonly status: Status
  /** Sentences, worst first; empty for a pass. */
  readonly causes: readonly string[]
}

/** One run, told in full. The whole of `report.json` but for its envelope. */
export interface RunResult {
  readonly scenario: string
  readonly summary: string
  readonly file: string
  /** Policies that were played in place of its own: paths, or `name=path`. Absent: none. */
  readonly policies?: readonly string[]
  readonly seed: number
  readonly clock: 'virtual' | 'live'
  readonly speed: number
  readonly durationMs: Millis
  /** Where the run really ended: less than the duration when it was stopped. */
  readonly endedAt: Millis
  /** The run was stopped early; gates are judged on what there is, and the verdict is never a pass. */
  readonly partial: boolean
  /** A rule of the scenario has ended it early. Absent: none did. */
  readonly aborted?: Aborted
  /** Hexadecimal; null in live runs, whose numbers depend on the machine. */
  readonly fingerprint: string | null
  readonly verdict: Verdict
  readonly expect: Status
  readonly gates: readonly GateResult[]
  /** Every metric over the run, then by window. */
  readonly metrics: readonly MetricRow[]
  readonly faults: readonly FaultRow[]
  readonly providers: readonly ProviderRow[]
  readonly windows: readonly { readonly name: string; readonly from: Millis; readonly to: Millis }[]
  readonly counts: {
    readonly requests: number
    readonly calls: number
    readonly attempts: number
    readonly entries: number
    readonly lateSignals: number
    readonly outcomes: Readonly<Record<string, number>>
    /** Degraded requests by workflow and rung of its ladder, counted from 1. */
    readonly rungs: readonly RungRow[]
  }
  /** What it cost more than without faults, and why: the whole run, then its windows. Absent: nothing to compare with. */
  readonly costs?: readonly CostSplit[]
  /** What its credits came to. Absent: nobody pays with any. */
  readonly credits?: CreditBook
  /** What of its policies was called upon, and what never was. Absent: they say nothing of that kind. */
  readonly coverage?: Coverage
  /** Whether it came back by itself once the faults were over. Absent: nobody asked. */
  readonly recovery?: Recovery
  /** What it was like over time. */
  readonly chronicle: Chronicle
  /** The scenario, its fleet and its policies, as they were read. */
  readonly sources: readonly SourceText[]
  /** The command that plays this run again. */
  readonly reproduce: string
  /** Anything a reader must know: not reproducible because of outside clients, a lagging loop. */
  readonly notes: readonly string[]
}
