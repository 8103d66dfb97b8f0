/**
 * From a checked scenario to what a driver runs: names become indexes, selectors become lists of endpoints, and what
 * the schema cannot see is checked here: names that nobody has, selectors that select nobody, faults beyond the end.
 * Every mistake is found, each with its place.
 */
import type { Millis, Rng } from '../base/index.ts'
import type { AbortRule, GateSpec, IsLegal, Provision, SourceText, Status } from '../gates/index.ts'
import type { Directory, WindowName } from '../ledger/index.ts'
import {
  endpointId,
  isRouterModel,
  offerOf,
  toolEndpoints,
  feeShare,
  withByok,
  type EndpointSpec,
  type FleetSpec,
  type GatewaySpec,
  type Offer,
} from '../protocol/index.ts'
import type { ScheduledFault } from '../provider/index.ts'
import { presetPolicy, type Policy } from '../router/index.ts'
import type { Workflow } from '../workload/index.ts'
import { emptiness } from './emptiness.ts'
import { Foresight } from './foresight.ts'
import { checkAbort, checkGates } from './gates.ts'
import { legality } from './legality.ts'
import { marginsOf, type Margins } from './margins.ts'
import type { Misfit } from './misfit.ts'
import { checkFleet, checkPolicies, checkPresets } from './names.ts'
import { provisionsOf } from './provisions.ts'
import type { RecoverySpec, Scenario } from './schema.ts'
import { faultName, timelineOf } from './timeline.ts'
import { windowsOf } from './windows.ts'
import { workflowDrafts } from './workload.ts'

/** A scenario with everything it names, ready to run. */
export interface CompiledScenario {
  readonly file: string
  /** The texts of the scenario, its fleet and its policies, as far as they are files of their own. */
  readonly sources: readonly SourceText[]
  /** Policies played in place of its own: paths, or `name=path`. */
  readonly instead: readonly string[]
  readonly name: string
  readonly summary: string
  readonly why: string
  readonly seed: number
  readonly durationMs: Millis
  readonly drainMs: Millis
  readonly endpoints: readonly EndpointSpec[]
  readonly offers: readonly Offer[]
  readonly gateway: GatewaySpec
  readonly policies: readonly Policy[]
  readonly policyNames: readonly string[]
  readonly workflowNames: readonly string[]
  /** Policy of each workflow. */
  readonly workflowPolicies: readonly number[]
  readonly workflows: (rng: Rng) => readonly Workflow[]
  readonly timeline: readonly ScheduledFault[]
  readonly gates: readonly GateSpec[]
  readonly abort: readonly AbortRule[]
  readonly recovery: RecoverySpec
  /** What its policies say that a run may or may not call upon. */
  readonly provisions: readonly Provision[]
  /** What the fleet can take and may be asked for. Asks a router, so only a sound scenario may be asked. */
  margins(): Margins
  readonly expect: Status
  /** The names behind the numbers of this scenario's ledger. A new one per run: it grows with faults started by hand. */
  directory(): Directory
  readonly isLegal: IsLegal
}

export interface Parts {
  readonly file: string
  readonly sources?: readonly SourceText[]
  readonly instead: readonly string[]
  readonly scenario: Scenario
  readonly fleet: FleetSpec
  /** In the order of the scenario's `policies`. */
  readonly policies: readonly Policy[]
  /** What was in the file that the arrivals of a workflow need, in the order of `workload`; undefined for no file. */
  readonly arrivalFiles: readonly unknown[]
}

export interface Compiled {
  readonly compiled: CompiledScenario
  readonly misfits: readonly Misfit[]
  /** What a sound scenario leaves empty. Looks at the traffic to come, so only a sound one may be asked. */
  readonly warnings: () => Misfit[]
}

export function compile(parts: Parts): Compiled {
  const { scenario, fleet, file, sources = [], instead, arrivalFiles } = parts
  const { presets } = fleet.gateway
  const policies =
    presets === undefined ? parts.policies : parts.policies.map((policy) => presetPolicy(policy, presets))
  const misfits: Misfit[] = []
  const policyNames = Object.keys(scenario.policies)
  const { byok } = fleet.gateway
  const offered = withByok(fleet.endpoints, byok)
  const offers = offered.map(offerOf)
  const endpoints = [...offered, ...toolEndpoints(fleet.gateway)]
  checkFleet(fleet, misfits)
  checkPresets(parts.policies, policyNames, presets ?? {}, misfits)
  checkPolicies(
    policies,
    policyNames,
    scenario.workload.map(({ workflow }) => workflow),
    fleet,
    misfits,
  )
  const windows = windowsOf(scenario, misfits)
  const drafts = workflowDrafts(scenario, policyNames, fleet, arrivalFiles, misfits)
  const timeline = timelineOf(scenario, endpoints, misfits)
  checkGates(scenario, endpoints, windows, timeline, misfits)
  checkAbort(scenario, misfits)
  const workflows = (rng: Rng) => drafts.map((draft) => draft.begin(rng))
  const workflowPolicies = drafts.map(({ policy }) => policy)

  const ladders = drafts.map(({ policy }) => (policies[policy]?.resilience.degrade ?? []).map(({ rung }) => rung))

  // A router model may choose any.
  const models = [...new Set(endpoints.map(({ model }) => model))]
  const reach = policies.map((policy) => (policy.models.some(isRouterModel) ? { ...policy, models } : policy))

  const compiled: CompiledScenario = {
    file,
    sources,
    instead,
    name: scenario.name,
    summary: scenario.summary,
    why: scenario.why ?? '',
    seed: scenario.seed,
    durationMs: scenario.duration,
    drainMs: scenario.drain,
    endpoints,
    offers,
    gateway: fleet.gateway,
    policies,
    policyNames,
    workflowNames: scenario.workload.map(({ workflow }) => workflow),
    workflowPolicies,
    workflows,
    timeline,
    gates: scenario.gates,
    abort: scenario.abort,
    recovery: scenario.recovery,
    provisions: provisionsOf(policies, policyNames, workflowPolicies),
    margins: () =>
      marginsOf({
        seed: scenario.seed,
        durationMs: scenario.duration,
        endpoints,
        offers,
        gateway: fleet.gateway,
        policies,
        workflows,
        expected: (workflow, until) => drafts[workflow]?.expected(until) ?? null,
      }),
    // What a file expects is about its own policies.
    expect: instead.length > 0 ? 'pass' : scenario.expect,
    directory: () => directoryOf(scenario, endpoints, fleet.gateway, windows, timeline, ladders),
    isLegal: legality(reach, workflowPolicies, endpoints, fleet.gateway),
  }
  const warnings = () => {
    const foresight = new Foresight(scenario.seed, scenario.duration, workflows)
    const named = { policies: reach, policyNames, workflowPolicies, windows, timeline }
    return emptiness({ scenario, endpoints, gateway: fleet.gateway, ...named, foresight })
  }
  return { compiled, misfits, warnings }
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
  { account }: GatewaySpec,
  windows: readonly WindowName[],
  timeline: readonly ScheduledFault[],
  ladders: readonly (readonly string[])[],
): Directory {
  const creditFee = account?.credits === undefined ? 0 : feeShare(account)
  return {
    scenario: scenario.name,
    seed: scenario.seed,
    durationMs: scenario.duration,
    endpoints: endpoints.map((spec) => ({ id: endpointId(spec), provider: spec.provider, model: spec.model })),
    workflows: scenario.workload.map(({ workflow }) => workflow),
    ...(ladders.some((rungs) => rungs.length > 0) && { ladders }),
    ...(creditFee > 0 && { creditFee }),
    windows: [...windows],
    faults: timeline.map((fault, index) => faultName(fault, endpoints, scenario.timeline[index]?.min_hits ?? 1)),
  }
}
