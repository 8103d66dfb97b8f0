/**
 * What requests look like: how long the question, how long the answer, what it asks for. A mix is a pure draw from the
 * request's own stream.
 */
import { sampleLognormal, type Lognormal, type Rng } from '../base/index.ts'
import type { RequestShape } from '../protocol/index.ts'
import type { TraitsSpec } from './traits.ts'

export interface Question {
  readonly inputTokens: number
  readonly outputTokens: number
  readonly maxTokens: number | null
  readonly callsTool: boolean
}

export interface Mix {
  readonly kind: string
  readonly summary: string
  /** Where its numbers come from. */
  readonly source: string
  readonly example: string
  readonly shape: RequestShape
  /** What its requests are about, unless the workflow says otherwise. */
  readonly traits?: TraitsSpec
  draw(rng: Rng): Question
}

/** A whole number of tokens from a lognormal, kept inside sensible ends. */
export function tokensFrom(lengths: Lognormal, rng: Rng, min: number, max: number): number {
  return Math.min(max, Math.max(min, Math.round(sampleLognormal(lengths, rng))))
}
