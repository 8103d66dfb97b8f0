/** The Anthropic dialect: what goes out, recorded quirks, errors, and requests. The law is in law.test.ts. */
import { describe, expect, test } from 'vitest'
import {
  isRequestProblem,
  problemSignal,
  shapeOf,
  type HeaderBag,
  type WireRequest,
} from '../../src/protocol/dialects/index.ts'
import { MAX_TOKENS_DEFAULT } from '../../src/protocol/dialects/anthropic-messages/request.ts'
import type { ErrorClass, Failed, GarbledPattern, Signal } from '../../src/protocol/index.ts'
import { ACCEPTED, CONTEXT, CUT, finished, FULL_REQUEST, inBand, labOf, PLAIN_REQUEST, text } from './lab.ts'

const { dialect, render, streamed, jsoned, answered } = labOf('anthropic-messages')

const data = (...events: readonly object[]) => events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join('')
const START = { type: 'message_start', message: { id: 'msg_1', content: [], usage: { input_tokens: 5 } } }
const STOP = { type: 'message_stop' }
const end = (reason: string | null, usage: object = {}) => ({
  type: 'message_delta',
  delta: { stop_reason: reason },
  usage,
})
const open = (index: number, content_block: object) => ({ type: 'content_block_start', index, content_block })
const delta = (index: number, fields: object) => ({ type: 'content_block_delta', index, delta: fields })
const says = (said: string) => delta(0, { type: 'text_delta', text: said })
const json = (index: number, partial_json: string) => delta(index, { type: 'input_json_delta', partial_json })
const close = (index: number) => ({ type: 'content_block_stop', index })
const tool = (id: string, name: string, input: object = {}) => ({ type: 'tool_use', id, name, input })
const call = (index: number, id: string, name: string): Signal => ({
  type: 'toolDelta',
  index,
  id,
  name,
  args: '',
  tokens: 0,
})
const args = (index: number, said: string, tokens: number): Signal => ({ type: 'toolDelta', index, args: said, tokens })

// ---------------------------------------------------------------------------------------------------------------------

describe('what goes out', () => {
  const run = (channel: 'text' | 'reasoning'): Signal => ({ type: 'content', channel, tokens: 1, forMs: 0, everyMs: 0 })
  const counts: Signal = { type: 'usage', inputTokens: 5, outputTokens: 2 }
  const pieces: Signal[] = [
    { type: 'toolDelta', index: 0, id: 'toolu_1', name: 'find', args: '{"a":', tokens: 2 },
    { type: 'toolDelta', index: 0, args: '1}', tokens: 1 },
  ]
  const context = { ...CONTEXT, id: 'msg_1', model: 'claude-haiku-4-5', inputTokens: 5 }
  const usage = { input_tokens: 5, cache_creation_input_tokens: 0, cache_read_input_tokens: 0 }

  test('anthropic-messages: a stream, is the full sequence of named events', () => {
    const {
      head,
      body,
      end: how,
    } = render(
      [
        ACCEPTED,
        run('reasoning'),
        run('text'),
        { type: 'ping' },
        run('text'),
        ...pieces,
        counts,
        finished('tool_calls'),
      ],
      context,
    )
    expect(head).toEqual({
      status: 200,
      headers: {
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-cache',
        'request-id': 'req_msg_1',
      },
    })
    expect(how).toBe('clean')
    const events = body.split('\n\n').filter((frame) => frame !== '')
    const parsed = events.map((frame) => {
      const [, name = '', json = ''] = /^event: (\w+)\ndata: (.*)$/.exec(frame) ?? []
      const event = JSON.parse(json) as { type: string }
      expect(event.type, 'the event line and the type agree').toBe(name)
      return event
    })
    expect(parsed).toEqual([
      {
        type: 'message_start',
        message: {
          id: 'msg_1',
          type: 'message',
          role: 'assistant',
          model: 'claude-haiku-4-5',
          content: [],
          stop_reason: null,
          stop_sequence: null,
          usage: { ...usage, output_tokens: 1, service_tier: 'standard' },
        },
      },
      open(0, { type: 'thinking', thinking: '', signature: '' }),
      delta(0, { type: 'thinking_delta', thinking: ' abc' }),
      delta(0, { type: 'signature_delta', signature: expect.any(String) as string }),
      close(0),
      open(1, { type: 'text', text: '' }),
      delta(1, { type: 'text_delta', text: ' abc' }),
      { type: 'ping' },
      delta(1, { type: 'text_delta', text: 'éé' }),
      close(1),
      open(2, tool('toolu_1', 'find')),
      json(2, ''),
      json(2, '{"a":'),
      json(2, '1}'),
      close(2),
      {
        type: 'message_delta',
        delta: { stop_reason: 'tool_use', stop_sequence: null },
        usage: { ...usage, output_tokens: 2 },
      },
      STOP,
    ])
  })

  test('anthropic-messages: a JSON answer, has its blocks, reason and counts', () => {
    const signals = [ACCEPTED, run('reasoning'), run('text'), ...pieces, counts, finished('tool_calls')]
    const { head, body } = render(signals, { ...context, stream: false })
    expect(head?.headers['content-type']).toBe('application/json')
    expect(JSON.parse(body)).toEqual({
      id: 'msg_1',
      type: 'message',
      role: 'assistant',
      model: 'claude-haiku-4-5',
      content: [
        { type: 'thinking', thinking: ' abc', signature: expect.any(String) as string },
        { type: 'text', text: ' abc' },
        tool('toolu_1', 'find', { a: 1 }),
      ],
      stop_reason: 'tool_use',
      stop_sequence: null,
      usage: { ...usage, output_tokens: 2 },
    })
  })

  const overloaded = (where: 'response' | 'stream'): Failed => ({
    type: 'failed',
    class: 'overloaded',
    status: null,
    retryAfterMs: null,
    where,
    message: 'Overloaded',
  })
  const error = {
    type: 'error',
    error: { details: null, type: 'overloaded_error', message: 'Overloaded' },
    request_id: 'req_msg_1',
  }

  test('anthropic-messages: overloaded, is a 529, or an event that may be the very first', () => {
    const refused = render([overloaded('response')], context)
    expect(refused.head).toEqual({
      status: 529,
      headers: { 'content-type': 'application/json', 'request-id': 'req_msg_1' },
    })
    expect(JSON.parse(refused.body)).toEqual(error)
    const { body, end: how } = render([ACCEPTED, overloaded('stream')], context)
    expect(body).toBe(`event: error\ndata: ${JSON.stringify(error)}\n\n`)
    expect(how).toBe('clean')
  })

  test('anthropic-messages: arguments that are no object, are written as the string they are', () => {
    const broken: Signal = { type: 'toolDelta', index: 0, id: 'toolu_1', name: 'find', args: '{"a": "b', tokens: 2 }
    const { body } = render([ACCEPTED, broken, finished('tool_calls')], { ...context, stream: false })
    expect(JSON.parse(body)).toMatchObject({ content: [{ type: 'tool_use', input: '{"a": "b' }] })
  })

  test('anthropic-messages: two calls at once, each have their block', () => {
    const other: Signal = { type: 'toolDelta', index: 1, id: 'toolu_2', name: 'look', args: '{', tokens: 1 }
    const late: Signal = { type: 'toolDelta', index: 0, args: '}', tokens: 1 }
    const { body } = render([ACCEPTED, pieces[0] as Signal, other, late, finished('tool_calls')], context)
    expect(streamed(body).filter(({ type }) => type === 'toolDelta')).toEqual([
      call(0, 'toolu_1', 'find'),
      args(0, '{"a":', 2),
      call(1, 'toolu_2', 'look'),
      args(1, '{', 1),
    ])
  })
})

// ---------------------------------------------------------------------------------------------------------------------

describe('what comes in', () => {
  test.each<[situation: string, body: string, signals: Signal[]]>([
    ['no event names', data(START, says('Hi'), end('end_turn'), STOP), [text('Hi', 1), finished('stop')]],
    ['no message_start', data(says('Hi'), end('end_turn'), STOP), [text('Hi', 1), finished('stop')]],
    ['message_start twice', data(START, START, says('Hi'), end('end_turn'), STOP), [text('Hi', 1), finished('stop')]],
    [
      "another message's start spliced into a tool call",
      data(START, open(0, tool('a', 'f')), json(0, '{"x"'), { ...START, message: { id: 'msg_2' } }, json(0, ':1}'), close(0), end('tool_use'), STOP), // prettier-ignore
      [call(0, 'a', 'f'), args(0, '{"x"', 1), args(0, ':1}', 1), finished('tool_calls')],
    ],
    [
      'pings between a tool and its arguments',
      `${data(open(0, tool('a', 'f')))}event: ping\ndata: {"type":"ping"}\n\n${data({ type: 'ping' }, json(0, '{}'), close(0), end('tool_use'), STOP)}`,
      [call(0, 'a', 'f'), { type: 'ping' }, { type: 'ping' }, args(0, '{}', 1), finished('tool_calls')],
    ],
    [
      'a tool without arguments',
      data(open(0, tool('a', 'f')), json(0, ''), close(0), end('tool_use'), STOP),
      [call(0, 'a', 'f'), args(0, '{}', 1), finished('tool_calls')],
    ],
    [
      'arguments with the start of their block',
      data(open(0, tool('a', 'f', { x: 1 })), close(0), end('tool_use'), STOP),
      [call(0, 'a', 'f'), args(0, '{"x":1}', 2), finished('tool_calls')],
    ],
    [
      'blocks that never stop',
      data(open(0, tool('a', 'f')), open(1, tool('b', 'g')), end('tool_use'), STOP),
      [call(0, 'a', 'f'), call(1, 'b', 'g'), args(0, '{}', 1), args(1, '{}', 1), finished('tool_calls')],
    ],
    [
      'calls that are interleaved',
      data(open(1, tool('a', 'f')), open(2, tool('b', 'g')), json(1, '{"x":1}'), json(2, '{}'), close(1), close(2), end('tool_use'), STOP), // prettier-ignore
      [call(0, 'a', 'f'), call(1, 'b', 'g'), args(0, '{"x":1}', 2), args(1, '{}', 1), finished('tool_calls')],
    ],
    ['arguments for no block', data(json(7, '{}'), end('end_turn'), STOP), [finished('stop')]],
    ['no message_stop', data(says('Hi'), end('max_tokens')), [text('Hi', 1), finished('length')]],
    ['no stop reason', data(START, says('Hi'), end(null, { output_tokens: 3 }), STOP), [text('Hi', 1), { type: 'usage', inputTokens: 5, outputTokens: 3 }, CUT]], // prettier-ignore
    ['no end at all', data(START, says('Hi')), [text('Hi', 1), CUT]],
    ['a cut inside a frame', `${data(START, says('Hi'))}event: content_block_delta\ndata: {"ty`, [text('Hi', 1), CUT]],
    ['events after the end', data(end('end_turn'), STOP, says('late')), [finished('stop')]],
    ['an event that nobody knows', data({ type: 'vibe', x: 1 }, end('end_turn'), STOP), [finished('stop')]],
    ['a refusal', data(says('I'), end('refusal'), STOP), [text('I', 1), finished('content_filter')]],
    ['a refusal at once', data(START, end('refusal', { output_tokens: 1 }), STOP), [{ type: 'usage', inputTokens: 5, outputTokens: 1 }, finished('content_filter')]], // prettier-ignore
    ['a full context', data(end('model_context_window_exceeded'), STOP), [finished('length')]],
    ['a pause', data(end('pause_turn'), STOP), [finished('stop')]],
    ['a stop sequence', data(end('stop_sequence'), STOP), [finished('stop')]],
    [
      'cached input, counted at the start and again at the end',
      data(
        { type: 'message_start', message: { usage: { input_tokens: 1, cache_read_input_tokens: 9 } } },
        end('end_turn', { input_tokens: 2, cache_creation_input_tokens: 3, cache_read_input_tokens: 4, output_tokens: 7 }), // prettier-ignore
        STOP,
      ),
      [
        { type: 'usage', inputTokens: 9, outputTokens: 7, cachedInputTokens: 4, writtenInputTokens: 3 },
        finished('stop'),
      ],
    ],
    [
      'an error first',
      'event: error\ndata: {"type":"error","error":{"details":null,"type":"overloaded_error","message":"Overloaded"},"request_id":"req_1"}\n\n',
      [inBand('overloaded', null, 'Overloaded')],
    ],
    [
      'an error late',
      data(START, says('Hi'), { type: 'error', error: { type: 'api_error', message: 'Internal server error' } }),
      [text('Hi', 1), inBand('server_error', null, 'Internal server error')],
    ],
    [
      "an error in somebody else's words",
      data({ error: { type: 'weird', message: 'x' } }),
      [inBand('stream_error', null, 'x')],
    ],
  ])('anthropic-messages: stream with %s', (_situation, body, signals) => {
    expect(streamed(body)).toEqual([ACCEPTED, ...signals])
  })

  test.each<[situation: string, body: string, pattern: GarbledPattern]>([
    ['an event without a type', data({ id: 1 }), 'broken_json'],
    ['broken JSON', 'event: content_block_delta\ndata: {"type":\n\n', 'broken_json'],
    ['JSON that is no message', '{"type":"message"}', 'broken_json'],
    ['a page', '<!DOCTYPE html>', 'html_page'],
    ['nothing but pings', 'event: ping\ndata: {"type":"ping"}\n\n', 'empty_body'],
  ])('anthropic-messages: %s instead of a stream, is garbled', (_situation, body, pattern) => {
    const signals = streamed(body).filter(({ type }) => type !== 'ping')
    expect(signals).toEqual([ACCEPTED, { type: 'garbled', pattern }])
  })

  test.each<[situation: string, body: object, signals: Signal[]]>([
    ['no stop reason', { content: [{ type: 'text', text: 'Hi' }] }, [text('Hi', 1), finished('stop')]],
    ['no stop reason, and a call', { content: [tool('a', 'f')] }, [call(0, 'a', 'f'), args(0, '{}', 1), finished('tool_calls')]], // prettier-ignore
    ['nothing to say', { content: [], stop_reason: 'end_turn' }, [finished('stop')]],
    ['a refusal', { content: [], stop_reason: 'refusal', stop_details: { type: 'refusal' } }, [finished('content_filter')]], // prettier-ignore
    ['blocks that nobody knows', { content: [{ type: 'redacted_thinking', data: 'x' }, 7], stop_reason: 'end_turn' }, [finished('stop')]], // prettier-ignore
    ['an error', { type: 'error', error: { type: 'rate_limit_error', message: 'x' } }, [inBand('rate_limited', null, 'x')]], // prettier-ignore
    ['no content', { type: 'message' }, [{ type: 'garbled', pattern: 'broken_json' }]],
  ])('anthropic-messages: JSON answer with %s', (_situation, body, signals) => {
    expect(jsoned(JSON.stringify(body))).toEqual([ACCEPTED, ...signals])
  })
})

// ---------------------------------------------------------------------------------------------------------------------

describe('classification', () => {
  const error = (type: string, message = '', details: object | null = null) =>
    JSON.stringify({ type: 'error', error: { details, type, message }, request_id: 'req_1' })
  const BAD = 'invalid_request_error'

  test.each<[status: number, body: string, expected: ErrorClass]>([
    [400, error(BAD, 'messages: Field required'), 'invalid_request'],
    [400, error(BAD, 'prompt is too long: 208310 tokens > 200000 maximum'), 'context_length'],
    [
      400,
      error(BAD, 'input length and `max_tokens` exceed context limit: 178959 + 64000 > 200000, decrease input length'),
      'context_length',
    ],
    [400, error(BAD, 'Your credit balance is too low to access the Anthropic API.'), 'payment_required'],
    [400, error(BAD, 'You have reached your specified API usage limits.'), 'payment_required'],
    [400, error(BAD, '', { error_code: 'organization_on_hold' }), 'permission_denied'],
    [401, error('authentication_error', 'invalid x-api-key'), 'authentication'],
    [402, error('billing_error'), 'payment_required'],
    [403, error('permission_error'), 'permission_denied'],
    [404, error('not_found_error', 'model: claude-9'), 'not_found'],
    [409, error('conflict_error'), 'request_timeout'],
    [413, error('request_too_large'), 'payload_too_large'],
    [413, '<html><title>413 Request Entity Too Large</title></html>', 'payload_too_large'],
    [429, error('rate_limit_error', 'This request would exceed the rate limit for your organization'), 'rate_limited'],
    [429, error('rate_limit_error', '', { error_code: 'enforced_spend_limit_reached' }), 'payment_required'],
    [500, error('api_error', 'Internal server error'), 'server_error'],
    [503, error('api_error', '', { error_code: 'cmek_key_unreachable' }), 'overloaded'],
    [504, error('timeout_error'), 'gateway_timeout'],
    [529, error('overloaded_error', 'Overloaded'), 'overloaded'],
    [529, '', 'overloaded'],
    [520, '<html>', 'bad_gateway'],
  ])('anthropic-messages: %d %s, is %s', (status, body, expected) => {
    expect(dialect.classify(status, {}, body)).toBe(expected)
    expect(answered(status, body)).toMatchObject([{ type: 'failed', class: expected, status, where: 'response' }])
  })

  test('anthropic-messages: a rate limit, keeps its headers and its hint', () => {
    const headers: HeaderBag = {
      'retry-after': '7',
      'anthropic-ratelimit-requests-remaining': '0',
      'request-id': 'req_1',
      'cf-ray': 'x',
    }
    expect(answered(429, error('rate_limit_error'), headers)).toMatchObject([
      {
        class: 'rate_limited',
        retryAfterMs: 7000,
        retryAfterForm: 'seconds',
        headers: { 'anthropic-ratelimit-requests-remaining': '0' },
      },
    ])
  })
})

// ---------------------------------------------------------------------------------------------------------------------

describe('requests', () => {
  const full: WireRequest = {
    ...FULL_REQUEST,
    models: ['anthropic/claude-haiku-4-5'],
    parameters: { ...FULL_REQUEST.parameters, user: 'u-1', reasoning_effort: 'low', parallel_tool_calls: false },
  }
  const plain: WireRequest = { ...PLAIN_REQUEST, models: full.models }
  const decode = (body: unknown, headers: HeaderBag = {}) => dialect.decodeRequest(body, headers, '/v1/messages')
  const bodyOf = (request: WireRequest) => JSON.parse(dialect.encodeRequest(request).body) as Record<string, unknown>

  test.each([
    full,
    plain,
    { ...full, toolChoice: 'required' } as const,
    { ...full, toolChoice: 'none', parameters: {} } as const,
    { ...full, toolChoice: 'auto' } as const,
  ])('anthropic-messages: a request, comes back the same', (request) => {
    const { path, headers, body } = dialect.encodeRequest(request)
    expect(path).toBe('/v1/messages')
    expect(headers['anthropic-version']).toBe('2023-06-01')
    expect(decode(JSON.parse(body), headers)).toEqual(request)
  })

  test('anthropic-messages: a conversation, becomes turns of blocks, results of tools among the user’s', () => {
    expect(bodyOf(full)).toEqual({
      model: 'anthropic/claude-haiku-4-5',
      max_tokens: 256,
      system: 'Sei höflich.',
      stream: true,
      temperature: 0.5,
      stop_sequences: ['\n'],
      metadata: { user_id: 'u-1' },
      tools: [{ name: 'find', description: 'Find it.', input_schema: { type: 'object', properties: {} } }],
      tool_choice: { type: 'tool', name: 'find', disable_parallel_tool_use: true },
      output_config: {
        effort: 'low',
        format: { type: 'json_schema', schema: { type: 'object', additionalProperties: false } },
      },
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'Grüße 👋' },
            { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AAAA' } },
            { type: 'image', source: { type: 'url', url: 'https://example.com/a.png' } },
          ],
        },
        { role: 'assistant', content: [tool('call_1', 'find', { q: 'x' })] },
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'call_1', content: '7' }] },
        { role: 'assistant', content: [{ type: 'text', text: 'Seven.' }, tool('call_2', 'find')] },
        {
          role: 'user',
          content: [
            { type: 'tool_result', tool_use_id: 'call_2', content: '' },
            { type: 'text', text: 'Thanks' },
          ],
        },
      ],
    })
  })

  test('anthropic-messages: what Anthropic insists on or has otherwise, is made so', () => {
    const body = bodyOf({
      ...plain,
      maxTokens: null,
      messages: [{ role: 'developer', content: 'Say hello.' }],
      responseFormat: 'json_object',
      parameters: { temperature: 1.7, stop: 'END', frequency_penalty: 1, seed: 4 },
    })
    expect(body).toEqual({
      model: 'anthropic/claude-haiku-4-5',
      max_tokens: MAX_TOKENS_DEFAULT,
      messages: [{ role: 'user', content: 'Say hello.' }],
      temperature: 1,
      stop_sequences: ['END'],
      output_config: { format: { type: 'json_schema', schema: { type: 'object' } } },
    })
  })

  test('anthropic-messages: what the core must know of a request, is its shape', () => {
    const decoded = decode(bodyOf(full))
    if (isRequestProblem(decoded)) throw new Error(decoded.problem)
    expect(shapeOf(decoded)).toMatchObject({
      toolChoice: 'function',
      responseFormat: 'json_schema',
      parameters: expect.arrayContaining([
        'temperature',
        'stop',
        'max_tokens',
        'tools',
        'structured_outputs',
      ]) as string[],
    })
  })

  const good = { model: 'm', max_tokens: 9, messages: [{ role: 'user', content: 'Hi' }] }

  test('anthropic-messages: thinking, unknown blocks and lists of text, are read past or joined', () => {
    const decoded = decode({
      ...good,
      system: [
        { type: 'text', text: 'a', cache_control: { type: 'ephemeral' } },
        { type: 'text', text: 'b' },
      ],
      messages: [
        {
          role: 'user',
          content: [
            { type: 'document', source: {} },
            { type: 'text', text: 'Hi' },
          ],
        },
        { role: 'assistant', content: [{ type: 'thinking', thinking: 'hm', signature: 'x' }, { type: 'text', text: 'Yo' }] }, // prettier-ignore
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'x', content: [{ type: 'text', text: 'r' }] }] },
        { role: 'user', content: [] },
      ],
    })
    expect(decoded).toMatchObject({
      messages: [
        { role: 'system', content: 'a\n\nb' },
        { role: 'user', content: 'Hi' },
        { role: 'assistant', content: 'Yo' },
        { role: 'tool', content: 'r', extra: { tool_call_id: 'x' } },
        { role: 'user', content: '' },
      ],
    })
  })

  test.each<[body: unknown, param: string | null, says: string]>([
    [null, null, 'must be an object'],
    [{ ...good, model: undefined }, 'model', 'model: Field required'],
    [{ ...good, max_tokens: undefined }, 'max_tokens', 'max_tokens: Field required'],
    [{ ...good, max_tokens: 0 }, 'max_tokens', 'at least 1'],
    [{ ...good, messages: undefined }, 'messages', 'Field required'],
    [{ ...good, messages: [] }, 'messages', 'at least one message'],
    [{ ...good, messages: [7] }, 'messages.0', 'an object'],
    [{ ...good, messages: [{ role: 'system', content: 'x' }] }, 'messages.0.role', "'user' or 'assistant'"],
    [{ ...good, messages: [{ role: 'user' }] }, 'messages.0.content', 'Field required'],
    [{ ...good, messages: [{ role: 'user', content: [{}] }] }, 'messages.0.content.0.type', 'Field required'],
    [{ ...good, system: 7 }, 'system', 'a valid string'],
    [{ ...good, stream: 'yes' }, 'stream', 'a valid boolean'],
    [{ ...good, temperature: 1.5 }, 'temperature', 'range: 0..1'],
    [{ ...good, temperature: 'hot' }, 'temperature', 'a valid number'],
    [{ ...good, tools: [{ name: 'f' }] }, 'tools.0.input_schema', 'Field required'],
    [{ ...good, tools: [{ input_schema: {} }] }, 'tools.0.name', 'Field required'],
    [{ ...good, tool_choice: { type: 'maybe' } }, 'tool_choice', "'auto', 'any', 'tool' or 'none'"],
    [{ ...good, tool_choice: { type: 'tool' } }, 'tool_choice.name', 'Field required'],
    [{ ...good, output_config: { format: { type: 'xml' } } }, 'output_config.format', "'json_schema'"],
  ])('anthropic-messages: bad request %j, names %s', (body, param, complaint) => {
    const decoded = decode(body)
    if (!isRequestProblem(decoded)) throw new Error('no problem')
    expect(decoded.param).toBe(param)
    expect(decoded.problem).toContain(complaint)
    expect(answered(400, render([problemSignal(decoded)]).body)).toMatchObject([
      { class: 'invalid_request', status: 400, message: decoded.problem },
    ])
  })
})
