/**
 * Gemini's bytes to Signals. Nothing marks the end of a stream but the end of the connection; a stream that gave no
 * `finishReason` was cut. What is answered with status 200 and is no answer:
 *
 *   promptFeedback.blockReason, no candidates          the prompt was refused        content_policy
 *   finishReason MALFORMED_FUNCTION_CALL and the like  the call could not be made    invalid_tool_call
 *   finishReason SAFETY, RECITATION, …                 the answer was stopped        finished: content_filter
 *
 * A tool call comes whole, or (Gemini 3.1, on demand) as paths and values, whose last piece is sometimes missing.
 */
import type { FinishReason } from '../../signal.ts'
import { AnswerParser } from '../_answer-parser.ts'
import type { ParseContext, Parser } from '../_dialect.ts'
import { countsOf, type Fields, isCount, listOf, recordOf } from '../_wire.ts'
import { VOCABULARY } from './errors.ts'
import { PartialArgs } from './partial-args.ts'

export function geminiParser(context: ParseContext): Parser {
  return new GeminiParser(context, VOCABULARY)
}

class GeminiParser extends AnswerParser {
  private calls = 0
  /** The tool call whose arguments are still coming by path. */
  private partial: PartialArgs | null = null
  private responseId = 'call'

  protected readEvent(chunk: Fields): void {
    if (!this.readResponse(chunk) && !recordOf(chunk['usageMetadata'])) this.garble('broken_json')
  }

  protected readWhole(body: Fields, how: 'clean' | 'reset'): void {
    if (!this.readResponse(body)) return this.garble('broken_json')
    this.reason ??= this.reasonOf('STOP')
    this.conclude(how)
  }

  /** What one response says; false when it says nothing. */
  private readResponse(body: Fields): boolean {
    if (typeof body['responseId'] === 'string') this.responseId = body['responseId']
    this.readUsage(countsOf(body['usageMetadata']) ?? {})
    const candidate = recordOf(listOf(body['candidates'])[0])
    const blocked = recordOf(body['promptFeedback'])
    if (body['error']) this.failInBand(body['error'])
    else if (candidate) this.readCandidate(candidate)
    else if (blocked?.['blockReason']) this.refuse(blocked)
    else return blocked !== null
    return true
  }

  private refuse({ blockReason, blockReasonMessage }: Fields): void {
    const message =
      typeof blockReasonMessage === 'string' ? blockReasonMessage : `prompt blocked: ${String(blockReason)}`
    this.failWith('content_policy', null, message)
  }

  private readCandidate(candidate: Fields): void {
    for (const part of listOf(recordOf(candidate['content'])?.['parts'])) this.readPart(recordOf(part) ?? {})
    const word = candidate['finishReason']
    if (typeof word !== 'string' || word === 'FINISH_REASON_UNSPECIFIED') return
    this.endCall()
    const defect = DEFECTS.get(word)
    if (defect) {
      const { finishMessage } = candidate
      this.failWith(defect, null, typeof finishMessage === 'string' ? finishMessage : word)
      return
    }
    this.reason = this.reasonOf(word)
    this.word = word
  }

  private readPart(part: Fields): void {
    const call = recordOf(part['functionCall'])
    if (call) return this.readCall(call)
    this.say(part['thought'] === true ? 'reasoning' : 'text', part['text'])
  }

  private readCall(call: Fields): void {
    const pieces = listOf(call['partialArgs'])
    const isNew = typeof call['name'] === 'string'
    if (isNew) {
      this.endCall()
      this.startCall(call)
    }
    if (isNew && call['willContinue'] !== true && pieces.length === 0) {
      this.addArgs(call['args'])
      return
    }
    if (this.calls === 0) return // A continuation of nothing.
    this.partial ??= new PartialArgs()
    for (const piece of pieces) this.partial.add(recordOf(piece) ?? {})
    if (call['willContinue'] !== true && pieces.length === 0) this.endCall()
  }

  private startCall({ id, name }: Fields): void {
    const given = typeof id === 'string' && id !== '' ? id : `${this.responseId}_${this.calls}`
    this.emit({ type: 'toolDelta', index: this.calls, id: given, name: name as string, args: '', tokens: 0 })
    this.calls += 1
  }

  private addArgs(value: unknown): void {
    const args = typeof value === 'string' ? value : JSON.stringify(value ?? {})
    this.emit({ type: 'toolDelta', index: this.calls - 1, args, tokens: this.args.add(args) })
  }

  /** Whatever ends a call that came by path: its last piece, the next call, or the end of the answer. */
  private endCall(): void {
    if (this.partial === null) return
    const { value } = this.partial
    this.partial = null
    this.addArgs(value)
  }

  private readUsage(usage: Fields): void {
    const { promptTokenCount: prompt, toolUsePromptTokenCount: toolUse } = usage
    const { candidatesTokenCount: said, thoughtsTokenCount: thought, cachedContentTokenCount: cached } = usage
    if (!isCount(prompt) || (!isCount(said) && !isCount(thought))) return // Only the prompt is counted so far.
    this.noteUsage(
      prompt + (isCount(toolUse) ? toolUse : 0),
      (isCount(said) ? said : 0) + (isCount(thought) ? thought : 0),
      cached,
      0,
      isCount(thought) ? { reasoningTokens: thought } : null,
    )
  }

  /** There is no reason of its own for tool calls. */
  private reasonOf(word: string): FinishReason {
    if (word === 'STOP') return this.calls > 0 ? 'tool_calls' : 'stop'
    if (word === 'MAX_TOKENS') return 'length'
    if (FILTERED.has(word)) return 'content_filter'
    return word === 'OTHER' || word === 'IMAGE_OTHER' || word === 'NO_IMAGE' ? 'error' : 'stop'
  }
}

const FILTERED: ReadonlySet<string> = new Set([
  'SAFETY',
  'RECITATION',
  'LANGUAGE',
  'BLOCKLIST',
  'PROHIBITED_CONTENT',
  'SPII',
  'IMAGE_SAFETY',
  'IMAGE_PROHIBITED_CONTENT',
  'IMAGE_RECITATION',
])

const DEFECTS: ReadonlyMap<string, 'invalid_tool_call' | 'invalid_response'> = new Map([
  ['MALFORMED_FUNCTION_CALL', 'invalid_tool_call'],
  ['UNEXPECTED_TOOL_CALL', 'invalid_tool_call'],
  ['TOO_MANY_TOOL_CALLS', 'invalid_tool_call'],
  ['MALFORMED_RESPONSE', 'invalid_response'],
])
