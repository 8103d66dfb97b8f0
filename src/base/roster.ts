/**
 * A roster of many short-lived things that each want to be woken at some time. A thing has a slot while it is on the
 * roster, and one wake, which may be moved at will. The queue holds numbers only, at most one of which counts for a slot:
 * a thing that has left leaves nothing behind but numbers, which are dropped when they come up. A wake that is moved to
 * a later time costs nothing until the earlier one comes up: most deadlines never do.
 */
import { InvariantError } from './assert.ts'
import { EventQueue } from './event-queue.ts'
import { NEVER, type Millis } from './time.ts'

const SLOTS_MAX = 2097152
const NO_ENTRY = -1

export class Roster<T> {
  private readonly queue = new EventQueue(1024)
  private readonly items: (T | null)[] = []
  private readonly free: number[] = []
  /** By slot: when its thing wants to be woken. */
  private wakes = new Float64Array(1024)
  /** By slot: the queue's entry that counts, and when it comes up, which is no later than the wake. */
  private entries = new Float64Array(1024)
  private queuedAt = new Float64Array(1024)
  /** By slot: the how-manieth to join its thing was. */
  private joined = new Float64Array(1024)
  private joins = 0
  /** The earliest wake of anybody still here. */
  private earliest: Millis = NEVER

  get size(): number {
    return this.items.length - this.free.length
  }

  /** Put a thing on the roster; returns its slot. */
  add(item: T): number {
    const slot = this.free.pop() ?? this.items.push(null) - 1
    if (slot >= SLOTS_MAX) throw new InvariantError(`more than ${SLOTS_MAX} at once`)
    if (slot >= this.wakes.length) this.grow()
    this.items[slot] = item
    this.wakes[slot] = NEVER
    this.entries[slot] = NO_ENTRY
    this.queuedAt[slot] = NEVER
    this.joined[slot] = this.joins
    this.joins += 1
    return slot
  }

  /** Who has the slot; null for nobody. */
  at(slot: number): T | null {
    return this.items[slot] ?? null
  }

  /** Everybody on the roster, in the order in which they joined. */
  everybody(): T[] {
    const slots = this.items.flatMap((item, slot) => (item === null ? [] : [slot]))
    slots.sort((left, right) => (this.joined[left] as number) - (this.joined[right] as number))
    return slots.map((slot) => this.items[slot] as T)
  }

  remove(slot: number): void {
    this.items[slot] = null
    this.entries[slot] = NO_ENTRY
    this.free.push(slot)
    if (this.queuedAt[slot] === this.earliest) this.findEarliest()
  }

  /** Ask to be woken at an instant, instead of any asked for before. NEVER: not at all. */
  wake(slot: number, at: Millis): void {
    this.wakes[slot] = at
    if (at < (this.queuedAt[slot] as number)) this.enqueue(slot, at)
    else if (this.queuedAt[slot] === this.earliest) this.findEarliest()
  }

  /** The earliest wake of anybody still here. */
  nextAt(): Millis {
    return this.earliest
  }

  /** Somebody whose wake is due, in order of the instants; null when nobody is left. Its wake is used up. */
  due(now: Millis): T | null {
    if (this.earliest > now) return null
    const slot = this.queue.pop()
    this.wakes[slot] = NEVER
    this.entries[slot] = NO_ENTRY
    this.queuedAt[slot] = NEVER
    this.findEarliest()
    return this.items[slot] ?? null
  }

  private enqueue(slot: number, at: Millis): void {
    this.queuedAt[slot] = at
    this.entries[slot] = this.queue.push(at, slot)
    if (at < this.earliest) this.earliest = at
  }

  /** Drop entries that no longer count, and queue anew those whose wake has moved, until the first one is right. */
  private findEarliest(): void {
    const { queue, entries, wakes } = this
    while (queue.length > 0) {
      const slot = queue.peek()
      if (entries[slot] === queue.peekOrder()) {
        const at = wakes[slot] as number
        if (at <= queue.nextAt()) break
        queue.pop()
        this.entries[slot] = NO_ENTRY
        this.queuedAt[slot] = NEVER
        if (at !== NEVER) this.enqueue(slot, at)
      } else queue.pop()
    }
    this.earliest = queue.nextAt()
  }

  private grow(): void {
    const wider = (old: Float64Array): Float64Array<ArrayBuffer> => {
      const next = new Float64Array(old.length * 2)
      next.set(old)
      return next
    }
    this.wakes = wider(this.wakes)
    this.entries = wider(this.entries)
    this.queuedAt = wider(this.queuedAt)
    this.joined = wider(this.joined)
  }
}
