/**
 * Redirect: the endpoint sends the caller elsewhere. A gateway that follows would hand its key to whoever is there, so to
 * a router a redirect is an endpoint that does not answer. The hosts it names do not exist (RFC 6761, `.invalid`).
 */
import { z } from 'zod'
import { CONNECTED } from '../../protocol/index.ts'
import { defineFault } from '../fault.ts'
import { strikeError } from '../refusal.ts'

const PLACES = {
  region: 'https://eu.provider.invalid/v1/chat/completions',
  login: 'https://login.provider.invalid/?next=%2Fv1',
} as const

export const redirect = defineFault({
  kind: 'redirect',
  summary: 'The endpoint redirects to another region or to a login page.',
  layer: 'http',
  sees: '302, 307 or 308 with a Location on another host.',
  params: {
    status: z.literal([302, 307, 308]).default(307).meta({ description: '307 and 308 keep method and body.' }),
    to: z
      .enum(['region', 'login'])
      .default('region')
      .meta({ description: '`region`: another host of the provider. `login`: a page for people.' }),
  },
  example: '{ at: 60s, for: 30s, on: { provider: openai }, fault: redirect, status: 308 }',
  ramps: 'share',
  variants: [
    {
      id: 'http.redirect',
      summary: 'Sent to another region.',
      with: { status: 307, to: 'region' },
      sees: '307 with a Location on another host.',
      expect: 'Never followed across hosts with the key; the next endpoint.',
      seen: 'RFC 9110 §15.4; curl CVE-2018-1000007 (credentials leaked to the host of a redirect)',
    },
    {
      id: 'http.redirect.login',
      summary: 'Sent to a login page.',
      with: { status: 302, to: 'login' },
      sees: '302 with a Location on another host.',
      expect: 'Never followed: what is there is a page with status 200, and no answer.',
      seen: 'Captive portals and expired sessions of self-hosted gateways',
    },
  ],
  label: ({ status, to }) => `${status} to ${to}`,
  begin({ status, to }) {
    const details = { status, written: 'empty', headers: { location: PLACES[to] } } as const
    return { onAdmit: (strike) => ({ signals: [CONNECTED, strikeError(strike, 'bad_gateway', details)] }) }
  },
})
