/** What the dice give: the quantile tables, arrivals, and the latencies that a fleet file promises. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, test } from 'vitest'
import { parse } from 'yaml'
import { exponentialQuantile, normalQuantile } from '../../src/base/index.ts'
import { check, decimal, load, play, rowOf, tell } from './lab.ts'
import { share, sum } from './statistics.ts'

/** The mean of a function over all u of (0, 1): midpoints, finer and finer towards both ends. */
function overAll(value: (u: number) => number): number {
  const DYADS = 31
  const POINTS = 1_024
  let total = 0
  for (let dyad = 1; dyad <= DYADS; dyad += 1) {
    const width = 2 ** -(dyad + 1)
    for (let point = 0; point < POINTS; point += 1) {
      const u = width * (1 + (point + 0.5) / POINTS)
      total += ((value(u) + value(1 - u)) * width) / POINTS
    }
  }
  return total
}

describe('quantile tables', () => {
  // Averaged over all u and not over draws: what a draw in a million does to a variance is seen here and only here.
  const TOLERANCE = 2e-3
  const row = (what: string, expected: number, measured: number): void =>
    check({ id: 'table', what, expected, measured, tolerance: TOLERANCE * expected })

  test('exponential: mean, second and fourth moment', () => {
    row('exponential: mean', 1, overAll(exponentialQuantile))
    row(
      'exponential: E[X²]',
      2,
      overAll((u) => exponentialQuantile(u) ** 2),
    )
    row(
      'exponential: E[X⁴]',
      24,
      overAll((u) => exponentialQuantile(u) ** 4),
    )
  })

  test('normal: variance and fourth moment', () => {
    row(
      'normal: variance',
      1,
      overAll((u) => normalQuantile(u) ** 2),
    )
    row(
      'normal: E[X⁴]',
      3,
      overAll((u) => normalQuantile(u) ** 4),
    )
  })

  test.each([0.56, 0.8326, 1.2686])('lognormal, σ=%d: mean and second moment', (sigma) => {
    row(
      `lognormal σ=${sigma}: mean`,
      Math.exp(sigma ** 2 / 2),
      overAll((u) => Math.exp(sigma * normalQuantile(u))),
    )
    row(`lognormal σ=${sigma}: E[X²]`, Math.exp(2 * sigma ** 2), overAll((u) => Math.exp(2 * sigma * normalQuantile(u)))) // prettier-ignore
  })
})

describe('arrivals', () => {
  /** Arrivals in each second of a run. */
  function counts(arrivals: string, seconds: number, seed: number): number[] {
    const perSecond = Array.from({ length: seconds }, () => 0)
    tell(
      { seed, seconds, endpoints: ['provider: a, capacity: { service: constant, time: 1ms }'], arrivals },
      (entry) => {
        if (entry.kind === 'request.arrived') perSecond[Math.floor(entry.at / 1_000)]! += 1
      },
    )
    return perSecond
  }
  const poissonRow = (what: string, expected: number, list: readonly number[]): void =>
    check(rowOf('arrivals', what, expected, { mean: sum(list), error: Math.sqrt(expected) }))

  test('poisson: count, and dispersion of the counts per second', () => {
    const seconds = 1_500
    const list = counts('kind: poisson, rate: 20/s', seconds, 1)
    poissonRow('poisson 20/s for 1500 s: arrivals', 30_000, list)
    const mean = sum(list) / seconds
    const dispersion = sum(list.map((count) => (count - mean) ** 2)) / (seconds - 1) / mean
    // The variance of a Poisson count's dispersion over n counts is 2/(n−1).
    check(rowOf('arrivals', 'poisson 20/s: variance over mean, per second', 1, { mean: dispersion, error: Math.sqrt(2 / (seconds - 1)) })) // prettier-ignore
  })

  test('ramp: the integral of each quarter', () => {
    const list = counts('kind: ramp, from: 5/s, to: 45/s', 800, 2)
    for (let quarter = 0; quarter < 4; quarter += 1) {
      const part = list.slice(quarter * 200, (quarter + 1) * 200)
      poissonRow(`ramp 5/s to 45/s in 800 s: arrivals of quarter ${quarter + 1}`, 200 * (10 + 10 * quarter), part)
    }
  })

  test('spike: the integral before, in and after', () => {
    const list = counts('kind: spike, rate: 10/s, peak: 80/s, at: 300s, for: 200s', 800, 3)
    poissonRow('spike: before, 300 s at 10/s', 3_000, list.slice(0, 300))
    poissonRow('spike: in it, 200 s at 80/s', 16_000, list.slice(300, 500))
    poissonRow('spike: after, 300 s at 10/s', 3_000, list.slice(500))
  })
})

describe('the fleet that we ship', () => {
  test('each endpoint: half of the first tokens come by its p50, 95 % by its p95', () => {
    const file = fileURLToPath(new URL('../../scenarios/fleets/three-clouds.yaml', import.meta.url))
    // Of a short prompt, as the fields promise: nothing is added for the length of the prompt.
    const fleet = readFileSync(file, 'utf8').replaceAll('latency: {', 'latency: { prefill: 0s,')
    const { endpoints } = parse(fleet) as {
      endpoints: { provider: string; model: string; latency: { ttft_p50: string; ttft_p95: string } }[]
    }
    const seconds = 1_500
    // Two a second on hundreds of slots: idle, as the fields promise too.
    const scenario = load(
      `
name: fleet
summary: Each endpoint for itself.
seed: 1
duration: ${decimal(seconds)}s
fleet: fleet.yaml
policies:${endpoints.map(({ provider, model }) => `\n  ${provider}: { name: ${provider}, models: [${model}], provider: { only: [${provider}] } }`).join('')}
workload:${endpoints.map(({ provider }) => `\n  - { workflow: ${provider}, policy: ${provider}, mix: short-chat, stream: 100%, arrivals: { kind: poisson, rate: 2/s } }`).join('')}
`,
      () => fleet,
    )
    const ttfts: number[][] = endpoints.map(() => [])
    play(scenario, (entry) => {
      if (entry.kind === 'request.closed' && entry.ttftMs !== null) ttfts[entry.workflow]!.push(entry.ttftMs)
    })
    endpoints.forEach(({ provider, latency }, index) => {
      const list = ttfts[index]!
      for (const [word, probability, text] of [
        ['p50', 0.5, latency.ttft_p50],
        ['p95', 0.95, latency.ttft_p95],
      ] as const) {
        const below = list.filter((ms) => ms <= parseFloat(text)).length
        check(rowOf('ttft', `${provider}: share of first tokens by its ${word}, ${text}`, probability, share(below, list.length, probability))) // prettier-ignore
      }
    })
  })
})
