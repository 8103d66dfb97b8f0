/** Anthropic's bytes in odd ways, as recorded: events twice, events unheard of, blocks beside each other. */
import { eachBody, type Rewriting, type RewritingTable, type WrittenEvent } from '../_quirks.ts'
import { type Fields, recordOf } from '../_wire.ts'

export const MESSAGES_QUIRKS: RewritingTable = {
  'sse.duplicate_start': () => duplicateStart(),
  'sse.unknown_event': () => ({
    events: (events) => events.flatMap((event) => [UNKNOWN, event]),
  }),
  'sse.missing_done': () => ({
    events: (events) => events.filter(({ body }) => body?.['type'] !== 'message_stop'),
  }),
  'body.extra_fields': () =>
    eachBody((body) => ({ ...body, container: null, diagnostics: { inference_geo: 'eu' }, padding: 'aGk3Zq' })),
  'body.model_echo': () => ofMessage((message) => ({ ...message, model: 'another-model-20260101' })),
  'body.duplicate_id': () => ofMessage((message) => ({ ...message, id: 'msg_0' })),
  'body.odd_finish': () =>
    eachBody((body) => {
      const delta = recordOf(body['delta'])
      if (delta?.['stop_reason'] === 'end_turn') return { ...body, delta: { ...delta, stop_reason: 'pause_turn' } }
      return body['stop_reason'] === 'end_turn' ? { ...body, stop_reason: 'pause_turn' } : body
    }),
  'usage.strings': () =>
    eachBody((body) => {
      const message = recordOf(body['message'])
      if (message) return { ...body, message: withUsage(message, asStrings) }
      return withUsage(body, asStrings)
    }),
  'usage.running_total': () => runningTotal(),
}

const UNKNOWN: WrittenEvent = { name: 'weather_report', raw: '', body: { type: 'weather_report', index: 0 } }

/** The message stands by itself, or in the event that starts a stream. */
function ofMessage(change: (message: Fields) => Fields): Rewriting {
  return eachBody((body) => {
    const message = recordOf(body['message'])
    if (message) return { ...body, message: change(message) }
    return body['type'] === 'message' ? change(body) : body
  })
}

/** Once more at once, and once more before the first block stops. */
function duplicateStart(): Rewriting {
  let start: WrittenEvent | null = null
  let hasSpliced = false
  return {
    events: (events) =>
      events.flatMap((event) => {
        const type = event.body?.['type']
        if (type === 'message_start') {
          start = event
          return [event, event]
        }
        if (type !== 'content_block_stop' || hasSpliced || start === null) return [event]
        hasSpliced = true
        return [start, event]
      }),
  }
}

function withUsage(fields: Fields, change: (usage: Fields) => Fields): Fields {
  const usage = recordOf(fields['usage'])
  return usage ? { ...fields, usage: change(usage) } : fields
}

function asStrings(usage: Fields): Fields {
  return Object.fromEntries(
    Object.entries(usage).map(([key, value]) => [key, typeof value === 'number' ? String(value) : value]),
  )
}

/** The counts of a message are cumulative: here they come after every block as well. */
function runningTotal(): Rewriting {
  let blocks = 0
  return {
    events: (events) =>
      events.flatMap((event) => {
        if (event.body?.['type'] !== 'content_block_stop') return [event]
        blocks += 1
        const body = { type: 'message_delta', delta: { stop_reason: null }, usage: { output_tokens: blocks } }
        return [event, { name: 'message_delta', raw: '', body }]
      }),
  }
}
