import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { hashName, mix32, Rng } from '../../src/base/index.ts'

const GOLDEN_ROOT = [-519051795, 872533409, 1496943997]
const GOLDEN_FORK = [1676384172, 1450899072, -1536362001]
const GOLDEN_NAMED = [-419470456, -1834216870]

const take = (rng: Rng, count: number): number[] => Array.from({ length: count }, () => rng.int32())

/** Pearson's statistic of counts against an even spread. */
function chiSquare(counts: readonly number[]): number {
  const expected = counts.reduce((sum, count) => sum + count, 0) / counts.length
  return counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0)
}

describe('rng', () => {
  test('rng: a seed, gives the same stream on every machine for ever', () => {
    expect(take(Rng.fromSeed(7), 3)).toEqual(GOLDEN_ROOT)
    expect(take(Rng.fromSeed(7).fork(1, 2, 3, 4), 3)).toEqual(GOLDEN_FORK)
    expect(take(Rng.fromSeed(7).named('openai'), 2)).toEqual(GOLDEN_NAMED)
  })

  test('rng: a fork, depends on its key and never on what was drawn or forked before', () => {
    const root = Rng.fromSeed(1)
    const fresh = take(root.fork(5, 6), 4)
    root.fork(1).next()
    root.fork(5, 7)
    const other = root.fork(2)
    take(other, 100)
    expect(take(root.fork(5, 6), 4)).toEqual(fresh)
  })

  test('rng: any two different keys, give different streams', () => {
    const key = fc.tuple(fc.integer(), fc.integer(), fc.integer(), fc.integer())
    fc.assert(
      fc.property(key, key, (left, right) => {
        fc.pre(left.some((part, index) => part !== right[index]))
        const root = Rng.fromSeed(3)
        expect(take(root.fork(...left), 3)).not.toEqual(take(root.fork(...right), 3))
      }),
      { seed: 1, numRuns: 2_000 },
    )
  })

  test('rng: neighbouring keys at each place, give unrelated first draws', () => {
    // First draws of keys 0..65,535 fall evenly into 256 cells: 255 degrees of freedom, 99.9 % quantile 330.5.
    const root = Rng.fromSeed(11)
    for (const place of [0, 1, 2, 3]) {
      const counts = Array.from({ length: 256 }, () => 0)
      for (let n = 0; n < 65_536; n += 1) {
        const key = [9, 9, 9, 9] as [number, number, number, number]
        key[place] = n
        const cell = Math.floor(root.fork(...key).next() * 256)
        counts[cell] = counts[cell]! + 1
      }
      expect(chiSquare(counts), `place ${place}`).toBeLessThan(330.5)
    }
  })

  test('rng: one stream, is uniform, and pairs of it are too', () => {
    const rng = Rng.fromSeed(5).fork(1)
    const singles = Array.from({ length: 256 }, () => 0)
    const pairs = Array.from({ length: 256 }, () => 0)
    let last = Math.floor(rng.next() * 16)
    for (let n = 0; n < 100_000; n += 1) {
      const draw = rng.next()
      expect(draw >= 0 && draw < 1).toBe(true)
      singles[Math.floor(draw * 256)]! += 1
      const cell = Math.floor(draw * 16)
      pairs[last * 16 + cell]! += 1
      last = cell
    }
    expect(chiSquare(singles)).toBeLessThan(330.5)
    expect(chiSquare(pairs)).toBeLessThan(330.5)
  })

  test('rng: chance, 0 is never and 1 is always', () => {
    const rng = Rng.fromSeed(1)
    for (let n = 0; n < 10_000; n += 1) {
      expect(rng.chance(0)).toBe(false)
      expect(rng.chance(1)).toBe(true)
    }
  })

  test('rng: below, every number below and no other', () => {
    const rng = Rng.fromSeed(1)
    expect(new Set(Array.from({ length: 1_000 }, () => rng.below(7)))).toEqual(new Set([0, 1, 2, 3, 4, 5, 6]))
  })
})

describe('hash', () => {
  test('hash: known values of FNV-1a and of the MurmurHash3 finaliser', () => {
    expect(hashName('') >>> 0).toBe(0x811c9dc5)
    expect(hashName('a') >>> 0).toBe(0xe40c292c)
    expect(hashName('foobar') >>> 0).toBe(0xbf9cf968)
    expect([mix32(0), mix32(1) >>> 0]).toEqual([0, 0x514e28b7])
  })

  test('hash: mixing, loses nothing', () => {
    expect(new Set(Array.from({ length: 100_000 }, (_, value) => mix32(value))).size).toBe(100_000)
  })
})
