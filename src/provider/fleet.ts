/**
 * The fleet Machine: every mock endpoint, its attempts in flight, and one queue of what they will say next.
 *
 * An attempt at an endpoint:
 *
 *   arrived ─▶ weather at the door ─▶ limits, context ─▶ slot, or queue, or turned away ─▶ script plays ─▶ charged
 *
 * The fleet keeps the truth about money: what was generated until the end, or until it was told to stop, is charged and
 * recorded, whatever the router makes of it. Answers that are errors cost nothing.
 */
import { assert, at, hashName, type Machine, type Millis, Rng, Roster } from '../base/index.ts'
import type { FleetCharged, Form, Out } from '../ledger/index.ts'
import {
  cacheShares,
  CONNECTED,
  costOf,
  EPOCH_MS,
  CUT_RESET,
  qualityFor,
  raritiesOf,
  stopsWhenLeft,
  streamOf,
  tokensSent,
  USUAL_PROMPT_CACHE,
  type AttemptHandle,
  type EndpointSpec,
  type SessionTurn,
  type Signal,
} from '../protocol/index.ts'
import { composeAnswer } from './answer.ts'
import { Limits } from './limits.ts'
import { PromptCache } from './prompt-cache.ts'
import { refusalOf } from './refusal.ts'
import {
  blankService,
  counting,
  drawService,
  inChunks,
  sayWhole,
  serviceModel,
  tokensIn,
  writeScript,
  type Cue,
  type Invoice,
  type Script,
  type ServiceModel,
  type Whole,
} from './service.ts'
import { Sharing } from './sharing.ts'
import type { Weather } from './weather.ts'

export type FleetEvent =
  | { readonly type: 'attempt.arrived'; readonly attempt: AttemptHandle }
  | { readonly type: 'attempt.cancelled'; readonly attempt: AttemptHandle }
  /** A fault has started that breaks attempts in flight. */
  | { readonly type: 'flight.struck'; readonly fault: number }
  | { readonly type: 'wake' }

export type FleetCommand = {
  readonly type: 'attempt.signalled'
  readonly attempt: AttemptHandle
  readonly signals: readonly Signal[]
}

export interface FleetOptions {
  readonly endpoints: readonly EndpointSpec[]
  readonly weather: Weather
  readonly rng: Rng
  /** `chunk`: content comes in pieces, as it must where bytes are paced. `run`: one Signal a run. */
  readonly grain: 'run' | 'chunk'
  /** Unix time of instant 0, in ms: prices may go by the clock. Default: that of a gateway that says nothing. */
  readonly epoch?: number
}

const SERVICE_STREAM = 0x7365
const NO_CUES: readonly Cue[] = []

interface Endpoint {
  readonly index: number
  readonly spec: EndpointSpec
  readonly key: number
  readonly model: ServiceModel
  /** Most do not, and whatever they are asked for is not looked up. */
  readonly declaresQuality: boolean
  readonly limits: Limits | null
  /** null: it reads every prompt from the beginning. */
  readonly cache: PromptCache | null
  /** null: each slot serves one. */
  readonly sharing: Sharing | null
  inService: number
  /** In service, waiting, or held in silence. */
  inFlight: number
  /** Waiting for a slot, in order of arrival. */
  waiting: Set<Job>
}

interface Job {
  readonly attempt: AttemptHandle
  readonly endpoint: Endpoint
  slot: number
  state: 'waiting' | 'sharing' | 'serving' | 'over'
  /** Nobody listens any more. */
  isAbandoned: boolean
  cues: readonly Cue[]
  next: number
  /** The answer where it is said at once, and needs no cues; otherwise null. */
  whole: Whole | null
  /** When it was asked for, which is what prices by the clock go by. */
  readonly arrivedAt: Millis
  startedAt: Millis
  inputTokens: number
  /** Of these, read from the prompt cache, and written to it at a price of its own. */
  cachedTokens: number
  writtenTokens: number
  quality: number
  /** null: what was said is what is charged. */
  invoice: Invoice | null
}

export class Fleet implements Machine<FleetEvent, Out<FleetCommand>> {
  private readonly endpoints: readonly Endpoint[]
  private readonly weather: Weather
  private readonly rng: Rng
  private readonly dice = Rng.blank()
  private readonly service = blankService()
  private readonly grain: 'run' | 'chunk'
  private readonly epoch: number
  private readonly roster = new Roster<Job>()

  constructor({ endpoints, weather, rng, grain, epoch = EPOCH_MS }: FleetOptions) {
    this.epoch = epoch
    this.weather = weather
    weather.load = { inFlight: (endpoint) => at(this.endpoints, endpoint).inFlight }
    this.rng = rng
    this.grain = grain
    this.endpoints = endpoints.map((spec, index) => {
      const { requests_per_minute: rpm, tokens_per_minute: tpm } = spec.limits
      return {
        index,
        spec,
        key: hashName(streamOf(spec)),
        model: serviceModel(spec),
        declaresQuality: Object.keys(spec.quality).length > 0,
        cache: promptCacheOf(spec),
        limits: rpm === undefined && tpm === undefined ? null : new Limits(rpm, tpm),
        sharing: spec.capacity.discipline === 'shared' ? new Sharing(spec.capacity.slots ?? 1) : null,
        inService: 0,
        inFlight: 0,
        waiting: new Set(),
      }
    })
  }

  handle(event: FleetEvent, now: Millis, out: Out<FleetCommand>): void {
    switch (event.type) {
      case 'attempt.arrived':
        this.arrive(event.attempt, now, out)
        return
      case 'attempt.cancelled': {
        const job = this.roster.at(event.attempt.slot)
        if (job?.attempt !== event.attempt) return
        if (this.worksOn(job)) this.abandon(job)
        else this.leave(job, now, out)
        return
      }
      case 'flight.struck':
        this.playDue(now, out) // What is said at this very instant has been said, in both grains.
        this.strikeFlight(event.fault, now, out)
        return
      case 'wake':
        this.playDue(now, out)
    }
  }

  wakeAt(): Millis {
    return this.roster.nextAt()
  }

  /** Attempts that the fleet has not finished with. */
  get inFlight(): number {
    return this.roster.everybody().filter(({ isAbandoned }) => !isAbandoned).length
  }

  /** Attempts in service, waiting or held in silence, whether or not anybody still listens. */
  get load(): number {
    return this.endpoints.reduce((sum, { inFlight }) => sum + inFlight, 0)
  }

  private arrive(attempt: AttemptHandle, now: Millis, out: Out<FleetCommand>): void {
    const endpoint = at(this.endpoints, attempt.endpoint)
    const isCalm = this.weather.isCalm(attempt.endpoint)
    const struck = isCalm ? null : this.weather.admit(attempt, now, out)
    const refusal = struck ?? this.turnAway(endpoint, attempt, now)
    if (refusal !== null) {
      if (refusal.length > 0) out.push({ type: 'attempt.signalled', attempt, signals: refusal })
      if (!endsAttempt(refusal)) this.enrol(attempt, endpoint, now) // Silence: it holds its connection until it leaves.
      return
    }
    const job = this.enrol(attempt, endpoint, now)
    out.push({ type: 'attempt.signalled', attempt, signals: ONLY_CONNECTED })
    const { slots } = endpoint.spec.capacity
    if (slots !== undefined && endpoint.sharing === null && endpoint.inService >= slots) endpoint.waiting.add(job)
    else this.serve(job, now, out)
  }

  /** Whether an endpoint does not mind that the caller of a job has left. */
  private worksOn(job: Job): boolean {
    const { endpoint, state } = job
    if (stopsWhenLeft(endpoint.spec)) return false
    if (state === 'waiting') return endpoint.spec.capacity.abandoned !== 'drop_waiting' && endpoint.waiting.has(job)
    return job.whole !== null || job.next < job.cues.length // What is silent for ever has no end to work towards.
  }

  private abandon(job: Job): void {
    job.isAbandoned = true
    job.attempt.slot = -1
  }

  /** The endpoint's own reasons to refuse: what its fleet file says about limits, length and room. */
  private turnAway(
    { spec, limits, inService, waiting }: Endpoint,
    attempt: AttemptHandle,
    now: Millis,
  ): readonly Signal[] | null {
    const { request } = attempt
    const wanted = request.inputTokens + (request.maxTokens ?? 0)
    if (wanted > spec.context_length)
      return [CONNECTED, refusalOf(spec, 'context_length', { limit: spec.context_length, wanted })]
    const { slots, queue } = spec.capacity
    if (slots !== undefined && queue !== 'unbounded' && inService + waiting.size >= slots + queue) {
      return [CONNECTED, refusalOf(spec, 'overloaded')]
    }
    const waitMs = limits?.admit(wanted, now) ?? 0
    if (limits === null || waitMs === 0) return null
    const retryAfterMs = Math.ceil(waitMs / 1_000) * 1_000
    const { requests_per_minute: limit } = spec.limits
    const details = { retryAfterMs, retryAfterForm: 'seconds', headers: limits.headers(now) } as const
    return [CONNECTED, refusalOf(spec, 'rate_limited', limit === undefined ? details : { ...details, limit })]
  }

  private enrol(attempt: AttemptHandle, endpoint: Endpoint, now: Millis): Job {
    const job: Job = {
      attempt,
      endpoint,
      slot: -1,
      state: 'waiting',
      isAbandoned: false,
      cues: NO_CUES,
      next: 0,
      whole: null,
      arrivedAt: now,
      startedAt: now,
      inputTokens: 0,
      cachedTokens: 0,
      writtenTokens: 0,
      quality: 1,
      invoice: null,
    }
    job.slot = this.roster.add(job)
    attempt.slot = job.slot
    endpoint.inFlight += 1
    return job
  }

  private serve(job: Job, now: Millis, out: Out<FleetCommand>): void {
    const { attempt, endpoint } = job
    const { request } = attempt
    const { slots } = endpoint.spec.capacity
    const load = slots === undefined ? 0 : endpoint.inService / slots
    endpoint.inService += 1
    job.state = endpoint.sharing === null ? 'serving' : 'sharing'
    job.startedAt = now

    const { rng, weather } = this
    const answer = composeAnswer(request, endpoint.spec, rng, endpoint.key, attempt.visit)
    const dice = rng.forkInto(this.dice, SERVICE_STREAM, endpoint.key, request.weather, attempt.visit)
    const isCalm = weather.isCalm(endpoint.index)
    job.inputTokens = answer.billedInputTokens
    if (request.session !== null && endpoint.cache !== null) this.readCache(job, endpoint.cache, request.session, now)
    const unread = answer.billedInputTokens - job.cachedTokens
    let service = drawService(endpoint.model, unread, load, dice, this.service)
    const isPlain = answer.toolDeltas.length === 0 && answer.reasoningTokens === undefined
    if (isCalm && !request.stream && isPlain && this.grain === 'run' && !endpoint.sharing) {
      job.whole = sayWhole(answer, service, job.cachedTokens, job.writtenTokens)
      this.play(job, now, out)
      return
    }
    if (!isCalm) service = weather.service(service, attempt, now, out)
    let script = writeScript(answer, service, request.stream, job.cachedTokens, job.writtenTokens)
    if (!isCalm) script = weather.script(script, attempt, now, out)
    if (this.grain === 'chunk') script = inChunks(withHeaders(script, endpoint.limits?.headers(now)))
    job.cues = script.cues
    job.quality = script.quality ?? 1
    job.invoice = script.invoice ?? null
    if (endpoint.sharing === null) this.play(job, now, out)
    else {
      endpoint.sharing.add(job.slot, service.ttftMs, now)
      this.wakeNext(endpoint.sharing, now)
    }
  }

  /** Whoever will have had his share first is to be woken then. */
  private wakeNext(sharing: Sharing, now: Millis): void {
    const next = sharing.next(now)
    if (next !== null) this.roster.wake(next.job, next.at)
  }

  /** Who has had his share speaks now; who was woken too early, because others came meanwhile, waits on. */
  private takeShare(job: Job, sharing: Sharing, now: Millis): boolean {
    const isServed = sharing.hasServed(job.slot, now)
    if (isServed) {
      sharing.remove(job.slot, now)
      job.state = 'serving'
      const first = job.cues.find(({ signal }) => signal.type !== 'quirk') // What is said about the bytes takes no time.
      job.startedAt = now - (first?.afterMs ?? 0)
    }
    this.wakeNext(sharing, now)
    return isServed
  }

  private readCache(job: Job, cache: PromptCache, session: SessionTurn, now: Millis): void {
    const { inputTokens, endpoint } = job
    const { input_tokenizer: factor, price } = endpoint.spec
    job.cachedTokens = cache.read(session, Math.floor(session.prefixTokens * factor), inputTokens, now)
    if (price.cache_write !== undefined && cache.keeps(inputTokens)) job.writtenTokens = inputTokens - job.cachedTokens
  }

  private playDue(now: Millis, out: Out<FleetCommand>): void {
    for (let job = this.roster.due(now); job !== null; job = this.roster.due(now)) this.play(job, now, out)
  }

  /** Say whatever is due, and queue the rest. */
  private play(job: Job, now: Millis, out: Out<FleetCommand>): void {
    if (job.state === 'sharing' && !this.takeShare(job, job.endpoint.sharing as Sharing, now)) return
    if (job.whole !== null) {
      this.playWhole(job, job.whole, now, out)
      return
    }
    const { cues, startedAt } = job
    const first = job.next
    let next = first
    while (next < cues.length && startedAt + (cues[next] as Cue).afterMs <= now) next += 1
    if (next > first) {
      const signals = cues.slice(first, next).map(signalOf)
      job.next = next
      const isOver = endsAttempt(signals)
      if (isOver) this.leave(job, now, out)
      if (!job.isAbandoned) out.push({ type: 'attempt.signalled', attempt: job.attempt, signals })
      if (isOver) return
    }
    if (next < cues.length) this.roster.wake(job.slot, startedAt + (cues[next] as Cue).afterMs)
    else if (job.isAbandoned) this.leave(job, now, out)
  }

  private playWhole(job: Job, whole: Whole, now: Millis, out: Out<FleetCommand>): void {
    const due = job.startedAt + whole.afterMs
    if (due > now) {
      this.roster.wake(job.slot, due)
      return
    }
    this.leave(job, now, out, whole.outputTokens)
    if (!job.isAbandoned) out.push({ type: 'attempt.signalled', attempt: job.attempt, signals: whole.signals })
  }

  /** The attempt is over, one way or another: charge it, and let the next one in. */
  private leave(job: Job, now: Millis, out: Out<FleetCommand>, saidAtOnce = 0): void {
    const { attempt, endpoint, slot } = job
    assert(job.state !== 'over', 'an attempt leaves once')
    if (job.state === 'waiting') endpoint.waiting.delete(job)
    else this.charge(job, saidAtOnce, now, out)
    const wasServing = job.state !== 'waiting'
    const { sharing } = endpoint
    if (job.state === 'sharing' && sharing !== null) {
      sharing.remove(slot, now)
      this.wakeNext(sharing, now)
    }
    job.state = 'over'
    attempt.slot = -1
    this.roster.remove(slot)
    endpoint.inFlight -= 1
    if (!wasServing) return
    endpoint.inService -= 1
    const next = endpoint.waiting.size === 0 ? undefined : endpoint.waiting.values().next().value
    if (!next) return
    endpoint.waiting.delete(next)
    this.serve(next, now, out)
  }

  /** What was said until now, at the true prices. An answer that was an error is free. */
  private charge(job: Job, saidAtOnce: number, now: Millis, out: Out<FleetCommand>): void {
    const { attempt, endpoint, cues, startedAt } = job
    let outputTokens = saidAtOnce
    let reasoningTokens = 0
    let wasAnswered = false
    for (let index = 0; index < job.next; index += 1) {
      const { signal, afterMs, isFree } = cues[index] as Cue
      if (isFree) continue
      if (signal.type === 'content') {
        const tokens = tokensSent(signal, now - startedAt - afterMs)
        outputTokens += tokens
        if (signal.channel === 'reasoning') reasoningTokens += tokens
      } else if (signal.type === 'toolDelta') outputTokens += signal.tokens
      else if (signal.type === 'accepted') wasAnswered = true
    }
    const isRefused = !wasAnswered && cues[job.next - 1]?.signal.type === 'failed'
    const invoice = isRefused ? null : job.invoice
    if (invoice !== null) outputTokens = invoicedTokens(invoice, job, outputTokens)
    const factor = isRefused ? 0 : (invoice?.countFactor ?? 1)
    const inputTokens = counting(job.inputTokens, factor)
    const cached = counting(job.cachedTokens, factor)
    const written = counting(job.writtenTokens, factor)
    const isFree = inputTokens + outputTokens === 0
    const { price, reasoning } = endpoint.spec
    const { images } = attempt.request
    const isPlain = isFree || ((reasoning === undefined || reasoningTokens === 0) && images === undefined)
    const rarities = isPlain
      ? null
      : raritiesOf(reasoning === undefined ? undefined : { reasoningTokens: counting(reasoningTokens, factor) }, images)
    const cost = isFree
      ? 0
      : costOf(price, inputTokens, outputTokens, cached, written, this.epoch + job.arrivedAt, rarities)
    const charged = CHARGED
    charged.at = now
    charged.request = attempt.request.id
    charged.call = attempt.call
    charged.attempt = attempt.number
    charged.endpoint = endpoint.index
    charged.inputTokens = inputTokens
    charged.outputTokens = outputTokens
    charged.cost = invoice === null ? cost : Math.round(cost * (invoice.priceFactor ?? 1))
    const declared = endpoint.declaresQuality ? qualityFor(endpoint.spec, attempt.request.traits.task) : 1
    charged.quality = job.quality * declared
    const isOrdinary = cached + written === 0 && rarities === null
    out.record(
      isOrdinary ? charged : { ...charged, ...cacheShares(cached, written), ...(rarities !== null && { rarities }) },
    )
  }

  private strikeFlight(fault: number, now: Millis, out: Out<FleetCommand>): void {
    // One that is let in when an earlier one breaks, and needs no time at all, is over before its turn and not met.
    for (const job of this.roster.everybody()) {
      if (job.isAbandoned || job.state === 'over') continue
      const consequence = this.weather.breaks(fault, job.attempt, now, out)
      if (consequence === null) continue
      const hasRun = job.next > 0
      // Whatever was flowing stops now: an empty run says so without a byte.
      const stop: Signal[] = hasRun ? [{ type: 'content', channel: 'text', tokens: 0, forMs: 0, everyMs: 0 }] : []
      if (consequence === 'reset') {
        this.leave(job, now, out)
        out.push({ type: 'attempt.signalled', attempt: job.attempt, signals: [...stop, CUT_RESET] })
      } else {
        // One that waits for a slot will not get it: it holds its connection, and nothing more.
        if (job.state === 'waiting') job.endpoint.waiting.delete(job)
        job.cues = silenced(job, now)
        job.whole = null
        if (stop.length > 0) out.push({ type: 'attempt.signalled', attempt: job.attempt, signals: stop })
      }
    }
  }
}

const CHARGED: Form<FleetCharged> = {
  kind: 'fleet.charged',
  at: 0,
  request: 0,
  call: 0,
  attempt: 0,
  endpoint: 0,
  inputTokens: 0,
  outputTokens: 0,
  cost: 0,
  quality: 1,
}

/** Output tokens on the invoice: what was said, what is still generated for a caller who has left, and hidden ones. */
function invoicedTokens(invoice: Invoice, { cues, next }: Job, said: number): number {
  const { outputTokens: hidden = 0, tailTokens = 0, countFactor = 1 } = invoice
  const tail = tailTokens === 0 ? 0 : Math.min(tailTokens, Math.max(0, tokensIn(cues) - said))
  return counting(said + tail, countFactor) + (next > 0 ? hidden : 0)
}

function promptCacheOf({ prompt_cache: asked, price }: EndpointSpec): PromptCache | null {
  if (asked !== undefined) return new PromptCache(asked)
  return price.cache_read === undefined ? null : new PromptCache(USUAL_PROMPT_CACHE)
}

const ONLY_CONNECTED: readonly Signal[] = [CONNECTED]

function signalOf({ signal }: Cue): Signal {
  return signal
}

function endsAttempt(signals: readonly Signal[]): boolean {
  const last = signals[signals.length - 1]
  return last !== undefined && (last.type === 'finished' || last.type === 'failed' || last.type === 'closed')
}

/** What an answer's head says of the endpoint's limits. Only bytes have a head: where there are none, nobody reads it. */
function withHeaders(script: Script, headers: Readonly<Record<string, string>> | undefined): Script {
  if (headers === undefined) return script
  const cues = script.cues.map((cue) =>
    cue.signal.type === 'accepted'
      ? { ...cue, signal: { ...cue.signal, headers: { ...headers, ...cue.signal.headers } } }
      : cue,
  )
  return { ...script, cues }
}

/** The cues said so far, runs cut at this instant, and nothing after them. */
function silenced(job: Job, now: Millis): Cue[] {
  return job.cues.slice(0, job.next).map((cue) => {
    if (cue.signal.type !== 'content') return cue
    const elapsed = now - job.startedAt - cue.afterMs
    if (elapsed >= cue.signal.forMs) return cue
    const { text: _unsaid, ...run } = cue.signal
    const sent = tokensSent(run, elapsed)
    return { ...cue, signal: { ...run, tokens: sent, forMs: 0, everyMs: 0 } }
  })
}
