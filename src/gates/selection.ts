/**
 * A Selector made ready for the hot path: names become numbers, windows become instants, providers and models become
 * one flag per endpoint.
 *
 *   | what      | window, phase          | provider, model                                          |
 *   | --------- | ---------------------- | -------------------------------------------------------- |
 *   | a request | when it arrived        | the endpoint that served it, failing that the first one  |
 *   | an attempt| when its request did   | its own endpoint                                         |
 *   | a fault   | when it started        | any endpoint it strikes; a gateway fault strikes none    |
 *
 * `fallback` looks at who served: another endpoint than the first choice; of an attempt, another than that of the first
 * attempt. `rung` is the rung that a request ended on; of an attempt, the one it was made on.
 */
import { NEVER, type Millis } from '../base/index.ts'
import type { AttemptStarted, Directory, RequestClosed } from '../ledger/index.ts'
import { workflowOf } from '../protocol/index.ts'
import type { Selector } from './result.ts'
import type { Trace, Traces } from './traces.ts'

export class Selection {
  private readonly isAll: boolean
  /** Index of the workflow; -1 for all; -2 for a name that nobody has. */
  private readonly workflow: number
  /** One flag per endpoint; null for all. */
  private readonly endpoints: Uint8Array | null
  private readonly isTimed: boolean
  private readonly isAboutServing: boolean
  private from: Millis = 0
  private to: Millis = NEVER
  /** Phases depend on the faults, of which more may be started by hand. */
  private faultsSeen = -1
  private readonly selector: Selector
  private readonly directory: Directory
  private readonly traces: Traces

  constructor(selector: Selector, directory: Directory, traces: Traces) {
    this.selector = selector
    this.directory = directory
    this.traces = traces
    const { workflow, window, phase } = selector
    this.workflow = workflow === undefined ? -1 : indexOrNone(directory.workflows.indexOf(workflow))
    this.endpoints = endpointFlags(selector, directory)
    this.isTimed = window !== undefined || phase !== undefined
    this.isAboutServing = selector.fallback !== undefined || selector.rung !== undefined
    this.isAll = this.workflow === -1 && this.endpoints === null && !this.isTimed && !this.isAboutServing
    this.refresh()
  }

  /** Also asked of tool calls, which belong to the request whose answer asked for them. */
  request(entry: Pick<RequestClosed, 'workflow' | 'arrivedAt' | 'firstChoice' | 'servedBy' | 'rung'>): boolean {
    if (this.isAll) return true
    const { servedBy, firstChoice, rung } = entry
    if (this.isAboutServing && !this.isServedSo(servedBy >= 0 && servedBy !== firstChoice, rung)) return false
    if (this.isTimed && !this.covers(entry.arrivedAt)) return false
    return this.concerns(entry.workflow, servedBy >= 0 ? servedBy : firstChoice)
  }

  attempt(entry: Pick<AttemptStarted, 'at' | 'request' | 'endpoint'>): boolean {
    if (this.isAll) return true
    const trace = this.traces.of(entry.request)
    if (trace === undefined) return this.stranger(entry)
    if (this.isTimed && !this.covers(trace.arrivedAt)) return false
    if (this.isAboutServing && !this.isServedSo(entry.endpoint !== trace.firstEndpoint, trace.rung)) return false
    return this.concerns(trace.workflow, entry.endpoint)
  }

  /** A request that is over, by what is still known of it. */
  closed(trace: Trace): boolean {
    if (this.isAboutServing && !this.isServedSo(trace.isFallback, trace.rung)) return false
    if (this.isTimed && !this.covers(trace.arrivedAt)) return false
    return this.concerns(trace.workflow, trace.endpoint)
  }

  /** Whether an attempt counts as traffic for the question where traffic goes: its workflow decides, nothing else. */
  traffic(entry: AttemptStarted): boolean {
    return this.workflow === -1 || workflowOf(entry.request) === this.workflow
  }

  /** Whether a request counts for the question how traffic fares after a fault: its workflow decides, nothing else. */
  workload(entry: RequestClosed): boolean {
    return this.workflow === -1 || entry.workflow === this.workflow
  }

  /** Whether a fault that started at the given instant is meant. */
  fault(fault: number, startedAt: Millis): boolean {
    const { window, provider, model } = this.selector
    if (window !== undefined && (startedAt < this.from || startedAt >= this.to)) return false
    if (provider === undefined && model === undefined) return true
    return (this.directory.faults[fault]?.endpoints ?? []).some((endpoint) => this.endpoint(endpoint))
  }

  /** Whether an endpoint is one of the provider and model meant. */
  endpoint(endpoint: number): boolean {
    return this.endpoints === null || this.endpoints[endpoint] === 1
  }

  /** The part of the run that is selected. Empty where it was not reached. */
  stretch(endedAt: Millis): { readonly from: Millis; readonly to: Millis } {
    this.refresh()
    return { from: this.from, to: Math.max(this.from, Math.min(this.to, endedAt)) }
  }

  private isServedSo(isFallback: boolean, rung: number): boolean {
    const { fallback, rung: wanted } = this.selector
    return (fallback === undefined || fallback === isFallback) && (wanted === undefined || wanted === rung)
  }

  /** An attempt of a request of which nothing is known (any more). */
  private stranger({ at, request, endpoint }: Pick<AttemptStarted, 'at' | 'request' | 'endpoint'>): boolean {
    if (this.isTimed && !this.covers(at)) return false
    if (this.isAboutServing && !this.isServedSo(false, 0)) return false
    return this.concerns(workflowOf(request), endpoint)
  }

  private concerns(workflow: number, endpoint: number): boolean {
    if (this.workflow !== -1 && workflow !== this.workflow) return false
    return this.endpoints === null || this.endpoints[endpoint] === 1
  }

  private covers(arrivedAt: Millis): boolean {
    if (this.directory.faults.length !== this.faultsSeen) this.refresh()
    return arrivedAt >= this.from && arrivedAt < this.to
  }

  private refresh(): void {
    const { window: name, phase } = this.selector
    const { windows, faults } = this.directory
    const window = windows.find((candidate) => candidate.name === name)
    this.faultsSeen = faults.length
    this.from = name === undefined ? 0 : (window?.from ?? NEVER)
    this.to = name === undefined ? NEVER : (window?.to ?? NEVER)
    if (phase === undefined) return
    let first = NEVER
    let last = NEVER
    for (const fault of faults) {
      first = Math.min(first, fault.at)
      last = last === NEVER ? fault.until : Math.max(last, fault.until)
    }
    if (phase === 'before') this.to = Math.min(this.to, first)
    else if (phase === 'during') {
      this.from = Math.max(this.from, first)
      this.to = Math.min(this.to, last)
    } else this.from = Math.max(this.from, last)
  }
}

function indexOrNone(index: number): number {
  return index < 0 ? -2 : index
}

function endpointFlags({ provider, model }: Selector, { endpoints }: Directory): Uint8Array | null {
  if (provider === undefined && model === undefined) return null
  return Uint8Array.from(endpoints, (endpoint) =>
    (provider === undefined || endpoint.provider === provider) && (model === undefined || endpoint.model === model)
      ? 1
      : 0,
  )
}
