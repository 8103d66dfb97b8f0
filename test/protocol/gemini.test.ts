/** The Gemini dialect: what goes out, recorded quirks, errors, and requests. The law is in law.test.ts. */
import { describe, expect, test } from 'vitest'
import {
  isRequestProblem,
  problemSignal,
  shapeOf,
  type HeaderBag,
  type WireRequest,
} from '../../src/protocol/dialects/index.ts'
import type { ErrorClass, Failed, FinishReason, GarbledPattern, Signal } from '../../src/protocol/index.ts'
import { ACCEPTED, CONTEXT, CUT, finished, FULL_REQUEST, inBand, labOf, PLAIN_REQUEST, text } from './lab.ts'

const { dialect, render, streamed, jsoned, answered } = labOf('gemini')

const data = (...chunks: readonly object[]) => chunks.map((chunk) => `data: ${JSON.stringify(chunk)}\r\n\r\n`).join('')
const candidate = (parts: readonly object[], finishReason?: string) => ({
  content: { role: 'model', parts },
  ...(finishReason !== undefined && { finishReason }),
  index: 0,
})
const chunk = (parts: readonly object[], finishReason?: string, beside: object = {}) => ({
  candidates: [candidate(parts, finishReason)],
  ...beside,
})
const functionCall = (fields: object) => ({ functionCall: fields })
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
    { type: 'toolDelta', index: 0, id: 'call_1', name: 'find', args: '{"a":', tokens: 2 },
    { type: 'toolDelta', index: 0, args: '1}', tokens: 1 },
  ]
  const context = { ...CONTEXT, id: 'r1', model: 'gemini-2.5-flash' }
  const identity = { modelVersion: 'gemini-2.5-flash', responseId: 'r1' }
  const usageMetadata = {
    promptTokenCount: 5,
    candidatesTokenCount: 2,
    totalTokenCount: 7,
    promptTokensDetails: [{ modality: 'TEXT', tokenCount: 5 }],
  }

  test('gemini: the part of the prompt that the cache had, is told beside the prompt', () => {
    const cached: Signal = { type: 'usage', inputTokens: 5, outputTokens: 2, cachedInputTokens: 4 }
    const { body } = render([ACCEPTED, cached, finished('stop')], { ...context, stream: false })
    expect(JSON.parse(body).usageMetadata).toEqual({ ...usageMetadata, cachedContentTokenCount: 4 })
  })

  test('gemini: a stream, is frames without names that end with CRLF, and nothing marks its end', () => {
    const signals = [ACCEPTED, run('reasoning'), run('text'), ...pieces, counts, finished('tool_calls')]
    const { head, body, end } = render(signals, context)
    expect(head).toEqual({
      status: 200,
      headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' },
    })
    expect(end).toBe('clean')
    const frames = body.split('\r\n\r\n').filter((frame) => frame !== '')
    expect(frames.map((frame) => JSON.parse(frame.replace(/^data: /, '')) as unknown)).toEqual([
      { ...chunk([{ text: ' abc', thought: true }]), ...identity },
      { ...chunk([{ text: ' abc' }]), ...identity },
      { ...chunk([functionCall({ id: 'call_1', name: 'find', args: { a: 1 } })]), ...identity },
      { ...chunk([{ text: '' }], 'STOP'), usageMetadata, ...identity },
    ])
  })

  test('gemini: a tool call, goes out when it is whole', () => {
    const renderer = dialect.renderer(context)
    renderer.render([ACCEPTED])
    expect(renderer.render(pieces)).toEqual({ body: '', end: null })
    expect(renderer.render([run('text')]).body).toContain('"functionCall":{"id":"call_1","name":"find","args":{"a":1}}')
  })

  test('gemini: a JSON answer, is one response', () => {
    const signals = [ACCEPTED, run('reasoning'), run('text'), ...pieces, counts, finished('tool_calls')]
    const { head, body } = render(signals, { ...context, stream: false })
    expect(head?.headers['content-type']).toBe('application/json; charset=UTF-8')
    const parts = [
      { text: ' abc', thought: true },
      { text: ' abc' },
      functionCall({ id: 'call_1', name: 'find', args: { a: 1 } }),
    ]
    expect(JSON.parse(body)).toEqual({ ...chunk(parts, 'STOP'), usageMetadata, ...identity })
  })

  const limited = (form: Failed['retryAfterForm']): Failed => ({
    type: 'failed',
    class: 'rate_limited',
    status: null,
    retryAfterMs: 1500,
    where: 'response',
    message: 'Resource has been exhausted (e.g. check quota).',
    ...(form && { retryAfterForm: form }),
  })

  test.each<[form: Failed['retryAfterForm'], delay: string]>([
    ['seconds', '2s'],
    ['milliseconds', '1.500s'],
    [undefined, '2s'],
  ])('gemini: a hint of 1.5 s in %s, is a RetryInfo and no header', (form, delay) => {
    const { head, body } = render([limited(form)], context)
    expect(head).toEqual({ status: 429, headers: { 'content-type': 'application/json; charset=UTF-8' } })
    expect(JSON.parse(body)).toEqual({
      error: {
        code: 429,
        message: 'Resource has been exhausted (e.g. check quota).',
        status: 'RESOURCE_EXHAUSTED',
        details: [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: delay }],
      },
    })
    expect(body.startsWith('{\n  "error": {\n    "code": 429,')).toBe(true)
  })

  test('gemini: a hint as a date, has no place but the header', () => {
    const { head, body } = render([limited('date')], context)
    expect(head?.headers).toMatchObject({ 'retry-after': 'Thu, 09 Oct 2025 08:53:22 GMT' })
    expect(body).not.toContain('RetryInfo')
  })

  test('gemini: an error inside a stream, has its number and its word', () => {
    const broken: Failed = { ...limited('seconds'), class: 'overloaded', status: 503, where: 'stream', message: 'x' }
    const { body } = render([ACCEPTED, run('text'), broken], context)
    expect(body.endsWith('data: {"error":{"code":503,"message":"x","status":"UNAVAILABLE"}}\r\n\r\n')).toBe(true)
  })
})

// ---------------------------------------------------------------------------------------------------------------------

describe('what comes in', () => {
  const hi = chunk([{ text: 'Hi' }])
  const stop = chunk([{ text: '' }], 'STOP')

  test.each<[situation: string, body: string, signals: Signal[]]>([
    ['no finishReason', data(hi), [text('Hi', 1), CUT]],
    ['a cut inside a frame', `${data(hi)}data: {"candida`, [text('Hi', 1), CUT]],
    ['a finish reason without content', data(hi, { candidates: [{ finishReason: 'STOP', index: 0 }] }), [text('Hi', 1), finished('stop')]], // prettier-ignore
    ['an unspecified finish reason', data(chunk([{ text: 'Hi' }], 'FINISH_REASON_UNSPECIFIED')), [text('Hi', 1), CUT]],
    ['a finish reason beside the last text', data(chunk([{ text: 'Hi' }], 'MAX_TOKENS')), [text('Hi', 1), finished('length')]], // prettier-ignore
    ['STOP and nothing said', data(stop), [finished('stop')]],
    ['event names', `event: message\n${data(hi)}id: 1\n${data(stop)}`, [text('Hi', 1), finished('stop')]],
    [
      'usage after the finish reason',
      data(hi, stop, { usageMetadata: { promptTokenCount: 3, candidatesTokenCount: 4, thoughtsTokenCount: 5, toolUsePromptTokenCount: 1 } }), // prettier-ignore
      [
        text('Hi', 1),
        { type: 'usage', inputTokens: 4, outputTokens: 9, details: { reasoningTokens: 5 } },
        finished('stop'),
      ],
    ],
    ['only the prompt counted', data({ ...stop, usageMetadata: { promptTokenCount: 3 } }), [finished('stop')]],
    [
      'only thoughts counted',
      data({ ...stop, usageMetadata: { promptTokenCount: 3, thoughtsTokenCount: 2 } }),
      [{ type: 'usage', inputTokens: 3, outputTokens: 2, details: { reasoningTokens: 2 } }, finished('stop')],
    ],
    [
      'a call, then STOP in a chunk of its own',
      data(chunk([functionCall({ name: 'f', args: { x: 1 } })]), stop),
      [call(0, 'call_0', 'f'), args(0, '{"x":1}', 2), finished('tool_calls')],
    ],
    [
      'two calls without ids',
      data(chunk([functionCall({ name: 'f', args: {} }), functionCall({ name: 'g' })], 'STOP', { responseId: 'r9' })),
      [call(0, 'r9_0', 'f'), args(0, '{}', 1), call(1, 'r9_1', 'g'), args(1, '{}', 1), finished('tool_calls')],
    ],
    [
      'arguments by path',
      data(
        chunk([functionCall({ id: 'a', name: 'f', willContinue: true })]),
        chunk([functionCall({ partialArgs: [{ jsonPath: '$.city.name', stringValue: 'Pa', willContinue: true }], willContinue: true })]), // prettier-ignore
        chunk([functionCall({ partialArgs: [{ jsonPath: '$.city.name', stringValue: 'ris' }, { jsonPath: '$.days[0]', numberValue: 2 }, { jsonPath: '$.days[1]', nullValue: 'NULL_VALUE' }], willContinue: true })]), // prettier-ignore
        chunk([functionCall({})]),
        stop,
      ),
      [call(0, 'a', 'f'), args(0, '{"city":{"name":"Paris"},"days":[2,null]}', 11), finished('tool_calls')],
    ],
    [
      'arguments by path, and their last piece missing',
      data(
        chunk([functionCall({ id: 'a', name: 'f', willContinue: true })]),
        chunk([functionCall({ partialArgs: [{ jsonPath: '$.ok', boolValue: true }], willContinue: true })]),
        stop,
      ),
      [call(0, 'a', 'f'), args(0, '{"ok":true}', 3), finished('tool_calls')],
    ],
    ['a continuation of nothing', data(chunk([functionCall({})]), stop), [finished('stop')]],
    [
      'MALFORMED_FUNCTION_CALL',
      data({ candidates: [{ finishReason: 'MALFORMED_FUNCTION_CALL', finishMessage: 'Malformed function call: print(' }], usageMetadata: { promptTokenCount: 9 } }), // prettier-ignore
      [inBand('invalid_tool_call', null, 'Malformed function call: print(')],
    ],
    ['an unexpected call', data({ candidates: [{ finishReason: 'UNEXPECTED_TOOL_CALL' }] }), [inBand('invalid_tool_call', null, 'UNEXPECTED_TOOL_CALL')]], // prettier-ignore
    [
      'a prompt that was blocked',
      data({ promptFeedback: { blockReason: 'PROHIBITED_CONTENT' }, usageMetadata: { promptTokenCount: 9 } }),
      [inBand('content_policy', null, 'prompt blocked: PROHIBITED_CONTENT')],
    ],
    ['feedback that blocks nothing', data({ promptFeedback: { safetyRatings: [] } }, hi, stop), [text('Hi', 1), finished('stop')]], // prettier-ignore
    [
      'an error late',
      data(hi, { error: { code: 503, message: 'The model is overloaded.', status: 'UNAVAILABLE' } }),
      [text('Hi', 1), inBand('overloaded', 503, 'The model is overloaded.')],
    ],
    [
      'a list with an error instead',
      '[{"error":{"code":429,"message":"x","status":"RESOURCE_EXHAUSTED"}}]',
      [inBand('rate_limited', 429, 'x')],
    ],
  ])('gemini: stream with %s', (_situation, body, signals) => {
    expect(streamed(body)).toEqual([ACCEPTED, ...signals])
  })

  test.each<[word: string, reason: FinishReason]>([
    ['SAFETY', 'content_filter'],
    ['RECITATION', 'content_filter'],
    ['BLOCKLIST', 'content_filter'],
    ['PROHIBITED_CONTENT', 'content_filter'],
    ['SPII', 'content_filter'],
    ['OTHER', 'error'],
    ['CONTINUATION', 'stop'],
  ])('gemini: finish reason %s, is %s', (word, reason) => {
    expect(streamed(data(hi, { candidates: [{ finishReason: word }] }))).toEqual([
      ACCEPTED,
      text('Hi', 1),
      finished(reason),
    ])
  })

  test.each<[situation: string, body: string, pattern: GarbledPattern]>([
    ['an event that says nothing', data({ responseId: 'x' }), 'broken_json'],
    ['no candidates', data({ candidates: [] }), 'broken_json'],
    ['broken JSON', 'data: {"candidates": [\n\n', 'broken_json'],
    ['a list of responses, as without alt=sse', `[${JSON.stringify(chunk([{ text: 'Hi' }], 'STOP'))}]`, 'not_sse'],
    ['a page', '<!DOCTYPE html>', 'html_page'],
    ['nothing', '', 'empty_body'],
  ])('gemini: %s instead of a stream, is garbled', (_situation, body, pattern) => {
    expect(streamed(body)).toEqual([ACCEPTED, { type: 'garbled', pattern }])
  })

  test.each<[situation: string, body: object, signals: Signal[]]>([
    ['no finish reason', chunk([{ text: 'Hi' }]), [text('Hi', 1), finished('stop')]],
    ['no finish reason, and a call', chunk([functionCall({ name: 'f' })]), [call(0, 'call_0', 'f'), args(0, '{}', 1), finished('tool_calls')]], // prettier-ignore
    ['no content', { candidates: [{ finishReason: 'MAX_TOKENS' }] }, [finished('length')]],
    ['a blocked prompt', { promptFeedback: { blockReason: 'SAFETY', blockReasonMessage: 'no' } }, [inBand('content_policy', null, 'no')]], // prettier-ignore
    ['a malformed call', { candidates: [{ content: {}, finishReason: 'MALFORMED_FUNCTION_CALL' }] }, [inBand('invalid_tool_call', null, 'MALFORMED_FUNCTION_CALL')]], // prettier-ignore
    ['nothing', {}, [{ type: 'garbled', pattern: 'broken_json' }]],
  ])('gemini: JSON answer with %s', (_situation, body, signals) => {
    expect(jsoned(JSON.stringify(body))).toEqual([ACCEPTED, ...signals])
  })

  test('gemini: a key that would reach the prototype, is a key like any other', () => {
    const piece = { jsonPath: '$.__proto__.polluted', boolValue: true }
    const signals = streamed(
      data(chunk([functionCall({ name: 'f', willContinue: true })]), chunk([functionCall({ partialArgs: [piece] })]), stop), // prettier-ignore
    )
    expect(signals).toContainEqual(args(0, '{"__proto__":{"polluted":true}}', 8))
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })
})

// ---------------------------------------------------------------------------------------------------------------------

describe('classification', () => {
  const error = (code: number, status: string, message = '', details: readonly object[] = []) =>
    JSON.stringify({ error: { code, message, status, details } }, null, 2)
  const info = (reason: string) => [{ '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason }]

  test.each<[status: number, body: string, expected: ErrorClass]>([
    [400, error(400, 'INVALID_ARGUMENT', 'API key not valid. Please pass a valid API key.'), 'authentication'],
    [400, error(400, 'INVALID_ARGUMENT', '', info('API_KEY_INVALID')), 'authentication'],
    [
      400,
      error(
        400,
        'INVALID_ARGUMENT',
        'The input token count (1200293) exceeds the maximum number of tokens allowed (1048576).',
      ),
      'context_length',
    ],
    [400, `[${error(400, 'INVALID_ARGUMENT', 'The input token count (12) exceeds the maximum')}]`, 'context_length'],
    [400, error(400, 'INVALID_ARGUMENT', 'Invalid value at contents'), 'invalid_request'],
    [400, error(400, 'FAILED_PRECONDITION', 'User location is not supported'), 'invalid_request'],
    [401, error(401, 'UNAUTHENTICATED'), 'authentication'],
    [402, error(402, 'RESOURCE_EXHAUSTED'), 'payment_required'],
    [403, error(403, 'PERMISSION_DENIED', '', info('SERVICE_DISABLED')), 'permission_denied'],
    [404, error(404, 'NOT_FOUND', 'models/X is not found for API version v1beta'), 'not_found'],
    [429, error(429, 'RESOURCE_EXHAUSTED', 'You exceeded your current quota, please check your plan.'), 'rate_limited'],
    [429, error(429, 'RESOURCE_EXHAUSTED', 'Resource exhausted. Please try again later.'), 'rate_limited'],
    [499, error(499, 'CANCELLED'), 'request_timeout'],
    [500, error(500, 'INTERNAL', 'An internal error has occurred.'), 'server_error'],
    [502, '<html><title>Error 502 (Server Error)!!1</title></html>', 'bad_gateway'],
    [503, error(503, 'UNAVAILABLE', 'The model is overloaded. Please try again later.'), 'overloaded'],
    [504, error(504, 'DEADLINE_EXCEEDED'), 'gateway_timeout'],
  ])('gemini: %d %s, is %s', (status, body, expected) => {
    expect(dialect.classify(status, {}, body)).toBe(expected)
    expect(answered(status, body)).toMatchObject([{ type: 'failed', class: expected, status, where: 'response' }])
  })

  const retryInfo = (retryDelay: string) => [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay }]

  test.each<[situation: string, body: string, headers: HeaderBag, expected: number | null]>([
    ['a RetryInfo', error(429, 'RESOURCE_EXHAUSTED', '', retryInfo('34s')), {}, 34_000],
    ['a RetryInfo with nanoseconds', error(429, 'RESOURCE_EXHAUSTED', '', retryInfo('34.074824224s')), {}, 34_075],
    ['a RetryInfo in a list', `[${error(429, 'RESOURCE_EXHAUSTED', '', retryInfo('2s'))}]`, {}, 2000],
    ['its message', error(429, 'RESOURCE_EXHAUSTED', 'Please retry in 45.578569677s.'), {}, 45_579],
    ['its message in milliseconds', error(429, 'RESOURCE_EXHAUSTED', 'Please retry in 174ms.'), {}, 174],
    ['a body that breaks off', '{"error":{"message":"Please retry in 2s', {}, 2000],
    ['a header, which goes first', error(429, 'RESOURCE_EXHAUSTED', '', retryInfo('9s')), { 'retry-after': '1' }, 1000],
    ['a century', error(429, 'RESOURCE_EXHAUSTED', '', retryInfo('3153600000s')), {}, 86_400_000],
    ['nonsense', error(429, 'RESOURCE_EXHAUSTED', '', retryInfo('soon')), {}, null],
    ['nothing', '', {}, null],
  ])('gemini: when to come back, by %s', (_situation, body, headers, expected) => {
    expect(answered(429, body, headers)).toMatchObject([{ class: 'rate_limited', retryAfterMs: expected }])
  })
})

// ---------------------------------------------------------------------------------------------------------------------

describe('requests', () => {
  const full: WireRequest = {
    ...FULL_REQUEST,
    models: ['google/gemini-2.5-flash:free'],
    parameters: { ...FULL_REQUEST.parameters, top_p: 0.9, top_k: 40, seed: 3, reasoning_effort: 'low' },
  }
  const plain: WireRequest = { ...PLAIN_REQUEST, models: full.models, maxTokens: null }
  const PATH = '/v1beta/models/m:generateContent'
  const decode = (body: unknown, headers: HeaderBag = {}, path = PATH) => dialect.decodeRequest(body, headers, path)
  const bodyOf = (request: WireRequest) => JSON.parse(dialect.encodeRequest(request).body) as Record<string, unknown>

  test.each([
    full,
    plain,
    { ...full, toolChoice: 'required', responseFormat: 'json_object', responseSchema: null } as const,
    { ...full, toolChoice: 'none' } as const,
  ])('gemini: a request, comes back the same', (request) => {
    const { path, headers, body } = dialect.encodeRequest(request)
    const action = request.stream ? 'streamGenerateContent?alt=sse' : 'generateContent'
    expect(path).toBe(`/v1beta/models/google%2Fgemini-2.5-flash%3Afree:${action}`)
    expect(decode(JSON.parse(body), headers, path)).toEqual(request)
  })

  test('gemini: a conversation, becomes contents of parts, and parameters a config in camel case', () => {
    expect(bodyOf(full)).toEqual({
      systemInstruction: { parts: [{ text: 'Sei höflich.' }] },
      contents: [
        {
          role: 'user',
          parts: [
            { text: 'Grüße 👋' },
            { inlineData: { mimeType: 'image/png', data: 'AAAA' } },
            { fileData: { fileUri: 'https://example.com/a.png' } },
          ],
        },
        { role: 'model', parts: [functionCall({ id: 'call_1', name: 'find', args: { q: 'x' } })] },
        { role: 'user', parts: [{ functionResponse: { id: 'call_1', name: 'find', response: { output: '7' } } }] },
        { role: 'model', parts: [{ text: 'Seven.' }, functionCall({ id: 'call_2', name: 'find', args: {} })] },
        {
          role: 'user',
          parts: [{ functionResponse: { id: 'call_2', name: 'find', response: { output: '' } } }, { text: 'Thanks' }],
        },
      ],
      tools: [
        {
          functionDeclarations: [
            { name: 'find', description: 'Find it.', parametersJsonSchema: { type: 'object', properties: {} } },
          ],
        },
      ],
      toolConfig: { functionCallingConfig: { mode: 'ANY', allowedFunctionNames: ['find'] } },
      generationConfig: {
        temperature: 0.5,
        topP: 0.9,
        topK: 40,
        seed: 3,
        stopSequences: ['\n'],
        maxOutputTokens: 256,
        thinkingConfig: { thinkingLevel: 'low' },
        responseMimeType: 'application/json',
        responseJsonSchema: { type: 'object', additionalProperties: false },
      },
    })
  })

  test('gemini: instructions alone, are what the user says', () => {
    const messages = [{ role: 'developer', content: 'Say hello.' }]
    expect(bodyOf({ ...plain, messages })).toEqual({ contents: [{ role: 'user', parts: [{ text: 'Say hello.' }] }] })
  })

  test('gemini: what the core must know of a request, is its shape', () => {
    const decoded = decode(bodyOf(full), {}, dialect.encodeRequest(full).path)
    if (isRequestProblem(decoded)) throw new Error(decoded.problem)
    expect(shapeOf(decoded)).toMatchObject({
      toolChoice: 'function',
      responseFormat: 'json_schema',
      parameters: expect.arrayContaining(['temperature', 'top_k', 'stop', 'max_tokens', 'tools']) as string[],
    })
  })

  const good = { contents: [{ parts: [{ text: 'Hi' }] }] }

  test("gemini: Google's own spelling of schemas and results without ids, are understood", () => {
    const decoded = decode({
      contents: [
        { role: 'user', parts: [{ text: 'Hi' }] },
        { role: 'model', parts: [{ text: 'hm', thought: true }, functionCall({ name: 'f', args: { x: 1 } }), functionCall({ name: 'f' })] }, // prettier-ignore
        { role: 'function', parts: [{ functionResponse: { name: 'f', response: { ok: true } } }, { functionResponse: { name: 'f', response: { output: 'b' } } }] }, // prettier-ignore
      ],
      tools: [
        { googleSearch: {} },
        { functionDeclarations: [{ name: 'f', parameters: { type: 'OBJECT', properties: { type: { type: 'STRING' } } } }, { name: 'g' }] }, // prettier-ignore
      ],
      generationConfig: { responseMimeType: 'application/json', responseSchema: { type: 'ARRAY', items: { type: 'NUMBER' } } }, // prettier-ignore
      safetySettings: [],
    })
    if (isRequestProblem(decoded)) throw new Error(decoded.problem)
    const [, assistant, first, second] = decoded.messages
    const ids = ((assistant?.extra?.['tool_calls'] ?? []) as { id: string }[]).map(({ id }) => id)
    expect(new Set(ids).size).toBe(2)
    expect(assistant).toMatchObject({ role: 'assistant', content: null })
    expect(first).toEqual({ role: 'tool', content: '{"ok":true}', extra: { tool_call_id: ids[0] } })
    expect(second).toEqual({ role: 'tool', content: 'b', extra: { tool_call_id: ids[1] } })
    expect(decoded.tools).toEqual([
      { name: 'f', description: '', parameters: { type: 'object', properties: { type: { type: 'string' } } } },
      { name: 'g', description: '', parameters: { type: 'object', properties: {} } },
    ])
    expect(decoded).toMatchObject({
      responseSchema: { type: 'array', items: { type: 'number' } },
      parameters: { safetySettings: [] },
    })
  })

  test.each<[path: string, model: string, stream: boolean]>([
    ['/v1beta/models/gemini-2.5-flash:generateContent', 'gemini-2.5-flash', false],
    ['/v1/models/gemini-2.5-flash:generateContent?key=abc', 'gemini-2.5-flash', false],
    ['/v1/models/google%2Fgemini:streamGenerateContent?alt=sse', 'google/gemini', true],
    ['/v1beta/models/m:streamGenerateContent?key=a&alt=sse', 'm', true],
  ])('gemini: path %s, names its model and whether to stream', (path, model, stream) => {
    expect(decode(good, {}, path)).toMatchObject({ models: [model], stream, streamOptionsIncludeUsage: stream })
  })

  test.each<[body: unknown, param: string | null, says: string, path?: string]>([
    [null, null, 'must be an object'],
    [{}, 'contents', 'contents is not specified'],
    [{ contents: [] }, 'contents', 'contents is not specified'],
    [{ contents: 7 }, 'contents', 'expected a list'],
    [{ contents: [7] }, 'contents[0]', 'expected an object'],
    [{ contents: [{ role: 'user' }] }, 'contents[0].parts', 'is not specified'],
    [{ contents: [{ role: 'assistant', parts: [] }] }, 'contents[0].role', 'valid role: user, model'],
    [{ contents: [{ parts: ['x'] }] }, 'contents[0].parts[0]', 'expected an object'],
    [{ ...good, systemInstruction: 'x' }, 'system_instruction', 'expected an object'],
    [{ ...good, generationConfig: [] }, 'generation_config', 'expected an object'],
    [{ ...good, generationConfig: { maxOutputTokens: 0 } }, 'generation_config.max_output_tokens', 'at least 1'],
    [{ ...good, generationConfig: { temperature: 3 } }, 'generation_config.temperature', 'from 0 to 2'],
    [{ ...good, tools: {} }, 'tools', 'expected a list'],
    [{ ...good, tools: [{ functionDeclarations: [{}] }] }, 'tools[0].function_declarations[0].name', 'not specified'],
    [good, 'model', 'no path', '/v1beta/models/m:countTokens'],
    [good, 'model', 'no path', '/v1beta/models/%:generateContent'],
    [good, 'alt', 'alt=sse', '/v1beta/models/m:streamGenerateContent'],
  ])('gemini: bad request %j, names %s', (body, param, complaint, path = PATH) => {
    const decoded = decode(body, {}, path)
    if (!isRequestProblem(decoded)) throw new Error('no problem')
    expect(decoded.param).toBe(param)
    expect(decoded.problem).toContain(complaint)
    expect(answered(400, render([problemSignal(decoded)]).body)).toMatchObject([
      { class: 'invalid_request', status: 400, message: decoded.problem },
    ])
  })
})
