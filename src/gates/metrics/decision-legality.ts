/** Decision legality: routing plans that name nobody whom the policy forbids. */
import { requestName } from '../../ledger/index.ts'
import { workflowOf } from '../../protocol/index.ts'
import type { Metric } from '../metric.ts'
import { observeShare, type Share } from './_share.ts'

interface State extends Share {
  /** The first that is not, in words. */
  first: string | null
}

export const decisionLegality: Metric<State, 'call.routed'> = {
  kind: 'decision_legality',
  summary: 'Routing plans in which every endpoint is allowed.',
  unit: 'ratio',
  numerator:
    'plans whose endpoints are all in the allowed set, and take the length and the shape of the request, by an oracle that is not the router',
  denominator:
    'plans that name an endpoint, those of the rungs of a ladder included; they belong to the endpoint named first',
  samples: 'routing plans',
  trap: 'A forbidden endpoint at the end of a plan is a violation that waits for its day: policy_violations sees it only then.',
  stats: ['value'],
  resolution: 1e-6,
  range: [0, 1],
  example: '>= 100%',
  scope: 'traffic',
  hasBooks: false,
  needsTwin: false,
  onDemand: true,
  on: ['call.routed'],
  start: () => ({ part: 0, whole: 0, first: null }),
  step(state, entry, { isLegal, directory, selects }) {
    const { at, request, order, rule, rung, inputTokens, maxTokens, shape } = entry
    const [top] = order
    if (top === undefined || !selects.attempt({ at, request, endpoint: top.endpoint })) return
    state.whole += 1
    const workflow = workflowOf(request)
    const isKnown = inputTokens !== undefined && maxTokens !== undefined && shape !== undefined
    const asked = isKnown ? { inputTokens, maxTokens, shape } : undefined
    for (const { endpoint } of order) {
      const reason = isLegal(request, workflow, endpoint, rule, rung, asked)
      if (reason === null) continue
      const name = directory.endpoints[endpoint]?.id ?? '?'
      state.first ??= `first ${requestName(directory, request)} with ${name}: ${reason}`
      return
    }
    state.part += 1
  },
  finish: (state) => ({
    ...observeShare(state, 'no call was routed'),
    ...(state.first !== null && { note: state.first }),
  }),
}
