/**
 * Everything that can be a fact. Entries are appended and never changed; metrics, gates, the screen and every report
 * are folds over them. Endpoints, workflows and faults are named by their index in the run's Directory; money is
 * integer nano-dollars; `at` is scenario milliseconds.
 */
import type { Millis } from '../base/index.ts'
import type { ErrorClass, NanoDollars, Rarities, RequestId, RequestShape, ToolCallDefect } from '../protocol/index.ts'

/** How a request ended, as the application saw it. Only `cancelled` leaves the denominator of a success rate. */
export const REQUEST_OUTCOMES = [
  'ok',
  'truncated', //         the answer broke off after text had been shown
  'partial', //           the answer broke off, and was closed where it stood, as the policy says
  'canned', //            a sentence that the policy keeps for the worst case
  'invalid_tool_call', // delivered, but no application could act on it
  'invalid_output', //    delivered, but empty, or not the JSON that was asked for
  'failed', //            an error was returned
  'timed_out', //         the application gave up waiting
  'cancelled', //         the application's own user ended it
  'unfinished', //        still in flight when the run was over
] as const
export type RequestOutcome = (typeof REQUEST_OUTCOMES)[number]

export const CALL_OUTCOMES = ['ok', 'truncated', 'partial', 'canned', 'failed', 'cancelled'] as const
export type CallOutcome = (typeof CALL_OUTCOMES)[number]

export const ATTEMPT_OUTCOMES = ['ok', 'failed', 'truncated', 'cancelled'] as const
export type AttemptOutcome = (typeof ATTEMPT_OUTCOMES)[number]

/** What keeps traffic from an endpoint, or lets it through. */
export const BREAKER_STATES = ['closed', 'open', 'half_open', 'cooling', 'ejected'] as const
export type BreakerState = (typeof BREAKER_STATES)[number]

/** Why an attempt was made where it was made. */
export const ATTEMPT_REASONS = [
  'primary', //        the first choice of the plan
  'retry', //          the same endpoint once more
  'next_endpoint', //  failover to another endpoint of the same model
  'next_model', //     failover to another model
  'probe', //          a half-open breaker lets one request through
  'emergency', //      the application went past the gateway
  'evaluation', //     the same prompt to another model at the same time
  'degraded', //       the first of a rung of the degradation ladder
  'hedge', //          the first content is late: somebody else as well
  'panic', //          too few are healthy: health is ignored
] as const
export type AttemptReason = (typeof ATTEMPT_REASONS)[number]

/** One step of the eligibility funnel: who was removed, and how many were left. */
export interface FunnelStep {
  readonly step: string
  readonly left: number
  readonly removed: readonly number[]
  /** Which rule of an account or a guardrail removed them. Absent: the name of the step says it. */
  readonly reason?: string
  /** What of each of them does not fit, in their order; empty where the step says it. Absent: it says it of all. */
  readonly misfits?: readonly string[]
}

/** One candidate in the order in which it will be tried. */
export interface Candidate {
  readonly endpoint: number
  readonly score: number
  readonly reason: string
}

export interface RequestArrived {
  readonly kind: 'request.arrived'
  readonly at: Millis
  readonly request: RequestId
  readonly workflow: number
  readonly inputTokens: number
  readonly stream: boolean
}

export interface CallRouted {
  readonly kind: 'call.routed'
  readonly at: Millis
  readonly request: RequestId
  readonly call: number
  /** Index of the rule of the policy that chose the models; -1 for none. */
  readonly rule: number
  /** 0 for the first plan of a call; further plans are those of the rungs of its degradation ladder, counted from 1. */
  readonly rung: number
  readonly funnel: readonly FunnelStep[]
  readonly order: readonly Candidate[]
  /** What was asked of its endpoints. Absent: it was not written down. */
  readonly inputTokens?: number
  /** null: no cap. */
  readonly maxTokens?: number | null
  readonly shape?: AskedShape
}

/** What of a request's shape an endpoint may not take. A stored ledger holds no tools, and how many there were. */
export interface AskedShape extends Pick<RequestShape, 'toolChoice' | 'responseFormat' | 'parameters' | 'inputs'> {
  readonly tools: { readonly length: number }
}

export type Asked = Required<Pick<CallRouted, 'inputTokens' | 'maxTokens' | 'shape'>>

/** Why a candidate was passed over. */
export const SKIP_CAUSES = [
  'cooling', //      it said "not now"
  'breaker', //      its circuit is open
  'ruled_out', //    the failure before is not one to go on with there
  'retry_budget', // the budget for extra attempts is spent
  'budget', //       what it may cost at worst is more than is left
  'ejected', //      it does worse than its peers
  'throttled', //    it has been turning requests away, and is asked less
  'full', //         no slot came free in time
  'paced', //        its quota is used up for now
  'shed', //         the call was turned away for load
  'credits', //      the caller cannot pay for it
  'moderated', //    the gateway's moderation flagged the prompt
  'free_limit', //   the caller has asked free models as often as he may
] as const
export type SkipCause = (typeof SKIP_CAUSES)[number]

/** What changes a prompt before it is asked. */
export const PROMPT_CHANGES = ['datetime', 'web_search', 'web_fetch', 'context_compression', 'file_parser'] as const
export type PromptChange = (typeof PROMPT_CHANGES)[number]

/** A tool of the gateway has added to a prompt what it found, or its middle was cut out for an endpoint. */
export interface PromptChanged {
  readonly kind: 'prompt.changed'
  readonly at: Millis
  readonly request: RequestId
  readonly call: number
  readonly by: PromptChange
  /** Whom the tool has asked, or for whom the prompt was cut; -1 for nobody. */
  readonly endpoint: number
  readonly tokensBefore: number
  readonly tokensAfter: number
  /** Results of a search, or pages. */
  readonly found: number
  /** Whether whoever was asked failed, or was too slow. */
  readonly hasFailed: boolean
  /** What it costs beside the answer, before any markup. */
  readonly cost: NanoDollars
}

/** A candidate was passed over when its turn came. */
export interface CandidateSkipped {
  readonly kind: 'candidate.skipped'
  readonly at: Millis
  readonly request: RequestId
  readonly call: number
  readonly endpoint: number
  readonly cause: SkipCause
}

export interface AttemptStarted {
  readonly kind: 'attempt.started'
  readonly at: Millis
  readonly request: RequestId
  readonly call: number
  readonly attempt: number
  readonly endpoint: number
  readonly reason: AttemptReason
}

export interface AttemptEnded {
  readonly kind: 'attempt.ended'
  readonly at: Millis
  readonly request: RequestId
  readonly call: number
  readonly attempt: number
  readonly endpoint: number
  readonly outcome: AttemptOutcome
  readonly errorClass: ErrorClass | null
  readonly status: number | null
  readonly startedAt: Millis
  /** First content token; null if none came. */
  readonly firstContentAt: Millis | null
  readonly outputTokens: number
  /** Whether this attempt's content reached the caller. */
  readonly committed: boolean
}

/** What the fleet itself says that it served and charges for one attempt: the truth the router's books are held against. */
export interface FleetCharged {
  readonly kind: 'fleet.charged'
  readonly at: Millis
  readonly request: RequestId
  readonly call: number
  readonly attempt: number
  readonly endpoint: number
  readonly inputTokens: number
  readonly outputTokens: number
  /** Of the input, read from the endpoint's prompt cache. Absent: none. */
  readonly cachedInputTokens?: number
  /** Of the input, written to it, where that has a price of its own. Absent: none. */
  readonly writtenInputTokens?: number
  /** Images, and tokens of audio and reasoning. Absent: none of these. */
  readonly rarities?: Rarities
  readonly cost: NanoDollars
  /** 0..1: how good the answer is: what the endpoint declares for the task, less what faults took of it. */
  readonly quality: number
}

export interface CallClosed {
  readonly kind: 'call.closed'
  readonly at: Millis
  readonly request: RequestId
  readonly call: number
  readonly outcome: CallOutcome
  readonly errorClass: ErrorClass | null
  readonly status: number
  readonly attempts: number
  readonly firstChoice: number
  readonly servedBy: number
  readonly billed: NanoDollars
  /** Rung of the degradation ladder it ended on; 0 for none. */
  readonly rung: number
  /** The endpoint told no usage, or one that cannot be true: the bill is the gateway's own count. Absent: it did. */
  readonly usageEstimated?: true
}

/** What a call costs whoever made it, where the gateway keeps accounts; comes just before the call is closed. */
export interface CallBilled {
  readonly kind: 'call.billed'
  readonly at: Millis
  readonly request: RequestId
  readonly call: number
  /** Index of the API key it was made with; -1 for none. */
  readonly key: number
  /** The endpoint that served; -1 where nobody did, and only the reading of files is paid. */
  readonly endpoint: number
  /** What the caller pays: `billed` of the call. */
  readonly cost: NanoDollars
  /** What the answer costs at the endpoint's prices: the same, unless there is a markup or a key of one's own. */
  readonly listCost: NanoDollars
  /** Of that, what was answered with keys of one's own. Absent: all of it where `isByok`, otherwise nothing. */
  readonly ownCost?: NanoDollars
  /** What server tools and the reading of files have cost beside it. Absent: nothing. */
  readonly toolCost?: NanoDollars
  readonly isByok: boolean
  readonly inputTokens: number
  readonly outputTokens: number
  /** Of the input, read from the prompt cache, and written to it. Absent: none of either. */
  readonly cachedInputTokens?: number
  readonly writtenInputTokens?: number
  /** What that has saved; below 0 where writing cost more. Absent: nothing. */
  readonly cacheDiscount?: NanoDollars
  /** Images, and tokens of audio and reasoning. Absent: none of these. */
  readonly rarities?: Rarities
}

export interface RequestClosed {
  readonly kind: 'request.closed'
  readonly at: Millis
  readonly request: RequestId
  readonly workflow: number
  readonly arrivedAt: Millis
  readonly outcome: RequestOutcome
  readonly errorClass: ErrorClass | null
  /** From arrival to the first content the application saw; null if none. */
  readonly ttftMs: Millis | null
  readonly latencyMs: Millis
  readonly outputTokens: number
  /** Calls at the gateway. */
  readonly calls: number
  /** Attempts at endpoints, over all calls, emergency attempts included. */
  readonly attempts: number
  /** Endpoint that the first plan put first, whether or not it could be asked; -1 when there was no plan. */
  readonly firstChoice: number
  /** Endpoint whose answer the application got; -1 for none. */
  readonly servedBy: number
  readonly billed: NanoDollars
  /** Rung of the degradation ladder that its last call ended on; 0 for none. */
  readonly rung: number
  /** null: the answer held no tool call and needed none. */
  readonly toolCall: 'valid' | ToolCallDefect | null
}

export interface HealthChanged {
  readonly kind: 'health.changed'
  readonly at: Millis
  /** Index of the policy whose breaker or cooldown it is. */
  readonly policy: number
  readonly endpoint: number
  readonly from: BreakerState
  readonly to: BreakerState
  /** When the endpoint may be tried again; null when it may be tried now. */
  readonly until: Millis | null
  readonly cause: ErrorClass | null
}

export interface FaultStarted {
  readonly kind: 'fault.started'
  readonly at: Millis
  readonly fault: number
}

export interface FaultEnded {
  readonly kind: 'fault.ended'
  readonly at: Millis
  readonly fault: number
}

/** A fault touched an attempt (or, at the gateway, a call: then `endpoint` is -1 and `attempt` is 0). */
export interface FaultFired {
  readonly kind: 'fault.fired'
  readonly at: Millis
  readonly fault: number
  readonly endpoint: number
  readonly request: RequestId
  readonly call: number
  readonly attempt: number
}

/** A Signal came for an attempt that was already over. Counted, never lost. */
export interface SignalLate {
  readonly kind: 'signal.late'
  readonly at: Millis
  readonly request: RequestId
  readonly endpoint: number
}

/** The tool server of an agent was called, and did, or did not do, what it was asked for. */
export interface ToolCalled {
  readonly kind: 'tool.called'
  readonly at: Millis
  /** The request whose answer asked for it; what follows is told of that request. */
  readonly request: RequestId
  readonly workflow: number
  readonly arrivedAt: Millis
  readonly firstChoice: number
  readonly servedBy: number
  readonly rung: number
  /** 0 for the first call for this step of the task, then counting. */
  readonly invocation: number
  readonly outcome: (typeof TOOL_OUTCOMES)[number]
  readonly effect: (typeof TOOL_EFFECTS)[number]
}

/** What the application was told: the result, a refusal, or nothing in time. */
export const TOOL_OUTCOMES = ['done', 'failed', 'lost'] as const

export const TOOL_EFFECTS = [
  'none', //         refused, or an action that changes nothing
  'first',
  'duplicate', //    the same once more
  'deduplicated', // it had been done under this key
] as const

/** Live runs: the loop woke later than it wanted to, in scenario ms. */
export interface LoopLagged {
  readonly kind: 'loop.lagged'
  readonly at: Millis
  readonly lagMs: Millis
}

export type Entry =
  | RequestArrived
  | PromptChanged
  | CallRouted
  | CandidateSkipped
  | AttemptStarted
  | AttemptEnded
  | FleetCharged
  | CallBilled
  | CallClosed
  | RequestClosed
  | HealthChanged
  | FaultStarted
  | FaultEnded
  | FaultFired
  | SignalLate
  | ToolCalled
  | LoopLagged

export type EntryKind = Entry['kind']
export type EntryOf<Kind extends EntryKind> = Extract<Entry, { kind: Kind }>

export const ENTRY_KINDS = [
  'request.arrived',
  'call.routed',
  'candidate.skipped',
  'attempt.started',
  'attempt.ended',
  'fleet.charged',
  'call.closed',
  'request.closed',
  'health.changed',
  'fault.started',
  'fault.ended',
  'fault.fired',
  'signal.late',
  'tool.called',
  'loop.lagged',
  'call.billed',
  'prompt.changed',
] as const satisfies readonly EntryKind[]

/**
 * An entry to be filled in and recorded, over and over. A run has millions of those that every request has, and hardly
 * anybody keeps one: so what is on a form holds while it is recorded, and no longer. Whoever keeps an entry that was
 * recorded keeps a copy. (A Fold that a Log hands entries to need not care: those it gets are its own.) Fill in every
 * field: what is not filled in is somebody else's.
 */
export type Form<Kind extends Entry> = { -readonly [Field in keyof Kind]: Kind[Field] }

/** The other side of every Machine's `out`: commands to be done, entries to be kept. */
export interface Out<Command> {
  push(command: Command): void
  record(entry: Entry): void
}
