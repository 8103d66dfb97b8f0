/**
 * The names behind the numbers: endpoints, workflows, windows, faults of one run. Written once at the head of a stored
 * ledger, so that entries can stay small and a reader needs nothing else.
 */
import type { Millis } from '../base/index.ts'
import { ordinalOf, workflowOf, type RequestId } from '../protocol/index.ts'

export interface EndpointName {
  readonly id: string
  readonly provider: string
  readonly model: string
}

export interface WindowName {
  readonly name: string
  readonly from: Millis
  readonly to: Millis
}

export interface FaultName {
  readonly id: string
  /** As the timeline calls it: a kind, or a row of the catalogue. */
  readonly kind: string
  /** In words, for people: `outage (refuse) on openai`. */
  readonly label: string
  readonly at: Millis
  /** When it is over; may be NEVER for one started by hand and not yet healed. */
  readonly until: Millis
  /** Endpoints it applies to; empty when it strikes the gateway. */
  readonly endpoints: readonly number[]
  readonly gateway: boolean
  /** Firings below this make the verdict inconclusive. 0: it need not fire. */
  readonly minHits: number
}

export interface Directory {
  readonly scenario: string
  readonly seed: number
  /** Of a timeline that is played on demand: NEVER until then. */
  durationMs: Millis
  readonly endpoints: readonly EndpointName[]
  readonly workflows: readonly string[]
  /** By workflow: the rungs of its policy's ladder, in order. Absent: no ladders. */
  readonly ladders?: readonly (readonly string[])[]
  /** What a dollar of the account's credits costs on top when it is bought, as a share. Absent: no credits are bought. */
  readonly creditFee?: number
  /** Those of a timeline that is played on demand have no instants until then. */
  readonly windows: WindowName[]
  /** Grows during a run when a fault is started by hand. */
  readonly faults: FaultName[]
}

/** `support-chat/17`: how a request is written for people, and on the command line. */
export function requestName(directory: Directory, id: RequestId): string {
  return `${directory.workflows[workflowOf(id)] ?? '?'}/${ordinalOf(id)}`
}

/** `2 fail_safely`: a rung of a workflow's ladder, for people. */
export function rungName(directory: Directory, workflow: number, rung: number): string {
  const name = directory.ladders?.[workflow]?.[rung - 1]
  return name === undefined ? String(rung) : `${rung} ${name}`
}

/** Index of the window an instant falls into; -1 for none. Windows do not overlap. */
export function windowAt(directory: Directory, at: Millis): number {
  return directory.windows.findIndex((window) => at >= window.from && at < window.to)
}
