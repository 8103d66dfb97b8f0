/**
 * Latency: the endpoint answers, later. A ramp makes each attempt slower and slower; a share below 100 % makes some
 * of them slow.
 */
import { z } from 'zod'
import { duration } from '../../base/index.ts'
import { defineFault } from '../fault.ts'

export const latency = defineFault({
  kind: 'latency',
  summary: 'Answers come late: slow to the first token, silent but alive, or slow between tokens.',
  layer: 'latency',
  sees: 'A longer wait for the first token (with pings, if asked for), or tokens that drip.',
  params: {
    mode: z.enum(['spike', 'first_token_silence', 'slow_tokens']).meta({
      description:
        '`spike`: time to first token × factor, plus `add`. `first_token_silence`: nothing but pings for `add` before the first token. `slow_tokens`: output speed ÷ factor.',
    }),
    factor: z
      .number()
      .min(1)
      .max(10_000)
      .default(1)
      .meta({ description: 'How many times slower.', examples: [5] }),
    add: duration({ min: 0 })
      .prefault('0s')
      .meta({ description: 'Added to the time to first token.', examples: ['3s'] }),
    ping_every: duration({ min: 100 })
      .prefault('5s')
      .meta({ description: 'Interval of the pings of `first_token_silence`.', examples: ['5s'] }),
  },
  example:
    '{ at: 60s, for: 2m, on: { provider: openai }, fault: latency, mode: spike, factor: 8, shape: { kind: ramp } }',
  ramps: 'severity',
  variants: [
    {
      id: 'lat.reasoning_silence',
      summary: 'Headers at once, then nothing but pings for minutes.',
      with: { mode: 'first_token_silence', add: '60s' },
      sees: '200, pings, and no token for a minute.',
      expect: 'Pings are no content: the wait for the first token has a deadline of its own, per model.',
      seen: 'BerriAI/litellm#17991, openclaw/openclaw#96693, NousResearch/hermes-agent#52231',
    },
  ],
  label: ({ mode, factor }) => (factor > 1 ? `${mode} ×${factor}` : mode),
  begin({ mode, factor, add, ping_every: pingEveryMs }) {
    return {
      onService(service, { level }) {
        if (level === 0) return null
        const slower = 1 + (factor - 1) * level
        switch (mode) {
          case 'spike':
            return { ...service, ttftMs: service.ttftMs * slower + add * level }
          case 'first_token_silence':
            return { ...service, ttftMs: service.ttftMs * slower + add * level, pingEveryMs }
          case 'slow_tokens':
            return {
              ...service,
              ttftMs: service.ttftMs + add * level,
              tokensPerSecond: service.tokensPerSecond / slower,
            }
        }
      },
    }
  },
})
