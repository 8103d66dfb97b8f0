/** The timeline of a scenario: each line as a fault that is ready to strike, with the endpoints that its selector means. */
import type { z } from 'zod'
import { at, formatDuration } from '../base/index.ts'
import type { FaultName } from '../ledger/index.ts'
import { endpointId, type EndpointSpec } from '../protocol/index.ts'
import { FAULTS, faultNamed, type NamedFault, type ScheduledFault } from '../provider/index.ts'
import { unknown, type Misfit } from './misfit.ts'
import type { FaultLine, Scenario, Target } from './schema.ts'

export function timelineOf(
  scenario: Scenario,
  endpoints: readonly EndpointSpec[],
  misfits: Misfit[],
): ScheduledFault[] {
  const ids = new Set<string>()
  return scenario.timeline.map((line, index) => {
    const path = ['timeline', index]
    const id = line.id ?? `${line.fault}-${index}`
    if (ids.has(id))
      misfits.push({
        path: [...path, 'id'],
        message: `there is already a fault "${id}"`,
        fix: 'give one of them another name',
      })
    ids.add(id)
    if (line.at >= scenario.duration) {
      misfits.push({
        path: [...path, 'at'],
        message: `starts at ${formatDuration(line.at)}, when the run is over (${formatDuration(scenario.duration)})`,
        fix: 'start it earlier, or lengthen the duration',
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
    const misfit = fault.kind.misfit?.(fault.params)
    if (misfit) misfits.push({ path, ...misfit })
    misfits.push(...contradictions(line, path))
    if (line.weight !== undefined && line.exclusive_group === undefined) {
      const message = 'a weight counts among the faults of a group, and this one is in none'
      misfits.push({ path: [...path, 'weight'], message, fix: 'add "exclusive_group: errors"' })
    }
    return fault
  })
}

/** A row of the catalogue settles some parameters of its kind; a line that says otherwise means another row. */
function contradictions(line: FaultLine, path: readonly PropertyKey[]): Misfit[] {
  const { kind, variant } = faultNamed(line.fault) as NamedFault
  if (!variant) return []
  return Object.entries(variant.with).flatMap(([key, settled]) => {
    const meant: unknown = (kind.params as Readonly<Record<string, z.ZodType>>)[key]?.parse(settled)
    if (JSON.stringify(params(line)[key]) === JSON.stringify(meant)) return []
    return {
      path: [...path, key],
      message: `${variant.id} is ${kind.kind} with ${key}: ${String(settled)}, and nothing else`,
      fix: `drop "${key}", or write "fault: ${kind.kind}"`,
    }
  })
}

/** A timeline line, made ready. Also used for faults started by hand. */
export function scheduled(line: FaultLine, id: string, endpoints: readonly EndpointSpec[]): ScheduledFault {
  const { kind } = faultNamed(line.fault) as NamedFault
  const gateway = isGateway(line.on)
  return {
    id,
    at: line.at,
    until: line.at + line.for,
    name: line.fault,
    kind,
    params: params(line),
    endpoints: gateway ? [] : endpoints.flatMap((spec, index) => (selects(line.on, spec) ? [index] : [])),
    gateway,
    probability: line.probability,
    shape: line.shape,
    pattern: line.follows ?? null,
    per: line.per,
    stagger: line.stagger,
    exclusiveGroup: line.exclusive_group ?? null,
    weight: line.weight ?? 1,
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
  const { provider, model, region, group, key, endpoint } = target
  return (
    (provider === undefined || provider === spec.provider) &&
    (model === undefined || model === spec.model) &&
    (region === undefined || region === spec.region) &&
    (group === undefined || spec.groups.includes(group)) &&
    (key === undefined || key === spec.key) &&
    (endpoint === undefined || endpoint === endpointId(spec))
  )
}

/** How a fault is called in the ledger and by people. */
export function faultName(fault: ScheduledFault, endpoints: readonly EndpointSpec[], minHits: number): FaultName {
  const { id, name, kind, params, pattern, at: from, until, gateway } = fault
  const providers = [...new Set(fault.endpoints.map((index) => at(endpoints, index).provider))]
  const target = gateway ? 'the gateway' : providers.join(', ')
  return {
    id,
    kind: name,
    label: `${name} (${kind.label(params)})${pattern === null ? '' : `, ${pattern},`} on ${target}`,
    at: from,
    until,
    endpoints: gateway ? [] : fault.endpoints,
    gateway,
    minHits,
  }
}

/** A selector that selects nobody: say which key is to blame. */
function nobody(target: Target, endpoints: readonly EndpointSpec[]): Omit<Misfit, 'path'> {
  if (typeof target === 'object' && !('gateway' in target)) {
    const values = {
      provider: endpoints.map(({ provider }) => provider),
      model: endpoints.map(({ model }) => model),
      region: endpoints.map(({ region }) => region),
      group: endpoints.flatMap(({ groups }) => groups),
      key: endpoints.map((spec) => spec.key),
      endpoint: endpoints.map(endpointId),
    }
    for (const key of ['provider', 'model', 'region', 'group', 'key', 'endpoint'] as const) {
      const name = target[key]
      const known = [...new Set(values[key])]
      if (name === undefined || known.includes(name)) continue
      const stranger = unknown(key, name, known, 'the fleet')
      if (key !== 'group' || stranger.fix !== undefined) return stranger
      return { ...stranger, fix: `give those that share it "groups: [${name}]" in the fleet file` }
    }
  }
  return { needs: 'fleet', message: 'no endpoint of the fleet matches all of these', fix: 'drop a key of the selector' }
}
