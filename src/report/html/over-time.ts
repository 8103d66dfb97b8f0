/** The run over time: success, fallback, first tokens and money on one time axis, faults shaded, breakers as strips. */
import { scaleLinear } from 'd3-scale'
import { area, line, stack } from 'd3-shape'
import { formatDuration, formatRatio, formatUsd } from '../../base/quantities.ts'
import { countOf, type Chronicle, type RunResult } from '../../gates/index.ts'
import {
  drawing,
  figure,
  fillOf,
  legend,
  LEFT,
  RIGHT,
  round,
  short,
  timeAxis,
  timeScale,
  valueAxis,
  weatherShade,
  WIDTH,
  type Scale,
} from './chart.ts'
import { h, type Content, type Markup } from './markup.ts'

const PANEL = 96
const GAP = 26
const STRIP = 12
const AXIS = 24
const LANE = 14
/** Endpoints whose breakers are drawn. */
const STRIPS_MAX = 16
/** Gates whose first violation is marked. */
const BROKEN_MAX = 8

interface Line {
  readonly className: string
  readonly values: readonly (number | null)[]
}

interface Panel {
  readonly title: string
  readonly lines: readonly Line[]
  readonly name: (value: number) => string
  /** Top of the value axis; absent: by the values. */
  readonly most?: number
}

export function overTime(result: RunResult): Markup {
  const { chronicle, endedAt } = result
  const { sliceMs, ok, fallback, ttftP50, ttftP95, cost, arrived, twin } = chronicle
  const shares = (part: readonly number[], whole: readonly number[]): (number | null)[] =>
    whole.map((n, index) => (n === 0 ? null : (part[index] ?? 0) / n))
  const perMinute = (values: readonly number[]): number[] => values.map((value) => (value * 60_000) / sliceMs)
  const panels: Panel[] = [
    {
      title: 'success',
      most: 1,
      name: (value) => formatRatio(value, 0),
      lines: [
        ...(twin ? [{ className: 'twin', values: shares(twin.ok, twin.arrived) }] : []),
        { className: 'run', values: shares(ok, arrived) },
      ],
    },
    {
      title: 'served by a fallback',
      most: 1,
      name: (value) => formatRatio(value, 0),
      lines: [{ className: 'run', values: shares(fallback, ok) }],
    },
    {
      title: 'time to first token: p50, p95',
      name: formatDuration,
      lines: [
        { className: 'second', values: ttftP95 },
        { className: 'run', values: ttftP50 },
      ],
    },
    {
      title: 'cost a minute, charged by the fleet',
      name: formatUsd,
      lines: [
        ...(twin ? [{ className: 'twin', values: perMinute(twin.cost) }] : []),
        { className: 'run', values: perMinute(cost) },
      ],
    },
  ]
  const x = timeScale(endedAt)
  const strips = [...new Set(chronicle.states.map(({ endpoint }) => endpoint))].slice(0, STRIPS_MAX)
  const broken = brokenGates(result)
  const lanes = result.faults.length + broken.length
  const top = lanes * LANE + (lanes > 0 ? 10 : 0)
  const bottom = top + panels.length * (PANEL + GAP)
  const height = bottom + strips.length * (STRIP + 6) + (strips.length > 0 ? 18 : 0) + AXIS
  const drawn = drawing(
    height,
    sentence(result),
    faultLanes(result, x),
    brokenLanes(broken, x, result.faults.length, height - AXIS),
    weatherShade(result, x, Math.max(0, top - 4), height - AXIS),
    panels.map((panel, index) => panelOf(panel, x, sliceMs, top + index * (PANEL + GAP) + 16)),
    strips.length === 0 ? null : stripsOf(chronicle, strips, x, bottom + 18),
    timeAxis(x, height - AXIS),
  )
  return figure(
    `Each point is ${formatDuration(sliceMs)} of the run; requests count when they arrive. Shaded: faults at work.`,
    legend([
      ['f0', 'this run'],
      ...(twin ? ([['f7', 'the same run without faults (dashed)']] as const) : []),
      ['f1', 'p95'],
      ...(strips.length > 0
        ? ([
            ['open', 'breaker open, or ejected'],
            ['cooling', 'cooling down'],
            ['half_open', 'half-open'],
          ] as const)
        : []),
    ]),
    drawn,
  )
}

/** What somebody who does not see the drawing should know of it. */
function sentence(result: RunResult): string {
  const { chronicle, faults } = result
  const { arrived, ok, sliceMs } = chronicle
  let worst = 1
  let at = 0
  arrived.forEach((n, index) => {
    const share = n === 0 ? 1 : (ok[index] ?? 0) / n
    if (share < worst) [worst, at] = [share, index * sliceMs]
  })
  const low =
    worst === 1 ? 'success stayed at 100%' : `success was lowest at ${formatDuration(at)}, with ${formatRatio(worst)}`
  const broken = brokenGates(result).map(({ id, at }) => `; gate ${id} is broken from ${formatDuration(at)} on`)
  return `The run over time: ${low}; ${countOf(faults.length, 'faults')}${broken.join('')}.`
}

function faultLanes({ faults }: RunResult, x: Scale): Content {
  return faults.map(({ label, at, until }, index) => {
    const y = index * LANE
    const from = x(at)
    const isRoomy = from < WIDTH * 0.6
    const to = x(until)
    return [
      h('rect', { class: 'faultline', x: from, y: y + 3, width: Math.max(2, to - from), height: 4 }),
      h('text', { x: isRoomy ? to + 6 : from - 6, y: y + 9, 'text-anchor': isRoomy ? 'start' : 'end' }, short(label)),
    ]
  })
}

interface Broken {
  readonly id: string
  readonly at: number
}

/** Gates that failed, from when on. */
function brokenGates({ gates }: RunResult): Broken[] {
  return gates
    .flatMap(({ id, firstViolation }) => (firstViolation ? [{ id, at: firstViolation.at }] : []))
    .slice(0, BROKEN_MAX)
}

/** Below the faults, each with a line down through what is drawn. */
function brokenLanes(broken: readonly Broken[], x: Scale, lanesAbove: number, bottom: number): Content {
  return broken.map(({ id, at }, index) => {
    const y = (lanesAbove + index) * LANE + 5
    const left = x(at)
    const isRoomy = left < WIDTH * 0.6
    return [
      h('path', { class: 'broken', d: `M${round(left)},${y}V${bottom}` }),
      h('path', { class: 'up', d: `M${round(left - 4)},${y - 4}h8l-4,8Z` }),
      h(
        'text',
        { x: isRoomy ? left + 8 : left - 8, y: y + 4, 'text-anchor': isRoomy ? 'start' : 'end' },
        `gate ${short(id)} is broken`,
      ),
    ]
  })
}

function panelOf({ title, lines, name, most }: Panel, x: Scale, sliceMs: number, top: number): Markup {
  const values = lines.flatMap((one) => one.values.filter((value) => value !== null))
  const y = scaleLinear([0, most ?? (Math.max(...values, 0) || 1)], [top + PANEL, top])
  if (most === undefined) y.nice(3)
  const path = line<number | null>()
    .defined((value) => value !== null)
    .x((_, index) => round(x(Math.min((index + 0.5) * sliceMs, x.domain()[1] ?? 0))))
    .y((value) => round(y(value ?? 0)))
  return h(
    'g',
    {},
    valueAxis(y, name),
    h('text', { class: 'title', x: LEFT, y: top - 5 }, title),
    lines.map(({ className, values: points }) => h('path', { class: className, d: path(points) ?? '' })),
  )
}

function stripsOf({ states }: Chronicle, endpoints: readonly string[], x: Scale, top: number): Content {
  return [
    h('text', { class: 'title', x: LEFT, y: top - 5 }, 'kept from traffic'),
    endpoints.map((endpoint, index) => {
      const y = top + index * (STRIP + 6)
      return [
        h('rect', { class: 'grid', x: LEFT, y, width: WIDTH - LEFT - RIGHT, height: STRIP }),
        states
          .filter((span) => span.endpoint === endpoint)
          .map(({ state, from, to }) =>
            h('rect', { class: state, x: x(from), y, width: Math.max(0.5, x(to) - x(from)), height: STRIP }),
          ),
        h('text', { x: LEFT - 6, y: y + STRIP - 2, 'text-anchor': 'end' }, short(endpoint, 9)),
        h('title', {}, endpoint),
      ]
    }),
  ]
}

/** Attempts by provider, stacked. */
export function trafficOverTime(result: RunResult): Markup | null {
  const { traffic, sliceMs } = result.chronicle
  const [first] = traffic
  if (first === undefined) return null
  const providers = [...new Set(traffic.map(({ provider }) => provider))]
  const rows = first.attempts.map((_, slice) =>
    Object.fromEntries(
      providers.map((provider) => [
        provider,
        traffic.reduce((sum, one) => (one.provider === provider ? sum + (one.attempts[slice] ?? 0) : sum), 0),
      ]),
    ),
  )
  const layers = stack<Record<string, number>>().keys(providers)(rows)
  const most = Math.max(1, ...rows.map((row) => Object.values(row).reduce((sum, n) => sum + n, 0)))
  const x = timeScale(result.endedAt)
  const y = scaleLinear([0, most], [216, 12]).nice(4)
  const shape = area<readonly [number, number]>()
    .x((_, index) => round(x(Math.min((index + 0.5) * sliceMs, result.endedAt))))
    .y0(([low]) => round(y(low)))
    .y1(([, high]) => round(y(high)))
  return figure(
    `Attempts per ${formatDuration(sliceMs)}, by provider.`,
    legend(providers.map((provider, index) => [fillOf(index), provider] as const)),
    drawing(
      240,
      `Attempts over time at ${providers.join(', ')}.`,
      layers.map((layer, index) =>
        h('path', { class: fillOf(index), d: shape(layer as unknown as [number, number][]) ?? '' }),
      ),
      valueAxis(y, (value) => String(value), 4),
      weatherShade(result, x, 12, 216),
      timeAxis(x, 216),
    ),
  )
}
