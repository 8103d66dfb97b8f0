/**
 * Signals to Gemini's bytes. A stream is SSE without event names, its lines ended by CRLF, each frame a whole response
 * with the parts that are new; the last has `finishReason` and the counts, and nothing follows it. An answer in one
 * piece is one such response.
 *
 * What this way of writing has no place for: a tool call is a part with its arguments as an object, so it is sent when it
 * is whole, not at all if the answer breaks off in it, and without the spelling of its arguments; arguments that are no
 * object are written as the string they are, and none mean `{}`. There is no finish reason for tool calls: `STOP` after a
 * call is one. A JSON answer that fails late says nothing but its error. The counts tell what was read from the prompt
 * cache, never what was written to it: Gemini bills storage instead.
 */
import type { Closed, Content, Failed, FinishReason, ToolDelta } from '../../signal.ts'
import { AnswerRenderer, type WholeCall } from '../_answer-renderer.ts'
import type { RenderContext, Renderer } from '../_dialect.ts'
import { statusOf } from '../_errors.ts'
import { objectOf } from '../_wire.ts'
import { errorObject, WORDING } from './errors.ts'
import { GEMINI_QUIRKS } from './quirks.ts'

const FINISH_REASONS: Readonly<Record<FinishReason, string>> = {
  stop: 'STOP',
  length: 'MAX_TOKENS',
  tool_calls: 'STOP',
  content_filter: 'SAFETY',
  error: 'OTHER',
}

export function geminiRenderer(context: RenderContext): Renderer {
  return new GeminiRenderer(context)
}

class GeminiRenderer extends AnswerRenderer {
  private hasChunks = false
  /** The tool call whose pieces are still coming. */
  private pending: (WholeCall & { readonly index: number }) | null = null

  constructor(context: RenderContext) {
    super(context, {
      jsonType: 'application/json; charset=UTF-8',
      streamType: 'text/event-stream',
      idHeader: null,
      withoutAnswer: '{"responseId":"0","candidates":null}',
      quirks: GEMINI_QUIRKS,
      brokenFrame: 'data: {"candidates": [{"content": {"parts": [{"text": \r\n\r\n',
      brokenWhole: '{"candidates": [{"content": }]}',
      cutWhole: '{\n  "candidates": [\n    {\n      "content": {\n        "par',
    })
  }

  protected frame(text: string): string {
    return `data: ${text}\r\n\r\n`
  }

  protected pingFrame(): string {
    return ': keep-alive\r\n\r\n'
  }

  protected streamOpening(): void {
    this.chunk([{ text: '' }])
  }

  protected streamText(channel: Content['channel'], text: string): void {
    this.flushCall()
    this.chunk([partOf(channel, text)])
  }

  protected streamTool({ index, id, name, args }: ToolDelta): void {
    if (this.pending?.index !== index) this.flushCall()
    const { pending } = this
    this.pending = {
      index,
      ...pending,
      ...(id !== undefined && { id }),
      ...(name !== undefined && { name }),
      args: (pending?.args ?? '') + args,
    }
  }

  private flushCall(): void {
    if (this.pending === null) return
    const call = this.pending
    this.pending = null
    this.chunk([callPart(call)])
  }

  private chunk(parts: readonly object[], reason?: FinishReason): void {
    this.hasChunks = true
    this.write(this.frame(JSON.stringify(this.response(parts, reason))))
  }

  private response(parts: readonly object[], reason?: FinishReason): object {
    const finish = reason === undefined ? {} : { finishReason: FINISH_REASONS[reason] }
    const counts = reason === undefined ? {} : this.counts()
    return { candidates: [{ content: { parts, role: 'model' }, ...finish, index: 0 }], ...counts, ...this.identity() }
  }

  private identity(): object {
    return { modelVersion: this.context.model, responseId: this.context.id }
  }

  private counts(): object {
    if (this.usage === null) return {}
    const { inputTokens, outputTokens, cachedInputTokens: cached, details } = this.usage
    const { reasoningTokens: thought = 0 } = details ?? {}
    return {
      usageMetadata: {
        promptTokenCount: inputTokens,
        candidatesTokenCount: outputTokens - thought,
        ...(thought > 0 && { thoughtsTokenCount: thought }),
        totalTokenCount: inputTokens + outputTokens,
        ...(cached !== undefined && { cachedContentTokenCount: cached }),
        promptTokensDetails: [{ modality: 'TEXT', tokenCount: inputTokens }],
      },
    }
  }

  protected streamFinish(reason: FinishReason): void {
    this.flushCall()
    this.chunk([{ text: '' }], reason)
  }

  protected streamFailed(failed: Failed): void {
    this.streamUsage()
    const inOwnWords = this.hasChunks && failed.class === 'content_policy' ? null : this.failedAnswer(failed)
    this.write(this.frame(JSON.stringify(inOwnWords ?? { error: errorObject(failed, failed.status) })))
  }

  /** What Gemini does not call an error: a call that it could not make, and a prompt that it will not answer. */
  private failedAnswer({ class: errorClass, status, message }: Failed): object | null {
    if (status !== null) return null
    if (errorClass === 'invalid_tool_call') {
      const candidate = { content: {}, finishReason: 'MALFORMED_FUNCTION_CALL', finishMessage: message, index: 0 }
      return { candidates: [candidate], ...this.identity() }
    }
    if (errorClass !== 'content_policy') return null
    return { promptFeedback: { blockReason: 'SAFETY', blockReasonMessage: message }, ...this.identity() }
  }

  protected streamCut(how: Closed['how']): void {
    if (how === 'clean' && !this.hasChunks) this.chunk([{ text: '' }])
    this.streamUsage()
  }

  /** Counts that were told before the answer broke off. */
  private streamUsage(): void {
    if (this.usage) this.write(this.frame(JSON.stringify({ ...this.counts(), ...this.identity() })))
  }

  protected wholeBody(reason: FinishReason, failed: Failed | null): string {
    if (failed) return pretty(this.failedAnswer(failed) ?? { error: errorObject(failed, failed.status) })
    const { text, reasoning } = this.whole
    const parts = [
      ...(reasoning === '' ? [] : [partOf('reasoning', reasoning)]),
      ...(text === '' ? [] : [partOf('text', text)]),
      ...this.collected().map(callPart),
    ]
    return pretty(this.response(parts, reason))
  }

  protected statusOf(failed: Failed): number {
    return statusOf(failed, WORDING)
  }

  protected errorBody(failed: Failed): string {
    return pretty({ error: errorObject(failed, this.statusOf(failed)) })
  }

  /** Google sends no such header; a date, or the page of an edge, has no other place. */
  protected override hintHeaders(failed: Failed): Readonly<Record<string, string>> {
    return failed.retryAfterForm === 'date' || failed.html ? super.hintHeaders(failed) : {}
  }
}

function partOf(channel: Content['channel'], text: string): object {
  return channel === 'text' ? { text } : { text, thought: true }
}

function callPart({ id, name, args }: WholeCall): object {
  return { functionCall: { id, name, args: args === '' ? {} : (objectOf(args) ?? args) } }
}

function pretty(body: object): string {
  return `${JSON.stringify(body, null, 2)}\n`
}
