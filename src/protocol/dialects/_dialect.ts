/**
 * A dialect is one provider's way of writing a conversation down: requests and answers as bytes, in both directions.
 *
 *   gateway or application client                        mock provider or gateway
 *     encodeRequest ───────────── request ────────────────▶ decodeRequest
 *     parser        ◀──────────── answer ────────────────── renderer
 *
 * The law that every dialect keeps, however the bytes are chopped:
 *   comparable(parse(render(signals)))  equals  comparable(signals)
 * up to what a way of writing has no place for, which the header of its renderer lists.
 * A renderer and a parser serve one answer each and are then thrown away.
 */
import type { ErrorClass } from '../error-class.ts'
import type { ErrorType } from '../error-type.ts'
import { promptTokens, type RequestShape } from '../request.ts'
import {
  coalesce,
  type Content,
  type Failed,
  type Garbled,
  type Signal,
  type ToolDelta,
  type Usage,
} from '../signal.ts'
import type { ToolSpec } from '../tool-call.ts'
import { PARAMETERS, type DialectId } from '../catalogue.ts'
import type { Native } from '../natives/index.ts'
import { type HeaderBag, recordOf, utf8Bytes } from './_wire.ts'

export { headerOf, type HeaderBag } from './_wire.ts'

export interface Dialect {
  readonly id: DialectId
  /** One sentence for lists and the README. */
  readonly summary: string
  /** Paths on which a server of this dialect is asked; a `*` at the end stands for any rest. */
  readonly paths: readonly string[]
  /** How the ids of its answers begin. */
  readonly idPrefix: string
  /** The request as it goes out. Pure text: base URL and credentials are the transport's. */
  encodeRequest(request: WireRequest): EncodedRequest
  /**
   * Read a request's parsed JSON body. `path` is what it was sent to, with its query: some dialects name the model, or
   * ask for a stream, there. The caller's mistake comes back as a RequestProblem; never throws.
   */
  decodeRequest(body: unknown, headers: HeaderBag, path: string): WireRequest | RequestProblem
  /** Turns the Signals of one answer into bytes. */
  renderer(context: RenderContext): Renderer
  /** Turns the bytes of one answer into Signals. */
  parser(context: ParseContext): Parser
  /** What an answer with an error status means. `body` is its text. */
  classify(status: number, headers: HeaderBag, body: string): ErrorClass
}

export interface EncodedRequest {
  /** Path below the endpoint's base URL, with its query, for example `/v1/chat/completions`. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** Everything of a request that must cross the wire. */
export interface WireRequest {
  /** The models asked for, best first; at least one as dialects read it. The rest are the caller's own fallbacks. */
  readonly models: readonly string[]
  /** Routing preferences in OpenRouter's `provider` field, passed through unread. Null: none. */
  readonly provider: Readonly<Record<string, unknown>> | null
  readonly stream: boolean
  /** Cap on output tokens, at least 1. Null: none. */
  readonly maxTokens: number | null
  readonly messages: readonly WireMessage[]
  readonly tools: readonly ToolSpec[]
  /** `{ name }` asks for that one tool. */
  readonly toolChoice: 'auto' | 'required' | 'none' | { readonly name: string }
  readonly responseFormat: 'text' | 'json_object' | 'json_schema'
  /** JSON Schema of the answer; null unless `responseFormat` is `json_schema`. */
  readonly responseSchema: object | null
  /** Whether a streamed answer shall end with its token counts (`stream_options.include_usage`). */
  readonly streamOptionsIncludeUsage: boolean
  /** The cap by the name that it came with, where that is not `max_tokens`. */
  readonly capName?: 'max_completion_tokens'
  /** Every other parameter, by its name on the wire, unread. */
  readonly parameters: Readonly<Record<string, unknown>>
  /** Whether what an endpoint does not support is left out for it. Absent: everything goes to everybody. */
  readonly isAdaptable?: boolean
  /** The `x-squall-…` headers, by lower-case name: how a request's identity crosses the wire. */
  readonly marks: Readonly<Record<string, string>>
  /** UTF-8 bytes of all message text; the prompt's size is `promptTokens` of it. Derived: encodeRequest ignores it. */
  readonly promptBytes: number
}

export interface WireMessage {
  readonly role: string
  /** Text, or the parts of a multi-modal message as they came. Null: none, as beside tool calls. */
  readonly content: string | readonly unknown[] | null
  /** Its other fields (`name`, `tool_calls`, `tool_call_id`, …), unread. */
  readonly extra?: Readonly<Record<string, unknown>>
}

/** What is wrong with a request, in the provider's words. */
export interface RequestProblem {
  readonly problem: string
  /** The offending parameter, such as `messages[0].role`; null when it is the body as a whole. */
  readonly param: string | null
}

export interface RenderContext {
  /** The answer's id as it shall appear, for example `chatcmpl-…` or `gen-…`. */
  readonly id: string
  readonly model: string
  /** Unix time of the answer, in whole seconds. */
  readonly createdAtSeconds: number
  readonly stream: boolean
  /** Size of the prompt, for dialects that tell it before the answer. Absent: not known, and told with the usage. */
  readonly inputTokens?: number
  /** Whether a stream carries its usage. An answer in one piece always does. */
  readonly includeUsage: boolean
  /** The words of `tokens` tokens from the `fromToken`-th of that channel on: 4 UTF-8 bytes per token. Asked lazily. */
  textOf(channel: Content['channel'], fromToken: number, tokens: number): string
  /** Display name of the provider that served: adds OpenRouter's `provider` field. Absent: none. */
  readonly providerName?: string
  /** Whose habits to follow where the two differ. Default: `openrouter` when `providerName` is set, else `openai`. */
  readonly surface?: 'openai' | 'openrouter'
  /** Whose error bodies, error headers and rate-limit headers to write. Absent: those of the dialect itself. */
  readonly native?: Native
  /** What an answer repeats of its request, in the dialects that do so. Absent: as if nothing had been said. */
  readonly echo?: Readonly<Record<string, unknown>>
  /** How OpenRouter tells of a failure: its skins wrap this in envelopes of their own. Absent: the dialect's own words. */
  told?(failed: Failed): ToldError
  /** Whether `[DONE]` follows an error inside a stream. Default: no. */
  readonly doneAfterError?: boolean
  /** Whether the head is out already, with a sign of life. Default: no. */
  readonly isOpen?: boolean
  /** What OpenRouter's surface has of its own, of a request that was routed. Absent: nothing of it. */
  readonly routed?: RoutedContext
}

/** What OpenRouter says of an answer beside the answer itself (openrouter.md §3.5, §4.3 to §4.5). */
export interface RoutedContext {
  /** The chunk with the usage: with a choice that repeats the finish reason, or with none. */
  readonly usageChunk: 'repeats' | 'empty'
  /** What was sent upstream by the time the answer begins, attempt by attempt: a stream begins with these. */
  readonly echoes: readonly Echo[]
  /** What the answer cites, as `annotations` of its message. */
  readonly annotations: readonly object[]
  /** Asked once, with the end of the answer. */
  closing(usage: Usage | null): Closing
}

/** A body as it went to a provider (`debug.echo_upstream_body`). */
export interface Echo {
  readonly providerName: string
  readonly body: string
}

/** Further fields of an answer that are known with its end. */
export interface Closing {
  /** Of `usage`. */
  readonly usage: object
  /** Beside `choices`. */
  readonly beside: object
}

/** A failure as OpenRouter tells it on any of its skins (openrouter.md §3). */
export interface ToldError {
  /** The status as a number, inside a stream as well. */
  readonly code: number
  readonly errorType: ErrorType
  readonly message: string
  readonly metadata: object
  /** Id of the generation; null where the request was not routed yet. */
  readonly generation: string | null
  /** What `/responses` has for the code of an HTTP error: its status, or one of its narrow set of words. */
  readonly codes: 'status' | 'word'
  /** Fields of the `error` object beyond these, such as `availability`. */
  readonly more?: object
  /** Fields beside the `error` object, such as `openrouter_metadata`. */
  readonly beside?: object
}

export interface Renderer {
  /**
   * The bytes of these Signals. Batches may be cut anywhere, except that a 200 whose body is an HTML page gets the
   * page's own content type only when `accepted` and `garbled` come in one batch. `connected` makes no bytes. After
   * an end there is nothing more to render, and frames are empty.
   */
  render(signals: readonly Signal[]): Frame
}

/** What to send now: the head if it is there (once per answer), then the body, then the end. Without a head: FIN or RST. */
export interface Frame {
  readonly head?: ResponseHead
  readonly body: string
  /** `reset`: destroy the socket. Null: stay open. A reset without any head ever sent is a refused connection. */
  readonly end: 'clean' | 'reset' | null
}

export interface ResponseHead {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
}

export interface ParseContext {
  /** Whether a stream was asked for. */
  readonly stream: boolean
}

/**
 * Bytes in, Signals out, as soon as they are known. After a Signal that ends the answer (finished, failed, closed) or
 * that makes it worthless (garbled) nothing more comes out. `connected` is the transport's to say. Content carries its
 * `text`, and a token count estimated from bytes; the exact count is in `usage`.
 */
export interface Parser {
  /** Once, before any byte. Statuses from 300 on give their `failed` when the body has ended. */
  head(status: number, headers: HeaderBag): Signal[]
  push(chunk: Uint8Array): readonly Signal[]
  /** The connection ended. Before any head: the connection was lost. */
  end(how: 'clean' | 'reset'): Signal[]
}

export function isRequestProblem(decoded: WireRequest | RequestProblem): decoded is RequestProblem {
  return 'problem' in decoded
}

/** The 400 that a server answers such a request with. */
export function problemSignal(problem: RequestProblem): Failed {
  return {
    type: 'failed',
    class: 'invalid_request',
    status: 400,
    retryAfterMs: null,
    where: 'response',
    message: problem.problem,
  }
}

/** Shapes without tools and schemas are few; the oldest is forgotten beyond this many. */
const SHAPES_MAX = 256
const shapes = new Map<string, RequestShape>()

/** What the core needs to know of a decoded request beyond its text. Alike requests have one shape, where they can. */
export function shapeOf(request: WireRequest): RequestShape {
  const parameters = parameterNames(request)
  const inputs = inputsOf(request.messages)
  if (request.tools.length > 0 || request.responseSchema) return newShape(request, parameters, inputs)
  const key = `${request.responseFormat} ${choiceOf(request)} ${parameters.join(' ')} ${inputs.join(' ')}`
  let shape = shapes.get(key)
  if (shape === undefined) {
    shape = newShape(request, parameters, inputs)
    if (shapes.size >= SHAPES_MAX) shapes.delete([...shapes.keys()][0] as string)
    shapes.set(key, shape)
  }
  return shape
}

/** Those that endpoints declare; whatever else a request says is between it and the provider. */
const KNOWN: ReadonlySet<string> = new Set(PARAMETERS)

function parameterNames(request: WireRequest): string[] {
  const { parameters } = request
  const names: string[] = []
  for (const name in parameters) if (KNOWN.has(name) && parameters[name] != null) names.push(name)
  if (request.maxTokens !== null) names.push(request.capName ?? 'max_tokens')
  if (request.tools.length > 0) names.push('tools')
  if (request.tools.length > 0 && request.toolChoice !== 'auto') names.push('tool_choice')
  if (request.responseFormat !== 'text') names.push('response_format')
  if (request.responseSchema) names.push('structured_outputs')
  return names
}

function choiceOf({ toolChoice }: WireRequest): RequestShape['toolChoice'] {
  return typeof toolChoice === 'object' ? 'function' : toolChoice
}

function newShape(request: WireRequest, parameters: readonly string[], inputs: Inputs): RequestShape {
  const { tools, responseFormat, responseSchema } = request
  return {
    tools,
    toolChoice: choiceOf(request),
    responseFormat,
    responseSchema,
    parameters,
    ...(inputs.length > 0 && { inputs }),
  }
}

type Inputs = NonNullable<RequestShape['inputs']>

/** Types of the parts of a message, by what they bring along. */
const INPUT_PARTS: Readonly<Record<string, Inputs[number]>> = {
  image_url: 'image',
  input_image: 'image',
  image: 'image',
  input_audio: 'audio',
  video_url: 'video',
  input_video: 'video',
}

/** Images in the messages of a request. */
export function imagesIn({ messages }: Pick<WireRequest, 'messages'>): number {
  let images = 0
  for (const { content } of messages) {
    if (!Array.isArray(content)) continue
    for (const part of content as readonly unknown[]) {
      if (INPUT_PARTS[String(recordOf(part)?.['type'])] === 'image') images += 1
    }
  }
  return images
}

function inputsOf(messages: readonly WireMessage[]): Inputs {
  const inputs: Inputs[number][] = []
  for (const { content } of messages) {
    if (!Array.isArray(content)) continue
    for (const part of content as readonly unknown[]) {
      const input = INPUT_PARTS[String(recordOf(part)?.['type'])]
      if (input !== undefined && !inputs.includes(input)) inputs.push(input)
    }
  }
  return inputs
}

/**
 * What of a conversation survives the wire: both sides of the law go through this. Beyond `coalesce` it
 *
 *   forgets   `connected`, the words, a provider's own finish reason, an error's own code, body and reasons, which kind of broken JSON it was, everything after `garbled`, and a title's wording on an HTML error page;
 *   counts    content and tool calls in `usage`'s output tokens when there is one, else by the bytes of their text;
 *   rounds    a Retry-After to what its form can say (whole seconds, or whole milliseconds; inside a stream: nothing);
 *   and, for an answer in one JSON piece, which has no order of its own, puts reasoning before text before tool calls,
 *   and drops all of them when the answer was cut or garbled, because then none of it was readable.
 */
export function comparable(signals: readonly Signal[], form: 'stream' | 'json' = 'stream'): Signal[] {
  const told = signals.filter((signal) => signal.type !== 'connected')
  const last = told.findIndex((signal) => ENDS.has(signal.type))
  const kept = last < 0 ? told : told.slice(0, last + 1)
  const usage = kept.find((signal) => signal.type === 'usage')
  const joined = coalesce(form === 'json' ? inJsonOrder(kept) : kept)
  return joined.map((signal) => {
    if (signal.type === 'content') return comparableContent(signal, usage?.outputTokens)
    if (signal.type === 'toolDelta') return comparableTool(signal, usage?.outputTokens)
    if (signal.type === 'finished') return { type: 'finished', reason: signal.reason }
    if (signal.type === 'garbled') return { ...signal, pattern: SEEN_AS[signal.pattern] ?? signal.pattern }
    return signal.type === 'failed' ? comparableFailed(signal) : signal
  })
}

/** What a parser takes a defect for, where it cannot tell. */
const SEEN_AS: Readonly<Partial<Record<Garbled['pattern'], Garbled['pattern']>>> = {
  missing_choices: 'broken_json',
  trailing_garbage: 'broken_json',
  nan_literal: 'broken_json',
  giant_frame: 'not_sse',
}

const ENDS: ReadonlySet<Signal['type']> = new Set(['garbled', 'finished', 'failed', 'closed'])

function inJsonOrder(signals: readonly Signal[]): Signal[] {
  const end = signals.at(-1)
  const isReadable = end?.type === 'finished' || end?.type === 'failed'
  const rank = (signal: Signal): number => {
    if (signal.type === 'accepted') return 0
    if (signal.type === 'content') return signal.channel === 'reasoning' ? 1 : 2
    if (signal.type === 'toolDelta') return 3 + signal.index
    return Infinity
  }
  return signals
    .filter(
      (signal) => isReadable || (signal.type !== 'content' && signal.type !== 'toolDelta' && signal.type !== 'usage'),
    )
    .filter((signal) => signal.type !== 'ping' && signal.type !== 'quirk')
    .toSorted((left, right) => (rank(left) === rank(right) ? 0 : rank(left) - rank(right)))
}

function comparableContent(content: Content, counted: number | undefined): Content {
  const tokens = content.text === undefined ? content.tokens : promptTokens(utf8Bytes(content.text))
  return { type: 'content', channel: content.channel, tokens: counted ?? tokens, forMs: 0, everyMs: 0 }
}

function comparableTool(delta: ToolDelta, counted: number | undefined): ToolDelta {
  return { ...delta, tokens: counted ?? promptTokens(utf8Bytes(delta.args)) }
}

function comparableFailed(failed: Failed): Failed {
  const {
    html,
    written: _written,
    headers,
    retryAfterForm,
    code: _code,
    raw: _raw,
    reasons: _reasons,
    ...rest
  } = failed
  const form = retryAfterForm ?? 'seconds'
  const unit = form === 'milliseconds' ? 1 : 1000
  const isHinted = failed.retryAfterMs !== null && failed.where === 'response'
  return {
    ...rest,
    message: html ? '' : failed.message,
    retryAfterMs: isHinted ? Math.ceil((failed.retryAfterMs ?? 0) / unit) * unit : null,
    ...(isHinted && { retryAfterForm: form }),
    ...(html && { html }),
    ...(headers && Object.keys(headers).length > 0 && { headers }),
  }
}
