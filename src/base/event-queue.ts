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
/** Stands for the heap where the others stand for a lane. */
const HEAP = LANES
const LANE_START = 64

export class EventQueue {
  private times: Float64Array
  private orders: Float64Array
  private payloads: Float64Array
  private size = 0
  private sequence = 0
  private count = 0
  private readonly lanes: readonly Lane[] = Array.from({ length: LANES }, () => new Lane())
  /** The first instant of each lane, and of the heap behind them; NEVER where there is none. */
  private readonly firsts = new Float64Array(LANES + 1).fill(NEVER)
  /** The last instant of each lane; before any where it is empty. */
  private readonly lasts = new Float64Array(LANES).fill(-Infinity)
  /** Which lane has the earliest entry; HEAP: the heap has it. */
  private front = HEAP

  constructor(capacity = 64) {
    this.times = new Float64Array(capacity)
    this.orders = new Float64Array(capacity)
    this.payloads = new Float64Array(capacity)
  }

  get length(): number {
    return this.count
  }

  /** The earliest instant in the queue; NEVER when it is empty. */
  nextAt(): Millis {
    return this.firsts[this.front] as number
  }

  /** The earliest entry's payload. The queue must not be empty. */
  peek(): number {
    return this.front === HEAP ? (this.payloads[0] as number) : (this.lanes[this.front] as Lane).firstPayload
  }

  /** The earliest entry's number, as `push` gave it. The queue must not be empty. */
  peekOrder(): number {
    return this.orderOf(this.front)
  }

  /** Add an entry; returns its number, counted from 0. Ties on `at` are broken by it: by insertion order. */
  push(at: Millis, payload: number): number {
    const order = this.sequence
    this.sequence += 1
    this.count += 1
    const isFirst = this.count === 1 || at < this.nextAt()
    const lane = this.laneFor(at)
    if (lane === HEAP) {
      if (this.size === this.times.length) this.grow()
      this.place(this.size, at, order, payload)
      this.size += 1
      this.firsts[HEAP] = this.times[0] as number
    } else {
      if (this.lasts[lane] === -Infinity) this.firsts[lane] = at
      this.lasts[lane] = at
      ;(this.lanes[lane] as Lane).push(at, order, payload)
    }
    if (isFirst) this.front = lane
    return order
  }

  /** Remove the earliest entry and return its payload. The queue must not be empty. */
  pop(): number {
    const payload = this.peek()
    const { front } = this
    this.count -= 1
    if (front === HEAP) {
      this.popHeap()
      this.firsts[HEAP] = this.size === 0 ? NEVER : (this.times[0] as number)
    } else {
      const first = (this.lanes[front] as Lane).shift()
      this.firsts[front] = first
      if (first === NEVER) this.lasts[front] = -Infinity
    }
    this.findFront()
    return payload
  }

  /** The lane whose last entry is the latest that this one may follow; HEAP for none, and for what never comes. */
  private laneFor(at: Millis): number {
    const { lasts } = this
    let lane = HEAP
    if (at === NEVER) return lane
    let latest = -Infinity
    for (let one = 0; one < LANES; one += 1) {
      const last = lasts[one] as number
      if (last <= at && (lane === HEAP || last > latest)) {
        lane = one
        latest = last
      }
    }
    return lane
  }

  private findFront(): void {
    const { firsts } = this
    let front = HEAP
    let at = firsts[HEAP] as number
    for (let lane = 0; lane < LANES; lane += 1) {
      const first = firsts[lane] as number
      if (first < at || (first === at && first !== NEVER && this.orderOf(lane) < this.orderOf(front))) {
        front = lane
        at = first
      }
    }
    this.front = front
  }

  private orderOf(lane: number): number {
    return lane === HEAP ? (this.orders[0] as number) : (this.lanes[lane] as Lane).firstOrder
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
  private times: Float64Array = new Float64Array(LANE_START)
  private orders: Float64Array = new Float64Array(LANE_START)
  private payloads: Float64Array = new Float64Array(LANE_START)
  private head = 0
  private size = 0

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
  }

  /** Remove the first entry; returns the instant of the next, NEVER for none. */
  shift(): Millis {
    this.head = (this.head + 1) & (this.times.length - 1)
    this.size -= 1
    return this.size === 0 ? NEVER : (this.times[this.head] as number)
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
