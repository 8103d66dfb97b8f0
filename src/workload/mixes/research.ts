/** Research over long sources by a model that thinks before it answers. */
import { PLAIN_CHAT } from '../../protocol/index.ts'
import { tokensFrom, type Mix } from '../mix.ts'

const INPUT = { mu: 8.737, sigma: 1.199 }
const OUTPUT = { mu: 6.751, sigma: 0.963 }

export const research: Mix = {
  kind: 'research',
  summary: 'About 6,200 tokens in (up to 85,000), 860 out, thoughts included.',
  source:
    'input: Mooncake conversation trace (Kimi); output: ServeGen deepseek-r1; clipped near their 99th percentiles',
  example: 'mix: research',
  shape: PLAIN_CHAT,
  traits: { task: 'research', complexity: { 0.5: 1, 0.9: 1 } },
  draw: (rng) => ({
    inputTokens: tokensFrom(INPUT, rng, 500, 85_400),
    outputTokens: tokensFrom(OUTPUT, rng, 50, 8_000),
    maxTokens: 8_192,
    callsTool: false,
  }),
}
