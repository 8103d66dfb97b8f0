/**
 * What a gate may tell its metric besides where to look: the service level that is promised, over how long, how much may
 * be spent. A metric names those that it takes; the others are a mistake.
 */
import { z } from 'zod'
import { duration, HOUR, ratio, usd, type Millis } from '../base/index.ts'

const WINDOWS_MAX = 4

/** What an error budget is for. */
const BUDGET_PERIOD: Millis = 30 * 24 * HOUR

const span = duration({ min: 1_000 })

export const boundsShape = {
  slo: z
    .strictObject({
      ttft: duration({ min: 1 })
        .optional()
        .meta({ description: 'The first content is there by then. Absent: whenever.', examples: ['2s'] }),
      latency: duration({ min: 1 })
        .optional()
        .meta({ description: 'The whole answer is there by then. Absent: whenever.', examples: ['30s'] }),
    })
    .optional()
    .meta({
      description: 'What is promised of one request, all of it together, besides that it ends ok. Absent: no more.',
      examples: [{ ttft: '2s', latency: '30s' }],
    }),
  objective: ratio()
    .refine((value) => value >= 0.5 && value < 1, { error: 'an objective is from 50% to below 100%' })
    .optional()
    .meta({ description: 'The share of requests that keep what is promised. Default: 99.9%.', examples: ['99.9%'] }),
  over: z
    .union([span, z.array(span).min(1).max(WINDOWS_MAX)])
    .optional()
    .meta({
      description: 'How long a stretch of time is looked at; of several, all must say so at once.',
      examples: [['1h', '5m'], '10s'],
    }),
  budget: usd({ min: 0 })
    .optional()
    .meta({ description: 'What the selected requests may cost together.', examples: ['$5'] }),
} as const

const shape = z.object(boundsShape)

/** As a gate has them, checked. `over` in ms; `budget` in nano-dollars. */
export type Bounds = z.output<typeof shape>

export const BOUNDS = Object.keys(boundsShape) as readonly (keyof Bounds)[]

/** Those of a gate that say something, in the order above. */
export function boundsOf(spec: Bounds): Bounds {
  return Object.fromEntries(BOUNDS.flatMap((key) => (spec[key] === undefined ? [] : [[key, spec[key]]])))
}

/** `over` as a list, shortest last. */
export function stretchesOf({ over }: Bounds, fallback: readonly Millis[]): readonly Millis[] {
  const given = over === undefined ? fallback : typeof over === 'number' ? [over] : over
  return given.toSorted((left, right) => right - left)
}

/** The share of a month's error budget that failing so many times faster than allowed uses up in so long. */
export function budgetUsed(burn: number, forMs: Millis): number {
  return (burn * forMs) / BUDGET_PERIOD
}
