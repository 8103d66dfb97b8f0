/**
 * One body for each situation of openrouter.md §3.6 that needs nobody's account, and for failures of all
 * endpoints (§3.8), as the gateway sends them: error-bodies.txt. A change there is a change of what callers read.
 */
import { expect, test } from 'vitest'
import { envelopeShape } from './error-shapes.ts'
import { CHAT, HELLO, MODEL, onWire, TOOLS, type WireSetup } from './wire.ts'

interface Situation {
  readonly setup?: WireSetup
  /** Beside the model and a short question; a string is the whole body as it is. */
  readonly asks?: Readonly<Record<string, unknown>> | string
  readonly headers?: Readonly<Record<string, string>>
}

const failing = (...statuses: readonly number[]): WireSetup => {
  const providers = ['alpha', 'beta', 'gamma'].slice(0, statuses.length)
  const faults = providers.map(
    (provider, index) => [provider, { fault: 'http_error', status: statuses[index] }] as const,
  )
  return {
    endpoints: providers,
    faults: Object.fromEntries(faults),
    policy: { resilience: { retry: { attempts: 0 } } },
  }
}
const alone = (fields: Readonly<Record<string, unknown>>): WireSetup => ({
  endpoints: [{ provider: 'alpha', ...fields }],
})
const KEYED: WireSetup = { gateway: { keys: [{ name: 'default', secret: 'sk-squall-default' }] } }
const IMAGE = { type: 'image_url', image_url: { url: 'data:image/png;base64,AA==' } }
const MODERATES = { fault: 'content_policy', mode: 'moderation', reasons: ['violence'] }

const SITUATIONS: Readonly<Record<string, Situation>> = {
  'any upstream error': { setup: failing(422) },
  'upstream error with status 500': { setup: failing(500) },
  'upstream shared pool limited': { setup: failing(429) },
  'the last of several errors': { setup: failing(429, 404) },
  'all rate-limited': { setup: failing(429, 429, 429) },
  'all down': { setup: failing(500, 502, 503) },
  moderation: { setup: { ...alone({ native: 'openrouter' }), faults: { alpha: MODERATES } } },
  'no tool-capable endpoint': { setup: alone({ parameters: ['max_tokens'] }), asks: { tools: TOOLS } },
  'image input': { asks: { messages: [{ role: 'user', content: [IMAGE] }] } },
  require_parameters: {
    setup: alone({ parameters: ['max_tokens'] }),
    asks: { seed: 7, provider: { require_parameters: true } },
  },
  'provider allowlist': { asks: { provider: { only: ['gamma'] } } },
  'data policy': { setup: alone({ data_collection: 'allow' }), asks: { provider: { data_collection: 'deny' } } },
  'max price': { asks: { provider: { max_price: { prompt: 0.1 } } } },
  'everything else filtered': { asks: { provider: { order: ['gamma'], allow_fallbacks: false } } },
  'unknown model': { asks: { model: 'acme/none' } },
  'no messages and no prompt': { asks: { messages: undefined } },
  'body is not JSON': { asks: 'hello' },
  'unknown key in a strict object': { asks: { provider: { oder: ['alpha'] } } },
  'too many models': { asks: { model: undefined, models: [MODEL, MODEL, MODEL, MODEL] } },
  'no key': { setup: KEYED },
  'bad key': { setup: KEYED, headers: { authorization: 'Bearer sk-squall-nobody' } },
}

test('bodies of errors: each situation, is told in the words of the contract and in its shape', async () => {
  const told: string[] = []
  for (const [name, { setup = {}, asks = {}, headers = {} }] of Object.entries(SITUATIONS)) {
    await onWire(setup, async (wire) => {
      const body = typeof asks === 'string' ? asks : { model: MODEL, messages: HELLO, ...asks }
      const answer = await wire.post(CHAT, body, headers)
      expect(answer.status, name).toBeGreaterThanOrEqual(400)
      const said = answer.json()
      expect(envelopeShape.parse(said).error.code, name).toBe(answer.status)
      told.push(`── ${name}\n${JSON.stringify(said, null, 2)}\n`)
    })
  }
  await expect(told.join('\n')).toMatchFileSnapshot('error-bodies.txt')
})
