/** What tools and the file parser have fetched from an endpoint of their own: so many tokens, or nothing. */
import type { Millis } from '../base/index.ts'
import { changed, PLAIN_CHAT, type Call, type ChatRequest, type NanoDollars, type Signal } from '../protocol/index.ts'
import type { Halt } from './stage.ts'

/** What is to be fetched, and from whom. */
export interface Fetched {
  readonly endpoint: number
  /** The most that is read of it. */
  readonly tokensMax: number
  readonly timeoutMs: Millis
  /** What it costs if it comes. */
  readonly price: NanoDollars
}

/** What is asked is short: the last message, what a model makes of it, or where a file is (our choice). */
const QUERY_TOKENS = 30

/** A call that waits for it. `onDone`: with what came, null where that is nothing, or too late. */
export function fetching(
  { request }: Call,
  { endpoint, tokensMax, timeoutMs }: Fetched,
  onDone: (tokens: number | null, now: Millis) => Halt | null,
): Halt {
  const { files: _, ...plain } = request
  const query: ChatRequest = {
    ...changed(plain, { inputTokens: QUERY_TOKENS, outputTokens: tokensMax, maxTokens: null, shape: PLAIN_CHAT }),
    stream: false,
    callsTool: false,
    session: null,
    areFilesRead: true,
    visited: [],
  }
  return {
    do: 'fetch',
    errand: {
      request: query,
      endpoint,
      timeoutMs,
      onDone: (signals, now) => onDone(signals === null ? null : tokensOf(signals), now),
    },
  }
}

function tokensOf(signals: readonly Signal[]): number {
  return signals.reduce((sum, signal) => (signal.type === 'content' ? sum + signal.tokens : sum), 0)
}
