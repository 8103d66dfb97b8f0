/** Gemini's bytes in odd ways: counts alone, arguments by path, padding. */
import { eachBody, type Rewriting, type RewritingTable, type WrittenEvent } from '../_quirks.ts'
import { type Fields, listOf, recordOf } from '../_wire.ts'

export const GEMINI_QUIRKS: RewritingTable = {
  'sse.empty_choices': () => ({
    events: (events, isFirst) => (isFirst ? [ONLY_COUNTS, ...events] : events),
  }),
  'body.extra_fields': () => eachBody((body) => ({ ...body, createTime: '2026-01-01T00:00:00Z', padding: 'aGk3Zq' })),
  'body.model_echo': () =>
    eachBody((body) => ('modelVersion' in body ? { ...body, modelVersion: 'another-model' } : body)),
  'body.duplicate_id': () => eachBody((body) => ('responseId' in body ? { ...body, responseId: 'response-0' } : body)),
  'tool.partial_args': () => ({ events: byPath }),
  'usage.strings': () =>
    eachBody((body) => {
      const usage = recordOf(body['usageMetadata'])
      return usage ? { ...body, usageMetadata: asStrings(usage) } : body
    }),
  'usage.running_total': runningTotal,
}

const ONLY_COUNTS: WrittenEvent = { name: null, raw: '', body: { usageMetadata: { promptTokenCount: 1 } } }

function asStrings(usage: Fields): Fields {
  return Object.fromEntries(
    Object.entries(usage).map(([key, value]) => [key, typeof value === 'number' ? String(value) : value]),
  )
}

function runningTotal(): Rewriting {
  let chunks = 0
  return {
    events: (events) =>
      events.map((event) => {
        chunks += 1
        if (!event.body || !('candidates' in event.body) || 'usageMetadata' in event.body) return event
        const usageMetadata = { promptTokenCount: 1, candidatesTokenCount: chunks, totalTokenCount: 1 + chunks }
        return { ...event, body: { ...event.body, usageMetadata } }
      }),
  }
}

/** A whole call as its name, its arguments by path, and an empty call for the end, where all of them are plain values. */
function byPath(events: readonly WrittenEvent[]): WrittenEvent[] {
  return events.flatMap((event) => {
    const candidate = recordOf(listOf(event.body?.['candidates'])[0])
    const parts = listOf(recordOf(candidate?.['content'])?.['parts'])
    const call = recordOf(recordOf(parts[0])?.['functionCall'])
    const pieces = call && parts.length === 1 ? piecesOf(recordOf(call['args']) ?? {}) : null
    if (!call || !pieces) return [event]
    const { args: _args, ...opening } = call
    const calls = [{ ...opening, willContinue: true }, ...pieces.map((piece) => ({ partialArgs: [piece], willContinue: true })), {}] // prettier-ignore
    return calls.map((functionCall) => ({
      ...event,
      body: {
        ...event.body,
        candidates: [{ ...candidate, content: { ...recordOf(candidate?.['content']), parts: [{ functionCall }] } }],
      },
    }))
  })
}

/** Null where something has no path of its own: an empty list, an object, a key that is no word. */
function piecesOf(args: Fields): Fields[] | null {
  const pieces: Fields[] = []
  for (const [key, value] of Object.entries(args)) {
    if (!/^[A-Za-z_]\w*$/.test(key)) return null
    const values = Array.isArray(value) ? value.map((item: unknown, index) => [`[${index}]`, item] as const) : [['', value] as const] // prettier-ignore
    if (values.length === 0) return null
    for (const [step, item] of values) {
      const said = plainValue(item)
      if (!said) return null
      pieces.push({ jsonPath: `$.${key}${step}`, ...said })
    }
  }
  return pieces
}

function plainValue(value: unknown): Fields | null {
  if (value === null) return { nullValue: 'NULL_VALUE' }
  if (typeof value === 'string') return { stringValue: value }
  if (typeof value === 'number') return { numberValue: value }
  return typeof value === 'boolean' ? { boolValue: value } : null
}
