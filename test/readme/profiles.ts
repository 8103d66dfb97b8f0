/**
 * The table of profiles: the defaults of well-known gateways and SDKs, as policies, through the same eight incidents
 * under the same seeds. Shares and means are over all requests of the eight, recovery is the slowest of them.
 */
import type { RunResult } from '../../src/gates/index.ts'
import { VirtualRun } from '../../src/runner/virtual-run.ts'
import { table } from './generate.ts'
import { load, PROFILES } from '../scenarios/files.ts'

const EIGHT = [
  'openai-2024-06-04-database',
  'openai-2024-12-04-load-balancer',
  'openai-2024-12-05-dns-stall',
  'openai-2024-12-11-telemetry',
  'openai-2025-06-10-gpu-update',
  'openai-2026-04-20-work-lost',
  'openai-2026-06-03-false-limits',
  'cloudflare-2025-11-18-shared-edge',
].map((name) => `scenarios/incidents/${name}.yaml`)

/** Policies of our own that stand beside them. */
const OURS = ['scenarios/policies/support-chat.yaml', 'scenarios/policies/whole-answers.yaml']

interface Row {
  readonly policy: string
  readonly success: number
  readonly worst: number
  readonly truncated: number
  readonly latencyP95Ms: number
  readonly amplification: number
  readonly drift: number
  /** null: in at least one of the eight it did not recover. */
  readonly recoveryMs: number | null
}

const HEAD = [
  'policy',
  'success',
  'worst incident',
  'cut off, and taken for success',
  'latency p95',
  'amplification',
  'cost drift',
  'slowest recovery',
]

function metric(result: RunResult, kind: string, stat: string): number | null {
  const isIt = (row: RunResult['metrics'][number]): boolean =>
    row.metric === kind && row.stat === stat && Object.keys(row.where).length === 0
  return result.metrics.find(isIt)?.value ?? null
}

/** Through all eight under one policy. */
function rowOf(policy: string): Row {
  const runs = EIGHT.map((path) => {
    const run = new VirtualRun(load(path, [policy]), { hasher: null })
    run.advance(Infinity)
    return run.finish()
  })
  const requests = runs.reduce((total, { counts }) => total + counts.requests, 0)
  const mean = (kind: string, stat = 'value'): number =>
    runs.reduce((total, run) => total + (metric(run, kind, stat) ?? 0) * run.counts.requests, 0) / requests
  const recoveries = runs.map((run) => metric(run, 'time_to_recover', 'value'))
  return {
    policy: policy.replace(/^.*\/|\.yaml$/g, ''),
    success: mean('success_rate'),
    worst: Math.min(...runs.map((run) => metric(run, 'success_rate', 'value') ?? 0)),
    truncated: mean('truncated'),
    latencyP95Ms: mean('latency', 'p95'),
    amplification: mean('amplification'),
    drift: mean('cost_drift'),
    recoveryMs: recoveries.includes(null) ? null : Math.max(...recoveries.map((each) => each ?? 0)),
  }
}

const percent = (share: number): string => `${(share * 100).toFixed(2)} %`

function cellsOf({ policy, recoveryMs, ...row }: Row): string[] {
  return [
    `\`${policy}\``,
    percent(row.success),
    percent(row.worst),
    percent(row.truncated),
    `${(row.latencyP95Ms / 1_000).toFixed(1)} s`,
    row.amplification.toFixed(3),
    `${row.drift > 0 ? '+' : ''}${(row.drift * 100).toFixed(1)} %`,
    recoveryMs === null ? 'not in time' : `${(recoveryMs / 1_000).toFixed(0)} s`,
  ]
}

export function profileTable(): string {
  return table(
    HEAD,
    [...PROFILES, ...OURS].map((policy) => cellsOf(rowOf(policy))),
  )
}
