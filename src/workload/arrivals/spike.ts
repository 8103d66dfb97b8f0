/** Poisson arrivals at a base rate, and at a higher one between two instants. */
import { duration, quantize, rate, sampleExponential, SECOND } from '../../base/index.ts'
import { defineArrivals } from '../arrival.ts'

export const spike = defineArrivals({
  kind: 'spike',
  summary: 'A base rate with one spike.',
  params: {
    rate: rate({ min: 0, max: 1_000_000 }).meta({ examples: ['10/s'] }),
    peak: rate({ min: 0, max: 1_000_000 }).meta({
      description: 'The rate during the spike; below `rate` it is a lull.',
      examples: ['80/s'],
    }),
    at: duration().meta({ description: 'When it starts.', examples: ['60s'] }),
    for: duration({ min: 1 }).meta({ description: 'How long it lasts.', examples: ['30s'] }),
  },
  example: 'arrivals: { kind: spike, rate: 10/s, peak: 80/s, at: 60s, for: 30s }',
  expected({ rate: base, peak, at: from, for: span }, durationMs) {
    const inside = Math.max(0, Math.min(durationMs, from + span) - from)
    return (base * (durationMs - inside) + peak * inside) / SECOND
  },
  begin({ rate: base, peak, at: from, for: span }, rng) {
    return {
      loop: 'open',
      next(after, ordinal) {
        let left = sampleExponential(1, rng.fork(ordinal))
        let now = after
        // At most two edges lie ahead; spend the step piece by piece at the rate of each.
        for (const edge of [from, from + span]) {
          if (now >= edge) continue
          const perMs = (edge === from ? base : peak) / SECOND
          const piece = (edge - now) * perMs
          if (left < piece) return quantize(now + left / perMs)
          left -= piece
          now = edge
        }
        return quantize(now + (left * SECOND) / base)
      },
    }
  },
})
