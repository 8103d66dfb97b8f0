/**
 * Differences with their intervals on one axis, whatever their units: right is worse, and 1 is as much as is tolerated.
 * What lies left of that with all of its interval is no worse; what lies right of it is.
 */
import { scaleLinear } from 'd3-scale'
import type { Difference } from '../../gates/index.ts'
import { differenceName, findingOf } from '../comparison/words.ts'
import { figure, narrowDrawing, round, short, type Scale } from './chart.ts'
import { h, type Content, type Markup } from './markup.ts'

/** Narrow, with names above their marks: a phone shows all of it. */
const WIDTH = 400
const EDGE = 8
const ROW = 34
const TOP = 20
/** In tolerances; beyond it an interval ends in an arrow. */
const REACH_MIN = 1.5
const REACH_MAX = 4
const ROWS_MAX = 60

interface Span {
  readonly row: Difference
  readonly low: number
  readonly mean: number
  readonly high: number
}

/** null where nothing could be compared. */
export function differences(rows: readonly Difference[]): Markup | null {
  const spans = rows.flatMap(spanOf).slice(0, ROWS_MAX)
  if (spans.length === 0) return null
  const furthest = Math.max(...spans.flatMap(({ low, high }) => [Math.abs(low), Math.abs(high)]))
  const reach = Math.min(REACH_MAX, Math.max(REACH_MIN, furthest * 1.1))
  const x = scaleLinear([-reach, reach], [EDGE, WIDTH - EDGE])
  const bottom = TOP + spans.length * ROW
  const spoken = spans.map(({ row }) => `${differenceName(row)} ${findingOf(row)}`).join(', ')
  return figure(
    'How much worse the second policy is, measured by what is tolerated, with 95% intervals. Arrows: beyond the edge.',
    narrowDrawing(
      WIDTH,
      bottom + 22,
      `Differences: ${spoken}.`,
      h('rect', { class: 'fault', x: x(1), y: TOP, width: x(reach) - x(1), height: bottom - TOP }),
      line(x, 0, bottom, 'axis'),
      line(x, 1, bottom, 'window'),
      label(x(-reach / 2), 'better'),
      label(x((1 + reach) / 2), 'worse than tolerated'),
      spans.map((span, index) => rowOf(span, x, reach, TOP + index * ROW)),
      h('text', { x: x(0) + 4, y: bottom + 14, 'text-anchor': 'end' }, 'the same'),
      h('text', { x: x(1) - 4, y: bottom + 14 }, 'tolerated'),
    ),
  )
}

/** In tolerances, worse being more. */
function spanOf(row: Difference): Span[] {
  const { comparison, tolerated, worse } = row
  if (comparison === null) return []
  const { difference, interval } = comparison
  const sign = worse === 'higher' ? 1 : -1
  const scaled = (value: number): number => {
    const much = sign * value
    return much === 0 ? 0 : tolerated > 0 ? much / tolerated : Math.sign(much) * Infinity
  }
  const [a, b] = [scaled(interval.low), scaled(interval.high)]
  return [{ row, low: Math.min(a, b), mean: scaled(difference), high: Math.max(a, b) }]
}

function rowOf({ row, low, mean, high }: Span, x: Scale, reach: number, top: number): Content {
  const y = top + 24
  const within = (value: number): number => x(Math.min(reach, Math.max(-reach, value)))
  const [left, right] = [within(low), within(high)]
  const isBeyond = low > reach || high < -reach
  const ends = isBeyond ? endOf(mean, x, y, reach) : endOf(low, x, y, reach) + endOf(high, x, y, reach)
  return h(
    'g',
    { class: row.status },
    h('path', { class: 'grid', d: `M${EDGE},${top}H${WIDTH - EDGE}` }),
    h('text', { x: EDGE, y: top + 12 }, short(differenceName(row), 64)),
    h('path', { class: 'whisker', d: `M${round(left)},${y}H${round(right)}${ends}` }),
    Math.abs(mean) > reach ? null : h('path', { class: 'dot', d: diamond(within(mean), y) }),
  )
}

/** One end of an interval: a cap, or where it lies beyond the edge an arrow that says so. */
function endOf(value: number, x: Scale, y: number, reach: number): string {
  if (Math.abs(value) <= reach) return `M${round(x(value))},${y - 5}v10`
  const [edge, tail] = value > 0 ? [x(reach), -6] : [x(-reach), 6]
  return `M${round(edge + tail)},${y - 5}L${round(edge)},${y}L${round(edge + tail)},${y + 5}`
}

function diamond(x: number, y: number): string {
  return `M${round(x - 5)},${y}l5,-5l5,5l-5,5Z`
}

function line(x: Scale, value: number, bottom: number, className: string): Markup {
  return h('path', { class: className, d: `M${round(x(value))},${TOP}V${bottom}` })
}

function label(x: number, text: string): Markup {
  return h('text', { x, y: 12, 'text-anchor': 'middle' }, text)
}
