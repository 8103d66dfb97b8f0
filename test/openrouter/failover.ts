/** Behaviours 64–78: what leads to the next endpoint and the next model, and what the caller is told when all have failed. */
import { describe, expect } from 'vitest'
import { costOf, type Failed, type Signal } from '../../src/protocol/index.ts'
import { DONE, OPEN, tokens } from '../router/lab.ts'
import { behaviour } from './card.ts'
import { failed, fleet, Lab, offers, policy } from './lab.ts'
import { failureOf, partOf, toldOf } from './telling.ts'
import { MODEL, onWire } from './wire.ts'

const ORDER = { provider: { order: ['alpha', 'beta', 'gamma'] } }
const CUT: Signal = { type: 'closed', how: 'clean' }
const EMPTY: Signal = { type: 'garbled', pattern: 'empty_body' }
const USAGE: Signal = { type: 'usage', inputTokens: 100, outputTokens: 7 }

/** Three providers of one model, asked in order. */
function three(gateway: Record<string, unknown> = {}, more: Record<string, unknown> = {}): Lab {
  return new Lab(fleet(offers('alpha', 'beta', 'gamma'), gateway), policy({ ...ORDER, ...more }))
}

/** Two providers of the first model, and one of the second. */
function twoModels(): Lab {
  const served = offers(
    { provider: 'alpha', model: 'big' },
    { provider: 'beta', model: 'big' },
    { provider: 'gamma', model: 'small', price: { input: 2, output: 4 } },
  )
  return new Lab(fleet(served), policy({ models: ['big', 'small'], ...ORDER }))
}

/** Where a call goes when the first it asks says this. */
function wentAfter(signals: readonly Signal[], gateway: Record<string, unknown> = {}): string[] {
  const it = three(gateway)
  const call = it.ask()
  it.hear(call, ...signals)
  return it.went(call)
}

/** A call of which every attempt fails, each in its own way. */
function allFail(...failures: readonly Failed[]) {
  const it = three()
  const call = it.ask()
  for (const failure of failures) it.hear(call, failure)
  return { it, call }
}

describe('failover', () => {
  behaviour(64, '5xx, 429, a refused connection and silence before the first byte lead to the next endpoint', () => {
    for (const failure of [
      failed('server_error'),
      failed('bad_gateway'),
      failed('overloaded'),
      failed('overloaded', { status: 529 }),
      failed('rate_limited'),
      failed('connect_refused', { status: null, where: 'connect' }),
    ]) {
      const it = three()
      const call = it.ask()
      it.hear(call, failure).hear(call, ...OPEN, tokens(7), USAGE, DONE)
      expect(it.went(call)).toEqual(['alpha', 'beta'])
      expect(it.end(call)).toMatchObject({ outcome: 'ok', servedBy: 1 })
    }
    const late = three()
    const call = late.ask()
    late.at(CONNECT_AND_FIRST_TOKEN)
    expect(late.went(call).slice(0, 2)).toEqual(['alpha', 'beta'])

    const byAccount = (gateway: Record<string, unknown>): string[] => wentAfter([failed('authentication')], gateway)
    expect(byAccount({})).toEqual(['alpha', 'beta'])
    expect(byAccount({ choices: { account_errors_cascade: false } })).toEqual(['alpha'])
  })

  behaviour(65, 'a provider’s 400 and 422 lead to the next endpoint, unless the fleet chooses otherwise', () => {
    for (const status of [400, 422]) {
      const refusal = [failed('invalid_request', { status })]
      expect(wentAfter(refusal)).toEqual(['alpha', 'beta'])
      expect(wentAfter(refusal, { choices: { invalid_requests_cascade: false } })).toEqual(['alpha'])
    }
    // What a policy says of a class itself holds against the choice.
    const reactions = { invalid_request: { next_provider: true } }
    const it = three({ choices: { invalid_requests_cascade: false } }, { resilience: { reactions } })
    const call = it.ask()
    it.hear(call, failed('invalid_request'))
    expect(it.went(call)).toEqual(['alpha', 'beta'])
  })

  behaviour(66, 'all fail: status and words of the last, the others in previous_errors in the order of asking', () => {
    const { it, call } = allFail(
      failed('rate_limited', { message: 'slow down' }),
      failed('invalid_request', { status: 422, message: 'bad field', raw: '{"detail":"bad field"}' }),
      failed('not_found', { message: 'no such model' }),
    )
    const { status, body } = toldOf(it, call)
    expect(status).toBe(404)
    expect(body.error).toMatchObject({
      code: 404,
      message: 'Provider returned error',
      metadata: { provider_name: 'gamma', raw: 'no such model', error_type: 'not_found' },
    })
    const slim = [
      { provider: 'alpha', status: 429 },
      { provider: 'beta', status: 422 },
    ]
    const full = [
      { code: 429, message: 'slow down', provider_name: 'alpha', raw: 'slow down' },
      { code: 422, message: 'bad field', provider_name: 'beta', raw: '{"detail":"bad field"}' },
    ]
    const previous = (choice: 'both' | 'slim' | 'full') =>
      toldOf(it, call, { choices: { previous_errors: choice } }).body.error.metadata?.previous_errors
    expect(previous('both')).toEqual([
      { ...full[0], ...slim[0] },
      { ...full[1], ...slim[1] },
    ])
    expect(previous('full')).toEqual(full)
    expect(previous('slim')).toEqual([
      { ...slim[0], code: 'rate_limit_exceeded' },
      { ...slim[1], code: 'unprocessable' },
    ])
  })

  behaviour(67, 'all 429: capacity_exhausted, with the shortest hint in header and availability', () => {
    const { it, call } = allFail(
      failed('rate_limited', { retryAfterMs: 90_000 }),
      failed('rate_limited', { retryAfterMs: 39_500 }),
      failed('rate_limited'),
    )
    const { status, headers, body } = toldOf(it, call)
    expect(status).toBe(429)
    expect(headers['retry-after']).toBe('40')
    expect(body.error).toMatchObject({
      message: 'All providers for m are at capacity. Retry after 40 seconds.',
      error_type: 'rate_limit_exceeded',
      http_status: 429,
      availability: { code: 'capacity_exhausted', retryable: true, requested_models: ['m'], retry_after: 40 },
    })
    expect(toldOf(it, call, { choices: { availability: false } }).body.error).not.toHaveProperty('availability')
  })

  behaviour(68, 'all 5xx or timeouts: 503 temporarily_unavailable, worth another try', () => {
    const { it, call } = allFail(failed('server_error'), failed('bad_gateway'), failed('gateway_timeout'))
    const { status, body } = toldOf(it, call)
    expect(status).toBe(503)
    expect(body.error).toMatchObject({
      code: 503,
      metadata: { error_type: 'provider_overloaded' },
      availability: { code: 'temporarily_unavailable', retryable: true },
    })
    const mixed = allFail(failed('server_error'), failed('rate_limited'), failed('bad_gateway'))
    expect(toldOf(mixed.it, mixed.call)).toMatchObject({ status: 502 })
    expect(toldOf(mixed.it, mixed.call).body.error).not.toHaveProperty('availability')
  })

  behaviour(69, 'every endpoint of the first model is asked before the second model', () => {
    const it = twoModels()
    const call = it.ask()
    it.hear(call, failed('overloaded')).hear(call, failed('overloaded'))
    expect(it.went(call)).toEqual(['alpha', 'beta', 'gamma'])

    // Whatever is said of providers: `order` is of those of each model, unless all are in one list.
    const planned = (provider: object): string[] => {
      const lab = new Lab(
        offers(
          { provider: 'alpha', model: 'big' },
          { provider: 'beta', model: 'big' },
          { provider: 'beta', model: 'small' },
          { provider: 'gamma', model: 'small' },
        ),
        policy({ models: ['big', 'small'], provider }),
      )
      lab.ask()
      return (lab.of('call.routed')[0]?.order ?? []).map(({ endpoint }) => lab.offers[endpoint]?.id ?? '')
    }
    expect(planned({ order: ['gamma', 'beta'] })).toEqual(['beta:big', 'alpha:big', 'gamma:small', 'beta:small'])
    expect(planned({ order: ['gamma', 'beta'], allow_fallbacks: false })).toEqual([
      'beta:big',
      'gamma:small',
      'beta:small',
    ])
    expect(planned({ order: ['gamma', 'beta'], sort: { partition: 'none' } })).toEqual([
      'gamma:small',
      'beta:big',
      'beta:small',
      'alpha:big',
    ])
  })

  behaviour(70, 'too long a prompt, a moderation, a rate limit and downtime lead to the next model', () => {
    const triggers: readonly Failed[] = [
      failed('context_length'),
      failed('content_policy', { status: 403 }),
      failed('rate_limited'),
      failed('overloaded'),
      failed('connect_refused', { status: null, where: 'connect' }),
    ]
    for (const trigger of triggers) {
      const it = twoModels()
      const call = it.ask()
      while (it.went(call).at(-1) !== 'gamma') it.hear(call, trigger)
      it.hear(call, ...OPEN, tokens(7), USAGE, DONE)
      expect([trigger.class, it.end(call)?.servedBy]).toEqual([trigger.class, 2])
    }
  })

  behaviour(71, 'the last model fails: its error is the answer', () => {
    const it = twoModels()
    const call = it.ask()
    it.hear(call, failed('rate_limited')).hear(call, failed('overloaded'))
    it.hear(call, failed('context_length', { message: 'too long' }))
    const { status, body } = toldOf(it, call, { requested: ['big', 'small'] })
    expect(status).toBe(400)
    expect(body.error.metadata).toMatchObject({
      error_type: 'context_length_exceeded',
      provider_name: 'gamma',
      raw: 'too long',
    })
    expect(body.error.metadata?.previous_errors).toHaveLength(2)
  })

  behaviour(72, '`model` is the one that served, `provider` the display name of who did', () =>
    onWire(
      {
        endpoints: [
          { provider: 'alpha', name: 'Alpha Cloud' },
          { provider: 'beta', name: 'Beta.AI', model: 'acme/small' },
        ],
        faults: { alpha: { fault: 'http_error', status: 503 } },
      },
      async (wire) => {
        for (const stream of [false, true]) {
          const answer = await wire.chat({ models: [MODEL, 'acme/small'], model: undefined, stream })
          expect(answer.status).toBe(200)
          const said = stream ? answer.chunks() : [answer.json()]
          for (const body of said) expect(body).toMatchObject({ model: 'acme/small', provider: 'Beta.AI' })
        }
      },
    ),
  )

  behaviour(73, 'who served is paid, whoever failed is not', () => {
    const it = twoModels()
    const call = it.ask()
    it.hear(call, failed('overloaded'))
    it.hear(call, ...OPEN, tokens(7), CUT) // Seven tokens, and then nothing: nobody pays for them.
    const [, beta] = it.attempts(call)
    expect(beta?.endpoint).toBe(1)
    expect(failureOf(it, call).committed).toBe(true)
    expect(it.end(call)?.billed).toBe(0)

    const other = twoModels()
    const paid = other.ask()
    other.hear(paid, failed('overloaded')).hear(paid, failed('rate_limited'))
    other.hear(paid, ...OPEN, tokens(7), USAGE, DONE)
    const price = other.offers[2]!.price
    expect(other.end(paid)).toMatchObject({ outcome: 'ok', servedBy: 2, billed: costOf(price, 100, 7) })
  })

  behaviour(74, 'a stream that fails before its first token fails over, and the caller sees one clean stream', () =>
    onWire(
      { faults: { alpha: { fault: 'stream', mode: 'opening_then_error' } }, policy: { resilience: NO_RETRY } },
      async (wire) => {
        const answer = await wire.chat({ stream: true })
        expect(answer.status).toBe(200)
        const chunks = answer.chunks()
        expect(chunks.filter((chunk) => chunk.choices[0]?.delta.role !== undefined).length).toBeGreaterThan(0)
        expect(new Set(chunks.map((chunk) => `${chunk.id} ${chunk.provider}`)).size).toBe(1)
        expect(chunks.map((chunk) => chunk.provider)).toContain('Beta')
        expect(chunks.some((chunk) => 'error' in chunk)).toBe(false)
        expect(wire.of('attempt.ended').map(({ outcome }) => outcome)).toEqual(['failed', 'ok'])
      },
    ),
  )

  behaviour(75, 'a stream that fails after its first token: one error event, and nobody else is asked', () => {
    const endings: readonly (readonly Signal[])[] = [
      [failed('overloaded', { where: 'stream', status: null })],
      [CUT],
      [{ type: 'garbled', pattern: 'broken_json' }],
    ]
    for (const ending of endings) {
      const it = three()
      const call = it.ask()
      it.hear(call, ...OPEN, tokens(5), ...ending)
      expect(it.went(call)).toEqual(['alpha'])
      expect(it.sent('client.fail')).toHaveLength(1)
      expect(it.sent('client.end')).toHaveLength(0)
      expect(failureOf(it, call).committed).toBe(true)
      expect(Number.isInteger(partOf(it, call).code)).toBe(true)
    }
  })

  behaviour(76, 'no text, an answer cut at its length, bad JSON and bad arguments are no errors', () => {
    const answers: readonly (readonly Signal[])[] = [
      [...OPEN, USAGE, DONE],
      [...OPEN, tokens(7), USAGE, { type: 'finished', reason: 'length' }],
      [...OPEN, { ...tokens(7), text: '{"broken":' }, USAGE, DONE],
      [
        ...OPEN,
        { type: 'toolDelta', index: 0, id: 'call_1', name: 'nobody', args: '{"n":', tokens: 3 },
        USAGE,
        { type: 'finished', reason: 'tool_calls' },
      ],
    ]
    for (const answer of answers) {
      const it = three()
      const call = it.ask()
      it.hear(call, ...answer)
      expect(it.went(call)).toEqual(['alpha'])
      expect(it.end(call)?.outcome).toBe('ok')
    }
  })

  behaviour(
    77,
    'an empty or invalid body before any token is provider_unavailable, and leads to the next endpoint',
    () => {
      const html: Signal = { type: 'garbled', pattern: 'html_page' }
      for (const nothing of [EMPTY, html, CUT]) {
        expect(wentAfter([...OPEN, nothing])).toEqual(['alpha', 'beta'])
        const it = new Lab(fleet(offers('alpha')), policy())
        const call = it.ask()
        it.hear(call, ...OPEN, nothing)
        const { status, body } = toldOf(it, call)
        expect(status).toBe(502)
        expect(body.error.metadata?.error_type).toBe('provider_unavailable')
      }
      const stays = { choices: { blank_responses_cascade: false } }
      expect(wentAfter([...OPEN, EMPTY], stays)).toEqual(['alpha'])
      expect(wentAfter([...OPEN, CUT], stays)).toEqual(['alpha'])
      expect(wentAfter([...OPEN, html], stays)).toEqual(['alpha', 'beta'])
    },
  )

  behaviour(78, 'a first model that policy removes is answered by the next one, with 200', () =>
    onWire(
      {
        endpoints: [
          { provider: 'alpha', data_collection: 'allow' },
          { provider: 'beta', model: 'acme/small' },
        ],
      },
      async (wire) => {
        const asked = { model: undefined, models: [MODEL, 'acme/small'], provider: { data_collection: 'deny' } }
        const answer = await wire.chat(asked)
        expect(answer.status).toBe(200)
        expect(answer.json()).toMatchObject({ model: 'acme/small', provider: 'beta' })
        expect(wire.of('attempt.started').map(({ endpoint }) => endpoint)).toEqual([1])
      },
    ),
  )
})

/** A minute: longer than the default policy waits for a connection and the first token. */
const CONNECT_AND_FIRST_TOKEN = 60_000
const NO_RETRY = { retry: { attempts: 0 } }
