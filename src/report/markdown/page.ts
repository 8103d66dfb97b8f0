/** The run on one page of Markdown, in sections. Every table has a budget and says how many rows it left out, worst first. */
import { formatDuration, formatUsd } from '../../base/quantities.ts'
import type { GateResult, ProviderRow, RunResult } from '../../gates/index.ts'
import { costTable } from '../_costs.ts'
import type { Envelope } from '../_format.ts'
import {
  clockOf,
  coverageSentences,
  gateName,
  headline,
  markOf,
  MARKS,
  metricCell,
  metricName,
  observedOf,
  recoveryRows,
  spanOf,
  whereOf,
} from '../_words.ts'
import { cell, fenced, list, table } from '../_markdown.ts'

/** UTF-8 bytes of rows per section. Together with the frame around them they stay below 64,000. */
const BUDGETS = {
  causes: 8_000,
  gates: 20_000,
  windows: 6_000,
  costs: 4_000,
  faults: 8_000,
  providers: 12_000,
  rungs: 2_000,
  recovery: 3_000,
  coverage: 2_000,
  notes: 2_000,
} as const

/** Worst first. */
const URGENCY: Readonly<Record<GateResult['status'], number>> = { fail: 0, inconclusive: 1, pass: 2 }

/** The sections of the page, each as text without a final line break; the first is the heading. */
export function sectionsOf(result: RunResult, { version }: Envelope): string[] {
  const { verdict, summary, seed, endedAt, durationMs, partial, counts, fingerprint } = result
  const length = partial ? `${formatDuration(endedAt)} of ${formatDuration(durationMs)}` : formatDuration(endedAt)
  const facts = [`squall ${cell(version)}`, `seed ${seed}`, clockOf(result), length, `${counts.requests} requests`]
  const sections = [
    [`## ${markOf(result)} ${cell(result.scenario)}: ${headline(result)}`],
    [cell(summary)],
    [facts.join(' · ')],
    [outcomesOf(result)],
    list('### Why', verdict.causes, BUDGETS.causes),
    gatesTable(result),
    recoveryTable(result),
    windowsTable(result),
    costsTable(result),
    faultsTable(result),
    providersTable(result),
    rungsTable(result),
    list('### Not exercised', coverageSentences(result), BUDGETS.coverage),
    list('### Notes', result.notes, BUDGETS.notes),
    ['### Reproduce', '', ...fenced(result.reproduce)],
    fingerprint === null ? [] : [`Fingerprint: ${cell(fingerprint)}`],
  ]
  return sections.filter((lines) => lines.some((line) => line !== '')).map((lines) => lines.join('\n'))
}

/** `7294 ok, 45 partial, 16 failed`: how the requests ended. A run of many failures says here which. */
function outcomesOf({ counts: { outcomes } }: RunResult): string {
  const seen = Object.entries(outcomes).filter(([, count]) => count > 0)
  return seen.map(([outcome, count]) => `${count} ${outcome.replaceAll('_', ' ')}`).join(', ')
}

function gatesTable({ gates }: RunResult): string[] {
  if (gates.length === 0) return []
  const sorted = [...gates].sort((left, right) => URGENCY[left.status] - URGENCY[right.status])
  const rows = sorted.map((gate) => [
    `${MARKS[gate.status]} ${cell(gateName(gate))}`,
    cell([metricName(gate), whereOf(gate.where)].filter((part) => part !== '').join(', ')),
    gate.status === 'fail' ? `**${cell(observedOf(gate))}**` : cell(observedOf(gate)),
    cell(gate.threshold),
    String(gate.n),
    cell(gate.cause ?? ''),
  ])
  return table('### Gates', ['gate', 'of', '>observed', '>asserted', '>n', 'cause'], rows, BUDGETS.gates)
}

function recoveryTable(result: RunResult): string[] {
  const rows = recoveryRows(result).map((row) => row.map(cell))
  return rows.length === 0 ? [] : table('### Recovery', ['what', 'seen'], rows, BUDGETS.recovery)
}

function windowsTable(result: RunResult): string[] {
  const columns = [
    ['success_rate', 'value', '>success'],
    ['goodput', 'value', '>goodput'],
    ['fallback_rate', 'value', '>fallback'],
    ['ttft', 'p95', '>ttft p95'],
    ['latency', 'p95', '>latency p95'],
    ['amplification', 'value', '>amplification'],
    ['cost_per_success', 'value', '>cost per success'],
    ['cost_drift', 'value', '>cost drift'],
  ] as const
  const row = (label: string, window: string | undefined) => [
    label,
    ...columns.map(([metric, stat]) => metricCell(result, metric, stat, window)),
  ]
  const rows = [
    row('whole run', undefined),
    ...result.windows.map(({ name, from, to }) => row(`${cell(name)} (${spanOf(from, to)})`, name)),
  ]
  return table('### Windows', ['window', ...columns.map(([, , head]) => head)], rows, BUDGETS.windows)
}

function costsTable(result: RunResult): string[] {
  const { heads, rows, notes } = costTable(result, cell)
  if (rows.length === 0) return []
  const told = table('### Cost against the same run without faults', heads, rows, BUDGETS.costs)
  return [...told, ...notes.flatMap((note) => ['', cell(note)])]
}

function faultsTable({ faults }: RunResult): string[] {
  if (faults.length === 0) return []
  const rows = faults.map(({ id, label, at, until, hits, minHits }) => [
    `${hits < minHits ? MARKS.inconclusive : MARKS.pass} ${cell(id)}`,
    cell(label),
    spanOf(at, until),
    String(hits),
    String(minHits),
  ])
  return table('### Faults', ['fault', 'what', 'when', '>hits', '>needed'], rows, BUDGETS.faults)
}

function providersTable({ providers }: RunResult): string[] {
  if (providers.length === 0) return []
  const rows = providers.map((row) => [
    cell(row.endpoint),
    String(row.attempts),
    String(row.ok),
    String(row.failed),
    String(row.served),
    formatUsd(row.upstreamCost),
    cell(errorsOf(row)),
  ])
  const head = ['endpoint', '>attempts', '>ok', '>failed', '>served', '>upstream cost', 'errors']
  return table('### Providers', head, rows, BUDGETS.providers)
}

/** Success is told per rung and never lumped: a degraded answer is not what was asked for. */
function rungsTable({ counts: { rungs } }: RunResult): string[] {
  if (rungs.length === 0) return []
  const rows = rungs.map(({ workflow, name, requests, ok }) => [
    cell(workflow),
    cell(name),
    String(requests),
    String(ok),
  ])
  return table('### Degraded', ['workflow', 'rung of its ladder', '>requests', '>ok'], rows, BUDGETS.rungs)
}

/** The commonest first. */
function errorsOf({ errors }: ProviderRow): string {
  const sorted = Object.entries(errors).sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))
  return sorted.map(([name, count]) => `${name} ${count}`).join(', ')
}
