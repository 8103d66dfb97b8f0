/** A long document and a question about it. */
import { PLAIN_CHAT } from '../../protocol/index.ts'
import { tokensFrom, type Mix } from '../mix.ts'

const INPUT = { mu: 8.737, sigma: 1.199 }
const OUTPUT = { mu: 5.336, sigma: 0.8 }

export const longContext: Mix = {
  kind: 'long-context',
  summary: 'About 6,000 tokens in (up to 100,000), 200 out.',
  source: 'Mooncake conversation trace (Kimi); its output tail, clipped at 2,000, with a smaller spread',
  example: 'mix: long-context',
  shape: PLAIN_CHAT,
  draw: (rng) => ({
    inputTokens: tokensFrom(INPUT, rng, 500, 100_000),
    outputTokens: tokensFrom(OUTPUT, rng, 1, 2_000),
    maxTokens: 2_048,
    callsTool: false,
  }),
}
