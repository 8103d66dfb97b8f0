/**
 * Connection: what is wrong below HTTP, or in its framing. Some modes lose the answer, and every client must notice;
 * others are only odd, and no client may: `keepalive_race`, `slice` and `slow_close` change nothing but the bytes.
 *
 *   dns_failure           the name does not resolve                      failed: dns_failure
 *   reset_before_answer   RST after the request, `delay` later           closed: reset, before any head
 *   reset_mid_answer      RST after a share of the answer                closed: reset
 *   empty_reply           FIN without a byte                             closed: clean, before any head
 *   garbage               bytes that are no HTTP, then FIN               garbled: not_http
 *   unterminated          FIN without the last chunk                     closed: reset
 *   length_mismatch       content-length above or below what comes       closed: reset (above), clean (below)
 *   wrong_encoding        a gzip that is none                            garbled: wrong_encoding
 */
import { z } from 'zod'
import { count, duration, ratio, type Millis } from '../../base/index.ts'
import { ACCEPTED, CONNECTED, CUT_CLEAN, CUT_RESET, type Failed, type Signal } from '../../protocol/index.ts'
import { defineFault, type FaultBehaviour, type FaultVariant } from '../fault.ts'
import { breakAfter, oddly, type Cue, type Script } from '../service.ts'

const MODES = [
  'dns_failure',
  'reset_before_answer',
  'reset_mid_answer',
  'empty_reply',
  'garbage',
  'unterminated',
  'length_mismatch',
  'wrong_encoding',
  'keepalive_race',
  'slice',
  'slow_close',
] as const

const VARIANTS: readonly FaultVariant[] = [
  {
    id: 'net.dns_fail',
    summary: 'The provider’s name does not resolve.',
    with: { mode: 'dns_failure' },
    sees: 'ENOTFOUND: no address, so no connection.',
    expect: 'A class of its own; every endpoint behind that name is as good as down.',
    seen: 'AWS us-east-1 2025-10-20, OpenAI 2024-12-11',
  },
  {
    id: 'net.reset_before_headers.late',
    summary: 'The connection is reset a while after the request was read.',
    with: { mode: 'reset_before_answer', delay: '2s' },
    sees: 'Silence, then RST, and no byte of an answer; the prompt may have been billed.',
    expect: 'Try elsewhere within the deadline, and count what it may have cost.',
    seen: 'WireMock CONNECTION_RESET_BY_PEER with a delay; mountebank',
  },
  {
    id: 'net.reset_mid_body',
    summary: 'The connection is reset in the middle of the answer.',
    with: { mode: 'reset_mid_answer' },
    sees: '200, part of the answer, RST.',
    expect: 'No success: fall back if nothing was forwarded, else say that it broke; count the usage so far.',
    seen: 'Shopify/toxiproxy reset_peer and limit_data, Wei-Shaw/sub2api#4698',
  },
  {
    id: 'net.empty_reply',
    summary: 'The connection closes without a byte.',
    with: { mode: 'empty_reply' },
    sees: 'FIN instead of an answer.',
    expect: 'A transport error that may be tried again.',
    seen: 'WireMock EMPTY_RESPONSE; curl 52',
  },
  {
    id: 'net.garbage',
    summary: 'Bytes that are no HTTP.',
    with: { mode: 'garbage' },
    sees: 'Random bytes, then FIN: no status, no headers.',
    expect: 'Not a crash but one failed attempt; the next endpoint.',
    seen: 'WireMock RANDOM_DATA_THEN_CLOSE',
  },
  {
    id: 'net.incomplete_chunked',
    summary: 'A chunked body ends without its last chunk.',
    with: { mode: 'unterminated' },
    sees: '200, part of the answer, FIN where a chunk should come.',
    expect: 'Truncated is not complete.',
    seen: 'preloop/preloop#117',
  },
  {
    id: 'net.length_mismatch.long',
    summary: 'The content-length promises more than comes.',
    with: { mode: 'length_mismatch', declares: 'more' },
    sees: '200 with a content-length, fewer bytes than that, FIN.',
    expect: 'An error, and the connection is not used again.',
    seen: 'WireMock MALFORMED_RESPONSE_CHUNK family; curl 18',
  },
  {
    id: 'net.length_mismatch.short',
    summary: 'More comes than the content-length promises.',
    with: { mode: 'length_mismatch', declares: 'less' },
    sees: '200 and an answer that stops too early; the bytes after it belong to nobody.',
    expect: 'An answer without its end is no answer, and the rest is never read as the next one.',
    seen: 'WireMock MALFORMED_RESPONSE_CHUNK family; RFC 9112 §11.2 response smuggling',
  },
  {
    id: 'net.encoding',
    summary: 'The body claims to be gzip, and does not decode.',
    with: { mode: 'wrong_encoding' },
    sees: '200 with a content-encoding nobody asked for, and a cut gzip.',
    expect: 'A decode error is a failed attempt, never an empty success.',
    seen: 'envoyproxy/ai-gateway testupstream gzip',
  },
  {
    id: 'net.keepalive_race',
    summary: 'A connection that was kept alive closes just as the request arrives on it.',
    with: { mode: 'keepalive_race' },
    sees: 'FIN on an idle connection that was used before; a fresh one works.',
    expect: 'One transparent retry on a new connection, on nobody’s account.',
    seen: 'nodejs/node#47130, nodejs/undici#3492',
  },
  {
    id: 'net.slice',
    summary: 'The bytes come in small, arbitrary segments.',
    with: { mode: 'slice' },
    sees: 'Segments that end anywhere: in a header, in a chunk’s length, in a character.',
    expect: 'What is understood does not depend on how it was cut.',
    seen: 'Shopify/toxiproxy slicer',
  },
  {
    id: 'net.slow_close',
    summary: 'The answer is whole; the connection closes late.',
    with: { mode: 'slow_close', delay: '2s' },
    sees: 'Everything, then a connection that stays open for a while.',
    expect: 'Done when the answer is, not when the connection is.',
    seen: 'Shopify/toxiproxy slow_close',
  },
]

export const connection = defineFault({
  kind: 'connection',
  summary: 'The connection fails, or frames the answer wrongly or oddly.',
  layer: 'transport',
  sees: 'No name, no byte, no HTTP, a body that breaks off or does not decode; or just an odd way of sending it.',
  params: {
    mode: z.enum(MODES).meta({
      description:
        '`dns_failure`: the name does not resolve. `reset_before_answer`: RST after `delay`. `reset_mid_answer`: RST after a share of the answer. `empty_reply`: FIN without a byte. `garbage`: no HTTP. `unterminated`: no last chunk. `length_mismatch`: a wrong content-length. `wrong_encoding`: a gzip that is none. Harmless to whoever is careful: `keepalive_race`, `slice`, `slow_close`.',
    }),
    after: ratio()
      .default(0.5)
      .meta({
        description:
          'With `reset_mid_answer`, `unterminated` and `length_mismatch`: share of a stream that comes first.',
        examples: ['30%'],
      }),
    delay: duration({ min: 0, max: 600_000 })
      .prefault('1s')
      .meta({ description: 'With `reset_before_answer` and `slow_close`: how long it waits.', examples: ['2s'] }),
    declares: z
      .enum(['more', 'less'])
      .default('more')
      .meta({ description: 'With `length_mismatch`: whether the content-length is above or below what comes.' }),
    bytes: count({ min: 1, max: 100_000 })
      .default(16)
      .meta({
        description: 'With `slice`: average size of a segment. With `length_mismatch`: by how much it is wrong.',
        examples: [16],
      }),
  },
  example: '{ at: 60s, for: 30s, on: { provider: openai }, fault: connection, mode: empty_reply, probability: 20% }',
  ramps: 'share',
  variants: VARIANTS,
  label: ({ mode }) => mode.replaceAll('_', ' '),
  begin({ mode, after, delay, declares, bytes }): FaultBehaviour {
    switch (mode) {
      case 'dns_failure':
        return turnedAway(DNS_FAILED)
      case 'empty_reply':
        return turnedAway(CONNECTED, CUT_CLEAN)
      case 'garbage':
        return turnedAway(CONNECTED, { type: 'garbled', pattern: 'not_http' })
      case 'reset_before_answer':
        return { onScript: (script) => ({ ...script, cues: [{ afterMs: delay, signal: CUT_RESET }] }) }
      case 'reset_mid_answer':
        return { onScript: (script) => breakAfter(script, after, [CUT_RESET]) }
      case 'unterminated':
        return { onScript: (script) => oddly(brokenOff(script, after, CUT_RESET), 'net.unterminated') }
      case 'length_mismatch':
        return declares === 'more'
          ? { onScript: (script) => oddly(inOnePiece(script, after, CUT_RESET), 'net.length_long', bytes) }
          : { onScript: (script) => oddly(inOnePiece(script, after, CUT_CLEAN), 'net.length_short', bytes) }
      case 'wrong_encoding':
        return { onScript: undecodable }
      case 'keepalive_race':
        return { onScript: (script) => oddly(script, 'net.keepalive_race') }
      case 'slice':
        return { onScript: (script) => oddly(script, 'net.slice', bytes) }
      case 'slow_close':
        return { onScript: (script) => oddly(script, 'net.slow_close', delay) }
    }
  },
})

const DNS_FAILED: Failed = {
  type: 'failed',
  class: 'dns_failure',
  status: null,
  retryAfterMs: null,
  where: 'connect',
  message: 'the name does not resolve',
}

function turnedAway(...signals: Signal[]): FaultBehaviour {
  return { onAdmit: () => ({ signals }) }
}

/** Broken off after a share of its content, its head in any case. */
function brokenOff(script: Script, after: number, end: Signal): Script {
  return breakAfter(script, after, script.stream ? [end] : [ACCEPTED, end])
}

/** The same, and all of it at the instant at which the whole answer would have been there: only then is a length known. */
function inOnePiece(script: Script, after: number, end: Signal): Script {
  const endMs = endOf(script)
  const cues = brokenOff(script, after, end).cues.filter(({ signal }) => signal.type !== 'ping')
  return {
    ...script,
    cues: cues.map(({ signal }): Cue => {
      if (signal.type !== 'content') return { afterMs: endMs, signal }
      return { afterMs: endMs, signal: { ...signal, forMs: 0, everyMs: 0 } }
    }),
  }
}

function endOf(script: Script): Millis {
  return script.cues.reduce((end, { afterMs }) => Math.max(end, afterMs), 0)
}

/** A head, and a body that nobody can read. */
function undecodable(script: Script): Script {
  const first = script.cues.find(({ signal }) => signal.type === 'content' || signal.type === 'toolDelta')
  const afterMs = first?.afterMs ?? 0
  const signals: readonly Signal[] = [ACCEPTED, { type: 'garbled', pattern: 'wrong_encoding' }]
  return { ...script, cues: signals.map((signal) => ({ afterMs, signal })) }
}
