/**
 * Error budget burn: how many times faster than allowed requests failed, in the worst moment. 1 uses up the budget of a
 * month in a month; 14.4 for an hour uses up 2 % of it, which is when Google's SRE workbook has people woken: if it is so
 * over an hour, and over the last five minutes as well, so that the alarm ends when the trouble does.
 *
 *   | parameter   | default     | source                                                    |
 *   | ----------- | ----------- | --------------------------------------------------------- |
 *   | `objective` | 99.9 %      | the workbook's own example, chapter 5, "Alerting on SLOs" |
 *   | `over`      | [1h, 5m]    | the same: 2 % of 30 days                                  |
 *   | `slo`       | that it is ok |                                                         |
 *
 * Seen as a monitor sees it: a request counts when it is over. The stretches move on by a fifth of the shortest, and count
 * once they are full; one that is longer than the run is as long as the run.
 */
import { HOUR, MINUTE, type Millis } from '../../base/index.ts'
import { formatRatio } from '../../base/quantities.ts'
import { budgetUsed, stretchesOf, type Bounds } from '../bounds.ts'
import type { Metric } from '../metric.ts'
import { NO_REQUESTS } from './_share.ts'
import { keepsPromise } from './_slo.ts'

const OBJECTIVE = 0.999
const OVER = [HOUR, 5 * MINUTE]
/** A stretch with fewer requests says nothing. */
const REQUESTS_MIN = 30
const PARTS_OF_SHORTEST = 5
const SLICES_MAX = 4_096

interface State {
  readonly sliceMs: Millis
  /** Slices of each stretch. */
  readonly lengths: readonly number[]
  /** A ring of the longest stretch, and the slice under way. */
  readonly bad: Float64Array
  readonly all: Float64Array
  /** The slice under way, counted from the beginning of the run. */
  slice: number
  requests: number
  broken: number
  /** Largest of what all stretches said at once; null: none had enough requests. */
  worst: number | null
}

export const errorBudgetBurn: Metric<State, 'request.closed'> = {
  kind: 'error_budget_burn',
  summary: 'How many times faster than its objective allows the service failed, in its worst stretch.',
  unit: 'factor',
  numerator: 'share of requests in the stretch that were not ok, or broke the bounds of `slo`',
  denominator: 'the share that may: 1 less the `objective`',
  samples: 'requests',
  trap: 'Over several stretches at once: a short one alone cries wolf, and a long one alone goes on when all is well.',
  stats: ['value'],
  resolution: 1e-3,
  range: [0, Infinity],
  example: '<= 14.4',
  scope: 'traffic',
  hasBooks: false,
  needsTwin: false,
  takes: ['slo', 'objective', 'over'],
  onDemand: true,
  on: ['request.closed'],
  start({ bounds, directory: { durationMs } }) {
    const stretches = stretchesOf(bounds, OVER).map((stretch) => Math.min(stretch, durationMs))
    const [longest = HOUR] = stretches
    const sliceMs = Math.max((stretches.at(-1) ?? HOUR) / PARTS_OF_SHORTEST, longest / SLICES_MAX)
    const lengths = stretches.map((stretch) => Math.max(1, Math.round(stretch / sliceMs)))
    // One more for the slice under way.
    const most = (lengths[0] ?? 1) + 1
    const ring = (): Float64Array => new Float64Array(most)
    return { sliceMs, lengths, bad: ring(), all: ring(), slice: 0, requests: 0, broken: 0, worst: null }
  },
  step(state, entry, { bounds }) {
    if (entry.outcome === 'cancelled') return
    moveOn(state, Math.floor(entry.at / state.sliceMs), bounds)
    const { bad, all, slice } = state
    const place = slice % all.length
    all[place] = (all[place] as number) + 1
    state.requests += 1
    if (keepsPromise(entry, bounds)) return
    bad[place] = (bad[place] as number) + 1
    state.broken += 1
  },
  breaks: (entry, { bounds }) => entry.outcome !== 'cancelled' && !keepsPromise(entry, bounds),
  finish(state, _stat, { bounds, spanMs }) {
    const { requests, broken } = state
    if (requests === 0) return { value: null, n: 0, note: NO_REQUESTS }
    const value = larger(state.worst, burnOf(state, bounds, 1))
    if (value === null) return { value, n: requests, note: `no stretch had ${REQUESTS_MIN} requests` }
    const used = budgetUsed(broken / requests / allowedOf(bounds), spanMs)
    return { value, n: requests, note: `all of it used up ${formatRatio(used)} of a month’s error budget` }
  },
}

/** The slices that are over are looked at once, and those of another round are empty again. */
function moveOn(state: State, slice: number, bounds: Bounds): void {
  const { bad, all } = state
  const steps = Math.min(slice - state.slice, all.length)
  for (let step = 1; step <= steps; step += 1) {
    // When nothing has come for a while, what there was goes out of the longest stretch bit by bit.
    if (isFull(state)) state.worst = larger(state.worst, burnOf(state, bounds, 0))
    state.slice += 1
    const place = state.slice % all.length
    bad[place] = 0
    all[place] = 0
  }
  if (state.slice < slice) state.slice = slice
}

/** Whether the longest stretch lies within the run. */
function isFull({ slice, all }: State): boolean {
  return slice >= all.length - 2
}

/** What all stretches that end now say at once, each `more` slices longer; null where one has too few requests. */
function burnOf({ bad, all, slice, lengths }: State, bounds: Bounds, more: 0 | 1): number | null {
  let least: number | null = null
  for (const length of lengths) {
    let [broken, requests] = [0, 0]
    for (let back = 0; back < length + more && back <= slice; back += 1) {
      const place = (slice - back) % all.length
      broken += bad[place] as number
      requests += all[place] as number
    }
    if (requests < REQUESTS_MIN) return null
    const burn = broken / requests / allowedOf(bounds)
    least = least === null ? burn : Math.min(least, burn)
  }
  return least
}

function allowedOf({ objective = OBJECTIVE }: Bounds): number {
  return 1 - objective
}

function larger(left: number | null, right: number | null): number | null {
  return left === null ? right : right === null ? left : Math.max(left, right)
}
