/** What is told of a comparison in rows: the same in every report for people. */
import type { ComparisonResult, Difference } from '../../gates/index.ts'
import type { Table } from '../_table.ts'
import { changeCell, differenceName, findingOf, isDifferent, reachCell, valueCell } from './words.ts'

export function decidingTable({ deciding }: ComparisonResult): Table {
  return differenceTable(deciding)
}

/** Whatever else is surely not the same. It decides nothing. */
export function otherTable({ others }: ComparisonResult): Table {
  return differenceTable(others.filter(isDifferent))
}

function differenceTable(rows: readonly Difference[]): Table {
  return {
    heads: ['metric', '>before', '>after', '>difference', '>95% interval', '>tolerated', 'finding'],
    rows: rows.map((row) => ({
      status: row.status,
      cells: [
        differenceName(row),
        valueCell(row.before, row),
        valueCell(row.after, row),
        changeCell(row),
        reachCell(row),
        valueCell(row.comparison === null ? null : row.tolerated, row),
        findingOf(row),
      ],
      ...(row.status === 'fail' && { strong: 3 }),
    })),
  }
}
