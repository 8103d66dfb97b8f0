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
    requestNano: Math.round(price.request * 1e9),
  }))

export type PriceBook = z.infer<typeof priceBook>

/** Integer nano-dollars: 1e9 is one US dollar. */
export type NanoDollars = number

export function costOf(price: PriceBook, inputTokens: number, outputTokens: number): NanoDollars {
  const thousandths = inputTokens * price.inputNanoPerKTok + outputTokens * price.outputNanoPerKTok
  return Math.round(thousandths / 1000) + price.requestNano
}
