/** Credentials: the key, the token or the entitlement is refused. Whoever asks again with the same is refused again. */
import { z } from 'zod'
import { duration } from '../../base/index.ts'
import { defineFault } from '../fault.ts'
import { turnAway } from '../refusal.ts'

export const credentials = defineFault({
  kind: 'credentials',
  summary: 'The key, the token or the permission is refused.',
  layer: 'http',
  sees: '401, 403, or a 400 that means the same.',
  params: {
    mode: z.enum(['revoked', 'expiring', 'forbidden', 'odd_status']).meta({
      description:
        '`revoked`: 401. `expiring`: 401 once every `ttl`, until a new token is there. `forbidden`: 403. `odd_status`: 400 without a word that a machine knows.',
    }),
    ttl: duration({ min: 1_000 })
      .prefault('60s')
      .meta({ description: 'With `expiring`: how long a token is good.', examples: ['60m'] }),
    refresh: duration({ min: 100 })
      .prefault('2s')
      .meta({ description: 'With `expiring`: how long it takes to get a new one.', examples: ['2s'] }),
  },
  example: '{ at: 60s, for: 5m, on: { provider: openai, key: default }, fault: credentials, mode: revoked }',
  ramps: 'share',
  gateway: true,
  variants: [
    {
      id: 'auth.key_revoked',
      summary: 'One key of several is revoked.',
      with: { mode: 'revoked' },
      sees: '401 on that key; the others work.',
      expect: 'That key is put away and somebody is told; no retry with it.',
      seen: 'llm-d invalid_api_key, deepankarm/agent-chaos llm_auth_error',
    },
    {
      id: 'auth.token_expiry',
      summary: 'A short-lived token runs out, and the next takes a moment.',
      with: { mode: 'expiring' },
      ask: { ttl: '1s', refresh: '1s' },
      sees: '401 for a moment, again and again.',
      expect: 'Refreshed once, then tried again; the provider is not given up.',
      seen: 'Vertex and Bedrock STS practice, llmposter OAuth2 expiry; OpenRouter 2026-02-17 (401 for 25 minutes)',
    },
    {
      id: 'auth.permission_403',
      summary: 'The model or the region is not enabled for this account.',
      with: { mode: 'forbidden' },
      sees: '403 for one model, the others work.',
      expect: 'The pair is marked, not the provider.',
      seen: 'Provider error pages, Amazon Bedrock model access',
    },
    {
      id: 'auth.odd_status',
      summary: 'A missing entitlement is told as a bad request.',
      with: { mode: 'odd_status' },
      sees: '400 “not allowed”.',
      expect: 'Not the caller’s mistake: the next endpoint is asked.',
      seen: 'tashfeenahmed/freellmapi#647; Azure OpenAI 2026-03-09 (400 for a slice of traffic)',
    },
  ],
  label: ({ mode }) => mode.replace('_', ' '),
  begin({ mode, ttl, refresh }) {
    return {
      onAdmit(strike) {
        switch (mode) {
          case 'revoked':
            return turnAway(strike, 'authentication', { status: 401 })
          case 'expiring':
            return strike.sinceMs % (ttl + refresh) < ttl ? null : turnAway(strike, 'authentication', { status: 401 })
          case 'forbidden':
            return turnAway(strike, 'permission_denied', { status: 403 })
          case 'odd_status':
            return turnAway(strike, 'invalid_request', {
              status: 400,
              message: 'This model is not allowed for your account.',
            })
        }
      },
    }
  },
})
