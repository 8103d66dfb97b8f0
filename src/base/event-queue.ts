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

  /** Add an entry. Ties on `at` are broken by insertion order. */
  push(at: Millis, payload: number): void {
    if (this.size === this.times.length) this.grow()
    const order = this.sequence
    this.sequence += 1
    let child = this.size
    this.size += 1
    const { times, orders, payloads } = this
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

  /** Remove the earliest entry and return its payload. The queue must not be empty. */
  pop(): number {
    const { times, orders, payloads } = this
    const result = payloads[0] as number
    this.size -= 1
    const last = this.size
    if (last > 0) {
      const at = times[last] as number
      const order = orders[last] as number
      const payload = payloads[last] as number
      let parent = 0
      for (;;) {
        let child = 2 * parent + 1
        if (child >= last) break
        const right = child + 1
        if (right < last && this.precedes(right, child)) child = right
        const childAt = times[child] as number
        if (at < childAt || (at === childAt && order < (orders[child] as number))) break
        times[parent] = childAt
        orders[parent] = orders[child] as number
        payloads[parent] = payloads[child] as number
        parent = child
      }
      times[parent] = at
      orders[parent] = order
      payloads[parent] = payload
    }
    return result
  }

  private precedes(left: number, right: number): boolean {
    const leftAt = this.times[left] as number
    const rightAt = this.times[right] as number
    return leftAt < rightAt || (leftAt === rightAt && (this.orders[left] as number) < (this.orders[right] as number))
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
