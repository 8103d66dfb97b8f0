/**
 * Poisson arrivals that follow the day: a smooth swing between a peak and, twelve hours away, a trough; or 24 measured
 * hours. A day may be shorter than a day, so that a run need not be as long.
 */
import { z } from 'zod'
import { duration, rate, SECOND, type Millis } from '../../base/index.ts'
import { defineArrivals } from '../arrival.ts'
import { hourAt, hourly, thinned } from '../bursts.ts'

const HOURS = 24

const hourOfDay = z.number().min(0).max(HOURS)

export const diurnal = defineArrivals({
  kind: 'diurnal',
  summary: 'A mean rate that follows the hours of the day.',
  params: {
    rate: rate({ min: 1e-6, max: 1_000_000 }).meta({ description: 'The mean rate over a day.', examples: ['20/s'] }),
    peak: z
      .number()
      .min(1)
      .max(2)
      .default(1.5)
      .meta({
        description: 'Rate at the peak over the mean; the trough is as far below it. Azure 2023 conversation: 1.54.',
        examples: [1.5],
      }),
    peak_hour: hourOfDay.default(14).meta({ description: 'Hour of the day of the peak.', examples: [14] }),
    hours: z
      .array(z.number().min(0).max(100))
      .length(HOURS, { error: 'a day has 24 hours: give 24 numbers' })
      .refine((hours) => hours.some((hour) => hour > 0), { error: 'nobody would ever arrive: all hours are 0' })
      .optional()
      .meta({
        description:
          'Instead of `peak` and `peak_hour`: the rate of each hour from midnight, over the mean. They are scaled to have the mean 1.',
      }),
    from: hourOfDay.default(0).meta({ description: 'Hour of the day at which the run begins.', examples: [8] }),
    day: duration({ min: 1_000 })
      .prefault('24h')
      .meta({ description: 'How long a day lasts in the run.', examples: ['24m'] }),
  },
  example: 'arrivals: { kind: diurnal, rate: 20/s, peak: 1.5, peak_hour: 14, day: 24m }',
  expected: ({ rate: perSecond }, durationMs) => (perSecond * durationMs) / SECOND,
  begin({ rate: mean, peak, peak_hour: peakHour, hours, from, day: dayMs }, rng, durationMs) {
    const day = { from, dayMs }
    if (hours !== undefined) return hourly(mean, hours, day, rng, durationMs)
    const rateAt = (now: Millis): number => mean * swing(hourAt(day, now) - peakHour, peak)
    return thinned(rateAt, mean * peak, rng, durationMs)
  },
})

/** From `peak` down to `2 − peak` and back, smoothly; its mean over a day is 1. */
function swing(hoursAfterPeak: number, peak: number): number {
  const apart = Math.abs(((hoursAfterPeak + 2 * HOURS + HOURS / 2) % HOURS) - HOURS / 2)
  const near = 1 - apart / (HOURS / 2)
  return 2 - peak + (2 * peak - 2) * near * near * (3 - 2 * near)
}
