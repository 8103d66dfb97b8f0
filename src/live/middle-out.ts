/**
 * The middle of a conversation, cut out (openrouter.md §7.1): of too many messages half are kept from each end, and then
 * as much text as is too much is taken from around the middle of what is left. Messages that are left without any go,
 * but for tool calls and their results, which make no sense without each other.
 */
import type { MiddleCut } from '../protocol/index.ts'
import { promptBytesOf, type WireMessage } from '../protocol/dialects/index.ts'

type Messages = readonly WireMessage[]

/** At most so many messages, half of them from each end. A tool's result does not begin the second half. */
export function endsOf(messages: Messages, max: number): Messages {
  if (messages.length <= max) return messages
  const head = Math.ceil(max / 2)
  let tail = messages.length - (max - head)
  while (messages[tail]?.role === 'tool') tail += 1
  return [...messages.slice(0, head), ...messages.slice(tail)]
}

/** What is left of messages when no more than so many bytes of text may be. */
export function withoutMiddle(messages: Messages, { messagesMax }: MiddleCut, bytesMax: number): Messages {
  const ends = messagesMax === null ? messages : endsOf(messages, messagesMax)
  const total = promptBytesOf(ends)
  if (total <= bytesMax) return ends
  const from = Math.floor(bytesMax / 2)
  const to = from + total - bytesMax
  const left: WireMessage[] = []
  let place = 0
  for (const message of ends) {
    const start = place
    place += promptBytesOf([message])
    const isOutside = place <= from || start >= to
    const isGone = start >= from && place <= to && !isOfTool(message)
    if (isOutside) left.push(message)
    else if (!isGone) left.push(cut(message, from - start, to - start))
  }
  return left
}

function isOfTool({ role, extra }: WireMessage): boolean {
  return role === 'tool' || extra?.['tool_calls'] !== undefined
}

/** A message without the bytes of its text from one place to another. */
function cut(message: WireMessage, from: number, to: number): WireMessage {
  const { content } = message
  if (content === null) return message
  if (typeof content === 'string') return { ...message, content: without(content, from, to) }
  let place = 0
  const parts = content.map((part) => {
    const { text } = part as { readonly text?: unknown }
    if (typeof text !== 'string') return part
    const start = place
    place += Buffer.byteLength(text)
    return { ...(part as object), text: without(text, from - start, to - start) }
  })
  return { ...message, content: parts }
}

/** Characters that the cut goes through are left out. */
function without(text: string, from: number, to: number): string {
  const bytes = Buffer.from(text)
  let head = Math.max(0, Math.min(from, bytes.length))
  let tail = Math.max(head, Math.min(to, bytes.length))
  while (head > 0 && isInside(bytes[head])) head -= 1
  while (tail < bytes.length && isInside(bytes[tail])) tail += 1
  return bytes.toString('utf8', 0, head) + bytes.toString('utf8', tail)
}

/** Whether a byte of UTF-8 goes on with a character. */
function isInside(byte = 0): boolean {
  return (byte & 0xc0) === 0x80
}
