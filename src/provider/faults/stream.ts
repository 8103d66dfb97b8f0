/**
 * Stream faults: everything was fine, 200 and all, until the middle. A cut may be clean (the connection closes as if the
 * answer were over, which most client libraries believe) or a reset; a stall keeps the connection and says nothing; an
 * error event says so in band; and events may come twice, in the wrong order, all at once, or not as events at all.
 */
import { z } from 'zod'
import { duration, ratio, type Millis } from '../../base/index.ts'
import { CUT_CLEAN, CUT_RESET, PING, type Failed, type GarbledPattern, type Signal } from '../../protocol/index.ts'
import { defineFault, type FaultVariant } from '../fault.ts'
import { breakAfter, carries, endAfter, inChunks, isWhole, oddly, type Cue, type Script } from '../service.ts'

const MODES = [
  'cut',
  'reset',
  'stall',
  'keepalive_only',
  'error_event',
  'error_beside',
  'error_first',
  'opening_then_error',
  'missing_finish',
  'malformed_frame',
  'giant_frame',
  'duplicate_frame',
  'reorder',
  'burst',
  'json_instead',
] as const
type Mode = (typeof MODES)[number]

/** How long a stream that says nothing else keeps sending signs of life. No router waits longer. */
const KEEPALIVE_MS: Millis = 600_000

export const stream = defineFault({
  kind: 'stream',
  summary: 'The answer breaks or comes wrong: cut, stalled, an error event after the 200, events twice or disordered.',
  layer: 'stream',
  sees: 'Some content, and then no proper end; or a proper end after content that is not as it was said.',
  params: {
    mode: z.enum(MODES).meta({
      description:
        '`cut`: a clean end without its terminal marker. `reset`: the connection breaks. `stall`: open and silent, for ever or for `silence`. `keepalive_only`: signs of life and nothing else. `error_event`: an error inside the stream. `error_beside`: the same, and an answer in one piece comes as far as it went, with the error beside it. `error_first`: 200, and nothing but an error. `opening_then_error`: the event that opens the answer, then an error. `missing_finish`: all of it and the terminal marker, no finish reason. `malformed_frame`: an event of broken JSON. `giant_frame`: an event of more than a megabyte. `duplicate_frame`: one event twice. `reorder`: two events in the wrong order, where order matters. `burst`: everything at once, at the end. `json_instead`: one JSON body although a stream was asked for.',
    }),
    after: ratio()
      .default(0.5)
      .meta({ description: 'Share of the content that comes through first.', examples: ['30%'] }),
    silence: duration({ min: 1 })
      .optional()
      .meta({ description: 'With `stall`: how long, before it goes on. Absent: for ever.', examples: ['20s'] }),
    ping_every: duration({ min: 100 })
      .prefault('5s')
      .meta({ description: 'With `keepalive_only`: interval of the signs of life.', examples: ['5s'] }),
  },
  example: '{ at: 30s, for: 60s, on: { provider: anthropic }, fault: stream, mode: cut, after: 40%, probability: 20% }',
  ramps: 'share',
  variants: [
    {
      id: 'sse.cut',
      summary: 'The stream ends in the middle, cleanly.',
      with: { mode: 'cut' },
      sees: 'Some text, and the end of the connection.',
      expect: 'An error to the caller or another endpoint, never a silent success.',
      seen: 'Portkey-AI/gateway#1797',
    },
    {
      id: 'sse.cut.reset',
      summary: 'The connection is reset in the middle of the stream.',
      with: { mode: 'reset' },
      sees: 'Some text, and a reset.',
      expect: 'An error to the caller or another endpoint, never a silent success.',
      seen: 'dativo-io/talon#254',
    },
    {
      id: 'usage.lost_on_cut',
      summary: 'The stream dies before its usage.',
      with: { mode: 'cut', after: 0.9 },
      sees: 'Nearly all of the text, and no counts.',
      expect: 'What was charged upstream is booked, not zero.',
      seen: 'follows from every cut',
    },
    {
      id: 'sse.stall',
      summary: 'The stream falls silent in the middle and stays open.',
      with: { mode: 'stall' },
      sees: 'Some text, and then nothing.',
      expect: 'The idle clock ends it.',
      seen: 'mnfst/llm-gateway#1656',
    },
    {
      id: 'sse.keepalive_only',
      summary: 'Signs of life every few seconds, and never a word.',
      with: { mode: 'keepalive_only', after: 0 },
      sees: 'Nothing but pings.',
      expect: 'Pings do not keep an answer alive: the clock of the first token ends it.',
      seen: 'anomalyco/opencode#43519',
    },
    {
      id: 'sse.error_event',
      summary: 'An error event in the middle of the stream.',
      with: { mode: 'error_event' },
      sees: 'Some text, and an error with status 200.',
      expect: 'Another endpoint if nothing was shown, otherwise a typed error.',
      seen: 'maximhq/bifrost#5395',
    },
    {
      id: 'sse.first_frame_then_error',
      summary: 'The event that opens the answer, and then an error.',
      with: { mode: 'opening_then_error' },
      sees: 'A role without a word, and an error.',
      expect: 'Still before the first token: another endpoint takes over.',
      seen: 'maximhq/bifrost#5395',
    },
    {
      id: 'sse.error_before_any',
      summary: 'Status 200, and nothing but an error event.',
      with: { mode: 'error_first' },
      sees: 'An error with status 200.',
      expect: 'The same as an error status.',
      seen: 'OpenRouter’s errors page',
    },
    {
      id: 'sse.missing_finish',
      summary: 'The terminal marker without any finish reason.',
      with: { mode: 'missing_finish' },
      sees: 'All of the text, and an end that says nothing.',
      expect: 'Marked as incomplete.',
      seen: 'GCMP#217',
    },
    {
      id: 'sse.malformed_frame',
      summary: 'An event of broken JSON in the middle.',
      with: { mode: 'malformed_frame' },
      sees: 'Some text, and an event that does not parse.',
      expect: 'An error, and no crash.',
      seen: 'MockServer’s malformedSse',
    },
    {
      id: 'sse.giant_frame',
      summary: 'An event of more than a megabyte.',
      with: { mode: 'giant_frame' },
      sees: 'Some text, and an event without an end.',
      expect: 'A bounded buffer, and an error.',
      seen: 'parsers without a bound',
    },
    {
      id: 'sse.duplicate_frame',
      summary: 'One event comes twice.',
      with: { mode: 'duplicate_frame' },
      sees: 'A piece of the text or of a call that is there twice.',
      expect: 'A check of calls and data notices; plain text has nothing to notice it by.',
      seen: 'llmposter and llm-emulator play it',
    },
    {
      id: 'sse.reorder',
      summary: 'Two pieces of a call or of data in the wrong order.',
      with: { mode: 'reorder' },
      mix: 'tool-use',
      sees: 'A call whose arguments are shuffled.',
      expect: 'A check of calls and data notices.',
      seen: 'proxies with parallel writers',
    },
    {
      id: 'sse.burst',
      summary: 'All of the stream at once, when it is over.',
      with: { mode: 'burst' },
      sees: 'A long wait, and everything.',
      expect: 'Only the clock of the first token may object.',
      seen: 'Bifrost’s tokens-per-chunk',
    },
    {
      id: 'sse.stream_ignored',
      summary: 'One JSON body although a stream was asked for.',
      with: { mode: 'json_instead' },
      sees: 'A completion in one piece.',
      expect: 'Converted into what was asked for.',
      seen: 'LLMock answers 501, aimock plays it',
    },
  ] satisfies readonly FaultVariant[],
  label: ({ mode }) => mode,
  begin({ mode, after, silence, ping_every: pingEveryMs }) {
    return { onScript: (script) => played(script, mode, after, silence ?? null, pingEveryMs) }
  },
})

function played(
  script: Script,
  mode: Mode,
  after: number,
  silenceMs: Millis | null,
  pingEveryMs: Millis,
): Script | null {
  if (!isWhole(script)) return null
  switch (mode) {
    case 'cut':
      return breakAfter(script, after, [script.stream ? CUT_CLEAN : CUT_RESET])
    case 'reset':
      return breakAfter(script, after, [CUT_RESET])
    case 'stall':
      return silenceMs === null ? breakAfter(script, after, []) : pausedAfter(script, after, silenceMs)
    case 'keepalive_only':
      return keptAlive(breakAfter(script, after, []), pingEveryMs)
    case 'error_event':
      return breakAfter(script, after, [errorIn(script)])
    case 'error_beside':
      return script.stream ? breakAfter(script, after, [errorIn(script)]) : brokenOff(script, after)
    case 'error_first':
      return breakAfter(script, 0, [errorIn(script)])
    case 'opening_then_error':
      return oddly(breakAfter(script, 0, [errorIn(script)]), 'sse.opening_first')
    case 'malformed_frame':
      return breakAfter(script, after, [garbled('broken_json')])
    case 'giant_frame':
      return script.stream ? breakAfter(script, after, [garbled('giant_frame')]) : null
  }
  if (!script.stream) return null
  switch (mode) {
    case 'missing_finish':
      return oddly(unfinished(script), 'sse.missing_finish')
    case 'duplicate_frame':
      return saidTwice(inChunks(script))
    case 'reorder':
      return disordered(inChunks(script))
    case 'burst':
      return atOnce(script)
    case 'json_instead':
      return oddly(atOnce(script), 'sse.json_instead')
  }
}

function errorIn({ stream: isStream }: Script): Failed {
  return {
    type: 'failed',
    class: isStream ? 'stream_error' : 'server_error',
    status: isStream ? null : 500,
    retryAfterMs: null,
    where: isStream ? 'stream' : 'response',
    message: 'The server had an error while processing your request. Sorry about that!',
  }
}

/** An answer in one piece, as far as it went, with an error in place of its end. */
function brokenOff(script: Script, share: number): Script {
  const { cues } = endAfter(script, share, 'error')
  const said = cues.filter(({ signal }) => signal.type !== 'usage' && signal.type !== 'finished')
  const afterMs = cues.at(-1)?.afterMs ?? 0
  return { ...script, cues: [...said, { afterMs, signal: errorIn({ ...script, stream: true }) }] }
}

function garbled(pattern: GarbledPattern): Signal {
  return { type: 'garbled', pattern }
}

/** Silence after a share of the content, and then the rest. */
function pausedAfter(script: Script, share: number, silenceMs: Millis): Script {
  const { cues } = inChunks(script)
  const carrying = cues.filter(({ signal }) => carries(signal))
  const from = carrying[Math.floor(carrying.length * share)]?.afterMs ?? cues.at(-1)?.afterMs ?? 0
  const later = cues.map((cue) => (cue.afterMs >= from ? { ...cue, afterMs: cue.afterMs + silenceMs } : cue))
  return { ...script, cues: later }
}

function keptAlive(script: Script, everyMs: Millis): Script {
  if (!script.stream) return script
  const from = script.cues.at(-1)?.afterMs ?? 0
  const pings = Array.from({ length: Math.floor(KEEPALIVE_MS / everyMs) }, (_, index): Cue => ({
    afterMs: from + (index + 1) * everyMs,
    signal: PING,
  }))
  return { ...script, cues: [...script.cues, ...pings] }
}

function unfinished(script: Script): Script {
  const said = script.cues.filter(({ signal }) => signal.type !== 'usage' && signal.type !== 'finished')
  return { ...script, cues: [...said, { afterMs: script.cues.at(-1)?.afterMs ?? 0, signal: CUT_CLEAN }] }
}

/** The last piece of content once more. It is said, and not charged. */
function saidTwice(script: Script): Script | null {
  const place = script.cues.findLastIndex(({ signal }) => carries(signal))
  const cue = script.cues[place]
  if (!cue) return null
  const again: Cue = { ...cue, isFree: true }
  return { ...script, cues: [...script.cues.slice(0, place + 1), again, ...script.cues.slice(place + 1)] }
}

/** The words of the last two pieces exchanged; null where nobody would notice. */
function disordered(script: Script): Script | null {
  const places = script.cues.flatMap(({ signal }, index) => (carries(signal) ? [index] : [])).slice(-2)
  const [left, right] = places.map((index) => script.cues[index])
  if (left?.signal.type === 'toolDelta' && right?.signal.type === 'toolDelta') {
    const [first, second] = [left.signal, right.signal]
    return placed(script, places, { ...first, args: second.args }, { ...second, args: first.args })
  }
  if (left?.signal.type !== 'content' || right?.signal.type !== 'content') return null
  const { text: said } = left.signal
  const { text: next } = right.signal
  if (said === undefined || next === undefined || said === next) return null
  return placed(script, places, { ...left.signal, text: next }, { ...right.signal, text: said })
}

function placed(script: Script, [one, two]: readonly number[], first: Signal, second: Signal): Script {
  const cues = script.cues.map((cue, index) =>
    index === one ? { ...cue, signal: first } : index === two ? { ...cue, signal: second } : cue,
  )
  return { ...script, cues }
}

function atOnce(script: Script): Script {
  const endMs = script.cues.at(-1)?.afterMs ?? 0
  const cues = script.cues.map(({ afterMs, signal }): Cue => {
    if (signal.type === 'content') return { afterMs: endMs, signal: { ...signal, forMs: 0, everyMs: 0 } }
    return { afterMs: signal.type === 'toolDelta' ? endMs : afterMs, signal }
  })
  return { ...script, cues }
}
