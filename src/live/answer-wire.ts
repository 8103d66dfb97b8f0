/**
 * How the bytes of one answer get onto the socket. Usually Node's own response does it. Where a fault wants the transport
 * itself to be odd (a wrong length, no last chunk, headers twice), the socket is written by hand: head, framing and end,
 * one answer per connection.
 */
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { ResponseHead } from '../protocol/dialects/index.ts'
import type { Quirk, QuirkName } from '../protocol/index.ts'

export interface AnswerWire {
  /** `length`: bytes of the whole body; null when it is not known yet. */
  head(head: ResponseHead, length: number | null): void
  /** The head goes out, although there is no body yet. */
  flush(): void
  /** False when the reader does not keep up. */
  write(body: string | Buffer): boolean
  /** The answer is whole. `isAlone`: hardly any other is under way. */
  end(body: string | Buffer, isAlone: boolean): void
  /** The connection ends in the middle of it. */
  reset(): void
  /** The connection ends without a byte. */
  close(): void
}

const SHORT_BYTES = 16_384

/** More than so many answers do not wait for each other. */
const OUTBOX_MAX = 8

/**
 * Short answers of a crowd go out together: when there are enough of them, or everything has been read that could be. To
 * wake whoever waits for one costs as much as to write it, and whoever is awake already reads the next for nothing.
 */
class Outbox {
  private readonly waiting: (() => void)[] = []

  end(response: ServerResponse, body: string, encoding: BufferEncoding): void {
    const count = this.waiting.push(() => response.end(body, encoding))
    if (count === 1) setImmediate(() => this.empty())
    else if (count === OUTBOX_MAX) this.empty()
  }

  private empty(): void {
    for (const send of this.waiting.splice(0)) send()
  }
}

const outbox = new Outbox()

export class NodeWire implements AnswerWire {
  private readonly response: ServerResponse

  constructor(response: ServerResponse) {
    this.response = response
  }

  head({ status, headers }: ResponseHead, length: number | null): void {
    const lines: string[] = []
    for (const name in headers) lines.push(name, headers[name] as string)
    if (length !== null) lines.push('content-length', String(length))
    this.response.writeHead(status, lines)
  }

  flush(): void {
    this.response.flushHeaders()
  }

  write(body: string | Buffer): boolean {
    return this.response.write(body)
  }

  /** Node writes a head and a string at once, but a head and a buffer as two pieces: a short body goes as characters. */
  end(body: string | Buffer, isAlone: boolean): void {
    const { response } = this
    if (body.length > SHORT_BYTES) {
      response.end(body)
      return
    }
    const text = typeof body === 'string' ? body : body.toString('latin1')
    const encoding = typeof body === 'string' ? 'utf8' : 'latin1'
    if (isAlone) response.end(text, encoding)
    else outbox.end(response, text, encoding)
  }

  /** Before the head that is a reset at once; after it, what was written goes out first. */
  reset(): void {
    const { socket, headersSent } = this.response
    if (headersSent) setImmediate(() => socket?.resetAndDestroy())
    else socket?.resetAndDestroy()
  }

  close(): void {
    this.response.socket?.destroySoon()
  }
}

/** What a fault wants of the transport: quirks with their amounts. */
export type Oddities = ReadonlyMap<QuirkName, number | undefined>

/** Quirks that Node's response cannot write; `net.keepalive_race` is over before there is an answer. */
const BY_HAND: ReadonlySet<QuirkName> = new Set<QuirkName>([
  'net.slice',
  'net.unterminated',
  'net.length_long',
  'net.length_short',
  'net.slow_close',
  'http.content_type',
  'http.duplicate_headers',
  'http.long_headers',
  'http.no_request_id',
])

export function isByHand({ name }: Quirk): boolean {
  return BY_HAND.has(name)
}

const REASON = 'Whatever'
const SEGMENT_BYTES = 16
const WRONG_BY_BYTES = 16
const LONG_HEADER_BYTES = 20_000
const LATE_MS = 1_000
/** Headers by which providers, or the edges in front of them, name a request. */
const REQUEST_IDS = /request-id|correlation-id|trace-id|^cf-ray$/

export class OddWire implements AnswerWire {
  private readonly socket: Socket
  private readonly oddities: Oddities
  private isChunked = false
  /** Bytes on their way, when they go in segments. */
  private queue: Buffer[] = []
  private isFlushing = false
  private dice = 0x2545f491

  constructor(socket: Socket, oddities: Oddities) {
    this.socket = socket
    this.oddities = oddities
  }

  head({ status, headers }: ResponseHead, length: number | null): void {
    this.isChunked = length === null
    const lines = this.linesOf(headers)
    if (length === null) lines.push(['transfer-encoding', 'chunked'])
    else lines.push(['content-length', String(length + this.wrongBy())])
    // A connection that breaks off has not said that it would.
    const isBroken = this.oddities.has('net.unterminated') || this.oddities.has('net.length_long')
    lines.push(['connection', isBroken ? 'keep-alive' : 'close'])
    this.send(`HTTP/1.1 ${status} ${REASON}\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`)
  }

  flush(): void {} // It is out already.

  write(body: string | Buffer): boolean {
    if (body.length > 0)
      this.send(this.isChunked ? `${Buffer.byteLength(body).toString(16)}\r\n${String(body)}\r\n` : String(body))
    return true
  }

  end(body: string | Buffer): void {
    this.write(body)
    if (this.isChunked) this.send('0\r\n\r\n')
    const excess = this.oddities.has('net.length_short') ? this.amount('net.length_short', WRONG_BY_BYTES) : 0
    if (excess > 0) this.send(' '.repeat(excess))
    const lateMs = this.oddities.has('net.slow_close') ? this.amount('net.slow_close', LATE_MS) : 0
    this.whenSent(() => {
      if (lateMs === 0) this.socket.destroySoon()
      else setTimeout(() => this.socket.destroySoon(), lateMs).unref()
    })
  }

  reset(): void {
    const endsInFin = this.oddities.has('net.unterminated') || this.oddities.has('net.length_long')
    this.whenSent(() => {
      if (endsInFin) this.socket.destroySoon()
      else setImmediate(() => this.socket.resetAndDestroy())
    })
  }

  close(): void {
    this.socket.destroySoon()
  }

  /** Bytes that are no answer at all, and the end. */
  garbage(): void {
    const noise = Buffer.from(Array.from({ length: 64 }, () => this.roll(256)))
    noise[0] = 0x16 // The first byte of a TLS record, and of no HTTP answer.
    this.socket.end(noise)
  }

  /** A body that calls itself gzip and is cut off after its magic number. */
  undecodable({ status, headers }: ResponseHead): void {
    const lines = Object.entries({ ...headers, 'content-encoding': 'gzip', connection: 'close' })
    const head = `HTTP/1.1 ${status} ${REASON}\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`
    this.socket.end(Buffer.concat([Buffer.from(head), Buffer.from([0x1f, 0x8b, 0x08, 0, 0, 0, 0, 0, 0, 0x03, 0xab])]))
  }

  private linesOf(headers: Readonly<Record<string, string>>): [name: string, value: string][] {
    const { oddities } = this
    let lines = Object.entries(headers)
    if (oddities.has('http.content_type')) lines = lines.map(([name, value]) => [name, typeOf(name, value)])
    if (oddities.has('http.no_request_id')) lines = lines.filter(([name]) => !REQUEST_IDS.test(name))
    if (oddities.has('http.duplicate_headers')) lines = [...lines, ...lines]
    if (oddities.has('http.long_headers')) {
      lines.push(['content-security-policy', 'x'.repeat(this.amount('http.long_headers', LONG_HEADER_BYTES))])
    }
    return lines
  }

  private wrongBy(): number {
    return this.oddities.has('net.length_long') ? this.amount('net.length_long', WRONG_BY_BYTES) : 0
  }

  private amount(name: QuirkName, usual: number): number {
    return this.oddities.get(name) ?? usual
  }

  private send(text: string): void {
    const bytes = Buffer.from(text)
    if (!this.oddities.has('net.slice')) {
      this.socket.write(bytes)
      return
    }
    const average = this.amount('net.slice', SEGMENT_BYTES)
    for (let from = 0; from < bytes.length;) {
      const size = 1 + this.roll(2 * average - 1)
      this.queue.push(bytes.subarray(from, from + size))
      from += size
    }
    this.pump()
  }

  /** A segment a turn of the event loop: whoever reads has read the one before. */
  private pump(): void {
    if (this.isFlushing) return
    this.isFlushing = true
    const next = (): void => {
      const segment = this.queue.shift()
      if (segment === undefined) {
        this.isFlushing = false
        for (const done of this.afterwards.splice(0)) done()
        return
      }
      this.socket.write(segment)
      setImmediate(next)
    }
    next()
  }

  private readonly afterwards: (() => void)[] = []

  private whenSent(action: () => void): void {
    if (this.isFlushing) this.afterwards.push(action)
    else action()
  }

  /** Arbitrary, and always the same: sizes and noise of a fault are not worth a seed. */
  private roll(below: number): number {
    this.dice = (Math.imul(this.dice, 1664525) + 1013904223) >>> 0
    return Math.floor((this.dice / 4294967296) * below)
  }
}

/** JSON calls itself text, and a stream calls itself JSON. */
function typeOf(name: string, value: string): string {
  if (name !== 'content-type') return value
  return value.startsWith('text/event-stream') ? 'application/json' : 'text/plain; charset=utf-8'
}
