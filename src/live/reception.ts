/**
 * The gateway's side of live mode: the calls that are being answered, from the door to the last byte. What the router
 * says to a caller goes out here, in the caller's way of speaking, or in the provider's own bytes where nothing must
 * change; and the books of strangers are kept along with it.
 *
 *   Visitor ─▶ open ─▶ Visit ─▶ write, write, … ─▶ write with isEnd, or fail ─▶ closed
 *                        └─ the caller hangs up ─▶ onLeft ─▶ close
 */
import { Slots, type Millis } from '../base/index.ts'
import { annotationsOf, receiptOf, routingOf } from '../gateway/index.ts'
import {
  ACCEPTED,
  generationId,
  PING,
  type AttemptHandle,
  type CacheNote,
  type Call,
  type CallFailure,
  type Failed,
  type Offer,
  type Signal,
} from '../protocol/index.ts'
import type { Closing, Parser, Renderer, WireRequest } from '../protocol/dialects/index.ts'
import { Answer, type AnswerEvents } from './answer.ts'
import type { Visitor } from './gateway-server.ts'
import { KeepAlive, type Pulse } from './keep-alive.ts'
import type { Guest, Outside } from './outside.ts'
import type { Spelling } from './spelling.ts'
import type { Untouched } from './upstream.ts'
import { Verbatim } from './verbatim.ts'
import type { Speaker } from './voice.ts'

export interface ReceptionOptions {
  readonly offers: readonly Offer[]
  /** After how long a silent stream shows that it lives. */
  readonly keepAliveMs: Millis
  readonly outside: Outside
  readonly epochMs: number
  readonly now: () => Millis
  onBlocked(call: Call): void
  onDrained(call: Call): void
  onLeft(visit: Visit): void
}

/** Whoever is let in, and what is known of him besides. */
export interface Admission {
  readonly call: Call
  readonly visitor: Visitor
  /** What he asks, as it is sent on. */
  readonly wire: WireRequest
  /** null for a call of the workload. */
  readonly guest: Guest | null
  /** Whether the bytes of providers may go through as they come. */
  readonly mayPass: boolean
}

/** A call that the gateway is answering, and how it is spoken to. */
export class Visit implements AnswerEvents, Speaker, Untouched {
  readonly call: Call
  readonly visitor: Visitor
  readonly wire: WireRequest
  readonly guest: Guest | null
  readonly mayPass: boolean
  readonly answer: Answer
  /** Endpoint whose answer it is; -1 until it is known. */
  servedBy = -1
  hasBegun = false
  /** Its head is out, with a sign of life. */
  isOpen = false
  /** null where nobody waits for signs of life. */
  pulse: Pulse | null = null
  why: CallFailure | undefined = undefined
  /** Bytes of answers that are kept, by the attempt that they came to. */
  readonly kept: { readonly attempt: AttemptHandle; readonly verbatim: Verbatim }[] = []
  private readonly options: ReceptionOptions

  constructor({ call, visitor, wire, guest, mayPass }: Admission, options: ReceptionOptions) {
    this.call = call
    this.visitor = visitor
    this.wire = wire
    this.guest = guest
    this.mayPass = mayPass
    this.options = options
    this.answer = new Answer(visitor.reply.raw, this)
  }

  // ── what the answer asks ──────────────────────────────────────────────────────────────────────────────────────────

  renderer(): Renderer {
    return this.visitor.renderer(this)
  }

  onBlocked(): void {
    this.options.onBlocked(this.call)
  }

  onDrained(): void {
    this.options.onDrained(this.call)
  }

  onLeft(): void {
    this.options.onLeft(this)
  }

  // ── who speaks ────────────────────────────────────────────────────────────────────────────────────────────────────

  get offer(): Offer | undefined {
    return this.options.offers[this.servedBy]
  }

  get model(): string {
    return this.offer?.model ?? this.visitor.wire.models[0] ?? ''
  }

  get providerName(): string {
    return this.offer?.providerName ?? ''
  }

  get generation(): string {
    return generationId(this.call.request.id, this.call.number)
  }

  /** What a stage of the gateway has stopped has no story. */
  get wasRouted(): boolean {
    return this.call.summary?.story !== undefined
  }

  failure(): CallFailure | undefined {
    return this.why
  }

  annotations(): readonly object[] {
    return annotationsOf(this.call)
  }

  routing(): object | null {
    const { call, visitor } = this
    if (visitor.ask?.tellsRouting !== true) return null
    return routingOf(call, visitor.wire.models, this.options.offers, call.pipeline)
  }

  closing(usage: Parameters<Speaker['closing']>[0]): Closing {
    const { call, offer } = this
    const routing = this.routing()
    return {
      usage: receiptOf(call, offer, usage, this.options.epochMs),
      beside: { service_tier: offer?.tier ?? null, ...(routing && { openrouter_metadata: routing }) },
    }
  }

  // ── bytes that nobody touches ─────────────────────────────────────────────────────────────────────────────────────

  get spelling(): Spelling | null {
    return this.wire === this.visitor.wire ? this.visitor.spelling : null
  }

  /** Keeps the bytes of the answer to an attempt. */
  keep(attempt: AttemptHandle, parser: Parser): Parser {
    const { stream } = attempt.request
    const verbatim = new Verbatim(parser, { stream, includeUsage: this.wire.streamOptionsIncludeUsage })
    this.kept.push({ attempt, verbatim })
    return verbatim
  }

  keptFor(attempt: AttemptHandle): Verbatim | null {
    for (const kept of this.kept) if (kept.attempt === attempt) return kept.verbatim
    return null
  }
}

const ONLY_PING: readonly Signal[] = [PING]
const FIRST_PING: readonly Signal[] = [ACCEPTED, PING]
const NO_HEADERS = {}

export class Reception {
  /** A part of the loop. */
  readonly keepAlive: KeepAlive
  private readonly options: ReceptionOptions
  private readonly visits = new Slots<Visit>()
  /** Outlasts the visit: the caller hears of it later. */
  private readonly failures = new WeakMap<Call, CallFailure>()

  constructor(options: ReceptionOptions) {
    this.options = options
    this.keepAlive = new KeepAlive(options.keepAliveMs)
  }

  /** Everybody who is being answered, in no order. */
  everybody(): Visit[] {
    return this.visits.all()
  }

  /** null: nobody is being answered any more. */
  of({ visit = -1 }: Call): Visit | null {
    return this.visits.at(visit)
  }

  /** Why a call failed, as it was told. */
  failureOf(call: Call): CallFailure | undefined {
    return this.failures.get(call)
  }

  open(admission: Admission): Visit {
    const visit = new Visit(admission, this.options)
    visit.call.visit = this.visits.add(visit)
    if (admission.visitor.ask !== null && admission.visitor.wire.stream) this.watch(visit)
    return visit
  }

  /** There is nothing more to say. */
  close({ call, pulse }: Visit): void {
    if (this.of(call) === null) return
    if (pulse !== null) this.keepAlive.leave(pulse)
    this.visits.remove(call.visit as number)
    call.visit = -1
  }

  /** The router hands over content; the head of the answer is the gateway's own. */
  write(call: Call, attempt: AttemptHandle | null, signals: readonly Signal[], isEnd: boolean): void {
    const visit = this.of(call)
    if (visit === null) return
    visit.servedBy = attempt?.endpoint ?? call.summary?.servedBy ?? -1
    if (attempt === null || !this.pass(visit, attempt, signals, isEnd)) {
      const isCounted = isEnd && visit.visitor.ask !== null
      this.render(visit, attempt, isCounted ? counted(call, signals) : signals)
    }
    if (isEnd) this.close(visit)
    const { outside, now } = this.options
    if (visit.guest === null) return
    if (isEnd) outside.ended(visit.guest, signals, now())
    else outside.heard(visit.guest, signals, now())
  }

  fail(call: Call, failure: CallFailure, committed: boolean): void {
    this.failures.set(call, failure)
    const visit = this.of(call)
    if (visit === null) return
    const { class: errorClass, status, retryAfterMs, message, detail } = failure
    const attempts = call.summary?.attempts ?? 0
    const partial = visit.visitor.takesPartial ? detail?.partial : undefined
    if (!committed) visit.servedBy = detail?.attempts?.[detail.told ?? -1]?.endpoint ?? -1
    const isInside = committed || partial !== undefined
    const failed: Failed = {
      type: 'failed',
      class: errorClass,
      status: isInside ? null : status,
      retryAfterMs,
      where: isInside ? 'stream' : 'response',
      message,
    }
    visit.why = failure
    visit.answer.send(partial ? [ACCEPTED, ...partial, failed] : [failed], {
      'x-squall-attempts': String(attempts),
      // Every fallback has been tried: a client library that tries again multiplies the load and changes nothing.
      ...(attempts > 1 && { 'x-should-retry': 'false' }),
      ...inLowerCase(detail?.headers ?? NO_HEADERS),
    })
    this.close(visit)
    if (visit.guest !== null) this.options.outside.failed(visit.guest, failure, committed, this.options.now())
  }

  /** A stream at OpenRouter's surface shows that it lives, even before anybody has said a word. */
  private watch(visit: Visit): void {
    const beat = (): void => {
      if (visit.hasBegun) {
        visit.answer.send(ONLY_PING)
        return
      }
      visit.answer.open(visit.renderer().render(visit.isOpen ? ONLY_PING : FIRST_PING))
      visit.isOpen = true
    }
    visit.pulse = { lastAt: this.options.now(), beat }
    this.keepAlive.watch(visit.pulse)
  }

  private render(visit: Visit, attempt: AttemptHandle | null, signals: readonly Signal[]): void {
    const headers = visit.answer.hasHead ? NO_HEADERS : this.headersOf(visit, attempt)
    visit.answer.send(visit.hasBegun ? signals : [ACCEPTED, ...signals], headers)
    visit.hasBegun = true
    if (visit.pulse !== null) visit.pulse.lastAt = this.options.now()
  }

  /** Hand over the bytes that these Signals were read from, if they were kept. Whether they were. */
  private pass(visit: Visit, attempt: AttemptHandle, signals: readonly Signal[], isEnd: boolean): boolean {
    if (!visit.mayPass || visit.call.citations !== undefined) return false // Citations are our own words.
    const verbatim = visit.keptFor(attempt)
    const bytes = verbatim?.take(signals)
    if (!verbatim || !bytes) return false
    visit.answer.pass(bytes, visit.hasBegun ? NO_HEADERS : this.headOf(visit, verbatim, attempt), isEnd)
    visit.hasBegun = true
    visit.isOpen = true // Whatever may have to be rendered after all has no head.
    return true
  }

  /** Of bytes that go through as they came. */
  private headOf(visit: Visit, { contentType }: Verbatim, attempt: AttemptHandle): Record<string, string> {
    const headers: Record<string, string> = { 'content-type': contentType, 'x-request-id': visit.visitor.requestId }
    if (attempt.request.stream) headers['cache-control'] = 'no-cache'
    return this.headersOf(visit, attempt, headers)
  }

  private headersOf(
    { call }: Visit,
    attempt: AttemptHandle | null,
    headers: Record<string, string> = {},
  ): Record<string, string> {
    const offer = this.options.offers[attempt?.endpoint ?? call.summary?.servedBy ?? -1]
    headers['x-squall-attempts'] = String(attempt === null ? (call.summary?.attempts ?? 0) : attempt.number + 1)
    headers['x-squall-endpoint'] = offer?.id ?? ''
    headers['x-squall-call'] = String(call.number)
    return call.cached === undefined ? headers : { ...headers, ...cacheHeadersOf(call.cached) }
  }
}

/** OpenRouter always tells what an answer has used: where its provider does not, what was seen of it, which is billed. */
function counted({ summary }: Call, signals: readonly Signal[]): readonly Signal[] {
  if (signals.some(({ type }) => type === 'usage')) return signals
  const seen = summary?.story?.seen() ?? null
  return seen === null ? signals : [...signals.slice(0, -1), seen, ...signals.slice(-1)]
}

function cacheHeadersOf({ status, ageMs, ttlMs, source }: CacheNote): Record<string, string> {
  return {
    'x-openrouter-cache-status': status,
    'x-openrouter-cache-ttl': String(Math.floor(ttlMs / 1_000)),
    ...(status === 'HIT' && { 'x-openrouter-cache-age': String(Math.floor(ageMs / 1_000)) }),
    ...(source !== null && { 'x-openrouter-cache-source-id': generationId(source.request, source.call) }),
  }
}

function inLowerCase(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
}
