/**
 * Signals: the one language that router and provider speak. In virtual time they pass straight across; in live mode a
 * dialect renders them to bytes and parses them back, and `parse(render(signals))` gives the same signals after
 * `coalesce`, however the bytes are chopped.
 *
 * Order on the wire of one attempt:
 *   connected → accepted → (ping | content | toolDelta | garbled)* → usage? → finished
 * and at any point instead of what would come next: failed (an answer that is an error), or closed (the connection
 * ended; before `finished` that is a cut stream). Nothing follows finished, failed or closed.
 */
import type { Millis } from '../base/index.ts'
import type { ErrorClass } from './error-class.ts'
import type { EdgeId } from './edge.ts'
import type { QuirkName } from './quirk.ts'

export type FinishReason = 'stop' | 'length' | 'tool_calls' | 'content_filter' | 'error'

/** How a `Retry-After` hint is written on the wire. */
export type RetryAfterForm = 'seconds' | 'date' | 'milliseconds'

export interface Connected {
  readonly type: 'connected'
}

/** Response headers have arrived, with a status below 400. */
export interface Accepted {
  readonly type: 'accepted'
  readonly status: number
  readonly headers: Readonly<Record<string, string>> | null
}

/** A sign of life that carries nothing: an SSE comment, a ping event. Never resets the idle clock. */
export interface Ping {
  readonly type: 'ping'
}

/**
 * A run of content: `tokens` tokens that begin now and flow evenly for `forMs`, a chunk every `everyMs` (the first
 * chunk now, the last at now + forMs). A single chunk has both 0. Any later Signal of the attempt ends the run at its
 * instant; a run of 0 tokens does nothing but that. `text` is set only where somebody must read it (structured
 * output); otherwise the words are made where bytes are made.
 */
export interface Content {
  readonly type: 'content'
  readonly channel: 'text' | 'reasoning'
  readonly tokens: number
  readonly forMs: Millis
  readonly everyMs: Millis
  readonly text?: string
}

/** A piece of a tool call. `id` and `name` come with the first piece of each index. */
export interface ToolDelta {
  readonly type: 'toolDelta'
  readonly index: number
  readonly id?: string
  readonly name?: string
  readonly args: string
  readonly tokens: number
}

export interface Usage {
  readonly type: 'usage'
  /** All tokens of the prompt, those of the cache included. */
  readonly inputTokens: number
  readonly outputTokens: number
  /** Of the input, read from the prompt cache. Absent: none. */
  readonly cachedInputTokens?: number
  /** Of the input, written to the prompt cache, where that has a price of its own. Absent: none. */
  readonly writtenInputTokens?: number
  /** What else is told of these tokens. Absent: nothing. */
  readonly details?: UsageDetails
}

/** Tokens that are parts of others (openrouter.md §4.4). Absent: none. */
export interface UsageDetails {
  /** Of the input. */
  readonly audioTokens?: number
  readonly videoTokens?: number
  /** Of the output. */
  readonly reasoningTokens?: number
  readonly outputAudioTokens?: number
  readonly outputImageTokens?: number
}

/** Details without those that are nothing; nothing where none are left. */
export function detailsOf(details: UsageDetails): Pick<Usage, 'details'> {
  const some = Object.entries(details).filter(([, count]) => typeof count === 'number' && count > 0)
  return some.length === 0 ? {} : { details: Object.fromEntries(some) }
}

/** What the prompt cache had to do with a prompt, as a usage tells it: nothing is said of nothing. */
export function cacheShares(cached: number, written: number): Pick<Usage, 'cachedInputTokens' | 'writtenInputTokens'> {
  return {
    ...(cached > 0 && { cachedInputTokens: cached }),
    ...(written > 0 && { writtenInputTokens: written }),
  }
}

/** Bytes that nobody may accept: the pattern names the defect, dialect or transport knows how to write it. */
export interface Garbled {
  readonly type: 'garbled'
  readonly pattern: GarbledPattern | WirePattern
}

export const GARBLED_PATTERNS = [
  'html_page',
  'broken_json',
  'empty_body',
  'not_sse',
  // A parser cannot tell these from the ones before.
  'missing_choices', //  good JSON without an answer in it
  'trailing_garbage', // good JSON, and more
  'nan_literal', //      JSON with a word that JSON does not have
  'giant_frame', //      an event that is too long to be one
] as const
export type GarbledPattern = (typeof GARBLED_PATTERNS)[number]

/**
 * Defects below the dialect, which the transport writes and finds. `not_http`: bytes that are no answer at all.
 * `wrong_encoding`: a body whose content-encoding nobody asked for, or that does not decode.
 */
export const WIRE_PATTERNS = ['not_http', 'wrong_encoding'] as const
export type WirePattern = (typeof WIRE_PATTERNS)[number]

export function isWirePattern(pattern: Garbled['pattern']): pattern is WirePattern {
  return (WIRE_PATTERNS as readonly string[]).includes(pattern)
}

/** From here on the bytes are written in an odd way that every parser must live with. Says nothing by itself. */
export interface Quirk {
  readonly type: 'quirk'
  readonly name: QuirkName
  /** How much of it, in the unit that the quirk's summary names. Absent: its default. */
  readonly amount?: number
}

export interface Finished {
  readonly type: 'finished'
  readonly reason: FinishReason
  /** The provider's own word for it, where that is another. */
  readonly native?: string
}

/** The attempt was answered with an error, or never connected. */
export interface Failed {
  readonly type: 'failed'
  readonly class: ErrorClass
  /** HTTP status; null when there was none (refused, in-band error without a number). */
  readonly status: number | null
  /** The provider's hint when to come back, in scenario ms; null without one. */
  readonly retryAfterMs: Millis | null
  readonly retryAfterForm?: RetryAfterForm
  /** Where it struck: before a connection, as the HTTP answer, or as an event inside a stream. */
  readonly where: 'connect' | 'response' | 'stream'
  /** The provider's own words, for people; never matched on. */
  readonly message: string
  /** The provider's own code, such as `engine_overloaded`, and its body as it came, where it was read from the wire. */
  readonly code?: string
  readonly raw?: string
  /** What a moderation flagged the prompt for. */
  readonly reasons?: readonly string[]
  /** The body is an HTML page of an edge instead of the provider's JSON. */
  readonly html?: boolean
  /** How the body is to be written, where it is not the provider's own: by an edge, not at all, or JSON in a string. */
  readonly written?: EdgeId | 'empty' | 'nested'
  /** Rate-limit headers and the like, for the wire. */
  readonly headers?: Readonly<Record<string, string>>
}

/** The connection ended. Before `finished` this is a broken answer. */
export interface Closed {
  readonly type: 'closed'
  readonly how: 'clean' | 'reset'
}

export type Signal =
  | Connected
  | Accepted
  | Ping
  | Content
  | ToolDelta
  | Usage
  | Quirk
  | Garbled
  | Finished
  | Failed
  | Closed

export const CONNECTED: Connected = { type: 'connected' }
export const ACCEPTED: Accepted = { type: 'accepted', status: 200, headers: null }
export const PING: Ping = { type: 'ping' }
export const CUT_CLEAN: Closed = { type: 'closed', how: 'clean' }
export const CUT_RESET: Closed = { type: 'closed', how: 'reset' }

/** Tokens of a run that have been sent `elapsedMs` after it began: chunk by chunk, all of them once it is over. */
export function tokensSent(run: Content, elapsedMs: Millis): number {
  if (elapsedMs >= run.forMs || run.everyMs <= 0) return run.tokens
  if (elapsedMs < 0) return 0
  const chunks = chunksOf(run)
  const sent = Math.min(chunks, Math.floor(elapsedMs / run.everyMs) + 1)
  return Math.floor((run.tokens * sent) / chunks)
}

/** How many chunks a run is cut into; at least one. */
export function chunksOf(run: Content): number {
  return run.everyMs <= 0 ? 1 : Math.max(1, Math.round(run.forMs / run.everyMs) + 1)
}

/** When the last chunk of a run that was stopped at `elapsedMs` had been sent, relative to the run's start. */
export function lastChunkMs(run: Content, elapsedMs: Millis): Millis {
  if (run.everyMs <= 0 || elapsedMs <= 0) return 0
  return Math.min(run.forMs, Math.floor(elapsedMs / run.everyMs) * run.everyMs)
}

/**
 * The same conversation with its accidents removed: neighbouring content of a channel and neighbouring pieces of one
 * tool call are joined, pings, quirks and empty runs dropped, timing forgotten. What the round-trip law compares.
 */
export function coalesce(signals: readonly Signal[]): Signal[] {
  const joined: Signal[] = []
  for (const signal of signals) {
    const last = joined.at(-1)
    if (signal.type === 'ping' || signal.type === 'quirk') continue
    if (signal.type === 'content') {
      if (signal.tokens === 0 && !signal.text) continue
      if (last?.type === 'content' && last.channel === signal.channel) {
        joined[joined.length - 1] = instant(last, last.tokens + signal.tokens, joinText(last.text, signal.text))
      } else joined.push(instant(signal, signal.tokens, signal.text))
      continue
    }
    if (signal.type === 'toolDelta' && last?.type === 'toolDelta' && last.index === signal.index && !signal.id) {
      joined[joined.length - 1] = { ...last, args: last.args + signal.args, tokens: last.tokens + signal.tokens }
      continue
    }
    joined.push(signal)
  }
  return joined
}

function instant(content: Content, tokens: number, text: string | undefined): Content {
  const run = { type: 'content', channel: content.channel, tokens, forMs: 0, everyMs: 0 } as const
  return text === undefined ? run : { ...run, text }
}

function joinText(left: string | undefined, right: string | undefined): string | undefined {
  return left === undefined && right === undefined ? undefined : (left ?? '') + (right ?? '')
}
