/**
 * The Responses API's bytes to Signals. What an event is, its `type` says; the `event:` line is not needed. Function
 * calls become tool calls counted from 0, and may be interleaved. What comes without deltas is read from the end of its
 * item. A stream without a last event (`response.completed`, `.incomplete` or `.failed`) was cut.
 */
import type { FinishReason } from '../../signal.ts'
import { AnswerParser } from '../_answer-parser.ts'
import type { ParseContext, Parser } from '../_dialect.ts'
import { countsOf, type Fields, listOf, recordOf } from '../_wire.ts'
import { ENDED_BADLY, VOCABULARY } from './errors.ts'

export function responsesParser(context: ParseContext): Parser {
  return new ResponsesParser(context, VOCABULARY)
}

interface OpenCall {
  /** Among the calls of the answer, from 0. */
  readonly index: number
  hasArgs: boolean
}

class ResponsesParser extends AnswerParser {
  private calls = 0
  /** Calls by the place of their item, until it is done. */
  private readonly open = new Map<unknown, OpenCall>()
  /** Places of items that have said something. */
  private readonly heard = new Set<unknown>()

  protected override isLast(data: string): boolean {
    return data === '[DONE]'
  }

  protected readEvent(event: Fields): void {
    const place = event['output_index']
    switch (event['type']) {
      case 'response.output_item.added':
        return this.startItem(place, recordOf(event['item']) ?? {})
      case 'response.output_text.delta':
      case 'response.refusal.delta':
        return this.hear(place, 'text', event['delta'])
      case 'response.reasoning_summary_text.delta':
      case 'response.reasoning_text.delta':
        return this.hear(place, 'reasoning', event['delta'])
      case 'response.function_call_arguments.delta':
        return this.addArgs(place, event['delta'])
      case 'response.output_item.done':
        return this.endItem(place, recordOf(event['item']) ?? {})
      case 'response.completed':
      case 'response.incomplete':
        this.readEnd(recordOf(event['response']) ?? {})
        return this.conclude('clean')
      case 'response.failed': {
        const response = recordOf(event['response']) ?? {}
        this.readUsage(response['usage'])
        return this.failInBand(response['error'] ?? {})
      }
      case 'error':
        return this.failInBand(event['error'] ?? event)
      default:
        if (event['error']) this.failInBand(event['error'])
        else if (typeof event['type'] !== 'string') this.garble('broken_json')
    }
  }

  private hear(place: unknown, channel: 'text' | 'reasoning', text: unknown): void {
    this.heard.add(place)
    this.say(channel, text)
  }

  private startItem(place: unknown, { type, call_id: id, name }: Fields): void {
    if (type !== 'function_call') return
    const call: OpenCall = { index: this.calls, hasArgs: false }
    this.calls += 1
    this.open.set(place, call)
    this.emit({
      type: 'toolDelta',
      index: call.index,
      ...(typeof id === 'string' && id !== '' && { id }),
      ...(typeof name === 'string' && name !== '' && { name }),
      args: '',
      tokens: 0,
    })
  }

  private addArgs(place: unknown, args: unknown): void {
    const call = this.open.get(place)
    if (!call || typeof args !== 'string' || args === '') return
    call.hasArgs = true
    this.emit({ type: 'toolDelta', index: call.index, args, tokens: this.args.add(args) })
  }

  private endItem(place: unknown, item: Fields): void {
    if (item['type'] === 'function_call') {
      if (!this.open.has(place)) this.startItem(place, item)
      if (this.open.get(place)?.hasArgs === false) this.addArgs(place, item['arguments'])
      this.open.delete(place)
    } else if (!this.heard.has(place)) this.readItem(item)
  }

  /** The text of an item that is whole. */
  private readItem({ type, content, summary }: Fields): void {
    if (type === 'message') for (const part of listOf(content)) this.sayPart('text', part)
    if (type === 'reasoning')
      for (const part of [...listOf(summary), ...listOf(content)]) this.sayPart('reasoning', part)
  }

  private sayPart(channel: 'text' | 'reasoning', part: unknown): void {
    const fields = recordOf(part)
    this.say(channel, fields?.['text'] ?? fields?.['refusal'])
  }

  private readEnd({ status, incomplete_details: details, usage }: Fields): void {
    this.readUsage(usage)
    this.reason =
      status === 'incomplete' ? reasonOf(recordOf(details)?.['reason']) : this.calls > 0 ? 'tool_calls' : 'stop'
  }

  private readUsage(usage: unknown): void {
    const counts = countsOf(usage)
    const details = recordOf(counts?.['input_tokens_details'])
    const ofOutput = recordOf(counts?.['output_tokens_details'])
    const { input_tokens: input, output_tokens: output } = counts ?? {}
    const parts = ofOutput && { reasoningTokens: ofOutput['reasoning_tokens'] }
    this.noteUsage(input, output, details?.['cached_tokens'], details?.['cache_write_tokens'], parts)
  }

  protected readWhole(body: Fields, how: 'clean' | 'reset'): void {
    if (!Array.isArray(body['output'])) return this.garble('broken_json')
    this.readOutput(body['output'])
    this.readEnd(body)
    this.conclude(how)
  }

  private readOutput(output: readonly unknown[]): void {
    output.forEach((item, place) => this.endItem(place, recordOf(item) ?? {}))
  }

  /** An upstream that stopped with an error has finished, if badly. */
  protected override failInBand(error: unknown, body?: Fields): void {
    if (recordOf(error)?.['message'] !== ENDED_BADLY) return super.failInBand(error)
    if (body) {
      this.readOutput(listOf(body['output']))
      this.readUsage(body['usage'])
    }
    this.reason = 'error'
    this.conclude('clean')
  }
}

function reasonOf(word: unknown): FinishReason {
  return word === 'content_filter' ? 'content_filter' : 'length'
}
