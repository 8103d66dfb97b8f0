/** Pieces that the shapes of several reports have in common. */
import { z } from 'zod'

export const count = z.int().min(0)
export const instant = z.number().min(0).meta({ description: 'Scenario milliseconds from the start of the run.' })
export const nano = z.int().meta({ description: 'Nano-dollars.' })
export const status = z.enum(['pass', 'fail', 'inconclusive'])
export const unit = z.enum(['ratio', 'ms', 'count', 'factor', 'nano_usd', 'per_second'])
export const selector = z
  .object({
    workflow: z.string().optional(),
    window: z.string().optional(),
    provider: z.string().optional(),
    model: z.string().optional(),
    phase: z.enum(['before', 'during', 'after']).optional(),
    fallback: z.boolean().optional(),
    rung: count.optional(),
  })
  .meta({ description: 'The part of the traffic that is looked at. Empty: all of it.' })

export const firstViolation = z
  .object({
    at: instant,
    requests: z.array(z.string()).max(5).meta({ description: 'As `squall explain` takes them.' }),
    seed: count.optional().meta({ description: 'Of a sweep: the seed it was.' }),
  })
  .meta({ description: 'Since when a gate that failed was broken, and the first requests that count against it.' })

export const gate = z.object({
  id: z.string(),
  metric: z.string(),
  stat: z.string(),
  where: selector,
  unit,
  status,
  observed: z.number().nullable().meta({ description: 'In the unit; null where there was nothing to measure.' }),
  operator: z.enum(['<', '<=', '>', '>=', '==']),
  bound: z.number(),
  threshold: z.string().meta({ description: 'As the file writes it.', examples: ['>= 99.5%'] }),
  n: count.meta({ description: 'Samples behind the value.' }),
  cause: z.string().nullable().meta({ description: 'Why it failed or could not tell; null for a pass.' }),
  level: z.enum(['block', 'warn', 'info']).optional().meta({ description: 'Absent: block.' }),
  interval: z.object({ low: z.number(), high: z.number() }).optional(),
  margin: z.number().min(-1).max(1).optional().meta({ description: 'How far it is from the bound; above 0 it holds.' }),
  firstViolation: firstViolation.optional(),
})

const parts = z
  .object({
    retriesAndHedges: nano,
    modelSubstitution: nano,
    tokenizer: nano,
    cacheLoss: nano,
    outputExpansion: nano,
    reasoning: nano.optional(),
    images: nano.optional(),
    audio: nano.optional(),
    offBook: nano,
  })
  .meta({ description: 'Nano-dollars by what they were spent on; their sum is what the run cost more than its twin.' })
const pair = { requests: count, run: nano, twin: nano }
export const cost = z.object({
  where: selector,
  ...pair,
  parts,
  shapley: parts
    .nullable()
    .meta({ description: 'Averaged over all orders; null where no part is above a tenth of the twin.' }),
  unserved: z.object(pair),
  newlyServed: z.object(pair),
  withoutPartner: count,
})

export const verdict = z.object({ status, causes: z.array(z.string()) })
export const sources = z
  .array(z.object({ file: z.string(), text: z.string() }))
  .meta({ description: 'The files that were played, as they were read.' })
export const squall = z.string().meta({ description: 'Version of Squall.' })
export const policies = z
  .array(z.string())
  .optional()
  .meta({ description: 'Played in place of those of the scenario.' })
