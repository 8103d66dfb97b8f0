/**
 * Signals to Anthropic's bytes. A stream is a sequence of named events around blocks of content:
 *
 *   message_start (content_block_start content_block_delta… content_block_stop)… message_delta message_stop
 *
 * with `ping` anywhere, and `error` instead of the rest. An answer in one piece is a `message`.
 *
 * What this way of writing has no place for: the status of an error inside a stream (only its kind is told), whatever
 * there was of a JSON answer that fails late, and the spelling of a JSON answer's tool arguments, which are an object
 * there. Arguments that are no object are written as the string they are, as some imitators do it. No arguments at all
 * mean `{}`.
 */
import type { Closed, Content, Failed, FinishReason, ToolDelta, Usage } from '../../signal.ts'
import { AnswerRenderer } from '../_answer-renderer.ts'
import type { RenderContext, Renderer } from '../_dialect.ts'
import { statusOf } from '../_errors.ts'
import { objectOf } from '../_wire.ts'
import { errorBody, toldBody, WORDING } from './errors.ts'
import { MESSAGES_QUIRKS } from './quirks.ts'

/** Stands where a real answer proves that its thinking is its own. */
const SIGNATURE = 'c3F1YWxs'

/** `error` is no word of Anthropic's, which never says so; a broken answer of the mock may. */
const STOP_REASONS: Readonly<Record<FinishReason, string>> = {
  stop: 'end_turn',
  length: 'max_tokens',
  tool_calls: 'tool_use',
  content_filter: 'refusal',
  error: 'error',
}

export function messagesRenderer(context: RenderContext): Renderer {
  return new MessagesRenderer(context)
}

class MessagesRenderer extends AnswerRenderer {
  private hasStarted = false
  private blocks = 0
  /** What the open block holds, if one is open. */
  private openKind: 'text' | 'thinking' | 'tool_use' | null = null
  /** Block of each tool call. */
  private readonly blockOf = new Map<number, number>()

  constructor(context: RenderContext) {
    const start = `{"id":${JSON.stringify(context.id)},"type":"message","role":"assistant","content":[`
    super(context, {
      jsonType: 'application/json',
      streamType: 'text/event-stream; charset=utf-8',
      idHeader: 'request-id',
      withoutAnswer: '{"id":"msg_0","content":null}',
      quirks: MESSAGES_QUIRKS,
      brokenFrame:
        'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":\n\n',
      brokenWhole: `${start}]],"stop_reason":}`,
      cutWhole: `${start}{"type":"te`,
    })
  }

  protected frame(text: string): string {
    return `event: content_block_delta\ndata: ${text}\n\n`
  }

  protected pingFrame(): string {
    return 'event: ping\ndata: {"type": "ping"}\n\n'
  }

  private event(type: string, fields: object): void {
    this.write(`event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`)
  }

  private start(): void {
    if (this.hasStarted) return
    this.hasStarted = true
    const usage = {
      ...usageFields({ inputTokens: this.context.inputTokens ?? 0, outputTokens: 1 }),
      service_tier: 'standard',
    }
    this.event('message_start', { message: { ...this.identity(), content: [], ...stopped(null), usage } })
  }

  private identity(): object {
    const { id, model, providerName } = this.context
    return {
      id,
      type: 'message',
      role: 'assistant',
      model,
      ...(providerName !== undefined && { provider: providerName }),
    }
  }

  private openBlock(kind: 'text' | 'thinking' | 'tool_use', block: object): void {
    this.start()
    if (kind !== 'tool_use' || this.openKind !== 'tool_use' || !this.hasQuirk('tool.interleaved')) this.closeBlock()
    this.event('content_block_start', { index: this.blocks, content_block: { type: kind, ...block } })
    this.openKind = kind
    this.blocks += 1
  }

  private closeBlock(): void {
    if (this.openKind === null) return
    const index = this.blocks - 1
    if (this.openKind === 'thinking') this.delta(index, { type: 'signature_delta', signature: SIGNATURE })
    this.event('content_block_stop', { index })
    this.openKind = null
  }

  private delta(index: number, delta: object): void {
    this.event('content_block_delta', { index, delta })
  }

  protected streamOpening(): void {
    this.start()
  }

  protected streamText(channel: Content['channel'], text: string): void {
    const kind = channel === 'text' ? 'text' : 'thinking'
    if (this.openKind !== kind) this.openBlock(kind, kind === 'text' ? { text: '' } : { thinking: '', signature: '' })
    const index = this.blocks - 1
    this.delta(index, kind === 'text' ? { type: 'text_delta', text } : { type: 'thinking_delta', thinking: text })
  }

  protected streamTool({ index, id, name, args }: ToolDelta): void {
    let block = this.blockOf.get(index)
    if (block === undefined) {
      this.openBlock('tool_use', { id, name, input: {} })
      block = this.blocks - 1
      this.blockOf.set(index, block)
      this.delta(block, { type: 'input_json_delta', partial_json: '' })
    }
    if (args !== '') this.delta(block, { type: 'input_json_delta', partial_json: args })
  }

  protected streamFinish(reason: FinishReason): void {
    this.start()
    this.closeBlock()
    this.messageDelta(STOP_REASONS[reason])
    this.event('message_stop', this.routing())
  }

  protected streamFailed(failed: Failed): void {
    this.streamUsage()
    this.write(`event: error\ndata: ${this.errorBody(failed)}\n\n`)
  }

  protected streamCut(how: Closed['how']): void {
    if (how === 'clean') this.start()
    this.streamUsage()
    if (how === 'clean' && this.hasQuirk('sse.missing_finish')) this.event('message_stop', {})
  }

  /** Counts that were told before the answer broke off. */
  private streamUsage(): void {
    if (this.usage === null) return
    this.start()
    this.closeBlock()
    this.messageDelta(null)
  }

  private messageDelta(reason: string | null): void {
    this.event('message_delta', { delta: stopped(reason), usage: this.counts() })
  }

  private counts(): object {
    if (this.usage === null) return {}
    const { usage, beside } = this.ending()
    const { service_tier: tier } = beside as { service_tier?: unknown }
    const served = tier === undefined ? {} : { service_tier: tier === 'default' ? 'standard' : tier }
    return { ...usageFields(this.usage), ...usage, ...served }
  }

  /** How OpenRouter has routed it, where the caller wants to know. */
  private routing(): object {
    const { service_tier: _inUsage, ...rest } = this.ending().beside as { service_tier?: unknown }
    return rest
  }

  protected wholeBody(reason: FinishReason, failed: Failed | null): string {
    if (failed) return this.errorBody(failed)
    const { text, reasoning } = this.whole
    const content = [
      ...(reasoning === '' ? [] : [{ type: 'thinking', thinking: reasoning, signature: SIGNATURE }]),
      ...(text === '' ? [] : [{ type: 'text', text }]),
      ...this.collected().map(({ id, name, args }) => ({ type: 'tool_use', id, name, input: inputOf(args) })),
    ]
    return JSON.stringify({
      ...this.identity(),
      content,
      ...stopped(STOP_REASONS[reason]),
      usage: this.counts(),
      ...this.routing(),
    })
  }

  protected statusOf(failed: Failed): number {
    return statusOf(failed, WORDING)
  }

  protected errorBody(failed: Failed): string {
    return this.context.told ? toldBody(this.context.told(failed)) : errorBody(failed, `req_${this.context.id}`)
  }
}

function stopped(reason: string | null): object {
  return { stop_reason: reason, stop_sequence: null }
}

/** `input_tokens` are those that the cache had no part in. */
function usageFields({
  inputTokens,
  outputTokens,
  cachedInputTokens: read = 0,
  writtenInputTokens: written = 0,
  details,
}: Omit<Usage, 'type'>): object {
  return {
    input_tokens: inputTokens - read - written,
    cache_creation_input_tokens: written,
    cache_read_input_tokens: read,
    output_tokens: outputTokens,
    ...(details?.reasoningTokens !== undefined && {
      output_tokens_details: { thinking_tokens: details.reasoningTokens },
    }),
  }
}

function inputOf(args: string): unknown {
  return args === '' ? {} : (objectOf(args) ?? args)
}
