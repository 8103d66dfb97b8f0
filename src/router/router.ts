/**
 * The router Machine: all calls in flight, one queue of deadlines, one view of health. It carries events to the life
 * they belong to and keeps the queue honest: for each life the queue holds an entry no later than its next deadline.
 * Entries are numbers (slot and generation), so a finished call leaves nothing behind but a stale number.
 */
import { at, EventQueue, type Machine, type Millis, type Rng } from '../base/index.ts'
import type { Out } from '../ledger/index.ts'
import type { Call, Offer } from '../protocol/index.ts'
import { Health } from './health.ts'
import type { RouterCommand, RouterEvent } from './messages.ts'
import { Planner } from './plan.ts'
import { providerPreferencesSchema, type Policy, type RequestHalf } from './policy.ts'
import { lifeOf, RequestLife, type House } from './request.ts'

export type { RouterCommand, RouterEvent } from './messages.ts'

const PLAN_STREAM = 0x706c
const SLOTS_MAX = 2097152
/** Foreign request halves whose plans are remembered; the oldest is forgotten beyond that. */
const FOREIGN_PLANNERS_MAX = 256

export interface RouterOptions {
  readonly offers: readonly Offer[]
  readonly policies: readonly Policy[]
  readonly rng: Rng
}

export class Router implements Machine<RouterEvent, Out<RouterCommand>> {
  private readonly house: House
  private readonly rng: Rng
  private readonly planners: readonly Planner[]
  private readonly foreign = new Map<string, Planner>()
  private readonly queue = new EventQueue(1024)
  private readonly lives: (RequestLife | null)[] = []
  private readonly generations: number[] = []
  private readonly freeSlots: number[] = []

  constructor({ offers, policies, rng }: RouterOptions) {
    this.rng = rng
    this.planners = policies.map((policy) => new Planner(policy, offers))
    const measuresSpeed = this.planners.some((planner) => planner.needsStatistics)
    this.house = { offers, policies, rng, health: new Health(offers, policies, measuresSpeed) }
  }

  handle(event: RouterEvent, now: Millis, out: Out<RouterCommand>): void {
    switch (event.type) {
      case 'call.arrived':
        this.arrive(event.call, now, out)
        return
      case 'attempt.signalled': {
        const life = lifeOf(event.attempt)
        if (!life) return
        life.signalled(event.attempt, event.signals, now, out)
        this.settle(life)
        return
      }
      case 'call.cancelled': {
        const life = this.lives[event.call.slot]
        if (!life || life.call !== event.call) return
        life.cancel(event.class, now, out)
        this.settle(life)
        return
      }
      case 'client.blocked':
        this.lives[event.call.slot]?.block(now, out)
        return
      case 'client.drained': {
        const life = this.lives[event.call.slot]
        life?.drain(now, out)
        if (life) this.settle(life)
        return
      }
      case 'wake':
        this.wake(now, out)
    }
  }

  wakeAt(): Millis {
    // Entries of calls that are over would only wake us for nothing.
    while (this.queue.length > 0 && this.lifeAt(this.queue.peek()) === null) this.queue.pop()
    return this.queue.nextAt()
  }

  /** How many calls are in flight. */
  get inFlight(): number {
    return this.lives.length - this.freeSlots.length
  }

  private arrive(call: Call, now: Millis, out: Out<RouterCommand>): void {
    const rng = this.rng.fork(PLAN_STREAM, call.request.weather, call.number)
    const plan = this.plannerOf(call).plan(call.request, this.house.health, rng, now)
    const life = new RequestLife(call, plan, this.house, now)
    const slot = this.freeSlots.pop() ?? this.lives.push(null) - 1
    this.lives[slot] = life
    this.generations[slot] ??= 0
    call.slot = slot
    life.arrive(now, out)
    this.settle(life)
  }

  private plannerOf(call: Call): Planner {
    if (call.half === null) return at(this.planners, call.policy)
    const key = JSON.stringify(call.half)
    let planner = this.foreign.get(key)
    if (!planner) {
      const provider = providerPreferencesSchema.parse(call.half.provider)
      planner = new Planner({ models: call.half.models, provider } satisfies RequestHalf, this.house.offers)
      if (this.foreign.size >= FOREIGN_PLANNERS_MAX) this.foreign.delete([...this.foreign.keys()][0] as string)
      this.foreign.set(key, planner)
    }
    return planner
  }

  private wake(now: Millis, out: Out<RouterCommand>): void {
    while (this.queue.nextAt() <= now) {
      const life = this.lifeAt(this.queue.pop())
      if (life === null) continue
      life.queuedAt = Infinity
      if (life.nextDeadline() <= now) life.wake(now, out)
      this.settle(life)
    }
  }

  /** After anything happened to a life: queue its next deadline, or let it go. */
  private settle(life: RequestLife): void {
    if (life.phase === 'closed') {
      const { slot } = life.call
      if (slot < 0) return
      this.lives[slot] = null
      this.generations[slot] = (this.generations[slot] as number) + 1
      this.freeSlots.push(slot)
      life.call.slot = -1
      return
    }
    const due = life.nextDeadline()
    if (due >= life.queuedAt) return
    life.queuedAt = due
    const { slot } = life.call
    this.queue.push(due, (this.generations[slot] as number) * SLOTS_MAX + slot)
  }

  private lifeAt(entry: number): RequestLife | null {
    const slot = entry % SLOTS_MAX
    return this.generations[slot] === Math.floor(entry / SLOTS_MAX) ? (this.lives[slot] ?? null) : null
  }
}
