/**
 * The course of a fault over its time: how strong it is at an instant, from 0 (not there) to 1 (in full).
 *
 *   step      one strength from start to end (the default: full)
 *   ramp      grows evenly to full over `up` (default: all of its time), and falls evenly over the last `down`
 *   flap      on for `duty` of every `period`, off for the rest; on first
 *   window    on for `last`, once in `every`; on first
 *   markov    bursts: good and bad spells of random length, strong in a bad one (Gilbert–Elliott)
 *   diurnal   strongest at one time of every `period`, weakest half a period away
 *   relapse   back as soon as it is used again: after a quiet spell a few attempts go well, and no more
 *
 * All but the last are functions of time alone. A relapse is told by the attempts themselves, in their order.
 */
import { z } from 'zod'
import { count, duration, ratio, sampleExponential, type Millis, type Rng } from '../base/index.ts'
import type { AttemptHandle } from '../protocol/index.ts'

const period = (example: string, description: string) =>
  duration({ min: 100 }).meta({ description, examples: [example] })

export const shapeSchema = z
  .discriminatedUnion('kind', [
    z.strictObject({
      kind: z.literal('step'),
      level: ratio()
        .default(1)
        .meta({ description: 'How strong.', examples: ['30%'] }),
    }),
    z.strictObject({
      kind: z.literal('ramp'),
      up: duration({ min: 1 })
        .optional()
        .meta({ examples: ['30s'] }),
      down: duration({ min: 1 })
        .optional()
        .meta({ examples: ['30s'] }),
    }),
    z.strictObject({
      kind: z.literal('flap'),
      period: period('10s', 'One time on and off.'),
      duty: ratio()
        .default(0.5)
        .meta({ description: 'Share of the period that it is on.', examples: ['50%'] }),
    }),
    z.strictObject({
      kind: z.literal('window'),
      every: period('60s', 'From one beginning to the next.'),
      last: period('10s', 'How long each lasts.'),
    }),
    z.strictObject({
      kind: z.literal('markov'),
      mean_up: period('50s', 'Mean length of a good spell; the first is one.'),
      mean_down: period('10s', 'Mean length of a bad spell.'),
      good: ratio()
        .default(0)
        .meta({ description: 'Strength in a good spell.', examples: ['1%'] }),
      bad: ratio()
        .default(1)
        .meta({ description: 'Strength in a bad spell.', examples: ['80%'] }),
    }),
    z.strictObject({
      kind: z.literal('diurnal'),
      period: duration({ min: 1_000 }).prefault('24h').meta({ description: 'One day.' }),
      peak: duration({ min: 0 })
        .prefault('14h')
        .meta({ description: 'When it is strongest, from its start.', examples: ['14h'] }),
      trough: ratio()
        .default(0)
        .meta({ description: 'Strength half a period from the peak.', examples: ['10%'] }),
    }),
    z.strictObject({
      kind: z.literal('relapse'),
      quiet: period('5s', 'How long an endpoint must be left alone to seem well.'),
      good: count({ min: 1, max: 1_000 }).default(1).meta({ description: 'Attempts that go well then.' }),
    }),
  ])
  .meta({ id: 'shape' })

export type Shape = z.infer<typeof shapeSchema>

/** How strong a fault is for an attempt, `elapsedMs` after its start. */
export type Course = (elapsedMs: Millis, attempt: AttemptHandle, now: Millis) => number

/** The course of a fault that lasts `forMs` in all. `rng` is the fault's own. */
export function courseOf(shape: Shape, forMs: Millis, rng: Rng): Course {
  switch (shape.kind) {
    case 'step':
      return () => shape.level
    case 'ramp': {
      const up = shape.up ?? (shape.down === undefined ? forMs : 0)
      return (elapsedMs) =>
        Math.min(
          up > 0 ? Math.min(1, elapsedMs / Math.min(up, forMs)) : 1,
          shape.down === undefined ? 1 : Math.min(1, (forMs - elapsedMs) / shape.down),
        )
    }
    case 'flap':
      return (elapsedMs) => (elapsedMs % shape.period < shape.duty * shape.period ? 1 : 0)
    case 'window':
      return (elapsedMs) => (elapsedMs % shape.every < shape.last ? 1 : 0)
    case 'markov':
      return spells(shape, rng)
    case 'diurnal':
      return (elapsedMs) => {
        const away = Math.abs((elapsedMs - shape.peak) % shape.period) / shape.period
        const x = 2 * Math.min(away, 1 - away)
        return shape.trough + (1 - shape.trough) * (1 - x * x * (3 - 2 * x)) // within 1 % of a raised cosine
      }
    case 'relapse':
      return relapse(shape)
  }
}

/** Lengths are keyed by their number, so whoever asks first, the spells are the same. */
function spells({ mean_up: up, mean_down: down, good, bad }: Shape & { kind: 'markov' }, rng: Rng): Course {
  const ends: Millis[] = []
  let past = 0 // Questions come in order of time: the spell of the last one is where to look first.
  return (elapsedMs) => {
    for (let end = ends.at(-1) ?? 0; end <= elapsedMs;) {
      const number = ends.length
      end += Math.max(1, sampleExponential(number % 2 === 0 ? up : down, rng.fork(number)))
      ends.push(end)
    }
    while (past > 0 && (ends[past - 1] as number) > elapsedMs) past -= 1
    while ((ends[past] as number) <= elapsedMs) past += 1
    return past % 2 === 0 ? good : bad
  }
}

function relapse({ quiet, good }: Shape & { kind: 'relapse' }): Course {
  interface Memory {
    lastAt: Millis
    left: number
    asked: AttemptHandle
    level: number
  }
  const memories = new Map<number, Memory>()
  return (_elapsedMs, attempt, now) => {
    const memory = memories.get(attempt.endpoint)
    if (!memory) {
      memories.set(attempt.endpoint, { lastAt: now, left: 0, asked: attempt, level: 1 })
      return 1
    }
    if (memory.asked === attempt) return memory.level
    if (now - memory.lastAt >= quiet) memory.left = good
    memory.level = memory.left > 0 ? 0 : 1
    memory.left = Math.max(0, memory.left - 1)
    memory.lastAt = now
    memory.asked = attempt
    return memory.level
  }
}
