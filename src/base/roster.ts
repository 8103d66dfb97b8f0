/**
 * A roster of many short-lived things that each want to be woken at some time. A thing has a slot while it is on the
 * roster; its wakes are numbers (slot and generation) in one queue, so a thing that has left leaves nothing behind but
 * stale numbers, which are dropped when they come up. The last wake asked for is not the only one: a thing may be woken
 * for an instant that it has since moved, and then looks and finds nothing due.
 */
import { assert } from './assert.ts'
import { EventQueue } from './event-queue.ts'
import type { Millis } from './time.ts'

/** Slot and generation share one number; 2^32 generations of a slot are more than any run has. */
const SLOTS_MAX = 2097152

export class Roster<T> {
  private readonly queue = new EventQueue(1024)
  private readonly items: (T | null)[] = []
  private readonly generations: number[] = []
  private readonly free: number[] = []

  get size(): number {
    return this.items.length - this.free.length
  }

  /** Put a thing on the roster; returns its slot. */
  add(item: T): number {
    const slot = this.free.pop() ?? this.items.push(null) - 1
    assert(slot < SLOTS_MAX, `more than ${SLOTS_MAX} at once`)
    this.items[slot] = item
    this.generations[slot] ??= 0
    return slot
  }

  /** Who has the slot; null for nobody. */
  at(slot: number): T | null {
    return this.items[slot] ?? null
  }

  remove(slot: number): void {
    this.items[slot] = null
    this.generations[slot] = (this.generations[slot] as number) + 1
    this.free.push(slot)
  }

  /** Ask to be woken at an instant. */
  wake(slot: number, at: Millis): void {
    this.queue.push(at, (this.generations[slot] as number) * SLOTS_MAX + slot)
  }

  /** The earliest wake of anybody still here. */
  nextAt(): Millis {
    while (this.queue.length > 0 && this.itemOf(this.queue.peek()) === null) this.queue.pop()
    return this.queue.nextAt()
  }

  /** Somebody whose wake is due, in order of the instants; null when nobody is left. */
  due(now: Millis): T | null {
    while (this.queue.nextAt() <= now) {
      const item = this.itemOf(this.queue.pop())
      if (item !== null) return item
    }
    return null
  }

  private itemOf(entry: number): T | null {
    const slot = entry % SLOTS_MAX
    return this.generations[slot] === Math.floor(entry / SLOTS_MAX) ? (this.items[slot] ?? null) : null
  }
}
