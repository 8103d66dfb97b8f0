/**
 * Odd ways of writing an answer down. What is said stays the same, only the bytes are strange, and every parser must
 * live with them: so in virtual time a quirk changes nothing, and in live mode nothing may come of it either.
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
} as const satisfies Readonly<Record<string, QuirkEntry>>

export type QuirkName = keyof typeof QUIRKS
