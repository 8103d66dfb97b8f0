/**
 * Context length: the endpoint refuses prompts that its catalogue entry says it takes. The router believes the
 * catalogue, so it learns only by being refused.
 */
import { z } from 'zod'
import { count } from '../../base/index.ts'
import { CONNECTED } from '../../protocol/index.ts'
import { defineFault } from '../fault.ts'
import { strikeError } from '../refusal.ts'

export const contextLength = defineFault({
  kind: 'context_length',
  summary: 'Prompts overflow below the advertised limit.',
  layer: 'http',
  sees: 'The provider’s own refusal of a prompt that is too long (OpenAI: 400 context_length_exceeded).',
  params: {
    limit: count({ min: 1 }).meta({
      description: 'The true limit in tokens, prompt and asked-for output together.',
      examples: [16000],
    }),
    status: z
      .literal([400, 403, 413, 422])
      .optional()
      .meta({ description: 'Of the refusal. Default: the provider’s own.', examples: [413] }),
  },
  example: '{ at: 30s, for: 2m, on: { provider: openai }, fault: context_length, limit: 16000 }',
  ramps: 'share',
  variants: [
    {
      id: 'ctx.overflow',
      summary: 'Longer than the window, and the refusal has a status that others use for other things.',
      with: { status: 413 },
      ask: { limit: 1000 },
      mix: 'long-context',
      sees: '413 and the provider’s words for a prompt that is too long.',
      expect: 'Known by its words; a larger window, never the same endpoint again.',
      seen: 'BerriAI/litellm#10793 (eight wordings; 400, 403, 413, 422)',
    },
    {
      id: 'ctx.fallback_smaller',
      summary: 'The one that is fallen back to has the smaller window.',
      with: {},
      ask: { limit: 4000 },
      mix: 'long-context',
      sees: 'The first choice fails for another reason; the fallback says that the prompt is too long.',
      expect: 'The window is checked before the fallback is tried.',
      seen: 'BerriAI/litellm#31557',
    },
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
  begin({ limit, status }) {
    return {
      onAdmit(strike) {
        const { request } = strike.attempt
        const wanted = request.inputTokens + (request.maxTokens ?? 0)
        if (wanted <= limit) return null
        return {
          signals: [
            CONNECTED,
            strikeError(strike, 'context_length', { limit, wanted, ...(status !== undefined && { status }) }),
          ],
        }
      },
    }
  },
})
