/**
 * One request's life at the gateway (one call of it: a client that retries by itself starts another).
 *
 *   phase        event                                      next
 *   ──────────   ────────────────────────────────────────   ─────────────────────────────────────────────────────────
 *   queued       arrival                                    racing, or closed (nobody eligible)
 *   racing       first content at the commit point          streaming
 *   racing       the whole answer                           closed (ok)
 *   racing       attempt failed, retry here                 backing_off
 *   racing       attempt failed, somebody else is left      racing
 *   racing       attempt failed, nobody is left             closed (failed)
 *   backing_off  retry deadline                             racing: here, or elsewhere if its breaker closed it meanwhile
 *   streaming    the rest of the answer                     closed (ok)
 *   streaming    the stream broke, or went silent           closed (truncated): no way back after the commit
 *   any          total deadline                             closed (failed, or truncated after the commit)
 *   any          the caller left                            closed (cancelled)
 *
 * Deadlines are state: `total`, `retry`, `hold` of the request; `connect`, `firstToken`, `idle`, `attempt` of each
 * attempt. They fire in that order. Attempts are an array and race to the first content; today one runs at a time.
 * Losers are cancelled, billed by the fleet, and not blamed. Late Signals are counted.
 */
import { assert, assertNever, at, NEVER, type Millis, type Rng } from '../base/index.ts'
import type { AttemptOutcome, AttemptReason, Candidate, Out } from '../ledger/index.ts'
import {
  costOf,
  leaksToolCall,
  type AttemptHandle,
  type Call,
  type CallFailure,
  type Content,
  type ErrorClass,
  type Finished,
  type Offer,
  type Signal,
  type ToolDelta,
  type ToolSpec,
  type Usage,
} from '../protocol/index.ts'
import { Attempt } from './attempt.ts'
import { failure, Failures, statusOf, type Failure } from './failures.ts'
import type { Health } from './health.ts'
import type { RouterCommand } from './messages.ts'
import type { Plan } from './plan.ts'
import { commitAt } from './policies/commit.ts'
import { retryDelayMs } from './policies/retry.ts'
import { totalDeadline } from './policies/timeouts.ts'
import { validateToolCalls } from './policies/validation.ts'
import type { Policy } from './policy.ts'
import { REACTIONS, STATUS_OF } from './reactions.ts'

export type Phase = 'queued' | 'racing' | 'backing_off' | 'streaming' | 'closed'

/** What every life shares: the router's own books and rules. */
export interface House {
  readonly offers: readonly Offer[]
  readonly policies: readonly Policy[]
  readonly health: Health
  readonly rng: Rng
}

type RouterOut = Out<RouterCommand>

const RETRY_STREAM = 0x7265

export class RequestLife {
  phase: Phase = 'queued'
  readonly call: Call
  /** The earliest instant for which the router's queue holds an entry of this life; kept by the router. */
  queuedAt: Millis = NEVER
  private readonly house: House
  private readonly policy: Policy
  private readonly plan: Plan
  private readonly attempts: Attempt[] = []
  /** Position in the plan of the candidate tried last. */
  private position = -1
  private retriesHere = 0
  private committed: Attempt | null = null
  private readonly failures = new Failures()
  private isBlocked = false
  private totalAt: Millis
  private retryAt: Millis = NEVER
  private holdAt: Millis = NEVER

  constructor(call: Call, plan: Plan, house: House, now: Millis) {
    this.call = call
    this.house = house
    this.plan = plan
    this.policy = at(house.policies, call.policy)
    this.totalAt = totalDeadline(this.policy.resilience.timeouts, now)
  }

  /** The earliest of all deadlines; NEVER once closed. */
  nextDeadline(): Millis {
    if (this.phase === 'closed') return NEVER
    let earliest = Math.min(this.totalAt, this.retryAt, this.holdAt)
    const current = this.current()
    if (current) earliest = Math.min(earliest, current.nextDeadline())
    return earliest
  }

  arrive(now: Millis, out: RouterOut): void {
    assert(this.phase === 'queued', 'a request arrives once')
    const { request, number } = this.call
    const { funnel, order } = this.plan
    out.record({ kind: 'call.routed', at: now, request: request.id, call: number, funnel, order })
    if (order.length === 0) {
      this.fail(
        { class: 'no_endpoint', status: null, retryAfterMs: null, message: noEndpointMessage(this.plan) },
        now,
        out,
      )
    } else this.advance(now, out, null)
  }

  /** Deadlines that are due, in declared order. */
  wake(now: Millis, out: RouterOut): void {
    if (this.phase !== 'closed' && now >= this.totalAt) {
      this.endAll('deadline_exceeded', now, out)
      this.fail(
        { class: 'deadline_exceeded', status: null, retryAfterMs: null, message: 'the time for this request is over' },
        now,
        out,
      )
    }
    if (this.phase === 'backing_off' && now >= this.retryAt) {
      this.retryAt = NEVER
      this.askAgain(now, out)
    }
    const current = this.current()
    if (!current) return
    if (now >= this.holdAt) this.commit(current, now, out)
    if (now >= current.connectAt) this.timeOut(current, 'connect_timeout', now, out)
    else if (now >= current.firstTokenAt) this.timeOut(current, 'first_token_timeout', now, out)
    else if (now >= current.idleAt) this.timeOut(current, 'idle_timeout', now, out)
    else if (now >= current.attemptAt) this.timeOut(current, 'attempt_timeout', now, out)
  }

  /** What an endpoint sent. */
  signalled(handle: AttemptHandle, signals: readonly Signal[], now: Millis, out: RouterOut): void {
    const attempt = handle as Attempt
    if (attempt.isOver) {
      this.late(attempt, now, out)
      return
    }
    for (let index = 0; index < signals.length; index += 1) {
      this.take(attempt, signals[index] as Signal, now, out)
      if (!attempt.isOver) continue
      if (index < signals.length - 1) this.late(attempt, now, out)
      return
    }
    if (this.phase === 'streaming') this.forward(attempt, now, out)
  }

  private late(attempt: Attempt, now: Millis, out: RouterOut): void {
    out.record({ kind: 'signal.late', at: now, request: attempt.request.id, endpoint: attempt.endpoint })
  }

  /** The caller is gone, or the gateway is. */
  cancel(errorClass: ErrorClass, now: Millis, out: RouterOut): void {
    if (this.phase === 'closed') return
    this.endAll('cancelled', now, out)
    this.close('cancelled', errorClass, STATUS_OF[errorClass], 0, now, out)
    out.push({ type: 'client.left', call: this.call })
  }

  block(now: Millis, out: RouterOut): void {
    const current = this.current()
    if (this.isBlocked || !current) return
    this.isBlocked = true
    current.settleRun(now)
    current.idleAt = NEVER
    out.push({ type: 'attempt.pause', attempt: current })
  }

  drain(now: Millis, out: RouterOut): void {
    const current = this.current()
    if (!this.isBlocked || !current) return
    this.isBlocked = false
    current.idleAt = now + this.policy.resilience.timeouts.idle
    out.push({ type: 'attempt.resume', attempt: current })
  }

  private current(): Attempt | undefined {
    const last = this.attempts[this.attempts.length - 1]
    return last === undefined || last.isOver ? undefined : last
  }

  // ── trying ────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Go to the next candidate that may be asked. After a failure, only where its reaction allows. */
  private advance(now: Millis, out: RouterOut, failed: Failure | null): void {
    const { order } = this.plan
    const reaction = failed === null ? null : REACTIONS[failed.class]
    const failedModel = this.position < 0 ? null : this.modelAt(this.position)
    for (let position = this.position + 1; position < order.length; position += 1) {
      const candidate = at(order, position)
      const isSameModel = failedModel !== null && this.modelAt(position) === failedModel
      if (reaction !== null && !(isSameModel ? reaction.nextProvider : reaction.nextModel)) {
        this.skip(candidate, 'ruled_out', now, out)
        continue
      }
      const admission = this.house.health.admits(this.call.policy, candidate.endpoint, now)
      if (admission === false) {
        this.skip(candidate, this.house.health.heldBack(this.call.policy, candidate.endpoint, now).cause, now, out)
        continue
      }
      if (this.attempts.length >= this.policy.resilience.max_attempts) break
      this.position = position
      this.retriesHere = 0
      const reason =
        admission === 'probe'
          ? 'probe'
          : failedModel === null
            ? 'primary'
            : isSameModel
              ? 'next_endpoint'
              : 'next_model'
      this.start(candidate, reason, now, out)
      return
    }
    this.fail(failed ?? HELD_BACK, now, out)
  }

  /** The wait is over. Its breaker or a cooldown may have closed the endpoint meanwhile: then somebody else is asked. */
  private askAgain(now: Millis, out: RouterOut): void {
    const candidate = at(this.plan.order, this.position)
    const { health } = this.house
    const admission = health.admits(this.call.policy, candidate.endpoint, now)
    if (admission !== false) {
      this.start(candidate, admission === 'probe' ? 'probe' : 'retry', now, out)
      return
    }
    this.skip(candidate, health.heldBack(this.call.policy, candidate.endpoint, now).cause, now, out)
    this.advance(now, out, this.failures.last)
  }

  private skip(candidate: Candidate, cause: 'cooling' | 'breaker' | 'ruled_out', now: Millis, out: RouterOut): void {
    const { request, number } = this.call
    const { endpoint } = candidate
    out.record({ kind: 'candidate.skipped', at: now, request: request.id, call: number, endpoint, cause })
  }

  private modelAt(position: number): string {
    return at(this.house.offers, at(this.plan.order, position).endpoint).model
  }

  private start(candidate: Candidate, reason: AttemptReason, now: Millis, out: RouterOut): void {
    const { timeouts } = this.policy.resilience
    const isProbe = reason === 'probe'
    const attempt = new Attempt(this, this.attempts.length, candidate.endpoint, isProbe, now)
    attempt.connectAt = now + timeouts.connect
    attempt.attemptAt = now + timeouts.attempt
    // Without streaming there is no first token to see before the answer is whole.
    if (attempt.request.stream) attempt.firstTokenAt = now + timeouts.first_token
    this.attempts.push(attempt)
    this.phase = 'racing'
    if (isProbe) this.house.health.beginProbe(this.call.policy, candidate.endpoint, now, out)
    out.record({
      kind: 'attempt.started',
      at: now,
      request: attempt.request.id,
      call: attempt.call,
      attempt: attempt.number,
      endpoint: attempt.endpoint,
      reason,
    })
    out.push({ type: 'attempt.dispatch', attempt })
  }

  // ── listening ─────────────────────────────────────────────────────────────────────────────────────────────────────

  private take(attempt: Attempt, signal: Signal, now: Millis, out: RouterOut): void {
    switch (signal.type) {
      case 'connected':
        attempt.connectAt = NEVER
        return
      case 'accepted':
        attempt.connectAt = NEVER
        attempt.wasAccepted = true
        return
      case 'ping':
      case 'quirk':
        return
      case 'content':
        this.takeContent(attempt, signal, now)
        attempt.held.push(signal)
        this.commitWhenDue(attempt, now, out)
        return
      case 'toolDelta':
        this.takeContent(
          attempt,
          { type: 'content', channel: 'text', tokens: signal.tokens, forMs: 0, everyMs: 0 },
          now,
        )
        attempt.toolDeltas.push(signal)
        if (this.holdsToolCalls()) return
        attempt.held.push(signal)
        this.commitWhenDue(attempt, now, out)
        return
      case 'usage':
        attempt.usage = signal
        return
      case 'garbled':
        this.attemptFailed(
          attempt,
          failure('invalid_response', `not what the dialect promises: ${signal.pattern}`),
          now,
          out,
        )
        return
      case 'finished':
        this.finish(attempt, signal, now, out)
        return
      case 'failed':
        this.attemptFailed(attempt, signal, now, out)
        return
      case 'closed': {
        const isUnanswered = !attempt.wasAccepted && signal.how === 'reset'
        const errorClass = isUnanswered ? 'connection_reset' : 'stream_cut'
        this.attemptFailed(
          attempt,
          failure(errorClass, `the connection was closed (${signal.how}) before the end`),
          now,
          out,
        )
        return
      }
      default:
        assertNever(signal)
    }
  }

  private takeContent(attempt: Attempt, run: Content, now: Millis): void {
    attempt.take(run, this.policy.resilience.timeouts.idle, this.isBlocked, now)
  }

  private holdsToolCalls(): boolean {
    return this.policy.resilience.validation.tool_calls !== 'pass'
  }

  private commitWhenDue(attempt: Attempt, now: Millis, out: RouterOut): void {
    if (this.committed !== null || !attempt.request.stream || attempt.firstContentAt === null) return
    const due = commitAt(this.policy.resilience.commit, attempt.firstContentAt)
    if (now >= due) this.commit(attempt, now, out)
    else this.holdAt = due
  }

  /** From here on the caller sees content, and no other endpoint can take over. */
  private commit(attempt: Attempt, now: Millis, out: RouterOut): void {
    this.committed = attempt
    this.holdAt = NEVER
    this.phase = 'streaming'
    this.forward(attempt, now, out)
  }

  private forward(attempt: Attempt, now: Millis, out: RouterOut): void {
    if (attempt.held.length === 0) return
    const signals = attempt.held
    attempt.held = []
    const flowingForMs = attempt.run === null ? 0 : now - attempt.runAt
    out.push({ type: 'client.write', call: this.call, attempt, signals, flowingForMs })
  }

  /** The answer is complete: validate what the policy wants validated, and hand it over. */
  private finish(attempt: Attempt, finished: Finished, now: Millis, out: RouterOut): void {
    if (finished.reason === 'error') {
      this.attemptFailed(attempt, failure('stream_error', 'the answer ended with an error'), now, out)
      return
    }
    const mode = this.policy.resilience.validation.tool_calls
    if (mode !== 'pass' && attempt.toolDeltas.length === 0 && leaksInto(attempt.held, attempt.request.shape.tools)) {
      this.attemptFailed(attempt, failure('invalid_tool_call', 'the tool call was written into the text'), now, out)
      return
    }
    if (mode !== 'pass' && attempt.toolDeltas.length > 0) {
      const validated = validateToolCalls(attempt.toolDeltas, attempt.request.shape.tools, mode)
      if (validated.verdict === 'invalid') {
        this.attemptFailed(attempt, failure('invalid_tool_call', `tool call refused: ${validated.defect}`), now, out)
        return
      }
      const tokens = tokensByCall(attempt.toolDeltas)
      validated.calls.forEach(({ id, name, args }, index) => {
        attempt.held.push({ type: 'toolDelta', index, id, name, args, tokens: tokens[index] ?? 0 })
      })
    }
    attempt.settleRun(now)
    if (attempt.usage) attempt.held.push(attempt.usage)
    attempt.held.push(finished)
    this.committed = attempt
    this.endAttempt(attempt, 'ok', null, null, now, out)
    const offer = at(this.house.offers, attempt.endpoint)
    const usage = attempt.usage ?? { inputTokens: attempt.request.inputTokens, outputTokens: attempt.outputTokens }
    const { inputTokens, outputTokens, cachedInputTokens, writtenInputTokens }: Omit<Usage, 'type'> = usage
    const billed = costOf(offer.price, inputTokens, outputTokens, cachedInputTokens, writtenInputTokens)
    this.close('ok', null, 200, billed, now, out)
    out.push({ type: 'client.end', call: this.call, attempt, signals: attempt.held })
  }

  // ── failing ───────────────────────────────────────────────────────────────────────────────────────────────────────

  private timeOut(attempt: Attempt, errorClass: ErrorClass, now: Millis, out: RouterOut): void {
    out.push({ type: 'attempt.cancel', attempt })
    this.attemptFailed(attempt, failure(errorClass, `gave up waiting: ${errorClass}`), now, out)
  }

  private attemptFailed(attempt: Attempt, why: Failure, now: Millis, out: RouterOut): void {
    if (why.class === 'invalid_tool_call' || why.class === 'invalid_response')
      out.push({ type: 'attempt.cancel', attempt })
    attempt.settleRun(now)
    const isCommitted = this.committed === attempt
    this.endAttempt(attempt, isCommitted ? 'truncated' : 'failed', why, why.status, now, out)
    this.holdAt = NEVER
    if (isCommitted) {
      this.closeTruncated(why, now, out)
      return
    }
    this.failures.add(why)
    const reaction = REACTIONS[why.class]
    const { retry, max_attempts: attemptsMax } = this.policy.resilience
    const mayRetry = reaction.retryHere && this.retriesHere < retry.attempts && this.attempts.length < attemptsMax
    if (mayRetry && this.house.health.admits(this.call.policy, attempt.endpoint, now) === true) {
      const { weather } = this.call.request
      const rng = this.house.rng.fork(RETRY_STREAM, weather, this.call.number, this.attempts.length)
      const delay = retryDelayMs(retry, this.retriesHere, why.retryAfterMs, this.totalAt - now, rng)
      if (delay !== null) {
        this.retriesHere += 1
        this.phase = 'backing_off'
        this.retryAt = now + delay
        return
      }
    }
    this.advance(now, out, why)
  }

  private endAttempt(
    attempt: Attempt,
    outcome: AttemptOutcome,
    why: Failure | null,
    status: number | null,
    now: Millis,
    out: RouterOut,
  ): void {
    attempt.isOver = true
    const { startedAt, firstContentAt, outputTokens, endpoint } = attempt
    const errorClass = why?.class ?? null
    out.record({
      kind: 'attempt.ended',
      at: now,
      request: attempt.request.id,
      call: attempt.call,
      attempt: attempt.number,
      endpoint,
      outcome,
      errorClass,
      status,
      startedAt,
      firstContentAt,
      outputTokens,
      committed: this.committed === attempt,
    })
    if (outcome === 'cancelled') {
      if (attempt.isProbe) this.house.health.abandonProbe(this.call.policy, endpoint)
      return
    }
    const retryAfterMs = why?.retryAfterMs ?? null
    const { isProbe } = attempt
    const report = { endpoint, errorClass, retryAfterMs, startedAt, firstContentAt, outputTokens, isProbe }
    this.house.health.report(this.call.policy, report, now, out)
  }

  /** End whatever is still running. Nobody is blamed: an attempt that our own deadline cut off may have been in time. */
  private endAll(errorClass: 'cancelled' | 'deadline_exceeded', now: Millis, out: RouterOut): void {
    const current = this.current()
    if (!current) return
    current.settleRun(now)
    out.push({ type: 'attempt.cancel', attempt: current })
    this.endAttempt(current, 'cancelled', failure(errorClass, errorClass), null, now, out)
  }

  private fail(why: Failure, now: Millis, out: RouterOut): void {
    if (this.committed !== null) {
      this.closeTruncated(why, now, out)
      return
    }
    const answer = this.failures.answer(why)
    this.close('failed', why.class, answer.status, 0, now, out)
    out.push({ type: 'client.fail', call: this.call, failure: answer, committed: false })
  }

  private closeTruncated(why: Failure, now: Millis, out: RouterOut): void {
    const status = statusOf(why)
    const answer: CallFailure = { class: why.class, status, retryAfterMs: null, message: why.message }
    this.close('truncated', why.class, status, 0, now, out)
    out.push({ type: 'client.fail', call: this.call, failure: answer, committed: true })
  }

  private close(
    outcome: 'ok' | 'truncated' | 'failed' | 'cancelled',
    errorClass: ErrorClass | null,
    status: number,
    billed: number,
    now: Millis,
    out: RouterOut,
  ): void {
    assert(this.phase !== 'closed', 'a call is closed once')
    this.phase = 'closed'
    const { call, attempts } = this
    const firstChoice = this.plan.order[0]?.endpoint ?? -1
    const servedBy = this.committed?.endpoint ?? -1
    call.summary = { attempts: attempts.length, firstChoice, servedBy, billed }
    out.record({
      kind: 'call.closed',
      at: now,
      request: call.request.id,
      call: call.number,
      outcome,
      errorClass,
      status,
      attempts: attempts.length,
      firstChoice,
      servedBy,
      billed,
    })
  }
}

const HELD_BACK: Failure = {
  class: 'circuit_open',
  status: null,
  retryAfterMs: null,
  message: 'every eligible endpoint is held back by its circuit breaker or a cooldown',
}

/** Whether text that is still held back has a tool call in it. What has been shown cannot be taken back. */
function leaksInto(held: readonly Signal[], tools: readonly ToolSpec[]): boolean {
  if (tools.length === 0) return false
  return leaksToolCall(held.map((signal) => (signal.type === 'content' ? (signal.text ?? '') : '')).join(''))
}

/** Output tokens of each tool call, in order of first appearance, which is how the calls are put together. */
function tokensByCall(deltas: readonly ToolDelta[]): number[] {
  const byIndex = new Map<number, number>()
  for (const { index, tokens } of deltas) byIndex.set(index, (byIndex.get(index) ?? 0) + tokens)
  return [...byIndex.values()]
}

function noEndpointMessage({ funnel }: Plan): string {
  const last = funnel.at(-1)
  return `No endpoints found: every candidate was removed (last step: ${last?.step ?? 'Initial Endpoints'})`
}
