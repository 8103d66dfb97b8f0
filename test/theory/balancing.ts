/**
 * Balancing: two choices against one. With many servers and two picks at random, of which the one with fewer in flight
 * is asked, the mean time in system of M/M/n is that of the supermarket model (Mitzenmacher 2001); with one pick it is
 * that of M/M/1.
 */
import { describe, test } from 'vitest'
import { check, checkCaught, tell, type Row } from './lab.ts'

const SERVERS = 300
const SERVICE_S = 1

/** Mean services per run, and those at its beginning that are left out: queues begin empty, and fill slowly near 1. */
interface Span {
  readonly whole: number
  readonly warmUp: number
}
const SHORT: Span = { whole: 240, warmUp: 60 }
const LONG: Span = { whole: 800, warmUp: 300 }

/** The mean time in system with two choices, in mean services: Σ ρ^(2ⁱ − 2). */
function supermarket(rho: number): number {
  let total = 0
  for (let i = 1; i < 12; i += 1) total += rho ** (2 ** i - 2)
  return total
}

function meanTime(by: 'power_of_two' | 'random', rho: number, seed: number, { whole, warmUp } = SHORT): number {
  let [sum, n] = [0, 0]
  const server = (index: number): string =>
    `provider: p${index}, capacity: { service: exponential, time: ${SERVICE_S}s, slots: 1, queue: unbounded }`
  tell(
    {
      seed,
      seconds: whole * SERVICE_S,
      endpoints: Array.from({ length: SERVERS }, (_, index) => server(index)),
      policy: `resilience: { balance: { by: ${by} }, timeouts: { attempt: 24h } }`,
      arrivals: `kind: poisson, rate: ${(rho * SERVERS) / SERVICE_S}/s`,
    },
    (entry) => {
      if (entry.kind !== 'request.closed' || entry.arrivedAt < warmUp * SERVICE_S * 1_000) return
      sum += entry.latencyMs / (SERVICE_S * 1_000)
      n += 1
    },
  )
  return sum / n
}

describe('power of two choices', () => {
  const row = (rho: number, measured: number): Row => {
    const expected = supermarket(rho)
    return { id: 'Q13', what: `${SERVERS} servers, ρ=${rho}, two choices: mean time in system`, expected, measured, tolerance: 0.03 * expected } // prettier-ignore
  }

  test.each([0.5, 0.9, 0.95])('Q13: two choices at %d: the supermarket model', (rho) => {
    check(row(rho, meanTime('power_of_two', rho, 1, rho >= 0.9 ? LONG : SHORT)))
  })

  test('Q13: one choice at .5, two services; for two choices it is caught', () => {
    const measured = meanTime('random', 0.5, 2)
    check({ id: 'Q13', what: `${SERVERS} servers, ρ=0.5, one choice: mean time in system`, expected: 2, measured, tolerance: 0.06 }) // prettier-ignore
    checkCaught({ ...row(0.5, measured), what: `${SERVERS} servers, ρ=0.5, one choice for two: mean time in system` })
  })
})
