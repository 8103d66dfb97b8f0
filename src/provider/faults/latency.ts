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
        '`spike`: time to first token × factor, plus `add`; the headers are as late as the body. `first_token_silence`: headers at once, then nothing but pings before the first token. `slow_tokens`: output speed ÷ factor.',
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
      id: 'lat.spike',
      summary: 'One request in twenty takes ten times as long.',
      with: { mode: 'spike', factor: 10 },
      line: { probability: '5%' },
      sees: 'A tail: most answers as ever, some very late.',
      expect: 'A second attempt for the tail, within a budget.',
      seen: 'Bifrost mocker; OpenAI 2026-06-03 (TTFT × 5–20)',
    },
    {
      id: 'lat.step',
      summary: 'Five times as slow, from one moment to the next.',
      with: { mode: 'spike', factor: 5 },
      sees: 'Every first token five times as late.',
      expect: 'Slow counts as failure: traffic moves before users leave.',
      seen: 'Bifrost mocker, MockServer',
    },
    {
      id: 'lat.ramp',
      summary: 'Slower and slower, up to ten times.',
      with: { mode: 'spike', factor: 10 },
      line: { shape: { kind: 'ramp' } },
      sees: 'Each first token a little later than the last.',
      expect: 'A breaker that counts slow calls, before the first timeout.',
      seen: 'MockServer degradationRamp; OpenAI 2025-06-10 (over 13 hours)',
    },
    {
      id: 'lat.header_delay',
      summary: 'The headers come late, the body fast.',
      with: { mode: 'spike', add: '30s' },
      sees: 'Thirty seconds without a byte, then a normal answer.',
      expect: 'A deadline for the headers, apart from that for the body.',
      seen: 'OpenAI 2024-12-05 (every request stalls 30 s, then succeeds)',
    },
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
