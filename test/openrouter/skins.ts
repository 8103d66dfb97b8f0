/** Behaviours 11, 12, 93, 94: what the other ways of asking have of their own. */
import { describe, expect } from 'vitest'
import { behaviour } from './card.ts'
import { HELLO, MODEL, onWire, type Wire } from './wire.ts'

const MESSAGES = '/api/v1/messages'

const message = (wire: Wire, body: object = {}) =>
  wire.post(MESSAGES, { model: MODEL, max_tokens: 99, messages: HELLO, ...body })

describe('skins', () => {
  behaviour(11, '`/messages` `fallbacks`: 4 entries, an extra key, or together with `models`: 400 each', () =>
    onWire({}, async (wire) => {
      const fallbacks = (length: number) => Array.from({ length }, (_, index) => ({ model: `acme/other-${index}` }))
      for (const body of [
        { fallbacks: fallbacks(4) },
        { fallbacks: [{ model: MODEL, provider: {} }] },
        { fallbacks: fallbacks(1), models: [MODEL] },
      ]) {
        const answered = await message(wire, body)
        expect(answered.status).toBe(400)
        expect(answered.json()).toMatchObject({ type: 'error', error: { type: 'invalid_request_error' } })
      }
      expect(wire.of('attempt.started')).toEqual([])

      const served = await message(wire, { fallbacks: [{ model: MODEL }] })
      expect(served.status).toBe(200)
      expect(served.json()).toMatchObject({ type: 'message', role: 'assistant', provider: 'Alpha' })
    }),
  )

  behaviour(
    93,
    '`/messages` errors: the Anthropic envelope, `request_id` null before routing, `gen-…` after',
    async () => {
      await onWire({}, async (wire) => {
        for (const [body, type] of [
          [{ model: 'acme/none' }, 'invalid_request_error'],
          [{ messages: [] }, 'invalid_request_error'],
        ] as const) {
          const answered = await message(wire, body)
          expect(answered.status).toBe(400)
          expect(answered.json()).toEqual({
            type: 'error',
            error: expect.objectContaining({
              type,
              error_type: 'invalid_request',
              message: expect.any(String) as string,
            }) as object,
            request_id: null,
          })
        }
      })

      const only = { endpoints: ['alpha'] }
      for (const [fault, status, type, errorType] of [
        [{ fault: 'rate_limit', mode: 'phantom' }, 429, 'rate_limit_error', 'rate_limit_exceeded'],
        [{ fault: 'outage', mode: 'status', status: 503 }, 503, 'overloaded_error', 'provider_overloaded'],
        [{ fault: 'outage', mode: 'html' }, 502, 'api_error', 'provider_unavailable'],
        [{ fault: 'context_length', limit: 2 }, 400, 'invalid_request_error', 'context_length_exceeded'],
      ] as const) {
        await onWire({ ...only, faults: { alpha: fault } }, async (wire) => {
          const answered = await message(wire)
          expect(answered.status).toBe(status)
          expect(answered.json()).toMatchObject({
            type: 'error',
            error: { type, error_type: errorType },
            request_id: expect.stringMatching(/^gen-/) as string,
          })
        })
      }

      const slow = {
        provider: 'alpha',
        name: 'Alpha',
        latency: { ttft_p50: '5ms', ttft_p95: '5ms', tokens_per_second: 500 },
      }
      await onWire({ endpoints: [slow], faults: { alpha: { fault: 'stream', mode: 'cut' } } }, async (wire) => {
        const { status, text } = await message(wire, { stream: true })
        expect(status).toBe(200)
        const events = text.trimEnd().split('\n\n')
        expect(events[0]).toMatch(/^event: message_start\n/)
        const [name, data = ''] = (events.at(-1) ?? '').split('\ndata: ')
        expect(name).toBe('event: error')
        expect(JSON.parse(data)).toMatchObject({
          type: 'error',
          error: { type: 'api_error', error_type: 'provider_unavailable' },
          request_id: expect.stringMatching(/^gen-/) as string,
        })
        const start = JSON.parse((events[0] ?? '').split('\ndata: ')[1] ?? '') as unknown
        expect(start).toMatchObject({ message: { model: MODEL, provider: 'Alpha' } })
      })
    },
  )
})
