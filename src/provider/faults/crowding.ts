/**
 * Crowding: how the endpoint does depends on how much is asked of it, retries and fallbacks included. So what a router
 * does about a slow endpoint may keep it slow (metastability: Bronson and others, HotOS 2021; Huang and others,
 * OSDI 2022), and what it sends to the next one may take that down as well (Anthropic, 2026-03-17: 529 on Sonnet ten
 * minutes after Opus).
 *
 *   slow     latency × 1 + (factor − 1) · (in flight / capacity), without end above capacity
 *   queue    what is above capacity waits for its turn, up to `queue` of them and up to `patience`; then 503
 *   refuse   above capacity, 503 for the share that is too much
 *   rate     latency grows with the rate of arrival, as M/M/1 does: 1 / (1 − rate/capacity), up to factor
 */
import { z } from 'zod'
import { count, duration, exp, type Millis } from '../../base/index.ts'
import { defineFault, type Strike } from '../fault.ts'
import { turnAway } from '../refusal.ts'
import { PerScope, scopeOf, scopeParam } from '../scope.ts'

interface Tide {
  perSecond: number
  at: Millis
}

export const crowding = defineFault({
  kind: 'crowding',
  summary: 'The more is asked of it, the worse it does.',
  layer: 'latency',
  sees: 'Answers that are slower the more are open, a queue, or 503 for what is too much.',
  params: {
    mode: z.enum(['slow', 'queue', 'refuse', 'rate']).meta({
      description:
        '`slow`: slower by what is in flight. `queue`: waits for a turn, then 503. `refuse`: 503 for the excess. `rate`: slower by the rate of arrival, retries included.',
    }),
    capacity: count({ min: 1 })
      .default(20)
      .meta({ description: 'In flight; with `rate`, attempts per second.', examples: [20] }),
    factor: z
      .number()
      .min(1)
      .max(1_000)
      .default(5)
      .meta({ description: '`slow`: how many times slower at capacity. `rate`: at the most.', examples: [5] }),
    queue: count({ min: 0 })
      .default(50)
      .meta({ description: 'With `queue`: how many may wait.', examples: [50] }),
    patience: duration({ min: 100 })
      .prefault('30s')
      .meta({ description: 'With `queue`: the longest wait that is accepted.', examples: ['30s'] }),
    over: duration({ min: 100 })
      .prefault('5s')
      .meta({ description: 'With `rate`: the time over which it is averaged.', examples: ['5s'] }),
    scope: scopeParam,
  },
  example: '{ at: 60s, for: 2m, on: { provider: openai }, fault: crowding, mode: slow, capacity: 20, factor: 5 }',
  ramps: 'share',
  variants: [
    {
      id: 'lat.load_factor',
      summary: 'Latency grows with what is in flight.',
      with: { mode: 'slow' },
      sees: 'First tokens and tokens slower, the more requests are open.',
      expect: 'Load is balanced by what is outstanding.',
      seen: 'llm-d time-factor-under-load',
    },
    {
      id: 'lat.queue',
      summary: 'What is above capacity waits for a turn; what would wait too long gets 503.',
      with: { mode: 'queue' },
      sees: 'A wait, then an answer; or 503 when the queue is full.',
      expect: 'Shed early, not after the wait.',
      seen: 'llm-d waiting queue',
    },
    {
      id: 'lat.queue.refused',
      summary: 'What is above capacity gets 503.',
      with: { mode: 'refuse', capacity: 10 },
      sees: '503 for the share that is too much.',
      expect: 'Fallback traffic is spread: it may be the excess.',
      seen: 'Anthropic 2026-03-17 (529 on the model that clients fell back to)',
    },
    {
      id: 'pattern.retry_feedback',
      summary: 'Latency grows with the rate of arrival: retries keep it slow when the cause is gone.',
      with: { mode: 'rate', factor: 50 },
      sees: 'Slow answers that stay slow as long as everybody tries again.',
      expect: 'A retry budget: amplification is bounded, so the load falls.',
      seen: 'Bronson et al., HotOS 2021; Huang et al., OSDI 2022; seangalliher/ProbOS#1065',
    },
  ],
  label: ({ mode, capacity }) => `${mode}, capacity ${capacity}${mode === 'rate' ? '/s' : ''}`,
  begin({ mode, capacity, factor, queue, patience, over, scope }) {
    const inFlight = ({ endpoint, members, load }: Strike): number => {
      const mine = scopeOf(scope, endpoint)
      let sum = 0
      for (const { index, spec } of members) if (scopeOf(scope, spec) === mine) sum += load.inFlight(index)
      return sum
    }
    const refuse = (strike: Strike) => turnAway(strike, 'overloaded', { status: 503 })
    switch (mode) {
      case 'slow':
        return {
          onService(service, strike) {
            const slower = 1 + (factor - 1) * (inFlight(strike) / capacity)
            return {
              ...service,
              ttftMs: service.ttftMs * slower,
              tokensPerSecond: service.tokensPerSecond / slower,
            }
          },
        }
      case 'refuse':
        return {
          onAdmit(strike) {
            const crowd = inFlight(strike) + 1
            return crowd > capacity && strike.rng.chance((crowd - capacity) / crowd) ? refuse(strike) : null
          },
        }
      case 'queue': {
        /** When each of the places is free again. */
        const turns = new PerScope(scope, () => ({ freeAt: Array.from({ length: capacity }, (): Millis => 0) }))
        return {
          onAdmit(strike) {
            const { freeAt } = turns.of(strike.endpoint)
            const waitMs = Math.min(...freeAt) - strike.now
            return waitMs > patience || inFlight(strike) >= capacity + queue ? refuse(strike) : null
          },
          onService(service, { attempt, endpoint, now }) {
            const { freeAt } = turns.of(endpoint)
            let first = 0
            freeAt.forEach((free, place) => {
              if (free < (freeAt[first] as Millis)) first = place
            })
            const waitMs = Math.max(0, (freeAt[first] as Millis) - now)
            const tokensMs = (attempt.request.outputTokens * 1_000) / service.tokensPerSecond
            freeAt[first] = now + waitMs + service.ttftMs + tokensMs
            return waitMs === 0 ? null : { ...service, ttftMs: service.ttftMs + waitMs }
          },
        }
      }
      case 'rate': {
        const tides = new PerScope<Tide>(scope, () => ({ perSecond: 0, at: 0 }))
        return {
          onService(service, { endpoint, now }) {
            const tide = tides.of(endpoint)
            tide.perSecond = tide.perSecond * exp((tide.at - now) / over) + 1_000 / over
            tide.at = now
            const used = tide.perSecond / capacity
            const slower = used >= 1 ? factor : Math.min(factor, 1 / (1 - used))
            return {
              ...service,
              ttftMs: service.ttftMs * slower,
              tokensPerSecond: service.tokensPerSecond / slower,
            }
          },
        }
      }
    }
  },
})
