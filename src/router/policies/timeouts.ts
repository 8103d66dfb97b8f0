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
 * OpenRouter publishes that it has a fetch timeout, and no number for it; these are our choice for a policy that has
 * no resilience half, each the most common value of its kind in the field.
 */
import { z } from 'zod'
import { duration, NEVER, type Millis } from '../../base/index.ts'

export const timeoutsSchema = z.strictObject({
  connect: duration({ min: 1 })
    .prefault('5s')
    .meta({ description: 'Until the connection is open.', examples: ['2s'] }),
  first_token: duration({ min: 1 })
    .prefault('60s')
    .meta({ description: 'Until the first content of a stream.', examples: ['10s'] }),
  idle: duration({ min: 1 })
    .prefault('60s')
    .meta({ description: 'Longest silence inside a stream. Pings do not count as a sign of life.', examples: ['10s'] }),
  attempt: duration({ min: 1 })
    .prefault('10m')
    .meta({ description: 'One attempt as a whole.', examples: ['60s'] }),
  total: duration({ min: 1 })
    .optional()
    .meta({ description: 'The request as a whole, over all attempts and waits. Absent: no limit.', examples: ['90s'] }),
})

export type Timeouts = z.infer<typeof timeoutsSchema>

/** When the request as a whole must be over. */
export function totalDeadline(timeouts: Timeouts, arrivedAt: Millis): Millis {
  return timeouts.total === undefined ? NEVER : arrivedAt + timeouts.total
}
