/**
 * What is known of each of many short-lived things, by the thing itself: a Map for what comes and goes all the time.
 *
 * A Map is tidied into a new table every so often, and the old table points to the new one. Once one of them has grown
 * old in memory, it keeps all that come after it, with whatever was in them, until the next full collection: the young
 * generation is then copied instead of thrown away, which was half of what a request cost at the gateway.
 */
interface Place<Key, Value> {
  readonly key: Key
  readonly value: Value
  index: number
}

export class Register<Key extends object, Value> {
  private readonly byKey = new WeakMap<Key, Place<Key, Value>>()
  private readonly places: Place<Key, Value>[] = []

  get size(): number {
    return this.places.length
  }

  has(key: Key): boolean {
    return this.byKey.has(key)
  }

  get(key: Key): Value | undefined {
    return this.byKey.get(key)?.value
  }

  set(key: Key, value: Value): void {
    this.delete(key)
    const place = { key, value, index: this.places.length }
    this.places.push(place)
    this.byKey.set(key, place)
  }

  /** Whether it was there. */
  delete(key: Key): boolean {
    const place = this.byKey.get(key)
    if (place === undefined) return false
    this.byKey.delete(key)
    const last = this.places.pop() as Place<Key, Value>
    if (last !== place) {
      this.places[place.index] = last
      last.index = place.index
    }
    return true
  }

  /** All of them as they are now, in no order. */
  entries(): [key: Key, value: Value][] {
    return this.places.map(({ key, value }) => [key, value])
  }
}
