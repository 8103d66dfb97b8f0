/**
 * Headers: the answer is fine and its head is odd. No client may mind, so in virtual time nothing comes of it: what is
 * tried is the reading of bytes.
 */
import { z } from 'zod'
import { count } from '../../base/index.ts'
import { defineFault } from '../fault.ts'
import { oddly } from '../service.ts'

const QUIRK_OF = {
  wrong_content_type: 'http.content_type',
  duplicate: 'http.duplicate_headers',
  oversized: 'http.long_headers',
  no_request_id: 'http.no_request_id',
} as const

export const headers = defineFault({
  kind: 'headers',
  summary: 'A good answer under odd headers: a wrong type, twice, far too long, or without an id.',
  layer: 'http',
  sees: 'The usual answer; its head is strange.',
  params: {
    mode: z.enum(['wrong_content_type', 'duplicate', 'oversized', 'no_request_id']).meta({
      description:
        '`wrong_content_type`: JSON as text/plain, a stream as application/json. `duplicate`: every header twice. `oversized`: `bytes` of header. `no_request_id`: no id to quote in a complaint.',
    }),
    bytes: count({ min: 1, max: 48_000 })
      .default(20_000)
      .meta({ description: 'With `oversized`.', examples: [20_000] }),
  },
  example: '{ at: 60s, for: 30s, on: { provider: openai }, fault: headers, mode: oversized, bytes: 20000 }',
  ramps: 'share',
  variants: [
    {
      id: 'http.wrong_content_type',
      summary: 'The content-type is not that of the content.',
      with: { mode: 'wrong_content_type' },
      sees: 'JSON as text/plain, an event stream as application/json.',
      expect: 'Look at what comes, carefully, before refusing it.',
      seen: 'ChaosLLM; aimock (malformed with stream)',
    },
    {
      id: 'http.header_anomaly.duplicate',
      summary: 'Every header comes twice.',
      with: { mode: 'duplicate' },
      sees: 'Each line of the head twice.',
      expect: 'Tolerated: the first counts.',
      seen: 'Proxies that append what is already there; RFC 9110 §5.3',
    },
    {
      id: 'http.header_anomaly.oversized',
      summary: 'More header than most clients read.',
      with: { mode: 'oversized' },
      sees: 'A head of 20 kB; Node’s default limit is 16 KiB.',
      expect: 'Tolerated.',
      seen: 'nodejs --max-http-header-size; 20 kB heads fail in every SDK measured',
    },
    {
      id: 'http.header_anomaly.no_request_id',
      summary: 'No header names the request.',
      with: { mode: 'no_request_id' },
      sees: 'An answer without an id.',
      expect: 'Tolerated; logs use an id of their own.',
      seen: 'stanfordnlp/dspy#203 (answers of an edge)',
    },
  ],
  label: ({ mode }) => mode.replaceAll('_', ' '),
  begin({ mode, bytes }) {
    const quirk = QUIRK_OF[mode]
    return {
      onScript: (script) => (mode === 'oversized' ? oddly(script, quirk, bytes) : oddly(script, quirk)),
    }
  },
})
