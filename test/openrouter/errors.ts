/** Behaviours 80–82, 86, 88, 89, 95: errors on the wire. */
import { describe, expect } from 'vitest'
import { ERROR_CLASSES, ERROR_TYPES, errorTypeOf, STATUS_OF, type Failed } from '../../src/protocol/index.ts'
import { behaviour } from './card.ts'
import { failed, fleet, Lab, offers, policy } from './lab.ts'
import { toldOf } from './telling.ts'

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
})
