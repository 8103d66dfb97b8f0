/** sweep.md: a sweep on one page, for step summaries and comments on pull requests; below 64 kB however many seeds. */
import { formatDuration } from '../../base/quantities.ts'
import { formatValue, mean, meanInterval, metricOf, type SweepGate, type SweepResult } from '../../gates/index.ts'
import { cell, fenced, list, table } from '../_markdown.ts'
import { gateName, MARKS, metricName, whereOf } from '../_words.ts'
import type { SweepFormat } from './format.ts'
import { failingSeeds, heldOn, observedOverSeeds, seedsOf, sweepCommand, sweepHeadline } from './words.ts'

/** UTF-8 bytes of rows per section. */
const BUDGETS = { causes: 8_000, gates: 16_000, seeds: 8_000, metrics: 12_000 } as const
/** Worst first. */
const URGENCY: Readonly<Record<SweepGate['status'], number>> = { fail: 0, inconclusive: 1, pass: 2 }

export const sweepMarkdown: SweepFormat = {
  fileName: 'sweep.md',
  render(result, { version }) {
    const { verdict, expect, scenario, summary, durationMs } = result
    const mark =
      verdict.status === expect ? MARKS.pass : MARKS[verdict.status === 'inconclusive' ? 'inconclusive' : 'fail']
    const facts = [`squall ${cell(version)}`, seedsOf(result), 'virtual clock', formatDuration(durationMs)]
    const sections = [
      [`## ${mark} ${cell(scenario)}: ${sweepHeadline(result)}`],
      [cell(summary)],
      [facts.join(' · ')],
      list('### Why', verdict.causes, BUDGETS.causes),
      gatesTable(result),
      seedsTable(result),
      metricsTable(result),
      ['### Reproduce', '', ...fenced(sweepCommand(result))],
    ]
    const pages = sections.filter((lines) => lines.some((line) => line !== ''))
    return `${pages.map((lines) => lines.join('\n')).join('\n\n')}\n`
  },
}

function gatesTable({ gates }: SweepResult): string[] {
  if (gates.length === 0) return []
  const sorted = gates.toSorted((left, right) => URGENCY[left.status] - URGENCY[right.status])
  const rows = sorted.map((gate) => [
    `${MARKS[gate.status]} ${cell(gateName(gate))}`,
    cell([metricName(gate), whereOf(gate.where)].filter((part) => part !== '').join(', ')),
    cell(observedOverSeeds(gate)),
    cell(gate.threshold),
    heldOn(gate),
    cell(gate.cause ?? ''),
  ])
  return table('### Gates', ['gate', 'of', '>over seeds', '>asserted', '>holds on', 'cause'], rows, BUDGETS.gates)
}

function seedsTable(result: SweepResult): string[] {
  const failing = failingSeeds(result)
  if (failing.length === 0) return []
  const rows = failing.map(({ seed, gates, reproduce }) => [String(seed), cell(gates.join(', ')), cell(reproduce)])
  return table('### Seeds that failed', ['>seed', 'gates', 'play it again'], rows, BUDGETS.seeds)
}

/** Metrics over the whole run: mean over seeds and where it may be, the least and the most. */
function metricsTable({ table: columns, runs }: SweepResult): string[] {
  const rows = columns.flatMap(({ metric, stat, unit, where }, index) => {
    const values = runs.flatMap(({ metrics }) => metrics[index] ?? [])
    if (Object.keys(where).length > 0 || values.length === 0) return []
    const text = (value: number): string => cell(formatValue(value, unit))
    const interval = values.length < 2 ? null : meanInterval(values)
    const [least, most] = metricOf(metric).range
    const [low, high] = [Math.max(least, interval?.low ?? least), Math.min(most, interval?.high ?? most)]
    const reach = interval === null ? '' : `${text(low)} to ${text(high)}`
    const ends = [text(Math.min(...values)), text(Math.max(...values))]
    return [[cell(metricName({ metric, stat })), text(mean(values)), reach, ...ends, String(values.length)]]
  })
  const head = ['metric', '>mean', '>95% interval', '>least', '>most', '>seeds']
  return table('### Metrics over seeds', head, rows, BUDGETS.metrics)
}
