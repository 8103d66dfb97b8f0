/**
 * How far a fleet is from being driven down by its own clients, told without playing anything: for each endpoint what it
 * can take, what it is asked for, and what it is asked for at worst, when every attempt fails and is made again.
 *
 *   margin = C / (A · λ)     C attempts an endpoint can take each second · λ requests that come to it · A attempts that
 *                            each of them may become there
 *
 * Above 1 no trigger can keep it down; below 1 its advertised capacity is C and the one that may be used is C / A
 * ("Metastable Failures in Distributed Systems", HotOS'21; resilience.md §2.2). And the same with each provider out: who
 * takes over its share, and whether they can.
 *
 *   λ    the highest rate that the arrivals of a workflow expect over a sixtieth of the run, its turns included
 *   who  a router of the scenario's own is asked, request by request; whoever is out refuses, and whoever is not is let be
 *   C    slots over mean service time when all of them are taken, or the limits on requests or tokens, whichever is least
 *   A    what the policy allows: attempts at one endpoint, bounded by its retry budget, and hedges; times the calls of the
 *        application. Rungs of a ladder and the emergency path are not counted, nor limits of accounts and keys
 */
import { at, MINUTE, Rng, SECOND, type Millis } from '../base/index.ts'
import type { Call, ChatRequest, EndpointSpec, Failed, GatewaySpec, Offer } from '../protocol/index.ts'
import { endpointId } from '../protocol/index.ts'
import { drawService, serviceModel } from '../provider/index.ts'
import { Router, type Policy, type RouterCommand } from '../router/index.ts'
import { callerOf, requestOf, type Workflow } from '../workload/index.ts'

/** Requests of each workflow that the router is asked about. */
const REQUESTS_ASKED = 300
/** What becomes of one request is followed for so many steps. */
const STEPS_MAX = 200
/** Slices of a run, of which the busiest counts. */
const SLICES = 60
const SLICE_MIN: Millis = 10 * SECOND

export interface Margins {
  readonly demand: readonly { readonly workflow: string; readonly perSecond: number; readonly attemptsMax: number }[]
  /** With everybody up, then with each provider out that is asked then. */
  readonly contingencies: readonly Contingency[]
  /** Providers that nobody asks while everybody is up: without them nothing changes. */
  readonly unasked: readonly string[]
  /** Margins below 1, as sentences. */
  readonly warnings: readonly string[]
}

export interface Contingency {
  /** The provider that is out; null: none. */
  readonly out: string | null
  /** Requests each second that find nobody. */
  readonly unserved: number
  /** Those that are asked. */
  readonly endpoints: readonly EndpointMargin[]
  /** The same by model: what all of its endpoints that are asked can take together. */
  readonly models: readonly ModelMargin[]
}

export type ModelMargin = Pick<EndpointMargin, 'model' | 'offered' | 'worst' | 'capacity' | 'margin'>

export interface EndpointMargin {
  readonly endpoint: string
  readonly provider: string
  readonly model: string
  /** Requests each second that come to it. */
  readonly offered: number
  /** Attempts each second that they may become. */
  readonly worst: number
  /** Attempts each second that it can take; null: nothing says that there is a limit. */
  readonly capacity: number | null
  readonly limit: 'slots' | 'requests_per_minute' | 'tokens_per_minute' | null
  /** Capacity over worst; null as capacity. */
  readonly margin: number | null
}

export interface MarginParts {
  readonly seed: number
  readonly durationMs: Millis
  readonly endpoints: readonly EndpointSpec[]
  readonly offers: readonly Offer[]
  readonly gateway: GatewaySpec
  readonly policies: readonly Policy[]
  readonly workflows: (rng: Rng) => readonly Workflow[]
  /** How many requests of a workflow are expected before an instant; null: nobody can say. */
  readonly expected: (workflow: number, until: Millis) => number | null
}

export function marginsOf(parts: MarginParts): Margins {
  const workflows = parts.workflows(Rng.fromSeed(parts.seed).named('arrivals'))
  const demand = workflows.map((workflow) => {
    const perSecond = rateOf(workflow, parts)
    return { workflow: workflow.name, perSecond, attemptsMax: amplificationOf(workflow, perSecond, parts) }
  })
  const without = (out: string | null): Contingency => {
    const shares = workflows.map((workflow) => sharesOf(workflow, out, at(demand, workflow.index).perSecond, parts))
    return contingencyOf(out, shares, demand, parts)
  }
  const all = without(null)
  const providers = [...new Set(parts.endpoints.map(({ provider }) => provider))]
  const asked = new Set(all.endpoints.map(({ provider }) => provider))
  const contingencies = [all, ...providers.filter((provider) => asked.has(provider)).map(without)]
  const unasked = providers.filter((provider) => !asked.has(provider))
  const short = new Set(all.endpoints.flatMap(({ endpoint, margin }) => (isShort(margin) ? [endpoint] : [])))
  const warnings = contingencies.flatMap((each) => warningsOf(each, each === all ? new Set() : short))
  return { demand, contingencies, unasked, warnings }
}

/** Requests each second, in the busiest slice; of a closed loop, as many as come if answers take no time. */
function rateOf({ index, arrivals }: Workflow, { durationMs, expected }: MarginParts): number {
  if (arrivals.loop === 'closed') {
    let thinkMs = 0
    for (let ordinal = 0; ordinal < REQUESTS_ASKED; ordinal += 1) thinkMs += arrivals.think(ordinal)
    return (arrivals.users * REQUESTS_ASKED * SECOND) / thinkMs
  }
  const sliceMs = Math.min(durationMs, Math.max(SLICE_MIN, durationMs / SLICES))
  let busiest = 0
  for (let from = 0; from + sliceMs <= durationMs + 1; from += sliceMs) {
    const inside = (expected(index, from + sliceMs) ?? 0) - (expected(index, from) ?? 0)
    busiest = Math.max(busiest, (inside * SECOND) / sliceMs)
  }
  return busiest
}

/** Attempts at one endpoint that a request may become, on average and for long, if all of them fail. */
function amplificationOf({ policy, client }: Workflow, perSecond: number, { policies }: MarginParts): number {
  const { retry, retry_budget: budget, hedge, max_attempts: attemptsMax } = at(policies, policy).resilience
  const retries = Math.min(retry.attempts, attemptsMax - 1)
  const allowed = budget === undefined ? retries : Math.min(retries, extraShare(budget, perSecond))
  const hedges = hedge === undefined ? 0 : Math.min(hedge.max, hedge.extra_load)
  return (1 + allowed + hedges) * (1 + client.retries)
}

/** Extra attempts for each request that a budget goes on paying for when everything fails. */
function extraShare(budget: NonNullable<Policy['resilience']['retry_budget']>, perSecond: number): number {
  switch (budget.kind) {
    case 'ratio':
      return budget.ratio + (perSecond === 0 ? 0 : budget.min_rate / perSecond)
    case 'concurrent':
      return budget.ratio
    case 'token_bucket':
      return budget.fill
    case 'throttle':
    case 'quota':
      return 0 // Only successes pay in.
  }
}

// ── who is asked ────────────────────────────────────────────────────────────────────────────────────────────────────

interface Share {
  /** Of the requests of a workflow, those that come to it: above 1 in all where several are asked at once. */
  readonly asked: number
  /** Seconds that a slot is held, and tokens that count against a limit, for each of these. */
  readonly heldS: number
  readonly tokens: number
}

interface Shares {
  readonly byEndpoint: ReadonlyMap<number, Share>
  readonly unserved: number
}

const REFUSED: Failed = {
  type: 'failed',
  class: 'server_error',
  status: 503,
  retryAfterMs: null,
  where: 'response',
  message: 'out',
}

/** What a router of this workflow alone does with its requests, one after the other, while a provider is out. */
function sharesOf(workflow: Workflow, out: string | null, perSecond: number, parts: MarginParts): Shares {
  const { seed, endpoints, offers, policies, gateway } = parts
  const rng = Rng.fromSeed(seed).named('workload')
  const names = parts.workflows(Rng.fromSeed(seed).named('arrivals')).map(({ name }) => name)
  const router = new Router({ offers, policies, gateway, workflows: names, rng: Rng.fromSeed(seed).named('router') })
  const found = new Map<number, { requests: number; heldMs: number; tokens: number }>()
  const service = Rng.fromSeed(seed).named('margins')
  let unserved = 0
  let now: Millis = 0
  for (let ordinal = 0; ordinal < REQUESTS_ASKED; ordinal += 1) {
    if (perSecond > 0) now = Math.max(now, Math.floor((ordinal * SECOND) / perSecond))
    const request = requestOf(workflow, ordinal, rng)
    const asked = follow(router, callOf(workflow, request), (endpoint) => at(endpoints, endpoint).provider !== out, now)
    now = asked.now
    if (asked.endpoints.length === 0) unserved += 1
    for (const endpoint of asked.endpoints) {
      const spec = at(endpoints, endpoint)
      const known = found.get(endpoint) ?? { requests: 0, heldMs: 0, tokens: 0 }
      known.requests += 1
      known.heldMs += heldMs(spec, request, service.fork(ordinal, endpoint))
      known.tokens += request.inputTokens + (request.maxTokens ?? 0)
      found.set(endpoint, known)
    }
  }
  const byEndpoint = new Map(
    [...found].map(([endpoint, { requests, heldMs: held, tokens }]) => [
      endpoint,
      { asked: requests / REQUESTS_ASKED, heldS: held / requests / SECOND, tokens: tokens / requests },
    ]),
  )
  return { byEndpoint, unserved: unserved / REQUESTS_ASKED }
}

function callOf(workflow: Workflow, request: ChatRequest): Call {
  const caller = callerOf(workflow, request)
  return { request, number: 0, policy: workflow.policy, caller, half: null, summary: null, slot: -1 }
}

/** One request, until somebody who is up is asked or nobody is left. */
function follow(router: Router, call: Call, isUp: (endpoint: number) => boolean, begins: Millis) {
  const inbox: RouterCommand[] = []
  const out = { push: (command: RouterCommand) => void inbox.push(command), record() {} }
  const endpoints: number[] = []
  let now = begins
  let isOpen = true
  router.handle({ type: 'call.arrived', call }, now, out)
  for (let step = 0; step < STEPS_MAX && isOpen && endpoints.length === 0; step += 1) {
    const commands = inbox.splice(0, Infinity)
    const down = commands.flatMap((command) => {
      if (command.type === 'client.end' || command.type === 'client.fail') isOpen = false
      if (command.type !== 'attempt.dispatch') return []
      const { attempt } = command
      if (isUp(attempt.endpoint)) endpoints.push(attempt.endpoint)
      return isUp(attempt.endpoint) ? [] : [attempt]
    })
    for (const attempt of down) router.handle({ type: 'attempt.signalled', attempt, signals: [REFUSED] }, now, out)
    if (inbox.length > 0 || endpoints.length > 0 || !isOpen) continue
    const next = router.wakeAt()
    if (!Number.isFinite(next)) break
    now = Math.max(now, next)
    router.handle({ type: 'wake' }, now, out)
  }
  if (isOpen) router.handle({ type: 'call.cancelled', call, class: 'cancelled' }, now, out)
  return { endpoints, now }
}

/** How long a request holds a slot of an endpoint whose slots are all taken. */
function heldMs(spec: EndpointSpec, { inputTokens, outputTokens }: ChatRequest, rng: Rng): Millis {
  const { ttftMs, tokensPerSecond } = drawService(serviceModel(spec), inputTokens, 1, rng)
  return ttftMs + (tokensPerSecond === Infinity ? 0 : (outputTokens * SECOND) / tokensPerSecond)
}

// ── what it comes to ────────────────────────────────────────────────────────────────────────────────────────────────

function contingencyOf(
  out: string | null,
  shares: readonly Shares[],
  demand: Margins['demand'],
  { endpoints }: MarginParts,
): Contingency {
  const unserved = shares.reduce((sum, share, index) => sum + share.unserved * at(demand, index).perSecond, 0)
  const rows = endpoints.flatMap((spec, endpoint) => {
    const load = { offered: 0, worst: 0, slots: 0, tokens: 0 }
    shares.forEach(({ byEndpoint }, index) => {
      const share = byEndpoint.get(endpoint)
      if (share === undefined) return
      const { perSecond, attemptsMax } = at(demand, index)
      const attempts = share.asked * perSecond * attemptsMax
      load.offered += share.asked * perSecond
      load.worst += attempts
      load.slots += attempts * share.heldS
      load.tokens += attempts * share.tokens
    })
    return load.offered === 0 ? [] : [marginOf(spec, load)]
  })
  return { out, unserved, endpoints: rows, models: modelsOf(rows) }
}

function modelsOf(rows: readonly EndpointMargin[]): ModelMargin[] {
  const models = [...new Set(rows.map(({ model }) => model))]
  return models.map((model) => {
    const own = rows.filter((row) => row.model === model)
    const offered = own.reduce((sum, row) => sum + row.offered, 0)
    const worst = own.reduce((sum, row) => sum + row.worst, 0)
    const capacity = own.reduce<number | null>(
      (sum, row) => (sum === null || row.capacity === null ? null : sum + row.capacity),
      0,
    )
    return { model, offered, worst, capacity, margin: capacity === null ? null : capacity / worst }
  })
}

function isShort(margin: number | null): boolean {
  return margin !== null && margin < 1
}

function marginOf(
  spec: EndpointSpec,
  { offered, worst, slots, tokens }: { offered: number; worst: number; slots: number; tokens: number },
): EndpointMargin {
  const { requests_per_minute: rpm, tokens_per_minute: tpm } = spec.limits
  const perMinute = MINUTE / SECOND
  const limits = [
    ['slots', spec.capacity.slots, slots],
    ['requests_per_minute', rpm, worst * perMinute],
    ['tokens_per_minute', tpm, tokens * perMinute],
  ] as const
  const margins = limits.flatMap(([limit, most, asked]) =>
    most === undefined || asked === 0 ? [] : [{ limit, margin: most / asked }],
  )
  const named = { endpoint: endpointId(spec), provider: spec.provider, model: spec.model, offered, worst }
  if (margins.length === 0) return { ...named, capacity: null, limit: null, margin: null }
  const least = margins.reduce((left, right) => (right.margin < left.margin ? right : left))
  return { ...named, capacity: least.margin * worst, ...least }
}

/** `known`: endpoints of which it has been said already. */
function warningsOf({ out, unserved, endpoints }: Contingency, known: ReadonlySet<string>): string[] {
  const when = out === null ? '' : `without ${out}, `
  const lost = unserved > 0 ? [`${when}${perSecond(unserved)} find nobody to serve them`] : []
  const short = endpoints.flatMap(({ endpoint, offered, worst, capacity, margin }) => {
    if (capacity === null || !isShort(margin) || known.has(endpoint)) return []
    const takes = `${when}${endpoint} can take ${perSecond(capacity)}`
    return offered > capacity
      ? [`${takes} and is asked for ${perSecond(offered)}, before anybody tries again`]
      : [
          `${takes} and is asked for ${perSecond(offered)}, which failures can turn into ${perSecond(worst)} and keep there`,
        ]
  })
  return [...lost, ...short]
}

function perSecond(rate: number): string {
  return `${Number(rate.toPrecision(3))}/s`
}
