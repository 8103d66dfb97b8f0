/**
 * Anthropic's bytes to Signals. What an event is, its `type` says; the `event:` line is not needed. Blocks of tool use
 * become tool calls counted from 0, and may be interleaved. Harmless and seen in recordings: pings anywhere, a second
 * `message_start` (even in the middle of a block), unknown events, blocks and deltas, arguments that come with the
 * start of their block. A stream that gave no stop reason was cut.
 */
import type { FinishReason } from '../../signal.ts'
import { PING } from '../../signal.ts'
import { AnswerParser } from '../_answer-parser.ts'
import type { ParseContext, Parser } from '../_dialect.ts'
import { countsOf, type Fields, isCount, recordOf } from '../_wire.ts'
import { VOCABULARY } from './errors.ts'

export function messagesParser(context: ParseContext): Parser {
  return new MessagesParser(context, VOCABULARY)
}

interface OpenCall {
  /** Among the tool calls of the answer, from 0. */
  readonly index: number
  /** Arguments that came with the start, used if no others follow. */
  readonly input: unknown
  hasArgs: boolean
}

class MessagesParser extends AnswerParser {
  private calls = 0
  /** Tool calls by the index of their block, until it stops. */
  private readonly open = new Map<unknown, OpenCall>()
  private inputTokens = 0
  private readTokens = 0
  private writtenTokens = 0

  protected readEvent(event: Fields): void {
    switch (event['type']) {
      case 'message_start':
        return this.readUsage(countsOf(recordOf(event['message'])?.['usage']))
      case 'content_block_start':
        return this.startBlock(event['index'], recordOf(event['content_block']) ?? {})
      case 'content_block_delta':
        return this.readDelta(event['index'], recordOf(event['delta']) ?? {})
      case 'content_block_stop':
        return this.stopBlock(event['index'])
      case 'message_delta':
        return this.readEnd(recordOf(event['delta']) ?? {}, countsOf(event['usage']))
      case 'message_stop':
        return this.conclude('clean')
      case 'ping':
        return this.emit(PING)
      case 'error':
        return this.failInBand(event['error'])
      default:
        if (event['error']) this.failInBand(event['error'])
        else if (typeof event['type'] !== 'string') this.garble('broken_json')
    }
  }

  private startBlock(block: unknown, content: Fields): void {
    if (content['type'] === 'tool_use') {
      this.startCall(block, content)
      return
    }
    this.say('reasoning', content['thinking'])
    this.say('text', content['text'])
  }

  private startCall(block: unknown, { id, name, input }: Fields): void {
    this.stopBlock(block) // The same index again: the block before it was never stopped.
    const call: OpenCall = { index: this.calls, input, hasArgs: false }
    this.calls += 1
    this.open.set(block, call)
    this.emit({
      type: 'toolDelta',
      index: call.index,
      ...(typeof id === 'string' && id !== '' && { id }),
      ...(typeof name === 'string' && name !== '' && { name }),
      args: '',
      tokens: 0,
    })
  }

  private readDelta(block: unknown, delta: Fields): void {
    this.say('reasoning', delta['thinking'])
    this.say('text', delta['text'])
    const call = this.open.get(block)
    const args = delta['partial_json']
    if (!call || typeof args !== 'string' || args === '') return
    call.hasArgs = true
    this.addArgs(call, args)
  }

  private stopBlock(block: unknown): void {
    const call = this.open.get(block)
    if (!call) return
    this.open.delete(block)
    if (!call.hasArgs) this.addArgs(call, argsOf(call.input))
  }

  private addArgs({ index }: OpenCall, args: string): void {
    this.emit({ type: 'toolDelta', index, args, tokens: this.args.add(args) })
  }

  private readEnd(delta: Fields, usage: Fields | null): void {
    this.readUsage(usage)
    const details = recordOf(usage?.['output_tokens_details'])
    const parts = details && { reasoningTokens: details['thinking_tokens'] }
    this.noteUsage(this.inputTokens, usage?.['output_tokens'], this.readTokens, this.writtenTokens, parts)
    const reason = delta['stop_reason']
    if (typeof reason !== 'string') return
    for (const block of this.open.keys()) this.stopBlock(block)
    this.reason = reasonOf(reason)
    this.word = reason
  }

  /** Input tokens are told three ways: read from the cache, written to it, and the rest. */
  private readUsage(usage: Fields | null): void {
    const { input_tokens: plain, cache_creation_input_tokens: written, cache_read_input_tokens: read } = usage ?? {}
    if (!isCount(plain)) return
    this.readTokens = isCount(read) ? read : 0
    this.writtenTokens = isCount(written) ? written : 0
    this.inputTokens = plain + this.readTokens + this.writtenTokens
  }

  protected readWhole(body: Fields, how: 'clean' | 'reset'): void {
    const { content, stop_reason: reason, usage } = body
    if (!Array.isArray(content)) return this.garble('broken_json')
    for (const [index, block] of content.entries()) {
      this.startBlock(index, recordOf(block) ?? {})
      this.stopBlock(index)
    }
    const fallback = this.calls > 0 ? 'tool_use' : 'end_turn'
    this.readEnd({ stop_reason: typeof reason === 'string' ? reason : fallback }, countsOf(usage))
    this.conclude(how)
  }
}

const REASONS: ReadonlyMap<string, FinishReason> = new Map([
  ['max_tokens', 'length'],
  ['model_context_window_exceeded', 'length'],
  ['tool_use', 'tool_calls'],
  ['refusal', 'content_filter'],
  ['error', 'error'],
])

/** `end_turn`, `stop_sequence`, `pause_turn` and other words mean that the model had no more to say. */
function reasonOf(word: string): FinishReason {
  return REASONS.get(word) ?? 'stop'
}

/** The text of arguments that came as a value: a string is what some imitators send when it is no object. */
function argsOf(input: unknown): string {
  return typeof input === 'string' ? input : JSON.stringify(input ?? {})
}
