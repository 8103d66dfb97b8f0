/**
 * The endpoint catalogue: what a fleet file says about each endpoint, and the two halves it is split into. The router
 * is handed the offers (what a catalogue page would publish); the fleet keeps the whole truth (how the endpoint
 * behaves). The two may differ: a fault such as a context limit below the advertised one is exactly that.
 */
import { z } from 'zod'
import { count, duration, ratio } from '../base/quantities.ts'
import { schemaVersion } from '../base/schema-version.ts'
import { capacity, limits } from './capacity.ts'
import type { ByokCopy } from './contract/byok.ts'
import { gatewaySchema, MODALITIES, WHEN_LEFT, WHEN_LEFT_ELSEWHERE, type Modality } from './contract/index.ts'
import type { Effort } from './contract/model-facts.ts'
import { MEASURED_LATENCIES, withMeasured, type MeasuredLatencyName } from './measured-latency.ts'
import { priceBook, type PriceBook } from './price.ts'
import { slug } from './slug.ts'

export const QUANTIZATIONS = [
  'int4', 'int8', 'fp4', 'mxfp4', 'nvfp4', 'fp6', 'fp8', 'mxfp8', 'fp16', 'bf16', 'fp32', 'unknown',
] as const // prettier-ignore
export type Quantization = (typeof QUANTIZATIONS)[number]

/** Parameter names an endpoint can declare (OpenRouter's `supported_parameters`). */
export const PARAMETERS = [
  'temperature', 'top_p', 'top_k', 'min_p', 'top_a', 'frequency_penalty', 'presence_penalty', 'repetition_penalty',
  'max_tokens', 'max_completion_tokens', 'logit_bias', 'logprobs', 'top_logprobs', 'prediction', 'seed',
  'response_format', 'structured_outputs', 'stop', 'tools', 'tool_choice', 'parallel_tool_calls',
  'include_reasoning', 'reasoning', 'reasoning_effort', 'web_search_options', 'verbosity',
] as const // prettier-ignore
export type Parameter = (typeof PARAMETERS)[number]

/** Service tiers that an endpoint can be a row of (openrouter.md §1.11). */
export const TIERS = ['default', 'flex', 'priority'] as const
export type Tier = (typeof TIERS)[number]

/** Benchmarks that Auto Exacto looks at (openrouter.md §1.8). */
export const BENCHMARKS = ['gpqa_diamond', 'tau2_airline'] as const
export type Benchmark = (typeof BENCHMARKS)[number]

/** Values of `tool_choice`; `function` names one tool. */
export const TOOL_CHOICES = ['auto', 'none', 'required', 'function'] as const
export type ToolChoice = (typeof TOOL_CHOICES)[number]

/** The wire formats a mock endpoint can speak. The dialect of each is in protocol/dialects/. */
export const DIALECT_IDS = ['openai-chat', 'anthropic-messages', 'gemini', 'openai-responses'] as const
export type DialectId = (typeof DIALECT_IDS)[number]

/** Providers whose errors have bodies, headers and words of their own. Each is in protocol/natives/. */
export const NATIVE_IDS = [
  'openai', 'azure', 'anthropic', 'google', 'mistral', 'groq', 'together', 'deepseek', 'openrouter', 'xai',
] as const // prettier-ignore
export type NativeId = (typeof NATIVE_IDS)[number]

const canChoose = z.boolean().default(true)
const toolChoices = z.strictObject({ auto: canChoose, none: canChoose, required: canChoose, function: canChoose })

const latencyFields = z.strictObject({
  preset: z
    .enum(Object.keys(MEASURED_LATENCIES) as [MeasuredLatencyName, ...MeasuredLatencyName[]])
    .optional()
    .meta({
      description: 'Numbers that were published for a model; those written here win.',
      examples: ['gpt-5-mini'],
    }),
  ttft_p50: duration({ min: 1 })
    .prefault('400ms')
    .meta({ description: 'Median time to first token of a short prompt on an idle endpoint.', examples: ['400ms'] }),
  ttft_p95: duration({ min: 1 })
    .prefault('1s')
    .meta({ description: 'Its 95th percentile; equal to the median for no noise.', examples: ['1s'] }),
  ttft_p99: duration({ min: 1 })
    .optional()
    .meta({
      description:
        'Its 99th percentile, for the heavy tail that published latencies have. Absent: that of a lognormal.',
      examples: ['3s'],
    }),
  prefill: duration({ min: 0 })
    .prefault('20ms')
    .meta({ description: 'Added time to first token per 1,000 input tokens.', examples: ['20ms'] }),
  tokens_per_second: z
    .number()
    .min(0.1)
    .max(100_000)
    .default(80)
    .meta({ description: 'Output speed of one stream.', examples: [80] }),
  speed_jitter: ratio()
    .default(0.1)
    .meta({ description: 'How far a stream may be faster or slower than that, evenly.', examples: ['10%'] }),
  load_factor: z
    .number()
    .min(0)
    .max(100)
    .default(0.5)
    .meta({
      description:
        'Latency at full load is 1 + this times the idle latency, growing with the square of the load. Needs `slots`.',
      examples: [0.5],
    }),
})

const latency = z.preprocess(
  withMeasured,
  latencyFields.refine(({ ttft_p95: p95, ttft_p99: p99 }) => p99 === undefined || p99 >= p95, {
    path: ['ttft_p99'],
    error: 'the 99th percentile is below the 95th',
  }),
)

/** Efforts as shares of the longest answer, as OpenRouter documents them; `max` is all of it (our choice). */
export const EFFORT_SHARES: Readonly<Record<Effort, number>> = {
  none: 0,
  minimal: 0.1,
  low: 0.2,
  medium: 0.5,
  high: 0.8,
  xhigh: 0.95,
  max: 1,
}

const reasoning = z
  .strictObject({
    share: ratio({ max: 0.99 })
      .optional()
      .meta({ description: 'Of all tokens that it generates, those of reasoning.', examples: ['60%'] }),
    tokens_p50: count({ min: 1, max: 1_000_000 })
      .optional()
      .meta({ description: 'Median of the tokens of reasoning of an answer.', examples: [800] }),
    tokens_p95: count({ min: 1, max: 1_000_000 })
      .optional()
      .meta({ description: 'Their 95th percentile. Default: the median, every time.', examples: [4_000] }),
  })
  .refine(({ share, tokens_p50: p50 }) => (share === undefined) !== (p50 === undefined), {
    error: 'say how long it reasons: as a `share`, or by `tokens_p50`',
  })
  .refine(({ tokens_p50: p50 = 0, tokens_p95: p95 = Infinity }) => (p50 > 0 ? p95 >= p50 : p95 === Infinity), {
    path: ['tokens_p95'],
    error: 'the 95th percentile goes with a median, and is not below it',
  })

const promptCache = z.strictObject({
  ttl: duration({ min: 1 })
    .prefault('5m')
    .meta({ description: 'How long a prompt that nobody asks for again stays known.', examples: ['5m', '1h'] }),
  min_prefix: count({ min: 1, max: 10_000_000 })
    .default(1_024)
    .meta({ description: 'A known beginning shorter than this many tokens is read again all the same.' }),
  sessions: count({ min: 1, max: 10_000_000 })
    .default(10_000)
    .meta({ description: 'Conversations known at once; beyond that the one asked for longest ago is forgotten.' }),
})

/** 1,024 tokens at least, 5 minutes idle at most: OpenAI's and Anthropic's. */
export const USUAL_PROMPT_CACHE: z.infer<typeof promptCache> = promptCache.parse({})
export type PromptCacheSpec = z.infer<typeof promptCache>

/** One endpoint of a fleet file. */
export const endpointSchema = z
  .strictObject({
    provider: slug.meta({
      description: 'Provider slug: what `provider.order` and fault selectors name.',
      examples: ['openai'],
    }),
    name: z
      .string()
      .min(1)
      .max(64)
      .optional()
      .meta({ description: 'Display name. Default: the slug.', examples: ['OpenAI'] }),
    model: z
      .string()
      .regex(/^[\w.:/@~-]{1,128}$/, { error: 'a model id looks like `openai/gpt-5-mini`' })
      .meta({ examples: ['openai/gpt-5-mini'] }),
    tag: slug.optional().meta({
      description: 'Full endpoint slug, `provider/variant`. Default: the provider slug, or `provider/tier`.',
      examples: ['deepinfra/turbo'],
    }),
    tier: z.enum(TIERS).default('default').meta({
      description: 'Service tier. What is not `default` serves only who asks for it, by tier or by full slug.',
    }),
    stream: z
      .string()
      .min(1)
      .max(128)
      .optional()
      .meta({
        description:
          'Key of its random streams. Default: tag and model. Keep it when you rename an endpoint, and its weather stays.',
        examples: ['openai-mini'],
      }),
    dialect: z.enum(DIALECT_IDS).default('openai-chat'),
    base_url: z
      .url({ protocol: /^https?$/, error: 'this is no http or https address; write one like http://127.0.0.1:8000/v1' })
      .refine((text) => !/[?#@]/.test(text), { error: 'the address of an API has no user, query or fragment' })
      .optional()
      .meta({
        description:
          'Where a real server of that dialect listens: live runs ask it instead of a mock. Outside of this machine only with --allow-host. In virtual time the endpoint is a mock like any other.',
        examples: ['http://127.0.0.1:8000/v1'],
      }),
    api_key_env: z
      .string()
      .regex(/^[A-Z_][A-Z0-9_]{0,127}$/, { error: 'the name of an environment variable, in capitals' })
      .optional()
      .meta({ description: 'Environment variable with the API key of `base_url`.', examples: ['VLLM_API_KEY'] }),
    upstream_model: z
      .string()
      .min(1)
      .max(256)
      .optional()
      .meta({
        description: 'What the model is called at `base_url`. Default: its id here.',
        examples: ['llama-3.1-8b'],
      }),
    native: z
      .enum(NATIVE_IDS)
      .optional()
      .meta({
        description:
          'Whose error bodies, error headers and rate-limit headers it has. Default: by the provider slug, else those of the provider that the dialect is named after.',
        examples: ['groq'],
      }),
    price: priceBook,
    price_published: z
      .boolean()
      .default(true)
      .meta({ description: 'false: the catalogue does not say what it costs. A policy with a budget never asks it.' }),
    prompt_cache: promptCache.optional().meta({
      description:
        'The beginnings of conversations that need not be read again: cheaper where `price` has a `cache_read`, and no prefill. Absent: the usual numbers if `price` has a `cache_read`, no cache otherwise.',
      examples: [{ ttl: '5m' }],
    }),
    context_length: count({ min: 1, max: 100_000_000 })
      .default(128_000)
      .meta({ examples: [128000] }),
    max_output: count({ min: 1, max: 10_000_000 })
      .optional()
      .meta({ description: 'Longest answer in tokens. Default: the context length.', examples: [16384] }),
    parameters: z
      .array(z.enum(PARAMETERS))
      .default([
        'temperature',
        'top_p',
        'max_tokens',
        'max_completion_tokens',
        'stop',
        'seed',
        'tools',
        'tool_choice',
        'response_format',
        'structured_outputs',
      ])
      .meta({ description: 'Supported request parameters.', examples: [['temperature', 'tools', 'max_tokens']] }),
    supports_tool_choice: toolChoices.prefault({}).meta({
      description: 'Values of `tool_choice` that it understands. Default: all.',
      examples: [{ required: false, function: false }],
    }),
    input_modalities: z
      .array(z.enum(MODALITIES))
      .min(1)
      .optional()
      .meta({
        description: 'What a prompt may hold. Default: what `gateway.models` says of the model, or text alone.',
        examples: [['text', 'image']],
      }),
    key: z
      .string()
      .min(1)
      .max(64)
      .default('default')
      .meta({
        description:
          'Name of the API key it is called with: endpoints of one provider and key can be guarded together.',
        examples: ['batch'],
      }),
    data_collection: z
      .enum(['allow', 'deny'])
      .default('deny')
      .meta({ description: '`allow`: the provider may keep and train on prompts.' }),
    training: z
      .boolean()
      .optional()
      .meta({ description: 'Whether the provider trains on prompts. Default: if `data_collection` is `allow`.' }),
    publication: z
      .boolean()
      .default(false)
      .meta({ description: 'Whether the provider may publish prompts, as some free endpoints do.' }),
    zdr: z.boolean().default(false).meta({ description: 'Zero data retention.' }),
    moderated: z.boolean().default(false).meta({
      description:
        'Whether the gateway moderates prompts for it: what `gateway.moderation` flags never reaches it, and what its own filter refuses is told as a 403 with reasons.',
    }),
    benchmarks: z
      .strictObject({
        gpqa_diamond: ratio()
          .optional()
          .meta({ description: 'GPQA Diamond.', examples: [0.82] }),
        tau2_airline: ratio()
          .optional()
          .meta({ description: 'Tau2-Bench, airline.', examples: [0.55] }),
      })
      .default({})
      .meta({
        description: 'Published scores, 0 to 1: what Auto Exacto compares the endpoints of a model by. Absent: none.',
        examples: [{ gpqa_diamond: 0.82 }],
      }),
    region: z
      .string()
      .min(1)
      .max(32)
      .default('us')
      .meta({
        description: 'Where prompts are processed. `provider/region` names it in a request.',
        examples: ['eu', 'us-east5'],
      }),
    regional_surcharge: z
      .boolean()
      .default(false)
      .meta({ description: 'Whether it is dearer because it stays in its region: for those who ask for the region.' }),
    harness_only: z
      .boolean()
      .default(false)
      .meta({ description: 'A free endpoint for agentic harnesses alone (`gateway.account.harnesses`).' }),
    groups: z
      .array(slug)
      .max(16)
      .default([])
      .meta({
        description: 'What it shares its fate with: a cloud, a CDN, a way out. Fault selectors name them.',
        examples: [['cloud-a', 'cdn-x']],
      }),
    quantization: z.enum(QUANTIZATIONS).default('unknown'),
    capacity: capacity.prefault({}),
    latency: latency.prefault({}),
    limits: limits.prefault({}),
    quality: z
      .record(z.string().regex(/^[a-z0-9][a-z0-9_-]{0,63}$/), ratio())
      .default({})
      .meta({
        description: 'How good its answers are, 0 to 1, by task; `default` for all other tasks. Absent: 1.',
        examples: [{ code: 0.9, default: 0.7 }],
      }),
    reasoning: reasoning.optional().meta({
      description:
        'That it reasons before it answers, and how long at medium effort; other efforts in the proportions that OpenRouter documents. Part of the longest answer. Absent: it does not.',
      examples: [{ tokens_p50: 800, tokens_p95: 4_000 }],
    }),
    input_tokenizer: z
      .number()
      .min(0.1)
      .max(10)
      .default(1)
      .meta({
        description: 'Native tokens per counted token (a different tokenizer bills a different number).',
        examples: [1.1],
      }),
  })
  .superRefine((endpoint, context) => {
    for (const key of ['api_key_env', 'upstream_model'] as const) {
      if (endpoint[key] === undefined || endpoint.base_url !== undefined) continue
      context.addIssue({ code: 'custom', path: [key], message: 'belongs to a real server, and there is no `base_url`' })
    }
  })
  .refine(({ dialect, price }) => dialect !== 'gemini' || price.cache_write === undefined, {
    path: ['price', 'cache_write'],
    error: 'Gemini bills storage, not writes, and its usage tells of none; drop it, or choose another dialect',
  })
  .refine(({ harness_only: isGated, model }) => !isGated || isFreeModel(model), {
    path: ['harness_only'],
    error: 'only free endpoints are kept for harnesses; give it a model whose id ends in `:free`, or drop it',
  })

/** An endpoint as a fleet file describes it, or its copy for a key of one's own (byok-endpoints.ts). */
export type EndpointSpec = z.infer<typeof endpointSchema> & { readonly byok?: ByokCopy }

export const fleetSchema = z.strictObject({
  name: z
    .string()
    .min(1)
    .max(64)
    .meta({ examples: ['three-clouds'] }),
  summary: z.string().max(500).optional(),
  endpoints: z.array(endpointSchema).min(1, { error: 'a fleet needs at least one endpoint' }).max(10_000),
  gateway: gatewaySchema.prefault({}).meta({
    description: 'The gateway in front of the endpoints. Absent: as OpenRouter’s, without accounts.',
    examples: [{ choices: { max_price: 'strict' } }],
  }),
  schema_version: schemaVersion,
})

export type FleetSpec = z.infer<typeof fleetSchema>

/** What the router knows of an endpoint: its published offer. Indexed like the fleet, and never changed by a fault. */
export interface Offer {
  readonly index: number
  readonly id: string
  readonly provider: string
  readonly providerName: string
  readonly tag: string
  readonly model: string
  readonly price: PriceBook
  /** Whether the price is published: what nobody knows the price of, no budget pays for. */
  readonly isPriced: boolean
  readonly contextLength: number
  readonly maxOutput: number
  readonly parameters: ReadonlySet<string>
  readonly collectsData: boolean
  readonly trains: boolean
  readonly publishes: boolean
  readonly zdr: boolean
  readonly isModerated: boolean
  readonly region: string
  readonly hasRegionalSurcharge: boolean
  readonly isForHarnesses: boolean
  /** What a prompt may hold; null where only its model says. */
  readonly inputs: readonly Modality[] | null
  readonly toolChoices: ReadonlySet<ToolChoice>
  readonly quantization: Quantization
  readonly tier: Tier
  /** Published scores, 0 to 1. */
  readonly benchmarks: Readonly<Partial<Record<Benchmark, number | undefined>>>
  /** Whether an answer ends when its caller leaves; otherwise it is finished, and charged, all the same. */
  readonly stopsWhenLeft: boolean
  /** Whether it reasons before it answers. */
  readonly thinks: boolean
  /** Native tokens per counted token: what a prompt is billed as. */
  readonly inputTokenizer: number
  /** Name of the API key that the endpoint is called with. */
  readonly key: string
  /** The key of one's own that this is a copy for; null for an endpoint of the fleet, which everybody shares. */
  readonly byok: ByokCopy | null
  /** Declared quality by task, 0 to 1: see `qualityFor`. */
  readonly quality: Readonly<Record<string, number>>
}

/** An endpoint's id: its tag, the key of one's own, and its model: `openai:openai/gpt-5-mini`, `openai#mine:…`. */
export function endpointId(spec: EndpointNames): string {
  return `${tagOf(spec)}${spec.byok === undefined ? '' : `#${spec.byok.name}`}:${spec.model}`
}

/** The full slug of an endpoint: a tier has one of its own, `openai/flex`. */
export function tagOf({ provider, tag, tier }: Pick<EndpointSpec, 'provider' | 'tag' | 'tier'>): string {
  return tag ?? (tier === 'default' ? provider : `${provider}/${tier}`)
}

type EndpointNames = Pick<EndpointSpec, 'provider' | 'tag' | 'tier' | 'model' | 'byok'>

/** Whether an endpoint stops, and charges for no more than it has said, when its caller leaves. */
export function stopsWhenLeft({ provider, capacity: { abandoned } }: EndpointSpec): boolean {
  return (abandoned ?? WHEN_LEFT.get(provider) ?? WHEN_LEFT_ELSEWHERE) === 'drop'
}

/** The key of an endpoint's random streams: declared, or its tag and model. */
export function streamOf(spec: EndpointSpec): string {
  return spec.stream ?? `${tagOf(spec)}:${spec.model}`
}

/** Whether a model is free: the static variant `:free` (openrouter.md §1.10). */
export function isFreeModel(model: string): boolean {
  return model.endsWith(':free')
}

/** The quality that an endpoint declares for a task, 0 to 1; 1 where it declares none. */
export function qualityFor({ quality }: Pick<Offer, 'quality'>, task: string): number {
  return quality[task] ?? quality['default'] ?? 1
}

export function offerOf(spec: EndpointSpec, index: number): Offer {
  return {
    index,
    id: endpointId(spec),
    provider: spec.provider,
    providerName: spec.name ?? spec.provider,
    tag: tagOf(spec),
    model: spec.model,
    price: spec.price,
    isPriced: spec.price_published,
    contextLength: spec.context_length,
    maxOutput: spec.max_output ?? spec.context_length,
    parameters: new Set(spec.parameters),
    collectsData: spec.data_collection === 'allow',
    trains: spec.training ?? spec.data_collection === 'allow',
    publishes: spec.publication,
    zdr: spec.zdr,
    isModerated: spec.moderated,
    region: spec.region,
    hasRegionalSurcharge: spec.regional_surcharge,
    isForHarnesses: spec.harness_only,
    inputs: spec.input_modalities ?? null,
    toolChoices: new Set(TOOL_CHOICES.filter((choice) => spec.supports_tool_choice[choice])),
    quantization: spec.quantization,
    tier: spec.tier,
    benchmarks: spec.benchmarks,
    stopsWhenLeft: stopsWhenLeft(spec),
    thinks: spec.reasoning !== undefined,
    inputTokenizer: spec.input_tokenizer,
    key: spec.key,
    byok: spec.byok ?? null,
    quality: spec.quality,
  }
}
