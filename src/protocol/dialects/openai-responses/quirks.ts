/** The Responses API's bytes in odd ways. */
import { eachBody, type Rewriting, type RewritingTable, type WrittenEvent } from '../_quirks.ts'
import { type Fields, recordOf } from '../_wire.ts'

export const RESPONSES_QUIRKS: RewritingTable = {
  'sse.unknown_event': () => ({ events: (events) => events.flatMap((event) => [UNKNOWN, event]) }),
  'body.extra_fields': () => eachBody((body) => ({ ...body, content_filters: null, obfuscation: 'aGk3Zq' })),
  'body.model_echo': () => ofResponse((response) => ({ ...response, model: 'another-model-20260101' })),
  'body.duplicate_id': () => ofResponse((response) => ({ ...response, id: 'resp_0' })),
  'usage.strings': () =>
    ofResponse((response) => {
      const usage = recordOf(response['usage'])
      return usage ? { ...response, usage: asStrings(usage) } : response
    }),
}

const UNKNOWN: WrittenEvent = { name: 'response.weather_report', raw: '', body: { type: 'response.weather_report' } }

/** The response stands by itself, or in an event. */
function ofResponse(change: (response: Fields) => Fields): Rewriting {
  return eachBody((body) => {
    const response = recordOf(body['response'])
    if (response) return { ...body, response: change(response) }
    return body['object'] === 'response' ? change(body) : body
  })
}

function asStrings(usage: Fields): Fields {
  return Object.fromEntries(
    Object.entries(usage).map(([key, value]) => [key, typeof value === 'number' ? String(value) : value]),
  )
}
