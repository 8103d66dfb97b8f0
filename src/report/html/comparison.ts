/** A comparison on one page: what differs and how surely, where both policies part, and what made one dearer. */
import { formatDuration, formatRatio } from '../../base/quantities.ts'
import type { ComparisonResult, Parting } from '../../gates/index.ts'
import { decidingTable, otherTable } from '../comparison/tables.ts'
import { comparedSeeds, comparisonHeadline, partingSentences, POLICY_COSTS } from '../comparison/words.ts'
import { costTable } from '../_costs.ts'
import type { Envelope } from '../_format.ts'
import { MARKS } from '../_words.ts'
import { differences } from './differences.ts'
import { h, Markup, type Content } from './markup.ts'
import { header, list, page, section, sourceTexts, table } from './page.ts'
import { costWaterfall } from './waterfall.ts'

export function comparisonPage(result: ComparisonResult, { version }: Envelope): string {
  const { verdict, scenario, summary, before, after, durationMs, seeds, maxRegress, reproduce } = result
  const policies = h(
    'p',
    {},
    'First ',
    h('code', {}, before),
    ', second ',
    h('code', {}, after),
    `; ${formatRatio(maxRegress)} worse is tolerated.`,
  )
  return page(`${MARKS[verdict.status]} ${scenario}: ${comparisonHeadline(result)}`, [
    header(
      {
        status: verdict.status,
        title: scenario,
        summary,
        headline: comparisonHeadline(result),
        causes: verdict.causes,
        facts: [`squall ${version}`, comparedSeeds(result), 'virtual clock', `${formatDuration(durationMs)} each`],
        command: reproduce,
      },
      policies,
    ),
    section('What decides', [differences(result.deciding), table(decidingTable(result))]),
    section('What else differs', table(otherTable(result))),
    section('Where they part', parting(result)),
    section(`Where the money went, on seed ${seeds.first}`, costs(result)),
    section('What was played', sourceTexts(result.sources)),
  ])
}

function parting(result: ComparisonResult): Content {
  return [
    partingSentences(result).map((sentence) => h('p', {}, sentence)),
    result.parting === null ? null : stories(result.parting),
  ]
}

/** Beside each other, or on a narrow page below each other. */
function stories({ before, after }: Parting): Content {
  const story = (name: string, lines: readonly string[]): Content =>
    h(
      'figure',
      {},
      h('figcaption', {}, name),
      h(
        'pre',
        {},
        lines.map((line) => [line, new Markup('\n')]),
      ),
    )
  return h('div', { class: 'beside' }, story('under the first', before), story('under the second', after))
}

function costs(result: ComparisonResult): Content {
  const told = costTable(result, POLICY_COSTS)
  if (told.rows.length === 0) return null
  return [costWaterfall(result, POLICY_COSTS), table(told), list(told.notes)]
}
