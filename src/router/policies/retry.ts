/**
 * Retries at the same endpoint: exponential back-off with jitter, and the provider's own hint.
 *
 *   | field           | default         | source                                                                  |
 *   | --------------- | --------------- | ----------------------------------------------------------------------- |
 *   | attempts        | 0               | OpenRouter goes to the next provider at once; no back-off was ever seen |
 *   | base, cap       | 250 ms, 8 s     | AWS full jitter; cap of the openai SDK                                  |
 *   | multiplier      | 2               | every system read doubles, but resilience4j (1.5)                       |
 *   | jitter          | full            | AWS: fewest calls of all under contention                               |
 *   | retry_after     | honour          | RFC 9110 §10.2.3                                                        |
 *   | retry_after_max | 10 s            | a longer hint means: go elsewhere now                                   |
 *
 * With v = min(cap, base × multiplierⁿ) for the n-th retry, counting from 0, the wait is
 *
 *   | jitter           | wait                              | who does it                                              |
 *   | ---------------- | --------------------------------- | -------------------------------------------------------- |
 *   | full             | uniform in 0..v                   | AWS, Envoy                                               |
 *   | equal            | v/2 + uniform in 0..v/2           | Finagle's failure accrual                                |
 *   | decorrelated     | min(cap, uniform in base..3·last) | AWS, Finagle                                             |
 *   | none             | v                                 | Vercel AI SDK, undici                                    |
 *   | { from, to }     | v × uniform in from..to           | gRPC 0.8..1.2; openai and Anthropic SDK 0.75..1     |
 */
import { z } from 'zod'
import { count, duration, quantize, type Millis, type Rng } from '../../base/index.ts'

export const retrySchema = z.strictObject({
  attempts: count({ min: 0, max: 20 })
    .default(0)
    .meta({ description: 'Further attempts at the same endpoint before going to the next.', examples: [1] }),
  base: duration({ min: 1 })
    .prefault('250ms')
    .meta({ description: 'The first wait, before jitter.', examples: ['250ms'] }),
  cap: duration({ min: 1 })
    .prefault('8s')
    .meta({ description: 'Upper bound of any wait, before jitter.', examples: ['8s'] }),
  multiplier: z
    .number()
    .min(1)
    .max(10)
    .default(2)
    .meta({ description: 'How much longer each wait is than the one before.', examples: [2] }),
  jitter: z
    .union([
      z.enum(['full', 'equal', 'decorrelated', 'none']),
      z
        .strictObject({ from: z.number().min(0).max(2), to: z.number().min(0).max(2) })
        .refine(({ from, to }) => from <= to, { error: '`from` is above `to`; write the smaller share first' }),
    ])
    .default('full')
    .meta({
      description: 'How waits are spread: `full`, `equal`, `decorrelated`, `none`, or a range of factors.',
      examples: ['full', { from: 0.75, to: 1 }],
    }),
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

/**
 * How long to wait before the n-th retry (0 for the first), in ms; null when waiting is pointless: the hint is too
 * long, or the wait would reach the deadline. `lastMs` is the wait before this one, 0 for none.
 */
export function retryDelayMs(
  policy: RetryPolicy,
  retry: number,
  hintMs: Millis | null,
  lastMs: Millis,
  remainingMs: Millis,
  rng: Rng,
): Millis | null {
  let delay = backoffMs(policy, retry, lastMs, rng)
  if (hintMs !== null && policy.retry_after === 'honour') {
    if (hintMs > policy.retry_after_max) return null
    delay = Math.max(delay, hintMs * (1 + HINT_JITTER * rng.next()))
  }
  const rounded = quantize(delay)
  return rounded < remainingMs ? rounded : null
}

function backoffMs({ base, cap, multiplier, jitter }: RetryPolicy, retry: number, lastMs: Millis, rng: Rng): Millis {
  if (jitter === 'decorrelated')
    return Math.min(cap, base + rng.next() * Math.max(0, 3 * Math.max(base, lastMs) - base))
  let wait = base
  for (let doubled = 0; doubled < retry && wait < cap; doubled += 1) wait *= multiplier
  wait = Math.min(cap, wait)
  switch (jitter) {
    case 'full':
      return wait * rng.next()
    case 'equal':
      return wait * (0.5 + 0.5 * rng.next())
    case 'none':
      return wait
    default:
      return wait * (jitter.from + (jitter.to - jitter.from) * rng.next())
  }
}
