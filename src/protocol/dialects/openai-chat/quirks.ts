/** OpenAI's bytes in odd ways, as hosts that imitate them were recorded: Azure, DeepSeek, xAI, Groq, Mistral, vLLM. */
import { eachBody, eachChunk, type Rewriting, type RewritingTable, type WrittenEvent } from '../_quirks.ts'
import { type Fields, listOf, objectOf, recordOf } from '../_wire.ts'

export const CHAT_QUIRKS: RewritingTable = {
  'sse.duplicate_start': () => ({
    events: (events, isFirst) => (isFirst && events[0] ? [events[0], ...events] : events),
  }),
  'sse.empty_choices': () => ({
    events: (events, isFirst) => (isFirst ? [EMPTY_CHOICES, ...events] : events),
  }),
  'sse.missing_done': () => ({ events: (events) => events.filter(({ raw }) => raw !== 'data: [DONE]') }),
  'body.extra_fields': () =>
    eachBody((body) => ({
      ...body,
      service_tier: 'default',
      obfuscation: 'aGk3Zq',
      x_groq: { id: 'req_1', seed: 7 },
      choices: choicesOf(body).map((choice) => ({ ...choice, content_filter_results: {}, stop_reason: null })),
    })),
  'body.model_echo': () => eachBody((body) => ({ ...body, model: 'another-model-2026-01-01' })),
  'body.duplicate_id': () => eachBody((body) => ({ ...body, id: 'chatcmpl-0' })),
  'body.content_array': () => ofMessages((message) => ({ ...message, ...contentAsParts(message['content']) })),
  'body.odd_finish': () =>
    ofChoices((choice) => (choice['finish_reason'] === 'stop' ? { ...choice, finish_reason: 'eos' } : choice)),
  'body.finish_absent': () =>
    ofChoices(({ finish_reason: reason, ...choice }) =>
      reason === null ? choice : { ...choice, finish_reason: reason },
    ),
  'tool.null_args': () => ofCalls((call) => withFunction(call, (args) => (args === '' ? null : args))),
  'tool.object_args': () => ofCalls((call) => withFunction(call, asObject)),
  'tool.no_index': () => ofCalls(({ index: _index, ...call }) => call),
  'tool.id_late': lateIds,
  'tool.name_repeated': () => laterPieces((name) => name),
  'tool.empty_name': () => laterPieces(() => ''),
  'tool.one_delta': () => ({ events: inOneDelta }),
  'usage.strings': () => eachBody((body) => (body['usage'] ? { ...body, usage: asStrings(body['usage']) } : body)),
  'usage.running_total': runningTotal,
  'usage.with_finish': () => ({ events: withFinish }),
}

const EMPTY_CHOICES: WrittenEvent = {
  name: null,
  raw: '',
  body: { id: '', object: '', created: 0, model: '', choices: [], prompt_filter_results: [{ prompt_index: 0 }] },
}

function choicesOf(body: Fields): Fields[] {
  return recordsOf(body['choices'])
}

function recordsOf(list: unknown): Fields[] {
  return listOf(list)
    .map(recordOf)
    .filter((fields) => fields !== null)
}

function ofChoices(change: (choice: Fields) => Fields): Rewriting {
  return eachBody((body) => ('choices' in body ? { ...body, choices: choicesOf(body).map(change) } : body))
}

/** Deltas and whole messages: the fields are the same. */
function ofMessages(change: (message: Fields) => Fields): Rewriting {
  return ofChoices((choice) => {
    const key = 'delta' in choice ? 'delta' : 'message'
    const message = recordOf(choice[key])
    return message ? { ...choice, [key]: change(message) } : choice
  })
}

function ofCalls(change: (call: Fields) => Fields): Rewriting {
  return ofMessages((message) => {
    const calls = recordsOf(message['tool_calls'])
    return calls.length === 0 ? message : { ...message, tool_calls: calls.map(change) }
  })
}

function withFunction(call: Fields, change: (args: unknown) => unknown): Fields {
  const called = recordOf(call['function']) ?? {}
  return { ...call, function: { ...called, arguments: change(called['arguments']) } }
}

function contentAsParts(content: unknown): Fields {
  return typeof content === 'string' && content !== '' ? { content: [{ type: 'text', text: content }] } : { content }
}

/** Only where the text can be had back from the object. */
function asObject(args: unknown): unknown {
  const object = typeof args === 'string' ? objectOf(args) : null
  return object && JSON.stringify(object) === args ? object : args
}

function lateIds(): Rewriting {
  const kept = new Map<unknown, unknown>()
  return ofCalls((call) => {
    const { index, id, ...rest } = call
    if (index === undefined) return call // A whole answer has no later pieces.
    if (id !== undefined) {
      kept.set(index, id)
      return { index, ...rest }
    }
    const late = kept.get(index)
    kept.delete(index)
    return late === undefined ? call : { index, id: late, ...rest }
  })
}

/** Give the later pieces of each call a name. */
function laterPieces(nameOf: (name: unknown) => unknown): Rewriting {
  const names = new Map<unknown, unknown>()
  return ofCalls((call) => {
    const called = recordOf(call['function']) ?? {}
    if (!names.has(call['index'])) {
      names.set(call['index'], called['name'])
      return call
    }
    if (call['id'] !== undefined) return call
    return { ...call, type: 'function', function: { name: nameOf(names.get(call['index'])), ...called } }
  })
}

/** The piece that opens a call, and the first of its arguments, as one. */
function inOneDelta(events: readonly WrittenEvent[]): WrittenEvent[] {
  const joined: WrittenEvent[] = []
  for (const event of events) {
    const [call, last] = [callOf(event), callOf(joined.at(-1))]
    if (call && last && last['id'] !== undefined && call['id'] === undefined && call['index'] === last['index']) {
      const opened = recordOf(last['function'])
      if (opened?.['arguments'] === '') {
        joined[joined.length - 1] = withCall(event, {
          ...last,
          function: { ...opened, ...recordOf(call['function']) },
        })
        continue
      }
    }
    joined.push(event)
  }
  return joined
}

function callOf(event: WrittenEvent | undefined): Fields | null {
  const delta = event?.body ? recordOf(choicesOf(event.body)[0]?.['delta']) : null
  return recordOf(listOf(delta?.['tool_calls'])[0])
}

function withCall(event: WrittenEvent, call: Fields): WrittenEvent {
  const body = event.body ?? {}
  const [choice = {}] = choicesOf(body)
  const delta = { ...recordOf(choice['delta']), tool_calls: [call] }
  return { ...event, body: { ...body, choices: [{ ...choice, delta }] } }
}

function asStrings(value: unknown): unknown {
  if (typeof value === 'number') return String(value)
  const fields = recordOf(value)
  return fields ? Object.fromEntries(Object.entries(fields).map(([key, inner]) => [key, asStrings(inner)])) : value
}

function runningTotal(): Rewriting {
  let chunks = 0
  return eachChunk((body) => {
    chunks += 1
    return body['usage'] ? body : { ...body, usage: { prompt_tokens: 1, completion_tokens: chunks } }
  })
}

/** The counts in the chunk that has the finish reason, and no chunk of their own. */
function withFinish(events: readonly WrittenEvent[]): WrittenEvent[] {
  const counts = events.find(({ body }) => body && body['usage'] && choicesOf(body).length === 0)
  if (!counts) return [...events]
  return events.flatMap((event): WrittenEvent[] => {
    if (event === counts) return []
    const hasReason = event.body && typeof choicesOf(event.body)[0]?.['finish_reason'] === 'string'
    return [hasReason ? { ...event, body: { ...event.body, usage: counts.body?.['usage'] } } : event]
  })
}
