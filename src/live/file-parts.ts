/** The PDFs among the parts of messages: content of type `file`, as OpenAI and OpenRouter have it. */
import { promptTokens, spelledFile, type PromptFile } from '../protocol/index.ts'
import type { WireRequest } from '../protocol/dialects/index.ts'

type Fields = Readonly<Record<string, unknown>>

export interface PdfPart {
  readonly name: string
  /** A URL, `data:` or elsewhere, or base64. */
  readonly data: string
}

const TYPE = 'application/pdf'
const UNKNOWN = 'application/octet-stream'
/** What a data URL says of itself; the rest of it is long. */
const SAID = /^data:([\w/+.-]{1,100})?/
const NAME_MAX = 128

/** null: it is none, or a file of another kind, which goes on as it is. */
export function pdfIn(part: unknown): PdfPart | null {
  const { type, file } = fieldsOf(part)
  if (type !== 'file') return null
  const { filename, file_data: data } = fieldsOf(file)
  if (typeof data !== 'string') return null
  const mime = SAID.exec(data)?.[1]
  const isNamed = typeof filename === 'string' && /\.pdf$/i.test(filename)
  const isPdf = mime === undefined || mime === TYPE || (mime === UNKNOWN && isNamed)
  return isPdf ? { name: nameOf(filename), data } : null
}

/** Whether a request brings any along; asked of every request, where files are read. */
export function hasPdf({ messages }: WireRequest): boolean {
  return messages.some(({ content }) => Array.isArray(content) && content.some((part) => pdfIn(part) !== null))
}

/** What was found in one. */
export function seenOf(name: string, hash: string, text: string): NonNullable<PromptFile['seen']> {
  // One more: what is between two texts.
  return { hash, name, text, tokens: promptTokens(Buffer.byteLength(spelledFile(name, text)) + 1) }
}

/** It stands in the prompt, between quotes. */
function nameOf(name: unknown): string {
  if (typeof name !== 'string' || name === '') return 'document.pdf'
  return name.slice(0, NAME_MAX).replaceAll(/[^\p{L}\p{N} ._()-]/gu, '_')
}

export function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : NO_FIELDS
}

const NO_FIELDS: Fields = {}
