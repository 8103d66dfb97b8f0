/** Drawings without a time axis: where fallbacks went, and how long answers took. */
import { scaleLinear } from 'd3-scale'
import { line } from 'd3-shape'
import { formatDuration, formatRatio } from '../../base/quantities.ts'
import type { Chronicle } from '../../gates/index.ts'
import { drawing, figure, fillOf, LEFT, RIGHT, round, short, valueAxis, WIDTH } from './chart.ts'
import { h, type Content, type Markup } from './markup.ts'

const ROUND_TIMES = [1, 10, 100, 1_000, 10_000, 60_000, 600_000].flatMap((ms) =>
  ms < 10_000 ? [ms, 2 * ms, 5 * ms] : [ms, 2 * ms],
)
/** Flows that are drawn; the rest is in the table of endpoints. */
const FLOWS_MAX = 16
const NODE = 10
const FLOW_LEFT = 260
const FLOW_RIGHT = WIDTH - 260

/** From where to where requests moved, as ribbons as wide as there were attempts. */
export function fallbackFlow({ flows }: Chronicle): Markup | null {
  const shown = flows.slice(0, FLOWS_MAX)
  const total = shown.reduce((sum, { attempts }) => sum + attempts, 0)
  if (total === 0) return null
  const height = Math.max(
    120,
    34 * new Set(shown.map(({ from }) => from)).size,
    34 * new Set(shown.map(({ to }) => to)).size,
  )
  const left = sideOf(shown, 'from', height, total)
  const right = sideOf(shown, 'to', height, total)
  const names = [...left.keys()]
  const more = flows.length - shown.length
  const used = { from: new Map<string, number>(), to: new Map<string, number>() }
  const place = (side: 'from' | 'to', name: string, thick: number): number => {
    const start = (side === 'from' ? left : right).get(name)?.y ?? 0
    const before = used[side].get(name) ?? 0
    used[side].set(name, before + thick)
    return start + before
  }
  const scale = (height * 0.72) / total
  return figure(
    `Attempts that went on at another endpoint than the attempt before: ${total}${more > 0 ? `, and ${more} smaller flows` : ''}.`,
    drawing(
      height + 8,
      `Fallbacks: ${shown
        .slice(0, 3)
        .map(({ from, to, attempts }) => `${attempts} from ${from} to ${to}`)
        .join(', ')}.`,
      shown.map(({ from, to, attempts }) => {
        const thick = attempts * scale
        const [a, b] = [place('from', from, thick), place('to', to, thick)]
        const middle = (FLOW_LEFT + FLOW_RIGHT) / 2
        const [x0, x1] = [FLOW_LEFT + NODE, FLOW_RIGHT]
        const d = `M${x0},${round(a)}C${middle},${round(a)} ${middle},${round(b)} ${x1},${round(b)}v${round(thick)}C${middle},${round(b + thick)} ${middle},${round(a + thick)} ${x0},${round(a + thick)}Z`
        return h(
          'path',
          { class: `ribbon ${fillOf(names.indexOf(from))}`, d },
          h('title', {}, `${attempts} from ${from} to ${to}`),
        )
      }),
      nodes(left, FLOW_LEFT, 'end', FLOW_LEFT - 8),
      nodes(right, FLOW_RIGHT, 'start', FLOW_RIGHT + NODE + 8),
    ),
  )
}

interface Node {
  readonly y: number
  readonly height: number
  readonly attempts: number
}

function sideOf(flows: Chronicle['flows'], side: 'from' | 'to', height: number, total: number): Map<string, Node> {
  const sums = new Map<string, number>()
  for (const flow of flows) sums.set(flow[side], (sums.get(flow[side]) ?? 0) + flow.attempts)
  const gap = (height * 0.28) / sums.size
  let y = gap / 2
  const placed = new Map<string, Node>()
  for (const [name, attempts] of sums) {
    const tall = (attempts * height * 0.72) / total
    placed.set(name, { y, height: tall, attempts })
    y += tall + gap
  }
  return placed
}

function nodes(side: ReadonlyMap<string, Node>, x: number, anchor: string, textX: number): Content {
  return [...side].map(([name, { y, height, attempts }]) => [
    h('rect', { class: 'sum', x, y, width: NODE, height: Math.max(1, height) }),
    h('text', { x: textX, y: y + height / 2 + 4, 'text-anchor': anchor }, `${short(name, 34)} · ${attempts}`),
  ])
}

/** The share of answers that took at most so long. The time axis is in doublings. */
export function latencyCurve({ latency }: Chronicle): Markup | null {
  const [least] = latency
  const most = latency.at(-1)
  if (least === undefined || most === undefined) return null
  const low = powerBelow(least)
  const high = Math.max(low + 1, powerBelow(most) + 1)
  const x = scaleLinear([low, high], [LEFT, WIDTH - RIGHT])
  const y = scaleLinear([0, 1], [196, 12])
  const points = latency.map((ms, index) => [x(logOf(ms)), y((index + 1) / latency.length)] as [number, number])
  const ticks = ROUND_TIMES.filter((ms) => ms >= 1 << low && ms <= 1 << high)
  const percentile = (q: number): string => formatDuration(latency[q - 1] ?? most)
  return figure(
    `Requests that ended ok: half within ${percentile(50)}, 95 % within ${percentile(95)}, all within ${percentile(100)}.`,
    drawing(
      220,
      `How long answers took: p50 ${percentile(50)}, p95 ${percentile(95)}, p99 ${percentile(99)}.`,
      valueAxis(y, (value) => formatRatio(value, 0), 4),
      ticks.map((ms) => [
        h('path', { class: 'axis', d: `M${round(x(logOf(ms)))},196v4` }),
        h('text', { x: x(logOf(ms)), y: 212, 'text-anchor': 'middle' }, formatDuration(ms)),
      ]),
      h('path', { class: 'run', d: line()(points) ?? '' }),
    ),
  )
}

/** Largest power of two that is not above so many ms. */
function powerBelow(ms: number): number {
  return Math.max(0, 31 - Math.clz32(Math.max(1, Math.floor(ms))))
}

/** Powers of two, with straight lines between them: enough to draw by. */
function logOf(ms: number): number {
  const power = powerBelow(ms)
  return power + Math.max(0, ms / (1 << power) - 1)
}
