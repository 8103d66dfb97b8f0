/** Talk in real time: a few words in, a sentence or two out. */
import { PLAIN_CHAT } from '../../protocol/index.ts'
import { tokensFrom, type Mix } from '../mix.ts'

const INPUT = { mu: 3.9, sigma: 1.151 }
const OUTPUT = { mu: 3.445, sigma: 1.1 }

export const quickChat: Mix = {
  kind: 'quick-chat',
  summary: 'About 50 tokens in, 30 out.',
  source: 'input: ServeGen m-small; output: ServeGen m-mid; clipped near their 99th percentiles',
  example: 'mix: quick-chat',
  shape: PLAIN_CHAT,
  draw: (rng) => ({
    inputTokens: tokensFrom(INPUT, rng, 4, 1_525),
    outputTokens: tokensFrom(OUTPUT, rng, 1, 511),
    maxTokens: 512,
    callsTool: false,
  }),
}
