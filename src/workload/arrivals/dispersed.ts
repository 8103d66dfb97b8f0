/**
 * Poisson arrivals whose counts vary more than Poisson's: the rate swings between two states, as much as it takes for the
 * index of dispersion that was measured.
 */
import { z } from 'zod'
import { duration, rate, SECOND } from '../../base/index.ts'
import { defineArrivals } from '../arrival.ts'
import { modulated, twoStates } from '../bursts.ts'

export const dispersed = defineArrivals({
  kind: 'dispersed',
  summary: 'A mean rate, and how much the number of arrivals a minute varies.',
  params: {
    rate: rate({ min: 1e-6, max: 1_000_000 }).meta({ description: 'The mean rate.', examples: ['5.53/s'] }),
    dispersion: z
      .number()
      .min(1)
      .max(10_000)
      .meta({
        description:
          'Variance over mean of the number of arrivals within `per`. Poisson: 1. Azure 2023: 20.6 for conversations, 160 for code.',
        examples: [20.6],
      }),
    per: duration({ min: 1_000 })
      .prefault('60s')
      .meta({ description: 'The time within which they were counted.', examples: ['60s'] }),
    stay: duration({ min: 1_000 })
      .prefault('5m')
      .meta({ description: 'Mean time from one jump of the rate to the next.', examples: ['5m'] }),
  },
  example: 'arrivals: { kind: dispersed, rate: 5.53/s, dispersion: 20.6 }',
  expected: ({ rate: perSecond }, durationMs) => (perSecond * durationMs) / SECOND,
  begin: ({ rate: perSecond, dispersion, per, stay }, rng, durationMs) =>
    modulated(twoStates(perSecond, dispersion, per, stay), rng, durationMs),
})
