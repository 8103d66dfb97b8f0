/**
 * One answer on its way out of a server: Signals in, bytes out, through a dialect's renderer. Used by the mock providers
 * and by the gateway. The renderer is made with the first Signal, because only then is it known who speaks. Knows when
 * the reader is slow, and when it has left.
 */
import type { ServerResponse } from 'node:http'
import { isWirePattern, type QuirkName, type Signal, type WirePattern } from '../protocol/index.ts'
import type { Frame, Renderer, ResponseHead } from '../protocol/dialects/index.ts'
import { isByHand, NodeWire, OddWire, type AnswerWire } from './answer-wire.ts'

export interface AnswerEvents {
  /** How it is written; asked for with the first Signal. */
  renderer(): Renderer
  /** The reader does not keep up: the socket's buffer is full. */
  onBlocked(): void
  onDrained(): void
  /** The reader left before the end. */
  onLeft(): void
}

/** So many answers are no crowd: one of the gateway, and one of its provider in the same process. */
const ALONE_MAX = 2

export class Answer {
  /** Answers of this process that are not closed. */
  private static underWay = 0
  private readonly response: ServerResponse
  private renderer: Renderer | null = null
  private readonly events: AnswerEvents
  /** What a fault wants of the transport; null for nothing. */
  private oddities: Map<QuirkName, number | undefined> | null = null
  private made: AnswerWire | null = null
  /** Whether its head has gone out. */
  hasHead = false
  private isOver = false
  private isBlocked = false

  constructor(response: ServerResponse, events: AnswerEvents) {
    this.response = response
    this.events = events
    Answer.underWay += 1
    response.on('close', () => {
      Answer.underWay -= 1
      if (this.isOver) return
      this.isOver = true
      events.onLeft()
    })
    response.on('error', () => {}) // A write after the reader left; `close` follows.
  }

  private static get isAlone(): boolean {
    return Answer.underWay <= ALONE_MAX
  }

  send(signals: readonly Signal[], headers: Readonly<Record<string, string>> = {}): void {
    if (this.isOver) return
    this.renderer ??= this.events.renderer()
    const defect = this.noteOddities(signals)
    const { head, body, end } = this.renderer.render(signals)
    const whole = head && { status: head.status, headers: { ...head.headers, ...headers } }
    if (defect !== null) {
      this.isOver = true
      this.spoil(defect, whole)
      return
    }
    if (whole) {
      this.hasHead = true
      const isKnown = end === 'clean' || (end !== null && this.oddities?.has('net.length_long') === true)
      this.wire.head(whole, isKnown ? Buffer.byteLength(body) : null)
    }
    if (end === 'clean') {
      this.isOver = true
      if (this.hasHead) this.wire.end(body, Answer.isAlone)
      else this.wire.close()
      return
    }
    if (body === '') {
      if (whole) this.wire.flush()
    } else {
      this.write(body)
    }
    if (end === 'reset') this.reset()
  }

  /** Something goes out before it is known who speaks; whoever does then must not send the head again. */
  open({ head, body }: Frame): void {
    if (this.isOver) return
    if (head && !this.hasHead) {
      this.hasHead = true
      this.wire.head(head, null)
    }
    this.wire.write(body)
  }

  /** Bytes that were rendered elsewhere. `headers` of a 200, with the first of them; `isEnd` with the last. */
  pass(bytes: readonly Buffer[], headers: Readonly<Record<string, string>>, isEnd: boolean): void {
    if (this.isOver) return
    if (!this.hasHead) {
      this.hasHead = true
      const length = isEnd ? bytes.reduce((sum, piece) => sum + piece.length, 0) : null
      this.wire.head({ status: 200, headers }, length)
    }
    const last = isEnd ? bytes.length - 1 : bytes.length
    for (let index = 0; index < last; index += 1) this.write(bytes[index] as Buffer)
    if (!isEnd) return
    this.isOver = true
    this.wire.end(bytes[last] ?? '', Answer.isAlone)
  }

  private write(body: string | Buffer): void {
    const isTaken = this.wire.write(body)
    if (isTaken || this.isBlocked) return
    this.isBlocked = true
    this.response.once('drain', () => {
      this.isBlocked = false
      if (!this.isOver) this.events.onDrained()
    })
    this.events.onBlocked()
  }

  /** Break the connection. */
  reset(): void {
    this.isOver = true
    this.wire.reset()
  }

  /** Made when there is something to write: until then a fault may still want it to be odd. */
  private get wire(): AnswerWire {
    if (this.made) return this.made
    const { socket } = this.response
    this.made = this.oddities && socket ? new OddWire(socket, this.oddities) : new NodeWire(this.response)
    return this.made
  }

  /** Remember what the transport is to do, as long as nothing has been sent; says whether the body is worth nothing. */
  private noteOddities(signals: readonly Signal[]): WirePattern | null {
    for (const signal of signals) {
      if (signal.type === 'garbled' && isWirePattern(signal.pattern)) return signal.pattern
      if (signal.type === 'quirk' && this.made === null && isByHand(signal)) {
        this.oddities ??= new Map()
        this.oddities.set(signal.name, signal.amount)
      }
    }
    return null
  }

  private spoil(defect: WirePattern, head: ResponseHead | undefined): void {
    const { socket } = this.response
    if (!socket) return
    if (this.hasHead) this.wire.reset() // Too late to be anything else.
    else if (defect === 'wrong_encoding' && head) new OddWire(socket, new Map()).undecodable(head)
    else new OddWire(socket, new Map()).garbage()
  }
}
