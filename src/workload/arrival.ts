/**
 * When requests come. An open process (the next arrival does not wait for anybody's answer) is a rate over time; all of
 * them are Poisson with that rate unless they say otherwise, made by time rescaling: unit-rate exponential steps,
 * mapped through the inverse of the accumulated rate. A closed loop is a number of users who each wait for an answer.
 */
import type { z } from 'zod'
import type { Millis, Rng } from '../base/index.ts'

export interface OpenArrivals {
  readonly loop: 'open'
  /** The arrival after the one at `after`; NEVER when there is none. `ordinal` keys the draw. */
  next(after: Millis, ordinal: number): Millis
}

export interface ClosedArrivals {
  readonly loop: 'closed'
  readonly users: number
  /** How long the user thinks before the given request, in ms. */
  think(ordinal: number): Millis
}

export type Arrivals = OpenArrivals | ClosedArrivals

export interface ArrivalKind<Params extends z.ZodRawShape = z.ZodRawShape> {
  readonly kind: string
  readonly summary: string
  readonly params: Params
  readonly example: string
  begin(params: { readonly [Key in keyof Params]: z.output<Params[Key]> }, rng: Rng, durationMs: Millis): Arrivals
}

export function defineArrivals<Params extends z.ZodRawShape>(kind: ArrivalKind<Params>): ArrivalKind<Params> {
  return kind
}
