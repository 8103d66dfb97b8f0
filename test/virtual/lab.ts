/** A world on the bench: everything that is not said has a plain default, and the whole ledger comes back. */
import { Rng, type Millis } from '../../src/base/index.ts'
import { Log, type Entry, type EntryKind, type EntryOf } from '../../src/ledger/index.ts'
import { endpointId, endpointSchema, offerOf, gatewaySchema, type EndpointSpec } from '../../src/protocol/index.ts'
import { FAULTS, shapeSchema, type FaultKind, type ScheduledFault } from '../../src/provider/index.ts'
import { policySchema, type Policy } from '../../src/router/index.ts'
import { World, type WorldSpec } from '../../src/virtual/index.ts'
import {
  agentSchema,
  agentTalk,
  ARRIVALS,
  repeatsSchema,
  sessionSchema,
  sessionTalk,
  clientSchema,
  MIXES,
  TraitsSource,
  traitsSchema,
  type Arrivals,
  type Workflow,
} from '../../src/workload/index.ts'
import { z } from 'zod'

type Fields = Readonly<Record<string, unknown>>

export function endpoint(provider: string, more: Fields = {}): EndpointSpec {
  return endpointSchema.parse({ provider, model: 'm', price: { input: 1, output: 2 }, ...more })
}

export function policyOf(more: Fields = {}): Policy {
  return policySchema.parse({ name: 'lab', models: ['m'], ...more })
}

/** A line of a timeline: `fault('outage', 1_000, 2_000, [0], { mode: 'refuse' })`. */
export function fault(
  kind: string,
  at: Millis,
  until: Millis,
  endpoints: readonly number[] | 'gateway',
  params: Fields = {},
  more: Partial<Omit<ScheduledFault, 'shape'>> & { shape?: Fields } = {},
): ScheduledFault {
  const found = FAULTS.find((candidate) => candidate.kind === kind) as unknown as FaultKind
  const gateway = endpoints === 'gateway'
  return {
    id: more.id ?? `${kind}-${at}`,
    at,
    until,
    name: kind,
    kind: found,
    params: z.object(found.params).parse(params) as Fields,
    endpoints: gateway ? [] : endpoints,
    gateway,
    probability: 1,
    pattern: null,
    per: 'attempt',
    stagger: 0,
    exclusiveGroup: null,
    weight: 1,
    ...more,
    shape: shapeSchema.parse(more.shape ?? { kind: 'step' }),
  }
}

export interface WorkflowInput {
  readonly name?: string
  readonly policy?: number
  readonly arrivals?: Fields & { readonly kind: string }
  readonly mix?: string
  readonly stream?: number
  readonly traits?: Fields
  readonly client?: Fields
  readonly emergency?: number
  readonly session?: Fields
  readonly agent?: Fields
  /** Index of the key it calls with. */
  readonly key?: number
  readonly repeats?: Fields
  /** Images of each prompt. */
  readonly images?: number
  /** The PDF of each prompt. */
  readonly pdf?: { readonly pages: number; readonly keeps_annotations?: boolean }
}

export interface WorldInput {
  readonly seed?: number
  readonly durationMs?: Millis
  readonly drainMs?: Millis
  readonly endpoints: readonly EndpointSpec[]
  readonly policies?: readonly Policy[]
  readonly workflows?: readonly WorkflowInput[]
  readonly timeline?: readonly ScheduledFault[]
  /** `gateway:` of the fleet file. */
  readonly gateway?: Fields
}

export function worldSpec(input: WorldInput): WorldSpec {
  const durationMs = input.durationMs ?? 10_000
  const { endpoints, policies = [policyOf()], workflows = [{}], timeline = [] } = input
  return {
    seed: input.seed ?? 1,
    durationMs,
    drainMs: input.drainMs ?? 120_000,
    endpoints,
    offers: endpoints.map(offerOf),
    gateway: gatewaySchema.parse(input.gateway ?? {}),
    policies,
    workflows: (rng) => workflows.map((workflow, index) => workflowOf(workflow, index, rng, durationMs)),
    timeline,
  }
}

function workflowOf(input: WorkflowInput, index: number, rng: Rng, durationMs: Millis): Workflow {
  const name = input.name ?? `flow-${index}`
  const mix = MIXES.find(({ kind }) => kind === (input.mix ?? 'short-chat'))
  if (!mix) throw new Error(`no mix ${input.mix}`)
  return {
    index,
    name,
    policy: input.policy ?? 0,
    arrivals: arrivals(input.arrivals ?? { kind: 'poisson', rate: '5/s' }, rng.named(name), durationMs),
    mix: input.images === undefined ? mix : { ...mix, shape: { ...mix.shape, inputs: ['image'] } },
    ...(input.images !== undefined && { images: input.images }),
    ...(input.pdf !== undefined && { pdf: { keeps_annotations: true, ...input.pdf } }),
    traits: new TraitsSource(traitsSchema.parse(input.traits ?? {}), name),
    streamShare: input.stream ?? 0.5,
    client: clientSchema.parse(input.client ?? {}),
    emergencyEndpoint: input.emergency ?? -1,
    talk: input.session
      ? sessionTalk(sessionSchema.parse(input.session))
      : input.agent
        ? agentTalk(agentSchema.parse(input.agent))
        : null,
    caller: input.key === undefined ? null : { key: input.key },
    repeats: input.repeats ? repeatsSchema.parse(input.repeats) : null,
  }
}

export function arrivals(input: Fields & { readonly kind: string }, rng: Rng, durationMs: Millis): Arrivals {
  const { kind, ...params } = input
  const found = ARRIVALS.find((candidate) => candidate.kind === kind)
  if (!found) throw new Error(`no arrivals ${kind}`)
  const { data, ...rest } = params as { data?: unknown }
  const parsed = z.object(found.params).parse(rest) as never
  const file = 'file' in found ? found.file : undefined
  const example = file?.read(file.example, parsed)
  return found.begin(parsed, rng, durationMs, (data ?? (example?.ok ? example.data : undefined)) as never)
}

export class Ledger {
  readonly entries: Entry[] = []

  of<Kind extends EntryKind>(kind: Kind): EntryOf<Kind>[] {
    return this.entries.filter((entry) => entry.kind === kind) as EntryOf<Kind>[]
  }
}

/** Play a world to its end. `during` may look at it, or touch it, at the given instants. */
export function play(
  input: WorldInput,
  grain: 'run' | 'chunk' = 'run',
  during: readonly (readonly [at: Millis, act: (world: World) => void])[] = [],
): Ledger {
  const ledger = new Ledger()
  const log = new Log()
  log.attach({ step: (entry) => void ledger.entries.push(entry) })
  const spec = worldSpec(input)
  const world = new World(spec, log, grain)
  for (const [at, act] of during) {
    world.step(at)
    act(world)
  }
  world.step(spec.durationMs + spec.drainMs)
  world.end()
  return ledger
}

/** Names instead of numbers, so that worlds with different fleets and workflows can be compared. */
export function renamed(ledger: Ledger, input: WorldInput, rename: (id: string) => string = (id) => id): unknown[] {
  const ids = input.endpoints.map((spec) => rename(endpointId(spec)))
  const idOf = (index: number): string | null => ids[index] ?? null
  return ledger.entries.map((entry) => {
    const copy: Record<string, unknown> = { ...entry }
    for (const key of ['endpoint', 'firstChoice', 'servedBy']) {
      if (key in copy) copy[key] = idOf(copy[key] as number)
    }
    if (entry.kind === 'call.routed') {
      copy['order'] = entry.order.map((candidate) => ({ ...candidate, endpoint: idOf(candidate.endpoint) }))
      delete copy['funnel'] // It counts all endpoints, also those that nobody asked for.
    }
    return copy
  })
}
