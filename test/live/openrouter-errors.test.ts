/**
 * Every row of the catalogue of faults at a gateway with nobody else to ask, asked on `/api/v1` in both forms: whatever
 * comes of it, an error fits the shapes of the contract, and says the same in its status, its code and its headers.
 */
import { describe, expect, test } from 'vitest'
import { brokenCompletionShape, envelopeShape, errorChunkShape } from '../openrouter/error-shapes.ts'
import { CATALOGUE } from '../../src/provider/index.ts'
import { HELLO, onWire, Wire, type Answered } from '../openrouter/wire.ts'

const ROWS = CATALOGUE.flatMap(({ variant }) => variant ?? [])
const QUICK = { ttft_p50: '5ms', ttft_p95: '5ms', tokens_per_second: 2_000, speed_jitter: '0%' }
const IMPATIENT = {
  max_attempts: 1,
  retry: { attempts: 0 },
  timeouts: { connect: '300ms', first_token: '1s', idle: '1s', attempt: '2s', total: '3s' },
}
const named = (index: number): string => `row-${index}`

/** What an answer on `/api/v1` says is wrong; null when nothing is. Throws where it says so in another shape. */
function errorOf(answer: Answered, isStream: boolean): { code: number; type: string | undefined } | null {
  if (answer.status >= 400) {
    const { error } = envelopeShape.parse(answer.json())
    expect(error.code).toBe(answer.status)
    expect(answer.headers['retry-after']).toBe(error.metadata?.headers?.['Retry-After'])
    return { code: error.code, type: error.metadata?.error_type }
  }
  if (!isStream) {
    const body = answer.json()
    if (body.choices[0].finish_reason !== 'error') return null
    const { error } = brokenCompletionShape.parse(body).choices[0]
    return { code: error.code, type: error.metadata?.error_type }
  }
  const errors = answer.chunks().filter((chunk) => 'error' in chunk)
  expect(errors.length).toBeLessThanOrEqual(1)
  if (errors.length === 0) return null
  const { error } = errorChunkShape.parse(errors[0])
  return { code: error.code, type: error.metadata?.error_type }
}

describe('errors on /api/v1', () => {
  test('whatever breaks upstream, the caller is told in a shape of the contract', async () => {
    const wire = await Wire.open({
      endpoints: ['alpha', ...ROWS.map((_, index) => named(index))].map((provider) => ({
        provider,
        model: provider === 'alpha' ? 'acme/large' : `acme/${provider}`,
        latency: QUICK,
      })),
      policy: { resilience: IMPATIENT },
      faults: Object.fromEntries(ROWS.map(({ id, ask }, index) => [named(index), { fault: id, ...ask }])),
    })
    try {
      const asked = ROWS.flatMap(({ id }, index) => [true, false].map((stream) => ({ id, stream, index })))
      const told = await Promise.all(
        asked.map(async ({ id, stream, index }) => {
          const answer = await wire.chat({ model: `acme/${named(index)}`, messages: HELLO, stream, provider: {} })
          return { id, stream, error: errorOf(answer, stream) }
        }),
      )
      const failed = told.flatMap(({ error }) => error ?? [])
      // Half the catalogue, or nearly, breaks an answer for good, in every way that the contract tells apart.
      expect(failed.length).toBeGreaterThan(ROWS.length / 2)
      const codes = new Set(failed.map(({ code }) => code))
      expect([400, 401, 402, 403, 404, 429, 500, 502, 503, 504, 529].filter((code) => !codes.has(code))).toEqual([])
      for (const { code, type } of failed) if (code === 500) expect(type).toBe('server')
    } finally {
      await wire.close()
    }
  }, 60_000)

  test('a path that nobody knows, is a 404 in the shape of its surface', async () => {
    await onWire({}, async (wire) => {
      const answer = await wire.get('/api/v1/nowhere')
      expect(answer.status).toBe(404)
      expect(envelopeShape.parse(answer.json()).error.code).toBe(404)
      expect((await wire.get('/v1/nowhere')).json().error.code).toBe('unknown_url')
    })
  })
})
