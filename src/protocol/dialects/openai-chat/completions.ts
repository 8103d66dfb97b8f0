/**
 * OpenAI's legacy completions (`POST …/completions`): a prompt instead of messages, text instead of a message. To the
 * core it is a chat of one message, so an answer is written as a chat and then put into the older shape.
 */
import type { Fields, HeaderBag } from '../_wire.ts'
import type { Frame, RenderContext, Renderer, RequestProblem, WireRequest } from '../_dialect.ts'
import { asName, fieldReader, isAbsent, Mistake, OPENAI_COMPLAINTS, reading } from '../_request.ts'
import { listOf, objectOf, recordOf } from '../_wire.ts'
import { chatRenderer } from './openrouter.ts'
import { decodeRequest as decodeChat } from './request.ts'

const { wrongType } = fieldReader(OPENAI_COMPLAINTS)

export function decodeRequest(body: unknown, headers: HeaderBag): WireRequest | RequestProblem {
  const fields = recordOf(body)
  if (!fields || (isAbsent(fields['prompt']) && !isAbsent(fields['messages']))) return decodeChat(body, headers)
  // What only completions have and nobody serves: text after the hole, the prompt itself, several answers.
  const { prompt, suffix: _suffix, echo: _echo, best_of: _bestOf, ...rest } = fields
  const read = reading(() => readPrompt(prompt))
  return 'problem' in read ? read : decodeChat({ ...rest, messages: [{ role: 'user', content: read.text }] }, headers)
}

function readPrompt(prompt: unknown): { readonly text: string } {
  if (isAbsent(prompt)) throw new Mistake('Input required: specify "prompt" or "messages"', 'prompt')
  const prompts = Array.isArray(prompt) ? (prompt as unknown[]) : [prompt]
  const text = asName(prompts[0])
  if (text === null) throw wrongType('prompt', 'a string that is not empty', prompt)
  if (prompts.length > 1) throw new Mistake("Invalid 'prompt': one prompt at a time.", 'prompt')
  return { text }
}

export function completionsRenderer(context: RenderContext): Renderer {
  const chat = chatRenderer(context)
  return {
    render(signals): Frame {
      const frame = chat.render(signals)
      return frame.body === '' ? frame : { ...frame, body: reshaped(frame.body) }
    },
  }
}

/** Whole events, or one JSON body. Errors, comments and the terminal marker are the same in both. */
function reshaped(body: string): string {
  if (!body.startsWith('data: ') && !body.startsWith(':')) return inOldShape(body)
  return body
    .split('\n\n')
    .map((event) => (event.startsWith('data: {') ? `data: ${inOldShape(event.slice('data: '.length))}` : event))
    .join('\n\n')
}

function inOldShape(json: string): string {
  const body = objectOf(json)
  if (!Array.isArray(body?.['choices'])) return json
  const choices = listOf(body['choices']).map((choice) => oldChoice(recordOf(choice) ?? {}))
  return JSON.stringify({ ...body, object: 'text_completion', choices })
}

function oldChoice({ index, delta, message, logprobs: _logprobs, ...rest }: Fields): object {
  const said = recordOf(delta ?? message)
  const reasoning = said?.['reasoning']
  const text = said?.['content'] ?? ''
  return { index, text, ...(typeof reasoning === 'string' && { reasoning }), logprobs: null, ...rest }
}
