/** sweep.html: a sweep on one page that needs nothing else, with a map of gates by seeds. */
import { formatDuration } from '../../base/quantities.ts'
import { formatBeside, type SweepResult } from '../../gates/index.ts'
import { drawing, figure, short } from '../html/chart.ts'
import { h, type Content } from '../html/markup.ts'
import { list, page, section, sourceTexts, table } from '../html/page.ts'
import { gateName, MARKS, metricName, whereOf } from '../_words.ts'
import type { SweepFormat } from './format.ts'
import { failingSeeds, heldOn, observedOverSeeds, seedsOf, sweepCommand, sweepHeadline } from './words.ts'

const NAMES = 190
const WIDTH = 960
const ROW = 22
/** More seeds than this do not fit beside each other; the rest is in sweep.json. */
const COLUMNS_MAX = 300
const CELL_MAX = 28

export const sweepHtml: SweepFormat = {
  fileName: 'sweep.html',
  render(result, { version }) {
    const { verdict, scenario } = result
    return page(`${MARKS[verdict.status]} ${scenario}`, [
      header(result, version),
      section('Gates', gates(result)),
      section('Gates by seed', heatMap(result)),
      section('Seeds that failed', seeds(result)),
      section('What was played', sourceTexts(result.sources)),
    ])
  },
}

function header(result: SweepResult, version: string): Content {
  const { verdict, scenario, summary, durationMs, runs } = result
  const requests = runs.reduce((sum, run) => sum + run.requests, 0)
  const facts = [
    `squall ${version}`,
    seedsOf(result),
    'virtual clock',
    formatDuration(durationMs),
    `${requests} requests`,
  ]
  return h(
    'header',
    {},
    h('div', { class: `verdict ${verdict.status}`, role: 'status' }, `${MARKS[verdict.status]} ${verdict.status}`),
    h('h1', {}, scenario),
    h('p', {}, summary),
    h('p', {}, h('strong', {}, sweepHeadline(result)), verdict.causes.length > 0 ? ':' : null),
    list(verdict.causes),
    h('p', { class: 'dim' }, facts.join(' · ')),
    h('pre', {}, sweepCommand(result)),
  )
}

function gates({ gates: judged }: SweepResult): Content {
  if (judged.length === 0) return null
  return table(
    ['', 'gate', 'of', '>over seeds', '>asserted', '>holds on', 'why'],
    judged.map((gate) => [
      h('span', { class: gate.status, title: gate.status }, MARKS[gate.status]),
      gateName(gate),
      [metricName(gate), whereOf(gate.where)].filter((part) => part !== '').join(', '),
      observedOverSeeds(gate),
      gate.threshold,
      heldOn(gate),
      gate.cause ?? '',
    ]),
  )
}

/** One row per gate, one column per seed: what was seen there. Shapes differ, and not only colours. */
function heatMap({ gates: judged, runs }: SweepResult): Content {
  if (judged.length === 0 || runs.length === 0) return null
  const shown = runs.slice(0, COLUMNS_MAX)
  const size = Math.min(CELL_MAX, (WIDTH - NAMES) / shown.length)
  const every = Math.ceil(48 / size)
  const label = `${judged.length} gates on ${shown.length} seeds`
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
  const round = (value: number): number => Math.round(value * 10) / 10
  const [left, right] = [round(x), round(x + width)]
  return h('path', { class: 'mark', d: `M${left},${y}L${right},${y + height}M${right},${y}L${left},${y + height}` })
}

function seeds(result: SweepResult): Content {
  const failing = failingSeeds(result)
  if (failing.length === 0) return null
  return table(
    ['>seed', 'gates', 'play it again'],
    failing.map(({ seed, gates: ids, reproduce }) => [seed, ids.join(', '), h('code', {}, reproduce)]),
  )
}
