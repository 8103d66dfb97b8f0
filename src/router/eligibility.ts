/**
 * The eligibility funnel: who may serve a request, as named steps whose counts are recorded (openrouter.md §1.12). Names
 * are those seen in OpenRouter's `routing_funnel` (§3.7), but for quantization and distillation, which never were; a step
 * has a row where the request, the account or an endpoint gives it something to do, and the funnel ends with the step
 * that left nobody. Pure: offers and a request in, the survivors and the story out. Nothing here knows about health,
 * which never removes anybody.
 *
 * What depends on the request half alone is looked at once, what depends on the shape and the length of a request once
 * for each kind of either. Copies for keys of one's own pass the same steps, and are not counted in them.
 */
import { at } from '../base/index.ts'
import type { FunnelStep } from '../ledger/index.ts'
import {
  isFreeModel,
  isRegionAllowed,
  lies,
  zdrGroupOf,
  type ChatRequest,
  type InputModality,
  type Offer,
  type Quantization,
  type RequestShape,
} from '../protocol/index.ts'
import type { Compression } from './compression.ts'
import { admitsTier, type Intent } from './resolve.ts'
import { isAmong, isNamedInFull } from './slugs.ts'
import type { NamedRestraint, Terms } from './terms.ts'

export interface Eligibility {
  /** Shared endpoints. */
  readonly eligible: readonly number[]
  /** Copies for keys of one's own. */
  readonly copies: readonly number[]
  readonly funnel: readonly FunnelStep[]
  /** Who was removed and why, in the order of the steps. */
  readonly removals: readonly Removal[]
}

/** What a test looks at. Of the step `Filter by Guardrails`: what of the account or a guardrail. */
export type Cause =
  | 'harness'
  | 'surcharge'
  | 'data_collection'
  | 'training'
  | 'zdr'
  | 'data_region'
  | 'guardrail_model'
  | 'only'
  | 'allowed_providers'
  | 'ignore'
  | 'tier'
  | 'context_length'
  | 'parameters'
  | 'tools'
  | 'tool_choice'
  | InputModality
  | 'max_price'
  | 'quantization'
  | 'distillable'

/** Endpoints that one test of a step has removed. */
export interface Removal {
  readonly step: string
  readonly cause: Cause
  /** What a guardrail says of it: `Paid model training violation (account settings)`. */
  readonly reason: string | null
  readonly endpoints: readonly number[]
}

/** One test of a step. A soft one is a preference: it removes nobody of a model that it would leave without anybody. */
interface Test {
  readonly cause: Cause
  readonly reason?: string
  readonly isSoft?: boolean
  readonly keeps: (offer: Offer) => boolean
  /** What of an endpoint that it removes does not fit. Absent: the name of its step says it. */
  readonly misfit?: (offer: Offer) => string
}

/** `fp4` admits its two block-scaled kinds, `fp8` its one (openrouter.md §1). */
const QUANTIZATION_FAMILIES: Partial<Record<Quantization, readonly Quantization[]>> = {
  fp4: ['fp4', 'mxfp4', 'nvfp4'],
  fp8: ['fp8', 'mxfp8'],
}

/** Kinds of shape that are remembered for one half; an outside client may bring new ones without end. */
const KINDS_MAX = 1_024

/** The funnel of one request half, as it is meant. */
export class Funnel {
  private readonly intent: Intent
  private readonly terms: Terms
  /** null: no prompt is cut for any of the endpoints. */
  private readonly compression: Compression | null
  /** After the steps that look at nothing but the half. */
  private readonly early: Sieve
  /** Of those that are left then: different lengths of context and output at which something changes, ascending. */
  private readonly contexts: readonly number[]
  private readonly outputs: readonly number[]
  /** By shape, then by which lengths are exceeded. Weak: a live gateway decodes a shape of its own for every request. */
  private readonly byShape = new WeakMap<RequestShape, Eligibility[]>()
  private readonly byKind = new Map<string, Eligibility[]>()

  constructor(intent: Intent, terms: Terms, compression: Compression | null = null) {
    this.intent = intent
    this.terms = terms
    this.compression = compression
    this.early = earlySteps(intent, terms)
    const left = this.early.left.map((endpoint) => at(terms.offers, endpoint))
    const cut = left.filter((offer) => compression?.cutsFor(offer) === true).map(({ contextLength }) => contextLength)
    this.contexts = distinct([...left.map((offer) => offer.contextLength), ...cut.map((length) => 2 * length)])
    this.outputs = distinct([...left.map((offer) => offer.maxOutput), ...cut.map((length) => length - 1)])
  }

  of({ shape, inputTokens, maxTokens }: Pick<ChatRequest, 'shape' | 'inputTokens' | 'maxTokens'>): Eligibility {
    const known = this.byShape.get(shape) ?? this.ofKind(shape)
    const output = maxTokens ?? 0
    const needed = inputTokens + output
    const exceeded = below(needed, this.contexts) * (this.outputs.length + 1) + below(output, this.outputs)
    return (known[exceeded] ??= this.run(shape, needed, output))
  }

  private ofKind(shape: RequestShape): Eligibility[] {
    const kind = kindOf(shape)
    let known = this.byKind.get(kind)
    if (!known) {
      known = []
      if (this.byKind.size >= KINDS_MAX) this.byKind.clear()
      this.byKind.set(kind, known)
    }
    this.byShape.set(shape, known)
    return known
  }

  private run(shape: RequestShape, needed: number, output: number): Eligibility {
    const { intent, terms } = this
    const sieve = this.early.copy()
    if (below(needed, this.contexts) + below(output, this.outputs) > 0) {
      sieve.pass('Filter by Context Length', ...this.lengthTests(sieve, needed, output))
    }
    sieve.pass('Filter by Parameters', ...parameterTests(intent, shape))
    sieve.pass('Filter by Tool Compatibility', ...toolTests(shape, terms))
    for (const input of shape.inputs ?? []) {
      const step = `Filter by ${input[0]?.toUpperCase()}${input.slice(1)} Support`
      sieve.pass(step, { cause: input, keeps: (offer) => takes(input, offer, terms) })
    }
    lateSteps(sieve, intent, terms)
    return sieve.result()
  }

  /** Who takes all of it; and, where the middle of a prompt may be cut out, who takes enough. */
  private lengthTests(sieve: Sieve, needed: number, output: number): readonly Test[] {
    const { compression, terms } = this
    const cause = 'context_length'
    const takesAll = ({ contextLength, maxOutput }: Offer): boolean => needed <= contextLength && output <= maxOutput
    const misfit = ({ contextLength, maxOutput }: Offer): string =>
      output > maxOutput ? `answers with ${maxOutput} tokens at most` : `takes ${contextLength} tokens at most`
    if (compression === null) return [{ cause, keeps: takesAll, misfit }]
    const takesEnough = (offer: Offer): boolean => takesAll(offer) || compression.reaches(offer, needed, output)
    // Where nobody does, whoever takes most is good enough.
    const longest = sieve.has(takesEnough) ? Infinity : sieve.longest((offer) => compression.leaves(offer, output))
    const keeps = (offer: Offer): boolean =>
      takesEnough(offer) || (offer.contextLength === longest && compression.leaves(offer, output))
    const isLastResort = terms.choices.compressed_endpoints === 'last_resort'
    return [{ cause, keeps, misfit }, ...where(isLastResort, { cause, isSoft: true, keeps: takesAll, misfit })]
  }
}

/** How many of the limits lie below a length. */
function below(length: number, limits: readonly number[]): number {
  let count = 0
  while (count < limits.length && (limits[count] as number) < length) count += 1
  return count
}

function distinct(lengths: readonly number[]): number[] {
  return [...new Set(lengths)].sort(ascending)
}

/** All of a shape that a step looks at, so that shapes that are alike are looked at once. */
function kindOf({ tools, toolChoice, responseFormat, parameters, inputs = [] }: RequestShape): string {
  return [tools.length > 0, toolChoice, responseFormat, ...parameters, ...inputs].join()
}

/** Those that are left of a fleet, and the story of the others. */
class Sieve {
  left: readonly number[]
  private readonly offers: readonly Offer[]
  private readonly rows: FunnelStep[]
  private readonly removals: Removal[]

  private constructor(
    offers: readonly Offer[],
    left: readonly number[],
    rows: readonly FunnelStep[],
    removals: readonly Removal[],
  ) {
    this.offers = offers
    this.left = left
    this.rows = [...rows]
    this.removals = [...removals]
  }

  static of(offers: readonly Offer[], models: readonly string[]): Sieve {
    const left = offers.filter((offer) => models.includes(offer.model)).map(({ index }) => index)
    const sieve = new Sieve(offers, left, [], [])
    sieve.tell('Initial Endpoints', [])
    return sieve
  }

  copy(): Sieve {
    return new Sieve(this.offers, this.left, this.rows, this.removals)
  }

  /** One step, if there is anything to test and anybody left. */
  pass(step: string, ...tests: readonly Test[]): void {
    if (tests.length === 0 || this.left.length === 0) return
    const removed: number[] = []
    const reasons: string[] = []
    const misfits = new Map<number, string>()
    for (const test of tests) {
      const failing = this.failing(test)
      if (failing.length === 0) continue
      this.left = this.left.filter((endpoint) => !failing.includes(endpoint))
      const { cause, reason, misfit } = test
      const endpoints = failing.filter(this.isShared)
      this.removals.push({ step, cause, reason: reason ?? null, endpoints })
      removed.push(...endpoints)
      if (reason !== undefined) reasons.push(reason)
      if (misfit !== undefined) for (const one of endpoints) misfits.set(one, misfit(at(this.offers, one)))
    }
    this.tell(step, removed.sort(ascending), reasons.join('; '), misfits)
  }

  /** A row of the funnel. */
  tell(step: string, removed: readonly number[], reason = '', misfits?: ReadonlyMap<number, string>): void {
    this.rows.push({
      step,
      left: this.left.filter(this.isShared).length,
      removed,
      ...(reason !== '' && { reason }),
      ...(misfits && misfits.size > 0 && { misfits: removed.map((endpoint) => misfits.get(endpoint) ?? '') }),
    })
  }

  /** Whether anybody left is so. */
  has(test: (offer: Offer) => boolean): boolean {
    return this.left.some((endpoint) => test(at(this.offers, endpoint)))
  }

  /** The longest context of those left that are so; 0 where nobody is. */
  longest(test: (offer: Offer) => boolean): number {
    const fit = this.left.map((endpoint) => at(this.offers, endpoint)).filter(test)
    return Math.max(0, ...fit.map(({ contextLength }) => contextLength))
  }

  result(): Eligibility {
    const { left, rows, removals } = this
    const eligible = left.filter(this.isShared)
    return { eligible, copies: left.filter((endpoint) => !this.isShared(endpoint)), funnel: rows, removals }
  }

  private failing({ keeps, isSoft }: Test): readonly number[] {
    const modelOf = (endpoint: number): string => at(this.offers, endpoint).model
    const failing = this.left.filter((endpoint) => !keeps(at(this.offers, endpoint)))
    if (isSoft !== true || failing.length === 0) return failing
    const able = new Set(this.left.filter((endpoint) => !failing.includes(endpoint)).map(modelOf))
    return failing.filter((endpoint) => able.has(modelOf(endpoint)))
  }

  private readonly isShared = (endpoint: number): boolean => at(this.offers, endpoint).byok === null
}

function ascending(left: number, right: number): number {
  return left - right
}

// ── what the half decides ─────────────────────────────────────────────────────────────────────────────────────────────

function earlySteps(intent: Intent, terms: Terms): Sieve {
  const { offers, choices, restraints, gateway } = terms
  const { app, order, provider, wishes } = intent
  const models = wishes.map(({ model }) => model)
  const sieve = Sieve.of(offers, models)
  const named = [...order, ...(provider.only ?? [])]
  const isNamed = (offer: Offer): boolean => named.some((slug) => isNamedInFull(slug, offer, choices))

  const isHarness = app !== null && gateway.account?.harnesses.includes(app) === true
  if (!isHarness && sieve.has(({ isForHarnesses }) => isForHarnesses)) {
    const keeps = ({ isForHarnesses }: Offer): boolean => !isForHarnesses
    sieve.pass('Gate Free Endpoints by Agentic Harness', { cause: 'harness', keeps })
  }
  if (choices.regional_surcharge === 'asked' && sieve.has(({ hasRegionalSurcharge }) => hasRegionalSurcharge)) {
    const keeps = (offer: Offer): boolean =>
      !offer.hasRegionalSurcharge || isNamed(offer) || restraints.some((restraint) => asksForRegion(restraint, offer))
    sieve.pass('Filter by Regional Surcharge', { cause: 'surcharge', keeps })
  }
  sieve.pass(
    'Filter by Data Policy',
    ...where(provider.data_collection === 'deny', {
      cause: 'data_collection',
      keeps: isDiscreet,
      misfit: ({ trains }) => (trains ? 'trains on prompts' : 'collects prompts'),
    }),
    ...where(provider.zdr === true, { cause: 'zdr', keeps: ({ zdr }) => zdr, misfit: () => 'retains data' }),
  )
  sieve.pass('Filter by Guardrails', ...restraints.flatMap(guardrailTests))
  sieve.pass('Filter by Allowed Providers', ...providerTests(intent, terms))

  if (sieve.has(({ tier }) => tier !== 'default')) {
    sieve.pass(
      'Filter by Tier Endpoint Rows',
      { cause: 'tier', keeps: (offer) => isNamed(offer) || admitsTier(intent, offer), misfit: tierOf },
      // Who asks for `flex` is never served at the standard rate where the model has endpoints of that tier.
      ...where(intent.tier === 'flex', {
        cause: 'tier',
        isSoft: true,
        keeps: ({ tier }) => tier === 'flex',
        misfit: tierOf,
      }),
    )
  }
  return sieve
}

const tierOf = ({ tier }: Offer): string => `tier ${tier}`

function where(isAsked: boolean, test: Test): readonly Test[] {
  return isAsked ? [test] : []
}

function isDiscreet({ collectsData, trains }: Offer): boolean {
  return !collectsData && !trains
}

/** Whether a restraint keeps requests in the part of the world that the endpoint is in. */
function asksForRegion({ allowed_data_regions: regions = [] }: NamedRestraint, { region }: Offer): boolean {
  return regions.some((part) => part !== 'global' && lies(region, part))
}

function guardrailTests(restraint: NamedRestraint): Test[] {
  const { by, zdr } = restraint
  const test = (isAsked: boolean, cause: Cause, what: string, keeps: Test['keeps']): readonly Test[] =>
    where(isAsked, { cause, reason: `${what} violation (${by})`, keeps })
  const isPaid = ({ model }: Offer): boolean => !isFreeModel(model)
  const isKept = (offer: Offer): boolean => offer.zdr || (Array.isArray(zdr) && !zdr.includes(zdrGroupOf(offer.model)))
  return [
    ...test(
      !restraint.enable_paid_model_training,
      'training',
      'Paid model training',
      (offer) => !isPaid(offer) || !offer.trains,
    ),
    ...test(
      !restraint.enable_free_model_training,
      'training',
      'Free model training',
      (offer) => isPaid(offer) || !offer.trains,
    ),
    ...test(
      !restraint.enable_free_model_publication,
      'training',
      'Free model publication',
      (offer) => isPaid(offer) || !offer.publishes,
    ),
    ...test(restraint.data_collection === 'deny', 'data_collection', 'Data collection', isDiscreet),
    ...test(zdr !== false, 'zdr', 'Zero data retention', isKept),
    ...test(restraint.allowed_data_regions !== undefined, 'data_region', 'Data region', ({ region }) =>
      isRegionAllowed(region, restraint),
    ),
    ...modelTests(restraint),
  ]
}

function modelTests({ by, allowed_models: allowed, ignored_models: ignored = [] }: NamedRestraint): readonly Test[] {
  const keeps = ({ model }: Offer): boolean =>
    (allowed === undefined || allowed.includes(model)) && !ignored.includes(model)
  const reason = `Model blocked by guardrail (${by})`
  return where(allowed !== undefined || ignored.length > 0, { cause: 'guardrail_model', reason, keeps })
}

/** Allowlists intersect, denylists add up. An empty list of a request restricts nothing, as if it were not there. */
function providerTests({ provider: { only, ignore } }: Intent, { restraints, choices }: Terms): Test[] {
  const allow = (cause: Cause, slugs: readonly string[], misfit: string): Test => ({
    cause,
    keeps: (offer) => isAmong(slugs, offer, choices),
    misfit: () => misfit,
  })
  const deny = (slugs: readonly string[], misfit: string): Test => ({
    cause: 'ignore',
    keeps: (offer) => !isAmong(slugs, offer, choices),
    misfit: () => misfit,
  })
  return [
    ...(only && only.length > 0 ? [allow('only', only, 'not in provider.only')] : []),
    ...restraints.flatMap(({ allowed_providers: allowed, by }) =>
      allowed ? [allow('allowed_providers', allowed, `not allowed by ${by}`)] : [],
    ),
    ...(ignore && ignore.length > 0 ? [deny(ignore, 'in provider.ignore')] : []),
    ...restraints.flatMap(({ ignored_providers: ignored, by }) => (ignored ? [deny(ignored, `ignored by ${by}`)] : [])),
  ]
}

// ── what the shape decides ────────────────────────────────────────────────────────────────────────────────────────────

const supports =
  (name: string) =>
  ({ parameters }: Offer): boolean =>
    parameters.has(name)

/** What a response format needs; a schema is not served by who can do JSON alone, nor the other way round (§1.7). */
const PARAMETER_OF = { text: null, json_object: 'response_format', json_schema: 'structured_outputs' } as const

/** An endpoint without these is sent less, but others are preferred. */
const PREFERRED = ['response_format', 'structured_outputs', 'verbosity']

function parameterTests({ provider }: Intent, { parameters, responseFormat }: RequestShape): Test[] {
  const format = PARAMETER_OF[responseFormat]
  const others = parameters.filter((name) => name !== 'response_format' && name !== 'structured_outputs')
  const needed = format === null ? others : [...others, format]
  if (provider.require_parameters === true) {
    const lacking = (offer: Offer): readonly string[] => needed.filter((name) => !supports(name)(offer))
    const keeps = (offer: Offer): boolean => lacking(offer).length === 0
    return [{ cause: 'parameters', keeps, misfit: (offer) => `lacks ${lacking(offer).join(', ')}` }]
  }
  const preferred = needed.filter((name) => PREFERRED.includes(name))
  return preferred.map((name) => ({
    cause: 'parameters',
    isSoft: true,
    keeps: supports(name),
    misfit: () => `lacks ${name}`,
  }))
}

function takes(input: InputModality, { inputs, model }: Offer, { gateway }: Terms): boolean {
  return (inputs ?? gateway.models[model]?.input_modalities ?? []).includes(input)
}

function toolTests({ tools, toolChoice }: RequestShape, { choices }: Terms): Test[] {
  if (tools.length === 0) return []
  const isSoft = choices.no_tools === 'drop'
  return [
    { cause: 'tools', isSoft, keeps: supports('tools'), misfit: () => 'lacks tools' },
    {
      cause: 'tool_choice',
      isSoft,
      keeps: ({ toolChoices }) => toolChoices.has(toolChoice),
      misfit: () => `lacks tool_choice ${toolChoice}`,
    },
  ]
}

function lateSteps(sieve: Sieve, { provider, order }: Intent, { choices, gateway }: Terms): void {
  const { max_price: cap, quantizations, enforce_distillable_text: mustDistil } = provider
  if (cap) {
    const isWithin = (amount: number, most: number | null | undefined): boolean =>
      most == null || (choices.max_price === 'strict' ? amount < most : amount <= most)
    const tooDear = ({ price }: Offer): readonly string[] =>
      (
        [
          ['prompt', price.input],
          ['completion', price.output],
          ['request', price.request],
          ['image', price.image ?? 0],
          ['audio', price.audio ?? price.input],
        ] as const
      ).flatMap(([part, amount]) => (isWithin(amount, cap[part]) ? [] : [`${part} at $${amount}`]))
    const keeps = (offer: Offer): boolean => tooDear(offer).length === 0
    const misfit = (offer: Offer): string => tooDear(offer).join(', ')
    sieve.pass('Filter by Max Price', { cause: 'max_price', keeps, misfit })
  }
  if (quantizations && quantizations.length > 0) {
    const allowed = new Set(quantizations.flatMap((name) => QUANTIZATION_FAMILIES[name] ?? [name]))
    const keeps = ({ quantization }: Offer): boolean => allowed.has(quantization)
    sieve.pass('Filter by Quantization', { cause: 'quantization', keeps, misfit: ({ quantization }) => quantization })
  }
  if (mustDistil === true) {
    const keeps = ({ model }: Offer): boolean => gateway.models[model]?.distillable === true
    sieve.pass('Filter by Distillable Text', { cause: 'distillable', keeps })
  }
  // What sorts and removes nobody has a row where there is something to sort.
  if (sieve.left.length < 2) return
  const isOrdered = sieve.has((offer) => isAmong(order, offer, choices))
  sieve.tell(isOrdered ? 'Apply Manual Order' : 'Apply Status Sorting', [])
}
