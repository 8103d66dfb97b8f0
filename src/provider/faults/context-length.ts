/**
 * Context length: the endpoint refuses prompts that its catalogue entry says it takes. The router believes the
 * catalogue, so it learns only by being refused.
 */
import { count } from '../../base/index.ts'
import { CONNECTED } from '../../protocol/index.ts'
import { defineFault } from '../fault.ts'

export const contextLength = defineFault({
  kind: 'context_length',
  summary: 'Prompts overflow below the advertised limit.',
  layer: 'http',
  sees: '400 context_length_exceeded for prompts above the true limit.',
  params: {
    limit: count({ min: 1 }).meta({
      description: 'The true limit in tokens, prompt and asked-for output together.',
      examples: [16000],
    }),
  },
  example: '{ at: 30s, for: 2m, on: { provider: openai }, fault: context_length, limit: 16000 }',
  ramps: 'share',
  variants: [
    {
      id: 'ctx.catalogue_lies',
      summary: 'The window is smaller than the catalogue says.',
      with: {},
      ask: { limit: 1000 },
      mix: 'long-context',
      sees: '400 for a prompt that fits the advertised window.',
      expect: 'Go to a larger window, and never send the same prompt to the same endpoint again.',
      seen: 'earendil-works/pi#6378, diegosouzapw/OmniRoute#8942',
    },
  ],
  label: ({ limit }) => `true limit ${limit} tokens`,
  begin({ limit }) {
    return {
      onAdmit({ attempt: { request } }) {
        const wanted = request.inputTokens + (request.maxTokens ?? 0)
        if (wanted <= limit) return null
        return { signals: [CONNECTED, contextOverflow(limit, wanted)] }
      },
    }
  },
})

/** The native refusal of a prompt that does not fit. */
export function contextOverflow(limit: number, wanted: number) {
  return {
    type: 'failed',
    class: 'context_length',
    status: 400,
    retryAfterMs: null,
    where: 'response',
    message: `This model's maximum context length is ${limit} tokens. However, your messages resulted in ${wanted} tokens. Please reduce the length of the messages.`,
  } as const
}
