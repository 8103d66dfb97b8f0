/**
 * Signals to bytes, as far as it is the same in every dialect: one head, batches, error answers, cuts and defects. A
 * dialect adds how an event of a stream and a whole answer are written. A stream is written as it comes; an answer in
 * one piece comes whole with its end, and only its head goes out early, with `accepted`.
 *
 * What a defect looks like depends on whether body bytes are out already:
 *
 *   garbled       nothing out yet                          inside a stream
 *   html_page     an HTML page                             a frame that holds one
 *   not_sse       a line of plain text                     a frame that holds it
 *   broken_json   a frame, or a body, of broken JSON       a frame of broken JSON
 *   empty_body    nothing at all                           a clean cut: no longer empty
 *   the others    a frame, or a body, of such JSON         a frame of such JSON
 *
 * After any of them the answer ends cleanly. Defects below the dialect (`not_http`, `wrong_encoding`) are the
 * transport's: here they only end the answer.
 *
 * Errors, request ids and rate limits are written as the endpoint's native does it, where the context has one.
 */
import { assertNever, type Millis } from '../../base/index.ts'
import {
  isWirePattern,
  type Accepted,
  type Closed,
  type Content,
  type Failed,
  type FinishReason,
  type Garbled,
  type Signal,
  type ToolDelta,
  type Usage,
} from '../signal.ts'
import type { EdgeId } from '../edge.ts'
import type { QuirkName } from '../quirk.ts'
import { QuirkPen, type RewritingTable } from './_quirks.ts'
import type { Closing, Frame, RenderContext, Renderer, ResponseHead } from './_dialect.ts'
import { edgeBody, edgeHeaders, isProviderClass, type Native, type Occasion } from '../natives/index.ts'
import { retryAfterHeaders } from '../retry-after.ts'
import { limitsIn } from './_limits.ts'
import { EVENT_LENGTH_MAX, PORTAL_PAGE, PROXY_TEXT } from './_wire.ts'

const NOTHING: Frame = { body: '', end: null }
const NOTHING_MORE: Closing = { usage: {}, beside: {} }
const JSON_PING = '\n' // White space before a JSON body keeps the connection alive, as DeepSeek does it.

/** What a dialect's answers are made of, beyond their events. */
export interface AnswerStyle {
  readonly jsonType: string
  readonly streamType: string
  /** Header with the answer's id; null: none. */
  readonly idHeader: string | null
  /** A body of JSON that is broken, and one that ends too early. */
  readonly brokenWhole: string
  readonly cutWhole: string
  /** A frame whose JSON is broken. */
  readonly brokenFrame: string
  /** An object that is no answer. */
  readonly withoutAnswer: string
  /** Odd ways of writing it. */
  readonly quirks: RewritingTable
}

/** A tool call put together. */
export interface WholeCall {
  readonly id?: string
  readonly name?: string
  readonly args: string
}

export abstract class AnswerRenderer implements Renderer {
  protected readonly context: RenderContext
  private readonly style: AnswerStyle
  /** Whether the answer is written as a stream: as it was asked for, unless a quirk has it otherwise. */
  protected isStream: boolean
  /** null: written as it should be. */
  private pen: QuirkPen | null = null
  protected usage: Usage | null = null
  /** The provider's own word for the finish reason. */
  protected nativeReason: string | null = null
  /** Text of an answer in one piece, until it is whole. */
  protected readonly whole = { text: '', reasoning: '' }

  private head: ResponseHead | null = null
  private isHeadSent = false
  private body = ''
  private hasBody = false
  private end: Frame['end'] = null
  /** The answer will be an error body under a status that says that all is well. */
  private isErrorWith200 = false
  private readonly sent = { text: 0, reasoning: 0 }
  private readonly calls = new Map<number, WholeCall>()

  constructor(context: RenderContext, style: AnswerStyle) {
    this.context = context
    this.style = style
    this.isStream = context.stream
    if (context.isOpen === true) {
      this.head = { status: 200, headers: {} }
      this.isHeadSent = true
    }
  }

  private ended: Closing | null = null

  /** What OpenRouter says of an answer with its end. */
  protected ending(): Closing {
    return (this.ended ??= this.context.routed?.closing(this.usage) ?? NOTHING_MORE)
  }

  protected hasQuirk(name: QuirkName): boolean {
    return this.pen?.has(name) ?? false
  }

  /** One frame that holds such text. */
  protected abstract frame(text: string): string
  protected abstract pingFrame(): string
  /** The answer is written in another form than it was asked for. */
  protected reform(): void {}
  /** The event before all content. */
  protected abstract streamOpening(): void
  protected abstract streamText(channel: Content['channel'], text: string): void
  protected abstract streamTool(delta: ToolDelta): void
  protected abstract streamFinish(reason: FinishReason): void
  protected abstract streamFailed(failed: Failed): void
  /** The connection is about to end too early: say what would have been said by now. */
  protected abstract streamCut(how: Closed['how']): void
  /** An answer in one piece; with `failed`, one that broke off late. */
  protected abstract wholeBody(reason: FinishReason, failed: Failed | null): string
  protected abstract statusOf(failed: Failed): number
  /** The body of an error status. */
  protected abstract errorBody(failed: Failed): string
  /** When to come back: in headers, unless the dialect says it in the body. */
  protected hintHeaders(failed: Failed): Readonly<Record<string, string>> {
    const { retryAfterMs, retryAfterForm = 'seconds' } = failed
    return retryAfterMs === null ? {} : retryAfterHeaders(retryAfterMs, retryAfterForm, this.context.createdAtSeconds)
  }

  render(signals: readonly Signal[]): Frame {
    if (this.end !== null) return NOTHING
    for (let index = 0; index < signals.length && this.end === null; index += 1) {
      this.take(signals[index] as Signal, signals[index + 1])
    }
    if (this.pen !== null && this.body !== '') {
      this.body = this.isStream ? this.pen.stream(this.body) : this.pen.whole(this.body)
    }
    const frame: Frame =
      this.head !== null && !this.isHeadSent
        ? { head: this.head, body: this.body, end: this.end }
        : { body: this.body, end: this.end }
    this.isHeadSent = this.head !== null
    if (this.body !== '') this.hasBody = true
    this.body = ''
    return frame
  }

  protected write(text: string): void {
    this.body += text
  }

  private take(signal: Signal, next: Signal | undefined): void {
    switch (signal.type) {
      case 'connected':
        return
      case 'quirk':
        return this.takeQuirk(signal.name)
      case 'accepted':
        if (this.isErrorWith200) return
        this.open(next?.type === 'garbled' ? next : null, signal)
        if (this.isStream && this.hasQuirk('sse.opening_first')) this.streamOpening()
        return
      case 'ping':
        this.open()
        return this.write(this.isStream ? this.pingFrame() : JSON_PING)
      case 'content':
        return this.takeContent(signal)
      case 'toolDelta':
        this.open()
        return this.isStream ? this.streamTool(signal) : this.collect(signal)
      case 'usage':
        this.usage = signal
        return
      case 'garbled':
        return this.garble(signal)
      case 'finished':
        this.open()
        this.nativeReason = signal.native ?? signal.reason
        if (this.isStream) this.streamFinish(signal.reason)
        else this.write(this.wholeBody(signal.reason, null))
        this.end = 'clean'
        return
      case 'failed':
        return this.fail(signal)
      case 'closed':
        return this.close(signal)
      default:
        return assertNever(signal)
    }
  }

  private takeQuirk(name: QuirkName): void {
    if (name === 'http.error_with_200') this.isErrorWith200 = true
    this.pen ??= new QuirkPen(this.style.quirks)
    this.pen.add(name)
    if (this.head !== null) return
    const isStream = name === 'sse.json_instead' ? false : name === 'body.sse_instead' ? true : this.isStream
    if (isStream === this.isStream) return
    this.isStream = isStream
    this.reform()
  }

  /** The head of an answer that has begun, once. The coming defect, if any, chooses its content type. */
  private open(defect: Garbled | null = null, accepted: Accepted | null = null): void {
    if (this.head !== null) return
    this.head = {
      status: accepted?.status ?? 200,
      headers: {
        'content-type': this.contentType(defect),
        ...(this.isStream && { 'cache-control': 'no-cache' }),
        ...this.ownHeaders(null),
        ...this.limitHeaders(accepted?.headers, null),
      },
    }
  }

  private contentType(defect: Garbled | null): string {
    if (defect?.pattern === 'html_page') return 'text/html; charset=UTF-8'
    return this.isStream ? this.style.streamType : this.style.jsonType
  }

  /** The headers by which a provider is known, its request id among them. */
  private ownHeaders(failed: Failed | null): Readonly<Record<string, string>> {
    const { native, id } = this.context
    if (native) return native.headers(this.occasion(), failed)
    return {
      ...(this.style.idHeader !== null && { [this.style.idHeader]: `req_${id}` }),
      ...(this.context.routed && { 'x-generation-id': id }),
    }
  }

  private limitHeaders(headers: Failed['headers'] | null, failed: Failed | null): Readonly<Record<string, string>> {
    const { native } = this.context
    if (!native || !headers) return headers ?? {}
    const { limits, others } = limitsIn(headers)
    return { ...native.limits(limits, this.occasion(), failed), ...others }
  }

  private occasion(): Occasion {
    const { id, model, createdAtSeconds } = this.context
    return { id, model, atSeconds: createdAtSeconds }
  }

  private takeContent(content: Content): void {
    if (content.tokens <= 0 && !content.text) return
    this.open()
    const { channel, tokens } = content
    const from = this.sent[channel]
    this.sent[channel] = from + tokens
    const text = content.text ?? this.context.textOf(channel, from, tokens)
    if (this.isStream) this.streamText(channel, text)
    else this.whole[channel] += text
  }

  /** Keep a piece of a tool call until the call is whole. */
  private collect({ index, id, name, args }: ToolDelta): void {
    const call = this.calls.get(index) ?? { args: '' }
    this.calls.set(index, {
      ...call,
      ...(id !== undefined && { id }),
      ...(name !== undefined && { name }),
      args: call.args + args,
    })
  }

  /** The calls collected so far, by index. */
  protected collected(): WholeCall[] {
    return [...this.calls].toSorted(([left], [right]) => left - right).map(([, call]) => call)
  }

  private garble(garbled: Garbled): void {
    this.open(garbled)
    this.end = 'clean'
    if (isWirePattern(garbled.pattern)) return
    const isInside = this.isStream && (this.hasBody || this.body !== '')
    const bare = (text: string): string => (isInside ? this.frame(text.trim().replaceAll('\n', '')) : text)
    const bareJson = (json: string): string => (this.isStream ? this.frame(json) : json)
    switch (garbled.pattern) {
      case 'html_page':
        return this.write(bare(PORTAL_PAGE))
      case 'not_sse':
        return this.write(bare(PROXY_TEXT))
      case 'broken_json':
        return this.write(this.isStream ? this.style.brokenFrame : this.style.brokenWhole)
      case 'empty_body':
        return
      case 'missing_choices':
        return this.write(bareJson(this.style.withoutAnswer))
      case 'trailing_garbage':
        return this.write(bareJson(`${this.style.withoutAnswer} and so on`))
      case 'nan_literal':
        return this.write(bareJson('{"logprobs":NaN}'))
      case 'giant_frame':
        return this.write(bareJson(`{"padding":"${'x'.repeat(EVENT_LENGTH_MAX)}"}`))
      default:
        assertNever(garbled.pattern)
    }
  }

  private fail(failed: Failed): void {
    if (failed.where === 'connect') {
      this.end = 'reset'
      return
    }
    if (this.head === null && (failed.where === 'response' || this.isErrorWith200)) return this.answerError(failed)

    this.open()
    if (this.isStream) this.streamFailed(failed)
    else this.write(this.wholeBody('error', failed))
    this.end = 'clean'
  }

  private answerError(failed: Failed): void {
    const { native, id } = this.context
    const edge = edgeOf(failed, native)
    const isOwn = native !== undefined && isProviderClass(failed.class)
    const inner = failed.status ?? (isOwn ? native.says[failed.class as 'overloaded'].status : this.statusOf(failed))
    const status = this.isErrorWith200 ? 200 : inner
    const hint = failed.retryAfterMs === null ? {} : this.hintOf(failed, failed.retryAfterMs, edge !== null)
    const speaker =
      edge !== null
        ? edgeHeaders(edge, id)
        : { 'content-type': native?.jsonType ?? this.style.jsonType, ...this.ownHeaders(failed) }
    this.head = {
      status,
      headers: {
        ...speaker,
        ...(!this.isErrorWith200 && { ...hint, ...this.limitHeaders(failed.headers, failed) }),
      },
    }
    this.write(edge === null ? this.wordsOf(failed, inner) : edgeBody(edge, inner, native?.host ?? HOST, id))
    this.end = 'clean'
  }

  /** When to come back: as the native says it; in headers, where the body is not the native's own. */
  private hintOf(failed: Failed, ms: Millis, isEdge: boolean): Readonly<Record<string, string>> {
    const { native } = this.context
    const form = failed.retryAfterForm ?? 'seconds'
    if (isEdge || failed.written !== undefined) return retryAfterHeaders(ms, form, this.context.createdAtSeconds)
    return native && isProviderClass(failed.class) ? native.hint(ms, form, this.occasion()) : this.hintHeaders(failed)
  }

  /** The body of an error in the words of whoever answers: the native, or the dialect itself. */
  private wordsOf(failed: Failed, status: number): string {
    if (failed.written === 'empty') return ''
    const { native } = this.context
    const body =
      native && isProviderClass(failed.class)
        ? native.body({ ...failed, class: failed.class }, status, this.occasion())
        : this.errorBody(failed)
    return failed.written === 'nested' ? nested(nested(body.trim(), status), status) : body
  }

  private close(closed: Closed): void {
    if (this.head === null) {
      this.end = closed.how // Nothing was answered: the connection is simply gone.
      return
    }
    this.end = closed.how
    if (this.isStream) this.streamCut(closed.how)
    else if (closed.how === 'clean') this.write(this.style.cutWhole)
  }
}

const HOST = 'api.provider.example'

/** Who answers in the provider's place; null: nobody. */
function edgeOf({ html, written, class: errorClass }: Failed, native: Native | undefined): EdgeId | null {
  if (written !== undefined) return written === 'empty' || written === 'nested' ? null : written
  if (html) return 'cloudflare'
  return isProviderClass(errorClass) ? (native?.edges?.[errorClass] ?? null) : null
}

/** An error that quotes another as text, as gateways do that do not read what they pass on (gemini-balance-lite#7). */
function nested(body: string, status: number): string {
  return JSON.stringify({ error: { message: body, type: 'upstream_error', code: status } })
}
