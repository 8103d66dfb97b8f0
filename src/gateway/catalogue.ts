/**
 * The catalogue as OpenRouter publishes it (openrouter.md §4.6): models, their endpoints with live statistics, and
 * providers. Made anew for every question, from the offers of the fleet and the facts that the fleet file has.
 *
 * Prices are strings of USD per token (or per request, image, search), without exponents. A model's own price, context
 * and cap are those of its cheapest endpoint of the default tier.
 */
import { z } from 'zod'
import type { Millis } from '../base/index.ts'
import {
  DAY,
  MODALITIES,
  PLAIN_MODEL,
  TOOL_CHOICES,
  UPTIME_DEGRADED,
  UPTIME_NORMAL,
  type GatewaySpec,
  type Modality,
  type ModelFacts,
  type Offer,
  type PriceBook,
} from '../protocol/index.ts'
import type { PublicStatistics } from './statistics.ts'

export interface CatalogueOptions {
  readonly offers: readonly Offer[]
  readonly gateway: GatewaySpec
  statisticsOf(endpoint: number): PublicStatistics
}

type Row = Readonly<Record<string, unknown>>

const PAGE = 500
const PAGE_MAX = 1_000

const words = z.string().transform((text) =>
  text
    .split(',')
    .map((word) => word.trim().toLowerCase())
    .filter((word) => word !== ''),
)
const number = z.coerce.number().min(0)
const flag = z.enum(['true', 'false'])

/** `GET /models`: the filters that a fleet can answer. Others are passed over, as the public page passes over strangers. */
export const modelsQuerySchema = z.object({
  q: z.string().max(256).optional(),
  supported_parameters: words.optional(),
  input_modalities: words.optional(),
  output_modalities: words.optional(),
  context: number.optional(),
  min_price: number.optional(),
  max_price: number.optional(),
  min_output_price: number.optional(),
  max_output_price: number.optional(),
  arch: words.optional(),
  model_authors: words.optional(),
  providers: words.optional(),
  distillable: flag.optional(),
  zdr: flag.optional(),
  region: words.optional(),
  min_age_days: number.optional(),
  max_age_days: number.optional(),
  sort: z
    .enum([
      'pricing-low-to-high',
      'pricing-high-to-low',
      'context-high-to-low',
      'throughput-high-to-low',
      'latency-low-to-high',
      'newest',
    ])
    .optional(),
  offset: number.pipe(z.int()).optional(),
  limit: number.pipe(z.int().min(1).max(PAGE_MAX)).optional(),
})
export type ModelsQuery = z.infer<typeof modelsQuerySchema>

/** A model with those who serve it. */
interface Listed {
  readonly id: string
  readonly facts: ModelFacts
  readonly offers: readonly Offer[]
  /** The cheapest of them, of the default tier if there is one. */
  readonly top: Offer
}

export class Catalogue {
  private readonly options: CatalogueOptions
  private readonly models: ReadonlyMap<string, Listed>

  constructor(options: CatalogueOptions) {
    this.options = options
    const { offers, gateway } = options
    const byModel = Map.groupBy(
      offers.filter(({ byok }) => byok === null),
      ({ model }) => model,
    )
    this.models = new Map(
      [...byModel].map(([id, serving]): [string, Listed] => {
        const facts = gateway.models[id] ?? PLAIN_MODEL
        return [id, { id, facts, offers: serving, top: cheapest(serving) }]
      }),
    )
  }

  /** `GET /models`. `link`: the same question from another offset on. `among`: these alone. */
  page(query: ModelsQuery, now: Millis, link: (offset: number) => string, among?: ReadonlySet<string>): Row {
    const found = this.sorted(
      [...this.models.values()].filter((model) => among?.has(model.id) !== false && this.isMeant(model, query, now)),
      query,
    )
    const { offset = 0, limit } = query
    const isPaged = query.offset !== undefined || limit !== undefined
    const end = isPaged ? offset + (limit ?? PAGE) : found.length
    return {
      data: found.slice(offset, end).map((model) => this.modelBody(model)),
      total_count: found.length,
      links: { next: end < found.length ? link(end) : null },
    }
  }

  count(query: ModelsQuery, now: Millis): Row {
    return { data: { count: [...this.models.values()].filter((model) => this.isMeant(model, query, now)).length } }
  }

  /** `GET /model/{author}/{slug}`; null: there is no such model. */
  model(id: string): Row | null {
    const model = this.models.get(id)
    return model ? { data: this.modelBody(model) } : null
  }

  /** `GET /models/{author}/{slug}/endpoints`. `isKnown`: who does not say who he is, is told no speeds. */
  endpoints(id: string, isKnown: boolean): Row | null {
    const model = this.models.get(id)
    if (!model) return null
    const { facts } = model
    return {
      data: {
        id,
        name: nameOf(model),
        created: this.createdAt(facts),
        description: facts.description,
        architecture: architectureOf(model),
        endpoints: model.offers.map((offer) => this.endpointBody(model, offer, isKnown)),
      },
    }
  }

  /** `GET /endpoints/zdr`. */
  zdrEndpoints(isKnown: boolean): Row {
    const rows = [...this.models.values()].flatMap((model) =>
      model.offers.filter(({ zdr }) => zdr).map((offer) => this.endpointBody(model, offer, isKnown)),
    )
    return { data: rows }
  }

  /** `GET /providers`. */
  providers(): Row {
    const bySlug = new Map(this.options.offers.map(({ provider, providerName }) => [provider, providerName]))
    const data = [...bySlug].map(([slug, name]) => ({
      name,
      slug,
      privacy_policy_url: null,
      terms_of_service_url: null,
      status_page_url: null,
      headquarters: null,
      datacenters: null,
    }))
    return { data }
  }

  private createdAt({ created }: ModelFacts): number {
    return Math.floor((created ?? this.options.gateway.epoch) / 1_000)
  }

  private modelBody(model: Listed): Row {
    const { id, facts, offers, top } = model
    return {
      id,
      canonical_slug: id,
      hugging_face_id: facts.hugging_face_id ?? null,
      name: nameOf(model),
      created: this.createdAt(facts),
      description: facts.description,
      context_length: Math.max(...offers.map(({ contextLength }) => contextLength)),
      architecture: architectureOf(model),
      pricing: pricingOf(top.price),
      top_provider: {
        context_length: top.contextLength,
        max_completion_tokens: top.maxOutput,
        is_moderated: top.isModerated,
      },
      per_request_limits: null,
      supported_parameters: [...new Set(offers.flatMap(({ parameters }) => [...parameters]))],
      default_parameters: null,
      supported_voices: null,
      expiration_date: facts.expiration_date ?? null,
      knowledge_cutoff: facts.knowledge_cutoff ?? null,
      links: { details: `/api/v1/models/${id}/endpoints` },
    }
  }

  private endpointBody(model: Listed, offer: Offer, isKnown: boolean): Row {
    const statistics = this.options.statisticsOf(offer.index)
    const { tag, providerName, contextLength, maxOutput, price, quantization, parameters } = offer
    return {
      name: `${providerName} | ${model.id}`,
      model_id: model.id,
      model_name: nameOf(model),
      provider_name: providerName,
      tag,
      context_length: contextLength,
      max_completion_tokens: maxOutput,
      max_prompt_tokens: null,
      pricing: pricingOf(price),
      quantization,
      status: statusOf(statistics.uptimeLast5m),
      supported_parameters: [...parameters],
      supports_implicit_caching: price.cache_read !== undefined && price.cache_write === undefined,
      supports_tool_choice: Object.fromEntries(
        TOOL_CHOICES.map((choice) => [choice, parameters.has('tools') && offer.toolChoices.has(choice)]),
      ),
      supports_voice_cloning: false,
      uptime_last_5m: statistics.uptimeLast5m,
      uptime_last_30m: statistics.uptimeLast30m,
      uptime_last_1d: statistics.uptimeLast1d,
      latency_last_30m: isKnown ? statistics.latencyLast30m : null,
      throughput_last_30m: isKnown ? statistics.throughputLast30m : null,
    }
  }

  private isMeant(model: Listed, query: ModelsQuery, now: Millis): boolean {
    const { id, facts, offers, top } = model
    const { price } = top
    const ageDays = (this.options.gateway.epoch + now) / DAY - this.createdAt(facts) * (1_000 / DAY)
    const outputs = query.output_modalities ?? ['text']
    const supported = new Set<string>(offers.flatMap(({ parameters }) => [...parameters]))
    return (
      isAmong(query.q, (text) => `${id} ${facts.name ?? ''}`.toLowerCase().includes(text.toLowerCase())) &&
      isAmong(query.supported_parameters, (names) => names.every((name) => supported.has(name))) &&
      isAmong(query.input_modalities, (kinds) => kinds.every((kind) => has(inputsOf(model), kind))) &&
      (outputs.includes('all') || outputs.some((kind) => has(facts.output_modalities, kind))) &&
      isAmong(query.context, (least) => offers.some(({ contextLength }) => contextLength >= least)) &&
      isWithin(price.input, query.min_price, query.max_price) &&
      isWithin(price.output, query.min_output_price, query.max_output_price) &&
      isAmong(query.arch, (families) => families.includes(facts.tokenizer.toLowerCase())) &&
      isAmong(query.model_authors, (authors) => authors.includes(id.split('/')[0]?.toLowerCase() ?? '')) &&
      isAmong(query.providers, (names) => offers.some((offer) => isProvider(offer, names))) &&
      isAmong(query.distillable, (wanted) => facts.distillable === (wanted === 'true')) &&
      isAmong(query.zdr, (wanted) => wanted === 'false' || offers.some(({ zdr }) => zdr)) &&
      isAmong(query.region, (regions) => offers.some(({ region }) => regions.includes(region.toLowerCase()))) &&
      isWithin(ageDays, query.min_age_days, query.max_age_days)
    )
  }

  private sorted(models: Listed[], { sort }: ModelsQuery): Listed[] {
    if (sort === undefined) return models
    const key = this.keyOf(sort)
    return models.toSorted((left, right) => key(left) - key(right))
  }

  /** What a sort goes by, the least first; those of which nothing is known come last. */
  private keyOf(sort: NonNullable<ModelsQuery['sort']>): (model: Listed) => number {
    const best = ({ offers }: Listed, of: (statistics: PublicStatistics) => number | undefined): number =>
      Math.min(...offers.map(({ index }) => of(this.options.statisticsOf(index)) ?? Infinity))
    switch (sort) {
      case 'pricing-low-to-high':
        return ({ top }) => top.price.input + top.price.output
      case 'pricing-high-to-low':
        return ({ top }) => -(top.price.input + top.price.output)
      case 'context-high-to-low':
        return ({ offers }) => -Math.max(...offers.map(({ contextLength }) => contextLength))
      case 'latency-low-to-high':
        return (model) => best(model, ({ latencyLast30m }) => latencyLast30m?.p50)
      case 'throughput-high-to-low':
        return (model) => best(model, ({ throughputLast30m: known }) => (known ? -known.p50 : undefined))
      case 'newest':
        return ({ facts }) => -this.createdAt(facts)
    }
  }
}

function cheapest(offers: readonly Offer[]): Offer {
  const usual = offers.filter(({ tier }) => tier === 'default')
  const among = usual.length > 0 ? usual : offers
  return among.reduce((best, offer) =>
    offer.price.input + offer.price.output < best.price.input + best.price.output ? offer : best,
  )
}

function nameOf({ id, facts }: Pick<Listed, 'id' | 'facts'>): string {
  return facts.name ?? id
}

/** What a prompt may hold: what is said of the model, or else what its endpoints take. */
function inputsOf({ facts, offers }: Listed): readonly Modality[] {
  const isTaken = (kind: Modality): boolean => kind === 'text' || offers.some(({ inputs }) => inputs?.includes(kind))
  return facts.input_modalities ?? MODALITIES.filter(isTaken)
}

function architectureOf(model: Listed): Row {
  const inputs = inputsOf(model)
  const { output_modalities: outputs, tokenizer } = model.facts
  return {
    modality: `${inputs.join('+')}->${outputs.join('+')}`,
    input_modalities: inputs,
    output_modalities: outputs,
    tokenizer,
    instruct_type: null,
  }
}

/** The published numbers do not say what they mean: 0 is normal, and less is worse. */
function statusOf(uptime: number | null): number {
  if (uptime === null || uptime >= 100 * UPTIME_NORMAL) return 0
  return uptime >= 100 * UPTIME_DEGRADED ? -1 : -2
}

function isAmong<T>(wanted: T | undefined, holds: (wanted: T) => boolean): boolean {
  return wanted === undefined || holds(wanted)
}

function isWithin(value: number, least = -Infinity, most = Infinity): boolean {
  return value >= least && value <= most
}

function has(list: readonly string[], word: string): boolean {
  return list.includes(word)
}

function isProvider({ provider, providerName }: Offer, names: readonly string[]): boolean {
  return names.includes(provider) || names.includes(providerName.toLowerCase())
}

// ── prices ────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Keys of a price book with those of the catalogue: of tokens, and of things that are charged each. */
const TOKEN_PRICES = {
  input: 'prompt',
  output: 'completion',
  cache_read: 'input_cache_read',
  cache_write: 'input_cache_write',
  cache_write_1h: 'input_cache_write_1h',
  audio: 'audio',
  internal_reasoning: 'internal_reasoning',
} as const
const EACH_PRICES = { request: 'request', image: 'image', web_search: 'web_search' } as const

type Prices = Readonly<Partial<Record<keyof typeof TOKEN_PRICES | keyof typeof EACH_PRICES, number | undefined>>>

export function pricingOf(price: PriceBook): Row {
  return {
    ...pricesOf(price),
    ...(price.discount !== undefined && { discount: price.discount }),
    ...(price.overrides && {
      overrides: price.overrides.map((override) => ({
        ...(override.min_prompt_tokens !== undefined && { min_prompt_tokens: override.min_prompt_tokens }),
        ...(override.utc_start !== undefined && { utc_start: clockOf(override.utc_start) }),
        ...(override.utc_end !== undefined && { utc_end: clockOf(override.utc_end) }),
        ...(override.utc_days && { utc_days: override.utc_days }),
        ...pricesOf(override),
      })),
    }),
  }
}

function pricesOf(prices: Prices): Row {
  const row: Record<string, string> = {}
  for (const [key, name] of Object.entries(TOKEN_PRICES)) {
    const usd = prices[key as keyof typeof TOKEN_PRICES]
    if (usd !== undefined) row[name] = decimal(Math.round(usd * 1e6), 12)
  }
  for (const [key, name] of Object.entries(EACH_PRICES)) {
    const usd = prices[key as keyof typeof EACH_PRICES]
    if (usd !== undefined) row[name] = decimal(Math.round(usd * 1e9), 9)
  }
  return row
}

/** `amount` × 10^-places as plain digits: `0.00000025`, `0`. */
function decimal(amount: number, places: number): string {
  const digits = String(amount).padStart(places + 1, '0')
  const fraction = digits.slice(-places).replace(/0+$/, '')
  return digits.slice(0, -places) + (fraction === '' ? '' : `.${fraction}`)
}

/** Minutes of a day as HHMM. */
function clockOf(minutes: number): number {
  return Math.floor(minutes / 60) * 100 + (minutes % 60)
}
