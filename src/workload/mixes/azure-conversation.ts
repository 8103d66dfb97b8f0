/** Conversations as Azure saw them in November 2023: a history and a question, a paragraph of an answer. */
import { PLAIN_CHAT } from '../../protocol/index.ts'
import { tokensFrom, type Mix } from '../mix.ts'

const INPUT = { mu: 6.633, sigma: 0.985 }
const OUTPUT = { mu: 5.019, sigma: 0.859 }

export const azureConversation: Mix = {
  kind: 'azure-conversation',
  summary: 'About 760 tokens in (1,200 on average), 150 out.',
  source: 'Azure 2023 conversation trace, lognormals by maximum likelihood, clipped at its longest',
  example: 'mix: azure-conversation',
  shape: PLAIN_CHAT,
  draw: (rng) => ({
    inputTokens: tokensFrom(INPUT, rng, 1, 14_050),
    outputTokens: tokensFrom(OUTPUT, rng, 1, 1_000),
    maxTokens: 1_024,
    callsTool: false,
  }),
}
