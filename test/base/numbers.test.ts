import { describe, expect, test } from 'vitest'
import {
  exp,
  exponentialQuantile,
  ln,
  lognormalFromPercentiles,
  normalQuantile,
  quantize,
  Rng,
  sampleExponential,
  sampleLognormal,
  TICK,
} from '../../src/base/index.ts'

const GOLDEN_EXP: readonly (readonly [number, string])[] = [
  [1, '4005bf0a8b14576a'],
  [-1, '3fd78b56362cef38'],
  [0.5, '3ffa61298e1e069c'],
  [10, '40d5829dcf950560'],
  [-20, '3e21b48655f37267'],
  [100.25, '48f8c39b9134bac4'],
  [700, '7f0d945df4f8ec8e'],
]
const GOLDEN_LN: readonly (readonly [number, string])[] = [
  [2, '3fe62e42fefa39ef'],
  [10, '40026bb1bbb55515'],
  [0.1, 'c0026bb1bbb55515'],
  [1e-300, 'c085963447f87fb5'],
  [1e300, '4085963447f87fb5'],
  [1.0000001, '3e7ad7f2847b6492'],
  [3, '3ff193ea7aad030a'],
]

function bitsOf(value: number): string {
  const view = new DataView(new ArrayBuffer(8))
  view.setFloat64(0, value)
  return view.getBigUint64(0).toString(16)
}

const relativeError = (value: number, truth: number): number => Math.abs(value - truth) / Math.abs(truth)

describe('portable math', () => {
  test('exp: against the engine, within 1e-15 where it promises so', () => {
    const rng = Rng.fromSeed(1)
    for (let n = 0; n < 20_000; n += 1) {
      const x = (rng.next() - 0.5) * 2 * 20
      expect(relativeError(exp(x), Math.exp(x)), String(x)).toBeLessThan(1e-15)
    }
    for (let x = -699; x < 700; x += 7.31) expect(relativeError(exp(x), Math.exp(x)), String(x)).toBeLessThan(1e-15)
  })

  test('ln: against the engine, within 1e-15', () => {
    const rng = Rng.fromSeed(2)
    for (let n = 0; n < 20_000; n += 1) {
      const x = Math.exp((rng.next() - 0.5) * 1_400)
      expect(relativeError(ln(x), Math.log(x)), String(x)).toBeLessThan(1e-15)
    }
    for (let x = 0.5; x < 2; x += 0.00037) expect(relativeError(ln(x), Math.log(x)), String(x)).toBeLessThan(1e-15)
  })

  test('exp and ln: the same bits on every engine', () => {
    expect(GOLDEN_EXP.map(([x]) => [x, bitsOf(exp(x))])).toEqual(GOLDEN_EXP)
    expect(GOLDEN_LN.map(([x]) => [x, bitsOf(ln(x))])).toEqual(GOLDEN_LN)
  })

  test('exp and ln: at the edges, say what the page says', () => {
    expect([exp(0), exp(710), exp(-701), ln(1), ln(0)]).toEqual([1, Infinity, 0, 0, -Infinity])
    expect(ln(-1)).toBeNaN()
    expect(ln(NaN)).toBeNaN()
  })
})

describe('time', () => {
  test('quantize: the nearest 1/1024 ms, of which sums are exact', () => {
    expect(quantize(0.0004)).toBe(0)
    expect(quantize(0.0006)).toBe(TICK)
    expect(quantize(Infinity)).toBe(Infinity)
    let sum = 0
    for (let n = 0; n < 1_000_000; n += 1) sum += quantize(0.1)
    expect(sum).toBe(quantize(0.1) * 1_000_000)
  })
})

describe('distributions', () => {
  test('normal quantile: table values of the textbooks', () => {
    const table = [
      [0.5, 0],
      [0.8413447460685429, 1],
      [0.9, 1.2815515655446004],
      [0.95, 1.6448536269514722],
      [0.975, 1.959963984540054],
      [0.99, 2.3263478740408408],
      [0.999, 3.090232306167813],
    ] as const
    for (const [p, z] of table) {
      expect(normalQuantile(p)).toBeCloseTo(z, 5)
      expect(normalQuantile(1 - p)).toBeCloseTo(-z, 5)
    }
  })

  test('quantiles: never fall, and are finite from end to end', () => {
    for (const quantile of [normalQuantile, exponentialQuantile]) {
      let last = -Infinity
      for (let u = 0; u < 1; u += 1 / 50_000) {
        expect(quantile(u)).toBeGreaterThanOrEqual(last)
        last = quantile(u)
      }
      expect(Number.isFinite(quantile(0)) && Number.isFinite(quantile(1 - 1 / 4294967296))).toBe(true)
    }
  })

  test('exponential: quantiles by formula, mean and variance by sample', () => {
    for (const u of [0.01, 0.1, 0.5, 0.9, 0.99, 0.999]) expect(exponentialQuantile(u)).toBeCloseTo(-Math.log(1 - u), 4)
    const rng = Rng.fromSeed(3).fork(1)
    const draws = Array.from({ length: 200_000 }, () => sampleExponential(40, rng))
    const mean = draws.reduce((sum, x) => sum + x, 0) / draws.length
    const variance = draws.reduce((sum, x) => sum + (x - mean) ** 2, 0) / draws.length
    // Standard error of the mean: 40/√n; of the variance: σ²·√(8/n).
    expect(Math.abs(mean - 40)).toBeLessThan((3 * 40) / Math.sqrt(draws.length))
    expect(Math.abs(variance - 1_600)).toBeLessThan(3 * 1_600 * Math.sqrt(8 / draws.length))
  })

  test('lognormal: median and 95th percentile, are those it was made from', () => {
    const shape = lognormalFromPercentiles(400, 1_000)
    const rng = Rng.fromSeed(4).fork(1)
    const draws = Array.from({ length: 100_000 }, () => sampleLognormal(shape, rng)).sort((a, b) => a - b)
    const below = (value: number): number => draws.filter((x) => x < value).length / draws.length
    expect(Math.abs(below(400) - 0.5)).toBeLessThan(3 * Math.sqrt(0.25 / draws.length))
    expect(Math.abs(below(1_000) - 0.95)).toBeLessThan(3 * Math.sqrt(0.0475 / draws.length))
  })

  test('lognormal: both percentiles equal, no noise', () => {
    const shape = lognormalFromPercentiles(400, 400)
    expect(sampleLognormal(shape, Rng.fromSeed(1))).toBeCloseTo(400, 9)
  })
})
