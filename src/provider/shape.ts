/**
 * The course of a fault over its time: how strong it is at an instant, from 0 (not there) to 1 (in full).
 *
 *   step   full strength from start to end (the default)
 *   ramp   grows evenly from 0 to full over `up` (default: all of its time)
 *   flap   on for `duty` of every `period`, off for the rest; on first
 */
import { z } from 'zod'
import { duration, ratio, type Millis } from '../base/index.ts'

export const shapeSchema = z
  .discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('step') }),
    z.strictObject({
      kind: z.literal('ramp'),
      up: duration({ min: 1 })
        .optional()
        .meta({ examples: ['30s'] }),
    }),
    z.strictObject({
      kind: z.literal('flap'),
      period: duration({ min: 100 }).meta({ description: 'One time on and off.', examples: ['10s'] }),
      duty: ratio()
        .default(0.5)
        .meta({ description: 'Share of the period that it is on.', examples: ['50%'] }),
    }),
  ])
  .meta({ id: 'shape' })

export type Shape = z.infer<typeof shapeSchema>

/** Strength at `elapsedMs` after the start of a fault that lasts `forMs` in all. */
export function levelAt(shape: Shape, elapsedMs: Millis, forMs: Millis): number {
  switch (shape.kind) {
    case 'step':
      return 1
    case 'ramp':
      return Math.min(1, elapsedMs / Math.min(shape.up ?? forMs, forMs))
    case 'flap':
      return elapsedMs % shape.period < shape.duty * shape.period ? 1 : 0
  }
}
