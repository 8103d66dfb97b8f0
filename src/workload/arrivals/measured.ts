/** Arrivals as they were measured somewhere: their rate, their bursts, their hours. The mix says how long they are. */
import { z } from 'zod'
import { duration, MINUTE, rate, SECOND } from '../../base/index.ts'
import { defineArrivals } from '../arrival.ts'
import { hourly, modulated, renewal, twoStates } from '../bursts.ts'
import { MEASURED, measuredOf, type MeasuredName } from '../measured.ts'

const STAY_MS = 5 * MINUTE

export const measured = defineArrivals({
  kind: 'measured',
  summary: 'Traffic with the parameters of a published trace.',
  params: {
    trace: z.enum(Object.keys(MEASURED) as [MeasuredName, ...MeasuredName[]]).meta({
      description: 'Which: Azure 2023 has bursts within the hour, ServeGen a rate for each hour of the day.',
      examples: ['azure-2023-code'],
    }),
    rate: rate({ min: 1e-6, max: 1_000_000 })
      .optional()
      .meta({ description: 'The mean rate. Default: that of the trace.', examples: ['20/s'] }),
    from: z
      .number()
      .min(0)
      .max(24)
      .default(0)
      .meta({ description: 'Where the trace has hours: the one at which the run begins.', examples: [8] }),
    day: duration({ min: 1_000 })
      .prefault('24h')
      .meta({ description: 'Where the trace has hours: how long its day lasts in the run.', examples: ['24m'] }),
  },
  example: 'arrivals: { kind: measured, trace: azure-2023-code, rate: 5/s }',
  expected: ({ trace, rate: asked }, durationMs) => ((asked ?? measuredOf(trace).rate) * durationMs) / SECOND,
  begin({ trace, rate: asked, from, day }, rng, durationMs) {
    const row = measuredOf(trace)
    const perSecond = asked ?? row.rate
    switch (row.way) {
      case 'gamma':
        return renewal(perSecond, row.cv, rng)
      case 'dispersed':
        // The same swing of the rate, whatever the rate: counts of more requests are dispersed more.
        return modulated(
          scaled(twoStates(row.rate, row.dispersionPerMinute, MINUTE, STAY_MS), perSecond / row.rate),
          rng,
          durationMs,
        )
      case 'hourly':
        return hourly(perSecond, row.hours, { from, dayMs: day }, rng, durationMs)
    }
  },
})

function scaled<T extends { readonly rate: number }>(states: readonly T[], factor: number): T[] {
  return states.map((state) => ({ ...state, rate: state.rate * factor }))
}
