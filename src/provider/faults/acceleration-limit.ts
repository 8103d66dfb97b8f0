/**
 * Acceleration limits: no bucket is empty, but the traffic grows too fast. What failover sends to the next provider all
 * at once is just that.
 */
import { count, duration, ratio, type Millis } from '../../base/index.ts'
import { defineFault } from '../fault.ts'
import { hinted, hintParams } from '../hint.ts'
import { turnAway } from '../refusal.ts'
import { PerScope, scopeParam } from '../scope.ts'

interface Paces {
  window: number
  admitted: number
  before: number
}

export const accelerationLimit = defineFault({
  kind: 'acceleration_limit',
  summary: 'Traffic may grow only so fast.',
  layer: 'limit',
  sees: '429 on a sharp rise, although no limit is reached.',
  params: {
    growth: ratio()
      .default(0.5)
      .meta({ description: 'How much more a window may bring than the one before.', examples: ['50%'] }),
    window: duration({ min: 1_000 })
      .prefault('60s')
      .meta({ description: 'What is compared with what.', examples: ['60s'] }),
    floor: count({ min: 1 })
      .default(10)
      .meta({ description: 'Requests that any window may bring.', examples: [10] }),
    scope: scopeParam,
    ...hintParams,
  },
  example: '{ at: 30s, for: 5m, on: { provider: anthropic }, fault: acceleration_limit, growth: 50%, window: 60s }',
  ramps: 'share',
  variants: [
    {
      id: 'rl.acceleration',
      summary: 'Turned away for growing by more than half a minute’s traffic in a minute.',
      with: {},
      sees: '429 with a Retry-After on a sharp rise.',
      expect: 'Failover traffic is ramped, not switched.',
      seen: 'Anthropic (acceleration limits), OpenAI 429 slow_down (50 % per 15 min)',
    },
  ],
  label: ({ growth, floor }) => `+${Math.round(growth * 100)}% at a time, from ${floor}`,
  begin({ growth, window, floor, scope, ...hint }) {
    const paces = new PerScope<Paces>(scope, () => ({ window: 0, admitted: 0, before: 0 }))
    const turn = (pace: Paces, number: number): void => {
      if (number === pace.window) return
      pace.before = number === pace.window + 1 ? pace.admitted : 0
      pace.admitted = 0
      pace.window = number
    }
    return {
      onAdmit(strike) {
        const { endpoint, sinceMs } = strike
        const pace = paces.of(endpoint)
        turn(pace, Math.floor(sinceMs / window))
        if (pace.admitted < Math.max(floor, pace.before * (1 + growth))) {
          pace.admitted += 1
          return null
        }
        const waitMs: Millis = window - (sinceMs % window)
        return turnAway(strike, 'rate_limited', { status: 429, ...hinted(waitMs, hint) })
      },
    }
  },
})
