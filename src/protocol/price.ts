/**
 * Money is integer nano-dollars. Prices are published in USD per million tokens, which is thousandths of a nano-dollar
 * per token, so a price is kept as nano-dollars per thousand tokens (an integer for every published price) and a bill
 * is rounded once.
 */
import { z } from 'zod'

const USD_PER_MTOK_MAX = 10_000

const usdPerMTok = z
  .number()
  .min(0, { error: 'a price is 0 or more, in USD per million tokens' })
  .max(USD_PER_MTOK_MAX, {
    error: `a price above ${USD_PER_MTOK_MAX} USD per million tokens looks like a mistake in the unit`,
  })

export const priceBook = z
  .strictObject({
    input: usdPerMTok.meta({ description: 'USD per million input tokens.', examples: [0.25] }),
    output: usdPerMTok.meta({ description: 'USD per million output tokens.', examples: [2] }),
    cache_read: usdPerMTok.optional().meta({
      description:
        'USD per million input tokens read from the prompt cache; most providers: a tenth of `input`. Default: `input`.',
      examples: [0.025],
    }),
    cache_write: usdPerMTok.optional().meta({
      description:
        'USD per million input tokens written to the prompt cache; Anthropic: 1.25 of `input`. Default: `input`.',
      examples: [0.3125],
    }),
    request: z
      .number()
      .min(0)
      .max(100)
      .default(0)
      .meta({ description: 'USD per request.', examples: [0] }),
  })
  .transform((price) => ({
    ...price,
    inputNanoPerKTok: Math.round(price.input * 1e6),
    outputNanoPerKTok: Math.round(price.output * 1e6),
    cacheReadNanoPerKTok: Math.round((price.cache_read ?? price.input) * 1e6),
    cacheWriteNanoPerKTok: Math.round((price.cache_write ?? price.input) * 1e6),
    requestNano: Math.round(price.request * 1e9),
  }))

export type PriceBook = z.infer<typeof priceBook>

/** Integer nano-dollars: 1e9 is one US dollar. */
export type NanoDollars = number

/** What so many tokens cost. `cachedTokens` and `writtenTokens` are parts of `inputTokens`, at prices of their own. */
export function costOf(
  price: PriceBook,
  inputTokens: number,
  outputTokens: number,
  cachedTokens = 0,
  writtenTokens = 0,
): NanoDollars {
  const { inputNanoPerKTok, outputNanoPerKTok, cacheReadNanoPerKTok, cacheWriteNanoPerKTok } = price
  const thousandths =
    inputTokens * inputNanoPerKTok +
    outputTokens * outputNanoPerKTok +
    cachedTokens * (cacheReadNanoPerKTok - inputNanoPerKTok) +
    writtenTokens * (cacheWriteNanoPerKTok - inputNanoPerKTok)
  return Math.round(thousandths / 1000) + price.requestNano
}
