/**
 * The door of an endpoint: what one policy allows itself to send there. Asked in this order, and left in the other:
 *
 *   throttle   who has been turned away there is not even sent                          (policies/shedding.ts)
 *   limiter    a slot, or a place in the queue for one, or elsewhere                    (policies/concurrency.ts)
 *   pacer      now, or a turn that is known to the millisecond, or elsewhere            (policies/pacing.ts)
 *
 * Health is not the door's business: it may change while somebody waits, and is asked again when his turn has come.
 */
import { assertNever, type Millis, type Rng } from '../base/index.ts'
import type { SkipCause } from '../ledger/index.ts'
import type { ErrorClass, Offer } from '../protocol/index.ts'
import type { Attempt } from './attempt.ts'
import { Limiter, type Waiter } from './policies/concurrency.ts'
import { Pacer, type Need } from './policies/pacing.ts'
import { Throttle } from './policies/shedding.ts'
import type { Resilience } from './policy.ts'
import { REACTIONS } from './reactions.ts'
import type { RequestLife } from './request.ts'
import { scopeKey } from './scope.ts'

/** Why an endpoint is not asked, for the sake of its load. */
export type LoadCause = Extract<SkipCause, 'throttled' | 'full' | 'paced'>

/** A call that waits at a door (chooser.ts asks there, request.ts waits). */
export class Turn implements Waiter {
  readonly life: RequestLife
  readonly priority: number
  readonly door: Door
  readonly need: Need
  /** `queued`: no slot yet. `granted`: a slot, and the pacer not yet asked. `paced`: a slot, and its turn at `until`. */
  state: 'queued' | 'granted' | 'paced'
  /** When the wait is over, for better or worse. */
  until: Millis

  constructor(life: RequestLife, door: Door, state: 'queued' | 'paced', until: Millis) {
    this.life = life
    this.need = life.request
    this.priority = life.request.traits.priority
    this.door = door
    this.state = state
    this.until = until
  }

  granted(): void {
    this.state = 'granted'
    this.door.woken.push(this)
  }
}

export class Door {
  /** Turns that were given a slot by somebody else's leaving, and have not been told. */
  readonly woken: Turn[]
  private readonly limiter: Limiter | null
  private readonly pacer: Pacer | null
  private readonly throttle: Throttle | null

  constructor(limiter: Limiter | null, pacer: Pacer | null, throttle: Throttle | null, woken: Turn[]) {
    this.limiter = limiter
    this.pacer = pacer
    this.throttle = throttle
    this.woken = woken
  }

  /** Ask to come in. null: come in. A cause: not here. A turn: wait for it. Whoever came in must be let out. */
  knock(life: RequestLife, dice: Rng, now: Millis): Turn | LoadCause | null {
    if (this.throttle !== null && this.throttle.holdsBack(dice.next(), now)) return 'throttled'
    if (this.limiter !== null && !this.limiter.take()) {
      const turn = new Turn(life, this, 'queued', now + this.limiter.waitMs)
      return this.limiter.enqueue(turn) ? turn : 'full'
    }
    const waitMs = this.pace(life.request, now)
    if (waitMs === null) return 'paced'
    return waitMs === 0 ? null : new Turn(life, this, 'paced', now + waitMs)
  }

  /** A slot was granted: go on to the pacer. null: come in. A cause: not here, and the slot is free again. */
  goOn(turn: Turn, now: Millis): Turn | LoadCause | null {
    const waitMs = this.pace(turn.need, now)
    if (waitMs === null) return 'paced'
    turn.state = 'paced'
    turn.until = now + waitMs
    return waitMs === 0 ? null : turn
  }

  /** With a slot in hand, take a turn: how long until then, in ms. null: too long, and the slot is free again. */
  private pace(need: Need, now: Millis): Millis | null {
    if (this.pacer === null) return 0
    const waitMs = this.pacer.waitMs(need, now)
    if (waitMs > this.pacer.maxWaitMs) {
      this.limiter?.release()
      return null
    }
    this.pacer.reserve(need, now)
    return waitMs
  }

  /** Whoever came in does not send anything after all. */
  undo(need: Need, now: Millis): void {
    this.pacer?.refund(need, now)
    this.limiter?.release()
  }

  /** Wait no longer; what was taken is given back. */
  turnAway(turn: Turn, now: Millis): void {
    switch (turn.state) {
      case 'queued':
        this.limiter?.leave(turn)
        return
      case 'granted':
        this.limiter?.release()
        return
      case 'paced':
        this.undo(turn.need, now)
        return
      default:
        assertNever(turn.state)
    }
  }

  /** The first content of an attempt has come. */
  heard(attempt: Attempt, now: Millis): void {
    const { request, startedAt, firstContentAt } = attempt
    if (request.stream && firstContentAt !== null) this.limiter?.heard(firstContentAt - startedAt, now)
  }

  /** An attempt that came in is over; null: it went well, or as well as it was let. */
  left(attempt: Attempt, errorClass: ErrorClass | null, now: Millis): void {
    const wasThrottled = errorClass === 'rate_limited'
    const wasAccepted = errorClass === null || (REACTIONS[errorClass].health === 'neutral' && !wasThrottled)
    this.throttle?.answered(wasAccepted, now)
    if (this.pacer !== null) {
      const { request, usage, outputTokens } = attempt
      const usedInput = attempt.wasAccepted ? (usage?.inputTokens ?? request.inputTokens) : 0
      this.pacer.settle(request, usedInput, usage?.outputTokens ?? outputTokens, now)
      if (wasAccepted || wasThrottled) this.pacer.answered(wasThrottled, now)
    }
    if (this.limiter === null) return
    if (errorClass !== null && DROPS.has(errorClass)) this.limiter.dropped()
    this.limiter.release()
  }

  /** How long until the pacer would let this need in, in ms. */
  pacedForMs(need: Need, now: Millis): Millis {
    return this.pacer?.waitMs(need, now) ?? 0
  }
}

/** What an endpoint says or does when it has too much to do. */
const DROPS: ReadonlySet<ErrorClass> = new Set([
  'rate_limited',
  'overloaded',
  'connect_timeout',
  'first_token_timeout',
  'attempt_timeout',
  'gateway_timeout',
])

/** The doors of one policy, by endpoint; null where it sets no limits. Those of one scope share its state. */
export function doorsOf(
  { concurrency, pacing, shedding }: Resilience,
  offers: readonly Offer[],
  woken: Turn[],
): (Door | null)[] {
  const adaptive = shedding?.adaptive
  if (!concurrency && !pacing && !adaptive) return offers.map(() => null)
  const limiters = new Map<string, Limiter>()
  const pacers = new Map<string, Pacer>()
  return offers.map((offer) => {
    const limiter = concurrency
      ? shared(limiters, scopeKey(concurrency.scope, offer), () => new Limiter(concurrency))
      : null
    const pacer = pacing ? shared(pacers, scopeKey(pacing.scope, offer), () => new Pacer(pacing)) : null
    return new Door(limiter, pacer, adaptive ? new Throttle(adaptive) : null, woken)
  })
}

function shared<T>(known: Map<string, T>, key: string, make: () => T): T {
  const value = known.get(key) ?? make()
  known.set(key, value)
  return value
}
