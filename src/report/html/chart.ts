/** What all drawings share: a time axis in the run's own time, value axes, the shading of faults, legends. */
import { scaleLinear, type ScaleLinear } from 'd3-scale'
import { formatDuration } from '../../base/quantities.ts'
import { truncateToColumns } from '../../base/safe-text.ts'
import { HOUR, MINUTE, SECOND } from '../../base/time.ts'
import type { RunResult } from '../../gates/index.ts'
import { h, type Content, type Markup } from './markup.ts'

export const WIDTH = 960
export const LEFT = 64
export const RIGHT = 12
const TICKS_MAX = 8
const STEPS = [
  ...[1, 2, 5, 10, 15, 30].map((n) => n * SECOND),
  ...[1, 2, 5, 10, 15, 30].map((n) => n * MINUTE),
  ...[1, 2, 3, 6, 12, 24, 48, 168].map((n) => n * HOUR),
]
/** Columns of a label inside of a drawing. */
const LABEL_COLUMNS_MAX = 40

export type Scale = ScaleLinear<number, number>

/** Scenario time across the drawing. */
export function timeScale(endedAt: number): Scale {
  return scaleLinear([0, Math.max(1, endedAt)], [LEFT, WIDTH - RIGHT])
}

export function timeAxis(x: Scale, y: number): Markup {
  const [, end = 0] = x.domain()
  const step = STEPS.find((candidate) => end / candidate <= TICKS_MAX) ?? end
  const ticks = Array.from({ length: Math.floor(end / step) + 1 }, (_, index) => index * step)
  return h(
    'g',
    {},
    h('path', { class: 'axis', d: `M${LEFT},${y}H${WIDTH - RIGHT}` }),
    ticks.map((at) => [
      h('path', { class: 'axis', d: `M${round(x(at))},${y}v4` }),
      h('text', { x: x(at), y: y + 16, 'text-anchor': 'middle' }, formatDuration(at)),
    ]),
  )
}

/** Lines across at round values, with their names on the left. */
export function valueAxis(y: Scale, name: (value: number) => string, count = 3): Markup {
  return h(
    'g',
    {},
    y
      .ticks(count)
      .map((value) => [
        h('path', { class: 'grid', d: `M${LEFT},${round(y(value))}H${WIDTH - RIGHT}` }),
        h('text', { x: LEFT - 6, y: y(value) + 4, 'text-anchor': 'end' }, name(value)),
      ]),
  )
}

/** Where faults were at work, and where windows begin. */
export function weatherShade({ faults, windows }: RunResult, x: Scale, top: number, bottom: number): Markup {
  return h(
    'g',
    {},
    faults.map(({ at, until }) =>
      h('rect', { class: 'fault', x: x(at), y: top, width: Math.max(1, x(until) - x(at)), height: bottom - top }),
    ),
    windows
      .filter(({ from }) => from > 0)
      .map(({ from }) => h('path', { class: 'window', d: `M${round(x(from))},${top}V${bottom}` })),
  )
}

export function drawing(height: number, label: string, ...content: readonly Content[]): Markup {
  return h('div', { class: 'scroll' }, svg(WIDTH, height, null, label, content))
}

/** One that a phone shows whole. */
export function narrowDrawing(width: number, height: number, label: string, ...content: readonly Content[]): Markup {
  return svg(width, height, 'narrow', label, content)
}

function svg(width: number, height: number, className: string | null, label: string, content: Content): Markup {
  return h('svg', { class: className, viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': label }, content)
}

export function figure(caption: Content, ...content: readonly Content[]): Markup {
  return h('figure', {}, h('figcaption', {}, caption), ...content)
}

export function legend(names: readonly (readonly [className: string, name: string])[]): Markup {
  return h(
    'div',
    { class: 'legend' },
    names.map(([className, name]) =>
      h(
        'span',
        {},
        h(
          'svg',
          { viewBox: '0 0 10 10', 'aria-hidden': 'true' },
          h('rect', { class: className, width: 10, height: 10 }),
        ),
        name,
      ),
    ),
  )
}

export function short(text: string, columns = LABEL_COLUMNS_MAX): string {
  return truncateToColumns(text, columns)
}

export function round(value: number): number {
  return Math.round(value * 10) / 10
}

/** The colour of the n-th of several; the last one is everybody else's. */
export function fillOf(index: number): string {
  return `f${Math.min(7, index)}`
}
