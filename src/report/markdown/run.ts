/** A run on one page of Markdown, in sections. Every table has a budget and says how many rows it left out, worst first. */
import { formatDuration } from '../../base/quantities.ts'
import type { RunResult } from '../../gates/index.ts'
import { costTable, FAULT_COSTS } from '../_costs.ts'
import type { Envelope } from '../_format.ts'
import { cell, costs, fenced, list, sectionsOf, table } from '../_markdown.ts'
import {
  creditTable,
  endpointTable,
  faultTable,
  gateTable,
  outcomesOf,
  provisionTable,
  recoveryTable,
  rungTable,
  windowTable,
} from '../_tables.ts'
import { clockOf, coverageSentence, headline, markOf } from '../_words.ts'

/** UTF-8 bytes of rows per section. Together with the frame around them they stay below 64,000. */
const BUDGETS = {
  causes: 7_000,
  gates: 15_000,
  recovery: 3_000,
  windows: 5_000,
  costs: 4_000,
  credits: 500,
  faults: 6_000,
  endpoints: 9_000,
  rungs: 2_000,
  coverage: 2_000,
  notes: 2_000,
} as const

/** The sections of the page, each as text without a final line break; the first is the heading. */
export function runSections(result: RunResult, { version }: Envelope): string[] {
  const { verdict, summary, seed, endedAt, durationMs, partial, counts, fingerprint } = result
  const length = partial ? `${formatDuration(endedAt)} of ${formatDuration(durationMs)}` : formatDuration(endedAt)
  const facts = [`squall ${cell(version)}`, `seed ${seed}`, clockOf(result), length, `${counts.requests} requests`]
  return sectionsOf([
    [`## ${markOf(result)} ${cell(result.scenario)}: ${headline(result)}`],
    [cell(summary)],
    [facts.join(' · ')],
    [outcomesOf(result)],
    list('### Why', verdict.causes, BUDGETS.causes),
    table('### Gates', gateTable(result), BUDGETS.gates),
    table('### Recovery', recoveryTable(result), BUDGETS.recovery),
    table('### Windows', windowTable(result), BUDGETS.windows),
    costs('### Cost against the same run without faults', costTable(result, FAULT_COSTS), BUDGETS.costs),
    table('### Credits', creditTable(result), BUDGETS.credits),
    table('### Faults', faultTable(result), BUDGETS.faults),
    table('### Endpoints', endpointTable(result), BUDGETS.endpoints),
    table('### Degraded', rungTable(result), BUDGETS.rungs),
    policies(result),
    list('### Notes', result.notes, BUDGETS.notes),
    ['### Reproduce', '', ...fenced(result.reproduce)],
    fingerprint === null ? [] : [`Fingerprint: ${cell(fingerprint)}`],
  ])
}

function policies(result: RunResult): string[] {
  const told = coverageSentence(result)
  return told === null
    ? []
    : [...table('### What the policies did', provisionTable(result), BUDGETS.coverage), '', cell(told)]
}
