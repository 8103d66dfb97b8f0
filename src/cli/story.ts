/**
 * The story of one request, told from its entries: what it asked, who might serve it and why not the others, what was
 * tried, how each attempt ended, and what it cost. Names instead of numbers, so that it can be printed or read as JSON.
 */
import { NEVER, type Millis } from '../base/index.ts'
import {
  windowAt,
  requestName,
  rungName,
  type AttemptReason,
  type Directory,
  type Entry,
  type EntryOf,
  type PromptChange,
  type SkipCause,
} from '../ledger/index.ts'
import { workflowOf } from '../protocol/index.ts'

export interface Story {
  readonly request: string
  readonly workflow: string
  readonly window: string | null
  readonly arrivedAt: Millis
  readonly inputTokens: number
  readonly stream: boolean
  readonly calls: readonly CallStory[]
  /** The application's own attempts past the gateway. */
  readonly emergency: readonly AttemptStory[]
  /** Faults of the gateway itself that struck it. */
  readonly gatewayFaults: readonly string[]
  /** What the tool server did about its answer. */
  readonly tools: readonly Pick<EntryOf<'tool.called'>, 'at' | 'invocation' | 'outcome' | 'effect'>[]
  /** null: still open when the ledger ended. */
  readonly outcome: OutcomeStory | null
  /** Nano-dollars: what the fleet charged for all attempts, and what the caller pays. */
  readonly upstreamCost: number
  readonly billed: number
  /** What buying the credits for it costs on top, in nano-dollars; absent where none are bought. */
  readonly creditFee?: number
}

export interface FunnelRow {
  readonly step: string
  readonly left: number
  readonly removed: readonly string[]
  /** Which rule of an account or a guardrail removed them; null where the step says it. */
  readonly reason: string | null
  /** What of each of them does not fit; null where the step says it of all. */
  readonly misfits: readonly string[] | null
}

export interface CallStory {
  readonly number: number
  readonly routedAt: Millis | null
  /** Index of the rule of the policy that chose the models; null where none matched. */
  readonly rule: number | null
  /** Rungs of the degradation ladder it went down, counted from 1, each with its own order. */
  readonly rungs: readonly { readonly rung: string; readonly at: Millis; readonly order: readonly string[] }[]
  readonly funnel: readonly FunnelRow[]
  readonly order: readonly { readonly endpoint: string; readonly score: number; readonly reason: string }[]
  readonly skipped: readonly { readonly at: Millis; readonly endpoint: string; readonly cause: SkipCause }[]
  /** What the gateway has done to the prompt, in order. */
  readonly changes: readonly PromptChangeStory[]
  readonly attempts: readonly AttemptStory[]
  readonly outcome: string | null
  readonly errorClass: string | null
  readonly status: number | null
}

export interface PromptChangeStory {
  readonly at: Millis
  readonly by: PromptChange
  /** Whom a tool has asked, or for whom the prompt was cut; null for nobody. */
  readonly endpoint: string | null
  readonly tokensBefore: number
  readonly tokensAfter: number
  /** Results of a search, or pages. */
  readonly found: number
  readonly hasFailed: boolean
  /** Nano-dollars, beside the answer. */
  readonly cost: number
}

export interface AttemptStory {
  readonly number: number
  readonly endpoint: string
  readonly reason: AttemptReason
  readonly startedAt: Millis
  /** From the start; null: none came. */
  readonly firstTokenMs: Millis | null
  /** From the start; null: it had not ended. */
  readonly durationMs: Millis | null
  readonly outcome: string | null
  readonly errorClass: string | null
  readonly status: number | null
  readonly inputTokens: number | null
  /** Of these, read from the prompt cache. */
  readonly cachedInputTokens: number
  readonly outputTokens: number | null
  readonly committed: boolean
  /** Nano-dollars; null: the fleet charged nothing. */
  readonly cost: number | null
  readonly faults: readonly string[]
}

export interface OutcomeStory {
  readonly at: Millis
  readonly outcome: string
  readonly errorClass: string | null
  readonly ttftMs: Millis | null
  readonly latencyMs: Millis
  readonly outputTokens: number
  readonly attempts: number
  readonly servedBy: string | null
  /** Rung of the degradation ladder it ended on; 0 for none. */
  readonly rung: number
  readonly toolCall: string | null
}

/** `entries`: those of one request, in order. null when the request never arrived. */
export function tellStory(directory: Directory, entries: readonly Entry[]): Story | null {
  const arrived = entries.find((entry) => entry.kind === 'request.arrived')
  if (arrived === undefined) return null
  const closed = of(entries, 'request.closed')[0]
  const window = directory.windows[windowAt(directory, arrived.at)]
  const calls = new Set(entries.flatMap((entry) => ('call' in entry && entry.call >= 0 ? [entry.call] : [])))
  return {
    request: requestName(directory, arrived.request),
    workflow: directory.workflows[arrived.workflow] ?? '?',
    window: window?.name ?? null,
    arrivedAt: arrived.at,
    inputTokens: arrived.inputTokens,
    stream: arrived.stream,
    calls: [...calls].sort((left, right) => left - right).map((call) => callStory(directory, entries, call)),
    emergency: attemptsOf(directory, entries, -1),
    gatewayFaults: of(entries, 'fault.fired').flatMap((fired) =>
      fired.endpoint < 0 ? [faultOf(directory, fired.fault)] : [],
    ),
    tools: of(entries, 'tool.called').map(({ at, invocation, outcome, effect }) => ({
      at,
      invocation,
      outcome,
      effect,
    })),
    outcome: closed === undefined ? null : outcomeStory(directory, closed),
    upstreamCost: of(entries, 'fleet.charged').reduce((sum, { cost }) => sum + cost, 0),
    billed: closed?.billed ?? 0,
    ...(directory.creditFee !== undefined && { creditFee: Math.round((closed?.billed ?? 0) * directory.creditFee) }),
  }
}

function callStory(directory: Directory, entries: readonly Entry[], call: number): CallStory {
  const routed = of(entries, 'call.routed').find((entry) => entry.call === call)
  const closed = of(entries, 'call.closed').find((entry) => entry.call === call)
  const name = (endpoint: number) => endpointOf(directory, endpoint)
  return {
    number: call,
    routedAt: routed?.at ?? null,
    rule: routed === undefined || routed.rule < 0 ? null : routed.rule,
    rungs: of(entries, 'call.routed')
      .filter((entry) => entry.call === call && entry.rung > 0)
      .map(({ request, rung, at, order }) => ({
        rung: rungName(directory, workflowOf(request), rung),
        at,
        order: order.map(({ endpoint }) => name(endpoint)),
      })),
    funnel: (routed?.funnel ?? []).map(({ step, left, removed, reason = null, misfits = null }) => {
      return { step, left, removed: removed.map(name), reason, misfits }
    }),
    order: (routed?.order ?? []).map(({ endpoint, score, reason }) => ({ endpoint: name(endpoint), score, reason })),
    skipped: of(entries, 'candidate.skipped')
      .filter((entry) => entry.call === call)
      .map(({ at, endpoint, cause }) => ({ at, endpoint: name(endpoint), cause })),
    changes: of(entries, 'prompt.changed')
      .filter((entry) => entry.call === call)
      .map(({ at, by, endpoint, tokensBefore, tokensAfter, found, hasFailed, cost }) => {
        const whom = endpoint < 0 ? null : name(endpoint)
        return { at, by, endpoint: whom, tokensBefore, tokensAfter, found, hasFailed, cost }
      }),
    attempts: attemptsOf(directory, entries, call),
    outcome: closed?.outcome ?? null,
    errorClass: closed?.errorClass ?? null,
    status: closed?.status ?? null,
  }
}

function attemptsOf(directory: Directory, entries: readonly Entry[], call: number): AttemptStory[] {
  return of(entries, 'attempt.started')
    .filter((started) => started.call === call)
    .map((started) => {
      const isSame = (entry: { call: number; attempt: number }) =>
        entry.call === call && entry.attempt === started.attempt
      const ended = of(entries, 'attempt.ended').find(isSame)
      const charged = of(entries, 'fleet.charged').find(isSame)
      const first = ended?.firstContentAt ?? null
      return {
        number: started.attempt,
        endpoint: endpointOf(directory, started.endpoint),
        reason: started.reason,
        startedAt: started.at,
        firstTokenMs: first === null ? null : first - started.at,
        durationMs: ended === undefined ? null : ended.at - started.at,
        outcome: ended?.outcome ?? null,
        errorClass: ended?.errorClass ?? null,
        status: ended?.status ?? null,
        inputTokens: charged?.inputTokens ?? null,
        cachedInputTokens: charged?.cachedInputTokens ?? 0,
        outputTokens: ended?.outputTokens ?? null,
        committed: ended?.committed ?? false,
        cost: charged?.cost ?? null,
        faults: of(entries, 'fault.fired').flatMap((fired) =>
          isSame(fired) && fired.endpoint >= 0 ? [faultOf(directory, fired.fault)] : [],
        ),
      }
    })
}

function outcomeStory(directory: Directory, closed: EntryOf<'request.closed'>): OutcomeStory {
  const { at, outcome, errorClass, ttftMs, latencyMs, outputTokens, attempts, servedBy, rung, toolCall } = closed
  const server = servedBy < 0 ? null : endpointOf(directory, servedBy)
  return { at, outcome, errorClass, ttftMs, latencyMs, outputTokens, attempts, servedBy: server, rung, toolCall }
}

// ── requests worth a look ───────────────────────────────────────────────────────────────────────────────────────────

/** A request that somebody may want to have explained, and why. */
export interface Notable {
  readonly request: string
  readonly at: Millis
  readonly why: string
}

const NOTABLE_MAX = 20
/** Of each way to end badly only so many, so that one outage does not hide everything else. */
const NOTABLE_EACH_MAX = 4

/** Folds every `request.closed` into the few worth a look: those that did not end well, then those tried most often. */
export class Notables {
  private readonly directory: Directory
  private readonly byOutcome = new Map<string, EntryOf<'request.closed'>[]>()
  private readonly mostTried: EntryOf<'request.closed'>[] = []
  private readonly counts = new Map<string, number>()

  constructor(directory: Directory) {
    this.directory = directory
  }

  step(closed: EntryOf<'request.closed'>): void {
    const kind = closed.outcome === 'ok' ? 'ok after more than one attempt' : closed.outcome
    if (closed.outcome !== 'ok' || closed.attempts > 1) this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1)
    if (closed.outcome !== 'ok') {
      const known = this.byOutcome.get(closed.outcome) ?? []
      if (known.length < NOTABLE_EACH_MAX) this.byOutcome.set(closed.outcome, [...known, closed])
      return
    }
    const least = this.mostTried.at(-1)
    if (closed.attempts < 2 || (this.mostTried.length === NOTABLE_MAX && least && least.attempts >= closed.attempts))
      return
    this.mostTried.push(closed)
    this.mostTried.sort((left, right) => right.attempts - left.attempts || left.at - right.at)
    this.mostTried.length = Math.min(this.mostTried.length, NOTABLE_MAX)
  }

  /** How many there are of each kind, shown or not. */
  totals(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.counts)
  }

  list(): Notable[] {
    const bad = [...this.byOutcome.values()].flat().sort((left, right) => left.arrivedAt - right.arrivedAt)
    return [...bad, ...this.mostTried].slice(0, NOTABLE_MAX).map((closed) => ({
      request: requestName(this.directory, closed.request),
      at: closed.arrivedAt,
      why: whyOf(closed),
    }))
  }
}

function whyOf({ outcome, errorClass, attempts }: EntryOf<'request.closed'>): string {
  const tries = `${attempts} ${attempts === 1 ? 'attempt' : 'attempts'}`
  if (outcome === 'ok') return `ok after ${tries}`
  return `${outcome}${errorClass === null ? '' : ` (${errorClass})`}, ${tries}`
}

// ── names ───────────────────────────────────────────────────────────────────────────────────────────────────────────

function of<Kind extends Entry['kind']>(entries: readonly Entry[], kind: Kind): EntryOf<Kind>[] {
  return entries.filter((entry): entry is EntryOf<Kind> => entry.kind === kind)
}

function endpointOf(directory: Directory, endpoint: number): string {
  return directory.endpoints[endpoint]?.id ?? `endpoint ${endpoint}`
}

function faultOf(directory: Directory, fault: number): string {
  const name = directory.faults[fault]
  if (name === undefined) return `fault ${fault}`
  return name.until === NEVER ? `${name.label}, by hand` : name.label
}
