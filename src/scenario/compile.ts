/**
 * From a checked scenario to what a driver runs: names become indexes, selectors become lists of endpoints, and what
 * the schema cannot see is checked here: names that nobody has, selectors that select nobody, faults beyond the end.
 * Every mistake is found, each with its place.
 */
import { at, didYouMean, formatDuration, type Millis, type Rng } from '../base/index.ts'
import { metricOf, type GateSpec, type IsLegal, type Status } from '../gates/index.ts'
import type { Directory, FaultName, WindowName } from '../ledger/index.ts'
import { endpointId, offerOf, type EndpointSpec, type FleetSpec, type Offer } from '../protocol/index.ts'
import { FAULTS, type FaultKind, type ScheduledFault } from '../provider/index.ts'
import type { Policy } from '../router/index.ts'
import { ARRIVALS, MIXES, type Workflow } from '../workload/index.ts'
import type { FaultLine, Scenario, Target } from './schema.ts'

/** A scenario with everything it names, ready to run. */
export interface CompiledScenario {
  readonly file: string
  readonly name: string
  readonly summary: string
  readonly why: string
  readonly seed: number
  readonly durationMs: Millis
  readonly drainMs: Millis
  readonly endpoints: readonly EndpointSpec[]
  readonly offers: readonly Offer[]
  readonly policies: readonly Policy[]
  readonly policyNames: readonly string[]
  readonly workflowNames: readonly string[]
  /** Policy of each workflow. */
  readonly workflowPolicies: readonly number[]
  readonly workflows: (rng: Rng) => readonly Workflow[]
  readonly timeline: readonly ScheduledFault[]
  readonly gates: readonly GateSpec[]
  readonly expect: Status
  /** The names behind the numbers of this scenario's ledger. A new one per run: it grows with faults started by hand. */
  directory(): Directory
  readonly isLegal: IsLegal
}

/** A mistake that only the whole shows, at its path in the scenario. */
export interface Misfit {
  readonly path: readonly PropertyKey[]
  readonly isKey?: boolean
  /** The name that nobody has, where that is the mistake. */
  readonly name?: string
  readonly message: string
  readonly allowed?: string
  readonly fix?: string
}

export interface Parts {
  readonly file: string
  readonly scenario: Scenario
  readonly fleet: FleetSpec
  /** In the order of the scenario's `policies`. */
  readonly policies: readonly Policy[]
}

export function compile(parts: Parts): { compiled: CompiledScenario; misfits: Misfit[] } {
  const { scenario, fleet, policies, file } = parts
  const misfits: Misfit[] = []
  const policyNames = Object.keys(scenario.policies)
  const endpoints = fleet.endpoints
  const offers = endpoints.map(offerOf)
  checkFleet(endpoints, misfits)
  checkPolicies(policies, policyNames, endpoints, misfits)
  const windows = windowsOf(scenario, misfits)
  const drafts = workflowDrafts(scenario, policyNames, endpoints, misfits)
  const timeline = timelineOf(scenario, endpoints, misfits)
  checkGates(scenario, endpoints, windows, timeline, misfits)

  const compiled: CompiledScenario = {
    file,
    name: scenario.name,
    summary: scenario.summary,
    why: scenario.why ?? '',
    seed: scenario.seed,
    durationMs: scenario.duration,
    drainMs: scenario.drain,
    endpoints,
    offers,
    policies,
    policyNames,
    workflowNames: scenario.workload.map(({ workflow }) => workflow),
    workflowPolicies: drafts.map(({ policy }) => policy),
    workflows: (rng) => drafts.map((draft) => draft.begin(rng)),
    timeline,
    gates: scenario.gates,
    expect: scenario.expect,
    directory: () => directoryOf(scenario, endpoints, windows, timeline),
    isLegal: legality(
      policies,
      drafts.map(({ policy }) => policy),
      endpoints,
    ),
  }
  return { compiled, misfits }
}

/** The same storm, with nothing happening: what drift is measured against. */
export function withoutFaults<T extends { readonly timeline: readonly ScheduledFault[] }>(scenario: T): T {
  return { ...scenario, timeline: [] }
}

/** The same scenario, over sooner or later. What would begin after the end does not happen. */
export function lasting(scenario: CompiledScenario, durationMs: Millis): CompiledScenario {
  return { ...scenario, durationMs, directory: () => ({ ...scenario.directory(), durationMs }) }
}

function directoryOf(
  scenario: Scenario,
  endpoints: readonly EndpointSpec[],
  windows: readonly WindowName[],
  timeline: readonly ScheduledFault[],
): Directory {
  return {
    scenario: scenario.name,
    seed: scenario.seed,
    durationMs: scenario.duration,
    endpoints: endpoints.map((spec) => ({ id: endpointId(spec), provider: spec.provider, model: spec.model })),
    workflows: scenario.workload.map(({ workflow }) => workflow),
    windows,
    faults: timeline.map((fault, index) => faultName(fault, endpoints, scenario.timeline[index]?.min_hits ?? 1)),
  }
}

/** How a fault is called in the ledger and by people. */
export function faultName(fault: ScheduledFault, endpoints: readonly EndpointSpec[], minHits: number): FaultName {
  const { id, kind, params, at: from, until, gateway } = fault
  const providers = [...new Set(fault.endpoints.map((index) => at(endpoints, index).provider))]
  const target = gateway ? 'the gateway' : providers.join(', ')
  return {
    id,
    kind: kind.kind,
    label: `${kind.kind} (${kind.label(params)}) on ${target}`,
    at: from,
    until,
    endpoints: gateway ? [] : fault.endpoints,
    gateway,
    minHits,
  }
}

// ── the parts ───────────────────────────────────────────────────────────────────────────────────────────────────────

function checkFleet(endpoints: readonly EndpointSpec[], misfits: Misfit[]): void {
  const seen = new Map<string, number>()
  endpoints.forEach((spec, index) => {
    const id = endpointId(spec)
    const first = seen.get(id)
    if (first === undefined) seen.set(id, index)
    else {
      misfits.push({
        path: ['fleet'],
        message: `endpoints[${first}] and endpoints[${index}] of the fleet are both ${id}`,
        fix: 'give one of them a `tag` of its own, like `openai/eu`',
      })
    }
  })
}

function checkPolicies(
  policies: readonly Policy[],
  names: readonly string[],
  endpoints: readonly EndpointSpec[],
  misfits: Misfit[],
): void {
  const models = [...new Set(endpoints.map(({ model }) => model))]
  const providers = [...new Set(endpoints.flatMap(({ provider, tag, name }) => [provider, tag, name].filter(isText)))]
  policies.forEach((policy, index) => {
    const path = ['policies', at(names, index)]
    for (const model of policy.models) {
      if (!models.includes(model)) misfits.push({ path, ...unknown('model', model, models, 'the fleet') })
    }
    const { order, only, ignore } = policy.provider
    for (const slug of [...(order ?? []), ...(only ?? []), ...(ignore ?? [])]) {
      // A policy may name providers that this fleet has not; one that is all but the name of one it has is a slip.
      const isKnown = providers.includes(slug)
      if (!isKnown && didYouMean(slug, providers))
        misfits.push({ path, ...unknown('provider', slug, providers, 'the fleet') })
    }
  })
}

function isText(value: string | undefined): value is string {
  return value !== undefined
}

function windowsOf(scenario: Scenario, misfits: Misfit[]): WindowName[] {
  const windows = Object.entries(scenario.windows)
    .map(([name, span]) => ({ name, ...span }))
    .sort((left, right) => left.from - right.from || left.to - right.to)
  windows.forEach((window, index) => {
    const next = windows[index + 1]
    if (next && next.from < window.to) {
      misfits.push({
        path: ['windows', next.name],
        message: `begins before "${window.name}" ends; windows must not overlap`,
      })
    }
    if (window.to > scenario.duration) {
      misfits.push({
        path: ['windows', window.name],
        message: `ends at ${formatDuration(window.to)}, after the run (${formatDuration(scenario.duration)})`,
      })
    }
  })
  return windows
}

interface WorkflowDraft {
  readonly policy: number
  begin(rng: Rng): Workflow
}

function workflowDrafts(
  scenario: Scenario,
  policyNames: readonly string[],
  endpoints: readonly EndpointSpec[],
  misfits: Misfit[],
): WorkflowDraft[] {
  const ids = endpoints.map(endpointId)
  return scenario.workload.map((line, index) => {
    const path = ['workload', index]
    if (scenario.workload.findIndex(({ workflow }) => workflow === line.workflow) !== index) {
      misfits.push({ path: [...path, 'workflow'], message: `there is already a workflow "${line.workflow}"` })
    }
    const policy = policyNames.indexOf(line.policy)
    if (policy < 0) {
      misfits.push({ path: [...path, 'policy'], ...unknown('policy', line.policy, policyNames, '`policies`') })
    }
    const { emergency } = line.client
    const emergencyEndpoint = emergency === undefined ? -1 : ids.indexOf(emergency)
    if (emergency !== undefined && emergencyEndpoint < 0) {
      misfits.push({ path: [...path, 'client', 'emergency'], ...unknown('endpoint', emergency, ids, 'the fleet') })
    }
    const arrivalKind = ARRIVALS.find(({ kind }) => kind === line.arrivals.kind)
    const mix = MIXES.find(({ kind }) => kind === line.mix)
    return {
      policy,
      begin: (rng) => ({
        index,
        name: line.workflow,
        policy,
        arrivals: (arrivalKind as (typeof ARRIVALS)[0]).begin(
          line.arrivals as never,
          rng.named(line.workflow),
          scenario.duration,
        ),
        mix: mix as (typeof MIXES)[number],
        streamShare: line.stream,
        client: line.client,
        emergencyEndpoint,
      }),
    }
  })
}

function timelineOf(scenario: Scenario, endpoints: readonly EndpointSpec[], misfits: Misfit[]): ScheduledFault[] {
  const ids = new Set<string>()
  return scenario.timeline.map((line, index) => {
    const path = ['timeline', index]
    const id = line.id ?? `${line.fault}-${index}`
    if (ids.has(id)) misfits.push({ path: [...path, 'id'], message: `there is already a fault "${id}"` })
    ids.add(id)
    if (line.at >= scenario.duration) {
      misfits.push({
        path: [...path, 'at'],
        message: `starts at ${formatDuration(line.at)}, when the run is over (${formatDuration(scenario.duration)})`,
      })
    }
    const fault = scheduled(line, id, endpoints)
    if (!fault.gateway && fault.endpoints.length === 0)
      misfits.push({ path: [...path, 'on'], ...nobody(line.on, endpoints) })
    if (fault.gateway && !fault.kind.gateway) {
      misfits.push({
        path: [...path, 'fault'],
        message: `${line.fault} cannot strike the gateway`,
        allowed: FAULTS.filter(({ gateway }) => gateway === true)
          .map(({ kind }) => kind)
          .join(', '),
      })
    }
    if (line.fault === 'rate_limit' && params(line)['mode'] === 'bucket') {
      const { requests_per_minute: rpm, tokens_per_minute: tpm } = params(line)
      if (rpm === undefined && tpm === undefined) {
        misfits.push({
          path,
          message: 'a bucket needs a limit',
          fix: 'add "requests_per_minute: 300", or say "mode: phantom"',
        })
      }
    }
    return fault
  })
}

/** A timeline line, made ready. Also used for faults started by hand. */
export function scheduled(line: FaultLine, id: string, endpoints: readonly EndpointSpec[]): ScheduledFault {
  const kind = FAULTS.find((candidate) => candidate.kind === line.fault) as unknown as FaultKind
  const gateway = isGateway(line.on)
  return {
    id,
    at: line.at,
    until: line.at + line.for,
    kind,
    params: params(line),
    endpoints: gateway ? [] : endpoints.flatMap((spec, index) => (selects(line.on, spec) ? [index] : [])),
    gateway,
    probability: line.probability,
    shape: line.shape,
  }
}

function params(line: FaultLine): Readonly<Record<string, unknown>> {
  return line as unknown as Readonly<Record<string, unknown>>
}

function isGateway(target: Target): boolean {
  return target === 'gateway' || (typeof target === 'object' && 'gateway' in target)
}

function selects(target: Target, spec: EndpointSpec): boolean {
  if (typeof target === 'string' || 'gateway' in target) return false
  const { provider, model, region, endpoint } = target
  return (
    (provider === undefined || provider === spec.provider) &&
    (model === undefined || model === spec.model) &&
    (region === undefined || region === spec.region) &&
    (endpoint === undefined || endpoint === endpointId(spec))
  )
}

function checkGates(
  scenario: Scenario,
  endpoints: readonly EndpointSpec[],
  windows: readonly WindowName[],
  timeline: readonly ScheduledFault[],
  misfits: Misfit[],
): void {
  const known = {
    workflow: scenario.workload.map(({ workflow }) => workflow),
    window: windows.map(({ name }) => name),
    provider: [...new Set(endpoints.map(({ provider }) => provider))],
    model: [...new Set(endpoints.map(({ model }) => model))],
  }
  scenario.gates.forEach((gate, index) => {
    const path = ['gates', index]
    if (scenario.gates.findIndex(({ id }) => id === gate.id) !== index) {
      misfits.push({ path: [...path, 'id'], message: `there is already a gate "${gate.id}"` })
    }
    for (const key of ['workflow', 'window', 'provider', 'model'] as const) {
      const name = gate.where?.[key]
      if (name !== undefined && !known[key].includes(name)) {
        misfits.push({ path: [...path, 'where', key], ...unknown(key, name, known[key], 'this scenario') })
      }
    }
    if (metricOf(gate.metric).scope === 'faults' && timeline.length === 0) {
      misfits.push({
        path: [...path, 'metric'],
        message: `${gate.metric} is told per fault, and the timeline has none`,
      })
    }
  })
}

// ── legality ────────────────────────────────────────────────────────────────────────────────────────────────────────

/**
 * The oracle that says whether an attempt was legal under its workflow's policy. Written from the contract and apart
 * from the router's funnel on purpose: what checks the router must not be the router.
 */
function legality(
  policies: readonly Policy[],
  workflowPolicies: readonly number[],
  endpoints: readonly EndpointSpec[],
): IsLegal {
  const verdicts = policies.map((policy) => endpoints.map((spec) => violation(policy, spec)))
  return (_request, workflow, endpoint) => {
    const policy = workflowPolicies[workflow]
    return policy === undefined ? null : (verdicts[policy]?.[endpoint] ?? null)
  }
}

function violation({ models, provider: asked }: Policy, spec: EndpointSpec): string | null {
  const names = [spec.provider, spec.tag, spec.name]
  const isNamed = (list: readonly string[]): boolean => list.some((name) => names.includes(name))
  const cap = asked.max_price
  if (!models.includes(spec.model)) return `model ${spec.model} is not in the policy`
  if (asked.only && !isNamed(asked.only)) return `provider ${spec.provider} is not in \`only\``
  if (asked.ignore && isNamed(asked.ignore)) return `provider ${spec.provider} is in \`ignore\``
  if (asked.data_collection === 'deny' && spec.data_collection === 'allow')
    return `provider ${spec.provider} keeps prompts`
  if (asked.zdr === true && !spec.zdr) return `endpoint of ${spec.provider} has no zero data retention`
  if (asked.allow_fallbacks === false && asked.order && asked.order.length > 0 && !isNamed(asked.order)) {
    return `provider ${spec.provider} is not in \`order\`, and fallbacks are off`
  }
  if (cap?.prompt != null && spec.price.input > cap.prompt) return 'prompt price above max_price'
  if (cap?.completion != null && spec.price.output > cap.completion) return 'completion price above max_price'
  return null
}

// ── words ───────────────────────────────────────────────────────────────────────────────────────────────────────────

function unknown(what: string, name: string, known: readonly string[], where: string): Omit<Misfit, 'path'> {
  const meant = didYouMean(name, known)
  return {
    name,
    message: `there is no ${what} "${name}" in ${where}`,
    allowed: known.slice(0, 12).join(', '),
    ...(meant !== undefined && { fix: `did you mean "${meant}"?` }),
  }
}

/** A selector that selects nobody: say which key is to blame. */
function nobody(target: Target, endpoints: readonly EndpointSpec[]): Omit<Misfit, 'path'> {
  if (typeof target === 'object' && !('gateway' in target)) {
    const values = {
      provider: endpoints.map(({ provider }) => provider),
      model: endpoints.map(({ model }) => model),
      region: endpoints.map(({ region }) => region),
      endpoint: endpoints.map(endpointId),
    }
    for (const key of ['provider', 'model', 'region', 'endpoint'] as const) {
      const name = target[key]
      const known = [...new Set(values[key])]
      if (name !== undefined && !known.includes(name)) return unknown(key, name, known, 'the fleet')
    }
  }
  return { message: 'no endpoint of the fleet matches all of these', fix: 'drop a key of the selector' }
}
