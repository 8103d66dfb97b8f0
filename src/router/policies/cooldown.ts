/**
 * Cooldown: an endpoint that said "not now" is left alone for a while. Apart from the breaker, because a rate limit
 * says nothing about health and often says exactly how long.
 *
 *   | field        | default | source                                                       |
 *   | ------------ | ------- | ------------------------------------------------------------ |
 *   | rate_limited | 5 s     | LiteLLM cooldown_time; used when the answer carries no hint  |
 *   | account      | 60 s    | a refused key or an empty account does not heal in seconds   |
 *   | max          | 60 s    | longest hint that is believed                                |
 */
import { z } from 'zod'
import { duration, type Millis } from '../../base/index.ts'
import type { ErrorClass } from '../../protocol/index.ts'

export const cooldownSchema = z.strictObject({
  rate_limited: duration({ min: 0 })
    .prefault('5s')
    .meta({ description: 'After a rate limit without a Retry-After.', examples: ['5s'] }),
  account: duration({ min: 0 })
    .prefault('60s')
    .meta({ description: 'After 401, 402 or 403, for every endpoint of the provider.', examples: ['60s'] }),
  max: duration({ min: 0 })
    .prefault('60s')
    .meta({ description: 'Longest Retry-After that is believed.', examples: ['60s'] }),
})

export type CooldownPolicy = z.infer<typeof cooldownSchema>

/** How long to stay away after a failure of this class, in ms. */
export function cooldownMs(policy: CooldownPolicy, errorClass: ErrorClass, hintMs: Millis | null): Millis {
  if (errorClass !== 'rate_limited') return policy.account
  return hintMs === null ? policy.rate_limited : Math.min(policy.max, hintMs)
}
