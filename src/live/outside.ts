/**
 * Clients that are not of the workload: an SDK, a load generator, somebody with curl. The gateway keeps the books that
 * an application would keep, so that their requests are in the ledger like any other. They have no twin, and a run with
 * them cannot be reproduced.
 */
import type { Millis, Rng } from '../base/index.ts'
import type { Entry, RequestClosed, RequestOutcome } from '../ledger/index.ts'
import {
  assembleToolCalls,
  requestId,
  toolCallDefect,
  type Call,
  type CallFailure,
  type ErrorClass,
  type RequestHalf,
  type Signal,
  type ToolDelta,
} from '../protocol/index.ts'
import type { WireRequest } from '../protocol/dialects/index.ts'
import type { Workflow } from '../workload/index.ts'
import { requestFromOutside } from './wire.ts'

export interface OutsideOptions {
  record(entry: Entry): void
  /** Index of the workflow that strangers belong to. */
  readonly workflow: number
  readonly now: () => Millis
  readonly rng: Rng
}

interface Guest {
  readonly arrivedAt: Millis
  readonly workflow: number
  firstContentAt: Millis | null
  outputTokens: number
  toolDeltas: ToolDelta[]
}

/** Ordinals of strangers in a workflow of the scenario begin here, out of the way of its own. */
const STRANGERS_FROM = 2147483648

export class Outside {
  private readonly options: OutsideOptions
  private readonly guests = new Map<Call, Guest>()
  private arrived = 0

  constructor(options: OutsideOptions) {
    this.options = options
  }

  get inFlight(): number {
    return this.guests.size
  }

  has(call: Call): boolean {
    return this.guests.has(call)
  }

  /** `workflowName` is what the caller says it belongs to; anything else is the workflow `outside`. */
  arrive(
    wire: WireRequest,
    policy: number,
    half: RequestHalf,
    workflowName: string | string[] | undefined,
    workflows: readonly Workflow[],
    now: Millis,
  ): Call {
    const { options } = this
    const named = workflows.find(({ name }) => name === workflowName)
    const workflow = named?.index ?? options.workflow
    const ordinal = this.arrived
    this.arrived += 1
    const request = requestFromOutside(
      wire,
      workflow,
      requestId(workflow, named ? STRANGERS_FROM + ordinal : ordinal),
      ordinal,
      options.rng,
    )
    const call: Call = { request, number: 0, policy: named?.policy ?? policy, half, summary: null, slot: -1 }
    this.guests.set(call, { arrivedAt: now, workflow, firstContentAt: null, outputTokens: 0, toolDeltas: [] })
    const { id, inputTokens, stream } = request
    options.record({ kind: 'request.arrived', at: now, request: id, workflow, inputTokens, stream })
    return call
  }

  heard(call: Call, signals: readonly Signal[], now: Millis): void {
    const guest = this.guests.get(call)
    if (!guest) return
    for (const signal of signals) {
      if (signal.type !== 'content' && signal.type !== 'toolDelta') continue
      if (signal.tokens > 0) guest.firstContentAt ??= now
      guest.outputTokens += signal.tokens
      if (signal.type === 'toolDelta') guest.toolDeltas.push(signal)
    }
  }

  ended(call: Call, signals: readonly Signal[], now: Millis): void {
    const guest = this.guests.get(call)
    if (!guest) return
    this.heard(call, signals, now)
    const { tools } = call.request.shape
    const toolCall =
      guest.toolDeltas.length === 0 ? null : (toolCallDefect(assembleToolCalls(guest.toolDeltas), tools) ?? 'valid')
    const isUsable = toolCall === null || toolCall === 'valid'
    this.close(call, guest, isUsable ? 'ok' : 'invalid_tool_call', isUsable ? null : 'invalid_tool_call', now, toolCall)
  }

  failed(call: Call, failure: CallFailure, committed: boolean, now: Millis): void {
    const guest = this.guests.get(call)
    if (!guest) return
    const wasShown = committed || guest.firstContentAt !== null
    this.close(call, guest, wasShown ? 'truncated' : 'failed', failure.class, now)
  }

  /** The client hung up. Whether out of impatience or of its own will, nobody can tell from outside. */
  left(call: Call, now: Millis): void {
    const guest = this.guests.get(call)
    if (guest) this.close(call, guest, 'cancelled', 'cancelled', now)
  }

  endAll(now: Millis): void {
    for (const [call, guest] of this.guests) this.close(call, guest, 'unfinished', null, now)
  }

  private close(
    call: Call,
    guest: Guest,
    outcome: RequestOutcome,
    errorClass: ErrorClass | null,
    now: Millis,
    toolCall: RequestClosed['toolCall'] = null,
  ): void {
    this.guests.delete(call)
    const { summary, request } = call
    this.options.record({
      kind: 'request.closed',
      at: now,
      request: request.id,
      workflow: guest.workflow,
      arrivedAt: guest.arrivedAt,
      outcome,
      errorClass,
      ttftMs: guest.firstContentAt === null ? null : guest.firstContentAt - guest.arrivedAt,
      latencyMs: now - guest.arrivedAt,
      outputTokens: guest.outputTokens,
      calls: 1,
      attempts: summary?.attempts ?? 0,
      firstChoice: summary?.firstChoice ?? -1,
      servedBy: summary?.servedBy ?? -1,
      billed: summary?.billed ?? 0,
      toolCall,
    })
  }
}
