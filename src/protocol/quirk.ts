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
  'net.slice': { writer: 'transport', summary: 'the bytes arrive in small, arbitrary segments' },
} as const satisfies Readonly<Record<string, QuirkEntry>>

export type QuirkName = keyof typeof QUIRKS
