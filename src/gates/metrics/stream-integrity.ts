/** Stream integrity: whether an answer is that of one attempt, whole, and nothing else. */
import { requestName, type AttemptEnded } from '../../ledger/index.ts'
import type { RequestId } from '../../protocol/index.ts'
import type { Metric } from '../metric.ts'

/** Requests in flight with an attempt that has shown content, at most; more are not looked at. */
const SHOWN_MAX = 65_536

/** What was shown to the caller of the latest call. */
interface Shown {
  readonly call: number
  readonly attempts: number
  readonly tokens: number
}

interface State {
  answers: number
  whole: number
  first: string | null
  readonly shown: Map<RequestId, Shown>
}

export const streamIntegrity: Metric<State, 'attempt.ended' | 'request.closed'> = {
  kind: 'stream_integrity',
  summary: 'Good answers that are all of one attempt, and nothing else.',
  unit: 'ratio',
  numerator: 'ok requests whose last call showed content of one attempt only, and as many tokens as that attempt said',
  denominator: 'ok requests that an endpoint served',
  samples: 'ok requests',
  trap: 'From both ends of the gateway: what the application counted is held against what the attempt said.',
  stats: ['value'],
  resolution: 1e-6,
  range: [0, 1],
  example: '>= 100%',
  scope: 'traffic',
  hasBooks: false,
  needsTwin: false,
  onDemand: true,
  on: ['attempt.ended', 'request.closed'],
  start: () => ({ answers: 0, whole: 0, first: null, shown: new Map() }),
  step(state, entry, { directory }) {
    const { shown } = state
    if (entry.kind === 'attempt.ended') {
      if (entry.committed) show(shown, entry)
      return
    }
    const seen = shown.get(entry.request)
    shown.delete(entry.request)
    if (entry.outcome !== 'ok' || entry.servedBy < 0 || seen === undefined) return
    state.answers += 1
    if (seen.attempts === 1 && seen.tokens === entry.outputTokens) state.whole += 1
    else {
      const said = seen.attempts === 1 ? `${entry.outputTokens} tokens of ${seen.tokens}` : `${seen.attempts} attempts`
      state.first ??= `first ${requestName(directory, entry.request)}: ${said}`
    }
  },
  finish({ answers, whole, first }) {
    if (answers === 0) return { value: null, n: 0, note: 'no request ended ok that an endpoint served' }
    return { value: whole / answers, n: answers, ...(first !== null && { note: first }) }
  },
}

function show(shown: Map<RequestId, Shown>, { request, call, outputTokens }: AttemptEnded): void {
  const before = shown.get(request)
  if (before === undefined && shown.size >= SHOWN_MAX) return
  const attempts = before?.call === call ? before.attempts + 1 : 1
  shown.set(request, { call, attempts, tokens: outputTokens })
}
