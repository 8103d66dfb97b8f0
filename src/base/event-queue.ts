/**
 * A priority queue of integers by (instant, rank), first in, first out among equals. Typed arrays: no object is kept per
 * entry, so a cancelled entry holds nothing alive. The payload is a number (a slot, an index).
 *
 * Most entries are deadlines, and deadlines of one length come in the order of their instants. So there is a lane, a
 * ring, that an entry joins if it comes after the last one there, which costs a few stores; only what fits into no lane
 * goes into a binary heap. Lanes sort themselves by length of deadline: an entry joins behind the latest it may follow.
 */
import { NEVER, type Millis } from './time.ts'

const LANES = 3
const LANE_START = 64

export class EventQueue {
  private times: Float64Array
  private orders: Float64Array
  private payloads: Float64Array
  private size = 0
  private sequence = 0
  private readonly lanes: readonly Lane[] = Array.from({ length: LANES }, () => new Lane())
  private inLanes = 0
  /** The lane that has the earliest entry; null: the heap has it. */
  private front: Lane | null = null

  constructor(capacity = 64) {
    this.times = new Float64Array(capacity)
    this.orders = new Float64Array(capacity)
    this.payloads = new Float64Array(capacity)
  }

  get length(): number {
    return this.size + this.inLanes
  }

  /** The earliest instant in the queue; NEVER when it is empty. */
  nextAt(): Millis {
    if (this.front !== null) return this.front.firstAt
    return this.size === 0 ? NEVER : (this.times[0] as number)
  }

  /** The earliest entry's payload. The queue must not be empty. */
  peek(): number {
    return this.front === null ? (this.payloads[0] as number) : this.front.firstPayload
  }

  /** The earliest entry's number, as `push` gave it. The queue must not be empty. */
  peekOrder(): number {
    return this.front === null ? (this.orders[0] as number) : this.front.firstOrder
  }

  /** Add an entry; returns its number, counted from 0. Ties on `at` are broken by it: by insertion order. */
  push(at: Millis, payload: number): number {
    const order = this.sequence
    this.sequence += 1
    const isFirst = this.length === 0 || at < this.nextAt()
    let lane: Lane | null = null
    for (const one of this.lanes) if (one.lastAt <= at && (lane === null || one.lastAt > lane.lastAt)) lane = one
    if (lane === null) {
      if (this.size === this.times.length) this.grow()
      this.place(this.size, at, order, payload)
      this.size += 1
    } else {
      lane.push(at, order, payload)
      this.inLanes += 1
    }
    if (isFirst) this.front = lane
    return order
  }

  /** Remove the earliest entry and return its payload. The queue must not be empty. */
  pop(): number {
    const payload = this.peek()
    if (this.front === null) this.popHeap()
    else {
      this.front.shift()
      this.inLanes -= 1
    }
    this.front = null
    if (this.inLanes > 0) this.findFront()
    return payload
  }

  private findFront(): void {
    let at = this.size === 0 ? NEVER : (this.times[0] as number)
    let order = this.size === 0 ? Infinity : (this.orders[0] as number)
    for (const lane of this.lanes) {
      if (lane.isEmpty || lane.firstAt > at || (lane.firstAt === at && lane.firstOrder > order)) continue
      at = lane.firstAt
      order = lane.firstOrder
      this.front = lane
    }
  }

  /**
   * Remove the top of the heap. The gap is moved down to the bottom first, and the last entry up from there: it is nearly
   * always a late one and stays where it was put.
   */
  private popHeap(): void {
    const { times, orders, payloads } = this
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
    this.times = wider(this.times)
    this.orders = wider(this.orders)
    this.payloads = wider(this.payloads)
  }
}

/** Entries in the order in which they came, which is that of their instants, too. */
class Lane {
  /** The instant of the last entry; before any. */
  lastAt: Millis = -Infinity
  private times: Float64Array = new Float64Array(LANE_START)
  private orders: Float64Array = new Float64Array(LANE_START)
  private payloads: Float64Array = new Float64Array(LANE_START)
  private head = 0
  private size = 0

  get isEmpty(): boolean {
    return this.size === 0
  }

  get firstAt(): Millis {
    return this.times[this.head] as number
  }

  get firstOrder(): number {
    return this.orders[this.head] as number
  }

  get firstPayload(): number {
    return this.payloads[this.head] as number
  }

  push(at: Millis, order: number, payload: number): void {
    if (this.size === this.times.length) this.grow()
    const place = (this.head + this.size) & (this.times.length - 1)
    this.times[place] = at
    this.orders[place] = order
    this.payloads[place] = payload
    this.size += 1
    this.lastAt = at
  }

  shift(): void {
    this.head = (this.head + 1) & (this.times.length - 1)
    this.size -= 1
    if (this.size === 0) this.lastAt = -Infinity
  }

  private grow(): void {
    const straight = (old: Float64Array): Float64Array => {
      const next = wider(old)
      next.set(old.subarray(this.head))
      next.set(old.subarray(0, this.head), old.length - this.head)
      return next
    }
    this.times = straight(this.times)
    this.orders = straight(this.orders)
    this.payloads = straight(this.payloads)
    this.head = 0
  }
}

function wider(old: Float64Array): Float64Array {
  const next = new Float64Array(old.length * 2)
  next.set(old)
  return next
}
