/**
 * A pattern is one way in which a tool call or structured output goes wrong: an entry of a list, named after the
 * catalogue of what has been seen in the wild (M01 to M66). It is told what a good endpoint was about to say, and says
 * something else; null where it cannot be said so (no such thing in this answer, or no place for it in the dialect).
 */
import {
  CUT_CLEAN,
  type Content,
  type DialectId,
  type ErrorClass,
  type Failed,
  type RequestShape,
  type ToolDelta,
} from '../../../protocol/index.ts'
import type { Instead } from '../_rewrite.ts'

export interface Pattern {
  /** Number in the catalogue. */
  readonly id: `M${number}${number}`
  readonly name: string
  /** What is on the wire. */
  readonly summary: string
  /** Where it was seen, as `owner/repository#number`. */
  readonly seen: string
  deform(answer: DataAnswer): Instead | null
}

/** A good answer that somebody will read as data: one tool call, or structured output. */
export interface DataAnswer {
  readonly kind: 'call' | 'output'
  readonly id: string
  /** Of the tool; empty for structured output. */
  readonly name: string
  /** Arguments of the call, or the text: one JSON object. */
  readonly json: string
  readonly fields: Fields
  readonly tokens: number
  /** What the object should match. */
  readonly schema: Schema
  readonly shape: RequestShape
  readonly dialect: DialectId
  readonly stream: boolean
  /** The most tokens that this answer may have. */
  readonly tokensMax: number
}

export type Fields = Readonly<Record<string, unknown>>

export interface Schema {
  readonly properties?: Readonly<Record<string, { readonly enum?: readonly unknown[]; readonly items?: Schema }>>
  readonly enum?: readonly unknown[]
  readonly required?: readonly string[]
}

// ---------------------------------------------------------------------------------------------------------------------
// Things to say

const CHARACTERS_PER_TOKEN = 4
export const tokensOf = (text: string): number => Math.max(1, Math.ceil(text.length / CHARACTERS_PER_TOKEN))

/** The call with other arguments, name or id, in one piece. */
export function call(answer: DataAnswer, args = answer.json, more: Partial<ToolDelta> = {}): ToolDelta {
  const { id, name, json, tokens } = answer
  return { type: 'toolDelta', index: 0, id, name, args, tokens: args === json ? tokens : tokensOf(args), ...more }
}

/** A later piece of the call of that index: no id, no name. */
export function piece(args: string, index = 0): ToolDelta {
  return { type: 'toolDelta', index, args, tokens: tokensOf(args) }
}

export function text(said: string, channel: Content['channel'] = 'text'): Content {
  return { type: 'content', channel, tokens: tokensOf(said), forMs: 0, everyMs: 0, text: said }
}

/** The same JSON, or what has become of it, where it belongs: in the call, or in the text. */
export function spelledAs(answer: DataAnswer, json: string, more: Omit<Instead, 'signals'> = {}): Instead {
  return { signals: [answer.kind === 'call' ? call(answer, json) : text(json)], ...more }
}

/** An error instead of the answer. */
export function error(
  errorClass: ErrorClass,
  status: number | null,
  message: string,
  where: Failed['where'] = 'response',
): Instead {
  return { signals: [], ending: { type: 'failed', class: errorClass, status, retryAfterMs: null, where, message } }
}

export const UNFINISHED = { ending: CUT_CLEAN, quirk: 'sse.missing_finish' } as const satisfies Partial<Instead>

/** Where an answer with calls says that it ends because of them: elsewhere the calls say so by themselves. */
export function saysWhyItEnds({ dialect }: DataAnswer): boolean {
  return dialect !== 'gemini' && dialect !== 'openai-responses'
}

/** Where tool calls come in pieces that have an index: streams, and not Gemini's, whose calls come whole. */
export function comesInPieces({ kind, stream, dialect }: DataAnswer): boolean {
  return kind === 'call' && stream && dialect !== 'gemini'
}

/** The arguments in two halves. */
export function halves(json: string): readonly [string, string] {
  const middle = Math.ceil(json.length / 2)
  return [json.slice(0, middle), json.slice(middle)]
}
