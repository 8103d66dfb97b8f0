/** Peak amplification: attempts per request, in the worst stretch of the run. */
import { SECOND, type Millis } from '../../base/index.ts'
import { formatDuration } from '../../base/quantities.ts'
import { stretchesOf } from '../bounds.ts'
import type { Metric } from '../metric.ts'
import { NO_REQUESTS } from './_share.ts'

/** Ours: long enough for hundreds of requests at usual rates, short enough to show a burst of retries. */
const OVER = [10 * SECOND]
/** A stretch with fewer requests says nothing. */
const REQUESTS_MIN = 30
/** Stretches whose requests may still be under way; those before them are told, and done with. */
const OPEN_MAX = 1_024

interface Stretch {
  requests: number
  attempts: number
}

interface State {
  readonly stretchMs: Millis
  readonly open: Map<number, Stretch>
  requests: number
  worst: { readonly stretch: number; readonly factor: number } | null
}

export const peakAmplification: Metric<State, 'request.closed'> = {
  kind: 'peak_amplification',
  summary: 'Attempts per request in the worst stretch of the run.',
  unit: 'factor',
  numerator: 'attempts of the requests that arrived in a stretch as long as `over`, 10 s unless said otherwise',
  denominator: 'those requests, without those the client itself cancelled; 30 at least',
  samples: 'requests',
  trap: 'A mean over the run hides the ten seconds in which retries took a provider down.',
  stats: ['value'],
  resolution: 1e-3,
  range: [0, Infinity],
  example: '<= 3',
  scope: 'traffic',
  hasBooks: false,
  needsTwin: false,
  takes: ['over'],
  onDemand: true,
  on: ['request.closed'],
  start: ({ bounds }) => ({
    stretchMs: stretchesOf(bounds, OVER).at(-1) ?? SECOND,
    open: new Map(),
    requests: 0,
    worst: null,
  }),
  step(state, entry) {
    if (entry.outcome === 'cancelled') return
    state.requests += 1
    const index = Math.floor(entry.arrivedAt / state.stretchMs)
    let stretch = state.open.get(index)
    if (stretch === undefined) state.open.set(index, (stretch = { requests: 0, attempts: 0 }))
    stretch.requests += 1
    stretch.attempts += entry.attempts
    if (state.open.size <= OPEN_MAX) return
    for (const [oldest, counts] of state.open) {
      state.worst = worse(state.worst, oldest, counts)
      state.open.delete(oldest)
      return
    }
  },
  breaks: ({ outcome, attempts }, _, bound) => outcome !== 'cancelled' && attempts > bound,
  finish({ open, stretchMs, requests, worst }) {
    if (requests === 0) return { value: null, n: 0, note: NO_REQUESTS }
    let found = worst
    for (const [index, counts] of open) found = worse(found, index, counts)
    if (found === null) return { value: null, n: requests, note: `no stretch had ${REQUESTS_MIN} requests` }
    const from = found.stretch * stretchMs
    return {
      value: found.factor,
      n: requests,
      note: `worst from ${formatDuration(from)} to ${formatDuration(from + stretchMs)}`,
    }
  },
}

function worse(worst: State['worst'], stretch: number, { requests, attempts }: Stretch): State['worst'] {
  if (requests < REQUESTS_MIN) return worst
  const factor = attempts / requests
  return worst === null || factor > worst.factor ? { stretch, factor } : worst
}
