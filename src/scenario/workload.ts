/** The workload of a scenario: each workflow with its policy, its arrivals, its mix and its application. */
import type { z } from 'zod'
import { formatDuration, type Millis, type Rng } from '../base/index.ts'
import { endpointId, type Caller, type FleetSpec, type KeySpec } from '../protocol/index.ts'
import {
  agentTalk,
  ARRIVALS,
  MIXES,
  requestsPerTalk,
  sessionTalk,
  tenantsOf,
  TraitsSource,
  type ArrivalKind,
  type Mix,
  type Talk,
  type Workflow,
} from '../workload/index.ts'
import { unknown, type Misfit } from './misfit.ts'
import type { Scenario } from './schema.ts'

/** A workflow that begins anew in each run: arrival processes have state. */
export interface WorkflowDraft {
  readonly policy: number
  /** How many requests are expected before an instant, turns of talks included; null: nobody can say. */
  expected(until: Millis): number | null
  begin(rng: Rng): Workflow
}

export function workflowDrafts(
  scenario: Scenario,
  policyNames: readonly string[],
  { endpoints, gateway: { keys, file_parser: parser } }: Pick<FleetSpec, 'endpoints' | 'gateway'>,
  arrivalFiles: readonly unknown[],
  misfits: Misfit[],
): WorkflowDraft[] {
  const ids = endpoints.map(endpointId)
  return scenario.workload.map((line, index) => {
    const path = ['workload', index]
    if (scenario.workload.findIndex(({ workflow }) => workflow === line.workflow) !== index) {
      misfits.push({
        path: [...path, 'workflow'],
        message: `there is already a workflow "${line.workflow}"`,
        fix: 'give one of them another name',
      })
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
    const arrivalKind = ARRIVALS.find(({ kind }) => kind === line.arrivals.kind) as unknown as ArrivalKind<
      z.ZodRawShape,
      unknown
    >
    const data = arrivalFiles[index]
    const mix: Mix | undefined = MIXES.find(({ kind }) => kind === line.mix)
    const talk = talkOf(line, mix, path, misfits)
    const isRead = arrivalKind.file === undefined || data !== null
    const expected = (until: Millis): number | null => {
      const arrivals = isRead ? arrivalKind.expected?.(line.arrivals, until, data) : undefined
      return arrivals === undefined ? null : arrivals * (talk === null ? 1 : requestsPerTalk(talk))
    }
    const requests = expected(scenario.duration)
    if (requests !== null) {
      misfits.push(...misfitsOf(requests, scenario.duration, [...path, 'arrivals']))
    }
    if (line.pdf !== undefined && parser === undefined) {
      misfits.push({
        path: [...path, 'pdf'],
        needs: 'fleet',
        message: 'nothing in the fleet reads PDFs',
        fix: 'remove it, or add `gateway: { file_parser: {} }` to the fleet',
      })
    }
    const about = { ...mix?.traits, ...line.traits }
    const traits = new TraitsSource(about, line.workflow)
    const caller = callerOf(line.key, tenantsOf(about), keys, path, misfits)
    return {
      policy,
      expected,
      begin: (rng) => ({
        index,
        name: line.workflow,
        policy,
        arrivals: arrivalKind.begin(line.arrivals, rng.named(line.workflow), scenario.duration, data),
        mix: line.images === undefined ? (mix as Mix) : illustrated(mix as Mix),
        ...(line.images !== undefined && { images: line.images }),
        ...(line.pdf !== undefined && { pdf: line.pdf }),
        traits,
        streamShare: line.stream,
        client: line.client,
        emergencyEndpoint,
        talk,
        repeats: line.repeats ?? null,
        caller,
      }),
    }
  })
}

/** The mix with images in its prompts: only endpoints that take them may serve. */
function illustrated(mix: Mix): Mix {
  return { ...mix, shape: { ...mix.shape, inputs: ['image'] } }
}

/** Who calls for a workflow: the key that its line names, or else those that are named like its tenants. */
function callerOf(
  name: string | undefined,
  tenants: readonly string[],
  keys: readonly KeySpec[] | undefined,
  path: Misfit['path'],
  misfits: Misfit[],
): Caller | ReadonlyMap<string, Caller> | null {
  const names = (keys ?? []).map((key) => key.name)
  if (name !== undefined) {
    if (names.includes(name)) return { key: names.indexOf(name) }
    const misfit =
      keys === undefined
        ? { message: 'the gateway of the fleet has no keys', fix: 'remove it, or add `gateway.keys` to the fleet' }
        : unknown('key', name, names, '`gateway.keys` of the fleet')
    misfits.push({ path: [...path, 'key'], needs: 'fleet', ...misfit })
    return null
  }
  if (keys === undefined) return null
  const keyless = tenants.find((tenant) => !names.includes(tenant))
  if (keyless !== undefined) {
    misfits.push({
      path,
      needs: 'fleet',
      message: `the gateway wants a key, and no key is named like the tenant "${keyless}"`,
      allowed: names.join(', '),
      fix: `say which key the workflow calls with, like "key: ${names[0] ?? 'support'}", or name tenants like keys`,
    })
  }
  return new Map(names.map((key, index) => [key, { key: index }]))
}

/** What the requests of a workflow are turns of; null where each stands alone. */
function talkOf(
  { session, agent, mix: mixKind }: Scenario['workload'][number],
  mix: Mix | undefined,
  path: Misfit['path'],
  misfits: Misfit[],
): Talk | null {
  if (session && agent) {
    misfits.push({ path: [...path, 'agent'], message: 'a workflow has a session or an agent, not both' })
  }
  if (agent && mix?.shape.tools.length === 0) {
    const allowed = MIXES.filter(({ shape }) => shape.tools.length > 0).map(({ kind }) => kind)
    const message = `an agent needs tools to call, and ${mixKind} has none`
    misfits.push({ path: [...path, 'mix'], message, allowed: allowed.join(', ') })
  }
  if (session) return sessionTalk(session)
  return agent ? agentTalk(agent) : null
}

/** Ordinals of requests end here: those of strangers begin. */
const REQUESTS_MAX = 2_147_483_648

/** A run without anybody proves nothing, and one with more requests than there are numbers for would never end. */
function misfitsOf(expected: number, durationMs: Millis, path: Misfit['path']): Misfit[] {
  const span = formatDuration(durationMs)
  const needs = 'duration'
  if (expected === 0)
    return [
      {
        path,
        needs,
        message: `nobody would arrive within the ${span} of the run`,
        fix: 'lengthen the duration, or raise a rate',
      },
    ]
  if (expected <= REQUESTS_MAX) return []
  const message = `about ${expected.toExponential(1)} requests would arrive within the ${span} of the run`
  return [{ path, needs, message, allowed: `up to ${REQUESTS_MAX}`, fix: 'lower the rate, or shorten the duration' }]
}
