/**
 * report.json: everything a run came to, for programs. Keys are in this order in every file, numbers are as they were
 * measured (ms, shares from 0 to 1, integer nano-dollars), and what was not measured is null. `squallReport` is the
 * version of this shape: it changes when a key is removed or means something else, not when one is added.
 */
import type { Envelope, ReportFormat } from './_format.ts'
import type { RunResult } from '../gates/index.ts'

export const REPORT_VERSION = 1

export const json: ReportFormat = {
  id: 'json',
  fileName: 'report.json',
  summary: 'Everything, for programs: verdict, gates, metrics, faults, providers.',
  render: (result, envelope) => `${JSON.stringify(documentOf(result, envelope), null, 2)}\n`,
}

function documentOf(result: RunResult, { version }: Envelope): object {
  const { scenario, summary, file, policies, seed, clock, speed, durationMs, endedAt, partial, fingerprint } = result
  const { verdict, expect, gates, metrics, faults, providers, windows, counts, costs, coverage, recovery, chronicle } =
    result
  const { sources, reproduce, notes } = result
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
    fingerprint,
    verdict: { status: verdict.status, causes: verdict.causes },
    expect,
    gates: gates.map((gate) => {
      const { id, metric, stat, where, unit, status, observed, operator, bound, threshold, n, cause } = gate
      const { level, interval } = gate
      const told = { id, metric, stat, where, unit, status, observed, operator, bound, threshold, n, cause }
      return {
        ...told,
        ...(level && { level }),
        ...(interval && { interval: { low: interval.low, high: interval.high } }),
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
    ...(coverage && { coverage }),
    ...(recovery && { recovery }),
    chronicle,
    sources: sources.map(({ file: name, text }) => ({ file: name, text })),
    reproduce,
    notes,
  }
}
