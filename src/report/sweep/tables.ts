/** What is told of a sweep in rows: the same in every report for people. */
import { formatValue, mean, meanInterval, metricOf, type SweepResult } from '../../gates/index.ts'
import { plainRows, worstFirst, type Table } from '../_table.ts'
import { ofGate } from '../_tables.ts'
import { gateName, metricName, whyOf } from '../_words.ts'
import { failingSeeds, heldOn, observedOverSeeds } from './words.ts'

export function sweepGateTable({ gates }: SweepResult): Table {
  return worstFirst({
    heads: ['gate', '>over seeds', '>asserted', 'of', '>holds on', 'why'],
    rows: gates.map((gate) => ({
      status: gate.status,
      cells: [gateName(gate), observedOverSeeds(gate), gate.threshold, ofGate(gate), heldOn(gate), whyOf(gate)],
      ...(gate.status === 'fail' && { strong: 1 }),
    })),
  })
}

export function failingTable(result: SweepResult): Table {
  return {
    heads: ['>seed', 'gates', '`play it again'],
    rows: plainRows(
      failingSeeds(result).map(({ seed, gates, reproduce }) => [String(seed), gates.join(', '), reproduce]),
    ),
  }
}

/** Metrics over the whole run: mean over seeds and where it may be, the least and the most. */
export function metricTable({ table: columns, runs }: SweepResult): Table {
  const rows = columns.flatMap(({ metric, stat, unit, where }, index) => {
    const values = runs.flatMap(({ metrics }) => metrics[index] ?? [])
    if (Object.keys(where).length > 0 || values.length === 0) return []
    const text = (value: number): string => formatValue(value, unit)
    const interval = values.length < 2 ? null : meanInterval(values)
    const [least, most] = metricOf(metric).range
    const [low, high] = [Math.max(least, interval?.low ?? least), Math.min(most, interval?.high ?? most)]
    const reach = interval === null ? '' : `${text(low)} to ${text(high)}`
    const ends = [text(Math.min(...values)), text(Math.max(...values))]
    return [[metricName({ metric, stat }), text(mean(values)), reach, ...ends, String(values.length)]]
  })
  return { heads: ['metric', '>mean', '>95% interval', '>least', '>most', '>seeds'], rows: plainRows(rows) }
}
