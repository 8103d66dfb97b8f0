/**
 * Outage: the endpoint does not serve. Five ways of being down, because each costs a router something else: a refusal
 * costs nothing, a black hole costs a timeout, a status costs a parse, an edge page is not even JSON.
 */
import { z } from 'zod'
import { duration } from '../../base/index.ts'
import { CONNECTED, CUT_RESET, type ErrorClass, type Signal } from '../../protocol/index.ts'
import { defineFault } from '../fault.ts'

const CLASS_OF_STATUS: Readonly<Record<number, ErrorClass>> = {
  401: 'authentication',
  402: 'payment_required',
  403: 'permission_denied',
  404: 'not_found',
  408: 'request_timeout',
  500: 'server_error',
  502: 'bad_gateway',
  503: 'overloaded',
  504: 'gateway_timeout',
  529: 'overloaded',
}
const STATUSES = [401, 402, 403, 404, 408, 500, 502, 503, 504, 529] as const

const MESSAGES: Readonly<Record<number, string>> = {
  401: 'Incorrect API key provided.',
  500: 'The server had an error while processing your request. Sorry about that!',
  503: 'The engine is currently overloaded, please try again later',
  529: 'Overloaded',
}

export const outage = defineFault({
  kind: 'outage',
  summary: 'The endpoint does not serve: refused, reset, silent, or answering with an error.',
  layer: 'http',
  sees: 'A refused or reset connection, no answer at all, an error status with the native body, or an HTML 502 page.',
  params: {
    mode: z.enum(['refuse', 'reset', 'blackhole', 'status', 'html']).meta({
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
  label: ({ mode, status }) => (mode === 'status' ? `status ${status}` : mode),
  begin({ mode, status, retry_after: retryAfterMs }) {
    const signals = answerOf(mode, status, retryAfterMs ?? null)
    const inFlight = { refuse: 'reset', reset: 'reset', blackhole: 'silence', status: null, html: null } as const
    const consequence = inFlight[mode]
    return {
      onAdmit: () => ({ signals }),
      ...(consequence !== null && { inFlight: consequence }),
    }
  },
})

function answerOf(mode: string, status: number, retryAfterMs: number | null): readonly Signal[] {
  switch (mode) {
    case 'refuse':
      return [
        {
          type: 'failed',
          class: 'connect_refused',
          status: null,
          retryAfterMs: null,
          where: 'connect',
          message: 'connection refused',
        },
      ]
    case 'reset':
      return [CONNECTED, CUT_RESET]
    case 'blackhole':
      return [CONNECTED]
    case 'html':
      return [
        CONNECTED,
        {
          type: 'failed',
          class: 'bad_gateway',
          status: 502,
          retryAfterMs: null,
          where: 'response',
          message: 'Bad gateway',
          html: true,
        },
      ]
    default:
      return [
        CONNECTED,
        {
          type: 'failed',
          class: CLASS_OF_STATUS[status] ?? 'server_error',
          status,
          retryAfterMs,
          where: 'response',
          message: MESSAGES[status] ?? 'Service unavailable.',
        },
      ]
  }
}
