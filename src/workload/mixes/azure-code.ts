/** Code completion as Azure saw it in November 2023: a long file, a few tokens of an answer. */
import { PLAIN_CHAT } from '../../protocol/index.ts'
import { tokensFrom, type Mix } from '../mix.ts'

const INPUT = { mu: 6.999, sigma: 1.36 }
const OUTPUT = { mu: 2.788, sigma: 0.847 }

export const azureCode: Mix = {
  kind: 'azure-code',
  summary: 'About 1,100 tokens in (2,000 on average), 16 out.',
  source: 'Azure 2023 code trace, lognormals by maximum likelihood, clipped where the trace is',
  example: 'mix: azure-code',
  shape: PLAIN_CHAT,
  traits: { task: 'code' },
  draw: (rng) => ({
    inputTokens: tokensFrom(INPUT, rng, 1, 7_437),
    outputTokens: tokensFrom(OUTPUT, rng, 1, 1_000),
    maxTokens: 1_024,
    callsTool: false,
  }),
}
