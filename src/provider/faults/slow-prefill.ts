/** Slow prefill: the time to first token grows with the part of the prompt that is not cached. */
import { duration } from '../../base/index.ts'
import { defineFault } from '../fault.ts'

export const slowPrefill = defineFault({
  kind: 'slow_prefill',
  summary: 'Reading the prompt takes time, by its length.',
  layer: 'latency',
  sees: 'First tokens that are late for long prompts, and on time for short ones.',
  params: {
    per_1k_tokens: duration({ min: 1 })
      .prefault('1s')
      .meta({ description: 'Added for every 1,000 input tokens that no earlier turn has sent.', examples: ['1s'] }),
  },
  example: '{ at: 60s, for: 2m, on: { provider: openai }, fault: slow_prefill, per_1k_tokens: 1s }',
  ramps: 'severity',
  variants: [
    {
      id: 'lat.prefill',
      summary: 'A second for every thousand tokens of prompt.',
      with: {},
      mix: 'long-context',
      sees: 'A wait for the first token that scales with the prompt.',
      expect: 'Timeouts by the size of the request; long prompts go elsewhere.',
      seen: 'llm-d/llm-d-inference-sim (prefill time per token)',
    },
  ],
  label: ({ per_1k_tokens: ms }) => `+${ms} ms per 1k tokens`,
  begin({ per_1k_tokens: ms }) {
    return {
      onService(service, { attempt: { request }, level }) {
        const fresh = Math.max(0, request.inputTokens - (request.session?.prefixTokens ?? 0))
        return { ...service, ttftMs: service.ttftMs + (ms * fresh * level) / 1_000 }
      },
    }
  },
})
