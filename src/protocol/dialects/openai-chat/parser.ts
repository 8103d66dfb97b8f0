/**
 * OpenAI's bytes to Signals. `finished` waits for [DONE] or the end, because the usage may follow the finish reason
 * (OpenAI: in a chunk without choices; OpenRouter: beside a repeated finish reason). A stream without a finish reason
 * was cut, [DONE] or not.
 */
import type { FinishReason } from '../../signal.ts'
import { AnswerParser } from '../_answer-parser.ts'
import type { ParseContext, Parser } from '../_dialect.ts'
import { countsOf, type Fields, isCount, listOf, recordOf } from '../_wire.ts'
import { VOCABULARY } from './errors.ts'

export function chatParser(context: ParseContext): Parser {
  return new ChatParser(context, VOCABULARY)
}

class ChatParser extends AnswerParser {
  /** Ids of tool calls by index, to tell a repeated id from a new one. */
  private readonly ids = new Map<number, string>()
  private isWhole = false

  protected override isLast(data: string): boolean {
    return data === '[DONE]'
  }

  protected readEvent(chunk: Fields): void {
    const choices = chunk['choices']
    const error = chunk['error']
    this.readUsage(chunk['usage'])
    if (Array.isArray(choices)) {
      const choice = recordOf(choices[0])
      if (choice) this.readChoice(choice, error)
    } else if (!error && !recordOf(chunk['usage'])) return this.garble('broken_json')
    if (error) this.failInBand(error)
  }

  private readChoice(choice: Fields, outerError: unknown): void {
    if (typeof choice['index'] === 'number' && choice['index'] !== 0) return // Only the first of n is ours.
    const delta = recordOf(choice['delta'])
    if (delta) this.readMessage(delta)
    const reason = choice['finish_reason']
    if (typeof reason === 'string' && reason !== '') {
      this.reason = reasonOf(reason)
      this.word = reason
    }
    if (choice['error'] && !outerError) this.failInBand(choice['error'])
  }

  protected readWhole(body: Fields, how: 'clean' | 'reset'): void {
    this.isWhole = true
    const choice = recordOf(listOf(body['choices'])[0])
    const message = recordOf(choice?.['message'])
    if (!choice || !message) return this.garble('broken_json')

    this.readUsage(body['usage'])
    this.readMessage(message)
    if (choice['error']) return this.failInBand(choice['error'])
    const reason = choice['finish_reason']
    const word = typeof reason === 'string' && reason !== '' ? reason : this.ids.size > 0 ? 'tool_calls' : 'stop'
    this.reason = reasonOf(word)
    this.word = word
    this.conclude(how)
  }

  /** A delta or a whole message: the fields are the same. */
  private readMessage(message: Fields): void {
    this.say('reasoning', spoken(message['reasoning'] ?? message['reasoning_content']))
    this.say('text', spoken(message['content']))
    this.say('text', spoken(message['refusal']))
    listOf(message['tool_calls']).forEach((piece, position) => this.call(piece, position))
  }

  private call(piece: unknown, position: number): void {
    const call = recordOf(piece)
    if (!call) return
    const called = recordOf(call['function'])
    const id = call['id']
    const index = typeof call['index'] === 'number' ? call['index'] : this.indexOf(id, position)
    const given = called?.['arguments']
    const args = typeof given === 'string' ? given : given === undefined || given === null ? '' : JSON.stringify(given)
    const signal = { type: 'toolDelta', index, args, tokens: this.args.add(args) } as const
    const name = called?.['name']
    // Some hosts repeat the id, or send an empty name, in every piece of a call.
    const isNewId = typeof id === 'string' && id !== '' && this.ids.get(index) !== id
    const isRepeated = !isNewId && this.ids.has(index)
    const hasName = typeof name === 'string' && name !== '' && !isRepeated
    if (isNewId) this.ids.set(index, id)
    this.emit({ ...signal, ...(isNewId && { id }), ...(hasName && { name }) })
  }

  /** Where a piece has no index: its place in a whole answer; in a stream the last call's, or the next for a new id. */
  private indexOf(id: unknown, position: number): number {
    if (this.isWhole || this.ids.size === 0) return position
    const last = Math.max(...this.ids.keys())
    return typeof id === 'string' && id !== '' && this.ids.get(last) !== id ? last + 1 : last
  }

  /** xAI leaves the reasoning out of the completion, and in the total. */
  private readUsage(usage: unknown): void {
    const counts = countsOf(usage)
    if (!counts) return
    const { prompt_tokens: prompt, completion_tokens: completion, total_tokens: total } = counts
    const details = recordOf(counts['prompt_tokens_details'])
    const ofOutput = recordOf(counts['completion_tokens_details'])
    const hidden = isCount(prompt) && isCount(completion) && isCount(total) ? total - prompt - completion : 0
    this.noteUsage(
      prompt,
      hidden > 0 ? Number(completion) + hidden : completion,
      details?.['cached_tokens'] ?? counts['prompt_cache_hit_tokens'],
      details?.['cache_write_tokens'],
      details || ofOutput
        ? {
            audioTokens: details?.['audio_tokens'],
            videoTokens: details?.['video_tokens'],
            reasoningTokens: ofOutput?.['reasoning_tokens'],
            outputAudioTokens: ofOutput?.['audio_tokens'],
            outputImageTokens: ofOutput?.['image_tokens'],
          }
        : null,
    )
  }
}

const REASONS: ReadonlyMap<string, FinishReason> = new Map([
  ['stop', 'stop'],
  ['length', 'length'],
  ['tool_calls', 'tool_calls'],
  ['content_filter', 'content_filter'],
  ['error', 'error'],
  ['function_call', 'tool_calls'], // OpenAI before 2024
  ['model_length', 'length'], //      Mistral
  ['max_tokens', 'length'],
])

/** Other words, such as Together's `eos`, mean that the model had no more to say. */
function reasonOf(word: string): FinishReason {
  return REASONS.get(word) ?? 'stop'
}

/** The text of a string, or of a list of parts. */
function spoken(content: unknown): unknown {
  if (!Array.isArray(content)) return content
  return content
    .map((part) => recordOf(part)?.['text'])
    .filter((text) => typeof text === 'string')
    .join('')
}
