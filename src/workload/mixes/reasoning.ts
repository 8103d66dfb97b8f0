/** A model that thinks before it answers: its thoughts are part of the answer, and of the bill. */
import { PLAIN_CHAT } from '../../protocol/index.ts'
import { tokensFrom, type Mix } from '../mix.ts'

const INPUT = { mu: 5.506, sigma: 1.819 }
const OUTPUT = { mu: 6.751, sigma: 0.963 }

export const reasoning: Mix = {
  kind: 'reasoning',
  summary: 'About 250 tokens in, 860 out, thoughts included.',
  source: 'ServeGen deepseek-r1, lognormals by maximum likelihood, clipped near the 99th percentile',
  example: 'mix: reasoning',
  shape: PLAIN_CHAT,
  draw: (rng) => ({
    inputTokens: tokensFrom(INPUT, rng, 8, 24_000),
    outputTokens: tokensFrom(OUTPUT, rng, 1, 12_600),
    maxTokens: 16_384,
    callsTool: false,
  }),
}
