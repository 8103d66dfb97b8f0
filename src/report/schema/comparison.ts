/** The shape of compare.json, as published by `squall schema comparison`. */
import { z } from 'zod'
import { cost, count, instant, selector, sources, squall, status, unit, verdict } from './shared.ts'

export const COMPARISON_VERSION = 1

const value = z.number().nullable()
const difference = z.object({
  metric: z.string(),
  stat: z.string(),
  unit,
  where: selector,
  worse: z.enum(['higher', 'lower']).meta({ description: 'Which way is worse.' }),
  isPaired: z.boolean().meta({ description: 'Both sides have the same seeds, and differences are of one seed.' }),
  before: value.meta({ description: 'Mean over the seeds, in the unit; null where there is nothing to compare.' }),
  after: value,
  tolerated: z.number().meta({ description: 'What it may be worse by, in the unit.' }),
  comparison: z
    .object({
      status,
      difference: z.number().meta({ description: 'Mean of the differences, after minus before.' }),
      interval: z.object({ low: z.number(), high: z.number() }).meta({ description: '95%.' }),
      runs: count,
      runsNeeded: count.nullable().meta({ description: 'With which it could probably be told; null where it was.' }),
    })
    .nullable()
    .meta({ description: 'null: fewer than two seeds have a value on both sides.' }),
  status,
  cause: z.string().nullable(),
})

const parting = z.object({
  seed: count,
  request: z.string(),
  why: z.string().meta({ description: 'What is different about it first.' }),
  parted: count.meta({ description: 'Requests of that seed that fare differently.' }),
  requests: count,
  before: z.array(z.string()).meta({ description: 'Its story under the first policy, in lines.' }),
  after: z.array(z.string()),
})

export const comparisonSchema = z
  .object({
    squallComparison: z.literal(COMPARISON_VERSION).meta({ description: 'Version of this shape.' }),
    squall,
    scenario: z.string(),
    summary: z.string(),
    file: z.string(),
    before: z.string().meta({ description: 'The first policy, as it was named.' }),
    after: z.string(),
    clock: z.literal('virtual'),
    durationMs: instant,
    seeds: z.object({ first: count, count }),
    maxRegress: z.number().min(0).meta({ description: 'How much worse anything may be, as a share.' }),
    verdict,
    deciding: z
      .array(difference)
      .meta({ description: 'What decides: the gates of the scenario, or success and cost.' }),
    others: z.array(difference).meta({ description: 'Every other metric over the whole run.' }),
    parting: parting.nullable().meta({ description: 'null: every request of the first seed fares alike.' }),
    costs: z.array(cost).meta({
      description: 'Of the first seed: `run` is the second policy, `twin` the first. The whole run, then its windows.',
    }),
    reproduce: z.string(),
    sources,
  })
  .meta({ title: 'Squall comparison', description: 'Two policies under the same storms: compare.json.' })
