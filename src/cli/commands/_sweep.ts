/** Telling and storing a sweep: what `run --seeds` and `merge` do alike. */
import { exitCodeOf, type Status, type SweepResult } from '../../gates/index.ts'
import { renderSweepSummary } from '../../report/index.ts'
import { EXIT } from '../exit.ts'
import { ReportFolder } from '../report-folder.ts'
import type { Shell } from '../shell.ts'

const COLORS = { pass: 'green', fail: 'red', inconclusive: 'yellow' } as const

export function sweepFolder(shell: Shell, out: string, { scenario, planned, shard }: Named): ReportFolder {
  const seeds = `${planned.first}to${planned.first + planned.count - 1}`
  const part = shard ? `-shard-${shard.index}of${shard.of}` : ''
  return new ReportFolder(shell, out, scenario, `${seeds}${part}`, new Date())
}

type Named = Pick<SweepResult, 'scenario' | 'planned'> & { readonly shard?: SweepResult['shard'] | null }

/** The summary, on stdout unless that carries a document. */
export function tellSweep(shell: Shell, result: SweepResult, report: string | null, isJson: boolean): void {
  const stream = isJson ? 'stderr' : 'stdout'
  if (report !== null) shell.err(`report: ${report}`)
  const paint = (status: Status, text: string): string => shell.paint(COLORS[status], text, stream)
  const text = renderSweepSummary(result, paint)
  if (isJson) shell.err(text)
  else shell.out(text)
}

/**
 * As of a run. A shard has nothing to say but that a gate has failed already, which no other shard can mend: what else
 * there is to say, merging says.
 */
export function sweepExit({ verdict, expect, shard }: SweepResult): number {
  if (shard === undefined) return exitCodeOf(verdict.status, expect)
  return verdict.status === 'fail' && expect === 'pass' ? EXIT.failed : EXIT.ok
}

/** One sweep in the document of `--json`. */
export function sweepDocument(result: SweepResult, report: string | null): object {
  const { scenario, planned, shard, verdict, expect, gates, runs } = result
  return {
    scenario,
    seeds: runs.map(({ seed }) => seed),
    planned,
    ...(shard && { shard }),
    verdict: verdict.status,
    causes: verdict.causes,
    expect,
    gates: gates.map(({ id, metric, stat, where, unit, status, observed, ...gate }) => {
      const { interval, threshold, seeds, worstSeed, cause } = gate
      const told = { id, metric, stat, where, unit, status, observed }
      return { ...told, ...(interval && { interval }), threshold, seeds, worstSeed, cause }
    }),
    fingerprints: runs.map(({ fingerprint }) => fingerprint),
    report,
  }
}
