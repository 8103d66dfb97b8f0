/**
 * Signals to OpenAI's bytes. A stream is SSE: a chunk that opens the role, a chunk per run of content or piece of a
 * tool call, a chunk with `finish_reason`, the usage if it was asked for, `[DONE]`. An answer in one piece is a JSON
 * body that comes whole with `finished`; only its head goes out early, with `accepted`. Every field that some official
 * client insists on is always there.
 *
 * What a defect looks like depends on whether body bytes are out already:
 *
 *   garbled       nothing out yet                          inside a stream
 *   html_page     an HTML page                             a frame that holds one
 *   not_sse       a line of plain text                     a frame that holds it
 *   broken_json   a frame, or a body, of broken JSON       a frame of broken JSON
 *   empty_body    nothing at all                           a clean cut: no longer empty
 *
 * After any of them the answer ends cleanly.
 */
import { assertNever } from '../../../base/index.ts'
import type { Accepted, Closed, Content, Failed, Garbled, Signal, ToolDelta, Usage } from '../../signal.ts'
import type { Frame, RenderContext, Renderer, ResponseHead } from '../_dialect.ts'
import { edgePage, PORTAL_PAGE, PROXY_TEXT, retryAfterHeaders } from '../_wire.ts'
import { errorInBand, errorOfAnswer, statusOf } from './errors.ts'

const NOTHING: Frame = { body: '', end: null }
const OPENROUTER_PING = ': OPENROUTER PROCESSING\n\n'
const OPENAI_PING = ': keep-alive\n\n'
const JSON_PING = '\n' // White space before a JSON body keeps the connection alive, as DeepSeek does it.
const DONE = 'data: [DONE]\n\n'

export function chatRenderer(context: RenderContext): Renderer {
  return new ChatRenderer(context)
}

class ChatRenderer implements Renderer {
  private readonly context: RenderContext
  private readonly surface: 'openai' | 'openrouter'
  /** Key of the reasoning text in a delta or message. */
  private readonly reasoningKey: 'reasoning' | 'reasoning_content'
  /** A chunk up to its `choices`, and what follows them. */
  private readonly opening: string
  private readonly closing: string

  private head: ResponseHead | null = null
  private isHeadSent = false
  private body = ''
  private hasBody = false
  private hasRole = false
  private end: Frame['end'] = null
  private readonly sent = { text: 0, reasoning: 0 }
  private usage: Usage | null = null

  // An answer in one piece, until it is whole
  private readonly whole = { text: '', reasoning: '' }
  private readonly calls = new Map<number, { id?: string; name?: string; args: string }>()

  constructor(context: RenderContext) {
    this.context = context
    this.surface = context.surface ?? (context.providerName === undefined ? 'openai' : 'openrouter')
    this.reasoningKey = this.surface === 'openrouter' ? 'reasoning' : 'reasoning_content'
    const provider = context.providerName === undefined ? '' : `,"provider":${JSON.stringify(context.providerName)}`
    // OpenRouter's own SDK refuses a null fingerprint in a stream, and OpenAI's habit of `usage: null` in every chunk.
    const fingerprint = this.surface === 'openrouter' ? '' : ',"system_fingerprint":null'
    const object = context.stream ? 'chat.completion.chunk' : 'chat.completion'
    const identity =
      `{"id":${JSON.stringify(context.id)},"object":"${object}","created":${Math.floor(context.createdAtSeconds)}` +
      `,"model":${JSON.stringify(context.model)}${provider}`
    this.opening = context.stream ? `data: ${identity}${fingerprint}` : `${identity},"system_fingerprint":null`
    this.closing = this.surface === 'openai' && context.includeUsage ? ',"usage":null}\n\n' : '}\n\n'
  }

  render(signals: readonly Signal[]): Frame {
    if (this.end !== null) return NOTHING
    for (let index = 0; index < signals.length && this.end === null; index += 1) {
      this.write(signals[index] as Signal, signals[index + 1])
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

  private write(signal: Signal, next: Signal | undefined): void {
    switch (signal.type) {
      case 'connected':
        return
      case 'accepted':
        return this.open(next?.type === 'garbled' ? next : null, signal)
      case 'ping':
        this.open()
        this.body += this.context.stream ? (this.surface === 'openrouter' ? OPENROUTER_PING : OPENAI_PING) : JSON_PING
        return
      case 'content':
        return this.writeContent(signal)
      case 'toolDelta':
        return this.context.stream ? this.streamTool(signal) : this.collectTool(signal)
      case 'usage':
        this.usage = signal
        return
      case 'garbled':
        return this.writeGarbled(signal)
      case 'finished':
        this.open()
        if (this.context.stream) this.streamFinish(signal.reason)
        else this.body += this.completion(signal.reason, null)
        this.end = 'clean'
        return
      case 'failed':
        return this.writeFailed(signal)
      case 'closed':
        return this.writeClosed(signal)
      default:
        return assertNever(signal)
    }
  }

  /** The head of an answer that has begun, once. The coming defect, if any, chooses its content type. */
  private open(defect: Garbled | null = null, accepted: Accepted | null = null): void {
    if (this.head !== null) return
    this.head = {
      status: accepted?.status ?? 200,
      headers: {
        'content-type': this.contentType(defect),
        ...(this.context.stream && { 'cache-control': 'no-cache' }),
        'x-request-id': `req_${this.context.id}`,
        ...accepted?.headers,
      },
    }
  }

  private contentType(defect: Garbled | null): string {
    if (defect?.pattern === 'html_page') return 'text/html; charset=UTF-8'
    return this.context.stream ? 'text/event-stream; charset=utf-8' : 'application/json'
  }

  private writeContent(content: Content): void {
    if (content.tokens <= 0 && !content.text) return
    this.open()
    const from = this.sent[content.channel]
    this.sent[content.channel] = from + content.tokens
    const text = content.text ?? this.context.textOf(content.channel, from, content.tokens)
    if (!this.context.stream) {
      this.whole[content.channel] += text
      return
    }
    this.openRole('""')
    const key = content.channel === 'text' ? 'content' : this.reasoningKey
    this.body += this.chunk(`{"${key}":${JSON.stringify(text)}}`)
  }

  /** The first chunk of a stream, which says who speaks. Its content is null when only tools are called. */
  private openRole(content: '""' | 'null'): void {
    if (this.hasRole) return
    this.hasRole = true
    this.body += this.chunk(`{"role":"assistant","content":${content},"refusal":null}`)
  }

  private chunk(delta: string, reason: string | null = null, error = ''): string {
    const quoted = reason === null ? 'null' : `"${reason}"`
    const native = this.surface === 'openrouter' ? `,"native_finish_reason":${quoted}` : ''
    const choice = `{"index":0,"delta":${delta},"logprobs":null,"finish_reason":${quoted}${native}}`
    return `${this.opening}${error},"choices":[${choice}]${this.closing}`
  }

  private streamTool(delta: ToolDelta): void {
    this.open()
    this.openRole('null')
    const { index, id, name, args } = delta
    if (id !== undefined || name !== undefined) {
      const called = { name, arguments: '' } // JSON.stringify leaves out what is undefined
      this.body += this.chunk(
        JSON.stringify({
          tool_calls: [{ index, id, type: id === undefined ? undefined : 'function', function: called }],
        }),
      )
      if (args === '') return
    }
    this.body += this.chunk(`{"tool_calls":[{"index":${index},"function":{"arguments":${JSON.stringify(args)}}}]}`)
  }

  private collectTool(delta: ToolDelta): void {
    this.open()
    const call = this.calls.get(delta.index) ?? { args: '' }
    if (delta.id !== undefined) call.id = delta.id
    if (delta.name !== undefined) call.name = delta.name
    call.args += delta.args
    this.calls.set(delta.index, call)
  }

  private streamFinish(reason: string): void {
    this.openRole('""')
    this.body += this.chunk('{}', reason)
    this.streamUsage()
    this.body += DONE
  }

  private streamUsage(): void {
    if (this.usage === null || !this.context.includeUsage) return
    this.body += `${this.opening},"choices":[],"usage":${usageBody(this.usage)}}\n\n`
    this.usage = null
  }

  /** A whole answer. With an error, what there is of it (OpenRouter's way of failing late). */
  private completion(reason: string, error: object | null): string {
    const inOrder = [...this.calls].toSorted(([left], [right]) => left - right)
    const calls = inOrder.map(([, { id, name, args }]) => ({
      id,
      type: 'function',
      function: { name, arguments: args },
    }))
    const message = {
      role: 'assistant',
      content: this.whole.text === '' && calls.length > 0 ? null : this.whole.text,
      refusal: null,
      ...(this.whole.reasoning !== '' && { [this.reasoningKey]: this.whole.reasoning }),
      ...(calls.length > 0 && { tool_calls: calls }),
    }
    const choice = {
      index: 0,
      message,
      logprobs: null,
      finish_reason: reason,
      ...(this.surface === 'openrouter' && { native_finish_reason: reason }),
      ...(error && { error }),
    }
    const usage = this.usage === null ? '' : `,"usage":${usageBody(this.usage)}`
    return `${this.opening},"choices":[${JSON.stringify(choice)}]${usage}}`
  }

  private writeGarbled(garbled: Garbled): void {
    this.open(garbled)
    this.end = 'clean'
    const isInside = this.context.stream && (this.hasBody || this.body !== '')
    const bare = isInside ? (text: string) => `data: ${text.trim().replaceAll('\n', '')}\n\n` : (text: string) => text
    switch (garbled.pattern) {
      case 'html_page':
        this.body += bare(PORTAL_PAGE)
        return
      case 'not_sse':
        this.body += bare(PROXY_TEXT)
        return
      case 'broken_json':
        this.body += this.context.stream
          ? `${this.opening},"choices":[{"index":0,"delta":{"content":\n\n`
          : `${this.opening},"choices":[{"index":0,"message":{"role":"assistant","content":}}]}`
        return
      case 'empty_body':
        return
      default:
        assertNever(garbled.pattern)
    }
  }

  private writeFailed(failed: Failed): void {
    if (failed.where === 'connect') {
      this.end = 'reset'
      return
    }
    if (failed.where === 'response' && this.head === null) return this.writeErrorAnswer(failed)

    this.open()
    const error = errorInBand(failed)
    if (this.context.stream) {
      this.streamUsage()
      this.body += this.chunk('{"content":""}', 'error', `,"error":${JSON.stringify(error)}`)
    } else this.body += this.completion('error', error)
    this.end = 'clean'
  }

  private writeErrorAnswer(failed: Failed): void {
    const status = statusOf(failed)
    const ray = `${(failed.message.length + 0x8f3a2).toString(16)}c1d97e0b4a-FRA`
    this.body += failed.html ? edgePage(status, ray) : JSON.stringify({ error: errorOfAnswer(failed, this.surface) })
    const hint =
      failed.retryAfterMs === null
        ? {}
        : retryAfterHeaders(failed.retryAfterMs, failed.retryAfterForm ?? 'seconds', this.context.createdAtSeconds)
    const speaker = failed.html
      ? { 'content-type': 'text/html; charset=UTF-8', server: 'cloudflare', 'cf-ray': ray }
      : { 'content-type': 'application/json', 'x-request-id': `req_${this.context.id}` }
    this.head = { status, headers: { ...speaker, ...hint, ...failed.headers } }
    this.end = 'clean'
  }

  private writeClosed(closed: Closed): void {
    this.end = closed.how
    if (this.head === null) {
      this.end = 'reset' // Nothing was answered: the connection is simply gone.
      return
    }
    if (this.context.stream) {
      if (closed.how === 'clean') this.openRole('""')
      this.streamUsage()
    } else if (closed.how === 'clean') this.body += `${this.opening},"choices":[{"index":0,"mess`
  }
}

function usageBody({ inputTokens, outputTokens }: Usage): string {
  return (
    `{"prompt_tokens":${inputTokens},"completion_tokens":${outputTokens},"total_tokens":${inputTokens + outputTokens}` +
    ',"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0}' +
    ',"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0' +
    ',"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}'
  )
}
