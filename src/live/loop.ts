/**
 * The live loop: one timer for all Machines. Producers (weather, fleet, workload) are woken when due. Deadlines (router,
 * application client) are looked at two turns of the event loop later, after sockets have been read: when the process
 * itself was late, bytes that had come in time must not lose against a timeout that is only late to be handled.
 */
import { NEVER, type Millis } from '../base/index.ts'
import type { LiveClock } from './clock.ts'

/** A Machine with its `out` already in its hand. */
export interface Part {
  wakeAt(): Millis
  wake(now: Millis): void
}

export interface LoopOptions {
  readonly clock: LiveClock
  /** In order of precedence at one instant. */
  readonly producers: readonly Part[]
  readonly deadlines: readonly Part[]
  /** Called before deadlines are met: whatever was kept back as long as nobody minded is to be said now. */
  onDeadlines(now: Millis): void
  /** Called after every turn in which something happened, for whoever waits for the end. */
  onTurn(now: Millis): void
  /** The loop woke later than it wanted to, by so many scenario ms. */
  onLag(lagMs: Millis, now: Millis): void
  /** Something threw. Most turns are played inside a callback of undici or Fastify, and both would keep it to themselves. */
  onBroken(error: unknown): void
}

/** Longest sleep of one timer in wall ms: Node's timers overflow beyond 2^31 ms, and a resumed clock must be noticed. */
const SLEEP_MS_MAX = 60_000
/** Lag below this many wall ms is how timers are. */
const LAG_MS_MIN = 20

export class Loop {
  private readonly options: LoopOptions
  private timer: NodeJS.Timeout | undefined
  private dueAt: Millis = NEVER
  private deadlinesPending = false
  private isStopped = false
  /** Instant of the turn that is being played. */
  private turnAt: Millis | null = null
  /** What came while a turn was being played. */
  private readonly waiting: ((now: Millis) => void)[] = []

  constructor(options: LoopOptions) {
    this.options = options
  }

  /** One instant for all that happens in a turn: what a command causes is not later than the command. */
  get now(): Millis {
    return this.turnAt ?? this.options.clock.now()
  }

  /**
   * Something came from outside: bring the producers up to date, let it happen, and set the timer anew. A socket that
   * reports while it is being written to (a connection that is free at once, a buffer that is full) waits until the
   * Machine that made it write is done.
   */
  enter(action: (now: Millis) => void): void {
    if (this.isStopped) return
    if (this.turnAt !== null) {
      this.waiting.push(action)
      return
    }
    this.play((now) => {
      this.produce(now)
      action(now)
    })
  }

  stop(): void {
    this.isStopped = true
    clearTimeout(this.timer)
  }

  /** Set the timer for the earliest wake of anybody, by a clock that may have changed. */
  arm(): void {
    this.disarm()
    this.rearm()
  }

  private disarm(): void {
    clearTimeout(this.timer)
    this.timer = undefined
    this.dueAt = NEVER
  }

  /** A timer that wakes nobody costs less than one that is moved with every event: it is only ever moved forward. */
  private rearm(): void {
    if (this.isStopped || this.options.clock.paused) return
    let next = NEVER
    for (const part of this.options.producers) next = Math.min(next, part.wakeAt())
    if (!this.deadlinesPending) for (const part of this.options.deadlines) next = Math.min(next, part.wakeAt())
    if (this.timer !== undefined) {
      if (next >= this.dueAt) return
      clearTimeout(this.timer)
    }
    this.dueAt = next
    const sleep = Math.min(SLEEP_MS_MAX, this.options.clock.wallMsUntil(next))
    this.timer = setTimeout(() => this.turn(), sleep)
  }

  private turn(): void {
    const { clock, deadlines } = this.options
    const { dueAt } = this
    this.disarm()
    const lag = clock.now() - dueAt
    this.play((now) => {
      if (lag > LAG_MS_MIN * clock.speed && dueAt !== NEVER) this.options.onLag(lag, now)
      this.produce(now)
      if (this.deadlinesPending || !deadlines.some((part) => part.wakeAt() <= now)) return
      this.deadlinesPending = true
      setImmediate(() => setImmediate(() => this.meetDeadlines()))
    })
  }

  private meetDeadlines(): void {
    this.deadlinesPending = false
    if (this.isStopped) return
    this.play((now) => {
      this.produce(now)
      this.options.onDeadlines(now)
      for (const part of this.options.deadlines) if (part.wakeAt() <= now) part.wake(now)
    })
  }

  /** One turn: the action, and what it brought back from sockets. A bug ends the run, whoever's callback it was in. */
  private play(action: (now: Millis) => void): void {
    const now = this.options.clock.now()
    this.turnAt = now
    try {
      action(now)
      for (let next = this.waiting.shift(); next !== undefined; next = this.waiting.shift()) next(now)
      this.options.onTurn(now)
    } catch (error) {
      this.waiting.length = 0
      this.options.onBroken(error)
    } finally {
      this.turnAt = null
    }
    this.rearm()
  }

  private produce(now: Millis): void {
    for (const part of this.options.producers) if (part.wakeAt() <= now) part.wake(now)
  }
}
