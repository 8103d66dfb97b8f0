/**
 * One HTTP exchange as a client: a request out through undici's dispatch, Signals back through a dialect's parser. The
 * router's upstream attempts, the application's calls and its emergency path all go through here. undici's own timeouts
 * are off: deadlines live in Machines.
 */
import type { Dispatcher } from 'undici'
import { CONNECTED, type Failed, type Signal } from '../protocol/index.ts'
import { headerOf, type EncodedRequest, type HeaderBag, type Parser } from '../protocol/dialects/index.ts'

/** A request as it goes out. */
export type SentRequest = Omit<EncodedRequest, 'body'> & { readonly body: string | Buffer }

export interface ExchangeEvents {
  onSignals(signals: readonly Signal[]): void
  /** There is a connection. Default: told as a Signal. */
  onConnected?(): void
}

const NONE: Signal[] = []
const ONLY_CONNECTED: readonly Signal[] = [CONNECTED]
/** Codes of errors in which no connection was ever made. */
const REFUSED_CODES: ReadonlySet<string> = new Set(['ECONNREFUSED', 'ECONNABORTED', 'EHOSTUNREACH', 'ENETUNREACH'])
/** Codes of errors in which there was not even an address. */
const NAME_CODES: ReadonlySet<string> = new Set(['ENOTFOUND', 'EAI_AGAIN', 'EAI_FAIL', 'EAI_NODATA'])

export class Exchange implements Dispatcher.DispatchHandler {
  /** Both are let go when it is over: undici remembers whom it has answered for longer than that. */
  private parser: Parser
  private events: ExchangeEvents
  private controller: Dispatcher.DispatchController | null = null
  private isOver = false
  private hasHead = false
  /** The body came in an encoding that was not asked for: nothing of it is read. */
  private isUnreadable = false
  /** What the head says, as long as more may have come with it. */
  private held: readonly Signal[] = NONE
  /** Send it once more; null when that has been done, or may not be. */
  private again: (() => void) | null = null

  constructor(parser: Parser, events: ExchangeEvents) {
    this.parser = parser
    this.events = events
  }

  send(dispatcher: Dispatcher, request: SentRequest, headers?: Readonly<Record<string, string>>): void {
    const options: Dispatcher.DispatchOptions = {
      path: request.path,
      method: 'POST',
      headers: { 'accept-encoding': 'identity', ...request.headers, ...headers },
      body: request.body,
      headersTimeout: 0,
      bodyTimeout: 0,
    }
    this.again = () => dispatcher.dispatch(options, this)
    dispatcher.dispatch(options, this)
  }

  /** Nobody wants the answer any more; nothing more is heard from this exchange. */
  abort(): void {
    if (this.isOver) return
    const { controller } = this
    this.finish()
    controller?.abort(new Error('no longer wanted'))
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
    const { events } = this
    if (events.onConnected === undefined) events.onSignals(ONLY_CONNECTED)
    else events.onConnected()
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    if (status < 200) return
    this.hasHead = true
    const signals = this.parser.head(status, headers as HeaderBag)
    const encoding = headerOf(headers as HeaderBag, 'content-encoding')
    this.isUnreadable = encoding !== undefined && encoding !== 'identity'
    if (!this.isUnreadable || status >= 300) {
      this.hold(signals)
      return
    }
    this.tell([...signals, { type: 'garbled', pattern: 'wrong_encoding' }])
    this.abort()
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.isUnreadable) this.tell(this.parser.push(chunk))
  }

  onResponseEnd(): void {
    this.tell(this.parser.end('clean'))
    this.finish()
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.isOver) return
    const { again } = this
    if (again !== null && !this.hasHead && wasClosedWhileIdle(error)) {
      this.again = null
      again()
      return
    }
    this.tell(this.hasHead ? this.parser.end('reset') : this.unanswered(error))
    this.finish()
  }

  private finish(): void {
    this.isOver = true
    this.parser = DEAF
    this.events = NOBODY
    this.controller = null
    this.again = null
  }

  private unanswered(error: Error): readonly Signal[] {
    const { code = '' } = error as { code?: string }
    if (NAME_CODES.has(code)) return [{ ...UNCONNECTED, class: 'dns_failure', message: 'the name does not resolve' }]
    if (REFUSED_CODES.has(code)) return [{ ...UNCONNECTED, class: 'connect_refused', message: 'connection refused' }]
    if (error.name === 'HTTPParserError' || code === 'UND_ERR_HEADERS_OVERFLOW') return [NOT_HTTP]
    return this.parser.end('reset')
  }

  /** Short answers come whole with their head: they are told in one piece, once all that was read has been looked at. */
  private hold(signals: readonly Signal[]): void {
    if (signals.length === 0) return
    this.held = signals
    queueMicrotask(() => this.tell(NONE))
  }

  private tell(signals: readonly Signal[]): void {
    const { held } = this
    this.held = NONE
    if (this.isOver || held.length + signals.length === 0) return
    this.events.onSignals(held.length === 0 ? signals : signals.length === 0 ? held : [...held, ...signals])
  }
}
const DEAF: Parser = { head: () => NONE, push: () => NONE, end: () => NONE }
const NOBODY: ExchangeEvents = { onSignals() {} }

const NOT_HTTP: Signal = { type: 'garbled', pattern: 'not_http' }
const UNCONNECTED = {
  type: 'failed',
  status: null,
  retryAfterMs: null,
  where: 'connect',
} as const satisfies Partial<Failed>

/**
 * Whether the peer closed a connection that had been kept alive, before it said anything to this request: it gave the
 * idle connection up while the request was on its way. A request may then be sent again on a new connection (RFC 9112
 * §9.3.1), once. A connection that had never carried an answer was not idle, and a reset is no orderly end.
 */
function wasClosedWhileIdle(error: Error): boolean {
  const { code, socket } = error as { code?: string; socket?: { bytesRead?: number } }
  return code === 'UND_ERR_SOCKET' && (socket?.bytesRead ?? 0) > 0
}
