/**
 * A stage: one thing that a call passes on its way to the router and back. Calls pass the stages in their declared order
 * (stages/index.ts) on the way in, and the other way round on the way out.
 *
 *   admit    it comes in: let it go on (perhaps with another request half), refuse it, or answer at once
 *   relay    the router has something for the caller: let it through, change it, or keep it back
 *   settle   it is over: give back what was put aside; asked of every stage that has let the call in
 *
 * A stage that the fleet does not ask for is not made, and costs nothing.
 */
import type { Millis, Rng } from '../base/index.ts'
import type { Entry } from '../ledger/index.ts'
import type { Call, CallFailure, GatewaySpec, Offer, Signal } from '../protocol/index.ts'
import type { Errands } from './errand.ts'
import type { Policy, RouterCommand } from '../router/index.ts'
import type { Accounts } from './accounts.ts'

/** What is made for a caller, on its way there. Every call ends with one of the last three. */
export type CallerCommand = Extract<
  RouterCommand,
  { readonly type: 'client.write' | 'client.end' | 'client.fail' | 'client.left' }
>

/** Where a call stops, short of the router: for good, or until something is fetched. */
export type Halt = Ending | { readonly do: 'fetch'; readonly errand: Errands }

export type Ending =
  | { readonly do: 'refuse'; readonly failure: CallFailure }
  /** A whole answer, its end included. `servedBy`: the endpoint whose words they are; -1 for nobody's. */
  | { readonly do: 'answer'; readonly signals: readonly Signal[]; readonly servedBy: number }

export interface Stage {
  /** The books that calls are paid from; at most one stage has them. */
  readonly accounts?: Accounts
  /** null: go on. */
  admit?(call: Call, now: Millis): Halt | null
  /** What goes on to the caller instead; null: nothing. A stage that keeps something back lets it go with the end. */
  relay?(command: CallerCommand, now: Millis): CallerCommand | null
  /** The call's summary says what came of it. */
  settle?(call: Call, now: Millis): void
}

/** What stages are made from. */
export interface StageOptions {
  readonly gateway: GatewaySpec
  readonly offers: readonly Offer[]
  readonly policies: readonly Policy[]
  readonly rng: Rng
  /** A fact for the ledger, while a call comes in. */
  readonly record: (entry: Entry) => void
  /** The books of the stage before that has them. Absent: nobody keeps any. */
  readonly accounts?: Accounts
  /** Whether calls may bring request halves of their own, which nobody has seen before. */
  readonly isOpen: boolean
}

/** null: the fleet does not ask for it. */
export type StageMaker = (options: StageOptions) => Stage | null
