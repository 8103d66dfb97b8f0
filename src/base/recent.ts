/**
 * Counts over the last `size` events, whenever they were: the counterpart of RollingWindow for rules that look at so
 * many results and not at so much time. Each event raises any of up to eight counters; memory is one byte an event.
 */
export class Recent {
  private readonly events: Uint8Array
  private readonly sums: Float64Array
  private seen = 0

  constructor(size: number, width: number) {
    this.events = new Uint8Array(size)
    this.sums = new Float64Array(width)
  }

  /** One more event; bit n of `raised` says whether it counts in counter n. The oldest is forgotten. */
  add(raised: number): void {
    const place = this.seen % this.events.length
    this.count(this.events[place] as number, -1)
    this.events[place] = raised
    this.count(raised, 1)
    this.seen += 1
  }

  /** How many of the last events raised a counter. */
  total(counter: number): number {
    return this.sums[counter] as number
  }

  clear(): void {
    this.events.fill(0)
    this.sums.fill(0)
    this.seen = 0
  }

  private count(raised: number, amount: number): void {
    for (let counter = 0; counter < this.sums.length; counter += 1) {
      if ((raised >> counter) & 1) this.sums[counter] = (this.sums[counter] as number) + amount
    }
  }
}
