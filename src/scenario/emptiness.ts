/**
 * What a scenario leaves empty: gates over traffic that never comes, faults that can strike nobody, a policy that no
 * endpoint may serve. Nothing of this is wrong in itself, and a run would end, often as inconclusive; these warnings
 * say so beforehand and why. A scenario that expects anything but a pass is empty on purpose, and has none.
 */
import { at, formatDuration, type Millis } from '../base/index.ts'
import { countOf, metricOf, type GateSpec } from '../gates/index.ts'
import type { WindowName } from '../ledger/index.ts'
import {
  endpointId,
  engineAsked,
  FILE_MODEL,
  pluginAsking,
  pluginSaid,
  pluginUse,
  readModelName,
  type EndpointSpec,
  type GatewaySpec,
} from '../protocol/index.ts'
import type { ScheduledFault } from '../provider/index.ts'
import { pluginsOf, type Policy } from '../router/index.ts'
import type { Foresight } from './foresight.ts'
import { reachable, violation } from './legality.ts'
import type { WarningRule } from './diagnostics.ts'
import type { Misfit } from './misfit.ts'
import type { Scenario } from './schema.ts'

export interface Whole {
  readonly scenario: Scenario
  readonly endpoints: readonly EndpointSpec[]
  readonly gateway: GatewaySpec
  readonly policies: readonly Policy[]
  readonly policyNames: readonly string[]
  /** Policy of each workflow. */
  readonly workflowPolicies: readonly number[]
  readonly windows: readonly WindowName[]
  readonly timeline: readonly ScheduledFault[]
  readonly foresight: Foresight
}

/** A virtual run plays some hundred thousand requests a second; this is where it takes minutes. */
const REQUESTS_CALM_MAX = 50_000_000
const REASONS_SHOWN_MAX = 3

export function emptiness(whole: Whole): Misfit[] {
  if (whole.scenario.expect !== 'pass') return []
  const reach = reachOf(whole)
  const found = [
    ...ruled('unused-policy', idlePolicies(whole)),
    ...ruled(
      'unused-workflow',
      whole.scenario.workload.flatMap((_, index) => idleWorkflow(whole, index, at(reach, index))),
    ),
    ...ruled('idle-conversation', idleConversations(whole)),
    ...ruled(
      'idle-fault',
      whole.timeline.flatMap((_, index) => idleFault(whole, index, reach)),
    ),
    ...ruled(
      'idle-gate',
      whole.scenario.gates.flatMap((gate, index) => idleGate(whole, gate, index, reach)),
    ),
    ...atLarge(whole),
  ]
  return found.map((misfit) => ({ ...misfit, severity: 'warning' }))
}

function ruled(rule: WarningRule, misfits: readonly Misfit[]): Misfit[] {
  return misfits.map((misfit) => ({ ...misfit, rule }))
}

/** For each workflow, which endpoints its requests may reach. */
function reachOf({ scenario, endpoints, gateway, policies, workflowPolicies }: Whole): boolean[][] {
  return scenario.workload.map(({ client, pdf }, index) => {
    const policy = at(policies, at(workflowPolicies, index))
    const reached = reachable(policy, endpoints, gateway)
    return endpoints.map(
      (spec, place) =>
        at(reached, place) ||
        endpointId(spec) === client.emergency ||
        isAskedByTool(spec, policy, gateway) ||
        (pdf !== undefined && readsFiles(spec, policy, gateway)),
    )
  })
}

/** Whether a server tool of the policy's requests asks it. */
function isAskedByTool(spec: EndpointSpec, policy: Policy, { plugins }: GatewaySpec): boolean {
  const plugin = pluginAsking(spec)
  return plugin !== null && pluginUse(plugin, pluginsOf(policy), plugins) !== null
}

/** Whether it is the engine that reads the files of the policy's requests, where nobody reads them himself. */
function readsFiles({ model, provider }: EndpointSpec, policy: Policy, { plugins, file_parser: parser }: GatewaySpec) {
  const engine = engineAsked(pluginSaid('file-parser', pluginsOf(policy), plugins)) ?? parser?.engine
  return model === FILE_MODEL && provider === engine
}

/** What does not get worse when requests fail. */
const TIMES_OF_SUCCESS: readonly string[] = ['ttft', 'latency']
const SEES_FAILURES: readonly string[] = [
  'success_rate',
  'availability',
  'goodput',
  'slo_attainment',
  'error_budget_burn',
]

function atLarge({ scenario, foresight }: Whole): Misfit[] {
  const found: Misfit[] = []
  if (scenario.gates.length === 0) {
    found.push({
      path: ['gates'],
      rule: 'no-gates',
      message: 'there are no gates, so nothing is judged and the verdict is inconclusive',
      fix: 'add one, like { id: success, metric: success_rate, assert: ">= 99%" }',
    })
  }
  const times = scenario.gates.findIndex(({ metric }) => TIMES_OF_SUCCESS.includes(metric))
  if (times >= 0 && !scenario.gates.some(({ metric }) => SEES_FAILURES.includes(metric))) {
    found.push({
      path: ['gates', times],
      rule: 'no-success-gate',
      message: `${at(scenario.gates, times).metric} is of requests that end ok, and no gate sees those that fail`,
      fix: 'add one, like { id: success, metric: success_rate, assert: ">= 99%" }',
    })
  }
  const { total } = foresight
  if (total > REQUESTS_CALM_MAX) {
    const [unit, name] = total < 1_000_000_000 ? [1_000_000, 'million'] : [1_000_000_000, 'billion']
    found.push({
      path: ['duration'],
      rule: 'too-much',
      message: `about ${Number((total / unit).toPrecision(2))} ${name} requests will arrive, which takes long to play`,
      fix: 'shorten the duration or lower a rate',
    })
  }
  return found
}

function idlePolicies({ policyNames, workflowPolicies }: Whole): Misfit[] {
  return policyNames.flatMap((name, index) =>
    workflowPolicies.includes(index)
      ? []
      : [{ path: ['policies', name], isKey: true, message: 'no workflow has this policy', fix: 'remove it' }],
  )
}

/** A policy that names the conversation of its requests, where no conversation can stay with an endpoint. */
function idleConversations({ policies, policyNames, endpoints, gateway }: Whole): Misfit[] {
  return policies.flatMap((policy, index) => {
    const field = (['session_id', 'prompt_cache_key'] as const).find((name) => policy[name])
    if (field === undefined) return []
    const obstacle = obstacleOf(policy, endpoints, gateway)
    if (obstacle === null) return []
    return [
      { path: ['policies', at(policyNames, index), field], message: `it holds nothing: ${obstacle}`, fix: 'drop it' },
    ]
  })
}

/** Why no conversation stays where it was (openrouter.md §6.2); null: it may. */
function obstacleOf(policy: Policy, endpoints: readonly EndpointSpec[], gateway: GatewaySpec): string | null {
  const { provider, resilience } = policy
  if (provider.order?.length) return '`provider.order` says who comes first'
  if (resilience.stickiness) return 'the `stickiness` of the policy takes its place, and goes by sessions and tenants'
  if (resilience.balance) return 'the `balance` of the policy spreads every request anew'
  const allowed = reachable(policy, endpoints, gateway)
  const isCheaper = ({ price }: EndpointSpec): boolean => (price.cache_read ?? price.input) < price.input
  if (endpoints.some((spec, place) => at(allowed, place) && isCheaper(spec))) return null
  return 'no endpoint that the policy allows has a `cache_read` price below its `input`'
}

function idleWorkflow(whole: Whole, index: number, reach: readonly boolean[]): Misfit[] {
  const { scenario, endpoints, gateway, policies, workflowPolicies, foresight } = whole
  const found: Misfit[] = []
  if (!foresight.hasArrivals(index, 0, scenario.duration)) {
    found.push({
      path: ['workload', index, 'arrivals'],
      message: `nobody comes: not one request arrives within ${formatDuration(scenario.duration)}`,
      fix: 'raise the rate or the duration',
    })
  }
  if (!reach.includes(true)) {
    const policy = at(policies, at(workflowPolicies, index))
    const offered = endpoints.filter(({ model }) =>
      policy.models.some((name) => name === model || readModelName(name).model === model),
    )
    const reasons = offered
      .slice(0, REASONS_SHOWN_MAX)
      .map((spec) => `${endpointId(spec)}: ${violation(policy, spec, gateway)}`)
    found.push({
      path: ['workload', index, 'policy'],
      message: `this policy allows no endpoint of the fleet, so every request fails (${reasons.join('; ')})`,
      fix: 'loosen the policy, or add an endpoint that it allows',
    })
  }
  return found
}

function idleFault({ scenario, endpoints, timeline, foresight }: Whole, index: number, reach: boolean[][]): Misfit[] {
  const fault = at(timeline, index)
  const line = at(scenario.timeline, index)
  const path = ['timeline', index]
  if (line.min_hits === 0) return []
  if (!fault.gateway && !fault.endpoints.some((endpoint) => reach.some((reached) => reached[endpoint]))) {
    const ids = fault.endpoints.slice(0, REASONS_SHOWN_MAX).map((endpoint) => endpointId(at(endpoints, endpoint)))
    const message = `no policy allows ${ids.join(' or ')}, so this strikes nobody`
    return [{ path: [...path, 'on'], message, fix: 'strike an endpoint that is used, or say "min_hits: 0"' }]
  }
  // Who came before may still be waiting.
  const meets = ({ client }: Scenario['workload'][number], workflow: number) =>
    foresight.hasArrivals(workflow, fault.at - client.timeout, fault.until)
  if (!scenario.workload.some(meets)) {
    const message = `no request is there from ${formatDuration(fault.at)} to ${formatDuration(fault.until)}`
    return [{ path: [...path, 'at'], message, fix: 'move it to where there is traffic, or say "min_hits: 0"' }]
  }
  const first = timeline.findIndex((other, place) => place < index && masks(other, fault))
  if (first < 0) return []
  const message = `${at(timeline, first).name} in timeline[${first}] is at work on the same endpoints all this time, and it comes first`
  return [{ path, message, fix: 'move one of them, or say "min_hits: 0"' }]
}

/** Whether `first` strikes whatever `second` would: the same fault, for everybody, at all of its endpoints and times. */
function masks(first: ScheduledFault, second: ScheduledFault): boolean {
  return (
    first.name === second.name &&
    first.gateway === second.gateway &&
    Object.keys(first.kind.params).every((key) => sameText(first.params[key], second.params[key])) &&
    first.at <= second.at &&
    first.until >= second.until &&
    first.probability === 1 &&
    first.shape.kind === 'step' &&
    second.endpoints.every((endpoint) => first.endpoints.includes(endpoint))
  )
}

function sameText(left: unknown, right: unknown): boolean {
  return JSON.stringify(left) === JSON.stringify(right)
}

function idleGate(whole: Whole, gate: GateSpec, index: number, reach: readonly boolean[][]): Misfit[] {
  const { scenario, endpoints, timeline, foresight } = whole
  const { where } = gate
  const { workflow, window, provider, model } = where ?? {}
  const path = ['gates', index, 'where']
  const isMeant = (spec: EndpointSpec) =>
    (provider === undefined || spec.provider === provider) && (model === undefined || spec.model === model)
  const [from, to] = spanOf(whole, gate)
  const told = window === undefined ? '' : ` in "${window}"`

  if (metricOf(gate.metric).scope === 'faults') {
    const isTold = (fault: ScheduledFault) =>
      fault.at >= from &&
      fault.at < to &&
      ((provider === undefined && model === undefined) ||
        fault.endpoints.some((endpoint) => isMeant(at(endpoints, endpoint))))
    if (timeline.length === 0 || timeline.some(isTold)) return []
    const message = `no fault of the timeline starts there${told}, so ${gate.metric} has nothing to measure`
    return [{ path, message, fix: 'name what a fault strikes' }]
  }
  const workflows = scenario.workload.flatMap((line, place) =>
    workflow === undefined || line.workflow === workflow ? [place] : [],
  )
  if (from >= to) {
    const message = `nothing lies ${where?.phase} the faults${told}, so there is nothing to measure`
    return [{ path, message, fix: 'leave time there, or choose another part' }]
  }
  if (!workflows.some((place) => foresight.hasArrivals(place, from, to))) {
    const message = `no request arrives${told} from ${formatDuration(from)} to ${formatDuration(to)}, so there is nothing to measure`
    return [{ path, message, fix: 'choose a part with traffic' }]
  }
  const rung = where?.rung ?? 0
  const ladder = Math.max(...workflows.map((place) => ladderOf(whole, place)))
  if (rung > ladder) {
    const has =
      ladder === 0 ? 'no policy of these workflows degrades' : `their ladders have ${countOf(ladder, 'rungs')}`
    const message = `nobody ends on rung ${rung}: ${has}, so there is nothing to measure`
    return [{ path: [...path, 'rung'], message, fix: 'choose a rung that there is' }]
  }
  const isReached = workflows.some((place) => endpoints.some((spec, end) => isMeant(spec) && reach[place]?.[end]))
  if (isReached || gate.metric === 'policy_violations') return []
  const message = 'no policy of these workflows allows such an endpoint, so there is nothing to measure'
  return [{ path, message, fix: 'choose one that is used' }]
}

/** How many rungs the requests of a workflow may go down. */
function ladderOf({ policies, workflowPolicies }: Whole, workflow: number): number {
  return at(policies, at(workflowPolicies, workflow)).resilience.degrade?.length ?? 0
}

/** When the requests that a gate looks at arrive. */
function spanOf({ scenario, windows, timeline }: Whole, { where }: GateSpec): [from: Millis, to: Millis] {
  const window = windows.find(({ name }) => name === where?.window)
  const [from, to] = [window?.from ?? 0, window?.to ?? scenario.duration]
  if (where?.phase === 'before') return [from, Math.min(to, ...timeline.map(({ at: start }) => start))]
  if (where?.phase === 'after') return [Math.max(from, ...timeline.map(({ until }) => until)), to]
  return [from, to]
}
