/**
 * When requests come. An open process (the next arrival does not wait for anybody's answer) is a rate over time; all of
 * them are Poisson with that rate unless they say otherwise, made by time rescaling: unit-rate exponential steps,
 * mapped through the inverse of the accumulated rate. A closed loop is a number of users who each wait for an answer.
 * A replay has its instants, and the lengths of its requests, from a file.
 */
import type { z } from 'zod'
import type { Millis, Rng } from '../base/index.ts'

/** How long a question and its answer are, in tokens. */
export interface Lengths {
  readonly inputTokens: number
  readonly outputTokens: number
}

export interface OpenArrivals {
  readonly loop: 'open'
  /** The arrival after the one at `after`; NEVER when there is none. `ordinal` keys the draw. */
  next(after: Millis, ordinal: number): Millis
  /** The lengths of the given request, where the process knows them. Absent: the mix draws them. */
  readonly lengths?: (ordinal: number) => Lengths
}

export interface ClosedArrivals {
  readonly loop: 'closed'
  readonly users: number
  /** How long the user thinks before the given request, in ms. */
  think(ordinal: number): Millis
  readonly lengths?: never
}

export type Arrivals = OpenArrivals | ClosedArrivals

/** A mistake in a file, 1-based. */
export interface FileMistake {
  readonly line: number
  readonly col: number
  readonly length: number
  readonly message: string
  readonly allowed?: string
  readonly fix?: string
}

/** What came of the text of a file. */
export type FileReading<Data> =
  | { readonly ok: true; readonly data: Data }
  | { readonly ok: false; readonly mistakes: readonly FileMistake[] }

type Outputs<Params extends z.ZodRawShape> = { readonly [Key in keyof Params]: z.output<Params[Key]> }

export interface ArrivalKind<Params extends z.ZodRawShape = z.ZodRawShape, Data = undefined> {
  readonly kind: string
  readonly summary: string
  readonly params: Params
  readonly example: string
  /** The parameter that names the file it needs, and what to make of its text. */
  readonly file?: {
    readonly key: keyof Params & string
    /** A small text that it reads. */
    readonly example: string
    readonly read: (text: string, params: Outputs<Params>) => FileReading<Data>
  }
  /** How many will arrive before the end, as far as that can be said: it keeps runs within bounds. */
  expected?(params: Outputs<Params>, durationMs: Millis, data: Data): number
  begin(params: Outputs<Params>, rng: Rng, durationMs: Millis, data: Data): Arrivals
}

export function defineArrivals<Params extends z.ZodRawShape, Data = undefined>(
  kind: ArrivalKind<Params, Data>,
): ArrivalKind<Params, Data> {
  return kind
}
