import type { RunResult } from '../gates/index.ts'

/** One run in the document of `--json`. In virtual time the same bytes every time, but for the name of the report. */
export function runDocument(result: RunResult, report: string | null): object {
  const { scenario, seed, clock, fingerprint, verdict, expect, partial, aborted, gates, metrics, recovery } = result
  const whole = metrics.filter(({ where }) => Object.keys(where).length === 0)
  return {
    scenario,
    seed,
    clock,
    fingerprint,
    verdict: verdict.status,
    causes: verdict.causes,
    expect,
    partial,
    ...(aborted && { aborted }),
    gates: gates.map(
      ({
        id,
        metric,
        stat,
        where,
        unit,
        status,
        observed,
        threshold,
        n,
        cause,
        level,
        interval,
        margin,
        firstViolation,
      }) => {
        const told = { id, metric, stat, where, unit, status, observed, threshold, n, cause }
        return {
          ...told,
          ...(level && { level }),
          ...(interval && { interval }),
          ...(margin !== undefined && { margin }),
          ...(firstViolation && { firstViolation }),
        }
      },
    ),
    metrics: Object.fromEntries(
      whole.map(({ metric, stat, value }) => [stat === 'value' ? metric : `${metric}.${stat}`, value]),
    ),
    ...(recovery && { recovery }),
    report,
  }
}
