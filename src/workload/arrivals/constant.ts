/** One arrival every so often, without any noise: for experiments that must be read by eye. */
import { quantize, rate, SECOND } from '../../base/index.ts'
import { defineArrivals } from '../arrival.ts'

export const constant = defineArrivals({
  kind: 'constant',
  summary: 'Evenly spaced arrivals.',
  params: { rate: rate({ min: 1e-6, max: 1_000_000 }).meta({ examples: ['5/s'] }) },
  example: 'arrivals: { kind: constant, rate: 5/s }',
  expected: ({ rate: perSecond }, durationMs) => (perSecond * durationMs) / SECOND,
  begin({ rate: perSecond }) {
    // From the ordinal, not from the last arrival: rounding must not add up.
    return { loop: 'open', next: (_after, ordinal) => quantize(((ordinal + 1) * SECOND) / perSecond) }
  },
})
