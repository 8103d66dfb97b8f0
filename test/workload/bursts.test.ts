/** Arrival processes with bursts, measured against what they were asked for. Seeds are fixed; bounds are 3 to 4 sigma. */
import { describe, expect, test } from 'vitest'
import { exponentialQuantile, NEVER, Rng, sampleGamma, type Millis } from '../../src/base/index.ts'
import { meanRate, twoStates } from '../../src/workload/bursts.ts'
import { MEASURED } from '../../src/workload/measured.ts'
import { arrivals } from '../virtual/lab.ts'

const HOUR = 3_600_000
/** Enough of them to measure by take some seconds on a busy machine. */
const MANY = { timeout: 60_000 }

function instants(input: { kind: string } & Record<string, unknown>, until: Millis, seed = 1): Millis[] {
  const process = arrivals(input, Rng.fromSeed(seed), until)
  if (process.loop !== 'open') throw new Error('a closed loop has no instants of its own')
  const result: Millis[] = []
  for (let at = process.next(0, 0); at < until && at !== NEVER; at = process.next(at, result.length)) result.push(at)
  return result
}

const mean = (list: readonly number[]): number => list.reduce((sum, value) => sum + value, 0) / list.length
const variance = (list: readonly number[]): number => {
  const middle = mean(list)
  return list.reduce((sum, value) => sum + (value - middle) * (value - middle), 0) / list.length
}
const cvOf = (list: readonly number[]): number => Math.sqrt(variance(list)) / mean(list)
const gapsOf = (list: readonly Millis[]): number[] => list.map((at, index) => at - (list[index - 1] ?? 0))

function countsPer(list: readonly Millis[], span: Millis, until: Millis): number[] {
  const counts = Array.from({ length: Math.floor(until / span) }, () => 0)
  for (const at of list) {
    const place = Math.floor(at / span)
    if (place < counts.length) counts[place]! += 1
  }
  return counts
}

const dispersionOf = (counts: readonly number[]): number => variance(counts) / mean(counts)

describe('gamma', () => {
  test.each([
    [0.5, 1_000],
    [1, 1_000],
    [1.09, 1_000],
    [4, 1_000],
    [13.2, 1_000],
  ])('the gaps at CV %s, have it, and the mean rate', MANY, (cv, rate) => {
    const list = instants({ kind: 'gamma', rate: `${rate}/s`, cv }, 300_000)
    const gaps = gapsOf(list)
    // Standard error of a mean of n gaps: cv / √n. Of the CV of a Gamma, whose kurtosis is 6 cv²: about cv √(1.5 cv² + 0.5) / √n.
    const n = gaps.length
    expect(Math.abs(n / (rate * 300) - 1)).toBeLessThan((4 * cv) / Math.sqrt(n))
    expect(Math.abs(cvOf(gaps) / cv - 1)).toBeLessThan((4 * Math.sqrt(1.5 * cv * cv + 0.5)) / Math.sqrt(n))
  })

  test('at CV 1, the quantiles are those of the exponential', () => {
    const dice = Rng.fromSeed(3)
    const sample = Array.from({ length: 100_000 }, () => sampleGamma(1, dice)).sort((left, right) => left - right)
    for (const u of [0.1, 0.5, 0.9, 0.99]) {
      expect(Math.abs(sample[Math.floor(u * 100_000)]! / exponentialQuantile(u) - 1)).toBeLessThan(0.04)
    }
  })

  test('keyed: the gap before an arrival depends on its number alone', () => {
    const input = { kind: 'gamma', rate: '5/s', cv: 4 }
    const once = instants(input, 60_000)
    const process = arrivals(input, Rng.fromSeed(1), 60_000)
    if (process.loop !== 'open') throw new Error('open')
    expect(process.next(once[8]!, 9)).toBe(once[9])
  })
})

describe('modulated', () => {
  /** Index of dispersion of a two-state process within t: Fischer and Meier-Hellstern, written out for two rates. */
  function theory(one: number, two: number, stayOne: number, stayTwo: number, t: number): number {
    const [out, back] = [1 / stayOne, 1 / stayTwo]
    const fading = out + back
    const lambda = (one * back + two * out) / fading
    const spread = ((one - two) * (one - two) * out * back) / (fading * fading)
    return 1 + ((2 * spread) / (lambda * fading)) * (1 - (1 - Math.exp(-fading * t)) / (fading * t))
  }

  const states = [
    { rate: '2/s', for: '60s' },
    { rate: '20/s', for: '10s' },
  ]

  test('two states: the mean rate of a round, and counts per 10 s and 60 s as dispersed as theory says', MANY, () => {
    const until = 60 * HOUR
    const list = instants({ kind: 'modulated', states }, until)
    const lambda = (2 * 60 + 20 * 10) / 70
    expect(Math.abs(list.length / (lambda * 60 * 3_600) - 1)).toBeLessThan(0.02)
    for (const seconds of [10, 60]) {
      const measured = dispersionOf(countsPer(list, seconds * 1_000, until))
      expect(Math.abs(measured / theory(2, 20, 60, 10, seconds) - 1)).toBeLessThan(0.06)
    }
  })

  test('a state at 0/s, is silent, and the others are not', () => {
    const off = [
      { rate: '0/s', for: '20s' },
      { rate: '50/s', for: '20s' },
    ]
    const counts = countsPer(instants({ kind: 'modulated', states: off }, HOUR), 1_000, HOUR)
    const silent = counts.filter((count) => count === 0).length / counts.length
    expect(silent).toBeGreaterThan(0.35)
    expect(silent).toBeLessThan(0.65)
  })

  test('the same seed, the same instants, in their order', () => {
    const [one, two] = [1, 1].map((seed) => instants({ kind: 'modulated', states }, HOUR, seed))
    expect(two).toEqual(one)
    expect(one!.every((at, index) => index === 0 || at >= one![index - 1]!)).toBe(true)
    expect(instants({ kind: 'modulated', states }, HOUR, 2)).not.toEqual(one)
  })

  test('a silence longer than the run, ends in nobody and not in a search without end', () => {
    const quiet = [
      { rate: '0/s', for: '1s' },
      { rate: '0.001/h', for: '1s' },
    ]
    expect(instants({ kind: 'modulated', states: quiet }, 24 * HOUR)).toEqual([])
  })
})

describe('dispersed', () => {
  test.each([
    ['Azure 2023 conversation', 5.53, 20.6, 300_000],
    ['Azure 2023 code', 2.57, 160, 300_000],
    ['Poisson', 5, 1, 300_000],
  ])('%s: the states have the mean, and the index of dispersion by the formula', (_name, rate, dispersion, stay) => {
    const states = twoStates(rate, dispersion, 60_000, stay)
    expect(meanRate(states)).toBeCloseTo(rate, 9)
    const [low, high] = states as [(typeof states)[0], (typeof states)[0]]
    expect(low.rate).toBeGreaterThanOrEqual(0)
    const fading = 1_000 / low.forMs + 1_000 / high.forMs
    const share = high.forMs / (low.forMs + high.forMs)
    const spread = (high.rate - low.rate) * (high.rate - low.rate) * share * (1 - share)
    const t = 60
    const index = 1 + ((2 * spread) / (rate * fading)) * (1 - (1 - Math.exp(-fading * t)) / (fading * t))
    expect(index).toBeCloseTo(dispersion, 6)
  })

  test('conversations of Azure 2023, counted per minute, vary twenty times as much as Poisson’s would', MANY, () => {
    const until = 100 * HOUR
    const list = instants({ kind: 'dispersed', rate: '5.53/s', dispersion: 20.6 }, until)
    expect(Math.abs(list.length / (5.53 * 100 * 3_600) - 1)).toBeLessThan(0.02)
    expect(Math.abs(dispersionOf(countsPer(list, 60_000, until)) / 20.6 - 1)).toBeLessThan(0.08)
    // Gap by gap there is little to see: the trace has 1.09.
    expect(cvOf(gapsOf(list))).toBeGreaterThan(1)
    expect(cvOf(gapsOf(list))).toBeLessThan(1.15)
  })
})

describe('diurnal', () => {
  const within = (list: readonly Millis[], from: number, to: number): number =>
    list.filter((at) => at >= from * HOUR && at < to * HOUR).length

  test('a day, has its mean, its peak at its hour, and its trough twelve hours away', MANY, () => {
    const list = instants({ kind: 'diurnal', rate: '10/s', peak: 1.5, peak_hour: 14 }, 24 * HOUR)
    expect(Math.abs(list.length / (10 * 86_400) - 1)).toBeLessThan(0.01)
    expect(Math.abs(within(list, 13.5, 14.5) / (15 * 3_600) - 1)).toBeLessThan(0.03)
    expect(Math.abs(within(list, 1.5, 2.5) / (5 * 3_600) - 1)).toBeLessThan(0.03)
    expect(Math.abs(within(list, 7.5, 8.5) / (10 * 3_600) - 1)).toBeLessThan(0.03)
  })

  test('a short day that begins at noon, is the same curve', () => {
    const input = { kind: 'diurnal', rate: '200/s', peak: 2, peak_hour: 12, from: 12, day: '24m' }
    const list = instants(input, 24 * 60_000)
    expect(Math.abs(list.length / (200 * 1_440) - 1)).toBeLessThan(0.01)
    const perHour = countsPer(list, 60_000, 24 * 60_000)
    expect(perHour[0]! / 12_000).toBeGreaterThan(1.95)
    expect(perHour[12]! / 12_000).toBeLessThan(0.05)
  })

  test('measured hours, are the rate of each, scaled to the mean', MANY, () => {
    const hours = Array.from({ length: 24 }, (_, hour) => (hour < 12 ? 1 : 3))
    const list = instants({ kind: 'diurnal', rate: '10/s', hours }, 24 * HOUR)
    expect(Math.abs(within(list, 0, 12) / (5 * 43_200) - 1)).toBeLessThan(0.01)
    expect(Math.abs(within(list, 12, 24) / (15 * 43_200) - 1)).toBeLessThan(0.01)
  })
})

describe('spike', () => {
  test.each([
    ['nobody but in the spike', '0/s', '10/s', 0, 3_000],
    ['a lull', '10/s', '0/s', 33_000, 0],
  ])('%s', (_name, rate, peak, outside, inside) => {
    const list = instants({ kind: 'spike', rate, peak, at: '600s', for: '300s' }, HOUR)
    const within = list.filter((at) => at >= 600_000 && at < 900_000).length
    expect(Math.abs(within - inside)).toBeLessThan(4 * Math.sqrt(inside) + 1)
    expect(Math.abs(list.length - within - outside)).toBeLessThan(4 * Math.sqrt(outside) + 1)
  })
})

describe('measured', () => {
  test.each(Object.entries(MEASURED))(
    '%s: has its mean rate, or the one that is asked for',
    MANY,
    (trace, { rate, way }) => {
      // Enough arrivals for the mean: a burst of a Gamma with CV 13 counts as one of 174.
      const until = way === 'hourly' ? 24 * HOUR : 100 * HOUR
      const asked = way === 'hourly' ? 2 : rate
      const list = instants({ kind: 'measured', trace, rate: `${asked}/s` }, until)
      expect(Math.abs(list.length / ((asked * until) / 1_000) - 1)).toBeLessThan(way === 'hourly' ? 0.02 : 0.05)
    },
  )

  test('its own rate, where none is asked for', () => {
    expect(
      instants({ kind: 'measured', trace: 'servegen-mm-image', day: '24m' }, 24 * 60_000).length / 1_440,
    ).toBeCloseTo(9.5, 0)
  })

  test('Azure 2023 code: gaps with a CV of 13, and counts per minute 160 times as dispersed as Poisson’s', MANY, () => {
    const until = 200 * HOUR
    const list = instants({ kind: 'measured', trace: 'azure-2023-code' }, until)
    expect(Math.abs(cvOf(gapsOf(list)) / 13.2 - 1)).toBeLessThan(0.05)
    const index = dispersionOf(countsPer(list, 60_000, until))
    expect(index).toBeGreaterThan(110)
    expect(index).toBeLessThan(190)
  })
})
