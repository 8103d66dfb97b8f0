/**
 * Keyed randomness. A draw depends on the seed and on a key (who draws, for which request, for which visit), not on
 * how many draws came before it anywhere else. So one more attempt never shifts another request's weather, and two
 * policies under one seed meet the same storm (common random numbers).
 *
 *   const root = Rng.fromSeed(7)                               // seeded by seedrandom's alea
 *   const dice = root.fork(PURPOSE, endpointStream, ordinal)   // a stream of its own, cheap enough to make per request
 *   dice.next()                                                // [0, 1)
 *
 * The streams are sfc32 (Doty-Humphrey's small fast counter generator), whose 128-bit state is filled by hashing the
 * key into the parent's state. Forking does not advance the parent.
 */
import seedrandom from 'seedrandom'
import { hashName, mix32 } from './hash.ts'

const TWO_TO_MINUS_32 = 1 / 4294967296
const WARM_UP_ROUNDS = 3

export class Rng {
  private a: number
  private b: number
  private c: number
  private d: number

  private constructor(a: number, b: number, c: number, d: number) {
    this.a = a | 0
    this.b = b | 0
    this.c = c | 0
    this.d = d | 0
  }

  /** The root stream of a run. The same seed gives the same stream on every machine and Node version. */
  static fromSeed(seed: number | string): Rng {
    const alea = seedrandom.alea(String(seed))
    return new Rng(alea.int32(), alea.int32(), alea.int32(), alea.int32())
  }

  /** A stream for `forkInto`, without numbers of its own until then. */
  static blank(): Rng {
    return new Rng(0, 0, 0, 0)
  }

  /** A stream for the given key. Parts are 32-bit integers; hash names once with `hashName`. */
  fork(part0: number, part1 = 0, part2 = 0, part3 = 0): Rng {
    return this.forkInto(Rng.blank(), part0, part1, part2, part3)
  }

  /** The same in a stream that is there already, for whoever draws once per request and keeps nothing. */
  forkInto(child: Rng, part0: number, part1 = 0, part2 = 0, part3 = 0): Rng {
    const first = mix32(part0 ^ this.a)
    const second = mix32((part1 ^ this.b) + Math.imul(first, 0x9e3779b1))
    const third = mix32((part2 ^ this.c) + Math.imul(second, 0x85ebca77))
    const fourth = mix32((part3 ^ this.d) + Math.imul(third, 0xc2b2ae3d))
    let a = first ^ fourth
    let b = (second + Math.imul(fourth, 0x27d4eb2f)) | 0
    let c = third ^ mix32(fourth + first)
    let d = fourth
    for (let round = 0; round < WARM_UP_ROUNDS; round += 1) {
      const sum = (((a + b) | 0) + d) | 0
      d = (d + 1) | 0
      a = b ^ (b >>> 9)
      b = (c + (c << 3)) | 0
      c = (((c << 21) | (c >>> 11)) + sum) | 0
    }
    child.a = a
    child.b = b
    child.c = c
    child.d = d
    return child
  }

  /** The same as `fork`, keyed by a name. For set-up, not for the hot path. */
  named(name: string): Rng {
    return this.fork(hashName(name), name.length)
  }

  /** A uniform 32-bit integer, signed. */
  int32(): number {
    const sum = (((this.a + this.b) | 0) + this.d) | 0
    this.d = (this.d + 1) | 0
    this.a = this.b ^ (this.b >>> 9)
    this.b = (this.c + (this.c << 3)) | 0
    this.c = (this.c << 21) | (this.c >>> 11)
    this.c = (this.c + sum) | 0
    return sum
  }

  /** A uniform number in [0, 1). */
  next(): number {
    return (this.int32() >>> 0) * TWO_TO_MINUS_32
  }

  /** True with the given probability. 0 is never, 1 is always. */
  chance(probability: number): boolean {
    return this.next() < probability
  }

  /** A uniform integer in [0, count). */
  below(count: number): number {
    return Math.floor(this.next() * count)
  }
}
