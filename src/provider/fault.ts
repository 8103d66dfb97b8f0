/**
 * What a kind of fault is: a pure verdict on attempts. A kind is one file in faults/ and one line in faults/index.ts.
 *
 * Faults of different layers stack; within a layer, one fault strikes an attempt (the first of the timeline that does).
 * A hook that returns null did not strike: nothing is recorded, and a fault that never strikes makes the verdict
 * inconclusive. Every draw comes from a stream keyed by (fault, request, visit), so an edited fault leaves the others
 * as they were, and every policy meets the same strikes.
 */
import type { z } from 'zod'
import type { Millis, Rng } from '../base/index.ts'
import type { AttemptHandle, EndpointSpec, Signal } from '../protocol/index.ts'
import type { Script, Service } from './service.ts'

/** From the connection up to the content, to what is said and charged of it, and to how it is written. The order in which they are asked. */
export const LAYERS = ['transport', 'http', 'limit', 'latency', 'quality', 'stream', 'body', 'books', 'wire'] as const
export type Layer = (typeof LAYERS)[number]

/** What a hook may look at. */
export interface Strike {
  readonly attempt: AttemptHandle
  readonly endpoint: EndpointSpec
  readonly now: Millis
  readonly rng: Rng
  /** 0..1: how strong the fault is now. Kinds that ramp in severity scale by it; the others strike that share. */
  readonly level: number
  /** Time since the fault began, and until it ends (NEVER: when it is healed by hand). */
  readonly sinceMs: Millis
  readonly leftMs: Millis
  /** Everybody the fault is on; nobody for the gateway. */
  readonly members: readonly Member[]
  readonly load: Load
}

/** An endpoint that a fault is on. */
export interface Member {
  readonly index: number
  readonly spec: EndpointSpec
}

/** What the fleet knows of the traffic at its endpoints. */
export interface Load {
  /** Attempts that an endpoint holds now, waiting or served. */
  inFlight(endpoint: number): number
}

/** An attempt turned away: these Signals, and nothing else, are what it gets. No Signals: silence. */
export interface Refusal {
  readonly signals: readonly Signal[]
}

/** One fault at work, with whatever it has to remember between attempts. */
export interface FaultBehaviour {
  /** Turn an attempt away at the door. */
  onAdmit?(strike: Strike): Refusal | null
  /** Reshape how long the answer takes. */
  onService?(service: Service, strike: Strike): Service | null
  /** Reshape what is said, and how it ends. */
  onScript?(script: Script, strike: Strike): Script | null
  /** What becomes of attempts in flight when the fault starts: their connection is reset, or nothing comes any more. */
  readonly inFlight?: 'reset' | 'silence'
}

/** One row of the catalogue: a way of going wrong that a kind can play. */
export interface FaultVariant {
  /** Its name, `group.name`; a timeline may say it in place of the kind: `fault: net.refused`. */
  readonly id: string
  readonly summary: string
  /** Parameters that make the kind play it. A line that says otherwise is a mistake. */
  readonly with: Readonly<Record<string, unknown>>
  /** Parameters that the line itself must still say, with values to begin with. */
  readonly ask?: Readonly<Record<string, unknown>>
  /** Fields of the line (probability, per, shape) that it has unless the line says otherwise. */
  readonly line?: Readonly<Record<string, unknown>>
  /** The mix of traffic that meets it. Default: `short-chat`. */
  readonly mix?: string
  /** What leaves the endpoint, and what a client of it sees. */
  readonly sees: string
  /** What a good router makes of it. */
  readonly expect: string
  /** Where it was seen: an incident, a thread, a manual. */
  readonly seen: string
}

export interface FaultKind<Params extends z.ZodRawShape = z.ZodRawShape> {
  readonly kind: string
  readonly summary: string
  readonly layer: Layer
  /** What a client sees. */
  readonly sees: string
  /** Parameters, as zod schemas; units in the names or in the values. */
  readonly params: Params
  /** A line of a timeline. */
  readonly example: string
  /** Whether a shape changes the share of attempts struck, or how hard each is struck. */
  readonly ramps: 'share' | 'severity'
  /** Its rows of the catalogue. */
  readonly variants?: readonly FaultVariant[]
  /** The gateway can suffer it too (`on: gateway`). */
  readonly gateway?: true
  /** What is wrong with parameters that are each fine by themselves; null for nothing. */
  misfit?(params: ParamsOf<Params>): { readonly message: string; readonly fix: string } | null
  /** In a few words, for people: `refuse`, `429 at 300/min`. */
  label(params: ParamsOf<Params>): string
  begin(params: ParamsOf<Params>): FaultBehaviour
}

export type ParamsOf<Params extends z.ZodRawShape> = { [Key in keyof Params]: z.output<Params[Key]> }

/** Types a kind by its own params; adds nothing at run time. */
export function defineFault<Params extends z.ZodRawShape>(kind: FaultKind<Params>): FaultKind<Params> {
  return kind
}
