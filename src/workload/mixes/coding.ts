/** A coding assistant at work: it writes code, explains it, and looks for bugs in it. */
import { PLAIN_CHAT } from '../../protocol/index.ts'
import { tokensFrom, type Mix } from '../mix.ts'

const INPUT = { mu: 6.999, sigma: 1.36 }
const OUTPUT = { mu: 5.019, sigma: 0.859 }

export const coding: Mix = {
  kind: 'coding',
  summary: 'About 1,100 tokens in, 150 out; half of it code to write, the rest to explain or to debug.',
  source: 'input: Azure 2023 code trace; output: its conversation trace; the shares of the tasks are assumed',
  example: 'mix: coding',
  shape: PLAIN_CHAT,
  traits: {
    task: { generate: 5, explain: 3, debug: 2 },
    complexity: { 0.3: 5, 0.6: 3, 0.9: 2 },
    data_class: 'internal',
  },
  draw: (rng) => ({
    inputTokens: tokensFrom(INPUT, rng, 1, 7_437),
    outputTokens: tokensFrom(OUTPUT, rng, 1, 1_000),
    maxTokens: 1_024,
    callsTool: false,
  }),
}
