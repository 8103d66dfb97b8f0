/**
 * Money is integer nano-dollars. Prices are published in USD per million tokens, which is thousandths of a nano-dollar
 * per token, so a price is kept as nano-dollars per thousand tokens (an integer for every published price) and a bill
 * is rounded once.
 *
 * A price may depend on the length of the prompt and on the clock (`overrides`, openrouter.md §4.6): entries that apply
 * are laid over the book one after the other, so that a later one wins key by key, and what none names is inherited.
 */
import { z } from 'zod'
import { minuteOfDay, weekdayOf } from './contract/calendar.ts'
import type { UsageDetails } from './signal.ts'

const USD_PER_MTOK_MAX = 10_000
const OVERRIDES_MAX = 16

const usdPerMTok = z
  .number()
  .min(0, { error: 'a price is 0 or more, in USD per million tokens' })
  .max(USD_PER_MTOK_MAX, {
    error: `a price above ${USD_PER_MTOK_MAX} USD per million tokens looks like a mistake in the unit`,
  })

const usdEach = z.number().min(0).max(100)

/** What an override may say as well. */
const varying = {
  input: usdPerMTok.meta({ description: 'USD per million input tokens.', examples: [0.25] }),
  output: usdPerMTok.meta({ description: 'USD per million output tokens.', examples: [2] }),
  cache_read: usdPerMTok.meta({
    description:
      'USD per million input tokens read from the prompt cache; most providers: a tenth of `input`. Default: `input`.',
    examples: [0.025],
  }),
  cache_write: usdPerMTok.meta({
    description:
      'USD per million input tokens written to the prompt cache; Anthropic: 1.25 of `input`. Default: `input`.',
    examples: [0.3125],
  }),
  cache_write_1h: usdPerMTok.meta({
    description:
      'USD per million input tokens written to the prompt cache for an hour; Anthropic: twice `input`. Default: `cache_write`.',
    examples: [0.5],
  }),
  request: usdEach.meta({ description: 'USD per request.', examples: [0] }),
  image: usdEach.meta({ description: 'USD per image of the prompt.', examples: [0.001] }),
  audio: usdPerMTok.meta({ description: 'USD per million input tokens of audio. Default: `input`.', examples: [10] }),
  internal_reasoning: usdPerMTok.meta({
    description: 'USD per million output tokens of reasoning. Default: `output`.',
    examples: [2],
  }),
  web_search: usdEach.meta({ description: 'USD per web search.', examples: [0.01] }),
}

const { input, output, ...others } = varying
const optional = z.strictObject(others).partial().shape

const clock = z
  .union([
    z
      .string()
      .regex(/^([01]\d|2[0-3]):?[0-5]\d$/, { error: 'a time of day is HHMM in UTC, like "0630"' })
      .transform((text) => Number(text.replace(':', ''))),
    z
      .number()
      .int()
      .min(0)
      .max(2_359)
      .refine((time) => time % 100 < 60, { error: 'a time of day is HHMM in UTC, like 630' }),
  ])
  .transform((time) => Math.floor(time / 100) * 60 + (time % 100))

const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const

const override = z
  .strictObject({
    min_prompt_tokens: z
      .number()
      .int()
      .min(0)
      .optional()
      .meta({ description: 'Applies to prompts of more tokens than this.', examples: [200_000] }),
    utc_start: clock
      .optional()
      .meta({ description: 'Applies from this time of day on, HHMM in UTC.', examples: ['1630'] }),
    utc_end: clock.optional().meta({
      description: 'And before this one. One that is not after `utc_start` is of the next day.',
      examples: ['0030'],
    }),
    utc_days: z
      .array(z.enum(DAYS))
      .min(1)
      .optional()
      .meta({ description: 'Applies on these days of the week, in UTC.', examples: [['sat', 'sun']] }),
    ...z.strictObject(varying).partial().shape,
  })
  .refine(({ utc_start: start, utc_end: end }) => (start === undefined) === (end === undefined), {
    path: ['utc_end'],
    error: 'a time window has a `utc_start` and a `utc_end`',
  })
  .refine((entry) => CONDITIONS.some((key) => entry[key] !== undefined), {
    error: `an override says when it applies: ${'min_prompt_tokens, utc_start and utc_end, or utc_days'}`,
  })

const CONDITIONS = ['min_prompt_tokens', 'utc_start', 'utc_days'] as const

const prices = z.strictObject({ input, output, ...optional, request: others.request.default(0) })
type Prices = z.infer<typeof prices>

export const priceBook = z
  .strictObject({
    ...prices.shape,
    discount: z
      .number()
      .min(0)
      .max(1)
      .optional()
      .meta({ description: 'Share of all prices that is not charged. Absent: none.', examples: [0.25] }),
    overrides: z
      .array(override)
      .max(OVERRIDES_MAX)
      .optional()
      .meta({
        description: 'Other prices for long prompts, or by the clock. Later entries win, key by key.',
        examples: [[{ min_prompt_tokens: 200_000, input: 0.5, output: 3 }]],
      }),
  })
  .transform((price) => ({ ...price, ...inNanos(price), hasRarePrices: hasRarePrices(price) }))

export type PriceBook = z.infer<typeof priceBook>
type Override = z.infer<typeof override>

/** Prices as bills are made from. */
interface Nanos {
  readonly inputNanoPerKTok: number
  readonly outputNanoPerKTok: number
  readonly cacheReadNanoPerKTok: number
  readonly cacheWriteNanoPerKTok: number
  readonly requestNano: NanoDollars
  /** Prices of what is rarely there. */
  readonly rare: {
    readonly cacheWrite1hNanoPerKTok: number
    readonly audioNanoPerKTok: number
    readonly reasoningNanoPerKTok: number
    readonly imageNano: NanoDollars
    readonly webSearchNano: NanoDollars
  }
}

const RARE_PRICES = ['image', 'audio', 'internal_reasoning'] as const

/** Whether it says, for whatever prompt, what images, audio or reasoning cost. */
function hasRarePrices({
  overrides = [],
  ...price
}: Prices & { overrides?: readonly Override[] | undefined }): boolean {
  return [price, ...overrides].some((entry) => RARE_PRICES.some((name) => entry[name] !== undefined))
}

function inNanos(price: Prices): Nanos {
  const perKTok = (usd: number): number => Math.round(usd * 1e6)
  const write = price.cache_write ?? price.input
  return {
    inputNanoPerKTok: perKTok(price.input),
    outputNanoPerKTok: perKTok(price.output),
    cacheReadNanoPerKTok: perKTok(price.cache_read ?? price.input),
    cacheWriteNanoPerKTok: perKTok(write),
    requestNano: nanosOf(price.request),
    rare: {
      cacheWrite1hNanoPerKTok: perKTok(price.cache_write_1h ?? write),
      audioNanoPerKTok: perKTok(price.audio ?? price.input),
      reasoningNanoPerKTok: perKTok(price.internal_reasoning ?? price.output),
      imageNano: nanosOf(price.image ?? 0),
      webSearchNano: nanosOf(price.web_search ?? 0),
    },
  }
}

function nanosOf(usd: number): NanoDollars {
  return Math.round(usd * 1e9)
}

/** Integer nano-dollars: 1e9 is one US dollar. */
export type NanoDollars = number

/** What is rarely there to be charged. Tokens are parts of others: written ones, input, output. */
export interface Rarities {
  /** Of the tokens written to the prompt cache, those written for an hour. */
  readonly written1hTokens?: number
  readonly audioTokens?: number
  readonly reasoningTokens?: number
  readonly images?: number
  readonly webSearches?: number
}

/** What is rarely there of a prompt with so many images, and of what was told of its tokens; null for nothing. */
export function raritiesOf(details: UsageDetails | undefined, images: number | undefined): Rarities | null {
  if (details === undefined && images === undefined) return null
  const { audioTokens, reasoningTokens } = details ?? {}
  if (audioTokens === undefined && reasoningTokens === undefined && images === undefined) return null
  return {
    ...(audioTokens !== undefined && { audioTokens }),
    ...(reasoningTokens !== undefined && { reasoningTokens }),
    ...(images !== undefined && { images }),
  }
}

/**
 * What so many tokens cost. `cachedTokens` and `writtenTokens` are parts of `inputTokens`, at prices of their own.
 * `unixMs`: when the request was made, for prices by the clock.
 */
export function costOf(
  price: PriceBook,
  inputTokens: number,
  outputTokens: number,
  cachedTokens = 0,
  writtenTokens = 0,
  unixMs = 0,
  rarities: Rarities | null = null,
): NanoDollars {
  if (price.overrides !== undefined || price.discount !== undefined || rarities !== null) {
    return varyingCost(price, inputTokens, outputTokens, cachedTokens, writtenTokens, unixMs, rarities)
  }
  const { inputNanoPerKTok, outputNanoPerKTok, cacheReadNanoPerKTok, cacheWriteNanoPerKTok } = price
  const thousandths =
    inputTokens * inputNanoPerKTok +
    outputTokens * outputNanoPerKTok +
    cachedTokens * (cacheReadNanoPerKTok - inputNanoPerKTok) +
    writtenTokens * (cacheWriteNanoPerKTok - inputNanoPerKTok)
  return Math.round(thousandths / 1000) + price.requestNano
}

function varyingCost(
  price: PriceBook,
  inputTokens: number,
  outputTokens: number,
  cachedTokens: number,
  writtenTokens: number,
  unixMs: number,
  rarities: Rarities | null,
): NanoDollars {
  const nanos = price.overrides === undefined ? price : nanosAt(price, price.overrides, inputTokens, unixMs)
  const { inputNanoPerKTok, outputNanoPerKTok, cacheReadNanoPerKTok, cacheWriteNanoPerKTok } = nanos
  let thousandths =
    inputTokens * inputNanoPerKTok +
    outputTokens * outputNanoPerKTok +
    cachedTokens * (cacheReadNanoPerKTok - inputNanoPerKTok) +
    writtenTokens * (cacheWriteNanoPerKTok - inputNanoPerKTok) +
    nanos.requestNano * 1_000
  if (rarities !== null) {
    const { rare } = nanos
    const { written1hTokens = 0, audioTokens = 0, reasoningTokens = 0, images = 0, webSearches = 0 } = rarities
    thousandths +=
      written1hTokens * (rare.cacheWrite1hNanoPerKTok - cacheWriteNanoPerKTok) +
      audioTokens * (rare.audioNanoPerKTok - inputNanoPerKTok) +
      reasoningTokens * (rare.reasoningNanoPerKTok - outputNanoPerKTok) +
      (images * rare.imageNano + webSearches * rare.webSearchNano) * 1_000
  }
  return Math.round((thousandths / 1_000) * (1 - (price.discount ?? 0)))
}

/** The book as it is for a prompt of so many tokens at such a time: the entries that apply laid over it. */
const overlaid = new WeakMap<PriceBook, Map<number, Nanos>>()

function nanosAt(price: PriceBook, overrides: readonly Override[], promptTokens: number, unixMs: number): Nanos {
  let applicable = 0
  overrides.forEach((entry, index) => {
    if (applies(entry, promptTokens, unixMs)) applicable |= 1 << index
  })
  if (applicable === 0) return price
  let known = overlaid.get(price)
  if (known === undefined) overlaid.set(price, (known = new Map()))
  let nanos = known.get(applicable)
  if (nanos === undefined) {
    let laid: Prices = price
    overrides.forEach((entry, index) => {
      if ((applicable & (1 << index)) !== 0) laid = { ...laid, ...said(entry) }
    })
    known.set(applicable, (nanos = inNanos(laid)))
  }
  return nanos
}

function said(entry: Override): Partial<Prices> {
  return Object.fromEntries(Object.entries(entry).filter(([, value]) => value !== undefined))
}

/** Strictly more tokens than the least; a window that is half open, and may wrap midnight; the day of the instant. */
function applies(entry: Override, promptTokens: number, unixMs: number): boolean {
  const { min_prompt_tokens: least, utc_start: start, utc_end: end, utc_days: days } = entry
  if (least !== undefined && promptTokens <= least) return false
  if (start !== undefined && end !== undefined) {
    const minute = minuteOfDay(unixMs)
    const isWithin = start < end ? minute >= start && minute < end : minute >= start || minute < end
    if (!isWithin) return false
  }
  return days === undefined || days.includes(DAYS[weekdayOf(unixMs)] as (typeof DAYS)[number])
}

/**
 * What a request can cost at most: every token of its prompt read, or written to the cache where that is dearer, or of
 * audio; every token of its answer said, or of reasoning. A prompt may be counted from so many to so many tokens, and
 * where the price depends on that, the dearest count.
 */
export function worstCost(
  price: PriceBook,
  inputFrom: number,
  inputTo: number,
  outputTokens: number,
  unixMs: number,
  images = 0,
): NanoDollars {
  const cost = (input: number, written: number, rarities: Rarities | null): NanoDollars =>
    costOf(price, input, outputTokens, 0, written, unixMs, rarities)
  const isPlain = !price.hasRarePrices
  const most = (input: number): NanoDollars => {
    if (isPlain) return Math.max(cost(input, 0, null), cost(input, input, null))
    const dearest = [0, input].flatMap((audioTokens) =>
      [0, outputTokens].flatMap((reasoningTokens) =>
        [0, input].map((written) => cost(input, written, { audioTokens, reasoningTokens, images })),
      ),
    )
    return Math.max(...dearest)
  }
  const { overrides } = price
  if (overrides === undefined || inputFrom === inputTo) return most(inputTo)
  const steps = overrides.flatMap(({ min_prompt_tokens: least }) => {
    return least !== undefined && least >= inputFrom && least < inputTo ? [least, least + 1] : []
  })
  return Math.max(...[inputFrom, ...steps, inputTo].map(most))
}

/** What the prompt cache has saved: above 0 for what was read, below 0 for what was written at a higher price. */
export function cacheDiscount(
  price: PriceBook,
  inputTokens: number,
  outputTokens: number,
  cachedTokens: number,
  writtenTokens: number,
  unixMs: number,
): NanoDollars {
  const without = costOf(price, inputTokens, outputTokens, 0, 0, unixMs)
  return without - costOf(price, inputTokens, outputTokens, cachedTokens, writtenTokens, unixMs)
}

/** Whether nothing that it sells costs anything. */
export function isFree(price: PriceBook): boolean {
  const { image = 0, audio = 0, internal_reasoning: reasoning = 0, web_search: search = 0 } = price
  const dearest = Math.max(price.input, price.output, price.request, image, audio, reasoning, search)
  return dearest === 0 && price.overrides === undefined
}
