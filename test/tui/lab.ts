/**
 * A small laboratory for the screen: a run of two minutes, entries with sensible defaults, and a terminal that is only
 * a string.
 */
import { EventEmitter } from 'node:events'
import type { Directory, EntryOf } from '../../src/ledger/index.ts'
import type { Controls, Gauge, Update } from '../../src/tui/index.ts'

export function directoryOf(over: Partial<Directory> = {}): Directory {
  return {
    scenario: 'primary-outage',
    seed: 7,
    durationMs: 120_000,
    endpoints: [
      { id: 'openai/gpt', provider: 'openai', model: 'gpt' },
      { id: 'anthropic/claude', provider: 'anthropic', model: 'claude' },
      { id: 'gemini/flash', provider: 'gemini', model: 'flash' },
    ],
    workflows: ['support-chat'],
    windows: [
      { name: 'warm-up', from: 0, to: 30_000 },
      { name: 'storm', from: 30_000, to: 60_000 },
      { name: 'recovery', from: 60_000, to: 120_000 },
    ],
    faults: [
      {
        id: 'outage-1',
        kind: 'outage',
        label: 'outage (refuse) on openai',
        at: 30_000,
        until: 60_000,
        endpoints: [0],
        gateway: false,
        minHits: 1,
      },
      {
        id: 'limit-1',
        kind: 'rate_limit',
        label: 'rate limit on anthropic',
        at: 90_000,
        until: 100_000,
        endpoints: [1],
        gateway: false,
        minHits: 1,
      },
    ],
    ...over,
  }
}

export function updateOf(now: number, over: Partial<Update> = {}): Update {
  return { now, entries: [], twin: null, gauges: [], speed: 3, state: 'running', ...over }
}

export function gaugeOf(
  id: string,
  metric: string,
  status: Gauge['status'],
  observedText = '',
  threshold = '>= 99.5%',
) {
  return { id, metric, status, observedText, threshold } satisfies Gauge
}

export function closed(at: number, over: Partial<EntryOf<'request.closed'>> = {}): EntryOf<'request.closed'> {
  return {
    kind: 'request.closed',
    at,
    request: at,
    workflow: 0,
    arrivedAt: at - 1000,
    outcome: 'ok',
    errorClass: null,
    ttftMs: 400,
    latencyMs: 1000,
    outputTokens: 100,
    calls: 1,
    attempts: 1,
    firstChoice: 0,
    servedBy: 0,
    billed: 0,
    rung: 0,
    toolCall: null,
    ...over,
  }
}

export function started(at: number, endpoint: number, over: Partial<EntryOf<'attempt.started'>> = {}) {
  return {
    kind: 'attempt.started',
    at,
    request: at,
    call: 0,
    attempt: 0,
    endpoint,
    reason: 'primary',
    ...over,
  } satisfies EntryOf<'attempt.started'>
}

export function ended(at: number, endpoint: number, over: Partial<EntryOf<'attempt.ended'>> = {}) {
  return {
    kind: 'attempt.ended',
    at,
    request: at,
    call: 0,
    attempt: 0,
    endpoint,
    outcome: 'ok',
    errorClass: null,
    status: 200,
    startedAt: at - 1000,
    firstContentAt: at - 600,
    outputTokens: 100,
    committed: true,
    ...over,
  } satisfies EntryOf<'attempt.ended'>
}

export function charged(at: number, endpoint: number, cost: number): EntryOf<'fleet.charged'> {
  return {
    kind: 'fleet.charged',
    at,
    request: at,
    call: 0,
    attempt: 0,
    endpoint,
    inputTokens: 1,
    outputTokens: 1,
    cost,
    quality: 1,
  }
}

export function health(at: number, endpoint: number, over: Partial<EntryOf<'health.changed'>>) {
  const shown = { policy: 0, from: 'closed', to: 'open', until: null, cause: null } as const
  return { kind: 'health.changed', at, endpoint, ...shown, ...over } satisfies EntryOf<'health.changed'>
}

export function fault(at: number, kind: 'fault.started' | 'fault.ended', index: number) {
  return { kind, at, fault: index } as const
}

export function fired(at: number, index: number): EntryOf<'fault.fired'> {
  return { kind: 'fault.fired', at, fault: index, endpoint: 0, request: at, call: 0, attempt: 0 }
}

/** Controls that remember what they were asked. */
export function controlsOf(): Controls & { readonly asked: string[] } {
  const asked: string[] = []
  return {
    asked,
    pause: () => asked.push('pause'),
    resume: () => asked.push('resume'),
    setSpeed: (factor) => asked.push(`speed ${factor}`),
    breakProvider: (provider) => asked.push(`break ${provider}`),
    healProvider: (provider) => asked.push(`heal ${provider}`),
    quit: () => asked.push('quit'),
  }
}

/** A terminal of a given size that keeps what was written to it. */
export class Terminal extends EventEmitter {
  readonly isTTY = true
  columns: number
  rows: number
  written = ''
  onWrite: (text: string) => void = () => {}

  constructor(columns: number, rows: number) {
    super()
    this.columns = columns
    this.rows = rows
  }

  write(text: string | Uint8Array, ...rest: unknown[]): boolean {
    this.written += String(text)
    this.onWrite(String(text))
    const done = rest.find((argument) => typeof argument === 'function')
    if (done) done()
    return true
  }

  resize(columns: number, rows: number): void {
    this.columns = columns
    this.rows = rows
    this.emit('resize')
  }
}

/** A keyboard with raw mode. */
export class Keyboard extends EventEmitter {
  readonly isTTY = true
  private readonly typed: string[] = []

  setEncoding(): void {}
  setRawMode(): void {}
  resume(): void {}
  pause(): void {}
  ref(): void {}
  unref(): void {}
  read(): string | null {
    return this.typed.shift() ?? null
  }

  type(keys: string): void {
    this.typed.push(keys)
    this.emit('readable')
    this.emit('data', keys)
  }
}
