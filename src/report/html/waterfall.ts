/** A difference of costs as a waterfall: from what the requests cost there to what they cost here, cause by cause. */
import { scaleBand, scaleLinear } from 'd3-scale'
import { formatUsd } from '../../base/quantities.ts'
import type { RunResult } from '../../gates/index.ts'
import { causesOf, differenceOf, type CostWords } from '../_costs.ts'
import { drawing, figure, LEFT, RIGHT, valueAxis, WIDTH } from './chart.ts'
import { h, type Markup } from './markup.ts'

const TOP = 26
const BOTTOM = 210
const HEIGHT = 236

interface Bar {
  readonly name: string
  readonly from: number
  readonly to: number
  readonly className: string
}

/** null where no request ended ok in both runs. */
export function costWaterfall({ costs = [] }: Pick<RunResult, 'costs'>, words: CostWords): Markup | null {
  const [whole] = costs
  if (whole === undefined || whole.requests === 0) return null
  const { requests, run, twin, parts } = whole
  let at = 0
  const steps: Bar[] = causesOf(costs).map(([key, name]) => {
    const from = at
    at += parts[key]
    return { name, from, to: at, className: parts[key] > 0 ? 'up' : 'down' }
  })
  const bars = [...steps, { name: words.change, from: 0, to: run - twin, className: 'sum' }]
  const levels = bars.flatMap(({ from, to }) => [from, to])
  const x = scaleBand(
    bars.map(({ name }) => name),
    [LEFT, WIDTH - RIGHT],
  ).padding(0.25)
  const high = Math.max(0, ...levels)
  const low = Math.min(0, ...levels)
  const y = scaleLinear([low, high > low ? high : 1], [BOTTOM, TOP]).nice(3)
  const drift = differenceOf(run - twin, twin)
  const spoken = bars.map(({ name, from, to }) => `${name} ${differenceOf(to - from, twin)}`).join(', ')
  return figure(
    `The ${requests} requests that ended ok in both cost ${formatUsd(twin)} ${words.twin} and ${formatUsd(run)} ${words.run}: ${drift}.`,
    drawing(
      HEIGHT,
      `Cost ${words.change} by cause: ${spoken}.`,
      valueAxis(y, formatUsd),
      bars.map(({ name, from, to, className }, index) => {
        const left = x(name) ?? LEFT
        const wide = x.bandwidth()
        const top = y(Math.max(from, to))
        const next = bars[index + 1]
        return [
          h('rect', {
            class: className,
            x: left,
            y: top,
            width: wide,
            height: Math.max(1, y(Math.min(from, to)) - top),
          }),
          next === undefined
            ? null
            : h('path', {
                class: 'axis',
                d: `M${Math.round(left)},${Math.round(y(to))}H${Math.round((x(next.name) ?? 0) + wide)}`,
              }),
          h(
            'text',
            { class: 'title', x: left + wide / 2, y: top - 6, 'text-anchor': 'middle' },
            differenceOf(to - from, twin),
          ),
          h('text', { x: left + wide / 2, y: HEIGHT - 8, 'text-anchor': 'middle' }, name),
        ]
      }),
    ),
  )
}
