/**
 * Clients that are not of the workload: an SDK, a load generator, somebody with curl. The gateway keeps the books that
 * an application would keep, so that their requests are in the ledger like any other. They have no twin, and a run with
 * them cannot be reproduced.
 */
import { at, Slots, type Millis, type Rng } from '../base/index.ts'
import type { Entry, GenerationNote, Generations, RequestClosed, RequestOutcome } from '../ledger/index.ts'
import {
  generationId,
  isRouterModel,
  PLAIN_TRAITS,
  readModelName,
  placeOfKey,
  requestId,
  saysSomething,
  UNKNOWN_KEY,
  usabilityOf,
  type CacheWish,
  type Call,
  type Caller,
  type CallFailure,
  type Conversation,
  type Effort,
  type ErrorClass,
  type FinishReason,
  type GatewaySpec,
  type Offer,
  type PromptFile,
  type RequestHalf,
  type RequestTraits,
  type Signal,
  type ToolDelta,
} from '../protocol/index.ts'
import { headerOf, type HeaderBag, type WireRequest } from '../protocol/dialects/index.ts'
import { providerProblem, refusal, type Ask } from '../gateway/index.ts'
import type { Policy } from '../router/index.ts'
import { TraitsSource, traitsSchema, type Workflow } from '../workload/index.ts'
import { requestFromOutside } from './wire.ts'

export interface OutsideOptions {
  readonly record: (entry: Entry) => void
  readonly workflows: readonly Workflow[]
  readonly offers: readonly Offer[]
  readonly policies: readonly Policy[]
  readonly policyNames: readonly string[]
  readonly rng: Rng
  readonly gateway: GatewaySpec
  readonly generations: Generations
}

/** What a stranger's request is about. */
interface About {
  readonly traits: RequestTraits
  readonly caller: Caller | null
  readonly conversation: Conversation | null
  readonly effort: Effort | null
  readonly thinkingMax: number | null
  readonly cache: CacheWish | null | undefined
  readonly note: GenerationNote | null
  /** What is in its PDFs, where they have been read. */
  readonly files: readonly PromptFile[] | undefined
}

/** The books that are kept for a stranger's call. */
export interface Guest {
  readonly call: Call
  /** Where it is among those in flight; -1 once its books are closed. */
  slot: number
  readonly arrivedAt: Millis
  readonly workflow: number
  /** What is told of it besides under `/generation`; null at doors that are not OpenRouter's. */
  readonly note: GenerationNote | null
  firstContentAt: Millis | null
  outputTokens: number
  toolDeltas: ToolDelta[]
  text: string
  hasSaid: boolean
  reason: FinishReason | null
  /** The provider's own word for that; null where it has none. */
  native: string | null
}

/** What a stranger may say of its request, and the trait that it is. */
const TRAIT_HEADERS = [
  ['x-squall-task', 'task'],
  ['x-squall-complexity', 'complexity'],
  ['x-squall-data-class', 'data_class'],
  ['x-squall-tenant', 'tenant'],
  ['x-squall-priority', 'priority'],
] as const

/** Characters of what is remembered of a stranger's words. */
const NOTE_MAX = 512

/** Ordinals of strangers in a workflow of the scenario begin here, out of the way of its own. */
const STRANGERS_FROM = 2147483648

export class Outside {
  private readonly options: OutsideOptions
  private readonly guests = new Slots<Guest>()
  private arrived = 0
  /** Callers mostly say the same as the one before. */
  private lastNote: GenerationNote | null = null

  constructor(options: OutsideOptions) {
    this.options = options
  }

  get inFlight(): number {
    return this.guests.size
  }

  /**
   * A stranger's call. Its body is the request half; header `x-squall-policy` names a policy (default: the first), and
   * `x-squall-workflow` the workflow that it says it belongs to (otherwise `outside`).
   */
  receive(
    wire: WireRequest,
    ask: Ask | null,
    headers: HeaderBag,
    now: Millis,
    files?: readonly PromptFile[],
  ): Guest | CallFailure {
    const { policyNames, policies, workflows } = this.options
    const policyName = headerOf(headers, 'x-squall-policy') ?? policyNames[0] ?? ''
    const named = workflows.find(({ name }) => name === headerOf(headers, 'x-squall-workflow'))
    const policy = named?.policy ?? policyNames.indexOf(policyName)
    if (policy < 0) {
      return refusal(`There is no policy "${policyName}"; there are: ${policyNames.join(', ')}.`)
    }
    const half = this.halfOf(wire, ask, this.harnessOf(headers), at(policies, policy))
    if (half !== null && 'status' in half) return half
    const traits = this.traitsOf(headers)
    if ('status' in traits) return traits
    const caller = this.callerOf(headers)
    return this.admit(
      wire,
      half,
      policy,
      named,
      {
        traits,
        caller,
        conversation: ask?.conversation ?? null,
        effort: ask?.effort ?? null,
        thinkingMax: ask?.thinkingMax ?? null,
        cache: ask?.cache,
        note: ask === null ? null : this.noteOf(ask, headers),
        files,
      },
      now,
    )
  }

  /**
   * What the caller asks for; null where that is nothing but a model the policy routes: then all of the policy applies.
   * What he does not say is as the policy has it, unless he names other models.
   */
  private halfOf(
    wire: WireRequest,
    ask: Ask | null,
    app: string | null,
    policy: Policy,
  ): RequestHalf | CallFailure | null {
    const { models } = wire
    const isOffered = (model: string): boolean => this.options.offers.some((offer) => offer.model === model)
    const strange = models.find((name) => {
      const { model } = readModelName(name, isOffered)
      return !isOffered(model) && (ask === null || !isRouterModel(model))
    })
    if (strange !== undefined)
      return ask === null ? unknownToOpenAi(strange) : refusal(`${strange} is not a valid model ID`)
    const problem = ask === null && wire.provider !== null ? providerProblem(wire.provider) : null
    if (problem !== null) return refusal(problem)
    const isRouted = models.length === 0 || (models.length === 1 && policy.models.includes(at(models, 0)))
    const wishes = app === null ? (ask?.wishes ?? null) : { ...ask?.wishes, app }
    if (isRouted && wire.provider === null && wishes === null) return null
    if (!isRouted) return { models, provider: wire.provider ?? {}, ...wishes }
    const provider = wire.provider ?? policy.provider
    return { models: wire.provider === null || models.length === 0 ? policy.models : models, provider, ...wishes }
  }

  private noteOf({ conversation, preset, user }: Ask, headers: HeaderBag): GenerationNote {
    const sessionId = conversation?.by === 'session_id' ? conversation.id : null
    const httpReferer = shortened(headerOf(headers, 'http-referer')) ?? null
    const userAgent = shortened(headerOf(headers, 'user-agent')) ?? null
    const last = this.lastNote
    const isSame =
      last?.sessionId === sessionId &&
      last.presetId === preset &&
      last.externalUser === user &&
      last.httpReferer === httpReferer &&
      last.userAgent === userAgent
    if (last !== null && isSame) return last
    const said = { sessionId, presetId: preset, httpReferer, userAgent, externalUser: user }
    return (this.lastNote = { ...said, router: null, finish: null, cachedFrom: null })
  }

  /** The application, if it is an agentic harness: some free endpoints are for those alone. */
  private harnessOf(headers: HeaderBag): string | null {
    const app = headerOf(headers, 'http-referer')
    const isHarness = app !== undefined && this.options.gateway.account?.harnesses.includes(app) === true
    return isHarness ? app : null
  }

  /** Headers `x-squall-task`, `-complexity`, `-data-class`, `-tenant` and `-priority` say what a request is about. */
  private traitsOf(headers: HeaderBag): RequestTraits | CallFailure {
    if (TRAIT_HEADERS.every(([name]) => headers[name] === undefined)) return PLAIN_TRAITS
    const said = TRAIT_HEADERS.flatMap(([name, key]) => {
      const text = headerOf(headers, name)
      return text === undefined
        ? []
        : [[key, key === 'complexity' || key === 'priority' ? Number(text) : text] as const]
    })
    const parsed = traitsSchema.safeParse(Object.fromEntries(said))
    if (parsed.success) return new TraitsSource(parsed.data, 'outside').draw(0, this.options.rng)
    const [issue] = parsed.error.issues
    const header = TRAIT_HEADERS.find(([, key]) => key === issue?.path[0])?.[0] ?? 'x-squall-…'
    return refusal(`${header}: ${issue?.message ?? 'is not valid'}`)
  }

  /** Whose key came with it, where the gateway has keys. */
  callerOf(headers: HeaderBag): Caller | null {
    const { keys } = this.options.gateway
    const secret = secretOf(headers)
    if (keys === undefined || secret === undefined) return null
    const key = placeOfKey(keys, secret)
    return { key: key < 0 ? UNKNOWN_KEY : key }
  }

  private admit(
    wire: WireRequest,
    half: RequestHalf | null,
    policy: number,
    named: Workflow | undefined,
    { traits, caller, conversation, effort, thinkingMax, cache, note, files }: About,
    now: Millis,
  ): Guest {
    const { workflows, record, rng } = this.options
    const workflow = named?.index ?? workflows.length
    const ordinal = this.arrived
    this.arrived += 1
    const id = requestId(workflow, named ? STRANGERS_FROM + ordinal : ordinal)
    const asked = requestFromOutside(wire, traits, workflow, id, ordinal, rng, files)
    const request = conversation === null ? asked : { ...asked, conversation }
    const call: Call = { request, number: 0, policy, caller, half, summary: null, slot: -1 }
    if (effort !== null) call.effort = effort
    if (thinkingMax !== null) call.thinkingMax = thinkingMax
    if (cache !== undefined) call.cache = cache
    const guest: Guest = {
      call,
      slot: -1,
      arrivedAt: now,
      workflow,
      note,
      firstContentAt: null,
      outputTokens: 0,
      toolDeltas: [],
      text: '',
      hasSaid: false,
      reason: null,
      native: null,
    }
    guest.slot = this.guests.add(guest)
    const { inputTokens, stream } = request
    record({ kind: 'request.arrived', at: now, request: id, workflow, inputTokens, stream })
    return guest
  }

  heard(guest: Guest, signals: readonly Signal[], now: Millis): void {
    for (const signal of signals) {
      if (signal.type === 'finished') {
        guest.reason = signal.reason
        guest.native = signal.native ?? null
      }
      if (signal.type !== 'content' && signal.type !== 'toolDelta') continue
      guest.hasSaid ||= saysSomething(signal)
      if (signal.type === 'content' && signal.channel === 'text') guest.text += signal.text ?? ''
      if (signal.tokens > 0) guest.firstContentAt ??= now
      guest.outputTokens += signal.tokens
      if (signal.type === 'toolDelta') guest.toolDeltas.push(signal)
    }
  }

  ended(guest: Guest, signals: readonly Signal[], now: Millis): void {
    this.heard(guest, signals, now)
    const { call } = guest
    const delivery = call.summary?.delivery
    if (delivery === 'partial' || delivery === 'canned') {
      this.close(guest, delivery, null, now)
      return
    }
    const { errorClass, toolCall } = usabilityOf(guest, (call.summary?.asked ?? call.request).shape)
    const outcome = errorClass === 'empty_completion' ? 'invalid_output' : (errorClass ?? 'ok')
    this.close(guest, outcome, errorClass, now, toolCall)
  }

  failed(guest: Guest, failure: CallFailure, committed: boolean, now: Millis): void {
    const wasShown = committed || guest.firstContentAt !== null
    this.close(guest, wasShown ? 'truncated' : 'failed', failure.class, now)
  }

  /** The client hung up. Whether out of impatience or of its own will, nobody can tell from outside. */
  left(guest: Guest, now: Millis): void {
    this.close(guest, 'cancelled', 'cancelled', now)
  }

  endAll(outcome: 'cancelled' | 'unfinished', now: Millis): void {
    for (const guest of this.guests.all()) this.close(guest, outcome, null, now)
  }

  /** Books are closed once. */
  private close(
    guest: Guest,
    outcome: RequestOutcome,
    errorClass: ErrorClass | null,
    now: Millis,
    toolCall: RequestClosed['toolCall'] = null,
  ): void {
    if (guest.slot < 0) return
    this.guests.remove(guest.slot)
    guest.slot = -1
    const { summary, request, number } = guest.call
    if (guest.note !== null) this.options.generations.note(request.id, number, noteAtEnd(guest.note, guest))
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
      rung: summary?.rung ?? 0,
      toolCall,
    })
  }
}

/** A copy: a piece of a string would keep all of it. */
function shortened(text: string | undefined): string | undefined {
  return text === undefined || text.length <= NOTE_MAX ? text : Buffer.from(text.slice(0, NOTE_MAX)).toString()
}

/** Most answers end in one way, and have nothing more to tell. */
function noteAtEnd(note: GenerationNote, { call, reason, native }: Guest): GenerationNote {
  const { chosenBy, cached } = call
  const source = cached?.source ?? null
  const word = shortened(native ?? undefined) ?? reason
  if (chosenBy === undefined && source === null && (word === null || word === 'stop')) return note
  return {
    ...note,
    router: chosenBy?.name ?? null,
    finish: reason === null || word === null ? null : { reason, native: word },
    cachedFrom: source === null ? null : generationId(source.request, source.call),
  }
}

function unknownToOpenAi(model: string): CallFailure {
  const message = `The model \`${model}\` does not exist or you do not have access to it.`
  return { class: 'not_found', status: 404, retryAfterMs: null, message }
}

/** The key that a caller names: as everybody does, or as Anthropic's clients do. */
export function secretOf(headers: HeaderBag): string | undefined {
  return /^bearer +(\S+)$/i.exec(headerOf(headers, 'authorization') ?? '')?.[1] ?? headerOf(headers, 'x-api-key')
}
