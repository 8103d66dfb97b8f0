/** The OpenAI dialect: what goes out, the quirks of imitators, errors, and requests. The law is in law.test.ts. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  isRequestProblem,
  problemSignal,
  shapeOf,
  type HeaderBag,
  type WireRequest,
} from '../../src/protocol/dialects/index.ts'
import { EVENT_LENGTH_MAX } from '../../src/protocol/dialects/_wire.ts'
import { classOfError, partsOfBody } from '../../src/protocol/dialects/_errors.ts'
import { utf8Bytes } from '../../src/protocol/dialects/_wire.ts'
import { VOCABULARY } from '../../src/protocol/dialects/openai-chat/errors.ts'
import { GARBLED_PATTERNS, type ErrorClass, type Failed, type Signal } from '../../src/protocol/index.ts'
import { ACCEPTED, bytesOf, CONTEXT, CUT, finished, FIXED, inBand, labOf, OK_JSON, OK_STREAM, text } from './lab.ts'

const { dialect: chat, render, parse, streamed, jsoned, answered } = labOf('openai-chat')

const sse = (...chunks: readonly (object | string)[]) =>
  chunks.map((chunk) => `data: ${typeof chunk === 'string' ? chunk : JSON.stringify(chunk)}\n\n`).join('')
const delta = (fields: object, finish: string | null = null, beside: object = {}) => ({
  choices: [{ index: 0, delta: fields, finish_reason: finish }],
  ...beside,
})

describe('what is not told', () => {
  test('openai-chat: usage that was not asked for, is not streamed but is in a JSON answer', () => {
    const counts: Signal = { type: 'usage', inputTokens: 3, outputTokens: 4 }
    const signals = [ACCEPTED, counts, finished('stop')]
    expect(streamed(render(signals, { ...CONTEXT, includeUsage: false }).body)).not.toContainEqual(counts)
    expect(jsoned(render(signals, { ...CONTEXT, stream: false, includeUsage: false }).body)).toContainEqual(counts)
  })
})

// ---------------------------------------------------------------------------------------------------------------------
// Bytes

describe('bytes', () => {
  test('openai-chat: content, comes out with the byte that completes its event', () => {
    const parser = chat.parser({ stream: true })
    parser.head(200, OK_STREAM.headers)
    const bytes = bytesOf(sse(delta({ content: 'Hi' })))
    expect(parser.push(bytes.subarray(0, -1))).toEqual([])
    expect(parser.push(bytes.subarray(-1))).toEqual([text('Hi', 1)])
  })

  test('openai-chat: an error, keeps its code and its body as they came', () => {
    const body = '{"error":{"message":"The engine is overloaded","code":"engine_overloaded"}}'
    const parser = chat.parser({ stream: true })
    parser.head(503, OK_JSON.headers)
    parser.push(bytesOf(body))
    expect(parser.end('clean')).toMatchObject([{ type: 'failed', code: 'engine_overloaded', raw: body }])
  })

  test('openai-chat: text, is counted by its bytes however it comes in pieces', () => {
    const pieces = ['a', 'b', 'c', ' dddddddd', '日本語']
    const signals = streamed(sse(...pieces.map((piece) => delta({ content: piece }))))
    const counts = signals.map((signal) => (signal.type === 'content' ? signal.tokens : 0))
    // At least one each; 21 bytes in all, so the long pieces make up for what the short ones took.
    expect(counts.filter((count) => count > 0)).toEqual([1, 1, 1, 1, 2])
  })

  test('openai-chat: an event above the cap, is garbled whether it ends or not', () => {
    const endless = `data: ${'x'.repeat(EVENT_LENGTH_MAX + 1)}`
    for (const body of [endless, `${endless}\n\n`]) {
      expect(streamed(body)).toEqual([ACCEPTED, { type: 'garbled', pattern: 'not_sse' }])
      expect(parse({ head: OK_STREAM, body, end: 'clean' }, true, [50_000])).toHaveLength(2)
    }
    const whole = sse(delta({ content: 'x'.repeat(EVENT_LENGTH_MAX) }))
    expect(streamed(whole), 'even when it is well-formed').toEqual([ACCEPTED, { type: 'garbled', pattern: 'not_sse' }])
  })

  test('openai-chat: an error body without end, is read as far as people would', () => {
    const [signal] = answered(500, `oh no ${'!'.repeat(1_000_000)}`)
    expect(signal).toMatchObject({ class: 'server_error', message: expect.stringMatching(/^oh no !{494}$/) })
    expect(answered(500, `<html><title>Oh</title>${' '.repeat(100_000)}`)).toMatchObject([
      { html: true, message: 'Oh' },
    ])
  })

  test('openai-chat: the length of a text, is what it has as UTF-8', () => {
    const units = fc.string({ unit: fc.constantFrom('a', 'é', '→', '\ud83d', '\ude00'), maxLength: 80 })
    fc.assert(
      fc.property(units, (said) => {
        expect(utf8Bytes(said)).toBe(bytesOf(said).length)
      }),
      FIXED,
    )
  })
})

// ---------------------------------------------------------------------------------------------------------------------
// What goes out

describe('what goes out', () => {
  const counts: Signal = { type: 'usage', inputTokens: 5, outputTokens: 2 }
  const call: Signal = { type: 'toolDelta', index: 0, id: 'call_1', name: 'find', args: '{"a":', tokens: 2 }
  const more: Signal = { type: 'toolDelta', index: 0, args: '1}', tokens: 1 }
  const run: Signal = { type: 'content', channel: 'text', tokens: 1, forMs: 0, everyMs: 0 }
  const framesOf = (body: string) =>
    body
      .split('\n\n')
      .filter((frame) => frame.startsWith('data: {'))
      .map((frame) => JSON.parse(frame.slice(6)) as Record<string, unknown>)

  test('openai-chat: a stream, has every field that some client insists on', () => {
    const { head, body, end } = render([ACCEPTED, run, call, more, counts, finished('tool_calls')])
    expect(head).toEqual({
      status: 200,
      headers: {
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-cache',
        'x-request-id': 'req_chatcmpl-1',
      },
    })
    const identity = {
      id: 'chatcmpl-1',
      object: 'chat.completion.chunk',
      created: 1_760_000_000,
      model: 'openai/gpt-5-mini',
      system_fingerprint: null,
    }
    const chunk = (fields: object, finish_reason: string | null = null) => ({
      ...identity,
      choices: [{ index: 0, delta: fields, logprobs: null, finish_reason }],
      usage: null,
    })
    expect(framesOf(body)).toEqual([
      chunk({ role: 'assistant', content: '', refusal: null }),
      chunk({ content: ' abc' }),
      chunk({ tool_calls: [{ index: 0, id: 'call_1', type: 'function', function: { name: 'find', arguments: '' } }] }),
      chunk({ tool_calls: [{ index: 0, function: { arguments: '{"a":' } }] }),
      chunk({ tool_calls: [{ index: 0, function: { arguments: '1}' } }] }),
      chunk({}, 'tool_calls'),
      {
        ...identity,
        choices: [],
        usage: expect.objectContaining({ prompt_tokens: 5, completion_tokens: 2, total_tokens: 7 }),
      },
    ])
    expect(body.endsWith('data: [DONE]\n\n')).toBe(true)
    expect(end).toBe('clean')
  })

  test('openai-chat: a JSON answer, comes whole with its end', () => {
    const context = { ...CONTEXT, stream: false }
    const renderer = chat.renderer(context)
    expect(renderer.render([{ type: 'connected' }])).toEqual({ body: '', end: null })
    expect(renderer.render([ACCEPTED])).toMatchObject({ head: { status: 200 }, body: '', end: null })
    expect(renderer.render([call, more, counts])).toEqual({ body: '', end: null })
    const last = renderer.render([finished('tool_calls')])
    expect(last.end).toBe('clean')
    expect(JSON.parse(last.body)).toEqual({
      id: 'chatcmpl-1',
      object: 'chat.completion',
      created: 1_760_000_000,
      model: 'openai/gpt-5-mini',
      system_fingerprint: null,
      choices: [
        {
          index: 0,
          message: {
            role: 'assistant',
            content: null,
            refusal: null,
            tool_calls: [{ id: 'call_1', type: 'function', function: { name: 'find', arguments: '{"a":1}' } }],
          },
          logprobs: null,
          finish_reason: 'tool_calls',
        },
      ],
      usage: {
        prompt_tokens: 5,
        completion_tokens: 2,
        total_tokens: 7,
        prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
        completion_tokens_details: {
          reasoning_tokens: 0,
          audio_tokens: 0,
          accepted_prediction_tokens: 0,
          rejected_prediction_tokens: 0,
        },
      },
    })
  })

  test('openai-chat: the part of the prompt that the cache had, is told beside the prompt', () => {
    const counts: Signal = {
      type: 'usage',
      inputTokens: 9,
      outputTokens: 2,
      cachedInputTokens: 4,
      writtenInputTokens: 3,
    }
    const { body } = render([ACCEPTED, counts, finished('stop')], { ...CONTEXT, stream: false })
    expect(JSON.parse(body).usage).toMatchObject({
      prompt_tokens: 9,
      total_tokens: 11,
      prompt_tokens_details: { cached_tokens: 4, cache_write_tokens: 3 },
    })
  })

  test('openai-chat: tool calls out of order, are listed by index and without empty pieces', () => {
    const second: Signal = { type: 'toolDelta', index: 1, id: 'call_2', name: 'look', args: '', tokens: 1 }
    const signals = [ACCEPTED, second, call, more, finished('tool_calls')]
    expect(JSON.parse(render(signals, { ...CONTEXT, stream: false }).body)).toMatchObject({
      choices: [{ message: { tool_calls: [{ id: 'call_1' }, { id: 'call_2' }] } }],
    })
    expect(framesOf(render(signals).body)).toHaveLength(1 + 1 + 3 + 1)
  })

  test('openai-chat: the gateway speaks as OpenRouter, with provider and native finish reason', () => {
    const { body } = render([ACCEPTED, { type: 'ping' }, run, finished('stop')], { ...CONTEXT, providerName: 'OpenAI' })
    expect(body.startsWith(': OPENROUTER PROCESSING\n\n')).toBe(true)
    for (const frame of framesOf(body)) {
      expect(frame).toMatchObject({ provider: 'OpenAI' })
      expect(frame, "OpenRouter's own SDK refuses it as null").not.toHaveProperty('system_fingerprint')
    }
    expect(body).toContain('"native_finish_reason":"stop"')
  })

  test('openai-chat: an HTML page with status 200, has its own content type when it is known in time', () => {
    const page: Signal = { type: 'garbled', pattern: 'html_page' }
    expect(render([ACCEPTED, page]).head?.headers['content-type']).toBe('text/html; charset=UTF-8')
    expect(render([ACCEPTED, page], CONTEXT, [1]).head?.headers['content-type']).toContain('text/event-stream')
  })

  test('openai-chat: an edge that answers for the provider, sends a page and no request id', () => {
    const edge: Failed = {
      type: 'failed',
      class: 'bad_gateway',
      status: 502,
      retryAfterMs: null,
      where: 'response',
      message: '',
      html: true,
    }
    const { head, body } = render([edge])
    expect(head?.status).toBe(502)
    expect(head?.headers).toMatchObject({ 'content-type': 'text/html; charset=UTF-8', server: 'cloudflare' })
    expect(head?.headers).not.toHaveProperty('x-request-id')
    expect(body).toContain('502: Bad gateway')
    expect(body.length).toBeLessThan(1000)
    expect(answered(502, body)).toEqual([{ ...edge, message: 'api.provider.example | 502: Bad gateway' }])
  })

  test.each<[RetryHint: Failed['retryAfterForm'], headers: object]>([
    ['seconds', { 'retry-after': '2' }],
    ['milliseconds', { 'retry-after-ms': '1500' }],
    ['date', { date: 'Thu, 09 Oct 2025 08:53:20 GMT', 'retry-after': 'Thu, 09 Oct 2025 08:53:22 GMT' }],
  ])('openai-chat: a hint of 1.5 s in %s, is written so', (form, headers) => {
    const limited: Failed = {
      type: 'failed',
      class: 'rate_limited',
      status: 429,
      retryAfterMs: 1500,
      where: 'response',
      message: 'Rate limit reached',
      ...(form && { retryAfterForm: form }),
    }
    expect(render([limited]).head?.headers).toMatchObject(headers)
  })

  test('openai-chat: errors, have the words of the provider or the number of OpenRouter', () => {
    const invalid: Failed = {
      type: 'failed',
      class: 'context_length',
      status: null,
      retryAfterMs: null,
      where: 'response',
      message: 'Too long.',
    }
    expect(JSON.parse(render([invalid]).body)).toEqual({
      error: {
        message: 'Too long.',
        type: 'invalid_request_error',
        param: 'messages',
        code: 'context_length_exceeded',
      },
    })
    expect(JSON.parse(render([invalid], { ...CONTEXT, surface: 'openrouter' }).body)).toEqual({
      error: { code: 400, message: 'Too long.', metadata: { error_type: 'context_length_exceeded' } },
    })
  })

  test('openai-chat: an error inside a stream, comes as a chunk and without [DONE]', () => {
    const broken: Failed = {
      type: 'failed',
      class: 'overloaded',
      status: 503,
      retryAfterMs: null,
      where: 'stream',
      message: 'Overloaded',
    }
    const { body, end } = render([ACCEPTED, run, broken])
    expect(end).toBe('clean')
    expect(body).not.toContain('[DONE]')
    expect(framesOf(body).at(-1)).toMatchObject({
      error: { code: 503, message: 'Overloaded', metadata: { error_type: 'provider_overloaded' } },
      choices: [{ index: 0, delta: { content: '' }, finish_reason: 'error' }],
    })
  })
})

// ---------------------------------------------------------------------------------------------------------------------
// What comes in, from imitators and worse

describe('what comes in', () => {
  const stop = delta({}, 'stop')

  test.each<[situation: string, body: string, signals: Signal[]]>([
    ['no [DONE] after a finish reason', sse(delta({ content: 'Hi' }), stop), [text('Hi', 1), finished('stop')]],
    ['[DONE] without a finish reason', sse(delta({ content: 'Hi' }), '[DONE]'), [text('Hi', 1), CUT]],
    ['neither', sse(delta({ content: 'Hi' })), [text('Hi', 1), CUT]],
    ['cut inside a frame', `${sse(delta({ content: 'Hi' }))}data: {"choi`, [text('Hi', 1), CUT]],
    ['data after [DONE]', sse(stop, '[DONE]', delta({ content: 'late' })), [finished('stop')]],
    [
      'usage beside a repeated finish reason',
      sse(stop, delta({ content: '' }, 'stop', { usage: { prompt_tokens: 1, completion_tokens: 2 } }), '[DONE]'),
      [{ type: 'usage', inputTokens: 1, outputTokens: 2 }, finished('stop')],
    ],
    [
      'usage in every chunk',
      sse(
        delta({ content: 'Hi' }, null, { usage: { prompt_tokens: 1, completion_tokens: 1 } }),
        delta({}, 'stop', { usage: { prompt_tokens: 1, completion_tokens: 2 } }),
      ),
      [text('Hi', 1), { type: 'usage', inputTokens: 1, outputTokens: 2 }, finished('stop')],
    ],
    ['usage that is null', sse(delta({ content: 'Hi' }, 'stop', { usage: null })), [text('Hi', 1), finished('stop')]],
    ["Azure's first frame", sse({ choices: [], id: '', prompt_filter_results: [] }, stop), [finished('stop')]],
    [
      'no finish_reason key',
      sse({ choices: [{ index: 0, delta: { content: 'Hi' } }] }, stop),
      [text('Hi', 1), finished('stop')],
    ],
    [
      'reasoning_content beside null content',
      sse(delta({ reasoning_content: 'Hm', content: null }), stop),
      [text('Hm', 1, 'reasoning'), finished('stop')],
    ],
    ['a refusal', sse(delta({ refusal: 'No.' }), stop), [text('No.', 1), finished('stop')]],
    [
      'content in parts',
      sse(delta({ content: [{ type: 'text', text: 'Hi' }] }), stop),
      [text('Hi', 1), finished('stop')],
    ],
    ['an event named ping', `event: ping\ndata: {"type":"ping"}\n\n${sse(stop)}`, [{ type: 'ping' }, finished('stop')]],
    ['another choice', sse({ choices: [{ index: 1, delta: { content: 'B' } }] }, stop), [finished('stop')]],
    ["Mistral's reason", sse(delta({}, 'model_length')), [finished('length')]],
    ["Together's reason", sse(delta({}, 'eos')), [finished('stop')]],
    [
      'a whole tool call in one delta',
      sse(delta({ tool_calls: [{ index: 0, id: 'call_9', function: { name: 'f', arguments: '{}' } }] }, 'tool_calls')),
      [{ type: 'toolDelta', index: 0, id: 'call_9', name: 'f', args: '{}', tokens: 1 }, finished('tool_calls')],
    ],
    [
      'id and name repeated, or an empty name, in later pieces',
      sse(
        delta({ tool_calls: [{ index: 0, id: 'a', function: { name: 'f', arguments: '{' } }] }),
        delta({ tool_calls: [{ index: 0, id: 'a', function: { name: '', arguments: '' } }] }),
        delta({ tool_calls: [{ index: 0, id: 'a', function: { name: 'f', arguments: '}' } }] }),
      ),
      [
        { type: 'toolDelta', index: 0, id: 'a', name: 'f', args: '{', tokens: 1 },
        { type: 'toolDelta', index: 0, args: '', tokens: 0 },
        { type: 'toolDelta', index: 0, args: '}', tokens: 1 },
        CUT,
      ],
    ],
    [
      'arguments as an object',
      sse(delta({ tool_calls: [{ id: 'a', function: { name: 'f', arguments: { x: 1 } } }] }, 'tool_calls')),
      [{ type: 'toolDelta', index: 0, id: 'a', name: 'f', args: '{"x":1}', tokens: 2 }, finished('tool_calls')],
    ],
  ])('openai-chat: stream with %s', (_situation, body, signals) => {
    expect(streamed(body)).toEqual([ACCEPTED, ...signals])
  })

  test.each<[situation: string, error: unknown, signal: Signal]>([
    ['in prose', 'oh no', inBand('stream_error', null, 'oh no')],
    ['of no known kind', { message: 'oh no', type: 'weird' }, inBand('stream_error', null, 'oh no')],
    ['with a number', { message: 'x', code: 502 }, inBand('bad_gateway', 502, 'x')],
    ['with a word', { message: 'x', code: 'rate_limit_exceeded' }, inBand('rate_limited', null, 'x')],
    ['with a vague word', { message: 'x', type: 'server_error' }, inBand('server_error', null, 'x')],
    [
      'as OpenRouter writes it',
      { message: 'x', code: 503, metadata: { error_type: 'provider_overloaded' } },
      inBand('overloaded', 503, 'x'),
    ],
  ])('openai-chat: error %s inside a stream', (_situation, error, signal) => {
    const content = delta({ content: 'Hi' })
    const chunk = delta({ content: '' }, 'error', { error })
    expect(streamed(sse(content, chunk, '[DONE]'))).toEqual([ACCEPTED, text('Hi', 1), signal])
    expect(streamed(sse(content, { error }))).toEqual([ACCEPTED, text('Hi', 1), signal])
    expect(streamed(`${sse(content)}event: error\n${sse({ error })}`)).toEqual([ACCEPTED, text('Hi', 1), signal])
    expect(jsoned(JSON.stringify({ error })), 'and as a body with status 200').toEqual([ACCEPTED, signal])
    expect(streamed(JSON.stringify({ error })), 'and instead of a stream').toEqual([ACCEPTED, signal])
  })

  test.each<[situation: string, body: string, pattern: (typeof GARBLED_PATTERNS)[number]]>([
    ['nothing', '', 'empty_body'],
    ['blank lines', '\n \r\n', 'empty_body'],
    ['only comments', ': wait\n\n: wait\n\n', 'empty_body'],
    ['an HTML page', '<!DOCTYPE html><html></html>', 'html_page'],
    ['plain text', 'error code: 524\n', 'not_sse'],
    ['text that begins like a field', 'dates are hard', 'not_sse'],
    ['JSON that is no completion', '{"choices":[]}', 'broken_json'],
    ['a JSON list', '[]', 'not_sse'],
    ['broken JSON instead', '{"a":}', 'broken_json'],
    ['a frame of broken JSON', 'data: {"choices":\n\n', 'broken_json'],
    ['a frame of prose', 'data: hello\n\n', 'not_sse'],
    ['a frame of HTML', 'data: <html>\n\n', 'html_page'],
    ['a frame that is no object', 'data: 7\n\n', 'broken_json'],
    ['a chunk without choices', 'data: {"id":"x"}\n\n', 'broken_json'],
  ])('openai-chat: %s instead of a stream, is garbled', (_situation, body, pattern) => {
    const signals = streamed(body).filter((signal) => signal.type !== 'ping')
    expect(signals).toEqual([ACCEPTED, { type: 'garbled', pattern }])
  })

  test.each<[situation: string, body: string, pattern: (typeof GARBLED_PATTERNS)[number]]>([
    ['nothing', '', 'empty_body'],
    ['an HTML page', '\n<html></html>', 'html_page'],
    ['plain text', 'no healthy upstream', 'not_sse'],
    ['JSON that is wrong inside', '{"choices":[}]}', 'broken_json'],
    ['no choices', '{"id":"x"}', 'broken_json'],
    ['empty choices', '{"choices":[]}', 'broken_json'],
    ['a number', '7', 'broken_json'],
  ])('openai-chat: %s instead of a JSON answer, is garbled', (_situation, body, pattern) => {
    const signals = jsoned(body).filter((signal) => signal.type !== 'ping')
    expect(signals).toEqual([ACCEPTED, { type: 'garbled', pattern }])
  })

  test('openai-chat: JSON that stops too early, was cut', () => {
    expect(jsoned('{"choices":[{"index":0,"message":{"content":"Hel')).toEqual([ACCEPTED, CUT])
    expect(jsoned('{"choices":[{"ind', 'reset')).toEqual([ACCEPTED, { type: 'closed', how: 'reset' }])
  })

  test('openai-chat: the content type of a page with status 200, is enough to know', () => {
    const parser = chat.parser({ stream: true })
    expect(parser.head(200, { 'content-type': 'text/html' })).toEqual([
      ACCEPTED,
      { type: 'garbled', pattern: 'html_page' },
    ])
  })

  test('openai-chat: white space before a JSON answer, is a sign of life', () => {
    const parser = chat.parser({ stream: false })
    parser.head(200, OK_JSON.headers)
    expect(parser.push(bytesOf('\n'))).toEqual([{ type: 'ping' }])
  })

  test('openai-chat: a reset after the finish reason, is a whole answer all the same', () => {
    expect(streamed(sse(stop), 'reset')).toEqual([ACCEPTED, finished('stop')])
  })
})

// ---------------------------------------------------------------------------------------------------------------------
// Errors

describe('classification', () => {
  const error = (fields: object) => JSON.stringify({ error: fields })

  test.each<[status: number, body: string, expected: ErrorClass]>([
    [400, error({ type: 'invalid_request_error', code: null, message: 'x' }), 'invalid_request'],
    [400, error({ type: 'invalid_request_error', code: 'context_length_exceeded' }), 'context_length'],
    [
      400,
      error({ code: 'invalid_request_error', message: "This model's maximum context length is 8192 tokens." }),
      'context_length',
    ],
    [403, error({ message: '`inputs` tokens + `max_new_tokens` must be <= 2048' }), 'context_length'],
    [422, error({ message: 'Input is too long for requested model.' }), 'context_length'],
    [400, error({ code: 'invalid_prompt', message: 'flagged' }), 'content_policy'],
    [
      403,
      error({ code: 403, message: 'flagged', metadata: { reasons: ['violence'], flagged_input: 'x' } }),
      'content_policy',
    ],
    [400, error({ message: 'Model Not Exist', code: 'invalid_request_error' }), 'not_found'],
    [401, error({ code: 'invalid_api_key' }), 'authentication'],
    [401, '', 'authentication'],
    [402, error({ code: 402, message: 'Insufficient credits' }), 'payment_required'],
    [429, error({ type: 'insufficient_quota', code: 'insufficient_quota' }), 'payment_required'],
    [429, error({ type: 'insufficient_quota', code: 'credit_balance_exhausted' }), 'payment_required'],
    [
      429,
      '{"code":"x","error":"Your team has either used all available credits or reached its limit."}',
      'payment_required',
    ],
    [403, '{"error":"You have run out of credits or need a subscription."}', 'payment_required'],
    [403, error({ type: 'request_forbidden', code: 'unsupported_country_region_territory' }), 'permission_denied'],
    [404, error({ code: 'model_not_found' }), 'not_found'],
    [408, 'Timed out reading request body.', 'request_timeout'],
    [
      413,
      error({ type: 'tokens', code: 'rate_limit_exceeded', message: 'Request too large for model' }),
      'payload_too_large',
    ],
    [
      429,
      error({ type: 'tokens', code: 'rate_limit_exceeded', message: 'Request too large for gpt-4o' }),
      'payload_too_large',
    ],
    [429, error({ type: 'tokens', code: 'rate_limit_exceeded', message: 'Rate limit reached' }), 'rate_limited'],
    [429, '<html><title>Error 1015</title></html>', 'rate_limited'],
    [429, error({ type: 'rate_limit_error', code: 'slow_down' }), 'rate_limited'],
    [498, error({ code: 'capacity_exceeded' }), 'overloaded'],
    [500, error({ type: 'server_error', code: null }), 'server_error'],
    [502, error({ type: 'cf_bad_gateway', code: 502 }), 'bad_gateway'],
    [502, '<html><title>502 Bad Gateway</title></html>', 'bad_gateway'],
    [503, error({ type: 'server_error', message: 'The engine is currently overloaded' }), 'overloaded'],
    [503, error({ type: 'service_unavailable_error', code: 'server_is_overloaded' }), 'overloaded'],
    [503, 'no healthy upstream', 'overloaded'],
    [504, '<html><title>504 Gateway Time-out</title></html>', 'gateway_timeout'],
    [520, '<html>', 'bad_gateway'],
    [522, 'error code: 522', 'gateway_timeout'],
    [524, 'error code: 524', 'gateway_timeout'],
    [529, error({ code: 529, metadata: { error_type: 'provider_overloaded' } }), 'overloaded'],
    [530, '', 'bad_gateway'],
    [599, '', 'server_error'],
    [418, '[{"error":{"message":"teapot"}}]', 'invalid_request'],
    [302, '', 'bad_gateway'],
  ])('openai-chat: %d %s, is %s', (status, body, expected) => {
    expect(chat.classify(status, {}, body)).toBe(expected)
    expect(answered(status, body)).toMatchObject([{ type: 'failed', class: expected, status, where: 'response' }])
  })

  test('openai-chat: an error with nothing to go by, has no class', () => {
    expect(classOfError(partsOfBody('{"error":{}}'), null, VOCABULARY)).toBeNull()
  })

  test.each<[situation: string, headers: HeaderBag, expected: number | null]>([
    ['none', {}, null],
    ['seconds', { 'retry-after': '7' }, 7000],
    ['a fraction', { 'retry-after': ' 0.25 ' }, 250],
    ['zero', { 'retry-after': '0' }, 0],
    ['milliseconds first', { 'retry-after-ms': '120', 'retry-after': '7' }, 120],
    ['bad milliseconds', { 'retry-after-ms': 'soon', 'retry-after': '7' }, 7000],
    ['a list', { 'retry-after': ['3', '4'] }, 3000],
    ['a date', { date: 'Wed, 21 Oct 2026 07:28:00 GMT', 'retry-after': 'Wed, 21 Oct 2026 07:29:30 GMT' }, 90_000],
    ['a date without a date to compare', { 'retry-after': 'Wed, 21 Oct 2026 07:29:30 GMT' }, null],
    ['a date gone by', { date: 'Wed, 21 Oct 2026 07:28:00 GMT', 'retry-after': 'Wed, 21 Oct 2026 07:27:00 GMT' }, null],
    ['no such date', { date: 'Wed, 21 Oct 2026 07:28:00 GMT', 'retry-after': 'Wed, 99 Foo 2026 07:27:00 GMT' }, null],
    ['negative', { 'retry-after': '-5' }, null],
    ['words', { 'retry-after': 'soon' }, null],
    ['nothing', { 'retry-after': '' }, null],
    ['infinity', { 'retry-after': 'Infinity' }, null],
    ['an exponent', { 'retry-after': '1e9' }, null],
    ['a century', { 'retry-after': '3153600000' }, 86_400_000],
  ])('openai-chat: Retry-After, %s', (_situation, headers, expected) => {
    expect(answered(429, '{}', headers)).toMatchObject([{ type: 'failed', retryAfterMs: expected }])
  })

  test('openai-chat: an error whose body breaks off, is known by its status', () => {
    const parser = chat.parser({ stream: true })
    expect(parser.head(429, {})).toEqual([])
    parser.push(bytesOf('{"error":{"mess'))
    expect(parser.end('reset')).toMatchObject([{ class: 'rate_limited', status: 429, message: '{"error":{"mess' }])
  })
})

// ---------------------------------------------------------------------------------------------------------------------
// Requests

describe('requests', () => {
  const full: WireRequest = {
    models: ['openai/gpt-5-mini', 'anthropic/claude'],
    provider: { order: ['openai'], max_price: { prompt: 1 } },
    stream: true,
    maxTokens: 256,
    messages: [
      { role: 'system', content: 'Sei höflich.' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'Grüße 👋' },
          { type: 'image_url', image_url: { url: 'data:,' } },
        ],
      },
      { role: 'assistant', content: null, extra: { tool_calls: [{ id: 'call_1' }] } },
      { role: 'tool', content: '7', extra: { tool_call_id: 'call_1' } },
    ],
    tools: [
      { name: 'find', description: 'Find it.', parameters: { type: 'object', properties: { q: { type: 'string' } } } },
    ],
    toolChoice: { name: 'find' },
    responseFormat: 'json_schema',
    responseSchema: { type: 'object' },
    streamOptionsIncludeUsage: true,
    parameters: { temperature: 0.5, stop: ['\n'], user: 'u-1' },
    marks: { 'x-squall-request': '1-42' },
    promptBytes: 13 + 12 + 1,
  }
  const plain: WireRequest = {
    ...full,
    models: ['m'],
    provider: null,
    stream: false,
    maxTokens: null,
    messages: [{ role: 'user', content: 'Hi' }],
    tools: [],
    toolChoice: 'auto',
    responseFormat: 'text',
    responseSchema: null,
    streamOptionsIncludeUsage: false,
    parameters: {},
    marks: {},
    promptBytes: 2,
  }
  const decode = (body: unknown, headers: HeaderBag = {}) => chat.decodeRequest(body, headers, '/v1/chat/completions')

  test.each([
    full,
    plain,
    { ...full, toolChoice: 'required', responseFormat: 'json_object', responseSchema: null } as const,
  ])('openai-chat: a request, comes back the same', (request) => {
    const { path, headers, body } = chat.encodeRequest(request)
    expect(path).toBe('/v1/chat/completions')
    expect(decode(JSON.parse(body), headers)).toEqual(request)
  })

  test('openai-chat: what the core must know of a request, is its shape', () => {
    expect(shapeOf(full)).toEqual({
      tools: full.tools,
      toolChoice: 'function',
      responseFormat: 'json_schema',
      responseSchema: { type: 'object' },
      inputs: ['image'],
      parameters: [
        'temperature',
        'stop',
        'max_tokens',
        'tools',
        'tool_choice',
        'response_format',
        'structured_outputs',
      ],
    })
    expect(shapeOf(plain).parameters).toEqual([])
  })

  test("openai-chat: OpenRouter's fields and the newer names, are understood", () => {
    const body = { models: ['a', 'b'], messages: [{ role: 'user', content: 'x' }], usage: { include: true } }
    expect(decode({ ...body, max_completion_tokens: 9, max_tokens: 5 })).toMatchObject({
      models: ['a', 'b'],
      maxTokens: 9,
      streamOptionsIncludeUsage: true,
    })
    expect(decode({ ...body, model: 'b' })).toMatchObject({ models: ['b', 'a'] })
    expect(decode({ ...body, tools: null, provider: null, stream: null })).toMatchObject({
      tools: [],
      provider: null,
      stream: false,
    })
  })

  const good = { model: 'm', messages: [{ role: 'user', content: 'Hi' }] }

  test.each<[body: unknown, param: string | null, says: string]>([
    [null, null, 'could not parse'],
    ['text', null, 'could not parse'],
    [[], null, 'could not parse'],
    [{ messages: good.messages }, 'model', "Missing required parameter: 'model'"],
    [{ ...good, model: 7 }, 'model', 'but got 7 instead'],
    [{ ...good, models: ['a', 7] }, 'models', 'an array of model ids'],
    [{ model: 'm' }, 'messages', "Missing required parameter: 'messages'"],
    [{ ...good, messages: 'Hi' }, 'messages', 'expected an array of objects, but got "Hi" instead'],
    [{ ...good, messages: [] }, 'messages', 'but got 0'],
    [{ ...good, messages: ['Hi'] }, 'messages[0]', 'expected an object'],
    [{ ...good, messages: [{ content: 'Hi' }] }, 'messages[0].role', 'Missing'],
    [{ ...good, messages: [{ role: 'robot', content: 'Hi' }] }, 'messages[0].role', 'Supported values'],
    [{ ...good, messages: [{ role: 'user' }] }, 'messages[0].content', 'Missing'],
    [{ ...good, messages: [{ role: 'user', content: 7 }] }, 'messages[0].content', 'a string or an array'],
    [{ ...good, stream: 'yes' }, 'stream', 'a boolean'],
    [{ ...good, stream_options: true }, 'stream_options', 'an object'],
    [{ ...good, max_tokens: 0 }, 'max_tokens', 'at least 1'],
    [{ ...good, max_tokens: '9' }, 'max_tokens', 'but got "9" instead'],
    [{ ...good, max_completion_tokens: 1.5 }, 'max_completion_tokens', 'an integer'],
    [{ ...good, temperature: 'hot' }, 'temperature', 'a decimal'],
    [{ ...good, temperature: 2.5 }, 'temperature', 'from 0 to 2'],
    [{ ...good, provider: [] }, 'provider', 'an object'],
    [{ ...good, tools: {} }, 'tools', 'an array'],
    [{ ...good, tools: [{}] }, 'tools[0].function', 'Missing'],
    [{ ...good, tools: [{ function: {} }] }, 'tools[0].function.name', 'Missing'],
    [{ ...good, tools: [{ function: { name: 'f', parameters: 'x' } }] }, 'tools[0].function.parameters', 'an object'],
    [{ ...good, tool_choice: 'maybe' }, 'tool_choice', 'Supported values'],
    [{ ...good, response_format: 'json' }, 'response_format', 'an object'],
    [{ ...good, response_format: { type: 'xml' } }, 'response_format.type', 'json_schema'],
    [{ ...good, response_format: { type: 'json_schema' } }, 'response_format.json_schema.schema', 'Missing'],
  ])('openai-chat: bad request %j, names %s', (body, param, says) => {
    const decoded = decode(body)
    expect(isRequestProblem(decoded)).toBe(true)
    if (!isRequestProblem(decoded)) return
    expect(decoded.param).toBe(param)
    expect(decoded.problem).toContain(says)
    expect(answered(400, render([problemSignal(decoded)]).body)).toMatchObject([
      { class: 'invalid_request', status: 400, message: decoded.problem },
    ])
  })
})

// ---------------------------------------------------------------------------------------------------------------------
// Events that differ in their text alone

describe('events alike', () => {
  const said = (body: string) =>
    streamed(body).flatMap((signal) => (signal.type === 'content' ? [`${signal.channel}:${signal.text ?? ''}`] : []))
  const raw = (content: string, id = 'x') =>
    `data: {"id":"${id}","choices":[{"index":0,"delta":{"content":${content}},"finish_reason":null}]}\n\n`

  test('openai-chat: events that repeat one another, say what each of them says', () => {
    const texts = ['a', 'b', '', ' ', 'x', 'a "quoted" \\ one', 'ü☂', '"', 'x', 'content', 'null', 'a\nb']
    const body = texts.map((text) => raw(JSON.stringify(text))).join('')
    expect(said(body)).toEqual(texts.filter((text) => text !== '').map((text) => `text:${text}`))
  })

  test('openai-chat: an event like the one before it but for something else, is read', () => {
    const odd = [
      raw('"a"'),
      raw('"b","reasoning_content":"c"'),
      raw('"d"', 'y'),
      raw('"e"'),
      'data: {"id":"x","choices":[{"index":0,"delta":{"content":"f"},"finish_reason":"length"}]}\n\n',
    ]
    expect(said(odd.join(''))).toEqual(['text:a', 'reasoning:c', 'text:b', 'text:d', 'text:e', 'text:f'])
    expect(streamed(`${odd.join('')}data: [DONE]\n\n`).at(-1)).toMatchObject({ type: 'finished', reason: 'length' })
  })

  test('openai-chat: a text that is an escape, is no text', () => {
    // The first content is the letter A, escaped; the only place with an A in it is the id.
    expect(said(raw('"\\u0041"', 'A') + raw('"\\u0041"', 'B'))).toEqual(['text:A', 'text:A'])
    expect(said(raw('"A"', 'A') + raw('"A"', 'B') + raw('"B"', 'A'))).toEqual(['text:A', 'text:A', 'text:B'])
  })

  test('openai-chat: an event like the one before it that is no JSON, is garbled', () => {
    for (const broken of ['"b', '"b\tc"', '"b\\q"']) {
      expect(streamed(raw('"a"') + raw(broken)).at(-1), broken).toMatchObject({ type: 'garbled' })
    }
  })
})
