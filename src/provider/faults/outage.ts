/**
 * Outage: the endpoint does not serve. Five ways of being down, because each costs a router something else: a refusal
 * costs nothing, a black hole costs a timeout, a status costs a parse, an edge page is not even JSON.
 */
import { z } from 'zod'
import { duration } from '../../base/index.ts'
import { classOfStatus, CONNECTED, CUT_RESET, type Failed, type Signal } from '../../protocol/index.ts'
import { defineFault, type Strike } from '../fault.ts'
import { strikeError } from '../refusal.ts'

const STATUSES = [401, 402, 403, 404, 408, 500, 502, 503, 504, 529] as const

const MODES = ['refuse', 'reset', 'blackhole', 'status', 'html'] as const
type Mode = (typeof MODES)[number]

export const outage = defineFault({
  kind: 'outage',
  summary: 'The endpoint does not serve: refused, reset, silent, or answering with an error.',
  layer: 'http',
  sees: 'A refused or reset connection, no answer at all, an error status with the native body, or an HTML 502 page.',
  params: {
    mode: z.enum(MODES).meta({
      description:
        '`refuse`: nobody listens. `reset`: the connection breaks before an answer. `blackhole`: accepted, then silence. `status`: an error in the provider’s own words. `html`: a 502 page of its edge.',
    }),
    status: z.literal(STATUSES).default(503).meta({ description: 'With `mode: status`.' }),
    retry_after: duration({ min: 1_000 })
      .optional()
      .meta({ description: 'With `mode: status`: the Retry-After it sends.', examples: ['5s'] }),
  },
  example: '{ at: 60s, for: 120s, on: { provider: openai }, fault: outage, mode: refuse }',
  ramps: 'share',
  gateway: true,
  variants: [
    {
      id: 'net.refused',
      summary: 'Nobody listens.',
      with: { mode: 'refuse' },
      sees: 'A connection that is refused at once; no byte is sent, none is billed.',
      expect: 'Go to the next endpoint at once: a refusal costs no time.',
      seen: 'Shopify/toxiproxy `down`; Cloudflare 521',
    },
    {
      id: 'net.blackhole',
      summary: 'The connection opens, and nothing is ever said.',
      with: { mode: 'blackhole' },
      sees: 'A connection that is accepted, and silence until the caller gives up.',
      expect: 'A deadline of its own for the first sign of an answer, well below that of the request.',
      seen: 'Shopify/toxiproxy `timeout` 0; OpenAI 2024-12-05 (30 s stalls)',
    },
    {
      id: 'net.reset_before_headers',
      summary: 'The connection is reset before any answer.',
      with: { mode: 'reset' },
      sees: 'RST after the request, and no byte of an answer.',
      expect: 'Try again elsewhere; the same endpoint only where the policy retries at all.',
      seen: 'WireMock CONNECTION_RESET_BY_PEER; mountebank `tcp` reset',
    },
  ],
  label: ({ mode, status }) => (mode === 'status' ? `status ${status}` : mode),
  begin({ mode, status, retry_after: retryAfterMs }) {
    const inFlight = { refuse: 'reset', reset: 'reset', blackhole: 'silence', status: null, html: null } as const
    const consequence = inFlight[mode]
    return {
      onAdmit: (strike) => ({ signals: answerOf(strike, mode, status, retryAfterMs ?? null) }),
      ...(consequence !== null && { inFlight: consequence }),
    }
  },
})

function answerOf(strike: Strike, mode: Mode, status: number, retryAfterMs: number | null): readonly Signal[] {
  switch (mode) {
    case 'refuse':
      return [REFUSED]
    case 'reset':
      return [CONNECTED, CUT_RESET]
    case 'blackhole':
      return [CONNECTED]
    case 'html':
      return [CONNECTED, strikeError(strike, 'bad_gateway', { status: 502, html: true })]
    case 'status':
      return [CONNECTED, strikeError(strike, classOfStatus(status), { status, retryAfterMs })]
  }
}

const REFUSED: Failed = {
  type: 'failed',
  class: 'connect_refused',
  status: null,
  retryAfterMs: null,
  where: 'connect',
  message: 'connection refused',
}
