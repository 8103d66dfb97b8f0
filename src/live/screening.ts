/** A request's text as content filters look at it: every message and file, and what is taken out of them. */
import { screen, type ContentFilter } from '../gateway/index.ts'
import type { PromptFile } from '../protocol/index.ts'
import type { WireMessage, WireRequest } from '../protocol/dialects/index.ts'
import { seenOf } from './file-parts.ts'

export interface ScreenedRequest {
  readonly wire: WireRequest
  readonly files: readonly PromptFile[] | undefined
  /** What the filters have found. */
  readonly labels: readonly string[]
}

export function screenRequest(
  wire: WireRequest,
  files: readonly PromptFile[] | undefined,
  filters: readonly ContentFilter[],
): ScreenedRequest {
  const labels = new Set<string>()
  let shorterBy = 0
  const clean = (text: string): string => {
    const screened = screen(text, filters)
    for (const label of screened.labels) labels.add(label)
    shorterBy += Buffer.byteLength(text) - Buffer.byteLength(screened.text)
    return screened.text
  }
  const messages = wire.messages.map((message) => cleaned(message, clean))
  const promptBytes = Math.max(1, wire.promptBytes - shorterBy)
  const read = files?.map((file) => {
    const { seen } = file
    return seen === undefined ? file : { ...file, seen: seenOf(seen.name, seen.hash, clean(seen.text)) }
  })
  return labels.size === 0
    ? { wire, files, labels: [] }
    : { wire: { ...wire, messages, promptBytes }, files: read, labels: [...labels] }
}

function cleaned(message: WireMessage, clean: (text: string) => string): WireMessage {
  const { content } = message
  if (typeof content === 'string') return { ...message, content: clean(content) }
  if (content === null) return message
  return { ...message, content: content.map((part) => (isTextPart(part) ? { ...part, text: clean(part.text) } : part)) }
}

function isTextPart(part: unknown): part is { readonly text: string } {
  return typeof part === 'object' && part !== null && typeof (part as { text?: unknown }).text === 'string'
}
