/** Concurrency limits: so many at once, and the next is turned away, however slowly the others are served. */
import { count } from '../../base/index.ts'
import { defineFault } from '../fault.ts'
import { hinted, hintParams } from '../hint.ts'
import { turnAway } from '../refusal.ts'
import { scopeOf, scopeParam } from '../scope.ts'

export const concurrencyLimit = defineFault({
  kind: 'concurrency_limit',
  summary: 'Only so many at once.',
  layer: 'limit',
  sees: '429 for the request that is one too many.',
  params: {
    max_in_flight: count({ min: 1 })
      .default(10)
      .meta({ description: 'Held at once.', examples: [10] }),
    scope: scopeParam,
    ...hintParams,
  },
  example: '{ at: 30s, for: 60s, on: { provider: openai }, fault: concurrency_limit, max_in_flight: 5 }',
  ramps: 'share',
  variants: [
    {
      id: 'rl.concurrency',
      summary: 'The request after the last that may be open at once is turned away.',
      with: {},
      sees: '429 as long as the others are not done.',
      expect: 'Requests in flight are limited per key, before they are sent.',
      seen: '666ghj/BettaFish#256, Anthropic (concurrent connections)',
    },
  ],
  label: ({ max_in_flight: max }) => `${max} at once`,
  begin({ max_in_flight: max, scope, ...hint }) {
    return {
      onAdmit(strike) {
        const { endpoint, members, load } = strike
        const mine = scopeOf(scope, endpoint)
        let inFlight = 0
        for (const { index, spec } of members) if (scopeOf(scope, spec) === mine) inFlight += load.inFlight(index)
        return inFlight < max
          ? null
          : turnAway(strike, 'rate_limited', { status: 429, limit: max, ...hinted(1_000, hint) })
      },
    }
  },
})
