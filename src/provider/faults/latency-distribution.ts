/**
 * Another distribution of the time to first token: by percentiles, as providers publish them, or in two modes, as a
 * prompt cache makes it. The draw replaces that of the endpoint; everything else stays.
 *
 * Between the percentiles the time grows evenly; above the 99th it ends at twice that. Published pairs of p95 and p99
 * do not lie on one lognormal (the tail of every provider is heavier), so three numbers say more than a name.
 */
import { z } from 'zod'
import { duration, ratio, type Millis } from '../../base/index.ts'
import { defineFault } from '../fault.ts'

export const latencyDistribution = defineFault({
  kind: 'latency_distribution',
  summary: 'The time to first token has another distribution.',
  layer: 'latency',
  sees: 'First tokens as late as three percentiles say, or in two modes: soon when cached, late when not.',
  params: {
    mode: z.enum(['percentiles', 'cache']).default('percentiles').meta({
      description:
        '`percentiles`: p50, p95, p99. `cache`: `hit` or `miss`; only a later turn of a conversation can hit.',
    }),
    p50: duration({ min: 1 })
      .prefault('4s')
      .meta({ description: 'Median.', examples: ['4s'] }),
    p95: duration({ min: 1 })
      .prefault('15s')
      .meta({ description: '95th percentile.', examples: ['15s'] }),
    p99: duration({ min: 1 })
      .prefault('25s')
      .meta({ description: '99th percentile.', examples: ['25s'] }),
    hit_rate: ratio()
      .default(0.5)
      .meta({ description: 'Share of the later turns that hit.', examples: ['50%'] }),
    hit: duration({ min: 1 })
      .prefault('200ms')
      .meta({ description: 'When cached.', examples: ['200ms'] }),
    miss: duration({ min: 1 })
      .prefault('2s')
      .meta({ description: 'When not.', examples: ['2s'] }),
  },
  example: '{ at: 60s, for: 2m, on: { provider: openai }, fault: latency_distribution, p50: 4s, p95: 15s, p99: 25s }',
  ramps: 'share',
  variants: [
    {
      id: 'lat.distribution',
      summary: 'A brownout by percentiles.',
      with: { mode: 'percentiles' },
      sees: 'First tokens drawn from p50, p95 and p99.',
      expect: 'Timeouts and second attempts set from percentiles, not from means.',
      seen: 'Bifrost mocker, MockServer; kairosroute.com leaderboard',
    },
    {
      id: 'lat.cache_hit_bimodal',
      summary: 'Two modes: later turns that hit the cache are fast, all else is slow.',
      with: { mode: 'cache' },
      sees: 'First tokens at 200 ms or at two seconds, and nothing between.',
      expect: 'Sessions stay where their prefix is known.',
      seen: 'kvcache-ai/Mooncake traces, llm-d KV-cache routing',
    },
  ],
  misfit: ({ p50, p95, p99 }) =>
    p50 <= p95 && p95 <= p99
      ? null
      : { message: 'percentiles must not fall', fix: 'write p50 ≤ p95 ≤ p99, like "p50: 4s, p95: 15s, p99: 25s"' },
  label: ({ mode, p50, p99 }) => (mode === 'cache' ? 'cache hits and misses' : `p50 ${p50} ms, p99 ${p99} ms`),
  begin({ mode, p50, p95, p99, hit_rate: hitRate, hit, miss }) {
    return {
      onService(service, { attempt, rng }) {
        if (mode === 'percentiles') return { ...service, ttftMs: quantile(rng.next(), p50, p95, p99) }
        const isLater = (attempt.request.session?.turn ?? 0) > 0
        return { ...service, ttftMs: isLater && rng.chance(hitRate) ? hit : miss }
      },
    }
  },
})

function quantile(u: number, p50: Millis, p95: Millis, p99: Millis): Millis {
  if (u < 0.5) return p50 / 2 + (p50 / 2) * (u / 0.5)
  if (u < 0.95) return p50 + (p95 - p50) * ((u - 0.5) / 0.45)
  if (u < 0.99) return p95 + (p99 - p95) * ((u - 0.95) / 0.04)
  return p99 + p99 * ((u - 0.99) / 0.01)
}
