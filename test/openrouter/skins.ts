/** Behaviours 11, 12, 93, 94: what the other ways of asking have of their own. */
import { describe, expect } from 'vitest'
import { behaviour } from './card.ts'
import { HELLO, MODEL, onWire, type Wire } from './wire.ts'

const message = (wire: Wire, body: object = {}) =>
  wire.post('/api/v1/messages', { model: MODEL, max_tokens: 99, messages: HELLO, ...body })

const respond = (wire: Wire, body: object = {}) =>
  wire.post('/api/v1/responses', { model: MODEL, input: HELLO, ...body })

/** The events of a stream whose events have names. */
const named = (stream: string): { event: string; data: unknown }[] =>
  stream
    .trimEnd()
    .split('\n\n')
    .map((frame) => {
      const [, event = '', data = ''] = /^event: (.*)\ndata: (.*)$/.exec(frame) ?? []
      return { event, data: JSON.parse(data) as unknown }
    })

const ONE = { endpoints: ['alpha'] }
/** Slow enough that its first words are out before its last come. */
const SLOW = { endpoints: [{ provider: 'alpha', name: 'Alpha', latency: { ttft_p50: '5ms', ttft_p95: '5ms', tokens_per_second: 500 } }] } // prettier-ignore
const GENERATION = expect.stringMatching(/^gen-/) as string

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

  behaviour(12, '`/responses` with `store: true` or non-null `previous_response_id`: 400', () =>
    onWire({}, async (wire) => {
      for (const body of [{ store: true }, { previous_response_id: 'resp_1' }]) {
        const refused = await respond(wire, body)
        expect(refused.status).toBe(400)
        expect(refused.json()).toMatchObject({ error: { code: 400 }, error_type: 'invalid_request' })
      }
      expect(wire.of('attempt.started')).toEqual([])

      const served = await respond(wire, { store: false, previous_response_id: null })
      expect(served.status).toBe(200)
      expect(served.json()).toMatchObject({ object: 'response', status: 'completed', provider: 'Alpha' })
    }),
  )

  const title93 = '`/messages` errors: the Anthropic envelope, `request_id` null before routing, `gen-…` after'
  behaviour(93, title93, async () => {
    await onWire({}, async (wire) => {
      for (const body of [{ model: 'acme/none' }, { messages: [] }]) {
        const refused = await message(wire, body)
        expect(refused.status).toBe(400)
        expect(refused.json()).toMatchObject({
          type: 'error',
          error: { type: 'invalid_request_error', error_type: 'invalid_request' },
          request_id: null,
        })
      }
    })

    for (const [fault, status, type, errorType] of [
      [{ fault: 'rate_limit', mode: 'phantom' }, 429, 'rate_limit_error', 'rate_limit_exceeded'],
      [{ fault: 'outage', mode: 'status', status: 503 }, 503, 'overloaded_error', 'provider_overloaded'],
      [{ fault: 'outage', mode: 'html' }, 502, 'api_error', 'provider_unavailable'],
      [{ fault: 'context_length', limit: 2 }, 400, 'invalid_request_error', 'context_length_exceeded'],
    ] as const) {
      await onWire({ ...ONE, faults: { alpha: fault } }, async (wire) => {
        const failed = await message(wire)
        expect(failed.status).toBe(status)
        expect(failed.json()).toMatchObject({
          type: 'error',
          error: { type, error_type: errorType },
          request_id: GENERATION,
        })
      })
    }

    await onWire({ ...SLOW, faults: { alpha: { fault: 'stream', mode: 'cut' } } }, async (wire) => {
      const { status, text } = await message(wire, { stream: true })
      expect(status).toBe(200)
      const events = named(text)
      expect(events[0]).toMatchObject({
        event: 'message_start',
        data: { message: { model: MODEL, provider: 'Alpha' } },
      })
      expect(events.at(-1)).toMatchObject({
        event: 'error',
        data: {
          type: 'error',
          error: { type: 'api_error', error_type: 'provider_unavailable' },
          request_id: GENERATION,
        },
      })
    })
  })

  const title94 =
    '`/responses` errors: narrow codes, `error_type` at the top; limits of tokens are a success with `length`'
  behaviour(94, title94, async () => {
    for (const mode of ['cut', 'error_event']) {
      await onWire({ ...SLOW, faults: { alpha: { fault: 'stream', mode } } }, async (wire) => {
        const { status, text } = await respond(wire, { stream: true })
        expect(status).toBe(200)
        expect(named(text).at(-1)).toMatchObject({
          event: 'response.failed',
          data: {
            response: {
              status: 'failed',
              error: { code: 'server_error' },
              error_type: expect.stringMatching(/^(provider_unavailable|server)$/) as string,
            },
          },
        })
      })
    }

    for (const [fault, status, errorType, word] of [
      [{ fault: 'rate_limit', mode: 'phantom' }, 429, 'rate_limit_exceeded', 'rate_limit_exceeded'],
      [{ fault: 'outage', mode: 'status', status: 503 }, 503, 'provider_overloaded', 'server_error'],
      [{ fault: 'outage', mode: 'html' }, 502, 'provider_unavailable', 'server_error'],
    ] as const) {
      for (const [choice, code] of [
        ['status', status],
        ['word', word],
      ] as const) {
        const gateway = { choices: { responses_code: choice } }
        await onWire({ ...ONE, gateway, faults: { alpha: fault } }, async (wire) => {
          const failed = await respond(wire)
          expect(failed.status).toBe(status)
          expect(failed.json()).toMatchObject({ error: { code }, error_type: errorType })
        })
      }
    }

    await onWire({ ...ONE, faults: { alpha: { fault: 'context_length', limit: 2 } } }, async (wire) => {
      const cutShort = { status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' }, error: null }
      const whole = await respond(wire)
      expect(whole.status).toBe(200)
      expect(whole.json()).toMatchObject(cutShort)
      const { text } = await respond(wire, { stream: true })
      expect(named(text).at(-1)).toMatchObject({ event: 'response.incomplete', data: { response: cutShort } })
    })
  })
})
