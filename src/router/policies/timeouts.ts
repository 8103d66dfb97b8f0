/**
 * Five clocks, each for a different way of hanging. Pings reset none of them.
 *
 *   | clock        | runs from → to                                    | default without a `timeouts` block          |
 *   | ------------ | ------------------------------------------------- | ------------------------------------------- |
 *   | connect      | dispatch → connection open                        | 5 s (Envoy connect_timeout)                 |
 *   | first_token  | dispatch → first content; streamed requests only  | 60 s (groq-sdk's whole-call default)        |
 *   | idle         | content → content; streamed requests only         | 60 s                                        |
 *   | attempt      | dispatch → end of the attempt                     | 600 s (openai and @anthropic-ai/sdk)        |
 *   | total        | arrival → end of the request, retries included    | none                                        |
 *
 * The deadline travels with the request: while somebody else could still be asked, an attempt ends `reserve` before
 * `total`, so that the next one has time; and with less than `min_useful` left nobody is asked any more.
 *
 *   | field                | default | source                                                                       |
 *   | -------------------- | ------- | ---------------------------------------------------------------------------- |
 *   | first_token_per_1k   | 0       | no gateway scales it; a long prompt takes longer to read (prefill)           |
 *   | reserve, min_useful  | 0       | gRPC and Finagle propagate the deadline and keep nothing back                |
 *
 * OpenRouter publishes that it has a fetch timeout, and no number for it; these are our choice for a policy that has
 * no resilience half, each the most common value of its kind in the field.
 */
import { z } from 'zod'
import { duration, NEVER, quantize, TICK, type Millis } from '../../base/index.ts'

export const timeoutsSchema = z.strictObject({
  connect: duration({ min: 1 })
    .prefault('5s')
    .meta({ description: 'Until the connection is open.', examples: ['2s'] }),
  first_token: duration({ min: 1 })
    .prefault('60s')
    .meta({ description: 'Until the first content of a stream.', examples: ['10s'] }),
  first_token_per_1k: duration({ min: 0 })
    .prefault('0s')
    .meta({ description: 'Added to `first_token` for each 1,000 input tokens.', examples: ['100ms'] }),
  idle: duration({ min: 1 })
    .prefault('60s')
    .meta({ description: 'Longest silence inside a stream. Pings do not count as a sign of life.', examples: ['10s'] }),
  attempt: duration({ min: 1 })
    .prefault('10m')
    .meta({ description: 'One attempt as a whole.', examples: ['60s'] }),
  total: duration({ min: 1 })
    .optional()
    .meta({ description: 'The request as a whole, over all attempts and waits. Absent: no limit.', examples: ['90s'] }),
  reserve: duration({ min: 0 })
    .prefault('0s')
    .meta({ description: 'Part of `total` that an attempt leaves to the next endpoint.', examples: ['5s'] }),
  min_useful: duration({ min: 0 })
    .prefault('0s')
    .meta({ description: 'With less of `total` left than this, no attempt is made.', examples: ['500ms'] }),
})

export type Timeouts = z.infer<typeof timeoutsSchema>

/** When the request as a whole must be over. */
export function totalDeadline(timeouts: Timeouts, arrivedAt: Millis): Millis {
  return timeouts.total === undefined ? NEVER : arrivedAt + timeouts.total
}

/** How long the first content of a prompt of this length may take, in ms. */
export function firstTokenMs({ first_token: base, first_token_per_1k: per1k }: Timeouts, inputTokens: number): Millis {
  return per1k === 0 ? base : base + quantize((per1k * inputTokens) / 1_000)
}

/** When an attempt must be over: its own time, less what is kept back for the next one while there is one. */
export function attemptDeadline(
  { attempt, reserve, min_useful: minUseful }: Timeouts,
  hasNext: boolean,
  totalAt: Millis,
  now: Millis,
): Millis {
  const own = now + attempt
  if (reserve === 0 || !hasNext || totalAt - reserve - now < Math.max(minUseful, TICK)) return own
  return Math.min(own, totalAt - reserve)
}
