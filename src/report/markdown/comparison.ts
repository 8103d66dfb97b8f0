/** A comparison on one page of Markdown, in sections. */
import { formatDuration, formatRatio } from '../../base/quantities.ts'
import { truncateToColumns } from '../../base/safe-text.ts'
import type { ComparisonResult } from '../../gates/index.ts'
import { decidingTable, otherTable } from '../comparison/tables.ts'
import { comparedSeeds, comparisonHeadline, partingSentences, POLICY_COSTS } from '../comparison/words.ts'
import { costTable } from '../_costs.ts'
import type { Envelope } from '../_format.ts'
import { cell, costs, fenced, list, sectionsOf, table, within } from '../_markdown.ts'
import { MARKS } from '../_words.ts'

/** UTF-8 bytes of rows per section. Together with the frame around them they stay below 64,000. */
const BUDGETS = { causes: 8_000, deciding: 14_000, others: 12_000, costs: 4_000, story: 7_000 } as const
const STORY_COLUMNS = 160
const WHY_COLUMNS = 1_000

/** Each as text without a final line break; the first is the heading. */
export function comparisonSections(result: ComparisonResult, { version }: Envelope): string[] {
  const { verdict, scenario, summary, before, after, durationMs, maxRegress, reproduce } = result
  const facts = [
    `squall ${cell(version)}`,
    comparedSeeds(result),
    'virtual clock',
    `${formatDuration(durationMs)} each`,
    `${formatRatio(maxRegress)} worse is tolerated`,
  ]
  return sectionsOf([
    [`## ${MARKS[verdict.status]} ${cell(scenario)}: ${comparisonHeadline(result)}`],
    [cell(summary)],
    [`First ${cell(before)}, second ${cell(after)}.`],
    [facts.join(' · ')],
    list('### Why', verdict.causes, BUDGETS.causes),
    table('### What decides', decidingTable(result), BUDGETS.deciding),
    table('### What else differs', otherTable(result), BUDGETS.others),
    parting(result),
    costs(
      `### Cost of the second against the first, seed ${result.seeds.first}`,
      costTable(result, POLICY_COSTS),
      BUDGETS.costs,
    ),
    ['### Reproduce', '', ...fenced(reproduce)],
  ])
}

function parting(result: ComparisonResult): string[] {
  const told = [
    '### Where they part',
    '',
    partingSentences(result)
      .map((sentence) => cell(sentence, WHY_COLUMNS))
      .join(' '),
  ]
  if (result.parting === null) return told
  const story = (lines: readonly string[]): string[] => {
    const { kept, left } = within(
      lines.map((line) => truncateToColumns(line, STORY_COLUMNS)),
      BUDGETS.story,
    )
    return ['', ...fenced(left > 0 ? [...kept, `… and ${left} more lines`] : kept, 'text')]
  }
  return [...told, ...story(result.parting.before), ...story(result.parting.after)]
}
