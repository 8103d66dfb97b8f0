/** Poisson arrivals whose rate jumps between states and stays in each for a while: quiet times and busy ones. */
import { z } from 'zod'
import { duration, rate, SECOND } from '../../base/index.ts'
import { defineArrivals } from '../arrival.ts'
import { meanRate, modulated as modulatedBy, type RateState } from '../bursts.ts'

const STATES_MAX = 100

const state = z.strictObject({
  rate: rate({ min: 0, max: 1_000_000 }).meta({ description: '0/s: nobody comes.', examples: ['2/s'] }),
  for: duration({ min: 1_000 }).meta({ description: 'Mean time in it.', examples: ['60s'] }),
})

export const modulated = defineArrivals({
  kind: 'modulated',
  summary: 'A mean rate that jumps between states and stays in each for a while.',
  params: {
    states: z
      .array(state)
      .min(2, { error: 'a rate that jumps needs two states or more' })
      .max(STATES_MAX)
      .refine((states) => states.some(({ rate: perSecond }) => perSecond > 0), {
        error: 'nobody would ever arrive: at least one state needs a rate above 0/s',
      })
      .meta({
        description: 'The states, in their order, round and round; each lasts an exponential time.',
        examples: [
          [
            { rate: '2/s', for: '60s' },
            { rate: '20/s', for: '10s' },
          ],
        ],
      }),
  },
  example: 'arrivals: { kind: modulated, states: [{ rate: 2/s, for: 60s }, { rate: 20/s, for: 10s }] }',
  expected: ({ states }, durationMs) => (meanRate(statesOf(states)) * durationMs) / SECOND,
  begin: ({ states }, rng, durationMs) => modulatedBy(statesOf(states), rng, durationMs),
})

function statesOf(states: readonly z.output<typeof state>[]): RateState[] {
  return states.map(({ rate: perSecond, for: forMs }) => ({ rate: perSecond, forMs }))
}
