/**
 * A priority queue of integers by (instant, rank), first in, first out among equals. Typed arrays and a binary heap:
 * no object is kept per entry, so a cancelled entry holds nothing alive. The payload is a number (a slot, an index).
 */
import { NEVER, type Millis } from './time.ts'

export class EventQueue {
  private times: Float64Array
  private orders: Float64Array
  private payloads: Float64Array
  private size = 0
  private sequence = 0

  constructor(capacity = 64) {
    this.times = new Float64Array(capacity)
    this.orders = new Float64Array(capacity)
    this.payloads = new Float64Array(capacity)
  }

  get length(): number {
    return this.size
  }

  /** The earliest instant in the queue; NEVER when it is empty. */
  nextAt(): Millis {
    return this.size === 0 ? NEVER : (this.times[0] as number)
  }

  /** The earliest entry's payload. The queue must not be empty. */
  peek(): number {
    return this.payloads[0] as number
  }

  /** The earliest entry's number, as `push` gave it. The queue must not be empty. */
  peekOrder(): number {
    return this.orders[0] as number
  }

  /** Add an entry; returns its number, counted from 0. Ties on `at` are broken by it: by insertion order. */
  push(at: Millis, payload: number): number {
    if (this.size === this.times.length) this.grow()
    const order = this.sequence
    this.sequence += 1
    this.place(this.size, at, order, payload)
    this.size += 1
    return order
  }

  /**
   * Remove the earliest entry and return its payload. The queue must not be empty. The gap at the top is moved down to
   * the bottom first, and the last entry up from there: it is nearly always a late one and stays where it was put.
   */
  pop(): number {
    const { times, orders, payloads } = this
    const result = payloads[0] as number
    const last = this.size - 1
    this.size = last
    let gap = 0
    for (let child = 1; child < last; child = 2 * gap + 1) {
      const right = child + 1
      if (right < last) {
        const leftAt = times[child] as number
        const rightAt = times[right] as number
        if (rightAt < leftAt || (rightAt === leftAt && (orders[right] as number) < (orders[child] as number))) {
          child = right
        }
      }
      times[gap] = times[child] as number
      orders[gap] = orders[child] as number
      payloads[gap] = payloads[child] as number
      gap = child
    }
    this.place(gap, times[last] as number, orders[last] as number, payloads[last] as number)
    return result
  }

  /** Put an entry into a gap, after moving down whatever of the gap's ancestors comes later. */
  private place(gap: number, at: Millis, order: number, payload: number): void {
    const { times, orders, payloads } = this
    let child = gap
    while (child > 0) {
      const parent = (child - 1) >> 1
      const parentAt = times[parent] as number
      if (parentAt < at || (parentAt === at && (orders[parent] as number) < order)) break
      times[child] = parentAt
      orders[child] = orders[parent] as number
      payloads[child] = payloads[parent] as number
      child = parent
    }
    times[child] = at
    orders[child] = order
    payloads[child] = payload
  }

  private grow(): void {
    const wider = (old: Float64Array): Float64Array => {
      const next = new Float64Array(old.length * 2)
      next.set(old)
      return next
    }
    this.times = wider(this.times)
    this.orders = wider(this.orders)
    this.payloads = wider(this.payloads)
  }
}
