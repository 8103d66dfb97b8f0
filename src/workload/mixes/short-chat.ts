/** Everyday chat: a short question, a paragraph of an answer. */
import { PLAIN_CHAT } from '../../protocol/index.ts'
import { tokensFrom, type Mix } from '../mix.ts'

const INPUT = { mu: 5.355, sigma: 0.756 }
const OUTPUT = { mu: 5.019, sigma: 0.859 }

export const shortChat: Mix = {
  kind: 'short-chat',
  summary: 'About 200 tokens in, 150 out.',
  source: 'input: ServeGen m-mid; output: Azure 2023 conversation trace',
  example: 'mix: short-chat',
  shape: PLAIN_CHAT,
  draw: (rng) => ({
    inputTokens: tokensFrom(INPUT, rng, 8, 4_000),
    outputTokens: tokensFrom(OUTPUT, rng, 1, 1_000),
    maxTokens: 1_024,
    callsTool: false,
  }),
}
