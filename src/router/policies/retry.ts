/**
 * Retries at the same endpoint, with full jitter and the provider's own hint.
 *
 *   | field           | default         | source                                                                  |
 *   | --------------- | --------------- | ----------------------------------------------------------------------- |
 *   | attempts        | 0               | OpenRouter goes to the next provider at once; no back-off was ever seen |
 *   | base, cap       | 250 ms, 8 s     | AWS full jitter; cap of the openai SDK                                  |
 *   | retry_after     | honour          | RFC 9110 §10.2.3                                                        |
 *   | retry_after_max | 10 s            | a longer hint means: go elsewhere now                                   |
 */
import { z } from 'zod'
import { count, duration, quantize, type Millis, type Rng } from '../../base/index.ts'

export const retrySchema = z.strictObject({
  attempts: count({ min: 0, max: 20 })
    .default(0)
    .meta({ description: 'Further attempts at the same endpoint before going to the next.', examples: [1] }),
  base: duration({ min: 1 })
    .prefault('250ms')
    .meta({ description: 'Upper bound of the first wait.', examples: ['250ms'] }),
  cap: duration({ min: 1 })
    .prefault('8s')
    .meta({ description: 'Upper bound of any wait.', examples: ['8s'] }),
  retry_after: z
    .enum(['honour', 'ignore'])
    .default('honour')
    .meta({ description: "Whether the provider's Retry-After replaces a shorter wait." }),
  retry_after_max: duration({ min: 1 })
    .prefault('10s')
    .meta({
      description: 'A hint longer than this is not waited for; the next endpoint is tried instead.',
      examples: ['10s'],
    }),
})

export type RetryPolicy = z.infer<typeof retrySchema>

/** Jitter added on top of a hint, so that all clients of one hint do not come back at one instant. */
const HINT_JITTER = 0.1
const DOUBLINGS_MAX = 20

/**
 * How long to wait before the n-th retry (0 for the first), in ms; null when waiting is pointless: the hint is too
 * long, or the wait would reach the deadline. Full jitter: uniform between 0 and min(cap, base × 2ⁿ).
 */
export function retryDelayMs(
  policy: RetryPolicy,
  retry: number,
  hintMs: Millis | null,
  remainingMs: Millis,
  rng: Rng,
): Millis | null {
  const ceiling = Math.min(policy.cap, policy.base * (1 << Math.min(retry, DOUBLINGS_MAX)))
  let delay = rng.next() * ceiling
  if (hintMs !== null && policy.retry_after === 'honour') {
    if (hintMs > policy.retry_after_max) return null
    delay = Math.max(delay, hintMs * (1 + HINT_JITTER * rng.next()))
  }
  const rounded = quantize(delay)
  return rounded < remainingMs ? rounded : null
}
