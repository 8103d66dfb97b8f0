/**
 * Signals to OpenAI's bytes. A stream is SSE: a chunk that opens the role, a chunk per run of content or piece of a
 * tool call, a chunk with `finish_reason`, the usage if it was asked for, `[DONE]`. An answer in one piece is a
 * `chat.completion`. Every field that some official client insists on is always there.
 */
import type { Closed, Content, Failed, FinishReason, ToolDelta, Usage, UsageDetails } from '../../signal.ts'
import { AnswerRenderer } from '../_answer-renderer.ts'
import type { RenderContext, ToldError } from '../_dialect.ts'
import { statusOf } from '../_errors.ts'
import { errorBody, errorInBand, WORDING } from './errors.ts'
import { CHAT_QUIRKS } from './quirks.ts'

const OPENAI_PING = ': keep-alive\n\n'
export const DONE = 'data: [DONE]\n\n'

export class ChatRenderer extends AnswerRenderer {
  protected readonly surface: 'openai' | 'openrouter'
  /** Key of the reasoning text in a delta or message. */
  protected readonly reasoningKey: string = 'reasoning_content'
  /** A chunk up to its `choices`, and what follows them. */
  protected opening: string
  protected readonly closing: string
  private hasRole = false

  constructor(context: RenderContext, surface: 'openai' | 'openrouter' = 'openai') {
    const opening = openingOf(context, surface, context.stream)
    super(context, {
      jsonType: 'application/json',
      streamType: 'text/event-stream; charset=utf-8',
      idHeader: 'x-request-id',
      withoutAnswer: '{"id":"chatcmpl-0","object":"chat.completion","choices":null}',
      quirks: CHAT_QUIRKS,
      brokenFrame: `${opening},"choices":[{"index":0,"delta":{"content":\n\n`,
      brokenWhole: `${opening},"choices":[{"index":0,"message":{"role":"assistant","content":}}]}`,
      cutWhole: `${opening},"choices":[{"index":0,"mess`,
    })
    this.surface = surface
    this.opening = opening
    this.closing = surface === 'openai' && context.includeUsage ? ',"usage":null}\n\n' : '}\n\n'
  }

  protected frame(text: string): string {
    return `data: ${text}\n\n`
  }

  protected pingFrame(): string {
    return OPENAI_PING
  }

  protected override reform(): void {
    this.opening = openingOf(this.context, this.surface, this.isStream)
  }

  protected streamOpening(): void {
    this.openRole('""')
  }

  protected streamText(channel: Content['channel'], text: string): void {
    this.openRole('""')
    const key = channel === 'text' ? 'content' : this.reasoningKey
    this.chunk(`{"${key}":${JSON.stringify(text)}}`)
  }

  /** The first chunk of a stream, which says who speaks. Its content is null when only tools are called. */
  private openRole(content: '""' | 'null'): void {
    if (this.hasRole) return
    this.hasRole = true
    this.chunk(`{"role":"assistant","content":${content},"refusal":null}`)
  }

  protected chunk(delta: string, reason: FinishReason | null = null, error = ''): void {
    this.write(`${this.opening}${error},"choices":[${this.choice(delta, reason)}]${this.closing}`)
  }

  protected choice(delta: string, reason: FinishReason | null): string {
    const quoted = reason === null ? 'null' : `"${reason}"`
    return `{"index":0,"delta":${delta},"logprobs":null,"finish_reason":${quoted}}`
  }

  protected streamTool(delta: ToolDelta): void {
    this.openRole('null')
    const { index, id, name, args } = delta
    if (id !== undefined || name !== undefined) {
      const called = { name, arguments: '' } // JSON.stringify leaves out what is undefined
      this.chunk(
        JSON.stringify({
          tool_calls: [{ index, id, type: id === undefined ? undefined : 'function', function: called }],
        }),
      )
      if (args === '') return
    }
    this.chunk(`{"tool_calls":[{"index":${index},"function":{"arguments":${JSON.stringify(args)}}}]}`)
  }

  protected streamFinish(reason: FinishReason): void {
    this.openRole('""')
    this.chunk('{}', reason)
    this.streamUsage()
    this.write(DONE)
  }

  protected streamFailed(failed: Failed): void {
    this.streamUsage()
    this.chunk('{"content":""}', 'error', this.errorField(failed))
    if (this.context.doneAfterError === true) this.write(DONE)
  }

  protected errorField(failed: Failed): string {
    return `,"error":${JSON.stringify(errorInBand(failed, this.told(failed)))}`
  }

  protected told(failed: Failed): ToldError | null {
    return this.context.told?.(failed) ?? null
  }

  protected streamCut(how: Closed['how']): void {
    if (how === 'clean') this.openRole('""')
    this.streamUsage()
    if (how === 'clean' && this.hasQuirk('sse.missing_finish')) this.write(DONE)
  }

  protected streamUsage(): void {
    if (this.usage === null || (this.context.stream && !this.context.includeUsage)) return
    this.write(`${this.opening},"choices":[],"usage":${usageBody(this.usage)}}\n\n`)
    this.usage = null
  }

  /** Further fields of the message. */
  protected ownOfMessage(): object {
    return {}
  }

  /** With an error, what there is of the answer (OpenRouter's way of failing late). */
  protected wholeBody(reason: FinishReason, failed: Failed | null): string {
    const calls = this.collected().map(({ id, name, args }) => ({
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
      ...this.ownOfMessage(),
    }
    const choice = {
      index: 0,
      message,
      logprobs: null,
      finish_reason: reason,
      ...this.ownOfChoice(reason),
      ...(failed && { error: errorInBand(failed, this.told(failed)) }),
    }
    return `${this.opening},"choices":[${JSON.stringify(choice)}]${this.wholeEnd()}}`
  }

  /** Further fields of a choice in one piece. */
  protected ownOfChoice(_reason: FinishReason): object {
    return {}
  }

  /** What follows the choices of an answer in one piece. */
  protected wholeEnd(): string {
    return this.usage === null ? '' : `,"usage":${usageBody(this.usage)}`
  }

  protected statusOf(failed: Failed): number {
    return statusOf(failed, WORDING)
  }

  protected errorBody(failed: Failed): string {
    return JSON.stringify(errorBody(failed, this.surface, this.told(failed)))
  }
}

function openingOf(context: RenderContext, surface: 'openai' | 'openrouter', isStream: boolean): string {
  const provider = context.providerName === undefined ? '' : `,"provider":${JSON.stringify(context.providerName)}`
  // OpenRouter's own SDK refuses a null fingerprint in a stream, and OpenAI's habit of `usage: null` in every chunk.
  const fingerprint = isStream && surface === 'openrouter' ? '' : ',"system_fingerprint":null'
  const identity =
    `{"id":${JSON.stringify(context.id)},"object":"chat.completion${isStream ? '.chunk' : ''}"` +
    `,"created":${Math.floor(context.createdAtSeconds)},"model":${JSON.stringify(context.model)}${provider}${fingerprint}`
  return isStream ? `data: ${identity}` : identity
}

export function usageBody(usage: Usage): string {
  const { inputTokens, outputTokens, cachedInputTokens = 0, writtenInputTokens, details = NO_DETAILS } = usage
  const { audioTokens = 0, videoTokens, reasoningTokens = 0, outputAudioTokens = 0, outputImageTokens } = details
  const written = writtenInputTokens === undefined ? '' : `,"cache_write_tokens":${writtenInputTokens}`
  const video = videoTokens === undefined ? '' : `,"video_tokens":${videoTokens}`
  const images = outputImageTokens === undefined ? '' : `,"image_tokens":${outputImageTokens}`
  return (
    `{"prompt_tokens":${inputTokens},"completion_tokens":${outputTokens},"total_tokens":${inputTokens + outputTokens}` +
    `,"prompt_tokens_details":{"cached_tokens":${cachedInputTokens}${written},"audio_tokens":${audioTokens}${video}}` +
    `,"completion_tokens_details":{"reasoning_tokens":${reasoningTokens},"audio_tokens":${outputAudioTokens}${images}` +
    ',"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}'
  )
}

const NO_DETAILS: UsageDetails = {}
