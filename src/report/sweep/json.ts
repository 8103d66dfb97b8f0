/**
 * sweep.json: every seed's gates and metrics, and what they come to together. What `squall merge` and `squall baseline`
 * read again. `squallSweep` is the version of this shape.
 */
import type { SweepResult } from '../../gates/index.ts'
import type { SweepFormat } from './format.ts'

export const SWEEP_VERSION = 1

export const sweepJson: SweepFormat = {
  fileName: 'sweep.json',
  render: (result, { version }) => `${JSON.stringify(documentOf(result, version), null, 1)}\n`,
}

function documentOf(result: SweepResult, squall: string): object {
  const { scenario, summary, file, policies, durationMs, expect, planned, shard, command, verdict, gates } = result
  const { asked, table, runs, sources } = result
  return {
    squallSweep: SWEEP_VERSION,
    squall,
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
