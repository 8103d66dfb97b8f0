/**
 * A stream of each dialect as recordings have them, with the oddities of healthy traffic: comments, pings, mixed line
 * ends, a repeated start, blocks and fields that nobody asked for.
 */
import type { DialectId, Signal } from '../../src/protocol/index.ts'
import { ACCEPTED, finished, text } from './lab.ts'

const OPENAI =
  ': OPENROUTER PROCESSING\n\n' +
  'data: {"id":"gen-1","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}\r\n\r\n' +
  'data: {"id":"gen-1","choices":[{"index":0,"delta":{"reasoning":"思考…"},"finish_reason":null}]}\n\n' +
  'data:{"id":"gen-1","choices":[{"index":0,"delta":{"content":"Grüße 👋🏽, "}}],"obfuscation":"a8Kd"}\n\n' +
  'data: {"id":"gen-1",\ndata: "choices":[{"index":0,"delta":{"content":"世界"},"finish_reason":null}]}\n\n' +
  'event: message\nid: 7\nretry: 10\ndata: {"id":"gen-1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n' +
  'data: {"id":"gen-1","choices":[],"usage":{"prompt_tokens":12,"completion_tokens":9,"total_tokens":21}}\n\n' +
  'data: [DONE]\n\n'

const OPENAI_SIGNALS: Signal[] = [
  ACCEPTED,
  { type: 'ping' },
  text('思考…', 3, 'reasoning'),
  text('Grüße 👋🏽, ', 5),
  text('世界', 1),
  { type: 'usage', inputTokens: 12, outputTokens: 9 },
  finished('stop'),
]

const named = (type: string, fields: object) => `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`
const START = named('message_start', {
  message: {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model: 'claude-haiku-4-5',
    content: [],
    stop_reason: null,
    usage: { input_tokens: 2, cache_creation_input_tokens: 7, cache_read_input_tokens: 3, output_tokens: 1 },
  },
})

const ANTHROPIC =
  START +
  named('content_block_start', { index: 0, content_block: { type: 'thinking', thinking: '', signature: '' } }) +
  named('ping', {}) +
  named('content_block_delta', { index: 0, delta: { type: 'thinking_delta', thinking: '思考…' } }) +
  named('content_block_delta', { index: 0, delta: { type: 'signature_delta', signature: 'EqQB' } }) +
  named('content_block_stop', { index: 0 }) +
  'data: {"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}\r\n\r\n' +
  START + // Twice, and in the middle of a block: both have been recorded.
  'event: content_block_delta\ndata: {"type":"content_block_delta","index":1,\ndata: "delta":{"type":"text_delta","text":"Grüße 👋🏽, "}}\n\n' +
  named('content_block_delta', { index: 1, delta: { type: 'citations_delta', citation: {} } }) +
  named('content_block_stop', { index: 1 }) +
  named('content_block_start', { index: 2, content_block: { type: 'server_tool_use', id: 'srvtoolu_1', input: {} } }) +
  named('content_block_delta', { index: 2, delta: { type: 'input_json_delta', partial_json: '{"query":"x"}' } }) +
  named('content_block_stop', { index: 2 }) +
  named('content_block_start', {
    index: 3,
    content_block: { type: 'tool_use', id: 'toolu_1', name: 'find', input: {}, caller: { type: 'direct' } },
  }) +
  'event: ping\ndata: {"type": "ping"}\n\n' +
  named('content_block_delta', { index: 3, delta: { type: 'input_json_delta', partial_json: '' } }) +
  named('content_block_delta', { index: 3, delta: { type: 'input_json_delta', partial_json: '{"ort":' } }) +
  named('content_block_delta', { index: 3, delta: { type: 'input_json_delta', partial_json: '"Köln"}' } }) +
  named('content_block_stop', { index: 3 }) +
  named('content_block_start', {
    index: 4,
    content_block: { type: 'tool_use', id: 'toolu_2', name: 'now', input: {} },
  }) +
  named('content_block_delta', { index: 4, delta: { type: 'input_json_delta', partial_json: '' } }) +
  named('content_block_stop', { index: 4 }) +
  named('message_delta', { delta: { stop_reason: 'tool_use', stop_sequence: null }, usage: { output_tokens: 9 } }) +
  named('some_future_event', { anything: 1 }) +
  named('message_stop', { 'amazon-bedrock-invocationMetrics': { inputTokenCount: 2 } })

const ANTHROPIC_SIGNALS: Signal[] = [
  ACCEPTED,
  { type: 'ping' },
  text('思考…', 3, 'reasoning'),
  text('Grüße 👋🏽, ', 5),
  { type: 'toolDelta', index: 0, id: 'toolu_1', name: 'find', args: '', tokens: 0 },
  { type: 'ping' },
  { type: 'toolDelta', index: 0, args: '{"ort":', tokens: 2 },
  { type: 'toolDelta', index: 0, args: '"Köln"}', tokens: 2 },
  { type: 'toolDelta', index: 1, id: 'toolu_2', name: 'now', args: '', tokens: 0 },
  { type: 'toolDelta', index: 1, args: '{}', tokens: 1 },
  { type: 'usage', inputTokens: 12, outputTokens: 9, cachedInputTokens: 3, writtenInputTokens: 7 },
  finished('tool_calls'),
]

const frame = (response: object) => `data: ${JSON.stringify(response)}\r\n\r\n`
const parts = (...list: readonly object[]) => ({ content: { role: 'model', parts: list }, index: 0 })
const IDENTITY = { modelVersion: 'gemini-2.5-flash', responseId: 'r1' }

const GEMINI =
  frame({
    candidates: [parts({ text: '思考…', thought: true })],
    usageMetadata: { promptTokenCount: 12, totalTokenCount: 12 },
    ...IDENTITY,
  }) +
  'data: {"candidates": [{"content": {"parts": [{"text": "Grüße 👋🏽, "}],\r\ndata:"role": "model"},"index": 0,"safetyRatings": []}]}\r\n\r\n' +
  frame({
    candidates: [parts({ functionCall: { name: 'find', args: { ort: 'Köln' } }, thoughtSignature: 'CpcB' })],
    usageMetadata: { promptTokenCount: 12, candidatesTokenCount: 4, totalTokenCount: 16 },
    ...IDENTITY,
  }) +
  frame({ candidates: [parts({ functionCall: { id: 'fc-2', name: 'now' } })], ...IDENTITY }) +
  frame({
    candidates: [{ ...parts({ text: '' }), finishReason: 'STOP' }],
    usageMetadata: { promptTokenCount: 12, candidatesTokenCount: 6, thoughtsTokenCount: 3, totalTokenCount: 21 },
    ...IDENTITY,
  })

const GEMINI_SIGNALS: Signal[] = [
  ACCEPTED,
  text('思考…', 3, 'reasoning'),
  text('Grüße 👋🏽, ', 5),
  { type: 'toolDelta', index: 0, id: 'r1_0', name: 'find', args: '', tokens: 0 },
  { type: 'toolDelta', index: 0, args: '{"ort":"Köln"}', tokens: 4 },
  { type: 'toolDelta', index: 1, id: 'fc-2', name: 'now', args: '', tokens: 0 },
  { type: 'toolDelta', index: 1, args: '{}', tokens: 1 },
  { type: 'usage', inputTokens: 12, outputTokens: 9, details: { reasoningTokens: 3 } },
  finished('tool_calls'),
]

let events = 0
const numbered = (type: string, fields: object) => named(type, { sequence_number: (events += 1), ...fields })
const RESPONSE = {
  id: 'resp_1',
  object: 'response',
  created_at: 1_760_000_000,
  model: 'gpt-5-mini',
  error: null,
  output: [],
}

const RESPONSES =
  numbered('response.created', { response: { ...RESPONSE, status: 'in_progress', usage: null } }) +
  ': keep-alive\n\n' +
  numbered('response.output_item.added', { output_index: 0, item: { id: 'rs_1', type: 'reasoning', summary: [] } }) +
  numbered('response.reasoning_summary_text.delta', { output_index: 0, summary_index: 0, delta: '思考…' }) +
  numbered('response.output_item.done', {
    output_index: 0,
    item: { id: 'rs_1', type: 'reasoning', summary: [{ type: 'summary_text', text: '思考…' }] },
  }) +
  'data: {"type":"response.output_item.added","output_index":1,"item":{"id":"msg_1","type":"message","content":[]}}\r\n\r\n' +
  'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","output_index":1,\ndata: "delta":"Grüße 👋🏽, ","obfuscation":"a8Kd"}\n\n' +
  numbered('response.output_text.annotation.added', { output_index: 1, annotation: {} }) +
  numbered('response.output_item.done', {
    output_index: 1,
    item: { id: 'msg_1', type: 'message', content: [{ type: 'output_text', text: 'Grüße 👋🏽, ' }] },
  }) +
  numbered('response.output_item.added', { output_index: 2, item: { id: 'ws_1', type: 'web_search_call' } }) +
  numbered('response.output_item.added', {
    output_index: 3,
    item: { id: 'fc_1', type: 'function_call', call_id: 'call_1', name: 'find', arguments: '' },
  }) +
  numbered('response.function_call_arguments.delta', { output_index: 3, delta: '{"ort":' }) +
  numbered('response.function_call_arguments.delta', { output_index: 3, delta: '"Köln"}' }) +
  numbered('response.function_call_arguments.done', { output_index: 3, arguments: '{"ort":"Köln"}' }) +
  numbered('response.output_item.done', {
    output_index: 3,
    item: { id: 'fc_1', type: 'function_call', call_id: 'call_1', name: 'find', arguments: '{"ort":"Köln"}' },
  }) +
  numbered('response.output_item.done', {
    output_index: 4,
    item: { id: 'fc_2', type: 'function_call', call_id: 'call_2', name: 'now', arguments: '{}' },
  }) +
  numbered('response.completed', {
    response: {
      ...RESPONSE,
      status: 'completed',
      usage: { input_tokens: 12, input_tokens_details: { cached_tokens: 3 }, output_tokens: 9, total_tokens: 21 },
    },
  })

const RESPONSES_SIGNALS: Signal[] = [
  ACCEPTED,
  { type: 'ping' },
  text('思考…', 3, 'reasoning'),
  text('Grüße 👋🏽, ', 5),
  { type: 'toolDelta', index: 0, id: 'call_1', name: 'find', args: '', tokens: 0 },
  { type: 'toolDelta', index: 0, args: '{"ort":', tokens: 2 },
  { type: 'toolDelta', index: 0, args: '"Köln"}', tokens: 2 },
  { type: 'toolDelta', index: 1, id: 'call_2', name: 'now', args: '', tokens: 0 },
  { type: 'toolDelta', index: 1, args: '{}', tokens: 1 },
  { type: 'usage', inputTokens: 12, outputTokens: 9, cachedInputTokens: 3 },
  finished('tool_calls'),
]

export const RECORDED: Readonly<Record<DialectId, { readonly body: string; readonly signals: readonly Signal[] }>> = {
  'openai-chat': { body: OPENAI, signals: OPENAI_SIGNALS },
  'anthropic-messages': { body: ANTHROPIC, signals: ANTHROPIC_SIGNALS },
  gemini: { body: GEMINI, signals: GEMINI_SIGNALS },
  'openai-responses': { body: RESPONSES, signals: RESPONSES_SIGNALS },
}
