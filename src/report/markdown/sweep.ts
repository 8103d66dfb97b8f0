/** A sweep on one page of Markdown, in sections; below 64 kB however many seeds. */
import { formatDuration } from '../../base/quantities.ts'
import type { SweepResult } from '../../gates/index.ts'
import type { Envelope } from '../_format.ts'
import { cell, fenced, list, sectionsOf, table } from '../_markdown.ts'
import { markOf } from '../_words.ts'
import { failingTable, metricTable, sweepGateTable } from '../sweep/tables.ts'
import { seedsOf, sweepCommand, sweepHeadline } from '../sweep/words.ts'

/** UTF-8 bytes of rows per section. */
const BUDGETS = { causes: 8_000, gates: 16_000, seeds: 8_000, metrics: 12_000 } as const

/** Each as text without a final line break; the first is the heading. */
export function sweepSections(result: SweepResult, { version }: Envelope): string[] {
  const { verdict, scenario, summary, durationMs } = result
  const facts = [`squall ${cell(version)}`, seedsOf(result), 'virtual clock', formatDuration(durationMs)]
  return sectionsOf([
    [`## ${markOf(result)} ${cell(scenario)}: ${sweepHeadline(result)}`],
    [cell(summary)],
    [facts.join(' · ')],
    list('### Why', verdict.causes, BUDGETS.causes),
    table('### Gates', sweepGateTable(result), BUDGETS.gates),
    table('### Seeds that failed', failingTable(result), BUDGETS.seeds),
    table('### Metrics over seeds', metricTable(result), BUDGETS.metrics),
    ['### Reproduce', '', ...fenced(sweepCommand(result))],
  ])
}
