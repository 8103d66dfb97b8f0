/**
 * The shape of report.json, as published by `squall schema report`. Keys may be added without a new version; whoever
 * reads a report lets keys be that it does not know. A test holds every report to it.
 */
import { z } from 'zod'
import {
  cost,
  count,
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

export const REPORT_VERSION = 1

const level = z.object({ success: z.number(), amplification: z.number() })
const recovery = z
  .object({
    verdict: z.enum(['RECOVERED', 'SLOW_RECOVERY', 'METASTABLE', 'OVERLOADED', 'INCONCLUSIVE']),
    cause: z.string(),
    trigger: z.object({ from: instant, to: instant }),
    windowMs: instant,
    holdMs: instant,
    horizonMs: instant,
    timeToRecoverMs: instant.nullable(),
    drainMs: instant.nullable(),
    residualDeficit: z.number(),
    sustainingGain: z.object({ value: z.number(), low: z.number(), high: z.number() }).nullable(),
    healthy: level,
    tail: level,
    shed: z.object({ from: instant, to: instant.nullable(), recovered: z.boolean() }).nullable(),
  })
  .meta({ description: 'Whether it came back by itself once the faults were over.' })

const chronicle = z
  .object({
    sliceMs: z.number().positive(),
    arrived: z.array(count),
    ok: z.array(count),
    fallback: z.array(count),
    ttftP50: z.array(z.number().nullable()),
    ttftP95: z.array(z.number().nullable()),
    cost: z.array(nano),
    twin: z.object({ arrived: z.array(count), ok: z.array(count), cost: z.array(nano) }).nullable(),
    traffic: z.array(z.object({ endpoint: z.string(), provider: z.string(), attempts: z.array(count) })),
    states: z.array(z.object({ endpoint: z.string(), state: z.string(), from: instant, to: instant })),
    flows: z.array(z.object({ from: z.string(), to: z.string(), attempts: count })),
    errors: z.array(
      z.object({ errorClass: z.string(), endpoint: z.string(), attempts: count, requests: z.array(z.string()) }),
    ),
    latency: z.array(z.number()).meta({ description: 'Percentiles 1 to 100 of requests that ended ok, in ms.' }),
  })
  .meta({ description: 'The run over time, in slices of equal width. Lists have one number per slice.' })

export const reportSchema = z
  .object({
    squallReport: z.literal(REPORT_VERSION).meta({ description: 'Version of this shape.' }),
    squall,
    scenario: z.string(),
    summary: z.string(),
    file: z.string(),
    policies,
    seed: z.int().min(0),
    clock: z.enum(['virtual', 'live']),
    speed: z.number().positive(),
    durationMs: instant,
    endedAt: instant,
    partial: z.boolean().meta({ description: 'The run was stopped early.' }),
    aborted: z
      .object({
        at: instant,
        gate: z.string(),
        rule: z.int().min(1).meta({ description: 'Place of the rule in `abort` of the scenario, counted from 1.' }),
        reason: z.string(),
      })
      .optional()
      .meta({ description: 'A rule of the scenario ended the run early.' }),
    fingerprint: z.string().nullable().meta({ description: 'SHA-256 over the ledger; null in live runs.' }),
    verdict,
    expect: status,
    gates: z.array(gate),
    metrics: z.array(
      z.object({
        metric: z.string(),
        stat: z.string(),
        unit,
        where: selector,
        value: z.number().nullable(),
        n: count,
      }),
    ),
    faults: z.array(
      z.object({ id: z.string(), label: z.string(), at: instant, until: instant, hits: count, minHits: count }),
    ),
    providers: z.array(
      z.object({
        endpoint: z.string(),
        provider: z.string(),
        model: z.string(),
        attempts: count,
        ok: count,
        failed: count,
        served: count,
        upstreamCost: nano,
        errors: z.record(z.string(), count),
      }),
    ),
    windows: z.array(z.object({ name: z.string(), from: instant, to: instant })),
    counts: z.object({
      requests: count,
      calls: count,
      attempts: count,
      entries: count,
      lateSignals: count,
      outcomes: z.record(z.string(), count),
      rungs: z.array(z.object({ workflow: z.string(), rung: count, name: z.string(), requests: count, ok: count })),
    }),
    costs: z.array(cost).optional().meta({ description: 'Cost against the twin: the whole run, then its windows.' }),
    credits: z.object({ bought: nano, fees: nano, usedBefore: nano, used: nano, left: nano }).optional().meta({
      description: 'Credits of the account: bought, the fees on that, used before the run and in it, and left.',
    }),
    coverage: z
      .object({
        share: z.number().min(0).max(1).meta({ description: 'Of the provisions, those that were called upon.' }),
        exercised: count,
        provisions: z.array(z.object({ policy: z.string(), name: z.string(), times: count })),
      })
      .optional()
      .meta({ description: 'What the policies provide for, and how often the run called upon it.' }),
    recovery: recovery.optional(),
    chronicle,
    sources,
    reproduce: z.string(),
    notes: z.array(z.string()),
  })
  .meta({ title: 'Squall report', description: 'Everything that a run came to: report.json.' })
