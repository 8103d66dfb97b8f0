/** An assistant inside a company: questions with some context, short answers. */
import { PLAIN_CHAT } from '../../protocol/index.ts'
import { tokensFrom, type Mix } from '../mix.ts'

const INPUT = { mu: 6.338, sigma: 1.177 }
const OUTPUT = { mu: 3.775, sigma: 1.962 }

export const assistant: Mix = {
  kind: 'assistant',
  summary: 'About 560 tokens in (1,000 on average), 45 out, with a long tail.',
  source: 'ServeGen m-large, lognormals by maximum likelihood, clipped near the 99th percentile',
  example: 'mix: assistant',
  shape: PLAIN_CHAT,
  traits: { data_class: 'internal' },
  draw: (rng) => ({
    inputTokens: tokensFrom(INPUT, rng, 8, 5_850),
    outputTokens: tokensFrom(OUTPUT, rng, 1, 971),
    maxTokens: 1_024,
    callsTool: false,
  }),
}
