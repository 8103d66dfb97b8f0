/**
 * What is known of each request in flight, in chains by the low bits of its number. Requests of a workflow count up, so
 * those in flight have places of their own: nearly every chain is one long. A Map of what comes and goes would grow and
 * be tidied all the time.
 */
import type { RequestId } from '../protocol/index.ts'

export interface OfRequest<T> {
  /** Does not change while it is in a table. */
  readonly request: RequestId
  /** The next in its chain; kept by the table. */
  next: T | null
}

const PLACES_START = 1024

export class RequestTable<T extends OfRequest<T>> {
  private chains: (T | null)[] = places(PLACES_START)
  private count = 0

  get size(): number {
    return this.count
  }

  get(request: RequestId): T | undefined {
    let item = this.chains[this.placeOf(request)] as T | null
    while (item !== null && item.request !== request) item = item.next
    return item ?? undefined
  }

  /** One that is not there yet. */
  add(item: T): void {
    if (this.count === this.chains.length) this.grow()
    const place = this.placeOf(item.request)
    item.next = this.chains[place] as T | null
    this.chains[place] = item
    this.count += 1
  }

  /** Does nothing where it is not here. */
  remove(item: T): void {
    const place = this.placeOf(item.request)
    const first = this.chains[place] as T | null
    if (first === item) this.chains[place] = item.next
    else {
      let before = first
      while (before !== null && before.next !== item) before = before.next
      if (before === null) return
      before.next = item.next
    }
    item.next = null
    this.count -= 1
  }

  private placeOf(request: RequestId): number {
    return request & (this.chains.length - 1)
  }

  private grow(): void {
    const all = this.chains.flatMap((first) => {
      const chain: T[] = []
      for (let item = first; item !== null; item = item.next) chain.push(item)
      return chain
    })
    this.chains = places(this.chains.length * 2)
    this.count = 0
    for (const item of all) this.add(item)
  }
}

function places(count: number): null[] {
  return Array.from({ length: count }, () => null)
}
