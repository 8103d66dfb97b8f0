/** The workload of a scenario: each workflow with its policy, its arrivals, its mix and its application. */
import type { Rng } from '../base/index.ts'
import { endpointId, type EndpointSpec } from '../protocol/index.ts'
import { ARRIVALS, MIXES, TraitsSource, type Mix, type Workflow } from '../workload/index.ts'
import { unknown, type Misfit } from './misfit.ts'
import type { Scenario } from './schema.ts'

/** A workflow that begins anew in each run: arrival processes have state. */
export interface WorkflowDraft {
  readonly policy: number
  begin(rng: Rng): Workflow
}

export function workflowDrafts(
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
    const mix: Mix | undefined = MIXES.find(({ kind }) => kind === line.mix)
    const traits = new TraitsSource({ ...mix?.traits, ...line.traits }, line.workflow)
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
        mix: mix as Mix,
        traits,
        streamShare: line.stream,
        client: line.client,
        emergencyEndpoint,
      }),
    }
  })
}
