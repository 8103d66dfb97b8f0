/**
 * One answer on its way out of a server: Signals in, bytes out, through a dialect's renderer. Used by the mock providers
 * and by the gateway. The renderer is made with the first Signal, because only then is it known who speaks. Knows when
 * the reader is slow, and when it has left.
 */
import type { ServerResponse } from 'node:http'
import type { Signal } from '../protocol/index.ts'
import type { Renderer } from '../protocol/dialects/index.ts'

export interface AnswerEvents {
  /** The reader does not keep up: the socket's buffer is full. */
  onBlocked(): void
  onDrained(): void
  /** The reader left before the end. */
  onLeft(): void
}

export class Answer {
  private readonly response: ServerResponse
  private readonly makeRenderer: () => Renderer
  private renderer: Renderer | null = null
  private readonly extraHeaders: Readonly<Record<string, string>>
  private readonly events: AnswerEvents
  private isOver = false
  private isBlocked = false

  constructor(
    response: ServerResponse,
    makeRenderer: () => Renderer,
    extraHeaders: Readonly<Record<string, string>>,
    events: AnswerEvents,
  ) {
    this.response = response
    this.makeRenderer = makeRenderer
    this.extraHeaders = extraHeaders
    this.events = events
    response.on('close', () => {
      if (this.isOver) return
      this.isOver = true
      events.onLeft()
    })
    response.on('drain', () => {
      if (!this.isBlocked || this.isOver) return
      this.isBlocked = false
      events.onDrained()
    })
    response.on('error', () => {}) // A write after the reader left; `close` follows.
  }

  send(signals: readonly Signal[], headers: Readonly<Record<string, string>> = {}): void {
    if (this.isOver) return
    this.renderer ??= this.makeRenderer()
    const frame = this.renderer.render(signals)
    if (frame.head) {
      const length = frame.end === 'clean' ? { 'content-length': String(Buffer.byteLength(frame.body)) } : {}
      this.response.writeHead(frame.head.status, { ...frame.head.headers, ...this.extraHeaders, ...headers, ...length })
    }
    if (frame.end === 'clean') {
      this.isOver = true
      this.response.end(frame.body)
      return
    }
    if (frame.body !== '') {
      const isTaken = this.response.write(frame.body)
      if (!isTaken && !this.isBlocked) {
        this.isBlocked = true
        this.events.onBlocked()
      }
    } else if (frame.head) this.response.flushHeaders()
    if (frame.end === 'reset') this.reset()
  }

  /** Break the connection. Before the head that is a reset (RST); after it, what was written goes out first. */
  reset(): void {
    this.isOver = true
    const { socket, headersSent } = this.response
    if (headersSent) setImmediate(() => socket?.destroy())
    else socket?.resetAndDestroy()
  }
}
