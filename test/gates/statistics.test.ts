/** Statistics against values from tables and textbooks, and how often intervals hold what they promise. */
import { describe, expect, test } from 'vitest'
import { normalQuantile, Rng } from '../../src/base/index.ts'
import { bootstrap, meanInterval, median, nearestRank, regression, wilson } from '../../src/gates/statistics.ts'

const rounded = ({ low, high }: { low: number; high: number }, digits: number) => [
  low.toFixed(digits),
  high.toFixed(digits),
]

describe('statistics', () => {
  test('wilson: shares from the literature (resilience checks, I10)', () => {
    expect(rounded(wilson(9, 10), 3)).toEqual(['0.596', '0.982'])
    expect(rounded(wilson(995, 1000), 4)).toEqual(['0.9883', '0.9979'])
    expect(rounded(wilson(30, 30), 3)).toEqual(['0.886', '1.000'])
    expect(rounded(wilson(0, 30), 3)).toEqual(['0.000', '0.114'])
    // 59 clean runs are what it takes to say "at most 6 %", two-sided at 95 %.
    expect(wilson(0, 59).high).toBeLessThan(0.062)
  })
  test('nearest rank: of 1 to 100, the percentiles are themselves (I4)', () => {
    const values = Array.from({ length: 100 }, (_, index) => 100 - index)
    expect([0.5, 0.95, 0.99, 1].map((q) => nearestRank(values, q))).toEqual([50, 95, 99, 100])
    expect(nearestRank([], 0.5)).toBeNaN()
    expect(median([3])).toBe(3)
  })
  test('mean: Student’s interval of ten values', () => {
    // Mean 5.5, s = 3.0277, t(0.975, 9) = 2.2622: reach 2.1659.
    expect(rounded(meanInterval([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]), 3)).toEqual(['3.334', '7.666'])
  })
  test('bootstrap: the same stream gives the same interval, which holds the truth about as often as it says', () => {
    const values = [4, 8, 15, 16, 23, 42]
    const one = () => bootstrap(values, median, Rng.fromSeed(7))
    expect(one()).toEqual(one())
    const rng = Rng.fromSeed(11)
    let held = 0
    const trials = 20
    for (let trial = 0; trial < trials; trial += 1) {
      const sample = Array.from({ length: 30 }, () => normalQuantile(rng.next()))
      const { low, high } = bootstrap(sample, median, rng)
      if (low <= 0 && high >= 0) held += 1
    }
    expect(held / trials).toBeGreaterThanOrEqual(0.8)
  })
})

describe('regression', () => {
  const draws = (n: number, shift: number, spread: number, seed: number) => {
    const rng = Rng.fromSeed(seed)
    return Array.from({ length: n }, () => shift + spread * normalQuantile(rng.next()))
  }
  const statuses = (shift: number, n = 20, tolerated = 1) =>
    Array.from({ length: 200 }, (_, seed) => regression(draws(n, shift, 1, seed), tolerated, 'higher').status)
  const share = (all: readonly string[], status: string) => all.filter((one) => one === status).length / all.length

  test('regression: no change at all is hardly ever called one, and a large one nearly always', () => {
    expect(share(statuses(0), 'fail')).toBe(0)
    expect(share(statuses(0), 'pass')).toBeGreaterThan(0.98)
    expect(share(statuses(2.5), 'fail')).toBeGreaterThan(0.99)
    expect(share(statuses(2.5), 'pass')).toBe(0)
  })
  test('regression: at what is tolerated exactly, it passes wrongly in one of twenty', () => {
    expect(share(statuses(1), 'pass')).toBeLessThan(0.09)
  })
  test('regression: for a metric where less is worse, less is worse', () => {
    expect(regression(draws(20, -3, 1, 1), 1, 'lower').status).toBe('fail')
    expect(regression(draws(20, 3, 1, 1), 1, 'lower').status).toBe('pass')
  })
  test('regression: what cannot be told, says how many runs it would take', () => {
    const { status, runsNeeded } = regression(draws(4, 0.7, 1, 3), 1, 'higher')
    expect(status).toBe('inconclusive')
    expect(runsNeeded).toBeGreaterThan(4)
    expect(regression([0.3], 1, 'higher')).toMatchObject({ status: 'inconclusive', runsNeeded: 5 })
  })
})
