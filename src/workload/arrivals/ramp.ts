/** Poisson arrivals whose rate grows (or falls) evenly from one value to another over the run. */
import { NEVER, quantize, rate, sampleExponential, SECOND } from '../../base/index.ts'
import { defineArrivals } from '../arrival.ts'

export const ramp = defineArrivals({
  kind: 'ramp',
  summary: 'A mean rate that changes evenly over the run.',
  params: {
    from: rate({ min: 0, max: 1_000_000 }).meta({ examples: ['5/s'] }),
    to: rate({ min: 0, max: 1_000_000 }).meta({ examples: ['50/s'] }),
  },
  example: 'arrivals: { kind: ramp, from: 5/s, to: 50/s }',
  expected: ({ from, to }, durationMs) => ((from + to) / 2) * (durationMs / SECOND),
  begin({ from, to }, rng, durationMs) {
    // Accumulated rate at t: a·t + s·t²/2 in units of arrivals per ms; the next arrival is one exponential step on.
    const a = from / SECOND
    const slope = (to - from) / SECOND / durationMs
    return {
      loop: 'open',
      next(after, ordinal) {
        const target = a * after + (slope * after * after) / 2 + sampleExponential(1, rng.fork(ordinal))
        if (slope === 0) return a === 0 ? NEVER : quantize(target / a)
        const root = a * a + 2 * slope * target
        return root < 0 ? NEVER : quantize((-a + Math.sqrt(root)) / slope)
      },
    }
  },
})
