/**
 * What dialects share about bytes and HTTP: text length, Retry-After in its three forms, headers worth keeping, and JSON
 * that ends too early.
 */
import type { Millis } from '../../base/index.ts'
import { promptTokens } from '../request.ts'
import type { RetryAfterForm } from '../signal.ts'

// ---------------------------------------------------------------------------------------------------------------------
// Text

const encoder = new TextEncoder()
const scratch = new Uint8Array(65_536)

/** Length of a text in UTF-8 bytes; a lone surrogate counts as the three bytes of U+FFFD, as it would be sent. */
export function utf8Bytes(text: string): number {
  let bytes = 0
  for (let from = 0; from < text.length;) {
    const { read, written } = encoder.encodeInto(from === 0 ? text : text.slice(from), scratch)
    bytes += written
    from += read
  }
  return bytes
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
const BOM = '\uFEFF'

/** UTF-8 that comes in pieces, as text: a character that is cut through comes with its last byte. */
export class Utf8 {
  private rest: Uint8Array | null = null
  private hasBegun = false

  decode(piece: Uint8Array): string {
    const bytes = this.rest === null ? piece : concat(this.rest, piece)
    const end = wholeCharacters(bytes)
    this.rest = end === bytes.length ? null : bytes.slice(end)
    if (end === 0) return ''
    const text = decoder.decode(end === bytes.length ? bytes : bytes.subarray(0, end))
    const isMarked = !this.hasBegun && text.startsWith(BOM)
    this.hasBegun = true
    return isMarked ? text.slice(1) : text
  }
}

function concat(left: Uint8Array, right: Uint8Array): Uint8Array {
  const both = new Uint8Array(left.length + right.length)
  both.set(left)
  both.set(right, left.length)
  return both
}

/** Where the last character that is whole ends. */
function wholeCharacters(bytes: Uint8Array): number {
  const { length } = bytes
  for (let back = 1; back <= 3 && back <= length; back += 1) {
    const byte = bytes[length - back] as number
    if (byte < 0x80) return length
    if (byte < 0xc0) continue
    const needs = byte >= 0xf8 ? 1 : byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2
    return needs > back ? length - back : length
  }
  return length
}

/**
 * Counts the tokens of text that comes in pieces: what its bytes make so far, less what has been counted, and at least
 * one for any piece that says something. Exact for text of 4 bytes per token; close for real streams.
 */
export class TokenEstimate {
  private bytes = 0
  private counted = 0

  add(piece: string): number {
    if (piece === '') return 0
    this.bytes += utf8Bytes(piece)
    const tokens = Math.max(1, promptTokens(this.bytes) - this.counted)
    this.counted += tokens
    return tokens
  }
}

/** Whether unparsable JSON simply stops too early (a cut), as against being wrong in the middle (a defect). */
export function isCutShort(json: string): boolean {
  let depth = 0
  let isInString = false
  for (let index = 0; index < json.length; index += 1) {
    const unit = json[index]
    if (isInString) {
      if (unit === '\\') index += 1
      else if (unit === '"') isInString = false
    } else if (unit === '"') isInString = true
    else if (unit === '{' || unit === '[') depth += 1
    else if (unit === '}' || unit === ']') depth -= 1
  }
  return isInString || depth > 0
}

// ---------------------------------------------------------------------------------------------------------------------
// Headers

/** Headers by lower-case name, as Node and undici hand them over. */
export type HeaderBag = Readonly<Record<string, string | readonly string[] | undefined>>

export function headerOf(headers: HeaderBag, name: string): string | undefined {
  const value = headers[name]
  return typeof value === 'string' ? value : value?.[0]
}

const OWN = /^(?:x-(?!request-id$)|anthropic-ratelimit-)/

/** The provider's own headers (rate limits, retry advice); null when there are none. Request ids say nothing. */
export function ownHeaders(headers: HeaderBag): Record<string, string> | null {
  let own: Record<string, string> | null = null
  for (const name in headers) {
    if (!OWN.test(name)) continue
    const value = headerOf(headers, name)
    if (value !== undefined) (own ??= {})[name] = value
  }
  return own
}

/** A hint longer than a day is a mistake or an attack; it is cut to this. */
export const RETRY_AFTER_MS_MAX: Millis = 86_400_000

const NUMBER = /^\d{1,15}(?:\.\d{1,9})?$/
const HTTP_DATE = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/

/**
 * When to come back, in ms from now, 0–86400000; null without a hint that makes sense. `retry-after-ms` goes before
 * `retry-after` in seconds or as an HTTP-date (RFC 9110 §10.2.3), which is read against the answer's own `date`.
 */
export function retryAfterOf(headers: HeaderBag): { ms: Millis; form: RetryAfterForm } | null {
  const millis = headerOf(headers, 'retry-after-ms')?.trim()
  if (millis !== undefined && NUMBER.test(millis)) return { ms: sane(Number(millis)), form: 'milliseconds' }

  const value = headerOf(headers, 'retry-after')?.trim()
  if (value === undefined) return null
  if (NUMBER.test(value)) return { ms: sane(Number(value) * 1000), form: 'seconds' }

  const sentAt = headerOf(headers, 'date')?.trim()
  if (sentAt === undefined || !HTTP_DATE.test(value) || !HTTP_DATE.test(sentAt)) return null
  const ms = Date.parse(value) - Date.parse(sentAt)
  return ms >= 0 ? { ms: sane(ms), form: 'date' } : null
}

function sane(ms: number): Millis {
  return Math.min(Math.round(ms), RETRY_AFTER_MS_MAX)
}

// ---------------------------------------------------------------------------------------------------------------------
// Pages of others

/** A page that has nothing to do with the question, answered with 200: a login wall. */
export const PORTAL_PAGE = `<!DOCTYPE html>
<html lang="en"><head><title>Sign in to continue</title><meta charset="UTF-8"></head>
<body><h1>Sign in to continue</h1><p>Your session has expired.</p></body></html>
`

/** Plain text as a proxy writes it: neither an event stream nor JSON. */
export const PROXY_TEXT = 'upstream connect error or disconnect before headers\n'

const TITLE = /<title>([^<]{0,200})<\/title>/i

export function titleOf(html: string): string {
  return TITLE.exec(html)?.[1]?.trim() ?? 'an HTML page'
}

export function looksLikeHtml(text: string): boolean {
  return text.trimStart().startsWith('<')
}

// ---------------------------------------------------------------------------------------------------------------------
// JSON

/** One event, in UTF-16 units. More is not a conversation, but somebody filling our memory. */
export const EVENT_LENGTH_MAX = 1_048_576

export type Fields = Readonly<Record<string, unknown>>

export function recordOf(value: unknown): Fields | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : null
}

/** An empty list for anything that is not a list. */
export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : []
}

/** The object that a JSON text says; null when it does not parse, or says something else. */
export function objectOf(json: string): Fields | null {
  try {
    return recordOf(JSON.parse(json))
  } catch {
    return null
  }
}

export function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0
}

function isPlain(counts: Fields): boolean {
  for (const name in counts) if (typeof counts[name] === 'string' || typeof counts[name] === 'object') return false
  return true
}

const DIGITS = /^\d{1,15}$/

/** Counts of tokens, where some hosts write numbers as strings of digits. */
export function countsOf(usage: unknown): Fields | null {
  const fields = recordOf(usage)
  if (!fields || isPlain(fields)) return fields
  return Object.fromEntries(
    Object.entries(fields).map(([key, value]) => [
      key,
      typeof value === 'string' && DIGITS.test(value) ? Number(value) : (countsOf(value) ?? value),
    ]),
  )
}
