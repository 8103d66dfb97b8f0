/**
 * Maintenance: announced, orderly, and the same for everybody. What is in flight is served to its end; what is new gets
 * 503 and is told when it will be over. That everybody is told the same instant is a trap of its own.
 */
import { duration } from '../../base/index.ts'
import { defineFault } from '../fault.ts'
import { turnAway } from '../refusal.ts'

export const maintenance = defineFault({
  kind: 'maintenance',
  summary: 'Closed for new requests, and it says until when.',
  layer: 'http',
  sees: '503 with a Retry-After that points at the end; what is in flight is served.',
  params: {
    early: duration({ min: 0 })
      .prefault('0s')
      .meta({ description: 'How much too early the hint is.', examples: ['5s'] }),
    drain: duration({ min: 0 })
      .prefault('0s')
      .meta({ description: 'For so long from the start, new requests are still let in.', examples: ['10s'] }),
  },
  example: '{ at: 60s, for: 2m, on: { provider: openai }, fault: maintenance }',
  ramps: 'share',
  gateway: true,
  variants: [
    {
      id: 'pattern.maintenance',
      summary: 'Drained, closed with a hint, and back.',
      with: {},
      sees: '503 with the time that is left; answers in flight end well.',
      expect: 'Drained gracefully: away at the first 503, back at the hint, nothing broken.',
      seen: 'Practice of vendors and load balancers',
    },
    {
      id: 'pattern.recovery_herd',
      summary: 'Everybody is told the same instant, and it is a little too early.',
      with: { early: '5s' },
      sees: '503 whose hints all end at one instant.',
      expect: 'A jittered return.',
      seen: 'kvcache-ai/Mooncake#3946; Google Cloud 2025-06-12 (us-central1, herd on Spanner)',
    },
  ],
  label: ({ early }) => (early > 0 ? `until ${early} ms before its end` : 'until its end'),
  begin({ early, drain }) {
    return {
      onAdmit(strike) {
        if (strike.sinceMs < drain) return null
        const leftMs = Math.max(0, strike.leftMs - early)
        const hint = Number.isFinite(leftMs) ? { retryAfterMs: Math.ceil(leftMs / 1_000) * 1_000 } : {}
        return turnAway(strike, 'overloaded', { status: 503, ...hint })
      },
    }
  },
})
