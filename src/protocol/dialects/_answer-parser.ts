/**
 * Bytes to Signals, as far as it is the same in every dialect: what kind of body this is, SSE framing, how errors, cuts
 * and defects are told apart. A dialect adds what an event and a whole body say. Incremental, lenient where imitators
 * differ harmlessly, strict where a body is not what was asked for.
 *
 *   phase      entered by              does                                          left by
 *   waiting    the start               nothing                                       head
 *   sniffing   2xx, stream asked       looks for the first SSE field, `{` or `<`     the first few characters
 *   stream     an SSE field            one event at a time                           the last event, an error, the end
 *   whole      2xx, no stream asked    collects the JSON body                        the end
 *   misfit     JSON instead of SSE     collects it: it may at least be an error      the end
 *   error      any other status        collects the error body                       the end
 *   over       anything final          nothing, for ever
 */
import { createParser, type EventSourceMessage, type EventSourceParser } from 'eventsource-parser'
import type { ErrorClass } from '../error-class.ts'
import {
  ACCEPTED,
  cacheShares,
  detailsOf,
  PING,
  type Content,
  type Failed,
  type FinishReason,
  type GarbledPattern,
  type Signal,
  type Usage,
  type UsageDetails,
} from '../signal.ts'
import type { ParseContext, Parser } from './_dialect.ts'
import {
  classOfError,
  errorIn,
  firstOf,
  hintInBody,
  partsOfBody,
  partsOfError,
  statusOfCode,
  type Vocabulary,
} from './_errors.ts'
import {
  EVENT_LENGTH_MAX,
  type Fields,
  type HeaderBag,
  headerOf,
  isCount,
  isCutShort,
  looksLikeHtml,
  ownHeaders,
  recordOf,
  retryAfterOf,
  TokenEstimate,
  Utf8,
} from './_wire.ts'

/** A whole answer, in UTF-16 units: over a million tokens. */
const WHOLE_LENGTH_MAX = 16 * 1_048_576
/** What is read of an error's body, in UTF-16 units. */
const ERROR_LENGTH_MAX = 65_536

const NONE: readonly Signal[] = []

type Phase = 'waiting' | 'sniffing' | 'stream' | 'whole' | 'misfit' | 'error' | 'over'

export abstract class AnswerParser implements Parser {
  protected reason: FinishReason | null = null
  /** The provider's own word for the reason. */
  protected word: string | null = null
  /** Pieces of tool arguments are counted together. */
  protected readonly args = new TokenEstimate()
  private readonly isStreamAsked: boolean
  private readonly vocabulary: Vocabulary
  private phase: Phase = 'waiting'
  private out: Signal[] = []
  private status = 0
  private headers: HeaderBag = {}
  private readonly bytes = new Utf8()
  /** Made with the first event. */
  private events: EventSourceParser | null = null
  private readonly last = new LastFrame()
  /** Body text that is not yet understood. */
  private pieces: string[] = []
  private length = 0
  private hasEvents = false
  private usage: Usage | null = null
  private readonly said = { text: new TokenEstimate(), reasoning: new TokenEstimate() }

  constructor(context: ParseContext, vocabulary: Vocabulary) {
    this.isStreamAsked = context.stream
    this.vocabulary = vocabulary
  }

  /** The JSON of one event of a stream. Ends with `garble`, `failInBand`, `conclude`, or nothing yet. */
  protected abstract readEvent(body: Fields): void
  /** A whole JSON answer; the same, and it must end. A body with `error` never comes here. */
  protected abstract readWhole(body: Fields, how: 'clean' | 'reset'): void
  /** Data that is no JSON and ends the stream. */
  protected isLast(_data: string): boolean {
    return false
  }
  head(status: number, headers: HeaderBag): Signal[] {
    if (this.phase !== 'waiting') return []
    this.status = status
    this.headers = headers
    if (status < 200 || status >= 300) {
      this.phase = 'error'
      return []
    }
    const own = ownHeaders(headers)
    this.emit(status === 200 && own === null ? ACCEPTED : { type: 'accepted', status, headers: own })
    this.phase = this.isStreamAsked ? 'sniffing' : 'whole'
    if (headerOf(headers, 'content-type')?.startsWith('text/html')) this.garble('html_page')
    return this.take() as Signal[]
  }

  push(chunk: Uint8Array): readonly Signal[] {
    if (this.phase === 'over' || this.phase === 'waiting') return NONE
    const text = this.bytes.decode(chunk)
    if (text === '') return NONE
    if (this.phase === 'stream') this.feed(text)
    else if (this.phase === 'sniffing') this.sniff(text)
    else this.collect(text)
    return this.take()
  }

  end(how: 'clean' | 'reset'): Signal[] {
    if (this.phase === 'over') return []
    const body = this.pieces.join('')
    switch (this.phase) {
      case 'waiting':
        this.lose()
        break
      case 'error':
        this.failAnswer(body)
        break
      case 'stream':
      case 'sniffing':
        if (how === 'clean' && !this.hasEvents && body.trim() === '') this.garble('empty_body')
        else this.conclude(how)
        break
      case 'misfit':
        this.readMisfit(body, how)
        break
      case 'whole':
        this.readBody(body, how)
    }
    this.phase = 'over'
    return this.take() as Signal[]
  }

  // -------------------------------------------------------------------------------------------------------------------
  // A stream

  /** Decide by its first characters what this body is. Blank lines before it are harmless. */
  private sniff(text: string): void {
    this.pieces.push(text)
    const start = this.pieces.join('')
    const kind = kindOf(start)
    if (kind === 'unknown') {
      this.pieces = [start.trimStart()]
      return
    }
    this.pieces = []
    if (kind === 'sse') {
      this.phase = 'stream'
      this.feed(start.trimStart())
    } else if (kind === 'json') {
      this.phase = 'misfit'
      this.collect(start)
    } else this.garble(kind)
  }

  private feed(text: string): void {
    this.events ??= createParser({
      onEvent: (event) => this.readFrame(event),
      onComment: () => this.emit(PING),
      onError: (error) => {
        if (error.type === 'max-buffer-size-exceeded') this.garble('not_sse')
      },
      maxBufferSize: EVENT_LENGTH_MAX,
    })
    this.events.feed(text)
  }

  private readFrame({ event, data }: EventSourceMessage): void {
    if (this.phase === 'over') return
    if (event === 'ping' || data === '') return this.emit(PING)
    this.hasEvents = true
    if (this.isLast(data)) return this.conclude('clean')
    if (data.length > EVENT_LENGTH_MAX) return this.garble('not_sse')
    const text = this.last.textOf(data)
    if (text !== null) return this.say(this.last.channel, text)
    let chunk: unknown
    try {
      chunk = JSON.parse(data)
    } catch {
      return this.garble(patternOf(data))
    }
    const body = recordOf(chunk)
    if (!body) return this.garble('broken_json')
    const { length } = this.out
    this.readEvent(body)
    const said = this.out[length]
    const isText = this.out.length === length + 1 && said?.type === 'content' && this.reason === null
    if (isText && this.usage === null) this.last.learn(data, said)
  }

  /** The stream is over: finished if it gave a reason, else cut. */
  protected conclude(how: 'clean' | 'reset'): void {
    if (this.phase === 'over') return
    this.emitUsage()
    const { reason, word } = this
    if (reason === null) this.emit({ type: 'closed', how })
    else this.emit({ type: 'finished', reason, ...(word !== null && word !== reason && { native: word }) })
    this.phase = 'over'
  }

  // -------------------------------------------------------------------------------------------------------------------
  // A body in one piece

  private collect(text: string): void {
    if (this.phase === 'whole' && this.length === 0 && text.trim() === '') return this.emit(PING)
    if (this.phase === 'error') {
      if (this.length < ERROR_LENGTH_MAX) this.pieces.push(text.slice(0, ERROR_LENGTH_MAX - this.length))
      this.length += text.length
      return
    }
    this.pieces.push(text)
    this.length += text.length
    if (this.length > WHOLE_LENGTH_MAX) this.garble('broken_json')
  }

  private readBody(text: string, how: 'clean' | 'reset'): void {
    let body: Fields | null = null
    try {
      body = recordOf(JSON.parse(text))
    } catch {
      if (kindOf(text) === 'sse') return this.readStreamInstead(text, how)
      if (how === 'reset') return this.emit({ type: 'closed', how })
      if (text.trimStart().startsWith('{') && isCutShort(text)) return this.emit({ type: 'closed', how })
      return this.garble(text.trim() === '' ? 'empty_body' : patternOf(text))
    }
    if (!body) return this.garble('broken_json')
    const error = errorIn(body)
    if (error) this.failInBand(error, body)
    else this.readWhole(body, how)
  }

  /** A stream where JSON was asked for: the same answer, in events. */
  private readStreamInstead(text: string, how: 'clean' | 'reset'): void {
    this.feed(text.trimStart())
    this.conclude(how)
  }

  /** JSON where a stream was asked for: an error that came with status 200, or the whole answer in one piece. */
  private readMisfit(text: string, how: 'clean' | 'reset'): void {
    try {
      const said: unknown = JSON.parse(text)
      const error = errorIn(recordOf(firstOf(said)) ?? {})
      const body = recordOf(said)
      if (error) this.failInBand(error)
      else if (body) this.readWhole(body, how)
      else this.garble('not_sse')
    } catch {
      if (how === 'reset' || isCutShort(text)) this.emit({ type: 'closed', how })
      else this.garble('broken_json')
    }
  }

  // -------------------------------------------------------------------------------------------------------------------
  // What ends everything

  private lose(): void {
    const message = 'the connection closed before any answer'
    this.emit({
      type: 'failed',
      class: 'connection_reset',
      status: null,
      retryAfterMs: null,
      where: 'connect',
      message,
    })
  }

  private failAnswer(body: string): void {
    const parts = partsOfBody(body)
    const hint = retryAfterOf(this.headers) ?? hintInBody(body)
    const headers = ownHeaders(this.headers)
    const isHtml = looksLikeHtml(body)
    this.emit({
      type: 'failed',
      class: classOfError(parts, this.status, this.vocabulary) ?? 'server_error',
      status: this.status,
      retryAfterMs: hint?.ms ?? null,
      where: 'response',
      message: parts.message,
      ...codeOf(parts.code),
      ...(parts.reasons && { reasons: parts.reasons }),
      ...(body !== '' && { raw: body }),
      ...(hint && { retryAfterForm: hint.form }),
      ...(isHtml && { html: true }),
      ...(headers && { headers }),
    })
  }

  /** `_body`: the whole JSON answer that the error stands in; absent in streams. */
  protected failInBand(error: unknown, _body?: Fields): void {
    const parts = partsOfError(error)
    const status = statusOfCode(parts.code)
    const raw = JSON.stringify({ error }).slice(0, ERROR_LENGTH_MAX)
    const told = { ...codeOf(parts.code), raw }
    this.failWith(classOfError(parts, status, this.vocabulary) ?? 'stream_error', status, parts.message, told)
  }

  protected failWith(
    errorClass: ErrorClass,
    status: number | null,
    message: string,
    told: Pick<Failed, 'code' | 'raw'> = {},
  ): void {
    if (this.phase === 'over') return
    this.emitUsage()
    this.emit({ type: 'failed', class: errorClass, status, retryAfterMs: null, where: 'stream', message, ...told })
    this.phase = 'over'
  }

  protected garble(pattern: GarbledPattern): void {
    if (this.phase === 'over') return
    this.emit({ type: 'garbled', pattern })
    this.phase = 'over'
    this.pieces = []
  }

  // -------------------------------------------------------------------------------------------------------------------
  // What is said

  protected say(channel: Content['channel'], text: unknown): void {
    if (typeof text !== 'string' || text === '') return
    const tokens = this.said[channel].add(text)
    this.emit({ type: 'content', channel, tokens, forMs: 0, everyMs: 0, text })
  }

  /** The last counts given are the ones that hold; they come out with the end. The cache has part of the input. */
  protected noteUsage(
    inputTokens: unknown,
    outputTokens: unknown,
    cached: unknown = 0,
    written: unknown = 0,
    details: Readonly<Partial<Record<keyof UsageDetails, unknown>>> | null = null,
  ): void {
    if (!isCount(inputTokens) || !isCount(outputTokens)) return
    const read = isCount(cached) ? Math.min(cached, inputTokens) : 0
    const kept = isCount(written) ? Math.min(written, inputTokens - read) : 0
    this.usage = { type: 'usage', inputTokens, outputTokens, ...cacheShares(read, kept) }
    if (details !== null) this.usage = { ...this.usage, ...partsOf(details, inputTokens, outputTokens) }
  }

  private emitUsage(): void {
    if (this.usage) this.emit(this.usage)
    this.usage = null
  }

  protected emit(signal: Signal): void {
    if (this.phase !== 'over') this.out.push(signal)
  }

  private take(): readonly Signal[] {
    if (this.out.length === 0) return NONE
    const taken = this.out
    this.out = []
    return taken
  }
}

/**
 * The last event that said some text and nothing else. The next one is nearly always the same but for its text, and need
 * not be parsed to be understood: JSON that differs in one string only, says the same but for that string.
 */
class LastFrame {
  channel: Content['channel'] = 'text'
  /** What stood before the text and after it, its quotes included; null: no such event has been there. */
  private before: string | null = null
  private after = ''

  /** The text of an event that says the same in other words; null: it has to be parsed. */
  textOf(data: string): string | null {
    const { before, after } = this
    if (before === null) return null
    const end = data.length - after.length
    // Slices that are compared: `startsWith` takes ten times as long, which is as long as parsing.
    if (end < before.length || data.slice(0, before.length) !== before || data.slice(end) !== after) return null
    return isPlain(data, before.length, end) ? data.slice(before.length, end) : null
  }

  /** Where nothing is escaped and a string comes once, it is there that it was read. */
  learn(data: string, { channel, text = '' }: Content): void {
    const quoted = `"${text}"`
    const place = data.indexOf(quoted)
    if (place < 0 || data.includes('\\') || data.indexOf(quoted, place + 1) >= 0) return
    this.channel = channel
    this.before = data.slice(0, place + 1)
    this.after = data.slice(place + quoted.length - 1)
  }
}

const BLANK = 0x20
const QUOTE = 0x22
const BACKSLASH = 0x5c

/** Whether this part of a text would stand in a JSON string as it is. */
function isPlain(text: string, from: number, to: number): boolean {
  for (let index = from; index < to; index += 1) {
    const unit = text.charCodeAt(index)
    if (unit < BLANK || unit === QUOTE || unit === BACKSLASH) return false
  }
  return true
}

const SSE_STARTS = ['data:', ':', 'event:', 'id:', 'retry:', 'data\n', 'data\r']

/** What a body is by its beginning; `unknown` while that could still be several things. */
function kindOf(start: string): 'sse' | 'json' | 'html_page' | 'not_sse' | 'unknown' {
  const text = start.trimStart() // Also takes off a byte-order mark.
  if (text === '') return 'unknown'
  if (SSE_STARTS.some((field) => text.startsWith(field))) return 'sse'
  if (SSE_STARTS.some((field) => field.startsWith(text))) return 'unknown'
  if (text.startsWith('{') || text.startsWith('[')) return 'json'
  return text.startsWith('<') ? 'html_page' : 'not_sse'
}

/** What unparsable text is instead of JSON. */
function patternOf(text: string): GarbledPattern {
  const start = text.trimStart()
  if (start.startsWith('<')) return 'html_page'
  return start.startsWith('{') || start.startsWith('[') ? 'broken_json' : 'not_sse'
}

/** The provider's own code, where it has one: a word, or a number. */
function codeOf(code: unknown): Pick<Failed, 'code'> {
  if (typeof code === 'number') return { code: String(code) }
  return typeof code === 'string' && code !== '' ? { code } : {}
}

/** Parts of the counts, as far as they are counts, and no more than there is. */
function partsOf(
  details: Readonly<Partial<Record<keyof UsageDetails, unknown>>>,
  input: number,
  output: number,
): Pick<Usage, 'details'> {
  const upTo = (value: unknown, most: number): number => (isCount(value) ? Math.min(value, most) : 0)
  const audioTokens = upTo(details.audioTokens, input)
  const reasoningTokens = upTo(details.reasoningTokens, output)
  const outputAudioTokens = upTo(details.outputAudioTokens, output - reasoningTokens)
  return detailsOf({
    audioTokens,
    videoTokens: upTo(details.videoTokens, input - audioTokens),
    reasoningTokens,
    outputAudioTokens,
    outputImageTokens: upTo(details.outputImageTokens, output - reasoningTokens - outputAudioTokens),
  })
}
