/**
 * Everything that it came to, for programs. Keys are in the same order in every file, numbers are as they were measured
 * (ms, shares from 0 to 1, integer nano-dollars), and what was not measured is null. `squallReport`, `squallSweep`,
 * `squallComparison`: the version of the shape, which changes when a key is removed or means something else, not when one is added.
 */
import type { ComparisonResult, RunResult, SweepResult } from '../gates/index.ts'
import type { Envelope, ReportFormat } from './_format.ts'
import { COMPARISON_VERSION } from './schema/comparison.ts'
import { REPORT_VERSION } from './schema/run.ts'
import { SWEEP_VERSION } from './schema/sweep.ts'

export const json: ReportFormat = {
  id: 'json',
  summary: 'Everything, for programs: verdict, gates, metrics, faults, providers.',
  run: {
    fileName: 'report.json',
    render: (result, envelope) => `${JSON.stringify(runDocument(result, envelope), null, 2)}\n`,
  },
  // Every seed has a line for each of its numbers: a narrower margin keeps the file smaller.
  sweep: {
    fileName: 'sweep.json',
    render: (result, envelope) => `${JSON.stringify(sweepDocument(result, envelope), null, 1)}\n`,
  },
  comparison: {
    fileName: 'compare.json',
    render: (result, envelope) => `${JSON.stringify(comparisonDocument(result, envelope), null, 2)}\n`,
  },
}

function runDocument(result: RunResult, { version }: Envelope): object {
  const { scenario, summary, file, policies, seed, clock, speed, durationMs, endedAt, partial, fingerprint, aborted } =
    result
  const { verdict, expect, gates, metrics, faults, providers, windows, counts, costs, coverage, recovery, chronicle } =
    result
  const { credits, sources, reproduce, notes } = result
  return {
    squallReport: REPORT_VERSION,
    squall: version,
    scenario,
    summary,
    file,
    ...(policies && { policies }),
    seed,
    clock,
    speed,
    durationMs,
    endedAt,
    partial,
    ...(aborted && { aborted: { at: aborted.at, gate: aborted.gate, rule: aborted.rule, reason: aborted.reason } }),
    fingerprint,
    verdict: { status: verdict.status, causes: verdict.causes },
    expect,
    gates: gates.map((gate) => {
      const { id, metric, stat, where, unit, status, observed, operator, bound, threshold, n, cause } = gate
      const { level, interval, margin, firstViolation } = gate
      const told = { id, metric, stat, where, unit, status, observed, operator, bound, threshold, n, cause }
      return {
        ...told,
        ...(level && { level }),
        ...(interval && { interval: { low: interval.low, high: interval.high } }),
        ...(margin !== undefined && { margin }),
        ...(firstViolation && { firstViolation: { at: firstViolation.at, requests: firstViolation.requests } }),
      }
    }),
    metrics: metrics.map(({ metric, stat, unit, where, value, n }) => ({ metric, stat, unit, where, value, n })),
    faults: faults.map(({ id, label, at, until, hits, minHits }) => ({ id, label, at, until, hits, minHits })),
    providers: providers.map(({ endpoint, provider, model, attempts, ok, failed, served, upstreamCost, errors }) => {
      return { endpoint, provider, model, attempts, ok, failed, served, upstreamCost, errors }
    }),
    windows: windows.map(({ name, from, to }) => ({ name, from, to })),
    counts,
    ...(costs && { costs }),
    ...(credits && { credits }),
    ...(coverage && { coverage }),
    ...(recovery && { recovery }),
    chronicle,
    sources: sources.map(({ file: name, text }) => ({ file: name, text })),
    reproduce,
    notes,
  }
}

/** What `squall merge` and `squall baseline` read again. */
function sweepDocument(result: SweepResult, { version }: Envelope): object {
  const { scenario, summary, file, policies, durationMs, expect, planned, shard, command, verdict, gates } = result
  const { asked, table, runs, sources } = result
  return {
    squallSweep: SWEEP_VERSION,
    squall: version,
    scenario,
    summary,
    file,
    ...(policies && { policies }),
    clock: 'virtual',
    durationMs,
    planned,
    ...(shard && { shard }),
    verdict,
    expect,
    gates,
    command,
    asked,
    table,
    runs,
    sources,
  }
}

function comparisonDocument(result: ComparisonResult, { version }: Envelope): object {
  const { scenario, summary, file, before, after, durationMs, seeds, maxRegress, verdict, deciding, others } = result
  const { parting, costs, reproduce, sources } = result
  return {
    squallComparison: COMPARISON_VERSION,
    squall: version,
    scenario,
    summary,
    file,
    before,
    after,
    clock: 'virtual',
    durationMs,
    seeds,
    maxRegress,
    verdict,
    deciding,
    others,
    parting,
    costs,
    reproduce,
    sources,
  }
}
