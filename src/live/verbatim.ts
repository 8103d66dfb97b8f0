/**
 * An answer that goes to its caller in the bytes in which it came: where caller and provider speak the same dialect, and
 * nothing in between may want other words. The router hears the same Signals as ever, and decides; what it hands over
 * is looked up here, and written as it is.
 *
 *   Exchange ─ bytes ─▶ Verbatim ─ whole events ─▶ the dialect's parser ─ Signals ─▶ router
 *                           └─ the same bytes, kept until the router hands these Signals over ─▶ Answer
 *
 * The contract: `take` gives bytes only for the very Signals that they were read as, all of them, in order. Whatever else
 * the router hands over (an error, an answer that a policy has rewritten or cut short, counts that it does not
 * believe) is rendered, which can go on at the end of any event. From the first error on nothing is kept any more.
 */
import type { Signal, Usage } from '../protocol/index.ts'
import { headerOf, type HeaderBag, type Parser } from '../protocol/dialects/index.ts'

export interface VerbatimOptions {
  /** Whether a stream was asked for. */
  readonly stream: boolean
  /** Whether the caller wants the chunk with the counts, which is always asked of the provider. */
  readonly includeUsage: boolean
}

/** An event that does not end within so many bytes is not kept for its caller, but read like any other. */
const EVENT_BYTES_MAX = 1_048_576
const NONE: readonly Signal[] = []
const LF = 0x0a
const CR = 0x0d
const BLANK = 0x20
const BRACE = 0x7b

export class Verbatim implements Parser {
  /** The content type of the answer. */
  contentType = ''
  private readonly parser: Parser
  private readonly options: VerbatimOptions
  /** Whether bytes are still kept. */
  private isKept = false
  /** Bytes that have been read, and not handed over yet; and the Signals that they were read as. */
  private ready: Buffer[] = []
  private said: Signal[] = []
  private usage: Usage | null = null
  /** The beginning of an event whose end has not come. */
  private rest: Buffer | null = null

  constructor(parser: Parser, options: VerbatimOptions) {
    this.parser = parser
    this.options = options
  }

  head(status: number, headers: HeaderBag): Signal[] {
    this.contentType = headerOf(headers, 'content-type') ?? ''
    const expected = this.options.stream ? 'text/event-stream' : 'application/json'
    this.isKept = status === 200 && this.contentType.startsWith(expected)
    return this.parser.head(status, headers)
  }

  push(chunk: Buffer): readonly Signal[] {
    const bytes = this.rest === null ? chunk : Buffer.concat([this.rest, chunk])
    this.rest = null
    if (!this.isKept) return this.parser.push(bytes)
    if (!this.options.stream) {
      this.ready.push(chunk)
      return this.heard(this.parser.push(chunk))
    }
    const end = endOfEvents(bytes)
    if (bytes.length - end > EVENT_BYTES_MAX || (end === 0 && isOfReturns(bytes))) {
      this.drop()
      return this.parser.push(bytes)
    }
    if (end < bytes.length) this.rest = bytes.subarray(end)
    return end === 0 ? NONE : this.read(bytes.subarray(0, end))
  }

  end(how: 'clean' | 'reset'): Signal[] {
    const { rest } = this
    if (rest === null) return this.heard(this.parser.end(how)) as Signal[]
    this.rest = null
    if (this.isKept) this.ready.push(rest)
    const last = this.parser.push(rest)
    return this.heard([...last, ...this.parser.end(how)]) as Signal[]
  }

  /** The bytes of these Signals, which are handed over now; null: they have to be rendered. */
  take(signals: readonly Signal[]): readonly Buffer[] | null {
    const { ready, said } = this
    if (!this.isKept) return null
    let place = 0
    let hasUsage = false
    let isEnd = false
    for (const signal of signals) {
      if (signal.type === 'usage') hasUsage = signal === this.usage
      else if (signal !== said[place]) return this.drop()
      else {
        place += 1
        isEnd ||= signal.type === 'finished'
      }
    }
    // Counts that are not believed go no further, unless they are out already, with content that came at once with them.
    if (isEnd && this.usage !== null && !hasUsage && ready.length > 0) return this.drop()
    this.said = said.slice(place)
    this.ready = []
    return ready
  }

  /** Events that are whole. Those of them that say nothing but the counts are for callers who want them. */
  private read(bytes: Buffer): readonly Signal[] {
    const wanted = this.options.includeUsage ? bytes : withoutUsage(bytes)
    if (wanted.length > 0) this.ready.push(wanted)
    return this.heard(joined(this.parser.push(bytes)))
  }

  private heard(signals: readonly Signal[]): readonly Signal[] {
    if (!this.isKept) return signals
    for (const signal of signals) {
      switch (signal.type) {
        case 'content':
        case 'toolDelta':
        case 'finished':
          this.said.push(signal)
          break
        case 'usage':
          this.usage = signal
          break
        case 'failed':
        case 'garbled':
        case 'closed':
          this.drop()
          return signals
      }
    }
    return signals
  }

  private drop(): null {
    this.isKept = false
    this.ready = []
    this.said = []
    return null
  }
}

/** Where the last blank line ends. */
function endOfEvents(bytes: Buffer): number {
  for (let at = bytes.lastIndexOf(LF); at > 0; at = bytes.lastIndexOf(LF, at - 1)) {
    const before = bytes[at - 1]
    if (before === LF || (before === CR && bytes[at - 2] === LF)) return at + 1
  }
  return 0
}

/** Lines may end in carriage returns alone, which nobody does: such a stream is read as it comes. */
function isOfReturns(bytes: Buffer): boolean {
  const at = bytes.indexOf(CR)
  return at >= 0 && at < bytes.length - 1 && !bytes.includes(LF)
}

/** Content of one channel that came at once, as one: nobody renders it, so its pieces need not be told apart. */
function joined(signals: readonly Signal[]): readonly Signal[] {
  if (signals.length < 2) return signals
  const whole: Signal[] = []
  for (const signal of signals) {
    const last = whole[whole.length - 1]
    if (signal.type === 'content' && last?.type === 'content' && last.channel === signal.channel) {
      const text = (last.text ?? '') + (signal.text ?? '')
      whole[whole.length - 1] = { ...last, tokens: last.tokens + signal.tokens, text }
    } else whole.push(signal)
  }
  return whole
}

const COUNTS = Buffer.from('usage":')
const ONLY_COUNTS = /"choices"\s*:\s*\[\s*\]/

/** The same without events that have counts and no choice, as `stream_options.include_usage` makes them. */
function withoutUsage(bytes: Buffer): Buffer {
  const kept: Buffer[] = []
  let from = 0
  for (let at = bytes.indexOf(COUNTS); at >= 0; at = bytes.indexOf(COUNTS, at + 1)) {
    if (!hasObject(bytes, at + COUNTS.length)) continue
    const start = Math.max(from, endOfEvents(bytes.subarray(0, at)))
    const end = endOfEvent(bytes, at)
    // A character a byte: what is looked for is ASCII.
    if (!ONLY_COUNTS.test(bytes.toString('latin1', start, end))) continue
    kept.push(bytes.subarray(from, start))
    from = end
    at = end - 1
  }
  return from === 0 ? bytes : Buffer.concat([...kept, bytes.subarray(from)])
}

/** Whether an object begins here, or after some blanks. */
function hasObject(bytes: Buffer, from: number): boolean {
  let at = from
  while (bytes[at] === BLANK) at += 1
  return bytes[at] === BRACE
}

/** Where the first blank line from here on ends; all of them end. */
function endOfEvent(bytes: Buffer, from: number): number {
  for (let at = bytes.indexOf(LF, from); at >= 0; at = bytes.indexOf(LF, at + 1)) {
    if (bytes[at + 1] === LF) return at + 2
    if (bytes[at + 1] === CR && bytes[at + 2] === LF) return at + 3
  }
  return bytes.length
}
