/**
 * Queueing theory. An endpoint with `slots` and a `queue` is M/G/c, with a `queue` of n it turns the rest away, without
 * slots it is M/G/∞, and one whose slots are `shared` is M/G/1-PS.
 */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import type { RunResult } from '../../src/gates/index.ts'
import type { Entry } from '../../src/ledger/index.ts'
import { erlangB, erlangC, lossOfK, lossOfPatience, pollaczekKhinchine } from './formulas.ts'
import { check, checkCaught, decimal, load, metric, play, rowOf, tell, type Row, type Story } from './lab.ts'
import { batchMeans, meanOf, sum } from './statistics.ts'

/** Mean service time. Everything below is in units of it. */
const SERVICE_MS = 100

type Service = 'exponential' | 'constant' | { readonly lognormal: { readonly cs2: number } }

const z95 = 1.6448536269514722

/** The `capacity` words of a service time with the given mean. A lognormal is written as its median and its p95. */
function serviceWords(service: Service, meanMs: number): string {
  if (typeof service === 'string') return `service: ${service}, time: ${decimal(meanMs)}ms`
  // mean = median · exp(σ²/2), and cs² = exp(σ²) − 1
  const sigma2 = Math.log(1 + service.lognormal.cs2)
  const median = meanMs * Math.exp(-sigma2 / 2)
  const p95 = median * Math.exp(z95 * Math.sqrt(sigma2))
  return `service: lognormal, time: ${decimal(median)}ms, time_p95: ${decimal(p95)}ms`
}

interface Station {
  /** Offered load in Erlangs. */
  readonly load: number
  readonly service?: Service
  /** null: no limit. */
  readonly slots?: number | null
  readonly queue?: number | 'unbounded'
  readonly shared?: boolean
  readonly requests: number
  readonly seed: number
  /** Make the service this much slower than the formula believes. */
  readonly slower?: number
  readonly story?: Partial<Story>
}

interface Observed {
  /** Time in system of each request that was served, in mean service times. */
  readonly sojourns: readonly number[]
  /** Of each arrival, in order: how many were in the system. */
  readonly found: readonly number[]
  /** Of each request in order of arrival: 1 if it was turned away. */
  readonly refused: readonly number[]
  /** Per stretch of time: the average number in system, and the average of its squared distance from the centre. */
  readonly numbers: readonly number[]
  readonly squares: readonly number[]
  readonly result: RunResult
}

/** Pieces that the run is cut into where something is averaged over time. */
const STRETCHES = 4_100

function observe(station: Station, centre = 0): Observed {
  const {
    load: erlangs,
    service = 'exponential',
    slots = 1,
    queue = 'unbounded',
    shared = false,
    requests,
    seed,
    slower = 1,
    story,
  } = station
  const perSecond = (erlangs * 1_000) / SERVICE_MS
  const seconds = requests / perSecond
  const room = slots === null ? '' : `, slots: ${slots}, queue: ${queue}${shared ? ', discipline: shared' : ''}`
  const sojourns: number[] = []
  const found: number[] = []
  const refused: number[] = []
  const place = new Map<number, number>()
  const stretchMs = (seconds * 1_000) / STRETCHES
  const area = new Float64Array(STRETCHES)
  const squared = new Float64Array(STRETCHES)
  let inSystem = 0
  let since = 0
  const passTime = (until: number): void => {
    while (since < until) {
      const stretch = Math.floor(since / stretchMs)
      if (stretch >= STRETCHES) return
      let end = Math.min(until, (stretch + 1) * stretchMs)
      if (end <= since) end = until
      area[stretch]! += inSystem * (end - since)
      squared[stretch]! += (inSystem - centre) ** 2 * (end - since)
      since = end
    }
  }
  const result = tell(
    {
      seed,
      seconds,
      endpoints: [`provider: a, capacity: { ${serviceWords(service, SERVICE_MS * slower)}${room} }`],
      arrivals: `kind: poisson, rate: ${decimal(perSecond)}/s`,
      ...story,
    },
    (entry) => {
      if (entry.kind === 'request.arrived') {
        passTime(entry.at)
        place.set(entry.request, found.length)
        found.push(inSystem)
        refused.push(0)
        inSystem += 1
      } else if (entry.kind === 'request.closed') {
        passTime(entry.at)
        inSystem -= 1
        if (entry.outcome === 'ok') sojourns.push(entry.latencyMs / SERVICE_MS)
        else refused[place.get(entry.request)!] = 1
        place.delete(entry.request)
      }
    },
  )
  return {
    sojourns,
    found,
    refused,
    numbers: [...area].map((each) => each / stretchMs),
    squares: [...squared].map((each) => each / stretchMs),
    result,
  }
}

describe('queues with room for everybody', () => {
  test('M/M/1 at 80 %: time and number in system, and the tail', () => {
    const rho = 0.8
    const seen = observe({ load: rho, requests: 80_000, seed: 1 })
    const mean = rowOf('Q1', 'M/M/1 ρ=.8: mean time in system, in services', 1 / (1 - rho), batchMeans(seen.sojourns))
    check(mean)
    check(rowOf('Q1', 'M/M/1 ρ=.8: mean number in system', rho / (1 - rho), batchMeans(seen.numbers)))
    for (const [word, probability, at] of [
      ['p95', 0.05, 14.979],
      ['p99', 0.01, 23.026],
    ] as const) {
      const beyond = batchMeans(seen.sojourns.map((time) => (time > at ? 1 : 0)))
      check(rowOf('Q1', `M/M/1 ρ=.8: share beyond the ${word}, ${at}`, probability, beyond))
    }
    check(rowOf('Q1', 'M/M/1 ρ=.8: who arrives sees averages (PASTA)', rho / (1 - rho), batchMeans(seen.found)))
    // What the report prints is what the ledger says, to the width of a histogram's bin.
    const sorted = seen.sojourns.toSorted((left, right) => left - right)
    const p95 = sorted[Math.ceil(0.95 * sorted.length) - 1]!
    expect(Math.abs(metric(seen.result, 'latency', 'p95') / SERVICE_MS / p95 - 1)).toBeLessThan(0.005)
  })

  test('M/M/1, a service 5 % slower than believed: caught', () => {
    const seen = observe({ load: 0.8, requests: 60_000, seed: 2, slower: 1.05 })
    checkCaught(rowOf('Q1', 'M/M/1 ρ=.8: mean time in system, service ×1.05', 5, batchMeans(seen.sojourns)))
  })

  test.each([
    ['Q2', 2, 3, 30_000],
    ['Q3', 8, 10, 30_000],
    ['Q4', 18, 20, 40_000],
  ])('%s: M/M/c with %d Erlangs on %d slots: who waits, and how long', (id, a, c, requests) => {
    const seen = observe({ load: a, slots: c, requests, seed: 3 })
    const waits = erlangC(a, c)
    const mustWait = batchMeans(seen.found.map((others) => (others >= c ? 1 : 0)))
    check(rowOf(id, `M/M/${c} a=${a}: share that waits (Erlang C)`, waits, mustWait))
    const time = batchMeans(seen.sojourns)
    check(rowOf(id, `M/M/${c} a=${a}: mean wait`, waits / (c - a), { ...time, mean: time.mean - 1 }))
  })

  test.each<[string, number, Service, number, number]>([
    ['constant', 0.8, 'constant', 0, 30_000],
    ['lognormal, cs²=.5', 0.8, { lognormal: { cs2: 0.5 } }, 0.5, 30_000],
    ['lognormal, cs²=4', 0.8, { lognormal: { cs2: 4 } }, 4, 60_000],
    ['lognormal, cs²=4', 0.5, { lognormal: { cs2: 4 } }, 4, 30_000],
  ])('Q7: M/G/1, %s service at %d: Pollaczek and Khinchine', (word, rho, service, cs2, requests) => {
    const time = batchMeans(observe({ load: rho, service, requests, seed: 4 }).sojourns)
    const wait = { ...time, mean: time.mean - 1 }
    check(rowOf('Q7', `M/G/1 ρ=${rho}, ${word}: mean wait`, pollaczekKhinchine(rho, cs2), wait))
  })
})

describe('processor sharing', () => {
  test.each<[string, Service, number]>([
    ['exponential', 'exponential', 60_000],
    ['constant', 'constant', 40_000],
    ['lognormal, cs²=4', { lognormal: { cs2: 4 } }, 80_000],
  ])('Q9: M/G/1-PS at 80 %%, %s service: the mean alone decides', (word, service, requests) => {
    const time = batchMeans(observe({ load: 0.8, service, shared: true, requests, seed: 11 }).sojourns)
    check(rowOf('Q9', `M/G/1-PS ρ=.8, ${word}: mean time in system`, 5, time))
  })

  test('M/G/1-PS, a constant service that is not shared: caught', () => {
    const time = batchMeans(observe({ load: 0.8, service: 'constant', requests: 40_000, seed: 11 }).sojourns)
    checkCaught(rowOf('Q9', 'M/D/1 ρ=.8 for M/D/1-PS: mean time in system', 5, time))
  })
})

describe('queues that turn away', () => {
  const blocked = (station: Station) => batchMeans(observe({ ...station, queue: station.queue ?? 0 }).refused)

  test('Q5: what is blocked depends on the mean service time, and not on how it is spread', () => {
    for (const [word, service] of [
      ['exponential', 'exponential'],
      ['constant', 'constant'],
      ['lognormal, cs²=4', { lognormal: { cs2: 4 } }],
    ] as const) {
      const seen = blocked({ load: 8, slots: 10, service, requests: 30_000, seed: 5 })
      check(rowOf('Q5', `M/G/10/10 a=8, ${word}: blocked`, erlangB(8, 10), seen))
    }
  })

  test.each([
    [10, 10],
    [20, 20],
    [90, 100],
  ])('Q6: Erlang B at %d on %d', (a, c) => {
    check(rowOf('Q6', `M/M/${c}/${c} a=${a}: blocked`, erlangB(a, c), blocked({ load: a, slots: c, requests: 25_000, seed: 6 }))) // prettier-ignore
  })

  test.each([
    [0.8, 5],
    [1, 10],
    [1.5, 10],
  ])('Q8: M/M/1 at %d with room for %d', (rho, k) => {
    const lost = blocked({ load: rho, slots: 1, queue: k - 1, requests: 20_000, seed: 7 })
    check(rowOf('Q8', `M/M/1/${k} ρ=${rho}: lost`, lossOfK(rho, k), lost))
  })
})

describe('queues that lose patience', () => {
  // Whoever is not served within τ takes what is left of his work with him: the work in the queue is a dam of height τ.
  test.each([
    ['the application', 0.8, 'workflow', 'client: { timeout: 500ms }'],
    ['the application', 1.5, 'workflow', 'client: { timeout: 500ms }'],
    ['the router', 1.5, 'policy', 'resilience: { timeouts: { attempt: 500ms } }'],
  ])('M/M/1 with a deadline of five services, kept by %s, at %d', (who, rho, half, words) => {
    const seen = observe({ load: rho, requests: 20_000, seed: 10, story: { [half]: words } })
    const lost = lossOfPatience(rho, 5)
    check(rowOf('patience', `M/M/1 ρ=${rho}, τ=5, ${who} cancels: lost`, lost, batchMeans(seen.refused)))
  })
})

describe('no queue at all', () => {
  // 5.53 a second for 4 s each, on a clock that runs forty times faster.
  const load = 22.12
  /** The mean of N(t) over a time T has variance λ·E[S²]/T. */
  const errorOf = (requests: number, cs2: number): number => Math.sqrt((load * (1 + cs2)) / (requests / load))

  test.each<[string, Service, number]>([
    ['exponential', 'exponential', 1],
    ['lognormal, cs²=1', { lognormal: { cs2: 1 } }, 1],
  ])('Q10: M/G/∞ with %s service: the number in service is Poisson', (word, service, cs2) => {
    const requests = 25_000
    const seen = observe({ load, service, slots: null, requests, seed: 8 }, load)
    const number = { mean: meanOf(seen.numbers.slice(100)), error: errorOf(requests, cs2) }
    check(rowOf('Q10', `M/G/∞ a=${load}, ${word}: mean number in service`, load, number))
    check(rowOf('Q10', `M/G/∞ a=${load}, ${word}: its variance`, load, batchMeans(seen.squares)))
  })

  test('M/G/∞, a service 5 % slower than believed: caught', () => {
    const requests = 25_000
    const seen = observe({ load, slots: null, requests, seed: 9, slower: 1.05 })
    const number = { mean: meanOf(seen.numbers.slice(100)), error: errorOf(requests, 1) }
    checkCaught(rowOf('Q10', `M/G/∞ a=${load}: mean number in service, service ×1.05`, load, number))
  })
})

describe("Little's law", () => {
  const read = (path: string): string =>
    readFileSync(fileURLToPath(new URL(`../../scenarios/${path}`, import.meta.url)), 'utf8')

  test.each(['primary-outage', 'false-rate-limits', 'slow-first-token', 'broken-answers', 'gateway-down'])(
    'Q11: %s: the number in system is the rate times the time in system',
    (name) => {
      const scenario = load(read(`${name}.yaml`), read)
      const requests = new Ward()
      const attempts = new Map<number, Ward>()
      const wardOf = (endpoint: number): Ward => {
        if (!attempts.has(endpoint)) attempts.set(endpoint, new Ward())
        return attempts.get(endpoint)!
      }
      const result = play(scenario, (entry: Entry) => {
        if (entry.kind === 'request.arrived') requests.come(entry.at)
        else if (entry.kind === 'request.closed') requests.go(entry.at, entry.latencyMs)
        else if (entry.kind === 'attempt.started') wardOf(entry.endpoint).come(entry.at)
        else if (entry.kind === 'attempt.ended') wardOf(entry.endpoint).go(entry.at, entry.at - entry.startedAt)
      })
      for (const [what, ward] of [
        ['requests', requests],
        ...[...attempts].map(([e, w]) => [`attempts at ${e}`, w]),
      ] as [string, Ward][]) {
        const { number, rateTimesTime } = ward.law(result.endedAt)
        const row: Row = { id: 'Q11', what: `L = λW: ${name}`, expected: rateTimesTime, measured: number, tolerance: 1e-9 * rateTimesTime } // prettier-ignore
        if (what === 'requests') check(row)
        else expect(Math.abs(number - rateTimesTime), what).toBeLessThan(row.tolerance + 1e-9)
      }
    },
  )
})

/** A place where people come and go: the number there is counted by walking through time, and times are added up. */
class Ward {
  private here = 0
  private since = 0
  private area = 0
  private came = 0
  private readonly times: number[] = []

  come(now: number): void {
    this.walk(now)
    this.here += 1
    this.came += 1
  }

  go(now: number, stayed: number): void {
    this.walk(now)
    this.here -= 1
    this.times.push(stayed)
  }

  law(endedAt: number): { number: number; rateTimesTime: number } {
    this.walk(endedAt)
    return { number: this.area / endedAt, rateTimesTime: ((this.came / endedAt) * sum(this.times)) / this.times.length }
  }

  private walk(now: number): void {
    this.area += this.here * (now - this.since)
    this.since = now
  }
}
