/** Policy violations: attempts that were sent where the policy forbids. */
import { requestName, type AttemptStarted } from '../../ledger/index.ts'
import { workflowOf } from '../../protocol/index.ts'
import type { FoldContext, Metric } from '../metric.ts'

interface State {
  attempts: number
  violations: number
  /** The first one, in words. */
  first: string | null
}

export const policyViolations: Metric<State, 'attempt.started'> = {
  kind: 'policy_violations',
  summary: 'Attempts sent to an endpoint that the policy does not allow.',
  unit: 'count',
  numerator: 'attempts at an endpoint outside the allowed set, by an oracle that is not the router',
  denominator: 'none: a count, over every attempt and not only those that won',
  samples: 'attempts',
  trap: 'An attempt that was refused or lost its race has leaked the prompt all the same.',
  stats: ['value'],
  resolution: 1,
  range: [0, Infinity],
  example: '== 0',
  scope: 'traffic',
  hasBooks: false,
  needsTwin: false,
  on: ['attempt.started'],
  start: () => ({ attempts: 0, violations: 0, first: null }),
  step(state, entry, context) {
    const { directory } = context
    state.attempts += 1
    const reason = whyNot(entry, context)
    if (reason === null) return
    state.violations += 1
    const endpoint = directory.endpoints[entry.endpoint]?.id ?? '?'
    state.first ??= `first ${requestName(directory, entry.request)} at ${endpoint}: ${reason}`
  },
  breaks: (entry, context) => whyNot(entry, context) !== null,
  finish({ attempts, violations, first }) {
    if (attempts === 0) return { value: null, n: 0, note: 'no attempt was made' }
    return { value: violations, n: attempts, ...(first !== null && { note: first }) }
  },
}

function whyNot({ request, endpoint }: AttemptStarted, { isLegal, traces }: FoldContext): string | null {
  const trace = traces.of(request)
  return isLegal(request, workflowOf(request), endpoint, trace?.rule ?? -1, trace?.rung ?? 0)
}
