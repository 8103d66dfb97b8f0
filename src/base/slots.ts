/**
 * Many short-lived things in numbered places, for whoever keeps the number: what is known of one is found without a
 * look-up, and leaves nothing behind.
 *
 * A Map for what comes and goes all the time is tidied into a new table every so often, and the old table points to the
 * new one. Once one of them has grown old in memory, it keeps all that come after it, with whatever was in them, until
 * the next full collection: half of what a request cost at the gateway was copying what should have been thrown away.
 */
export class Slots<T> {
  private readonly items: (T | null)[] = []
  private readonly free: number[] = []

  get size(): number {
    return this.items.length - this.free.length
  }

  /** Returns its slot, which somebody else's may be once it has been removed. */
  add(item: T): number {
    const slot = this.free.pop()
    if (slot === undefined) return this.items.push(item) - 1
    this.items[slot] = item
    return slot
  }

  /** Who has the slot; null for nobody, who has -1 as well. */
  at(slot: number): T | null {
    return slot < 0 ? null : (this.items[slot] ?? null)
  }

  /** Does nothing where nobody is. */
  remove(slot: number): void {
    if (this.at(slot) === null) return
    this.items[slot] = null
    this.free.push(slot)
  }

  /** All of them as they are now, in no order. */
  all(): T[] {
    return this.items.filter((item) => item !== null)
  }
}
