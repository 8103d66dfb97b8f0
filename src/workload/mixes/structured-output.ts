/** Extraction: a text in, a small JSON document that must match a schema out. */
import type { RequestShape } from '../../protocol/index.ts'
import { tokensFrom, type Mix } from '../mix.ts'

const INPUT = { mu: 6.338, sigma: 0.9 }

const shape: RequestShape = {
  tools: [],
  toolChoice: 'none',
  responseFormat: 'json_schema',
  responseSchema: {
    type: 'object',
    properties: {
      subject: { type: 'string' },
      priority: { type: 'string', enum: ['low', 'normal', 'high'] },
      is_refund: { type: 'boolean' },
      tags: { type: 'array', items: { type: 'string' } },
    },
    required: ['subject', 'priority', 'is_refund', 'tags'],
    additionalProperties: false,
  },
  parameters: ['max_tokens', 'response_format', 'structured_outputs'],
}

export const structuredOutput: Mix = {
  kind: 'structured-output',
  summary: 'About 600 tokens in, a small JSON document out.',
  source: 'input: ServeGen m-large, with a smaller spread',
  example: 'mix: structured-output',
  shape,
  draw: (rng) => ({
    inputTokens: tokensFrom(INPUT, rng, 50, 8_000),
    outputTokens: 40,
    maxTokens: 512,
    callsTool: false,
  }),
}
