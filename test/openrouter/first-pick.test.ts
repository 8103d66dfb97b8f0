/**
 * First picks of load balancing, held against 1/price² with a chi-square test: 100,000 requests of a scenario file in
 * virtual time, whose ledger says who was first in each plan. The same picks are held against 1/price as well, which
 * shows that the test can tell the two apart.
 */
import { afterAll, expect, test } from 'vitest'
import { CHOICES } from '../../src/protocol/index.ts'
import { load, play } from '../theory/lab.ts'

const REQUESTS = 100_000
/** One honest run in a thousand is beyond it; the seed is fixed. */
const P_MIN = 0.001
const P_ABSURD = 1e-12

interface Market {
  readonly name: string
  /** USD per million prompt and completion tokens, by provider. */
  readonly prices: Readonly<Record<string, readonly [prompt: number, completion: number]>>
}

const MARKETS: readonly Market[] = [
  { name: 'vector B1: 1, 2, 3', prices: { a: [1, 1], b: [2, 2], c: [3, 3] } },
  {
    name: 'prompt and completion apart',
    prices: { a: [0.25, 2], b: [0.3, 1.2], c: [0.15, 3], d: [1.25, 1.5], e: [0.8, 0.8] },
  },
]

function scenarioOf({ prices }: Market): string {
  const endpoints = Object.entries(prices).map(
    ([provider, [input, output]]) =>
      `    - { provider: ${provider}, model: m, price: { input: ${input}, output: ${output} } }`,
  )
  return `
name: first-pick
summary: Who is first, when nobody says in which order.
seed: 20
duration: ${REQUESTS + 1}ms
fleet:
  name: market
  endpoints:
${endpoints.join('\n')}
policies: { plain: { name: plain, models: [m] } }
workload: [{ workflow: w, policy: plain, mix: short-chat, arrivals: { kind: constant, rate: 1000/s } }]
`
}

const rows: string[] = []

test.each(MARKETS)('first picks: $name, follow 1/price² and not 1/price', (market) => {
  const providers = Object.keys(market.prices)
  const measured = providers.map(() => 0)
  play(load(scenarioOf(market)), (entry) => {
    if (entry.kind === 'call.routed') measured[entry.order[0]!.endpoint]! += 1
  })
  expect(measured.reduce((sum, count) => sum + count, 0)).toBe(REQUESTS)

  const share = CHOICES.prompt_share
  const blended = Object.values(market.prices).map(([input, output]) => share * input + (1 - share) * output)
  const expected = sharesOf(blended.map((price) => price ** -2))
  const { chiSquare, p } = chiSquareTest(measured, expected)
  const other = chiSquareTest(measured, sharesOf(blended.map((price) => price ** -1)))
  rows.push(
    market.name,
    ...providers.map((provider, index) => {
      const [wanted, got] = [REQUESTS * expected[index]!, measured[index]!]
      return `  ${provider}  expected ${wanted.toFixed(1).padStart(8)}  measured ${String(got).padStart(6)}`
    }),
    `  χ² = ${chiSquare.toFixed(3)}, ${providers.length - 1} degrees of freedom, p = ${p.toFixed(4)}; against 1/price: χ² = ${other.chiSquare.toFixed(0)}`,
  )
  expect(p).toBeGreaterThan(P_MIN)
  expect(other.p).toBeLessThan(P_ABSURD)
})

test('chi-square: p is what tables say', () => {
  // Critical values at 5 % and 0.1 % (NIST/SEMATECH e-Handbook, table 1.3.6.7.4).
  for (const [degrees, at5, at01] of [
    [1, 3.841, 10.828],
    [2, 5.991, 13.816],
    [4, 9.488, 18.467],
    [9, 16.919, 27.877],
  ] as const) {
    // prettier-ignore
    expect(tail(at5, degrees)).toBeCloseTo(0.05, 4)
    expect(tail(at01, degrees)).toBeCloseTo(0.001, 5)
  }
})

afterAll(() => console.log(`\n${rows.join('\n')}\n`))

function sharesOf(weights: readonly number[]): number[] {
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  return weights.map((weight) => weight / total)
}

/** Pearson's test that counts are drawn with these shares. */
function chiSquareTest(counts: readonly number[], shares: readonly number[]): { chiSquare: number; p: number } {
  const total = counts.reduce((sum, count) => sum + count, 0)
  const chiSquare = counts.reduce((sum, count, index) => {
    const expected = total * shares[index]!
    return sum + (count - expected) ** 2 / expected
  }, 0)
  return { chiSquare, p: tail(chiSquare, counts.length - 1) }
}

/** Probability of at least this χ²: the regularized incomplete gamma function Q(k/2, x/2), by its series. */
function tail(x: number, degrees: number): number {
  const a = degrees / 2
  const half = x / 2
  if (half > 300) return 0 // Less than 1e-100.
  // Γ(a) for a half-integer, from Γ(1) = 1 and Γ(1/2) = √π.
  let gamma = degrees % 2 === 0 ? 1 : Math.sqrt(Math.PI)
  for (let factor = degrees % 2 === 0 ? 1 : 0.5; factor < a; factor += 1) gamma *= factor
  let term = 1 / a
  let sum = term
  for (let n = 1; n < 10_000 && term > sum * 1e-17; n += 1) sum += term *= half / (a + n)
  const lower = (sum * Math.exp(-half) * half ** a) / gamma
  return Math.max(0, 1 - lower)
}
