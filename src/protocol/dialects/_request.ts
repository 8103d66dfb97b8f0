/**
 * What dialects share about reading a request's body: the first mistake ends the reading and is said in the provider's
 * words; only what the core must understand is read. Also the requests' marks, the length of their text, and the tool
 * calls of a conversation.
 */
import type { RequestProblem, WireMessage, WireRequest } from './_dialect.ts'
import { type Fields, type HeaderBag, headerOf, listOf, objectOf, recordOf, utf8Bytes } from './_wire.ts'

const MARK = 'x-squall-'
export const MESSAGES_MAX = 100_000
export const TOOLS_MAX = 128

/** Thrown while a request is read, and caught by `reading`. */
export class Mistake extends Error {
  readonly param: string | null

  constructor(message: string, param: string | null) {
    super(message)
    this.param = param
  }
}

/** What `read` makes of a request, or the mistake that ended it. */
export function reading<T>(read: () => T): T | RequestProblem {
  try {
    return read()
  } catch (error) {
    if (error instanceof Mistake) return { problem: error.message, param: error.param }
    throw error
  }
}

/** How a provider complains. `shown` is the offending value as JSON, cut short. */
export interface Complaints {
  missing(param: string): string
  wrongType(param: string, expected: string, shown: string): string
}

/** How OpenAI complains. */
export const OPENAI_COMPLAINTS: Complaints = {
  missing: (param) => `Missing required parameter: '${param}'.`,
  wrongType: (param, expected, got) => `Invalid type for '${param}': expected ${expected}, but got ${got} instead.`,
}

export interface FieldReader {
  readonly missing: (param: string) => Mistake
  readonly wrongType: (param: string, expected: string, value: unknown) => Mistake
  /** Null when the value is absent or null; otherwise what `read` makes of it, which must not be null. */
  readonly optional: <T>(
    value: unknown,
    param: string,
    expected: string,
    read: (value: unknown) => T | null,
  ) => T | null
  /** The same for a value that must be there. */
  readonly required: <T>(value: unknown, param: string, expected: string, read: (value: unknown) => T | null) => T
}

export function fieldReader(complaints: Complaints): FieldReader {
  const missing = (param: string) => new Mistake(complaints.missing(param), param)
  const wrongType = (param: string, expected: string, value: unknown) =>
    new Mistake(complaints.wrongType(param, expected, shown(value)), param)
  const required: FieldReader['required'] = (value, param, expected, read) => {
    if (isAbsent(value)) throw missing(param)
    const result = read(value)
    if (result === null) throw wrongType(param, expected, value)
    return result
  }
  return {
    missing,
    wrongType,
    required,
    optional: (value, param, expected, read) => (isAbsent(value) ? null : required(value, param, expected, read)),
  }
}

export const asBoolean = (value: unknown): boolean | null => (typeof value === 'boolean' ? value : null)
export const asString = (value: unknown): string | null => (typeof value === 'string' ? value : null)
export const asName = (value: unknown): string | null => (isName(value) ? value : null)
export const asList = (value: unknown): readonly unknown[] | null => (Array.isArray(value) ? value : null)
export const asPositiveInteger = (value: unknown): number | null =>
  typeof value === 'number' && Number.isInteger(value) && value >= 1 ? value : null

/** JSON's null counts as not given, as OpenAI has it. */
export function isAbsent(value: unknown): value is null | undefined {
  return value === null || value === undefined
}

export function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

const SHOWN_LENGTH_MAX = 40

export function shown(value: unknown): string {
  return (JSON.stringify(value) ?? 'nothing').slice(0, SHOWN_LENGTH_MAX)
}

/** The headers by which a request's identity crosses the wire. */
export function readMarks(headers: HeaderBag): Record<string, string> {
  const marks: Record<string, string> = {}
  for (const name in headers) {
    const value = name.startsWith(MARK) ? headerOf(headers, name) : undefined
    if (value !== undefined) marks[name] = value
  }
  return marks
}

export function requestHeaders(request: WireRequest): Record<string, string> {
  return {
    'content-type': 'application/json',
    accept: request.stream ? 'text/event-stream' : 'application/json',
    ...request.marks,
  }
}

/** UTF-8 bytes of all message text. */
export function promptBytesOf(messages: readonly WireMessage[]): number {
  return messages.reduce((bytes, message) => bytes + bytesOf(message), 0)
}

function bytesOf({ content }: WireMessage): number {
  if (typeof content === 'string') return utf8Bytes(content)
  return (content ?? []).reduce<number>((bytes, part) => {
    const text = recordOf(part)?.['text']
    return typeof text === 'string' ? bytes + utf8Bytes(text) : bytes
  }, 0)
}

// ---------------------------------------------------------------------------------------------------------------------
// Conversations, for dialects whose messages are not OpenAI's

export interface PastCall {
  readonly id: string
  readonly name: string
  /** Arguments that are not a JSON object become an empty one: no other dialect can carry them. */
  readonly args: Fields
}

/** The tool calls of an assistant's message. */
export function callsOf(message: WireMessage): PastCall[] {
  return listOf(message.extra?.['tool_calls']).flatMap((call, index) => {
    const fields = recordOf(call)
    const called = recordOf(fields?.['function'])
    const { id } = fields ?? {}
    const { name, arguments: args } = called ?? {}
    if (typeof name !== 'string') return []
    return [
      {
        id: typeof id === 'string' ? id : `call_${index}`,
        name,
        args: (typeof args === 'string' ? objectOf(args) : recordOf(args)) ?? {},
      },
    ]
  })
}

/** An assistant's message with its tool calls, as OpenAI has it. */
export function assistantMessage(text: string, calls: readonly PastCall[]): WireMessage {
  if (calls.length === 0) return { role: 'assistant', content: text }
  const spelled = calls.map(({ id, name, args }) => ({
    id,
    type: 'function',
    function: { name, arguments: JSON.stringify(args) },
  }))
  return { role: 'assistant', content: text === '' ? null : text, extra: { tool_calls: spelled } }
}

/** All text of a message, its parts joined. */
export function textOf({ content }: WireMessage): string {
  if (typeof content === 'string') return content
  return (content ?? []).map((part) => asString(recordOf(part)?.['text']) ?? '').join('')
}

/** System and developer messages stand outside the conversation in most dialects. */
export function isInstruction({ role }: WireMessage): boolean {
  return role === 'system' || role === 'developer'
}

const DATA_URL = /^data:([\w/+.-]{1,100});base64,(.*)$/s

export type Part =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'data'; readonly mime: string; readonly data: string }
  | { readonly type: 'url'; readonly url: string }
  /** A document: `url` is `data:` or elsewhere. */
  | { readonly type: 'file'; readonly name: string; readonly url: string }

/** The parts of a message, as far as more than one dialect knows them; text that is empty is left out. */
export function partsOfMessage({ content }: WireMessage): Part[] {
  if (typeof content === 'string') return content === '' ? [] : [{ type: 'text', text: content }]
  return (content ?? []).flatMap((part): Part[] => {
    const fields = recordOf(part)
    const text = asString(fields?.['text'])
    if (text !== null) return text === '' ? [] : [{ type: 'text', text }]
    const file = recordOf(fields?.['file'])
    const document = asString(file?.['file_data'])
    if (document !== null) {
      const url = /^(?:data|https?):/i.test(document) ? document : `data:${PDF};base64,${document}`
      return [{ type: 'file', name: asString(file?.['filename']) ?? UNNAMED, url }]
    }
    const url = asString(recordOf(fields?.['image_url'])?.['url'])
    if (url === null) return []
    const [, mime, data] = dataOf(url)
    return mime !== undefined && data !== undefined ? [{ type: 'data', mime, data }] : [{ type: 'url', url }]
  })
}

/** What a document is called that has no name. */
export const UNNAMED = 'document.pdf'
export const PDF = 'application/pdf'

/** A data URL with its type and its bytes in base64; empty for another URL. */
export function dataOf(url: string): readonly (string | undefined)[] {
  return DATA_URL.exec(url) ?? []
}

/** A document that came as bytes of its own. */
export function documentOf(name: unknown, mime: string, data: string): Part {
  return { type: 'file', name: asString(name) ?? UNNAMED, url: `data:${mime};base64,${data}` }
}

/** Parts as OpenAI has them: one string where there is nothing but one text. */
export function contentOf(parts: readonly Part[]): string | object[] {
  const [first] = parts
  if (parts.length === 0) return ''
  if (parts.length === 1 && first?.type === 'text') return first.text
  return parts.map((part) => {
    if (part.type === 'text') return part
    if (part.type === 'file') return { type: 'file', file: { filename: part.name, file_data: part.url } }
    return {
      type: 'image_url',
      image_url: { url: part.type === 'url' ? part.url : `data:${part.mime};base64,${part.data}` },
    }
  })
}

/** A user's blocks as messages: results of tools are messages of their own, in their place. */
export function userMessages(
  blocks: readonly Fields[],
  resultOf: (block: Fields) => WireMessage | null,
  partsOf: (block: Fields) => readonly Part[],
): WireMessage[] {
  const messages: WireMessage[] = []
  let parts: Part[] = []
  const flush = (): void => {
    if (parts.length > 0) messages.push({ role: 'user', content: contentOf(parts) })
    parts = []
  }
  for (const block of blocks) {
    const result = resultOf(block)
    if (result) {
      flush()
      messages.push(result)
    } else parts.push(...partsOf(block))
  }
  flush()
  return messages.length > 0 ? messages : [{ role: 'user', content: '' }]
}

/** Neighbours of one role as one message: what dialects want whose roles must take turns. */
export function joinNeighbours<T>(
  messages: readonly { readonly role: string; readonly parts: readonly T[] }[],
): { role: string; parts: T[] }[] {
  const joined: { role: string; parts: T[] }[] = []
  for (const { role, parts } of messages) {
    const last = joined.at(-1)
    if (parts.length === 0) continue
    if (last?.role === role) last.parts.push(...parts)
    else joined.push({ role, parts: [...parts] })
  }
  return joined
}

/** A list of words, which OpenAI lets be a single one (`stop`). */
export function wordList(value: unknown): string[] {
  return (typeof value === 'string' ? [value] : listOf(value)).filter(isName)
}
