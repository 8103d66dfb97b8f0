/**
 * The fingerprint of a run: a hash over a binary encoding of its entries. Same scenario, seed and version give the
 * same fingerprint on any machine. The hasher is handed in (node:crypto outside, anything in tests), because pure
 * rooms import no node modules. Block by block, first what is whole and small, as little-endian int32, then instants,
 * lengths of time and money as float64; names as their numbers, lists as digests.
 */
import { hashName, mix32 } from '../base/index.ts'
import { errorClassNumber, TOOL_CALL_DEFECTS, type ErrorClass, type Rarities } from '../protocol/index.ts'
import {
  ATTEMPT_OUTCOMES,
  ATTEMPT_REASONS,
  BREAKER_STATES,
  CALL_OUTCOMES,
  ENTRY_KINDS,
  PROMPT_CHANGES,
  REQUEST_OUTCOMES,
  TOOL_EFFECTS,
  TOOL_OUTCOMES,
  SKIP_CAUSES,
  type AttemptEnded,
  type AttemptStarted,
  type CallClosed,
  type CallRouted,
  type Candidate,
  type EntryKind,
  type EntryOf,
  type FleetCharged,
  type FunnelStep,
  type RequestArrived,
  type RequestClosed,
} from './entry.ts'
import type { SortedFold, Steps } from './log.ts'

export interface Hasher {
  update(bytes: Uint8Array): unknown
  /** The digest in lower-case hexadecimal. */
  digest(): string
}

const BUFFER_NUMBERS = 8192
/** The widest entry, with room to spare. */
const ENTRY_NUMBERS_MAX = 32

/** The number of a name. The same name nearly always comes again: the last one is remembered. */
function numbering<T extends string>(names: readonly T[]): (name: T) => number {
  const table = new Map<T, number>(names.map((name, index) => [name, index]))
  let last: T | undefined
  let number = -1
  return (name) => {
    if (name !== last) {
      last = name
      number = table.get(name) ?? -1
    }
    return number
  }
}

const kindNumber = numbering(ENTRY_KINDS)
const requestOutcome = numbering(REQUEST_OUTCOMES)
const attemptOutcome = numbering(ATTEMPT_OUTCOMES)
const callOutcome = numbering(CALL_OUTCOMES)
const attemptReason = numbering(ATTEMPT_REASONS)
const breakerState = numbering(BREAKER_STATES)
const toolOutcome = numbering(TOOL_OUTCOMES)
const toolEffect = numbering(TOOL_EFFECTS)
const promptChange = numbering(PROMPT_CHANGES)
const skipCause = numbering(SKIP_CAUSES)
const REQUEST_ARRIVED = kindNumber('request.arrived')
const CALL_ROUTED = kindNumber('call.routed')
const ATTEMPT_STARTED = kindNumber('attempt.started')
const ATTEMPT_ENDED = kindNumber('attempt.ended')
const FLEET_CHARGED = kindNumber('fleet.charged')
const CALL_CLOSED = kindNumber('call.closed')
const REQUEST_CLOSED = kindNumber('request.closed')
const NO_INSTANT = -1
const NO_STATUS = -1

type RareKind = Exclude<
  EntryKind,
  | 'request.arrived'
  | 'call.routed'
  | 'attempt.started'
  | 'attempt.ended'
  | 'fleet.charged'
  | 'call.closed'
  | 'request.closed'
>
type RareEntry = EntryOf<RareKind>
const RARE_KINDS = [
  'candidate.skipped',
  'health.changed',
  'fault.started',
  'fault.ended',
  'fault.fired',
  'signal.late',
  'tool.called',
  'loop.lagged',
  'call.billed',
  'prompt.changed',
] as const satisfies readonly RareKind[]

export class Fingerprint implements SortedFold {
  /** One small method per kind that is frequent: small enough for an engine to write its numbers without boxing them. */
  readonly steps: Steps = {
    'request.arrived': (entry) => this.requestArrived(entry),
    'call.routed': (entry) => this.callRouted(entry),
    'attempt.started': (entry) => this.attemptStarted(entry),
    'attempt.ended': (entry) => this.attemptEnded(entry),
    'fleet.charged': (entry) => this.fleetCharged(entry),
    'call.closed': (entry) => this.callClosed(entry),
    'request.closed': (entry) => this.requestClosed(entry),
    ...Object.fromEntries(RARE_KINDS.map((kind) => [kind, (entry: RareEntry) => this.rare(entry)])),
  }
  private readonly words = new Int32Array(BUFFER_NUMBERS)
  private readonly numbers = new Float64Array(BUFFER_NUMBERS)
  /** The first word of a block says how many there are. */
  private wordsUsed = 1
  private numbersUsed = 0
  private readonly funnels = new ListDigests<FunnelStep>(putFunnel)
  private readonly orders = new ListDigests<Candidate>(putOrder)
  private readonly hasher: Hasher
  private finished: string | null = null

  constructor(hasher: Hasher) {
    this.hasher = hasher
  }

  private requestArrived(entry: RequestArrived): void {
    this.begin(REQUEST_ARRIVED, entry.stream ? 1 : 0)
    this.number2(entry.at, entry.request)
    this.word2(entry.workflow, entry.inputTokens)
  }

  private callRouted(entry: CallRouted): void {
    this.begin(CALL_ROUTED)
    this.number2(entry.at, entry.request)
    this.word3(entry.call, entry.rule, entry.rung)
    this.number2(this.funnels.digest(entry.funnel), this.orders.digest(entry.order))
  }

  private attemptStarted(entry: AttemptStarted): void {
    this.begin(ATTEMPT_STARTED, attemptReason(entry.reason))
    this.number2(entry.at, entry.request)
    this.word3(entry.call, entry.attempt, entry.endpoint)
  }

  private attemptEnded(entry: AttemptEnded): void {
    const errorClass = errorClassNumber(entry.errorClass)
    this.begin(ATTEMPT_ENDED, attemptOutcome(entry.outcome), errorClass, entry.committed ? 1 : 0)
    this.number2(entry.at, entry.request)
    this.word3(entry.call, entry.attempt, entry.endpoint)
    this.word2(entry.outputTokens, entry.status ?? NO_STATUS)
    this.number2(entry.startedAt, entry.firstContentAt ?? NO_INSTANT)
  }

  private fleetCharged(entry: FleetCharged): void {
    const { cachedInputTokens, writtenInputTokens, rarities } = entry
    const hasCache = cachedInputTokens !== undefined || writtenInputTokens !== undefined
    this.begin(FLEET_CHARGED, hasCache ? 1 : 0, rarities === undefined ? -1 : 0)
    this.number2(entry.at, entry.request)
    this.word3(entry.call, entry.attempt, entry.endpoint)
    this.number2(entry.inputTokens, entry.outputTokens)
    this.number2(entry.cost, entry.quality)
    if (hasCache) this.number2(cachedInputTokens ?? 0, writtenInputTokens ?? 0)
    if (rarities !== undefined) this.rarities(rarities)
  }

  private rarities({ audioTokens = 0, reasoningTokens = 0, images = 0 }: Rarities): void {
    this.number2(audioTokens, reasoningTokens)
    this.number(images)
  }

  private callClosed(entry: CallClosed): void {
    const errorClass = errorClassNumber(entry.errorClass)
    const isEstimated = entry.usageEstimated ? 1 : 0
    this.begin(CALL_CLOSED, callOutcome(entry.outcome), errorClass, isEstimated)
    this.number2(entry.at, entry.request)
    this.word3(entry.call, entry.status, entry.attempts)
    this.word3(entry.firstChoice, entry.servedBy, entry.rung)
    this.number(entry.billed)
  }

  private requestClosed(entry: RequestClosed): void {
    const errorClass = errorClassNumber(entry.errorClass)
    const toolCall = toolCallNumber(entry.toolCall)
    this.begin(REQUEST_CLOSED, requestOutcome(entry.outcome), errorClass, toolCall)
    this.number2(entry.at, entry.request)
    this.word3(entry.workflow, entry.outputTokens, entry.calls)
    this.word2(entry.attempts, entry.rung)
    this.word2(entry.firstChoice, entry.servedBy)
    this.number2(entry.arrivedAt, entry.ttftMs ?? NO_INSTANT)
    this.number2(entry.latencyMs, entry.billed)
  }

  private rare(entry: RareEntry): void {
    const kind = kindNumber(entry.kind)
    const { at } = entry
    switch (entry.kind) {
      case 'candidate.skipped':
        this.begin(kind, skipCause(entry.cause))
        this.number2(at, entry.request)
        this.word2(entry.call, entry.endpoint)
        return
      case 'health.changed': {
        const cause = errorClassNumber(entry.cause as ErrorClass | null)
        this.begin(kind, breakerState(entry.from), breakerState(entry.to), cause)
        this.number(at)
        this.word2(entry.policy, entry.endpoint)
        this.number(entry.until ?? NO_INSTANT)
        return
      }
      case 'fault.started':
      case 'fault.ended':
        this.begin(kind)
        this.number(at)
        this.word(entry.fault)
        return
      case 'fault.fired':
        this.begin(kind)
        this.number2(at, entry.request)
        this.word2(entry.fault, entry.endpoint)
        this.word2(entry.call, entry.attempt)
        return
      case 'signal.late':
        this.begin(kind)
        this.number2(at, entry.request)
        this.word(entry.endpoint)
        return
      case 'tool.called':
        this.begin(kind, toolOutcome(entry.outcome), toolEffect(entry.effect))
        this.number2(at, entry.request)
        this.word2(entry.workflow, entry.invocation)
        this.word3(entry.firstChoice, entry.servedBy, entry.rung)
        this.number(entry.arrivedAt)
        return
      case 'call.billed': {
        const { cachedInputTokens: cached, writtenInputTokens: written, cacheDiscount } = entry
        const { toolCost, ownCost, rarities } = entry
        const beside =
          (toolCost === undefined ? 0 : 1) + (ownCost === undefined ? 0 : 2) + (rarities === undefined ? 0 : 4)
        this.begin(kind, entry.isByok ? 1 : 0, cacheDiscount === undefined ? 0 : 1, beside - 1)
        this.number2(at, entry.request)
        this.word3(entry.call, entry.key, entry.endpoint)
        this.number2(entry.cost, entry.listCost)
        this.number2(entry.inputTokens, entry.outputTokens)
        if (toolCost !== undefined) this.number(toolCost)
        if (ownCost !== undefined) this.number(ownCost)
        if (rarities !== undefined) this.rarities(rarities)
        if (cacheDiscount === undefined) return
        this.number2(cached ?? 0, written ?? 0)
        this.number(cacheDiscount)
        return
      }
      case 'prompt.changed':
        this.begin(kind, promptChange(entry.by), entry.hasFailed ? 1 : 0)
        this.number2(at, entry.request)
        this.word3(entry.call, entry.endpoint, entry.found)
        this.word2(entry.tokensBefore, entry.tokensAfter)
        this.number(entry.cost)
        return
      case 'loop.lagged':
        this.begin(kind)
        this.number(at)
        this.number(entry.lagMs)
    }
  }

  /** The digest so far closes the fingerprint; entries after it are not counted. Asking again gives the same. */
  digest(): string {
    if (this.finished === null) {
      this.flush()
      this.finished = this.hasher.digest()
    }
    return this.finished
  }

  /** The first word of an entry: its kind, and up to three names by their numbers (from -1). */
  private begin(kind: number, first = -1, second = -1, third = -1): void {
    this.makeRoom()
    this.word(kind | ((first + 1) << 8) | ((second + 1) << 16) | ((third + 1) << 24))
  }

  private word(value: number): void {
    this.words[this.wordsUsed] = value
    this.wordsUsed += 1
  }

  private word2(first: number, second: number): void {
    this.word(first)
    this.word(second)
  }

  private word3(first: number, second: number, third: number): void {
    this.word(first)
    this.word(second)
    this.word(third)
  }

  private number(value: number): void {
    this.numbers[this.numbersUsed] = value
    this.numbersUsed += 1
  }

  private number2(first: number, second: number): void {
    this.number(first)
    this.number(second)
  }

  private makeRoom(): void {
    if (this.wordsUsed > BUFFER_NUMBERS - ENTRY_NUMBERS_MAX || this.numbersUsed > BUFFER_NUMBERS - ENTRY_NUMBERS_MAX)
      this.flush()
  }

  private flush(): void {
    if (this.wordsUsed > 1 && this.finished === null) {
      this.words[0] = this.wordsUsed
      this.hasher.update(new Uint8Array(this.words.buffer, 0, this.wordsUsed * 4))
      this.hasher.update(new Uint8Array(this.numbers.buffer, 0, this.numbersUsed * 8))
    }
    this.wordsUsed = 1
    this.numbersUsed = 0
  }
}

/** How many lists are remembered with their digests. */
const RECENT = 8

/**
 * 53 bits for a list. Funnels and orders are mostly the same few objects for millions of calls: each is digested once,
 * and an entry holds its digest instead of its every number.
 */
class ListDigests<T> {
  private readonly encode: (list: readonly T[], numbers: number[]) => void
  private readonly lists: (readonly T[])[] = []
  private readonly digests: number[] = []
  private next = 0

  constructor(encode: (list: readonly T[], numbers: number[]) => void) {
    this.encode = encode
  }

  digest(list: readonly T[]): number {
    const { lists, digests } = this
    for (let index = 0; index < lists.length; index += 1) if (lists[index] === list) return digests[index] as number
    const numbers: number[] = [list.length]
    this.encode(list, numbers)
    const digest = digestOf(numbers)
    lists[this.next] = list
    digests[this.next] = digest
    this.next = (this.next + 1) % RECENT
    return digest
  }
}

function digestOf(numbers: readonly number[]): number {
  let high = 0
  let low = numbers.length
  for (const word of new Uint32Array(Float64Array.from(numbers).buffer)) {
    high = mix32(high ^ word)
    low = mix32((low + high) ^ word)
  }
  return (high >>> 0) * 2097152 + (low >>> 11)
}

function putFunnel(funnel: readonly FunnelStep[], numbers: number[]): void {
  for (const { step, left, removed, reason } of funnel) {
    numbers.push(nameNumber(step), left, removed.length, ...removed)
    if (reason !== undefined) numbers.push(nameNumber(reason))
  }
}

function putOrder(order: readonly Candidate[], numbers: number[]): void {
  for (const { endpoint, score, reason } of order) numbers.push(endpoint, score, nameNumber(reason))
}

const nameNumbers = new Map<string, number>()

/** Steps and reasons are a few sentences, told millions of times: hashed once each. */
function nameNumber(name: string): number {
  let number = nameNumbers.get(name)
  if (number === undefined) nameNumbers.set(name, (number = hashName(name)))
  return number
}

function toolCallNumber(toolCall: RequestClosed['toolCall']): number {
  if (toolCall === null) return -1
  return toolCall === 'valid' ? 0 : 1 + TOOL_CALL_DEFECTS.indexOf(toolCall)
}
