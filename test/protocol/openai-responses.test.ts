/** OpenAI's Responses API: what its bytes look like, and requests both ways. */
import { describe, expect, test } from 'vitest'
import { isRequestProblem, type RenderContext, type WireRequest } from '../../src/protocol/dialects/index.ts'
import type { Signal } from '../../src/protocol/index.ts'
import { ACCEPTED, CONTEXT, finished, FULL_REQUEST, labOf, PLAIN_REQUEST, text } from './lab.ts'

const { dialect, render } = labOf('openai-responses')
const context: RenderContext = { ...CONTEXT, id: 'resp_1', model: 'gpt-5-mini' }
const usage: Signal = { type: 'usage', inputTokens: 5, outputTokens: 2, cachedInputTokens: 3 }
const CALL: Signal[] = [
  { type: 'toolDelta', index: 0, id: 'call_1', name: 'find', args: '{"a":', tokens: 1 },
  { type: 'toolDelta', index: 0, args: '1}', tokens: 1 },
]

// oxlint-disable-next-line typescript/no-explicit-any
const eventsIn = (body: string): any[] =>
  body
    .split('\n\n')
    .filter((frame) => frame.startsWith('event: '))
    .map((frame) => JSON.parse(frame.split('\ndata: ')[1] ?? '') as unknown)

describe('what goes out', () => {
  test('openai-responses: a stream, is the full sequence of numbered events', () => {
    const { body } = render(
      [ACCEPTED, text('Hm', 1, 'reasoning'), text('Ja', 1), ...CALL, usage, finished('stop')],
      context,
    )
    const events = eventsIn(body)
    expect(events.map(({ sequence_number: number }) => number as number)).toEqual(events.map((_, index) => index))
    expect(events.map(({ type }) => type as string)).toEqual([
      'response.created',
      'response.in_progress',
      'response.output_item.added',
      'response.reasoning_summary_part.added',
      'response.reasoning_summary_text.delta',
      'response.reasoning_summary_text.done',
      'response.reasoning_summary_part.done',
      'response.output_item.done',
      'response.output_item.added',
      'response.content_part.added',
      'response.output_text.delta',
      'response.output_text.done',
      'response.content_part.done',
      'response.output_item.done',
      'response.output_item.added',
      'response.function_call_arguments.delta',
      'response.function_call_arguments.delta',
      'response.function_call_arguments.done',
      'response.output_item.done',
      'response.completed',
    ])
    expect(events.at(-1)).toMatchObject({
      response: {
        id: 'resp_1',
        object: 'response',
        status: 'completed',
        model: 'gpt-5-mini',
        error: null,
        output: [
          { type: 'reasoning', summary: [{ type: 'summary_text', text: 'Hm' }] },
          { type: 'message', role: 'assistant', status: 'completed', content: [{ type: 'output_text', text: 'Ja' }] },
          { type: 'function_call', call_id: 'call_1', name: 'find', arguments: '{"a":1}', status: 'completed' },
        ],
        usage: { input_tokens: 5, output_tokens: 2, total_tokens: 7, input_tokens_details: { cached_tokens: 3 } },
      },
    })
  })

  test.each([
    ['length', 'max_output_tokens'],
    ['content_filter', 'content_filter'],
  ] as const)('openai-responses: cut short by %s, is incomplete in both forms', (reason, said) => {
    const incomplete = { status: 'incomplete', incomplete_details: { reason: said }, error: null }
    const stream = eventsIn(render([ACCEPTED, text('Ja', 1), finished(reason)], context).body)
    expect(stream.at(-1)).toMatchObject({ type: 'response.incomplete', response: incomplete })
    const { body } = render([ACCEPTED, text('Ja', 1), finished(reason)], { ...context, stream: false })
    expect(JSON.parse(body)).toMatchObject(incomplete)
  })
})

describe('requests', () => {
  const { stop: _stop, ...known } = FULL_REQUEST.parameters
  const full: WireRequest = { ...FULL_REQUEST, parameters: { ...known, user: 'u-1', reasoning: { effort: 'low' } } }
  const decode = (body: unknown) => dialect.decodeRequest(body, {}, '/v1/responses')

  test.each([
    full,
    PLAIN_REQUEST,
    { ...full, toolChoice: 'required' } as const,
    { ...full, responseFormat: 'json_object', responseSchema: null } as const,
  ])('openai-responses: a request, comes back the same', (request) => {
    const { path, headers, body } = dialect.encodeRequest(request)
    expect(path).toBe('/v1/responses')
    expect(dialect.decodeRequest(JSON.parse(body), headers, path)).toEqual(request)
  })

  test('openai-responses: a question alone, with instructions', () => {
    expect(decode({ model: 'm', input: 'Why?', instructions: 'Be brief.' })).toMatchObject({
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'Why?' },
      ],
      promptBytes: 13,
    })
  })

  test('openai-responses: words and calls one after another, are one message; reasoning is left out', () => {
    const call = (id: string) => ({
      type: 'function_call',
      id: `fc_${id}`,
      call_id: id,
      name: 'find',
      arguments: '{"q":1}',
    })
    const input = [
      { role: 'user', content: [{ type: 'input_text', text: 'Find it.' }] },
      { type: 'reasoning', id: 'rs_1', summary: [] },
      {
        type: 'message',
        id: 'msg_1',
        role: 'assistant',
        status: 'completed',
        content: [{ type: 'output_text', text: 'Yes.' }],
      },
      call('a'),
      call('b'),
      { type: 'function_call_output', call_id: 'a', output: '7' },
      { type: 'function_call_output', call_id: 'b', output: [{ type: 'input_text', text: '8' }] },
    ]
    const spelled = (id: string) => ({ id, type: 'function', function: { name: 'find', arguments: '{"q":1}' } })
    expect(decode({ model: 'm', input })).toMatchObject({
      messages: [
        { role: 'user', content: 'Find it.' },
        { role: 'assistant', content: 'Yes.', extra: { tool_calls: [spelled('a'), spelled('b')] } },
        { role: 'tool', content: '7', extra: { tool_call_id: 'a' } },
        { role: 'tool', content: '8', extra: { tool_call_id: 'b' } },
      ],
    })
  })

  test.each<[body: object, param: string]>([
    [{}, 'input'],
    [{ input: [] }, 'input'],
    [{ input: [{ type: 'reasoning' }] }, 'input'],
    [{ input: [{ role: 'robot', content: 'x' }] }, 'input[0].role'],
    [{ input: [{ type: 'function_call', name: 'f', arguments: '{}' }] }, 'input[0].call_id'],
    [{ input: [{ type: 'item_reference', id: 'msg_1' }] }, 'input[0]'],
    [{ input: 'x', store: true }, 'store'],
    [{ input: 'x', previous_response_id: 'resp_1' }, 'previous_response_id'],
    [{ input: 'x', conversation: 'conv_1' }, 'conversation'],
    [{ input: 'x', background: true }, 'background'],
    [{ input: 'x', tools: [{ type: 'code_interpreter' }] }, 'tools[0].type'],
    [{ input: 'x', text: { format: { type: 'xml' } } }, 'text.format.type'],
    [{ input: 'x', max_output_tokens: 0 }, 'max_output_tokens'],
    [{ input: 'x', temperature: 3 }, 'temperature'],
  ])('openai-responses: bad request %j, names %s', (body, param) => {
    const decoded = decode({ model: 'm', ...body })
    if (!isRequestProblem(decoded)) throw new Error('it was accepted')
    expect(decoded.param).toBe(param)
    expect(decoded.problem).not.toBe('')
  })
})
