/**
 * Odd ways of writing an answer down. What is said stays the same, only the bytes are strange, and every parser must
 * live with them: so in virtual time a quirk changes nothing, and in live mode nothing may come of it either. A dialect
 * that has no place for a quirk writes as it always does.
 */

/** Who writes it: the dialect (framing, field order, extra frames) or the transport (segments, headers, encodings). */
export interface QuirkEntry {
  readonly writer: 'dialect' | 'transport'
  readonly summary: string
}

export const QUIRKS = {
  'sse.crlf': { writer: 'dialect', summary: 'events end with CRLF instead of LF' },
  'net.slice': { writer: 'transport', summary: 'the bytes arrive in arbitrary segments of so many bytes on average' },
  'net.unterminated': { writer: 'transport', summary: 'a connection that breaks off ends in a FIN, not in a reset' },
  'net.length_long': { writer: 'transport', summary: 'the content-length promises so many bytes more than come' },
  'net.length_short': { writer: 'transport', summary: 'so many bytes come after what the content-length promises' },
  'net.slow_close': { writer: 'transport', summary: 'the connection closes so many ms after the answer is whole' },
  'net.keepalive_race': {
    writer: 'transport',
    summary: 'a connection that was kept alive is closed just as the request arrives on it',
  },
  'http.error_with_200': { writer: 'dialect', summary: 'an error body comes with status 200' },
  'http.content_type': { writer: 'transport', summary: 'the content-type names something else than what comes' },
  'http.duplicate_headers': { writer: 'transport', summary: 'headers come twice' },
  'http.long_headers': { writer: 'transport', summary: 'headers are so many bytes long' },
  'http.no_request_id': { writer: 'transport', summary: 'no header names the request' },
  'sse.no_space': { writer: 'dialect', summary: 'no space after the colon of a field' },
  'sse.bom': { writer: 'dialect', summary: 'a byte-order mark before the first event' },
  'sse.multi_line': { writer: 'dialect', summary: 'the JSON of an event spread over several data lines' },
  'sse.comments': { writer: 'dialect', summary: 'a comment before every event' },
  'sse.extra_fields': { writer: 'dialect', summary: 'ids and retry fields in the events' },
  'sse.unnamed': { writer: 'dialect', summary: 'events without the name that the dialect gives them' },
  'sse.opening_first': { writer: 'dialect', summary: 'the event that opens an answer comes with its head' },
  'sse.duplicate_start': { writer: 'dialect', summary: 'the event that opens an answer comes twice' },
  'sse.empty_choices': { writer: 'dialect', summary: 'first an event without any choice, as Azure sends it' },
  'sse.unknown_event': { writer: 'dialect', summary: 'events of a type that nobody has heard of' },
  'sse.missing_done': { writer: 'dialect', summary: 'the stream ends without its terminal marker' },
  'sse.missing_finish': { writer: 'dialect', summary: 'a stream that is cut still ends with its terminal marker' },
  'sse.json_instead': { writer: 'dialect', summary: 'one JSON body, although a stream was asked for' },
  'body.sse_instead': { writer: 'dialect', summary: 'a stream, although one JSON body was asked for' },
  'body.extra_fields': { writer: 'dialect', summary: 'fields that nobody has heard of, and padding' },
  'body.content_array': { writer: 'dialect', summary: 'text as a list of parts' },
  'body.model_echo': { writer: 'dialect', summary: 'another model’s name than was asked for' },
  'body.duplicate_id': { writer: 'dialect', summary: 'the same id for every answer' },
  'body.odd_finish': { writer: 'dialect', summary: 'an unusual word for a usual finish' },
  'body.finish_absent': { writer: 'dialect', summary: 'no finish reason at all where it is usually null, as xAI does' },
  'tool.null_args': { writer: 'dialect', summary: 'empty arguments are null' },
  'tool.object_args': { writer: 'dialect', summary: 'arguments are the object itself, not its text' },
  'tool.no_index': { writer: 'dialect', summary: 'pieces of tool calls have no index' },
  'tool.id_late': { writer: 'dialect', summary: 'the id of a tool call comes with its second piece' },
  'tool.name_repeated': { writer: 'dialect', summary: 'later pieces of a tool call repeat its name, without its id' },
  'tool.empty_name': {
    writer: 'dialect',
    summary: 'later pieces of a tool call have an empty name, as Mistral sends it',
  },
  'tool.one_delta': { writer: 'dialect', summary: 'id, name and arguments in one piece, as xAI and Groq send it' },
  'tool.interleaved': { writer: 'dialect', summary: 'tool calls stay open beside each other' },
  'tool.partial_args': { writer: 'dialect', summary: 'arguments as paths and values, as Gemini 3.1 sends them' },
  'usage.strings': { writer: 'dialect', summary: 'counts are strings of digits' },
  'usage.running_total': { writer: 'dialect', summary: 'every event carries the counts so far' },
  'usage.with_finish': { writer: 'dialect', summary: 'the counts come with the finish reason, as DeepSeek sends them' },
} as const satisfies Readonly<Record<string, QuirkEntry>>

export type QuirkName = keyof typeof QUIRKS

/** The quirks that a dialect writes. */
export const DIALECT_QUIRKS = (Object.keys(QUIRKS) as QuirkName[]).filter((name) => QUIRKS[name].writer === 'dialect')
