/**
 * A strategy puts the eligible endpoints of a request into the order in which they will be tried. It sees only what the
 * router believes (published offers and its own observations), and draws only from the request's own stream.
 */
import type { Millis, Rng } from '../base/index.ts'
import type { Candidate } from '../ledger/index.ts'
import type { ChatRequest, Choices, Offer } from '../protocol/index.ts'

/**
 * How well an endpoint is, the less the better. `degraded`, `down`: by its uptime, from 100 requests on; `outage`: a
 * significant one in the last 30 seconds.
 */
export const STATUS = { normal: 0, degraded: 1, outage: 2, down: 3 } as const
export type Status = (typeof STATUS)[keyof typeof STATUS]
export const STATUSES = 4

/** What Auto Exacto makes of an endpoint among those of its model, the less the better. */
export const GRADE = { good: 0, insufficient: 1, deprioritized: 2 } as const
export type Grade = (typeof GRADE)[keyof typeof GRADE]
export const GRADES = 3

/** What is measured of endpoints, the same for every policy. */
export interface Measured {
  status(endpoint: number, now: Millis): Status
  /** Measured from the first time on that somebody asks. */
  grade(endpoint: number, now: Millis): Grade
  /** Endpoint that the request's conversation stays with, of those of this one's model; -1 for none. */
  stay(request: ChatRequest, endpoint: number, now: Millis): number
  /** Time to first token in ms at quantile q over the last 5 minutes; null without samples. */
  ttftMs(endpoint: number, q: number, now: Millis): number | null
  /** Output tokens per second at quantile q (0.9: nine in ten are faster) over the last 5 minutes; null without samples. */
  throughput(endpoint: number, q: number, now: Millis): number | null
}

/** What one policy believes of endpoints. */
export interface Belief extends Measured {
  /** Whether it may be asked now: neither cooling, nor ejected, nor behind an open breaker. */
  isOpen(endpoint: number, now: Millis): boolean
  /** Part of its traffic that it may have, above 0 and up to 1: less while it starts slowly after an outage. */
  share(endpoint: number, now: Millis): number
  /** Attempts in flight; with recent failures counted as such where the policy balances by load. */
  load(endpoint: number, now: Millis): number
  /** Cost of one more request by peak EWMA, in ms; 0 while nothing is known and nobody is finding out. */
  cost(endpoint: number, now: Millis): number
}

export interface RankContext {
  readonly offers: readonly Offer[]
  readonly choices: Choices
  readonly belief: Belief
  readonly rng: Rng
  readonly now: Millis
}

export interface Strategy {
  readonly kind: string
  readonly summary: string
  readonly example: string
  /**
   * Order `eligible` (endpoint indexes, in fleet order) from first choice to last. Every one of them comes back once. The
   * list may be handed out again, and is not to be changed.
   */
  rank(eligible: readonly number[], context: RankContext): readonly Candidate[]
}

/**
 * One price from prompt and completion price, USD per million tokens. OpenRouter compares a weighted average and does
 * not publish the weights: `prompt_share` is ours.
 */
export function blendedPrice({ price }: Offer, { prompt_share: share }: Pick<Choices, 'prompt_share'>): number {
  return share * price.input + (1 - share) * price.output
}

/** Order by a key, smallest first; ties stay in fleet order. */
export function orderedBy(
  eligible: readonly number[],
  key: (endpoint: number) => number,
  reason: (endpoint: number) => string,
): Candidate[] {
  return eligible
    .map((endpoint) => ({ endpoint, score: key(endpoint), reason: reason(endpoint) }))
    .sort((left, right) => left.score - right.score || left.endpoint - right.endpoint)
}
