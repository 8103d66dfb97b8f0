/**
 * Stickiness: the turns of a conversation (or all requests of a tenant) go to the same endpoint, where their prompt is
 * still in the cache. Nothing is remembered: rendezvous hashing gives each key its own order of endpoints, so when one
 * leaves, its keys and no others move, each to its next, and back when it returns. An endpoint that already has more
 * than its share takes no further key until it has less (bounded load). It takes the place of the gateway's own
 * stickiness (router/sticky.ts), which begins with a cache that was used, remembers, and knows no bound.
 *
 *   | field | default | source                                                                                       |
 *   | ----- | ------- | -------------------------------------------------------------------------------------------- |
 *   | by    | session | OpenRouter sticks by `session_id`                                                            |
 *   | bound | 1.25    | "Consistent Hashing with Bounded Loads" (arXiv 1608.01350); liblb and brpc use the same       |
 *
 * As at OpenRouter, `provider.order` comes first. A request without a session is not held anywhere.
 */
import { z } from 'zod'
import { at, hashName, mix32 } from '../../base/index.ts'
import type { ChatRequest } from '../../protocol/index.ts'

export const stickinessSchema = z.strictObject({
  by: z.enum(['session', 'tenant']).default('session').meta({ description: 'What stays at one endpoint.' }),
  bound: z
    .number()
    .min(1)
    .max(100)
    .default(1.25)
    .meta({ description: 'No endpoint takes more than this times the mean load.', examples: [1.25] }),
})

export type StickinessPolicy = z.infer<typeof stickinessSchema>

/** The 32-bit key that a request sticks by; null for none. */
export function stickyKey({ by }: StickinessPolicy, request: ChatRequest): number | null {
  return by === 'tenant' ? hashName(request.traits.tenant) : (request.session?.key ?? null)
}

/**
 * Where a key belongs: of `endpoints`, the one of greatest rendezvous weight among those that may be asked and are below
 * the bound; -1 when nobody is. `names`: 32-bit hashes by endpoint. `load`: how busy one is; negative if it may not be
 * asked.
 */
export function stickyEndpoint(
  key: number,
  endpoints: readonly number[],
  names: readonly number[],
  bound: number,
  load: (endpoint: number) => number,
): number {
  let total = 0
  let open = 0
  for (const endpoint of endpoints) {
    const busy = load(endpoint)
    if (busy < 0) continue
    total += busy
    open += 1
  }
  const most = Math.ceil((bound * (total + 1)) / open)
  let best = -1
  let bestWeight = -1
  for (const endpoint of endpoints) {
    const busy = load(endpoint)
    if (busy < 0 || busy + 1 > most) continue
    const weight = rendezvousWeight(key, at(names, endpoint))
    if (weight <= bestWeight) continue
    best = endpoint
    bestWeight = weight
  }
  return best
}

/** Uniform in 0..2^32 − 1, and for each key another order of names. */
function rendezvousWeight(key: number, name: number): number {
  return mix32(mix32(key) ^ Math.imul(name, 0x9e3779b1)) >>> 0
}
