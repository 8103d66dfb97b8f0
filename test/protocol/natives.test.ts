/**
 * Every provider's errors, there and back: what a native writes, whatever the dialect around it, means the same to the
 * parser that reads it. The bodies themselves are held against what the providers' pages and public issues quote.
 */
import { EDGES } from '../../src/protocol/edge.ts'
import { describe, expect, test } from 'vitest'
import {
  DIALECT_IDS,
  NATIVE_IDS,
  type DialectId,
  type Failed,
  type NativeId,
  type RetryAfterForm,
  type Signal,
} from '../../src/protocol/index.ts'
import {
  nativeNamed,
  nativeOf,
  NATIVES,
  PROVIDER_CLASSES,
  type ProviderClass,
} from '../../src/protocol/natives/index.ts'
import { endpoint } from '../virtual/lab.ts'
import { CONTEXT, labOf, type Rendered } from './lab.ts'

const FACTS = { model: 'acme/large', limit: 128_000, wanted: 200_000 }

function errorOf(id: NativeId, name: ProviderClass, more: Partial<Failed> = {}): Failed {
  const { status, words } = nativeNamed(id).says[name]
  const { retryAfterMs = null } = more
  const message = words({ ...FACTS, retryAfterMs })
  return { type: 'failed', class: name, status, retryAfterMs, where: 'response', message, ...more }
}

function render(dialect: DialectId, id: NativeId, signals: readonly Signal[], stream = true): Rendered {
  return labOf(dialect).render(signals, { ...CONTEXT, stream, native: nativeNamed(id) })
}

function there(dialect: DialectId, id: NativeId, signals: readonly Signal[], stream = true): Signal[] {
  return labOf(dialect).parse(render(dialect, id, signals, stream), stream)
}

describe.each(NATIVE_IDS.flatMap((id) => DIALECT_IDS.map((dialect) => [id, dialect] as const)))(
  '%s over %s',
  (id, dialect) => {
    test.each(PROVIDER_CLASSES)('%s: means the same to whoever reads it', (name) => {
      const failed = errorOf(id, name)
      const [heard, ...rest] = there(dialect, id, [failed])
      expect(rest).toEqual([])
      expect(heard).toMatchObject({ type: 'failed', class: name, status: failed.status, where: 'response' })
      const { message, html } = heard as Failed
      if (!html) expect(message).toBe(failed.message.slice(0, 500))
    })

    test.each<RetryAfterForm>(['seconds', 'milliseconds', 'date'])('a hint in %s: is read back', (form) => {
      const failed = errorOf(id, 'rate_limited', { retryAfterMs: 7_000, retryAfterForm: form })
      expect(there(dialect, id, [failed])).toMatchObject([{ class: 'rate_limited', retryAfterMs: 7_000 }])
    })

    test('no hint: none is read into its words', () => {
      for (const name of PROVIDER_CLASSES) {
        expect(there(dialect, id, [errorOf(id, name)]), name).toMatchObject([{ retryAfterMs: null }])
      }
    })

    test.each(['overloaded', 'rate_limited', 'server_error'] as const)(
      '%s under a 200: is an error all the same',
      (name) => {
        const quirk: Signal = { type: 'quirk', name: 'http.error_with_200' }
        const failed: Failed = { ...errorOf(id, name), status: null, where: 'stream' }
        for (const stream of [true, false]) {
          const rendered = render(
            dialect,
            id,
            [quirk, { type: 'accepted', status: 200, headers: null }, failed],
            stream,
          )
          expect(rendered.head?.status).toBe(200)
          const heard = labOf(dialect).parse(rendered, stream)
          expect(heard.map(({ type }) => type)).toEqual(['accepted', 'failed'])
          if (id !== 'xai') expect(heard[1]).toMatchObject({ class: name, where: 'stream' }) // Its prose has no words.
        }
      },
    )

    test('an error quoted as text in an error in an error: is unwrapped', () => {
      for (const name of ['rate_limited', 'overloaded', 'context_length'] as const) {
        const failed = errorOf(id, name, { written: 'nested' })
        expect(there(dialect, id, [failed])).toMatchObject([
          { class: name, status: failed.status, message: failed.message },
        ])
      }
    })

    test('no body at all: the status decides', () => {
      const failed = errorOf(id, 'overloaded', { status: 503, written: 'empty' })
      expect(render(dialect, id, [failed]).body).toBe('')
      expect(there(dialect, id, [failed])).toMatchObject([{ class: 'overloaded', status: 503, message: '' }])
    })

    test.each(EDGES)('an edge (%s): its page is no riddle', (written) => {
      const statuses = written === 'cloudflare_1015' ? [429] : written === 'github_proxy' ? [408] : [502, 504]
      const names = { 408: 'request_timeout', 429: 'rate_limited', 502: 'bad_gateway', 504: 'gateway_timeout' } as const
      for (const status of statuses) {
        const name = names[status as keyof typeof names]
        expect(there(dialect, id, [errorOf(id, name, { status, written })])).toMatchObject([{ class: name, status }])
      }
    })
  },
)

describe('masked statuses', () => {
  test.each(NATIVE_IDS.filter((id) => id !== 'xai'))('%s: the words inside decide', (id) => {
    for (const name of ['rate_limited', 'context_length'] as const) {
      expect(there('openai-chat', id, [errorOf(id, name, { status: 502 })])).toMatchObject([
        { class: name, status: 502 },
      ])
    }
  })
})

describe('natives', () => {
  test('every id of the catalogue, has one', () => {
    expect(NATIVES.map(({ id }) => id)).toEqual([...NATIVE_IDS])
  })

  test.each([
    [{ provider: 'groq' }, 'groq'],
    [{ provider: 'mistralai' }, 'mistral'],
    [{ provider: 'azure/swedencentral' }, 'azure'],
    [{ provider: 'nobody' }, 'openai'],
    [{ provider: 'nobody', dialect: 'anthropic-messages' }, 'anthropic'],
    [{ provider: 'nobody', dialect: 'gemini' }, 'google'],
    [{ provider: 'openai', native: 'groq' }, 'groq'],
  ] as const)('%j: answers like %s', (spec, expected) => {
    expect(nativeOf(endpoint(spec.provider, spec)).id).toBe(expected)
  })

  const LIMITS = {
    'x-ratelimit-limit-requests': '500',
    'x-ratelimit-remaining-requests': '0',
    'x-ratelimit-reset-requests': '60s',
    'x-ratelimit-limit-tokens': '200000',
    'x-ratelimit-remaining-tokens': '149984',
    'x-ratelimit-reset-tokens': '6s',
  }

  test.each([
    ['openai', { ...LIMITS, 'x-ratelimit-reset-requests': '1m0s' }],
    ['azure', { ...LIMITS, 'x-ratelimit-reset-requests': '1m0s' }],
    ['xai', { ...LIMITS, 'x-ratelimit-reset-requests': '1m0s' }],
    [
      'anthropic',
      {
        'anthropic-ratelimit-requests-limit': '500',
        'anthropic-ratelimit-requests-remaining': '0',
        'anthropic-ratelimit-requests-reset': '2025-10-09T08:54:20Z',
        'anthropic-ratelimit-tokens-limit': '200000',
        'anthropic-ratelimit-tokens-remaining': '150000',
        'anthropic-ratelimit-tokens-reset': '2025-10-09T08:53:26Z',
      },
    ],
    ['google', {}],
    ['deepseek', {}],
    [
      'mistral',
      {
        'x-ratelimit-limit-req-minute': '500',
        'x-ratelimit-remaining-req-minute': '0',
        'x-ratelimit-limit-tokens-minute': '200000',
        'x-ratelimit-remaining-tokens-minute': '149984',
      },
    ],
    [
      'groq',
      {
        ...LIMITS,
        'x-ratelimit-limit-requests': '720000',
        'x-ratelimit-remaining-requests': '719500',
        'x-ratelimit-reset-requests': '1m0s',
      },
    ],
    [
      'together',
      {
        'x-ratelimit-limit': '500',
        'x-ratelimit-remaining': '0',
        'x-ratelimit-reset': '60',
        'x-tokenlimit-limit': '200000',
        'x-tokenlimit-remaining': '149984',
        'x-tokenlimit-reset': '6',
      },
    ],
    ['openrouter', { 'x-ratelimit-limit': '500', 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '1760000060000' }],
  ] as const)('%s: tells limits under its own names', (id, expected) => {
    const { head } = render('openai-chat', id, [errorOf(id, 'rate_limited', { headers: LIMITS })])
    const told = Object.entries(head?.headers ?? {}).filter(([name]) => /ratelimit|tokenlimit/.test(name))
    expect(Object.fromEntries(told)).toEqual(expected)
  })

  test('OpenRouter: an answer that is no error says nothing of limits', () => {
    const { head } = render('openai-chat', 'openrouter', [{ type: 'accepted', status: 200, headers: LIMITS }])
    expect(Object.keys(head?.headers ?? {}).filter((name) => name.includes('ratelimit'))).toEqual([])
  })

  const said = (id: NativeId, name: ProviderClass, more: Partial<Failed> = {}) =>
    JSON.parse(render('openai-chat', id, [errorOf(id, name, more)]).body)

  test('OpenAI: out of quota (cursor#1293)', () => {
    expect(said('openai', 'payment_required')).toEqual({
      error: {
        message: expect.stringContaining('You exceeded your current quota'),
        type: 'insufficient_quota',
        param: null,
        code: 'insufficient_quota',
      },
    })
  })

  test('OpenAI: an edge that answers in JSON knows no request (dspy#203)', () => {
    const { head, body } = render('openai-chat', 'openai', [errorOf('openai', 'bad_gateway')])
    expect(JSON.parse(body)).toEqual({
      error: { code: 502, message: 'Bad gateway.', param: null, type: 'cf_bad_gateway' },
    })
    expect(head?.headers).toMatchObject({ server: 'cloudflare' })
    expect(head?.headers).not.toHaveProperty('x-request-id')
  })

  test('Anthropic: overloaded is a 529 (claude-code#35777); no credit is a 400 (#66314)', () => {
    const { head, body } = render('anthropic-messages', 'anthropic', [errorOf('anthropic', 'overloaded')])
    expect(head).toMatchObject({ status: 529, headers: { 'request-id': expect.stringMatching(/^req_/) } })
    expect(JSON.parse(body)).toEqual({
      type: 'error',
      error: { details: null, type: 'overloaded_error', message: 'Overloaded' },
      request_id: head?.headers['request-id'],
    })
    expect(nativeNamed('anthropic').says.payment_required.status).toBe(400)
    expect(said('anthropic', 'payment_required', { status: 402 }).error.type).toBe('billing_error')
    expect(said('anthropic', 'payload_too_large')).not.toHaveProperty('request_id')
  })

  test('Google: pretty-printed, the hint a RetryInfo and no header (gemini-cli#8437)', () => {
    const failed = errorOf('google', 'rate_limited', { retryAfterMs: 34_000 })
    const { head, body } = render('gemini', 'google', [failed])
    expect(body).toMatch(/^\{\n {2}"error": \{\n/)
    expect(JSON.parse(body).error).toMatchObject({
      code: 429,
      status: 'RESOURCE_EXHAUSTED',
      details: [
        { '@type': 'type.googleapis.com/google.rpc.QuotaFailure' },
        { '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '34s' },
      ],
    })
    expect(Object.keys(head?.headers ?? {}).filter((name) => name.startsWith('retry'))).toEqual([])
  })

  test('Azure: two hints, a code as a string; a filtered prompt has its innererror (compl-ai#20)', () => {
    const { head } = render('openai-chat', 'azure', [errorOf('azure', 'rate_limited', { retryAfterMs: 7_000 })])
    expect(head?.headers).toMatchObject({ 'retry-after': '7', 'retry-after-ms': '7000' })
    expect(said('azure', 'rate_limited').error.code).toBe('429')
    expect(said('azure', 'content_policy').error).toMatchObject({
      code: 'content_filter',
      param: 'prompt',
      innererror: { code: 'ResponsibleAIPolicyViolation' },
    })
  })

  test('Mistral: one flat object (cline#9085), validation as FastAPI has it', () => {
    expect(said('mistral', 'rate_limited')).toEqual({
      object: 'error',
      message: 'Rate limit exceeded',
      type: 'rate_limited',
      param: null,
      code: '1300',
      raw_status_code: 429,
    })
    expect(said('mistral', 'invalid_request')).toHaveProperty('detail')
  })

  test('Together: too long a prompt is a 403; DeepSeek: no balance is a 402; xAI: error is a string', () => {
    expect(nativeNamed('together').says.context_length.status).toBe(403)
    expect(nativeNamed('deepseek').says.payment_required.status).toBe(402)
    expect(said('xai', 'payment_required').error).toMatch(/used all available credits/)
  })
})
