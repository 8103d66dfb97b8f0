/** Behaviours 80–82, 86, 88, 89, 95, 100, 101: errors on the wire. */
import { describe, expect, test } from 'vitest'
import { ERROR_CLASSES, ERROR_TYPES, errorTypeOf, STATUS_OF, type Failed } from '../../src/protocol/index.ts'
import { behaviour } from './card.ts'
import { failed, fleet, Lab, offers, policy } from './lab.ts'
import { brokenCompletionShape, envelopeShape, errorChunkShape } from './error-shapes.ts'
import { toldOf } from './telling.ts'
import { CHAT, HELLO, MODEL, onWire, PLAIN_CHAT } from './wire.ts'

const PROVIDERS = [{ provider: 'alpha', name: 'Alpha' }, 'beta', 'gamma'] as const

/** A call whose providers, asked in order, fail so. */
function allFail(...failures: readonly Failed[]) {
  const names = ['alpha', 'beta', 'gamma'].slice(0, failures.length)
  const it = new Lab(fleet(offers(...PROVIDERS.slice(0, failures.length))), policy({ provider: { order: names } }))
  const call = it.ask()
  for (const failure of failures) it.hear(call, failure)
  return { it, call }
}

describe('errors on the wire', () => {
  behaviour(80, 'an upstream error is `Provider returned error` with provider_name, raw and is_byok', () => {
    const raw = '{"error":{"message":"max_tokens is too large"}}'
    const { it, call } = allFail(failed('invalid_request', { raw, code: 'invalid_value' }))
    const { status, body } = toldOf(it, call)
    expect(status).toBe(400)
    expect(body.error).toMatchObject({
      code: 400,
      message: 'Provider returned error',
      metadata: { provider_name: 'Alpha', raw, is_byok: false, provider_error_code: 'invalid_value' },
    })
  })

  behaviour(81, 'a 429 of the shared pool says whose limit it is, and what helps', () => {
    const { it, call } = allFail(failed('rate_limited'))
    const { body } = toldOf(it, call)
    expect(body.error.metadata).toMatchObject({
      limit_source: 'upstream_provider_shared_pool',
      remedy_hint: expect.any(String) as string,
      raw: expect.stringContaining('m is temporarily rate-limited upstream') as string,
    })
    const other = allFail(failed('overloaded'))
    expect(toldOf(other.it, other.call).body.error.metadata?.limit_source).toBeUndefined()
  })

  behaviour(82, 'the provider’s hint is the Retry-After header, and in the metadata to the millisecond', () => {
    const { it, call } = allFail(failed('rate_limited', { retryAfterMs: 10_918 }))
    const { headers, body } = toldOf(it, call)
    expect(headers).toEqual({ 'retry-after': '11' })
    expect(body.error.metadata).toMatchObject({
      retry_after_seconds: 11,
      retry_after_seconds_raw: 10.918,
      headers: { 'Retry-After': '11' },
    })
    const without = allFail(failed('rate_limited'))
    expect(toldOf(without.it, without.call).headers).toEqual({})
  })

  behaviour(86, 'a moderation is a 403 with reasons, the flagged input cut in the middle, and for whom', async () => {
    const input = `${'a'.repeat(90)}${'z'.repeat(90)}`
    const filters = [
      { served: offers({ provider: 'alpha', name: 'Alpha', moderated: true }), status: 400 },
      { served: offers({ provider: 'alpha', name: 'Alpha' }), status: 403 },
    ]
    for (const { served, status } of filters) {
      const it = new Lab(fleet(served), policy())
      const call = it.ask()
      it.hear(call, failed('content_policy', { status, reasons: ['violence', 'self-harm'] }))
      const told = toldOf(it, call, { input: () => input })
      expect(told.status).toBe(403)
      expect(told.body.error.message).toBe(
        'm requires moderation on Alpha. Your input was flagged for "violence, self-harm". No credits were charged.',
      )
      expect(told.body.error.metadata).toMatchObject({
        reasons: ['violence', 'self-harm'],
        flagged_input: `${'a'.repeat(48)}...${'z'.repeat(48)}`,
        provider_name: 'Alpha',
        model_slug: 'm',
      })
      expect(it.end(call)?.billed).toBe(0)
    }
    // A filter of the provider's own is its error, and not a moderation.
    const own = new Lab(fleet(offers('alpha')), policy())
    const call = own.ask()
    own.hear(call, failed('content_policy'))
    expect(toldOf(own, call)).toMatchObject({ status: 400, body: { error: { message: 'Provider returned error' } } })

    const endpoints = [{ provider: 'alpha', native: 'openrouter' }]
    const faults = { alpha: { fault: 'content_policy', mode: 'moderation', reasons: ['violence'] } }
    await onWire({ endpoints, faults }, async (wire) => {
      const answer = await wire.chat()
      expect(answer.status).toBe(403)
      expect(envelopeShape.parse(answer.json()).error.metadata).toMatchObject({
        reasons: ['violence'],
        flagged_input: HELLO[0]?.content,
        model_slug: MODEL,
      })
    })
  })

  behaviour(88, 'a 500 is masked and keeps only its type; 502 and 503 are told in full', () => {
    const routing = { attempt: 1 }
    const words = { message: 'KeyError at line 12', code: 'internal_error', raw: 'Traceback' }
    const masked = allFail(failed('server_error', words))
    const { status, body } = toldOf(masked.it, masked.call, { routing })
    expect(status).toBe(500)
    expect(body.error.message).toBe('Internal Server Error')
    expect(body.error.metadata).toEqual({ error_type: 'server', provider_name: 'Alpha', is_byok: false })
    expect(body).not.toHaveProperty('openrouter_metadata')
    for (const errorClass of ['bad_gateway', 'overloaded'] as const) {
      const { it, call } = allFail(failed(errorClass, words))
      const told = toldOf(it, call, { routing })
      expect(told.status).toBe(errorClass === 'overloaded' ? 503 : 502)
      expect(told.body.error.metadata).toMatchObject({ provider_code: 'internal_error', raw: 'Traceback' })
      expect(told.body.openrouter_metadata).toEqual(routing)
    }
  })

  behaviour(89, 'every class of error has the typed code whose status the table gives', () => {
    // Statuses of their own beside the type: 408 and 499 are not in the table, which has one timeout.
    const others: Partial<Record<string, number>> = { request_timeout: 408, client_timeout: 408, cancelled: 499 }
    for (const errorClass of ERROR_CLASSES) {
      const status = STATUS_OF[errorClass]
      expect([errorClass, status]).toEqual([
        errorClass,
        others[errorClass] ?? ERROR_TYPES[errorTypeOf(errorClass, status)],
      ])
    }
    expect(errorTypeOf('invalid_request', 422)).toBe('unprocessable')
    expect(ERROR_TYPES).toMatchObject({ unprocessable: 422, content_policy_violation: 400, unmapped: 500 })
  })

  behaviour(95, 'a completion that broke off is handed over as far as it came, its error on the choice', () =>
    onWire(BREAKS, async (wire) => {
      const body = { model: MODEL, messages: HELLO }
      const answer = await wire.post(CHAT, body)
      expect(answer.status).toBe(200)
      const { choices, provider } = brokenCompletionShape.parse(answer.json())
      expect(provider).toBe('alpha')
      expect(choices[0].message.content).not.toBe('')
      expect(choices[0].error.metadata?.error_type).toBeDefined()
      expect(wire.of('call.closed')).toMatchObject([{ outcome: 'failed', billed: 0 }])
      // OpenAI has no such answer: there it is an error like any other.
      expect((await wire.post(PLAIN_CHAT, body)).status).toBeGreaterThanOrEqual(500)
    }),
  )

  behaviour(100, 'an error inside a stream: 200, an integer code, an empty delta, finish_reason `error`', async () => {
    for (const isFollowed of [true, false]) {
      const gateway = { choices: { done_after_error: isFollowed } }
      await onWire({ ...BREAKS, gateway }, async (wire) => {
        const answer = await wire.chat({ stream: true })
        expect(answer.status).toBe(200)
        const events = answer.events()
        expect(events.includes('[DONE]')).toBe(isFollowed)
        const chunks = answer.chunks()
        const errors = chunks.filter((chunk) => 'error' in chunk)
        expect(errors).toHaveLength(1)
        expect(chunks.at(-1)).toBe(errors[0])
        const { error, choices } = errorChunkShape.parse(errors[0])
        expect(choices).toHaveLength(1)
        expect(error.metadata?.error_type).toBeDefined()
        expect(wire.of('attempt.started')).toHaveLength(1)
      })
    }
  })

  test('errors in streams say who failed, and with the header how the call was routed, once', async () => {
    const on = { 'x-openrouter-metadata': 'enabled' }
    await onWire(BREAKS, async (wire) => {
      const chunks = (await wire.chat({ stream: true }, on)).chunks()
      expect(chunks.filter((chunk) => 'openrouter_metadata' in chunk)).toEqual([chunks.at(-1)])
      expect(chunks.at(-1)).toMatchObject({ provider: 'alpha', openrouter_metadata: { requested: MODEL } })
      expect((await wire.chat({ stream: true })).text).not.toContain('openrouter_metadata')
    })
    await onWire(BREAKS, async (wire) => {
      const body = { model: MODEL, max_tokens: 4_000, messages: HELLO, stream: true }
      expect((await wire.post('/api/v1/messages', body, on)).text).toMatch(/event: error\n.*"openrouter_metadata"/)
    })
    // The head is out with a sign of life before anybody has said a word.
    const silent = { fault: 'latency', mode: 'first_token_silence', add: '20s' }
    const policy = { resilience: { timeouts: { first_token: '400ms' } } }
    const gateway = { choices: { keep_alive: '100ms' } }
    await onWire({ endpoints: ['alpha'], faults: { alpha: silent }, gateway, policy }, async (wire) => {
      for (const [path, asked] of [
        [CHAT, { messages: HELLO }],
        ['/api/v1/completions', { prompt: 'Where?' }],
      ] as const) {
        const answer = await wire.post(path, { model: MODEL, stream: true, ...asked }, on)
        expect([answer.status, answer.text.startsWith(': OPENROUTER PROCESSING')]).toEqual([200, true])
        const [only, ...others] = answer.chunks()
        expect(others).toEqual([])
        expect(only).toMatchObject({ provider: 'Alpha', choices: [], error: { code: 504 } })
        expect(only.openrouter_metadata).toMatchObject({ attempts: [{ provider: 'Alpha', status: 504 }] })
      }
    })
  })

  behaviour(101, 'an error as the first event, with empty choices, is a failure', async () => {
    // From a provider: the next one takes over, and the caller sees nothing of it.
    await onWire({ faults: { alpha: { fault: 'stream', mode: 'error_first' } } }, async (wire) => {
      const chunks = (await wire.chat({ stream: true })).chunks()
      expect(chunks.some((chunk) => 'error' in chunk)).toBe(false)
      expect(wire.of('attempt.ended').map(({ outcome }) => outcome)).toEqual(['failed', 'ok'])
    })
    // From the gateway: where the policy commits to headers, nothing has been said when the error comes.
    const early = { resilience: { commit: { at: 'on_headers' } } }
    const faults = { alpha: { fault: 'stream', mode: 'error_first' } }
    await onWire({ faults, policy: early }, async (wire) => {
      const [first, ...rest] = (await wire.chat({ stream: true })).chunks()
      expect(errorChunkShape.parse(first).choices).toEqual([])
      expect(rest).toEqual([])
    })
  })
})

/** Everything that alpha says breaks off in the middle with an error in band, and there is nobody else. */
const BREAKS = {
  endpoints: [{ provider: 'alpha', latency: { ttft_p50: '5ms', ttft_p95: '5ms', tokens_per_second: 1_000 } }],
  faults: { alpha: { fault: 'stream', mode: 'error_beside' } },
}
