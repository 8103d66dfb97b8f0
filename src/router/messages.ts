/**
 * What the router hears and what it asks for. Three one-way streams: events in, commands and entries out.
 */
import type { Millis } from '../base/index.ts'
import type { AttemptHandle, Call, CallFailure, Signal } from '../protocol/index.ts'

export type RouterEvent =
  | { readonly type: 'call.arrived'; readonly call: Call }
  /** The caller left, or the gateway itself went down under it. */
  | {
      readonly type: 'call.cancelled'
      readonly call: Call
      readonly class: 'cancelled' | 'client_timeout' | 'gateway_down'
    }
  | { readonly type: 'attempt.signalled'; readonly attempt: AttemptHandle; readonly signals: readonly Signal[] }
  /** The caller does not read fast enough: the upstream read and its idle clock pause. */
  | { readonly type: 'client.blocked'; readonly call: Call }
  | { readonly type: 'client.drained'; readonly call: Call }
  /** From now on one attempt a call: no retry, no hedge, nobody else. What is under way is not taken back. */
  | { readonly type: 'retries.stopped' }
  /** Nothing more will happen: answers that run on without their callers end here. */
  | { readonly type: 'run.ended' }
  | { readonly type: 'wake' }

export type RouterCommand =
  | { readonly type: 'attempt.dispatch'; readonly attempt: AttemptHandle }
  | { readonly type: 'attempt.cancel'; readonly attempt: AttemptHandle }
  | { readonly type: 'attempt.pause'; readonly attempt: AttemptHandle }
  | { readonly type: 'attempt.resume'; readonly attempt: AttemptHandle }
  /** Content for the caller. The first one of a call is the commit. */
  | {
      readonly type: 'client.write'
      readonly call: Call
      readonly attempt: AttemptHandle
      readonly signals: readonly Signal[]
      /** How long the last run among them has been flowing: above 0 when it was held back until now. */
      readonly flowingForMs: Millis
    }
  /** The last of an answer, or all of it; the call is over. */
  | {
      readonly type: 'client.end'
      readonly call: Call
      /** null: the answer is the policy's own, and no endpoint has given it. */
      readonly attempt: AttemptHandle | null
      readonly signals: readonly Signal[]
    }
  /** The call is over without a good answer; after a commit this is an error inside the stream. */
  | { readonly type: 'client.fail'; readonly call: Call; readonly failure: CallFailure; readonly committed: boolean }
  /** The caller had left, and the call is closed now. */
  | { readonly type: 'client.left'; readonly call: Call }
