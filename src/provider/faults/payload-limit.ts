/** Payload limit: a body above so many bytes is not read at all, usually by an edge in front of the provider. */
import { count } from '../../base/index.ts'
import { CONNECTED, promptBytes } from '../../protocol/index.ts'
import { defineFault } from '../fault.ts'
import { strikeError } from '../refusal.ts'

export const payloadLimit = defineFault({
  kind: 'payload_limit',
  summary: 'Requests above so many bytes are refused unread.',
  layer: 'http',
  sees: 'The provider’s refusal of a body that is too large: 413 almost everywhere, 400 at Google.',
  params: {
    limit_bytes: count({ min: 1, max: 1_000_000_000 })
      .default(32 * 1024 * 1024)
      .meta({
        description: 'Bytes of text, at 4 per token. Default: 32 MB, as at Anthropic.',
        examples: [100_000],
      }),
  },
  example: '{ at: 30s, for: 2m, on: { provider: anthropic }, fault: payload_limit, limit_bytes: 50000 }',
  ramps: 'share',
  variants: [
    {
      id: 'http.413',
      summary: 'The request is too large.',
      with: {},
      ask: { limit_bytes: 100 },
      sees: '413 (Google: 400) before anything was processed.',
      expect: 'Never the same size again to the same endpoint.',
      seen: 'Anthropic’s errors page (32 MB, answered by its edge), nginx client_max_body_size',
    },
  ],
  label: ({ limit_bytes: limit }) => `at most ${limit} bytes`,
  begin({ limit_bytes: limit }) {
    return {
      onAdmit(strike) {
        const wanted = promptBytes(strike.attempt.request.inputTokens)
        if (wanted <= limit) return null
        return { signals: [CONNECTED, strikeError(strike, 'payload_too_large', { limit, wanted })] }
      },
    }
  },
})
