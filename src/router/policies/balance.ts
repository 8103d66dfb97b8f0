/**
 * Load balancing by what the router itself sees: who is busy, and who answers late. It replaces OpenRouter's draw by
 * price where the request half asks for no order of its own (`sort` and `order` are OpenRouter's fields and come first).
 *
 *   | by           | first choice                                                                                |
 *   | ------------ | ------------------------------------------------------------------------------------------- |
 *   | power_of_two | the less busy of two drawn at random (Mitzenmacher; Envoy least_request, choice_count 2)     |
 *   | least_load   | the least busy of all (LiteLLM least-busy)                                                  |
 *   | peak_ewma    | the cheaper of two drawn at random, cost = peak EWMA of time to first token × (busy + 1)      |
 *   | random       | anybody: what the others are measured against                                               |
 *
 * An endpoint that fails fast is never busy and never slow, and would draw all traffic to itself (black-hole
 * attraction). So a failure counts as a request that stays in flight for `failure_penalty`, and as a first token that
 * late.
 *
 *   | field           | default      | source                                                                           |
 *   | --------------- | ------------ | -------------------------------------------------------------------------------- |
 *   | by              | power_of_two | Envoy's and agentgateway's choice                                                |
 *   | failure_penalty | 5 s          | ours: what a first-token timeout of an interactive policy costs; no source has one |
 *   | decay           | 10 s         | Finagle Balancers.p2cPeakEwma decayTime                                          |
 */
import { z } from 'zod'
import { at, duration, exp, RollingWindow, type Millis } from '../../base/index.ts'

export const balanceSchema = z.strictObject({
  by: z
    .enum(['power_of_two', 'least_load', 'peak_ewma', 'random'])
    .default('power_of_two')
    .meta({ description: 'How the first choice is made.' }),
  failure_penalty: duration({ min: 0 })
    .prefault('5s')
    .meta({
      description: 'A failed attempt counts as busy for this long, and as this late. 0s: black holes attract traffic.',
      examples: ['5s'],
    }),
  decay: duration({ min: 1 })
    .prefault('10s')
    .meta({ description: 'How long `peak_ewma` remembers a late first token, e-folding.', examples: ['10s'] }),
})

export type BalancePolicy = z.infer<typeof balanceSchema>

const PENALTY_BUCKETS = 10

/** How busy and how late each endpoint is, as one policy counts it. */
export class LoadBook {
  private readonly failures: readonly RollingWindow[] | null
  private readonly costs: readonly PeakEwma[] | null
  private readonly inFlight: Float64Array
  private readonly penaltyMs: Millis

  /** `inFlight`: attempts under way by endpoint, kept up to date by whoever starts and ends them. */
  constructor({ by, failure_penalty: penaltyMs, decay }: BalancePolicy, inFlight: Float64Array) {
    this.inFlight = inFlight
    this.penaltyMs = penaltyMs
    const every = <T>(make: () => T): T[] => Array.from(inFlight, make)
    this.failures =
      penaltyMs > 0 && by !== 'random' ? every(() => new RollingWindow(penaltyMs, PENALTY_BUCKETS, 1)) : null
    this.costs = by === 'peak_ewma' ? every(() => new PeakEwma(decay)) : null
  }

  /** A first token came so long after its request was sent. */
  heard(endpoint: number, ttftMs: Millis, now: Millis): void {
    if (this.costs !== null) at(this.costs, endpoint).observe(ttftMs, now)
  }

  failed(endpoint: number, elapsedMs: Millis, now: Millis): void {
    if (this.failures !== null) at(this.failures, endpoint).add(now, 0)
    if (this.costs !== null) at(this.costs, endpoint).observe(Math.max(elapsedMs, this.penaltyMs), now)
  }

  /** Attempts in flight, and failures that still count as such. */
  load(endpoint: number, now: Millis): number {
    const inFlight = this.inFlight[endpoint] ?? 0
    return this.failures === null ? inFlight : inFlight + at(this.failures, endpoint).total(now, 0)
  }

  /** What one more request would cost there: decayed peak of time to first token × (load + 1). */
  cost(endpoint: number, now: Millis): number {
    const load = this.load(endpoint, now)
    const costMs = this.costs === null ? 0 : at(this.costs, endpoint).value(now)
    // Nothing is known of it and somebody is already finding out: the others wait for what he learns.
    if (costMs === 0) return load === 0 ? 0 : UNKNOWN_COST + load
    return costMs * (load + 1)
  }
}

/** Dearer than anything measured, and still a number to add to (Finagle's penalty). */
const UNKNOWN_COST = 1e12

/**
 * Finagle's peak EWMA: jumps up to any higher sample at once, and comes down by e each `decayMs`.
 * https://github.com/twitter/finagle finagle-core/src/main/scala/com/twitter/finagle/loadbalancer/PeakEwma.scala
 */
export class PeakEwma {
  private cost = 0
  private updatedAt: Millis = 0
  private readonly decayMs: Millis

  constructor(decayMs: Millis) {
    this.decayMs = decayMs
  }

  observe(sampleMs: Millis, now: Millis): void {
    const weight = this.weight(now)
    this.cost = sampleMs > this.cost ? sampleMs : this.cost * weight + sampleMs * (1 - weight)
    this.updatedAt = now
  }

  /** The cost now; 0 before anything was observed. Without samples it fades, so that nobody is shunned for ever. */
  value(now: Millis): number {
    return this.cost === 0 ? 0 : this.cost * this.weight(now)
  }

  private weight(now: Millis): number {
    return exp(-(now - this.updatedAt) / this.decayMs)
  }
}

/** Envoy's least request: of two, the one with the greater weight ÷ (busy + 1) is asked; this is its inverse. */
export function leastRequestScore(busy: number, weight: number): number {
  return (busy + 1) / weight
}
