/** The shape of sweep.json, as published by `squall schema sweep`, which is what `squall merge` reads again. */
import { z } from 'zod'
import { gateSchema } from '../../gates/index.ts'
import {
  count,
  firstViolation,
  gate,
  instant,
  nano,
  policies,
  selector,
  sources,
  squall,
  status,
  unit,
  verdict,
} from './shared.ts'

export const SWEEP_VERSION = 1

const observed = z.number().nullable()
const range = z.object({ first: count, count })

/** A gate as it was checked: lengths of time are in ms, money is in nano-dollars. */
const asked = z.object({
  ...gateSchema.shape,
  window: instant.optional(),
  slo: z.object({ ttft: instant.optional(), latency: instant.optional() }).optional(),
  over: z.union([instant, z.array(instant)]).optional(),
  budget: nano.optional(),
})

const sweepGate = gate.extend({
  rule: z.enum(['point', 'bound', 'share', 'baseline']).meta({
    description: 'Whether the worst seed decides, the mean and its interval, the share of seeds, or a baseline.',
  }),
  before: z.number().optional().meta({ description: 'What the baseline had.' }),
  seeds: z
    .object({ passed: count, failed: count, inconclusive: count })
    .meta({ description: 'On how many seeds it holds, does not, and cannot be told.' }),
  worstSeed: count.nullable(),
})

const seedRun = z.object({
  seed: count,
  fingerprint: z.string().nullable().meta({ description: 'SHA-256 over the ledger.' }),
  requests: count,
  doubts: z.array(z.string()),
  gates: z
    .array(
      z.object({ status, observed, n: count, cause: z.string().nullable(), firstViolation: firstViolation.optional() }),
    )
    .meta({ description: 'In the order of `gates`.' }),
  metrics: z.array(observed).meta({ description: 'In the order of `table`.' }),
})

export const sweepSchema = z
  .object({
    squallSweep: z.literal(SWEEP_VERSION).meta({ description: 'Version of this shape.' }),
    squall,
    scenario: z.string(),
    summary: z.string(),
    file: z.string(),
    policies,
    clock: z.literal('virtual'),
    durationMs: instant,
    planned: range.meta({ description: 'The seeds that were to be played, by all shards together.' }),
    shard: z
      .object({ index: count, of: count })
      .optional()
      .meta({ description: 'Which part of them this is, counted from 1. Absent: all of them.' }),
    verdict,
    expect: status,
    gates: z.array(sweepGate),
    command: z.string().meta({ description: 'Plays the scenario; `--seed` or `--seeds` is added to it.' }),
    asked: z
      .array(asked)
      .meta({ description: 'The gates of the scenario, checked: times in ms, money in nano-dollars.' }),
    table: z.array(z.object({ metric: z.string(), stat: z.string(), unit, where: selector })),
    runs: z.array(seedRun).meta({ description: 'By seed.' }),
    sources,
  })
  .meta({ title: 'Squall sweep', description: 'One scenario over many seeds: sweep.json.' })
