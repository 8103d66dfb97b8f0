/**
 * OpenAI's bytes to Signals: incremental, lenient where the imitators of OpenAI differ harmlessly, strict where a body
 * is not what was asked for.
 *
 *   phase      entered by              does                                          left by
 *   waiting    the start               nothing                                       head
 *   sniffing   2xx, stream asked       looks for the first SSE field, `{` or `<`     the first few characters
 *   stream     an SSE field            one event at a time                           [DONE], an error, the end
 *   whole      2xx, no stream asked    collects the JSON body                        the end
 *   misfit     JSON instead of SSE     collects it: it may at least be an error      the end
 *   error      any other status        collects the error body                       the end
 *   over       anything final          nothing, for ever
 *
 * `finished` waits for [DONE] or the end, because the usage may follow the finish reason (OpenAI: in a chunk without
 * choices; OpenRouter: beside a repeated finish reason). A stream without a finish reason was cut, [DONE] or not.
 */
import { createParser, type EventSourceMessage, type EventSourceParser } from 'eventsource-parser'
import { ACCEPTED, PING, type FinishReason, type GarbledPattern, type Signal, type Usage } from '../../signal.ts'
import type { ParseContext, Parser } from '../_dialect.ts'
import {
  type HeaderBag,
  headerOf,
  isCutShort,
  looksLikeHtml,
  ownHeaders,
  retryAfterOf,
  TokenEstimate,
} from '../_wire.ts'
import { classOfError, partsOfBody, partsOfError, recordOf, statusOfCode } from './errors.ts'

/** One event, in UTF-16 units. More is not a conversation, but somebody filling our memory. */
export const EVENT_LENGTH_MAX = 1_048_576
/** A whole answer, in UTF-16 units: over a million tokens. */
const WHOLE_LENGTH_MAX = 16 * 1_048_576
/** What is read of an error's body, in UTF-16 units. */
const ERROR_LENGTH_MAX = 65_536

const NONE: readonly Signal[] = []

export function chatParser(context: ParseContext): Parser {
  return new ChatParser(context)
}

/** The class of an error answer, from its status and its body's text. */
export function classify(status: number, _headers: HeaderBag, body: string) {
  return classOfError(partsOfBody(body), status) ?? 'server_error'
}

type Phase = 'waiting' | 'sniffing' | 'stream' | 'whole' | 'misfit' | 'error' | 'over'

class ChatParser implements Parser {
  private readonly isStreamAsked: boolean
  private phase: Phase = 'waiting'
  private out: Signal[] = []
  private status = 0
  private headers: HeaderBag = {}
  private readonly decoder = new TextDecoder()
  private readonly events: EventSourceParser
  /** Body text that is not yet understood. */
  private pieces: string[] = []
  private length = 0

  private hasEvents = false
  private reason: FinishReason | null = null
  private usage: Usage | null = null
  private readonly text = new TokenEstimate()
  private readonly reasoning = new TokenEstimate()
  private readonly args = new TokenEstimate()
  /** Ids of tool calls by index, to tell a repeated id from a new one. */
  private readonly ids = new Map<number, string>()

  constructor(context: ParseContext) {
    this.isStreamAsked = context.stream
    this.events = createParser({
      onEvent: (event) => this.readEvent(event),
      onComment: () => this.emit(PING),
      onError: (error) => {
        if (error.type === 'max-buffer-size-exceeded') this.garble('not_sse')
      },
      maxBufferSize: EVENT_LENGTH_MAX,
    })
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
    const text = this.decoder.decode(chunk, { stream: true })
    if (text === '') return NONE
    if (this.phase === 'stream') this.events.feed(text)
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
        this.readWhole(body, how)
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
      this.events.feed(start.trimStart())
    } else if (kind === 'json') {
      this.phase = 'misfit'
      this.collect(start)
    } else this.garble(kind)
  }

  private readEvent({ event, data }: EventSourceMessage): void {
    if (this.phase === 'over') return
    if (event === 'ping' || data === '') return this.emit(PING)
    this.hasEvents = true
    if (data === '[DONE]') return this.conclude('clean')
    if (data.length > EVENT_LENGTH_MAX) return this.garble('not_sse')
    let chunk: unknown
    try {
      chunk = JSON.parse(data)
    } catch {
      return this.garble(patternOf(data))
    }
    const body = recordOf(chunk)
    if (body) this.readChunk(body)
    else this.garble('broken_json')
  }

  private readChunk(chunk: Readonly<Record<string, unknown>>): void {
    const choices = chunk['choices']
    const error = chunk['error']
    this.noteUsage(chunk['usage'])
    if (Array.isArray(choices)) {
      const choice = recordOf(choices[0])
      if (choice) this.readChoice(choice, error)
    } else if (!error && !recordOf(chunk['usage'])) return this.garble('broken_json')
    if (error) this.failInBand(error)
  }

  private readChoice(choice: Readonly<Record<string, unknown>>, outerError: unknown): void {
    if (typeof choice['index'] === 'number' && choice['index'] !== 0) return // Only the first of n is ours.
    const delta = recordOf(choice['delta'])
    if (delta) this.readMessage(delta)
    const reason = choice['finish_reason']
    if (typeof reason === 'string' && reason !== '') this.reason = reasonOf(reason)
    if (choice['error'] && !outerError) this.failInBand(choice['error'])
  }

  /** A delta or a whole message: the fields are the same. */
  private readMessage(message: Readonly<Record<string, unknown>>): void {
    this.say('reasoning', message['reasoning'] ?? message['reasoning_content'])
    this.say('text', message['content'])
    this.say('text', message['refusal'])
    const calls = message['tool_calls']
    if (Array.isArray(calls))
      for (let position = 0; position < calls.length; position += 1) this.call(calls[position], position)
  }

  private say(channel: 'text' | 'reasoning', said: unknown): void {
    const text = typeof said === 'string' ? said : Array.isArray(said) ? textOfParts(said) : ''
    if (text === '') return
    const tokens = (channel === 'text' ? this.text : this.reasoning).add(text)
    this.emit({ type: 'content', channel, tokens, forMs: 0, everyMs: 0, text })
  }

  private call(piece: unknown, position: number): void {
    const call = recordOf(piece)
    if (!call) return
    const called = recordOf(call['function'])
    const index = typeof call['index'] === 'number' ? call['index'] : position
    const given = called?.['arguments']
    const args = typeof given === 'string' ? given : given === undefined || given === null ? '' : JSON.stringify(given)
    const signal = { type: 'toolDelta', index, args, tokens: this.args.add(args) } as const
    const id = call['id']
    const name = called?.['name']
    // Some hosts repeat the id, or send an empty name, in every piece of a call.
    const isNewId = typeof id === 'string' && id !== '' && this.ids.get(index) !== id
    const isRepeated = !isNewId && this.ids.has(index)
    const hasName = typeof name === 'string' && name !== '' && !isRepeated
    if (isNewId) this.ids.set(index, id)
    this.emit({ ...signal, ...(isNewId && { id }), ...(hasName && { name }) })
  }

  private noteUsage(usage: unknown): void {
    const counts = recordOf(usage)
    if (!counts) return
    const { prompt_tokens: inputTokens, completion_tokens: outputTokens } = counts
    if (isCount(inputTokens) && isCount(outputTokens)) this.usage = { type: 'usage', inputTokens, outputTokens }
  }

  /** The stream is over: finished if it gave a reason, else cut. */
  private conclude(how: 'clean' | 'reset'): void {
    this.emitUsage()
    this.emit(this.reason === null ? { type: 'closed', how } : { type: 'finished', reason: this.reason })
    this.phase = 'over'
  }

  private emitUsage(): void {
    if (this.usage) this.emit(this.usage)
    this.usage = null
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

  private readWhole(text: string, how: 'clean' | 'reset'): void {
    let body: Readonly<Record<string, unknown>> | null = null
    try {
      body = recordOf(JSON.parse(text))
    } catch {
      if (how === 'reset') return this.emit({ type: 'closed', how })
      if (text.trimStart().startsWith('{') && isCutShort(text)) return this.emit({ type: 'closed', how })
      return this.garble(text.trim() === '' ? 'empty_body' : patternOf(text))
    }
    const choices = body?.['choices']
    const choice = recordOf(Array.isArray(choices) ? choices[0] : null)
    if (body?.['error']) return this.failInBand(body['error'])
    const message = recordOf(choice?.['message'])
    if (!body || !choice || !message) return this.garble('broken_json')

    this.noteUsage(body['usage'])
    this.readMessage(message)
    if (choice['error']) return this.failInBand(choice['error'])
    const reason = choice['finish_reason']
    this.reason =
      typeof reason === 'string' && reason !== '' ? reasonOf(reason) : this.ids.size > 0 ? 'tool_calls' : 'stop'
    this.conclude(how)
  }

  /** JSON where a stream was asked for: an error that came with status 200, or simply the wrong thing. */
  private readMisfit(text: string, how: 'clean' | 'reset'): void {
    try {
      const error = recordOf(JSON.parse(text))?.['error']
      if (error) this.failInBand(error)
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
    const hint = retryAfterOf(this.headers)
    const headers = ownHeaders(this.headers)
    const isHtml = looksLikeHtml(body)
    this.emit({
      type: 'failed',
      class: classOfError(parts, this.status) ?? 'server_error',
      status: this.status,
      retryAfterMs: hint?.ms ?? null,
      where: 'response',
      message: parts.message,
      ...(hint && { retryAfterForm: hint.form }),
      ...(isHtml && { html: true }),
      ...(headers && { headers }),
    })
  }

  private failInBand(error: unknown): void {
    if (this.phase === 'over') return
    this.emitUsage()
    const parts = partsOfError(error)
    const status = statusOfCode(parts.code)
    const errorClass = classOfError(parts, status) ?? 'stream_error'
    const { message } = parts
    this.emit({ type: 'failed', class: errorClass, status, retryAfterMs: null, where: 'stream', message })
    this.phase = 'over'
  }

  private garble(pattern: GarbledPattern): void {
    if (this.phase === 'over') return
    this.emit({ type: 'garbled', pattern })
    this.phase = 'over'
    this.pieces = []
  }

  private emit(signal: Signal): void {
    if (this.phase !== 'over') this.out.push(signal)
  }

  private take(): readonly Signal[] {
    if (this.out.length === 0) return NONE
    const taken = this.out
    this.out = []
    return taken
  }
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

const REASONS: ReadonlyMap<string, FinishReason> = new Map([
  ['stop', 'stop'],
  ['length', 'length'],
  ['tool_calls', 'tool_calls'],
  ['content_filter', 'content_filter'],
  ['error', 'error'],
  ['function_call', 'tool_calls'], // OpenAI before 2024
  ['model_length', 'length'], //      Mistral
  ['max_tokens', 'length'],
])

/** Other words, such as Together's `eos`, mean that the model had no more to say. */
function reasonOf(word: string): FinishReason {
  return REASONS.get(word) ?? 'stop'
}

function textOfParts(parts: readonly unknown[]): string {
  let text = ''
  for (const part of parts) {
    const said = recordOf(part)?.['text']
    if (typeof said === 'string') text += said
  }
  return text
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0
}
