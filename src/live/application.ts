/**
 * The application on the wire: sends the calls of the client Machine to the gateway, and hears the answers as bytes like
 * any other application. A gateway that is struck at its connection is met where nobody listens.
 */
import { randomBytes } from 'node:crypto'
import type { Pool } from 'undici'
import type { Call, CallFailure, Signal } from '../protocol/index.ts'
import { dialectOf, type WireRequest } from '../protocol/dialects/index.ts'
import type { ClientEvent } from '../workload/index.ts'
import { Exchange } from './exchange.ts'
import { DEAD_END } from './upstream.ts'
import { pool } from './upstream-pool.ts'

export const CALL_MARK = 'x-squall-call'

export interface ApplicationOptions {
  tell(event: ClientEvent): void
  /** The failure as the gateway itself knows it, when it has closed the call. */
  failureOf(call: Call): CallFailure | undefined
}

interface Sent {
  readonly exchange: Exchange
  readonly mark: string
  hasShownContent: boolean
}

export class Application {
  private readonly options: ApplicationOptions
  private readonly sent = new Map<Call, Sent>()
  private readonly byMark = new Map<string, Call>()
  private readonly deadEnd = pool(DEAD_END)
  private gateway: Pool | null = null
  private marks = 0
  /** Nobody outside can guess a mark, and so be taken for a call of the workload. */
  private readonly prefix = randomBytes(8).toString('hex')

  constructor(options: ApplicationOptions) {
    this.options = options
  }

  start(origin: string): void {
    this.gateway = pool(origin)
  }

  async stop(): Promise<void> {
    await Promise.all([this.gateway?.destroy(), this.deadEnd.destroy()])
  }

  /** Whether a mark is one of ours, if only of a call that has been given up. */
  hasMade(mark: string | null): boolean {
    return mark?.startsWith(this.prefix) ?? false
  }

  /** The call that a request at the gateway belongs to. */
  callOf(mark: string): Call | undefined {
    return this.byMark.get(mark)
  }

  send(call: Call, wire: WireRequest, isRefused: boolean): void {
    this.marks += 1
    const mark = `${this.prefix}-${this.marks}`
    const dialect = dialectOf('openai-chat')
    const sent: Sent = {
      mark,
      hasShownContent: false,
      exchange: new Exchange(dialect.parser({ stream: call.request.stream }), {
        onSignals: (signals) => this.heard(call, sent, signals),
      }),
    }
    this.sent.set(call, sent)
    this.byMark.set(mark, call)
    const dispatcher = isRefused ? this.deadEnd : this.gateway
    if (dispatcher) sent.exchange.send(dispatcher, dialect.encodeRequest(wire), { [CALL_MARK]: mark })
  }

  /** The application hangs up. */
  cancel(call: Call): void {
    const sent = this.sent.get(call)
    if (!sent) return
    this.forget(call)
    sent.exchange.abort()
  }

  private heard(call: Call, sent: Sent, signals: readonly Signal[]): void {
    const last = signals[signals.length - 1]
    if (last === undefined) return
    if (signals.some(({ type }) => type === 'content' || type === 'toolDelta')) sent.hasShownContent = true
    switch (last.type) {
      case 'finished':
        this.forget(call)
        this.options.tell({ type: 'call.ended', call, signals })
        return
      case 'failed':
      case 'closed':
      case 'garbled':
        this.forget(call)
        this.options.tell({
          type: 'call.failed',
          call,
          failure: this.failure(call, last),
          committed: sent.hasShownContent,
        })
        return
      default:
        this.options.tell({ type: 'call.wrote', call, signals })
    }
  }

  /** The status is what the wire said; the class is the gateway's own where it is known. */
  private failure(call: Call, signal: Signal): CallFailure {
    const known = this.options.failureOf(call)
    if (signal.type === 'failed' && signal.status !== null) {
      const { status, retryAfterMs, message } = signal
      return { class: known?.class ?? (status >= 500 ? 'gateway_down' : signal.class), status, retryAfterMs, message }
    }
    return known ?? { class: 'gateway_down', status: 502, retryAfterMs: null, message: 'the gateway did not answer' }
  }

  private forget(call: Call): void {
    const sent = this.sent.get(call)
    if (!sent) return
    this.sent.delete(call)
    this.byMark.delete(sent.mark)
  }
}
