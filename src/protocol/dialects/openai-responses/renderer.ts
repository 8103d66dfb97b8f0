/**
 * Signals to the bytes of OpenAI's Responses API. A stream is a sequence of numbered events around items of output:
 *
 *   response.created response.in_progress (output_item.added …delta… …done output_item.done)… response.completed
 *
 * with `response.incomplete` where the answer was cut short by a limit or a filter, and `response.failed` where it broke.
 * An answer in one piece is the same `response`.
 *
 * What this way of writing has no place for: whether an answer stopped by itself or to call tools, the status of an
 * error inside it, the counts of a stream that breaks off, and whatever there was of a JSON answer that fails late (not of
 * one that ended badly, which is whole).
 */
import type { Closed, Content, Failed, FinishReason, Signal, ToolDelta, Usage } from '../../signal.ts'
import { AnswerRenderer } from '../_answer-renderer.ts'
import type { Closing, Frame, RenderContext, Renderer, ToldError } from '../_dialect.ts'
import { statusOf } from '../_errors.ts'
import { recordOf } from '../_wire.ts'
import { ENDED_BADLY, errorBody, errorInResponse, isLength, WORDING } from './errors.ts'
import { RESPONSES_QUIRKS } from './quirks.ts'

export function responsesRenderer(context: RenderContext): Renderer {
  return new ResponsesRenderer(context)
}

/** An item of output under way. */
interface Item {
  readonly kind: 'reasoning' | 'message' | 'function_call'
  readonly index: number
  readonly id: string
  readonly callId: string
  readonly name: string
  /** Its text, or the arguments of the call. */
  text: string
  isOpen: boolean
}

type Status = 'in_progress' | 'completed' | 'incomplete' | 'failed'

const CUT_BY: Readonly<Partial<Record<FinishReason, string>>> = {
  length: 'max_output_tokens',
  content_filter: 'content_filter',
}

const UPSTREAM_ERROR: Failed = {
  type: 'failed',
  class: 'server_error',
  status: null,
  retryAfterMs: null,
  where: 'stream',
  message: ENDED_BADLY,
}

class ResponsesRenderer extends AnswerRenderer {
  private hasStarted = false
  private sequence = 0
  private readonly items: Item[] = []
  /** Item of each tool call. */
  private readonly itemOf = new Map<number, Item>()

  constructor(context: RenderContext) {
    const start = `{"id":${JSON.stringify(context.id)},"object":"response","output":[`
    super(context, {
      jsonType: 'application/json',
      streamType: 'text/event-stream; charset=utf-8',
      idHeader: 'x-request-id',
      withoutAnswer: '{"id":"resp_0","output":null}',
      quirks: RESPONSES_QUIRKS,
      brokenFrame: 'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","delta":\n\n',
      brokenWhole: `${start}]],"status":}`,
      cutWhole: `${start}{"type":"mess`,
    })
  }

  /** A limit of tokens that was passed is no error to OpenRouter, but an answer that is cut short. */
  override render(signals: readonly Signal[]): Frame {
    return super.render(signals.map((signal) => (this.isLengthError(signal) ? CUT_SHORT : signal)))
  }

  private isLengthError(signal: Signal): boolean {
    if (signal.type !== 'failed' || signal.where === 'connect') return false
    const told = this.told(signal)
    return told !== null && isLength(told)
  }

  private told(failed: Failed): ToldError | null {
    return this.context.told?.(failed) ?? null
  }

  protected frame(text: string): string {
    return `event: response.output_text.delta\ndata: ${text}\n\n`
  }

  protected pingFrame(): string {
    return this.context.surface === 'openrouter' ? ': OPENROUTER PROCESSING\n\n' : ': keep-alive\n\n'
  }

  private event(type: string, fields: object): void {
    const body = { type, sequence_number: this.sequence, ...fields }
    this.sequence += 1
    this.write(`event: ${type}\ndata: ${JSON.stringify(body)}\n\n`)
  }

  private start(): void {
    if (this.hasStarted) return
    this.hasStarted = true
    const response = this.response('in_progress')
    this.event('response.created', { response })
    this.event('response.in_progress', { response })
  }

  private response(status: Status, output: readonly object[] = [], more: object = {}): object {
    const { id, model, createdAtSeconds, providerName } = this.context
    const createdAt = Math.floor(createdAtSeconds)
    const closing = status === 'in_progress' ? BEGUN : this.ending()
    return {
      id,
      object: 'response',
      created_at: createdAt,
      completed_at: status === 'completed' ? createdAt : null,
      status,
      background: false,
      error: null,
      incomplete_details: null,
      instructions: null,
      max_output_tokens: null,
      max_tool_calls: null,
      model,
      ...(providerName !== undefined && { provider: providerName }),
      output,
      parallel_tool_calls: true,
      previous_response_id: null,
      prompt_cache_key: null,
      reasoning: { effort: null, summary: null },
      safety_identifier: null,
      service_tier: 'default',
      store: false,
      temperature: null,
      text: { format: { type: 'text' } },
      tool_choice: 'auto',
      tools: [],
      top_logprobs: 0,
      top_p: null,
      frequency_penalty: null,
      presence_penalty: null,
      truncation: 'disabled',
      usage:
        this.usage === null
          ? null
          : { ...usageFields(this.usage), ...costFields(closing.usage as Readonly<Record<string, unknown>>) },
      user: null,
      metadata: {},
      ...this.context.echo,
      ...closing.beside,
      ...more,
    }
  }

  protected streamOpening(): void {
    this.start()
  }

  protected streamText(channel: Content['channel'], text: string): void {
    const kind = channel === 'text' ? 'message' : 'reasoning'
    const last = this.items.at(-1)
    const item = last?.isOpen === true && last.kind === kind ? last : this.openItem(kind)
    item.text += text
    if (kind === 'message') {
      this.event('response.output_text.delta', { ...this.place(item), content_index: 0, delta: text, logprobs: [] })
    } else this.event('response.reasoning_summary_text.delta', { ...this.place(item), summary_index: 0, delta: text })
  }

  protected streamTool({ index, id, name, args }: ToolDelta): void {
    let item = this.itemOf.get(index)
    if (item === undefined) {
      item = this.openItem('function_call', id, name)
      this.itemOf.set(index, item)
    }
    if (args === '') return
    item.text += args
    this.event('response.function_call_arguments.delta', { ...this.place(item), delta: args })
  }

  private place({ id, index }: Item): object {
    return { item_id: id, output_index: index }
  }

  private openItem(kind: Item['kind'], callId = '', name = ''): Item {
    this.start()
    const isBeside = kind === 'function_call' && this.hasQuirk('tool.interleaved')
    this.closeItems(isBeside ? (item) => item.kind !== 'function_call' : () => true)
    const item = itemAt(this.items.length, kind, this.context.id, callId, name)
    this.items.push(item)
    this.event('response.output_item.added', { output_index: item.index, item: itemBody(item, 'in_progress') })
    if (kind === 'message') {
      this.event('response.content_part.added', { ...this.place(item), content_index: 0, part: partBody('') })
    }
    if (kind === 'reasoning') {
      const part = { type: 'summary_text', text: '' }
      this.event('response.reasoning_summary_part.added', { ...this.place(item), summary_index: 0, part })
    }
    return item
  }

  private closeItems(isMeant: (item: Item) => boolean = () => true): void {
    for (const item of this.items) if (item.isOpen && isMeant(item)) this.closeItem(item)
  }

  private closeItem(item: Item): void {
    item.isOpen = false
    const { kind, text, name, index } = item
    const place = this.place(item)
    if (kind === 'message') {
      this.event('response.output_text.done', { ...place, content_index: 0, text, logprobs: [] })
      this.event('response.content_part.done', { ...place, content_index: 0, part: partBody(text) })
    } else if (kind === 'reasoning') {
      this.event('response.reasoning_summary_text.done', { ...place, summary_index: 0, text })
      const part = { type: 'summary_text', text }
      this.event('response.reasoning_summary_part.done', { ...place, summary_index: 0, part })
    } else this.event('response.function_call_arguments.done', { ...place, name, arguments: text })
    this.event('response.output_item.done', { output_index: index, item: itemBody(item, 'completed') })
  }

  protected streamFinish(reason: FinishReason): void {
    if (reason === 'error') return this.streamFailed(UPSTREAM_ERROR)
    this.start()
    this.closeItems()
    const cutBy = CUT_BY[reason]
    const output = this.items.map((item) => itemBody(item, 'completed'))
    if (cutBy === undefined) this.event('response.completed', { response: this.response('completed', output) })
    else this.event('response.incomplete', { response: this.incomplete(output, cutBy) })
  }

  private incomplete(output: readonly object[], reason: string): object {
    return this.response('incomplete', output, { incomplete_details: { reason } })
  }

  protected streamFailed(failed: Failed): void {
    this.start()
    const output = this.items.map((item) => itemBody(item, item.isOpen ? 'incomplete' : 'completed'))
    this.event('response.failed', { response: this.failed(output, failed) })
  }

  private failed(output: readonly object[], failed: Failed): object {
    const { error, top } = errorInResponse(failed, this.told(failed))
    return this.response('failed', output, { error, ...top })
  }

  protected streamCut(how: Closed['how']): void {
    if (how === 'clean') this.start()
  }

  protected wholeBody(reason: FinishReason, failed: Failed | null): string {
    const { text, reasoning } = this.whole
    const items: Item[] = []
    const add = (kind: Item['kind'], said: string, callId = '', name = '') =>
      items.push({ ...itemAt(items.length, kind, this.context.id, callId, name), text: said })
    if (reasoning !== '') add('reasoning', reasoning)
    if (text !== '') add('message', text)
    for (const { id, name, args } of this.collected()) add('function_call', args, id, name)
    const output = items.map((item) => itemBody(item, 'completed'))
    const broken = failed ?? (reason === 'error' ? UPSTREAM_ERROR : null)
    const cutBy = CUT_BY[reason]
    if (broken) return JSON.stringify(this.failed(output, broken))
    return JSON.stringify(cutBy === undefined ? this.response('completed', output) : this.incomplete(output, cutBy))
  }

  protected statusOf(failed: Failed): number {
    return statusOf(failed, WORDING)
  }

  protected errorBody(failed: Failed): string {
    return errorBody(failed, this.told(failed))
  }
}

const BEGUN: Closing = { usage: {}, beside: {} }
const CUT_SHORT: Signal = { type: 'finished', reason: 'length' }

const ID_PREFIX = { reasoning: 'rs', message: 'msg', function_call: 'fc' } as const

function itemAt(index: number, kind: Item['kind'], answer: string, callId: string, name: string): Item {
  return { kind, index, id: `${ID_PREFIX[kind]}_${answer}_${index}`, callId, name, text: '', isOpen: true }
}

function itemBody({ kind, id, callId, name, text }: Item, status: 'in_progress' | 'completed' | 'incomplete'): object {
  const isBegun = status === 'in_progress'
  switch (kind) {
    case 'reasoning':
      return { id, type: kind, summary: isBegun ? [] : [{ type: 'summary_text', text }] }
    case 'message':
      return { id, type: kind, status, role: 'assistant', content: isBegun ? [] : [partBody(text)] }
    case 'function_call':
      return { id, type: kind, status, call_id: callId, name, arguments: isBegun ? '' : text }
  }
}

function partBody(text: string): object {
  return { type: 'output_text', text, annotations: [], logprobs: [] }
}

function usageFields({ inputTokens, outputTokens, cachedInputTokens = 0, writtenInputTokens, details }: Usage): object {
  return {
    input_tokens: inputTokens,
    input_tokens_details: {
      cached_tokens: cachedInputTokens,
      ...(writtenInputTokens !== undefined && { cache_write_tokens: writtenInputTokens }),
    },
    output_tokens: outputTokens,
    output_tokens_details: { reasoning_tokens: details?.reasoningTokens ?? 0 },
    total_tokens: inputTokens + outputTokens,
  }
}

/** What it cost, in the words that this API has for input and output. */
function costFields(usage: Readonly<Record<string, unknown>>): object {
  const { cost_details: details, ...rest } = usage
  const known = recordOf(details)
  if (!known) return rest
  const { upstream_inference_prompt_cost: input, upstream_inference_completions_cost: output, ...others } = known
  const renamed = { ...others, upstream_inference_input_cost: input, upstream_inference_output_cost: output }
  return { ...rest, cost_details: renamed }
}
