/** Independent arrivals at a steady mean rate: the usual model of many users who do not know each other. */
import { quantize, rate, Rng, sampleExponential, SECOND } from '../../base/index.ts'
import { defineArrivals } from '../arrival.ts'

export const poisson = defineArrivals({
  kind: 'poisson',
  summary: 'Independent arrivals at a mean rate.',
  params: { rate: rate({ min: 1e-6, max: 1_000_000 }).meta({ examples: ['20/s'] }) },
  example: 'arrivals: { kind: poisson, rate: 20/s }',
  expected: ({ rate: perSecond }, durationMs) => (perSecond * durationMs) / SECOND,
  begin({ rate: perSecond }, rng) {
    const gapMs = SECOND / perSecond
    const dice = Rng.blank()
    return {
      loop: 'open',
      next: (after, ordinal) => quantize(after + sampleExponential(gapMs, rng.forkInto(dice, ordinal))),
    }
  },
})
