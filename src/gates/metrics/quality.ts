/** Quality: how good the answers were, by what their endpoints declare for the task. */
import type { RequestClosed } from '../../ledger/index.ts'
import { countOf } from '../format.ts'
import type { FoldContext, Metric, Stat } from '../metric.ts'

/** Answers by quality, in thousandths. */
const STEPS = 1_000

interface State {
  readonly counts: Uint32Array
  sum: number
  answers: number
  /** Answers of which the fleet had not told when they ended. */
  untold: number
}

export const quality: Metric<State, 'request.closed'> = {
  kind: 'quality',
  summary:
    'How good the answers were: the quality that the endpoint declares for the task, less what faults took of it.',
  unit: 'ratio',
  numerator: 'sum of the quality of the answers, 0 to 1; p95 is the quality that 95 % of them have at least',
  denominator: 'requests that ended ok',
  samples: 'answers',
  trap: 'Only answers count: a policy that answers little looks good here, so hold success_rate beside it. Read percentiles from the good end: p95 >= 60% says that only one answer in twenty is worse.',
  stats: ['mean', 'p50', 'p90', 'p95', 'p99'],
  resolution: 1e-6,
  range: [0, 1],
  example: '>= 80%',
  scope: 'traffic',
  hasBooks: false,
  needsTwin: false,
  on: ['request.closed'],
  start: () => ({ counts: new Uint32Array(STEPS + 1), sum: 0, answers: 0, untold: 0 }),
  step(state, entry, context) {
    if (entry.outcome !== 'ok') return
    const value = servedQuality(entry, context)
    if (value === null) {
      state.untold += 1
      return
    }
    const step = Math.round(value * STEPS)
    state.counts[step] = (state.counts[step] ?? 0) + 1
    state.sum += value
    state.answers += 1
  },
  breaks(entry, context, bound) {
    const value = entry.outcome === 'ok' ? servedQuality(entry, context) : null
    return value !== null && value < bound
  },
  finish(state, stat) {
    const { sum, answers, untold } = state
    const note = untold === 0 ? undefined : { note: `of ${untold} more nothing is known` }
    if (answers === 0)
      return {
        value: null,
        n: 0,
        note: untold === 0 ? 'no request ended ok' : `nothing is known of ${countOf(untold, 'answers')}`,
      }
    return { value: stat === 'mean' ? sum / answers : reached(state, shareOf(stat)), n: answers, ...note }
  },
}

function servedQuality({ request }: RequestClosed, { traces }: FoldContext): number | null {
  const value = traces.of(request)?.quality ?? -1
  return value < 0 ? null : value
}

const SHARES: Partial<Record<Stat, number>> = { p50: 0.5, p90: 0.9, p95: 0.95, p99: 0.99 }

function shareOf(stat: Stat): number {
  return SHARES[stat] ?? 1
}

/** The highest quality that so many of the answers have at least. */
function reached({ counts, answers }: State, share: number): number {
  let seen = 0
  for (let step = STEPS; step > 0; step -= 1) {
    seen += counts[step] as number
    if (seen >= share * answers) return step / STEPS
  }
  return 0
}
