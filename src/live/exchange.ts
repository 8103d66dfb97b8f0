/**
 * One HTTP exchange as a client: a request out through undici's dispatch, Signals back through a dialect's parser. The
 * router's upstream attempts, the application's calls and its emergency path all go through here. undici's own timeouts
 * are off: deadlines live in Machines.
 */
import type { Dispatcher } from 'undici'
import { CONNECTED, type Signal } from '../protocol/index.ts'
import type { Dialect, EncodedRequest, HeaderBag, Parser } from '../protocol/dialects/index.ts'

export interface ExchangeEvents {
  onSignals(signals: readonly Signal[]): void
}

const ONLY_CONNECTED: readonly Signal[] = [CONNECTED]
/** Codes of errors in which no connection was ever made. */
const REFUSED_CODES: ReadonlySet<string> = new Set(['ECONNREFUSED', 'ECONNABORTED', 'EHOSTUNREACH', 'ENETUNREACH'])

export class Exchange implements Dispatcher.DispatchHandler {
  private readonly parser: Parser
  private readonly events: ExchangeEvents
  private controller: Dispatcher.DispatchController | null = null
  private isOver = false
  private hasHead = false

  constructor(dialect: Dialect, stream: boolean, events: ExchangeEvents) {
    this.parser = dialect.parser({ stream })
    this.events = events
  }

  send(dispatcher: Dispatcher, request: EncodedRequest, headers: Readonly<Record<string, string>>): void {
    dispatcher.dispatch(
      {
        path: request.path,
        method: 'POST',
        headers: { ...request.headers, ...headers },
        body: request.body,
        headersTimeout: 0,
        bodyTimeout: 0,
      },
      this,
    )
  }

  /** Nobody wants the answer any more; nothing more is heard from this exchange. */
  abort(): void {
    if (this.isOver) return
    this.isOver = true
    this.controller?.abort(new Error('no longer wanted'))
  }

  pause(): void {
    this.controller?.pause()
  }

  resume(): void {
    this.controller?.resume()
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.isOver) {
      controller.abort(new Error('no longer wanted'))
      return
    }
    this.controller = controller
    this.events.onSignals(ONLY_CONNECTED)
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    if (status < 200) return
    this.hasHead = true
    this.tell(this.parser.head(status, headers as HeaderBag))
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.tell(this.parser.push(chunk))
  }

  onResponseEnd(): void {
    this.tell(this.parser.end('clean'))
    this.isOver = true
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.isOver) return
    const { code = '' } = error as { code?: string }
    if (!this.hasHead && REFUSED_CODES.has(code)) {
      this.tell([
        {
          type: 'failed',
          class: 'connect_refused',
          status: null,
          retryAfterMs: null,
          where: 'connect',
          message: 'connection refused',
        },
      ])
    } else this.tell(this.parser.end('reset'))
    this.isOver = true
  }

  private tell(signals: readonly Signal[]): void {
    if (this.isOver || signals.length === 0) return
    this.events.onSignals(signals)
  }
}
