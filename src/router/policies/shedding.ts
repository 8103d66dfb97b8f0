/**
 * Load shedding: turning work away before it costs anything, least important first, so that what is accepted is done.
 *
 *   max_in_flight   calls of the policy under way at once; each priority may fill its share of them
 *   adaptive        an endpoint that has been turning work away is asked less: each attempt is held back with probability
 *                     throttle (Google SRE)   max(0, (requests − K × accepted) / (requests + 1))
 *                     nack (Finagle)          1 − 2 × average of accepted, at most 75 %
 *   min_remaining   a call that waited until less than this is left of its time is dropped
 *
 * A call that is shed fails with the class `shed`: it counts as a failure of the service, never as success or silence.
 *
 *   | field           | default         | source                                                                         |
 *   | --------------- | --------------- | ------------------------------------------------------------------------------ |
 *   | shares          | 100 %, 90 %, 50 % | ours, after Netflix, where live traffic keeps 90 % against batch               |
 *   | k               | 2               | Google SRE book, ch. 21: sends at most twice what is accepted                  |
 *   | window          | 2 m             | Google SRE; Finagle. Must be longer than the longest answer                    |
 *   | max_drop        | 75 %            | Finagle NackAdmissionFilter                                                    |
 *   | min_rate        | 5/s             | Finagle nack rpsThreshold: too few requests say nothing                        |
 *
 * https://sre.google/sre-book/handling-overload/
 */
import { z } from 'zod'
import { count, duration, exp, rate, ratio, RollingWindow, SECOND, type Millis } from '../../base/index.ts'

const window = duration({ min: 1_000 })
  .prefault('2m')
  .meta({ description: 'How far back it looks.', examples: ['2m'] })

export const sheddingSchema = z.strictObject({
  max_in_flight: count({ min: 1, max: 10_000_000 })
    .optional()
    .meta({ description: 'Calls of the policy under way at once. Absent: no limit.', examples: [500] }),
  shares: z
    .array(ratio())
    .min(1)
    .max(100)
    .default([1, 0.9, 0.5])
    .meta({
      description: 'The part of them that each priority may fill, from 0 on; further priorities get the last.',
      examples: [['100%', '90%', '50%']],
    }),
  adaptive: z
    .discriminatedUnion('kind', [
      z.strictObject({
        kind: z.literal('throttle'),
        k: z
          .number()
          .min(1)
          .max(100)
          .default(2)
          .meta({ description: 'Requests sent per request accepted, at most.', examples: [2] }),
        window,
      }),
      z.strictObject({
        kind: z.literal('nack'),
        window,
        max_drop: ratio().default(0.75).meta({ description: 'Largest part that is held back.' }),
        min_rate: rate()
          .prefault('5/s')
          .meta({ description: 'With fewer requests than this, nobody is held back.', examples: ['5/s'] }),
      }),
    ])
    .optional()
    .meta({ description: 'Absent: endpoints are asked as often as the plan says.', examples: [{ kind: 'throttle' }] }),
  min_remaining: duration({ min: 0 })
    .prefault('0s')
    .meta({ description: 'Least time that a call that waited must have left.', examples: ['1s'] }),
})

export type SheddingPolicy = z.infer<typeof sheddingSchema>

type AdaptivePolicy = NonNullable<SheddingPolicy['adaptive']>

/** Calls under way, and who may still come. */
export class Intake {
  private inFlight = 0
  private readonly max: number
  private readonly shares: readonly number[]

  constructor({ max_in_flight: max, shares }: SheddingPolicy) {
    this.max = max ?? Infinity
    this.shares = shares
  }

  /** Take a call in; false: it is shed. Whoever was taken in must be let out. */
  takes(priority: number): boolean {
    const share = this.shares[Math.min(priority, this.shares.length - 1)] ?? 1
    if (this.inFlight >= this.max * share) return false
    this.inFlight += 1
    return true
  }

  letOut(): void {
    this.inFlight -= 1
  }
}

const WINDOW_BUCKETS = 24
const REQUESTS = 0
const ACCEPTED = 1

/** How much an endpoint has been turning away, and so how much is not even sent to it. */
export class Throttle {
  private readonly policy: AdaptivePolicy
  private readonly results: RollingWindow
  private accepted = 1
  private acceptedAt: Millis = 0

  constructor(policy: AdaptivePolicy) {
    this.policy = policy
    this.results = new RollingWindow(policy.window, WINDOW_BUCKETS, 2)
  }

  /**
   * Whether a request that wants to come is held back; `draw` is uniform in 0..1. Who is held back counts as a request at
   * once, who is sent when he is answered: answers take tens of seconds here, and to be under way is not to be refused.
   */
  holdsBack(draw: number, now: Millis): boolean {
    const isHeldBack = draw < this.dropShare(now)
    if (isHeldBack) this.results.add(now, REQUESTS)
    return isHeldBack
  }

  /** The endpoint took a request, or turned it away. */
  answered(wasAccepted: boolean, now: Millis): void {
    this.results.add(now, REQUESTS)
    if (wasAccepted) this.results.add(now, ACCEPTED)
    if (this.policy.kind !== 'nack') return
    const weight = exp(-(now - this.acceptedAt) / this.policy.window)
    this.accepted = this.accepted * weight + (wasAccepted ? 1 - weight : 0)
    this.acceptedAt = now
  }

  private dropShare(now: Millis): number {
    const requests = this.results.total(now, REQUESTS)
    if (this.policy.kind === 'throttle')
      return throttleShare(this.policy.k, requests, this.results.total(now, ACCEPTED))
    if (requests < (this.policy.min_rate * this.policy.window) / SECOND) return 0
    return nackShare(this.policy.max_drop, this.accepted)
  }
}

/** Google SRE: how many of those that want to come are not sent. */
export function throttleShare(k: number, requests: number, accepted: number): number {
  return Math.max(0, (requests - k * accepted) / (requests + 1))
}

/** Finagle: how many are not sent, by the average of what was accepted. */
export function nackShare(maxDrop: number, accepted: number): number {
  return Math.max(0, Math.min(maxDrop, 1 - 2 * accepted))
}
