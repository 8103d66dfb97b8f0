/**
 * What a rung of a degradation ladder is: something less than what was asked, that is better than an error. When the
 * plan is exhausted, the router goes down the ladder of its policy until a rung applies to how the plan ended:
 *
 *   | a plan ends     | because                                                                     |
 *   | --------------- | --------------------------------------------------------------------------- |
 *   | context_length  | the prompt does not fit, by the catalogue or by an endpoint's own word      |
 *   | budget          | no endpoint that is left can be paid for                                    |
 *   | deadline        | the time for the request is over; only an answer that takes none can be given |
 *   | truncated       | the answer broke off after the caller had seen some of it                   |
 *   | exhausted       | for any other reason nobody is left                                         |
 *
 * A rung takes the request as the rungs above it have left it. It never touches `provider`: what the policy forbids, it
 * forbids on every rung.
 */
import type { z } from 'zod'
import type { Millis } from '../base/index.ts'
import type { ChatRequest } from '../protocol/index.ts'

export const PLAN_ENDS = ['exhausted', 'context_length', 'budget', 'deadline', 'truncated'] as const
export type PlanEnd = (typeof PLAN_ENDS)[number]

export type Step =
  /** Plan again: with this request, and with models of the rung's own if it has some. */
  | { readonly do: 'plan'; readonly request: ChatRequest; readonly models?: readonly string[]; readonly sort?: 'price' }
  /** Plan again every so often, until somebody can be asked or the time is over. */
  | { readonly do: 'wait'; readonly upToMs: Millis; readonly everyMs: Millis }
  /** Close the answer where it broke off, and say that it is not whole. */
  | { readonly do: 'deliver' }
  /** Say this. */
  | { readonly do: 'say'; readonly text: string }

export interface RungKind<Params = unknown> {
  /** Its name in a policy. */
  readonly kind: string
  /** One sentence for people. */
  readonly summary: string
  readonly params: z.ZodRawShape
  /** A line of `degrade`. */
  readonly example: string
  /** Ends of a plan that it can be taken after; the line may name fewer of them. */
  readonly after: readonly PlanEnd[]
  /** null: there is nothing that it could do for this request. */
  step(params: Params, request: ChatRequest): Step | null
}
