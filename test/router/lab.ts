/** A router on the bench: a fleet of offers, one policy or more, a clock that the test moves, and all that came out. */
import { Rng, type Millis } from '../../src/base/index.ts'
import type { Entry, EntryKind, EntryOf } from '../../src/ledger/index.ts'
import {
  ACCEPTED,
  CONNECTED,
  endpointSchema,
  offerOf,
  PLAIN_CHAT,
  PLAIN_GATEWAY,
  PLAIN_TRAITS,
  requestId,
  STATUS_OF,
  weatherOf,
  type AttemptHandle,
  type Call,
  type ChatRequest,
  type Content,
  type ErrorClass,
  type Failed,
  type GatewaySpec,
  type Offer,
  type RequestShape,
  type RequestTraits,
  type Signal,
  type ToolDelta,
} from '../../src/protocol/index.ts'
import { gatewayOf, type GatewayMachine } from '../../src/gateway/index.ts'
import { policySchema, type Policy, type RouterCommand } from '../../src/router/index.ts'

export type OfferInput = Record<string, unknown> & { readonly provider: string }

/** Offers in the given order; every one serves model `m` at 1 USD unless it says otherwise. */
export function offers(...inputs: readonly (string | OfferInput)[]): Offer[] {
  return inputs.map((input, index) => {
    const fields = typeof input === 'string' ? { provider: input } : input
    return offerOf(endpointSchema.parse({ model: 'm', price: { input: 1, output: 1 }, ...fields }), index)
  })
}

export function policy(input: Record<string, unknown> = {}): Policy {
  return policySchema.parse({ name: 'lab', models: ['m'], ...input })
}

/** Strict order a, b, c and so on, with the given resilience half: who comes next is then plain to see. */
export function inOrder(order: readonly string[], resilience: Record<string, unknown> = {}): Policy {
  return policy({ models: ['m'], provider: { order }, resilience })
}

export const TOOLS: RequestShape = {
  ...PLAIN_CHAT,
  tools: [
    {
      name: 'add',
      description: 'Add.',
      parameters: { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] },
    },
  ],
}

export interface Asked {
  readonly stream?: boolean
  readonly shape?: RequestShape
  readonly policy?: number
  readonly inputTokens?: number
  readonly maxTokens?: number | null
  readonly session?: ChatRequest['session']
  readonly conversation?: ChatRequest['conversation']
  readonly traits?: RequestTraits
  readonly workflow?: number
  /** Images of its prompt. */
  readonly images?: number
  /** PDFs of its prompt. */
  readonly files?: ChatRequest['files']
  /** Number of a question that is asked more than once. */
  readonly question?: number
  /** Index of the key it calls with; null for none. Default: none. */
  readonly key?: number | null
}

let ordinals = 0

export function request({
  stream = true,
  shape = PLAIN_CHAT,
  inputTokens = 100,
  maxTokens = null,
  traits = PLAIN_TRAITS,
  workflow = 0,
  session = null,
  conversation,
  question,
  images,
  files,
}: Asked = {}) {
  ordinals += 1
  return {
    id: requestId(workflow, ordinals),
    workflow,
    weather: weatherOf('lab', ordinals),
    inputTokens,
    maxTokens,
    outputTokens: 10,
    stream,
    callsTool: shape.tools.length > 0,
    shape,
    traits,
    session,
    ...(conversation !== undefined && { conversation }),
    ...(question !== undefined && { question }),
    ...(images !== undefined && { images }),
    ...(files !== undefined && { files }),
    visited: [],
  } satisfies ChatRequest
}

/** Names of the workflows that requests may belong to. */
export const WORKFLOWS = ['chat', 'agent']

export interface LabFleet {
  readonly offers: readonly Offer[]
  readonly gateway: GatewaySpec
}

export class Lab {
  now: Millis = 0
  readonly entries: Entry[] = []
  readonly commands: RouterCommand[] = []
  readonly router: GatewayMachine
  readonly offers: readonly Offer[]
  private readonly out = {
    push: (command: RouterCommand) => void this.commands.push(command),
    record: (entry: Entry) => void this.entries.push({ ...entry }),
  }

  /** A list of offers has a plain gateway in front: nothing but the router. */
  constructor(fleet: readonly Offer[] | LabFleet, ...policies: readonly Policy[]) {
    const { offers, gateway } = 'gateway' in fleet ? fleet : { offers: fleet, gateway: PLAIN_GATEWAY }
    this.offers = offers
    this.router = gatewayOf({ gateway, offers, policies, rng: Rng.fromSeed(1), workflows: WORKFLOWS })
  }

  /** A request arrives now. */
  ask(asked: Asked = {}): Call {
    const { policy = 0, key = null } = asked
    const caller = key === null ? null : { key }
    const call = { request: request(asked), number: 0, policy, caller, half: null, summary: null, slot: -1 }
    this.router.handle({ type: 'call.arrived', call }, this.now, this.out)
    return call
  }

  /** Move the clock, waking the router whenever it wants to be woken. */
  at(instant: Millis): this {
    while (this.router.wakeAt() <= instant) {
      this.now = Math.max(this.now, this.router.wakeAt())
      this.router.handle({ type: 'wake' }, this.now, this.out)
    }
    this.now = instant
    return this
  }

  /** Something comes from the endpoint of the call's last attempt (or of the given one). */
  hear(from: Call | AttemptHandle, ...signals: readonly Signal[]): this {
    const attempt = 'endpoint' in from ? from : this.attempt(from)
    this.router.handle({ type: 'attempt.signalled', attempt, signals }, this.now, this.out)
    return this
  }

  cancel(call: Call, errorClass: 'cancelled' | 'client_timeout' | 'gateway_down' = 'cancelled'): this {
    this.router.handle({ type: 'call.cancelled', call, class: errorClass }, this.now, this.out)
    return this
  }

  block(call: Call): this {
    this.router.handle({ type: 'client.blocked', call }, this.now, this.out)
    return this
  }

  drain(call: Call): this {
    this.router.handle({ type: 'client.drained', call }, this.now, this.out)
    return this
  }

  /** Attempts of a call, in order. */
  attempts(call: Call): AttemptHandle[] {
    return this.commands
      .filter((command) => command.type === 'attempt.dispatch')
      .map(({ attempt }) => attempt)
      .filter((attempt) => attempt.request.id === call.request.id)
  }

  attempt(call: Call): AttemptHandle {
    const last = this.attempts(call).at(-1)
    if (!last) throw new Error('no attempt was made')
    return last
  }

  /** Providers in the order in which the call went to them. */
  went(call: Call): string[] {
    return this.attempts(call).map(({ endpoint }) => this.offers[endpoint]?.provider ?? '?')
  }

  of<Kind extends EntryKind>(kind: Kind): EntryOf<Kind>[] {
    return this.entries.filter((entry) => entry.kind === kind) as EntryOf<Kind>[]
  }

  sent<Type extends RouterCommand['type']>(type: Type): Extract<RouterCommand, { type: Type }>[] {
    return this.commands.filter((command) => command.type === type) as Extract<RouterCommand, { type: Type }>[]
  }

  /** How the call ended, or null while it lasts. */
  end(call: Call): EntryOf<'call.closed'> | null {
    return this.of('call.closed').find((entry) => entry.request === call.request.id) ?? null
  }
}

// ── what endpoints say ──────────────────────────────────────────────────────────────────────────────────────────────

export const OPEN: readonly Signal[] = [CONNECTED, ACCEPTED]
export const DONE: Signal = { type: 'finished', reason: 'stop' }

export function tokens(count: number, forMs = 0, everyMs = 0): Content {
  return { type: 'content', channel: 'text', tokens: count, forMs, everyMs }
}

export function call(args: string, more: Partial<ToolDelta> = {}): ToolDelta {
  return { type: 'toolDelta', index: 0, id: 'call_1', name: 'add', args, tokens: 3, ...more }
}

export function failed(errorClass: ErrorClass, more: Partial<Failed> = {}): Failed {
  return {
    type: 'failed',
    class: errorClass,
    status: STATUS_OF[errorClass],
    retryAfterMs: null,
    where: 'response',
    message: errorClass,
    ...more,
  }
}
