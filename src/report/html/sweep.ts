/** A sweep on one page, with a map of gates by seeds. */
import { formatDuration } from '../../base/quantities.ts'
import { countOf, formatBeside, STATUSES, type SweepResult } from '../../gates/index.ts'
import type { Envelope } from '../_format.ts'
import { MARKS } from '../_words.ts'
import { failingTable, metricTable, sweepGateTable } from '../sweep/tables.ts'
import { seedsOf, sweepCommand, sweepHeadline } from '../sweep/words.ts'
import { drawing, figure, round, short } from './chart.ts'
import { h, type Content } from './markup.ts'
import { header, page, section, sourceTexts, table } from './page.ts'

const NAMES = 190
const WIDTH = 960
const ROW = 22
/** More seeds than this do not fit beside each other; the rest is in sweep.json. */
const COLUMNS_MAX = 300
const CELL_MAX = 28

export function sweepPage(result: SweepResult, { version }: Envelope): string {
  const { verdict, scenario, summary, durationMs, runs } = result
  const requests = runs.reduce((sum, run) => sum + run.requests, 0)
  return page(`${MARKS[verdict.status]} ${scenario}`, [
    header({
      status: verdict.status,
      title: scenario,
      summary,
      headline: sweepHeadline(result),
      causes: verdict.causes,
      facts: [
        `squall ${version}`,
        seedsOf(result),
        'virtual clock',
        `${formatDuration(durationMs)} each`,
        `${requests} requests`,
      ],
      command: sweepCommand(result),
    }),
    section('Gates', table(sweepGateTable(result))),
    section('Gates by seed', heatMap(result)),
    section('Seeds that failed', table(failingTable(result))),
    section('Metrics over seeds', table(metricTable(result))),
    section('What was played', sourceTexts(result.sources)),
  ])
}

/** One row per gate, one column per seed: what was seen there. Shapes differ, and not only colours. */
function heatMap({ gates: judged, runs }: SweepResult): Content {
  if (judged.length === 0 || runs.length === 0) return null
  const shown = runs.slice(0, COLUMNS_MAX)
  const size = Math.min(CELL_MAX, (WIDTH - NAMES) / shown.length)
  const every = Math.ceil(48 / size)
  const cells = shown.flatMap(({ gates }) => gates)
  const told = STATUSES.map((status) => `${cells.filter((cell) => cell.status === status).length} ${status}`)
  const label = `${countOf(judged.length, 'gates')} on ${countOf(shown.length, 'seeds')}: ${told.join(', ')}.`
  const more = runs.length > shown.length ? ` The first ${shown.length} seeds are shown.` : ''
  return figure(
    `Whether each gate holds on each seed: full where it does, crossed where it fails, hollow where that cannot be told.${more}`,
    drawing(
      (judged.length + 1) * ROW + 8,
      label,
      judged.map((gate, row) => [
        h('text', { x: NAMES - 8, y: row * ROW + 15, 'text-anchor': 'end' }, short(gate.id, 28)),
        shown.map(({ seed, gates: cells }, column) => {
          const cell = cells[row]
          if (cell === undefined) return null
          const value = cell.observed === null ? 'no value' : formatBeside(cell.observed, gate.bound, gate.unit)
          const title = h('title', {}, `${gate.id}, seed ${seed}: ${cell.status}, ${value}`)
          const place = { x: NAMES + column * size + 0.5, y: row * ROW + 1, width: size - 1, height: ROW - 2 }
          const isHollow = cell.status === 'inconclusive'
          const fill = {
            fill: 'currentColor',
            'fill-opacity': isHollow ? '0.15' : '0.7',
            stroke: isHollow ? 'currentColor' : null,
          }
          return h('g', { class: cell.status }, title, h('rect', { ...place, ...fill }), cross(cell.status, place))
        }),
      ]),
      shown.map(({ seed }, column) =>
        column % every === 0
          ? h('text', { x: NAMES + (column + 0.5) * size, y: judged.length * ROW + 16, 'text-anchor': 'middle' }, seed)
          : null,
      ),
    ),
  )
}

function cross(
  status: string,
  { x, y, width, height }: { readonly x: number; readonly y: number; readonly width: number; readonly height: number },
): Content {
  if (status !== 'fail') return null
  const [left, right] = [round(x), round(x + width)]
  return h('path', { class: 'mark', d: `M${left},${y}L${right},${y + height}M${right},${y}L${left},${y + height}` })
}
