/**
 * The application client in front of the gateway: it asks, waits as long as its patience lasts, retries as its SDK
 * would, and, if it has one, takes the emergency path past a gateway that is down. It is the one that knows how a
 * request ended for its user, so it writes `request.arrived` and `request.closed`.
 *
 *   phase      event                                                     next
 *   ────────   ───────────────────────────────────────────────────────   ────────────────────────────────────────────
 *   calling    answered in full                                           closed (ok, or invalid_…)
 *   calling    failed after content was shown                             closed (truncated)
 *   calling    failed, retryable, calls left                              waiting
 *   calling    failed at the gateway, emergency path                      direct
 *   calling    failed otherwise                                           closed (failed)
 *   calling    patience over                                              leaving; then as failed, or closed (timed_out)
 *   waiting    pause over                                                 calling
 *   direct     answered, failed, or patience over                         closed
 */
import { at, NEVER, quantize, type Machine, type Millis, type Rng, Roster } from '../base/index.ts'
import type { Form, Out, RequestArrived, RequestClosed, RequestOutcome } from '../ledger/index.ts'
import {
  nextVisit,
  saysSomething,
  tokensSent,
  usabilityOf,
  type AttemptHandle,
  type Call,
  type Caller,
  type CallFailure,
  type CallSummary,
  type ChatRequest,
  type Content,
  type ErrorClass,
  type FinishReason,
  type RequestHalf,
  type Signal,
  type ToolDelta,
} from '../protocol/index.ts'
import { callerOf, type Workflow } from './workflow.ts'

export type ClientEvent =
  | { readonly type: 'request.arrived'; readonly request: ChatRequest }
  | {
      readonly type: 'call.wrote'
      readonly call: Call
      readonly signals: readonly Signal[]
      /** How long the last run among them has been flowing already. Absent: it begins now. */
      readonly flowingForMs?: Millis
    }
  | { readonly type: 'call.ended'; readonly call: Call; readonly signals: readonly Signal[] }
  | { readonly type: 'call.failed'; readonly call: Call; readonly failure: CallFailure; readonly committed: boolean }
  /** A call that the application had given up is closed at the gateway. */
  | { readonly type: 'call.left'; readonly call: Call }
  /** An endpoint answers on the emergency path. */
  | { readonly type: 'attempt.signalled'; readonly attempt: AttemptHandle; readonly signals: readonly Signal[] }
  | { readonly type: 'wake' }
  /** From now on no request calls again. */
  | { readonly type: 'retries.stopped' }
  /** The run is over. What is still open is unfinished; or, if the run was stopped before its time, cancelled. */
  | { readonly type: 'run.ended'; readonly wasStopped: boolean }

export type ClientCommand =
  | { readonly type: 'call.send'; readonly call: Call }
  | { readonly type: 'call.cancel'; readonly call: Call; readonly class: 'client_timeout' | 'cancelled' }
  | { readonly type: 'attempt.dispatch'; readonly attempt: AttemptHandle }
  | { readonly type: 'attempt.cancel'; readonly attempt: AttemptHandle }
  /** What is said of its end holds while the command is carried out. */
  | { readonly type: 'request.closed'; readonly request: ChatRequest; readonly closed: RequestClosed }

/** The SDKs of OpenAI and Anthropic wait 0.5·2ⁿ s, at most 8 s, less up to a quarter. */
const BACKOFF_BASE_MS = 500
const BACKOFF_CAP_MS = 8_000
const BACKOFF_JITTER = 0.25
/** A longer hint is ignored (openai 7). */
const HINT_MAX_MS = 60_000
const RETRY_STREAM = 0x636c
/** What only a gateway that is itself in trouble gives; an upstream that fails is the gateway's to route around. */
const GATEWAY_FAILURES: ReadonlySet<ErrorClass> = new Set(['gateway_down', 'client_timeout'])

const NO_DELTAS: ToolDelta[] = []

type Phase = 'calling' | 'leaving' | 'waiting' | 'direct'
type ClientOut = Out<ClientCommand>

/** A request on its way: what its application knows of it. */
class Errand {
  readonly request: ChatRequest
  readonly workflow: Workflow
  readonly arrivedAt: Millis
  slot = -1
  phase: Phase = 'calling'
  call: ErrandCall
  /** Attempts and bill of the calls before this one. */
  attemptsBefore = 0
  billedBefore = 0
  firstChoice = -1
  emergency: EmergencyAttempt | null = null
  firstContentAt: Millis | null = null
  outputTokens = 0
  run: Content | null = null
  runAt: Millis = 0
  toolDeltas: ToolDelta[] = NO_DELTAS
  text = ''
  hasSaid = false
  reason: FinishReason | null = null
  /** Patience, or the end of a pause. */
  dueAt: Millis

  constructor(request: ChatRequest, workflow: Workflow, now: Millis) {
    this.request = request
    this.workflow = workflow
    this.arrivedAt = now
    this.dueAt = now + workflow.client.timeout
    this.call = new ErrandCall(this, 0)
  }
}

/** A call that knows whose it is. */
class ErrandCall implements Call {
  request: ChatRequest
  readonly number: number
  readonly policy: number
  readonly caller: Caller | null
  half: RequestHalf | null = null
  summary: CallSummary | null = null
  slot = -1
  readonly errand: Errand

  constructor(errand: Errand, number: number) {
    this.request = errand.request
    this.number = number
    this.policy = errand.workflow.policy
    this.caller = callerOf(errand.workflow, errand.request)
    this.errand = errand
  }
}

/** An attempt past the gateway that knows whose it is. */
class EmergencyAttempt implements AttemptHandle {
  readonly request: ChatRequest
  readonly call = -1
  readonly number = 0
  readonly endpoint: number
  readonly visit: number
  slot = -1
  readonly errand: Errand

  constructor(errand: Errand, endpoint: number) {
    this.request = errand.request
    this.endpoint = endpoint
    this.visit = nextVisit(errand.request, endpoint)
    this.errand = errand
  }
}

export class Client implements Machine<ClientEvent, ClientOut> {
  private readonly workflows: readonly Workflow[]
  private readonly rng: Rng
  private readonly errands = new Roster<Errand>()
  private mayRetry = true

  constructor(workflows: readonly Workflow[], rng: Rng) {
    this.workflows = workflows
    this.rng = rng
  }

  /** Requests that have not been answered yet. */
  get inFlight(): number {
    return this.errands.size
  }

  /** Calls that are at the gateway now. */
  openCalls(): Call[] {
    return this.errands.everybody().flatMap(({ phase, call }) => (phase === 'calling' ? [call] : []))
  }

  handle(event: ClientEvent, now: Millis, out: ClientOut): void {
    switch (event.type) {
      case 'request.arrived':
        this.arrive(event.request, now, out)
        return
      case 'call.wrote': {
        const errand = this.errandOf(event.call, 'calling')
        if (errand) hear(errand, event.signals, now, event.flowingForMs)
        return
      }
      case 'call.ended': {
        const errand = this.errandOf(event.call, 'calling')
        if (!errand) return
        hear(errand, event.signals, now)
        this.answered(errand, now, out)
        return
      }
      case 'call.failed': {
        const errand = this.errandOf(event.call, 'calling')
        if (errand) this.failed(errand, event.failure, event.committed, now, out)
        return
      }
      case 'call.left': {
        const errand = this.errandOf(event.call, 'leaving')
        if (errand) this.failed(errand, TIMED_OUT, errand.firstContentAt !== null, now, out)
        return
      }
      case 'attempt.signalled':
        this.heardDirectly(event.attempt, event.signals, now, out)
        return
      case 'wake':
        for (let errand = this.errands.due(now); errand !== null; errand = this.errands.due(now)) {
          if (errand.dueAt <= now) this.timeUp(errand, now, out)
          this.settle(errand)
        }
        return
      case 'retries.stopped':
        this.mayRetry = false
        return
      case 'run.ended':
        for (const errand of this.errands.everybody()) {
          // Where the gateway has closed its books already, they count.
          if (errand.phase === 'calling' || errand.phase === 'leaving') this.book(errand)
          if (errand.phase === 'calling') {
            out.push({ type: 'call.cancel', call: errand.call, class: 'cancelled' })
          }
          if (errand.emergency) out.push({ type: 'attempt.cancel', attempt: errand.emergency })
          // Who was not given the time to answer has not failed.
          this.close(errand, event.wasStopped ? 'cancelled' : 'unfinished', null, now, out)
        }
    }
  }

  wakeAt(): Millis {
    return this.errands.nextAt()
  }

  private arrive(request: ChatRequest, now: Millis, out: ClientOut): void {
    const workflow = at(this.workflows, request.workflow)
    const errand = new Errand(request, workflow, now)
    errand.slot = this.errands.add(errand)
    const { inputTokens, stream } = request
    const form = ARRIVED
    form.at = now
    form.request = request.id
    form.workflow = workflow.index
    form.inputTokens = inputTokens
    form.stream = stream
    out.record(form)
    out.push({ type: 'call.send', call: errand.call })
    this.settle(errand)
  }

  private timeUp(errand: Errand, now: Millis, out: ClientOut): void {
    switch (errand.phase) {
      case 'calling':
        // The gateway closes the call first, so that its books are complete when ours are written.
        errand.phase = 'leaving'
        errand.dueAt = NEVER
        out.push({ type: 'call.cancel', call: errand.call, class: 'client_timeout' })
        return
      case 'waiting':
        this.callAgain(errand, now, out)
        return
      case 'direct':
        if (errand.emergency) out.push({ type: 'attempt.cancel', attempt: errand.emergency })
        this.close(errand, 'timed_out', 'client_timeout', now, out)
        return
      case 'leaving':
    }
  }

  private callAgain(errand: Errand, now: Millis, out: ClientOut): void {
    errand.phase = 'calling'
    errand.call = new ErrandCall(errand, errand.call.number + 1)
    errand.dueAt = now + errand.workflow.client.timeout
    out.push({ type: 'call.send', call: errand.call })
  }

  private answered(errand: Errand, now: Millis, out: ClientOut): void {
    this.book(errand)
    const { summary } = errand.call
    if (summary?.delivery === 'partial' || summary?.delivery === 'canned') {
      this.close(errand, summary.delivery, null, now, out)
      return
    }
    this.closeAnswered(errand, now, out, summary?.asked)
  }

  /** `asked`: the request as it was asked in the end. One whose tools were dropped on the way is not owed a tool call. */
  private closeAnswered(errand: Errand, now: Millis, out: ClientOut, asked = errand.request): void {
    const { errorClass, toolCall } = usabilityOf(errand, asked.shape)
    const outcome = errorClass === 'empty_completion' ? 'invalid_output' : (errorClass ?? 'ok')
    this.close(errand, outcome, errorClass, now, out, toolCall)
  }

  private failed(errand: Errand, failure: CallFailure, committed: boolean, now: Millis, out: ClientOut): void {
    this.book(errand)
    const { client } = errand.workflow
    const hasPatienceRunOut = failure === TIMED_OUT
    if (committed || errand.firstContentAt !== null) {
      this.close(errand, hasPatienceRunOut ? 'timed_out' : 'truncated', failure.class, now, out)
      return
    }
    if (this.mayRetry && isRetryable(failure) && errand.call.number < client.retries) {
      errand.phase = 'waiting'
      errand.dueAt = now + this.pause(errand, failure)
      this.settle(errand)
      return
    }
    if (errand.workflow.emergencyEndpoint >= 0 && GATEWAY_FAILURES.has(failure.class)) {
      this.goDirectly(errand, now, out)
      return
    }
    this.close(errand, hasPatienceRunOut ? 'timed_out' : 'failed', failure.class, now, out)
  }

  private pause(errand: Errand, failure: CallFailure): Millis {
    if (failure.retryAfterMs !== null && failure.retryAfterMs > 0 && failure.retryAfterMs <= HINT_MAX_MS)
      return failure.retryAfterMs
    const rng = this.rng.fork(RETRY_STREAM, errand.request.weather, errand.call.number)
    const full = Math.min(BACKOFF_CAP_MS, BACKOFF_BASE_MS * (1 << errand.call.number))
    return quantize(full * (1 - BACKOFF_JITTER * rng.next()))
  }

  private goDirectly(errand: Errand, now: Millis, out: ClientOut): void {
    const { request, workflow } = errand
    const endpoint = workflow.emergencyEndpoint
    const attempt = new EmergencyAttempt(errand, endpoint)
    errand.phase = 'direct'
    errand.emergency = attempt
    errand.dueAt = now + workflow.client.timeout
    out.record({
      kind: 'attempt.started',
      at: now,
      request: request.id,
      call: -1,
      attempt: 0,
      endpoint,
      reason: 'emergency',
    })
    out.push({ type: 'attempt.dispatch', attempt })
    this.settle(errand)
  }

  private heardDirectly(attempt: AttemptHandle, signals: readonly Signal[], now: Millis, out: ClientOut): void {
    if (!(attempt instanceof EmergencyAttempt) || this.errands.at(attempt.errand.slot) !== attempt.errand) return
    const { errand } = attempt
    hear(errand, signals, now)
    const last = signals[signals.length - 1]
    if (last?.type === 'finished') this.closeAnswered(errand, now, out)
    else if (last?.type === 'failed')
      this.close(errand, errand.firstContentAt === null ? 'failed' : 'truncated', last.class, now, out)
    else if (last?.type === 'closed')
      this.close(errand, errand.firstContentAt === null ? 'failed' : 'truncated', 'stream_cut', now, out)
  }

  /** Take over what the gateway wrote into the call's summary. */
  private book(errand: Errand): void {
    const { summary } = errand.call
    if (!summary) return
    errand.attemptsBefore += summary.attempts
    errand.billedBefore += summary.billed
    if (errand.firstChoice < 0) errand.firstChoice = summary.firstChoice
  }

  private close(
    errand: Errand,
    outcome: RequestOutcome,
    errorClass: ErrorClass | null,
    now: Millis,
    out: ClientOut,
    toolCall: RequestClosed['toolCall'] = null,
  ): void {
    const { request, workflow, arrivedAt, firstContentAt, emergency, call } = errand
    settleRun(errand, now)
    this.errands.remove(errand.slot)
    if (emergency) recordEmergency(errand, outcome, errorClass, now, out)
    const closed = CLOSED
    closed.at = now
    closed.request = request.id
    closed.workflow = workflow.index
    closed.arrivedAt = arrivedAt
    closed.outcome = outcome
    closed.errorClass = errorClass
    closed.ttftMs = firstContentAt === null ? null : firstContentAt - arrivedAt
    closed.latencyMs = now - arrivedAt
    closed.outputTokens = errand.outputTokens
    closed.calls = call.number + 1
    closed.attempts = errand.attemptsBefore + (emergency ? 1 : 0)
    closed.firstChoice = errand.firstChoice >= 0 ? errand.firstChoice : (emergency?.endpoint ?? -1)
    closed.servedBy = emergency ? (firstContentAt === null ? -1 : emergency.endpoint) : (call.summary?.servedBy ?? -1)
    closed.billed = errand.billedBefore
    closed.rung = emergency ? 0 : (call.summary?.rung ?? 0)
    closed.toolCall = toolCall
    out.record(closed)
    out.push({ type: 'request.closed', request, closed })
  }

  private settle(errand: Errand): void {
    if (this.errands.at(errand.slot) === errand) this.errands.wake(errand.slot, errand.dueAt)
  }

  /** Whose call it is, if it is the current one of somebody who is at that point. */
  private errandOf(call: Call, phase: Phase): Errand | null {
    if (!(call instanceof ErrandCall)) return null
    const { errand } = call
    const isCurrent = errand.call === call && errand.phase === phase && this.errands.at(errand.slot) === errand
    return isCurrent ? errand : null
  }
}

const ARRIVED: Form<RequestArrived> = {
  kind: 'request.arrived',
  at: 0,
  request: 0,
  workflow: 0,
  inputTokens: 0,
  stream: false,
}

const CLOSED: Form<RequestClosed> = {
  kind: 'request.closed',
  at: 0,
  request: 0,
  workflow: 0,
  arrivedAt: 0,
  outcome: 'ok',
  errorClass: null,
  ttftMs: null,
  latencyMs: 0,
  outputTokens: 0,
  calls: 0,
  attempts: 0,
  firstChoice: -1,
  servedBy: -1,
  billed: 0,
  rung: 0,
  toolCall: null,
}

const TIMED_OUT: CallFailure = {
  class: 'client_timeout',
  status: 408,
  retryAfterMs: null,
  message: 'the application gave up waiting',
}

/** What the SDKs retry: 408, 409, 429, 5xx, and calls that never got an answer. */
function isRetryable({ status, class: errorClass }: CallFailure): boolean {
  return status === 408 || status === 409 || status === 429 || status >= 500 || errorClass === 'gateway_down'
}

function hear(errand: Errand, signals: readonly Signal[], now: Millis, flowingForMs: Millis = 0): void {
  for (const signal of signals) {
    if (signal.type === 'content') {
      settleRun(errand, now)
      errand.run = signal
      errand.runAt = now - flowingForMs
      if (signal.tokens > 0) errand.firstContentAt ??= now
      errand.hasSaid ||= saysSomething(signal)
      if (signal.text !== undefined && signal.channel === 'text') errand.text += signal.text
    } else if (signal.type === 'toolDelta') {
      errand.firstContentAt ??= now
      errand.outputTokens += signal.tokens
      if (errand.toolDeltas === NO_DELTAS) errand.toolDeltas = []
      errand.toolDeltas.push(signal)
    } else if (signal.type === 'finished') errand.reason = signal.reason
  }
}

function settleRun(errand: Errand, now: Millis): void {
  if (errand.run === null) return
  errand.outputTokens += tokensSent(errand.run, now - errand.runAt)
  errand.run = null
}

function recordEmergency(
  errand: Errand,
  outcome: RequestOutcome,
  errorClass: ErrorClass | null,
  now: Millis,
  out: ClientOut,
): void {
  const { emergency, request, firstContentAt, outputTokens } = errand
  if (!emergency) return
  const isOk = outcome === 'ok' || outcome === 'invalid_tool_call' || outcome === 'invalid_output'
  out.record({
    kind: 'attempt.ended',
    at: now,
    request: request.id,
    call: -1,
    attempt: 0,
    endpoint: emergency.endpoint,
    outcome: isOk ? 'ok' : outcome === 'truncated' ? 'truncated' : outcome === 'failed' ? 'failed' : 'cancelled',
    errorClass,
    status: null,
    startedAt: errand.dueAt === NEVER ? now : errand.dueAt - errand.workflow.client.timeout,
    firstContentAt,
    outputTokens,
    committed: isOk || firstContentAt !== null,
  })
}
