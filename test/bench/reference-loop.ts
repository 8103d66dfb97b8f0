/**
 * The reference loop: the same traffic as the benchmark's scenario, written by hand as one event loop. It draws the same
 * kinds of randomness (Poisson arrivals, lognormal lengths and latencies), picks among three endpoints by 1/price²,
 * keeps a 30-second outage window, a breaker that lets everybody in again after a while, and up to two fallbacks without
 * a wait, and counts requests, money and one percentile of latency. No ledger, no gates, no policies as data, no
 * language, no Machines: the speed that a general simulator is measured against.
 */
import { EventQueue, exponentialQuantile, normalQuantile, exp, Rng } from '../../src/base/index.ts'

const ENDPOINTS = [
  { price: 1.25, mu: 5.83, sigma: 0.56, tokensPerSecond: 120 },
  { price: 2.5, mu: 6.04, sigma: 0.58, tokensPerSecond: 100 },
  { price: 3.75, mu: 5.63, sigma: 0.55, tokensPerSecond: 180 },
]
const SLOTS = 1 << 20
const OPEN_MS = 15_000
const OUTAGE_MS = 30_000
const ATTEMPTS_MAX = 3

export interface ReferenceResult {
  readonly requests: number
  readonly ok: number
  readonly attempts: number
  readonly cost: number
  readonly p95: number
}

/** Play `requests` requests at `rate` per second; endpoint 0 fails between the two instants (ms). */
export function referenceLoop(
  requests: number,
  rate: number,
  failFrom: number,
  failTo: number,
  seed: number,
): ReferenceResult {
  const rng = Rng.fromSeed(seed)
  const queue = new EventQueue(4096)
  const arrivedAt = new Float64Array(SLOTS)
  const endpointOf = new Int8Array(SLOTS)
  const attemptsOf = new Int8Array(SLOTS)
  const inputOf = new Int32Array(SLOTS)
  const outputOf = new Int32Array(SLOTS)
  const failed = new Uint8Array(SLOTS)
  const consecutive = [0, 0, 0]
  const openUntil = [0, 0, 0]
  const failedAt = [-1e12, -1e12, -1e12]
  const histogram = new Uint32Array(65_536)
  const free: number[] = []
  let nextSlot = 0
  let arrived = 0
  let ok = 0
  let attempts = 0
  let cost = 0
  let now = 0

  const lognormal = (mu: number, sigma: number): number => exp(mu + sigma * normalQuantile(rng.next()))

  const pick = (not: number): number => {
    let total = 0
    for (let index = 0; index < 3; index += 1) if (usable(index, not)) total += weight(index)
    let left = rng.next() * total
    for (let index = 0; index < 3; index += 1) {
      if (!usable(index, not)) continue
      left -= weight(index)
      if (left < 0) return index
    }
    return not === 2 ? 1 : 2
  }
  const usable = (index: number, not: number): boolean =>
    index !== not && now >= (openUntil[index] as number) && now - (failedAt[index] as number) > OUTAGE_MS
  const weight = (index: number): number => {
    const { price } = ENDPOINTS[index] as (typeof ENDPOINTS)[0]
    return 1 / (price * price)
  }

  const attempt = (slot: number, endpoint: number): void => {
    attempts += 1
    attemptsOf[slot] = (attemptsOf[slot] as number) + 1
    endpointOf[slot] = endpoint
    const isDown = endpoint === 0 && now >= failFrom && now < failTo
    failed[slot] = isDown ? 1 : 0
    const { mu, sigma, tokensPerSecond } = ENDPOINTS[endpoint] as (typeof ENDPOINTS)[0]
    const service = isDown
      ? 1
      : lognormal(mu, sigma) + ((outputOf[slot] as number) * 1_000) / (tokensPerSecond * (0.9 + 0.2 * rng.next()))
    queue.push(now + service, slot + 1)
  }

  queue.push(exponentialQuantile(rng.next()) * (1_000 / rate), 0)
  while (queue.length > 0) {
    now = queue.nextAt()
    const event = queue.pop()
    if (event === 0) {
      arrived += 1
      const slot = free.pop() ?? nextSlot++
      arrivedAt[slot] = now
      attemptsOf[slot] = 0
      inputOf[slot] = lognormal(5.355, 0.756)
      outputOf[slot] = Math.min(1_024, lognormal(5.019, 0.859))
      attempt(slot, pick(-1))
      if (arrived < requests) queue.push(now + exponentialQuantile(rng.next()) * (1_000 / rate), 0)
      continue
    }
    const slot = event - 1
    const endpoint = endpointOf[slot] as number
    if (failed[slot] === 1) {
      failedAt[endpoint] = now
      consecutive[endpoint] = (consecutive[endpoint] as number) + 1
      if ((consecutive[endpoint] as number) >= 5) openUntil[endpoint] = now + OPEN_MS
      if ((attemptsOf[slot] as number) < ATTEMPTS_MAX) attempt(slot, pick(endpoint))
      else free.push(slot)
      continue
    }
    consecutive[endpoint] = 0
    ok += 1
    const { price } = ENDPOINTS[endpoint] as (typeof ENDPOINTS)[0]
    cost += price * ((inputOf[slot] as number) + (outputOf[slot] as number))
    const latency = Math.min(65_535, now - (arrivedAt[slot] as number)) | 0
    histogram[latency] = (histogram[latency] as number) + 1
    free.push(slot)
  }

  let left = Math.ceil(ok * 0.05)
  let p95 = 65_535
  while (p95 > 0 && left > 0) {
    left -= histogram[p95] as number
    p95 -= 1
  }
  return { requests: arrived, ok, attempts, cost, p95 }
}
