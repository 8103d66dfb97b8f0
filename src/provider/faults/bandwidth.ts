/**
 * Bandwidth: the line is thin. The prompt takes its time on the way up, the answer trickles down; nothing stops. Only the
 * text is counted, at 4 bytes per token as everywhere: framing comes on top and is the line's own business.
 */
import { z } from 'zod'
import { count, SECOND } from '../../base/index.ts'
import { promptBytes } from '../../protocol/index.ts'
import { defineFault } from '../fault.ts'

export const bandwidth = defineFault({
  kind: 'bandwidth',
  summary: 'The line to the endpoint carries only so many bytes a second.',
  layer: 'latency',
  sees: 'Late first tokens after long prompts, and tokens that trickle: slow, never silent.',
  params: {
    bytes_per_second: count({ min: 1, max: 1_000_000_000 }).meta({
      description: 'Bytes of text a second, each way.',
      examples: [200],
    }),
    direction: z
      .enum(['both', 'up', 'down'])
      .default('both')
      .meta({ description: '`up`: the prompt. `down`: the answer.' }),
  },
  example: '{ at: 60s, for: 2m, on: { region: eu }, fault: bandwidth, bytes_per_second: 200 }',
  ramps: 'share',
  variants: [
    {
      id: 'net.bandwidth',
      summary: 'A thin line, both ways.',
      with: {},
      ask: { bytes_per_second: 60 },
      sees: 'A slow upload, and an answer that trickles.',
      expect: 'Deadlines on progress rather than on the whole: slow is not dead.',
      seen: 'Shopify/toxiproxy bandwidth',
    },
  ],
  label: ({ bytes_per_second: bytes, direction }) => `${bytes} B/s${direction === 'both' ? '' : ` ${direction}`}`,
  begin({ bytes_per_second: bytes, direction }) {
    const tokensPerSecond = bytes / promptBytes(1)
    return {
      onService(service, { attempt }) {
        const upMs = direction === 'down' ? 0 : (promptBytes(attempt.request.inputTokens) * SECOND) / bytes
        const speed = direction === 'up' ? Infinity : tokensPerSecond
        return {
          ...service,
          ttftMs: service.ttftMs + upMs,
          tokensPerSecond: Math.min(service.tokensPerSecond, speed),
        }
      },
    }
  },
})
