/** An agent's turn: a prompt with tools, answered three times in four by calling one. */
import type { RequestShape } from '../../protocol/index.ts'
import { tokensFrom, type Mix } from '../mix.ts'

const INPUT = { mu: 6.999, sigma: 0.9 }
const OUTPUT = { mu: 4.2, sigma: 0.8 }
const CALL_SHARE = 0.75

const shape: RequestShape = {
  tools: [
    {
      name: 'get_order',
      description: 'Look up one order of the customer.',
      parameters: {
        type: 'object',
        properties: {
          order_id: { type: 'integer', minimum: 1000, maximum: 9999 },
          include: { type: 'array', items: { type: 'string', enum: ['items', 'payments', 'shipments'] } },
        },
        required: ['order_id'],
        additionalProperties: false,
      },
    },
    {
      name: 'search_articles',
      description: 'Search the help centre.',
      parameters: {
        type: 'object',
        properties: {
          query: { type: 'string' },
          limit: { type: 'integer', minimum: 1, maximum: 10 },
          language: { type: 'string', enum: ['en', 'de', 'fr'] },
        },
        required: ['query', 'limit'],
        additionalProperties: false,
      },
    },
  ],
  toolChoice: 'auto',
  responseFormat: 'text',
  responseSchema: null,
  parameters: ['max_tokens', 'tools', 'tool_choice'],
}

export const toolUse: Mix = {
  kind: 'tool-use',
  summary: 'About 1,100 tokens in with two tools; three answers in four are a tool call.',
  source: 'input: Azure 2023 code trace, with a smaller spread',
  example: 'mix: tool-use',
  shape,
  draw: (rng) => ({
    inputTokens: tokensFrom(INPUT, rng, 50, 30_000),
    outputTokens: tokensFrom(OUTPUT, rng, 1, 1_000),
    maxTokens: 2_048,
    callsTool: rng.chance(CALL_SHARE),
  }),
}
