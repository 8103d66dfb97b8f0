/**
 * What dialects share about errors: finding the parts of an error body, and what they mean. The words a provider uses
 * decide first, because statuses lie (out of quota is a 429, too long a prompt a 400); then known phrases; then the
 * status; vague words come last. Each dialect brings its own words, and whoever speaks it may have another provider's
 * (protocol/natives/); phrases are for all, because hosts quote each other.
 */
import type { Millis } from '../../base/index.ts'
import { ERROR_CLASSES, type ErrorClass } from '../error-class.ts'
import { NATIVES, type Native } from '../natives/index.ts'
import type { Failed, RetryAfterForm } from '../signal.ts'
import { classOfStatus, STATUS_OF } from '../status.ts'
import { type Fields, listOf, looksLikeHtml, recordOf, RETRY_AFTER_MS_MAX, titleOf } from './_wire.ts'

/** Whatever an error has under its known names. */
export interface ErrorParts {
  readonly message: string
  /** OpenAI's and Anthropic's `type`, Google's `status`. */
  readonly type: unknown
  readonly code: unknown
  /** OpenRouter's `metadata.error_type`, Google's `reason`. */
  readonly errorType: unknown
  /** OpenRouter's `metadata.reasons`: what a moderation flagged. */
  readonly reasons?: readonly string[]
}

/** The words of one dialect. */
export interface Vocabulary {
  /** Words that say exactly what happened. */
  readonly clear: ReadonlyMap<unknown, ErrorClass>
  /** Words that are used for anything: they count only when the status says nothing. */
  readonly vague: ReadonlyMap<unknown, ErrorClass>
}

/** Words by class, separated by spaces, as a map from word to class. */
export function wordsOf(byClass: Partial<Record<ErrorClass, string>>): ReadonlyMap<unknown, ErrorClass> {
  const words = new Map<unknown, ErrorClass>()
  for (const name of ERROR_CLASSES) for (const word of byClass[name]?.split(' ') ?? []) words.set(word, name)
  return words
}

/** The words of every native, for dialects that their providers imitate. The first to use a word owns it. */
const NATIVE_WORDS: Vocabulary = {
  clear: wordsOfAll(({ clear }) => clear),
  vague: wordsOfAll(({ vague }) => vague),
}

function wordsOfAll(wordsIn: (native: Native) => Partial<Record<ErrorClass, string>>): Vocabulary['clear'] {
  return new Map(NATIVES.toReversed().flatMap((native) => [...wordsOf(wordsIn(native))]))
}

/** One request above a whole minute's tokens: OpenAI calls it a rate limit, but waiting does not help. */
const OVER_LIMIT = /request too large for/i

const OVER_CONTEXT =
  /maximum (?:context|prompt) length|context (?:length|window|size|limit)|input tokens exceed|(?:prompt|input) is too long|`inputs` tokens|input token count \S+ exceeds/i

/**
 * Phrases of providers that reuse one code for everything, read only on these statuses (or where there is none). A 5xx
 * may hide a caller's mistake: gateways in front of a provider show its 400 as a 502 (suna#5986).
 */
const PHRASES: readonly (readonly [phrase: RegExp, statuses: readonly number[], means: ErrorClass])[] = [
  [OVER_CONTEXT, [400, 403, 422, 500, 502, 503], 'context_length'],
  [
    /out of credits|available credits|insufficient balance|current quota|more credits|credit balance is too low|API usage limits/i,
    [400, 403, 429],
    'payment_required',
  ],
  [
    /violating our usage policy|content management policy|safety measures that flagged|content filtering policy|violates usage guidelines|content exists risk/i,
    [400, 403],
    'content_policy',
  ],
  [/model not exist|does not exist or you(?:r team)? do(?:es)? not have access/i, [400, 429], 'not_found'],
  [/too many requests for model/i, [500, 502, 503], 'rate_limited'],
  [/model is currently at capacity/i, [], 'overloaded'],
  [/API key not valid|incorrect API key/i, [400], 'authentication'],
  [/payload size exceeds/i, [400], 'payload_too_large'],
]

/** The class of an error; null when neither its words nor a status say anything. */
export function classOfError(parts: ErrorParts, status: number | null, vocabulary: Vocabulary): ErrorClass | null {
  const words = [parts.errorType, parts.code, parts.type]
  if (status === 413) {
    const isContext =
      OVER_CONTEXT.test(parts.message) || words.some((word) => vocabulary.clear.get(word) === 'context_length')
    return isContext ? 'context_length' : 'payload_too_large'
  }
  if (status === 429 && OVER_LIMIT.test(parts.message)) return 'payload_too_large'
  const isOwnBudget = words.some((word) => vocabulary.clear.get(word) === 'budget_exceeded')
  if (status === 402) return isOwnBudget ? 'budget_exceeded' : 'payment_required'
  for (const word of words) {
    const clear = vocabulary.clear.get(word) ?? NATIVE_WORDS.clear.get(word)
    if (clear && !(clear === 'rate_limited' && status === 400)) return clear // No rate limit is a 400: read on.
  }
  for (const [phrase, statuses, means] of PHRASES) {
    if ((status === null || statuses.includes(status)) && phrase.test(parts.message)) return means
  }
  // A status that is masked is told inside: a 429 shown as a 502 (quill-router#287).
  const told = status === null ? null : (statusOfCode(parts.code) ?? status)
  if (told !== null) return classOfStatus(told)
  for (const word of words) {
    const vague = vocabulary.vague.get(word) ?? NATIVE_WORDS.vague.get(word)
    if (vague) return vague
  }
  return null
}

/** The provider's words are for people, and people stop reading. In UTF-16 units. */
const MESSAGE_LENGTH_MAX = 500

/** Read the body of an error status: `{ error }`, or one of the flat, nested, listed and textual shapes of others. */
export function partsOfBody(text: string): ErrorParts {
  if (looksLikeHtml(text)) return partsOfError(titleOf(text))
  let body: unknown = null
  try {
    body = JSON.parse(text)
  } catch {
    // Plain text, then.
  }
  const outer = recordOf(firstOf(body))
  if (!outer) return partsOfError(text.trim())
  return partsOfError(outer['error'] ?? outer['detail'] ?? outer, outer['code'])
}

/** The error that a JSON body is, whatever its status says: under `error`, or the body itself where it is flat. */
export function errorIn(body: Fields): unknown {
  return body['error'] ?? (body['object'] === 'error' ? body : null)
}

/** How often an error may be wrapped in another one's message: more is nobody's. */
const NESTED_MAX = 5

/** The error that another one quotes as a JSON text, in its message or as OpenRouter's `metadata.raw`. */
function quotedIn(inner: Fields, message: unknown): unknown {
  for (const text of [recordOf(inner['metadata'])?.['raw'], message]) {
    if (typeof text !== 'string' || !/^\s*[[{]/.test(text)) continue
    try {
      const quoted = recordOf(firstOf(JSON.parse(text)))
      if (quoted) return quoted['error'] ?? (quoted['message'] === undefined ? null : quoted)
    } catch {
      // Prose that begins with a bracket.
    }
  }
  return null
}

const DELAY = /^\d{1,15}(?:\.\d{1,9})?s$/
const PROSE = /please (?:try again|retry) (?:in|after) ((?:\d{1,9}(?:\.\d{1,9})?(?:ms|h|m|s))+|\d{1,9}(?= seconds?\b))/i

/** When to come back, where the body of an error says so: Google's RetryInfo among the details, else its prose. */
export function hintInBody(body: string): { ms: Millis; form: RetryAfterForm } | null {
  if (looksLikeHtml(body)) return null // A page for people: whatever it says, no machine wrote it.
  let parsed: unknown = null
  try {
    parsed = JSON.parse(body)
  } catch {
    // Cut off, or no JSON: the prose may still be there.
  }
  const error = recordOf(recordOf(firstOf(parsed))?.['error'])
  for (const detail of listOf(error?.['details'])) {
    const delay = recordOf(detail)?.['retryDelay']
    if (typeof delay === 'string' && DELAY.test(delay)) {
      return { ms: sane(Number(delay.slice(0, -1)) * 1000), form: delay.includes('.') ? 'milliseconds' : 'seconds' }
    }
  }
  const told = PROSE.exec(body)?.[1]
  return told === undefined ? null : { ms: sane(durationIn(told)), form: 'milliseconds' }
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/** `6m0s`, `45.57s`, `174ms`, as Go writes durations; bare digits are seconds. */
function durationIn(text: string): number {
  let ms = 0
  for (const [, amount, unit] of text.matchAll(/([\d.]+)(ms|h|m|s)?/g)) ms += Number(amount) * (UNITS[unit ?? 's'] ?? 0)
  return ms
}

function sane(ms: number): Millis {
  return Math.min(Math.round(ms), RETRY_AFTER_MS_MAX)
}

/** The parts of what stands under `error`, which may be an object, a list of objects, or prose. */
export function partsOfError(error: unknown, outerCode: unknown = null, depth = 0): ErrorParts {
  if (typeof error === 'string') {
    return { message: error.slice(0, MESSAGE_LENGTH_MAX), type: null, code: outerCode, errorType: null }
  }
  const inner = recordOf(firstOf(error)) ?? {}
  const message = inner['message'] ?? inner['msg'] ?? inner['error']
  const quoted = depth < NESTED_MAX ? quotedIn(inner, message) : null
  if (quoted) return partsOfError(quoted, inner['code'] ?? outerCode, depth + 1)
  const { details } = inner
  const metadata = recordOf(inner['metadata'])
  const reasons = listOf(metadata?.['reasons']).filter((reason) => typeof reason === 'string')
  return {
    message: typeof message === 'string' ? message.slice(0, MESSAGE_LENGTH_MAX) : '',
    type: inner['type'] ?? inner['status'],
    code: inner['code'] ?? recordOf(details)?.['error_code'],
    errorType: errorTypeOf(metadata) ?? reasonOf(details),
    ...(reasons.length > 0 && { reasons }),
  }
}

function errorTypeOf(metadata: Readonly<Record<string, unknown>> | null): unknown {
  return metadata?.['error_type'] ?? (metadata?.['flagged_input'] ? 'content_policy_violation' : null)
}

/** The reason among Google's details. */
function reasonOf(details: unknown): unknown {
  if (!Array.isArray(details)) return null
  return details.map((detail) => recordOf(detail)?.['reason']).find((reason) => typeof reason === 'string') ?? null
}

/** The first of a list; anything else as it is. */
export function firstOf(value: unknown): unknown {
  return Array.isArray(value) ? (value as unknown[])[0] : value
}

/** A status that an error carries as its code, as OpenRouter's and Google's do; null for any other code. */
export function statusOfCode(code: unknown): number | null {
  const status = typeof code === 'string' && /^\d{3}$/.test(code) ? Number(code) : code
  return typeof status === 'number' && Number.isInteger(status) && status >= 400 && status <= 599 ? status : null
}

/** The status of an error answer: its own, else the one its class has in this dialect. */
export function statusOf(failed: Failed, wording: Readonly<Record<ErrorClass, { readonly status: number }>>): number {
  return failed.status ?? wording[failed.class].status
}

/** Classes that only a gateway reports: no provider has words of its own for them. */
const GATEWAY_CLASSES = [
  'connect_refused',
  'dns_failure',
  'connect_timeout',
  'connection_reset',
  'first_token_timeout',
  'idle_timeout',
  'attempt_timeout',
  'deadline_exceeded',
  'invalid_response',
  'stream_cut',
  'stream_error',
  'invalid_tool_call',
  'invalid_output',
  'empty_completion',
  'no_endpoint',
  'budget_exceeded',
  'circuit_open',
  'gateway_down',
  'client_timeout',
  'cancelled',
  'shed',
] as const satisfies readonly ErrorClass[]

export type GatewayClass = (typeof GATEWAY_CLASSES)[number]

/** The wording of the gateway's classes: `own` makes words of a name. */
export function gatewayWording<T>(own: (status: number, name: GatewayClass) => T): Record<GatewayClass, T> {
  const made: Partial<Record<GatewayClass, T>> = {}
  for (const name of GATEWAY_CLASSES) made[name] = own(STATUS_OF[name], name)
  return made as Record<GatewayClass, T>
}

/** What an answer with an error status means, by its body's text. */
export function classOfBody(status: number, body: string, vocabulary: Vocabulary): ErrorClass {
  return classOfError(partsOfBody(body), status, vocabulary) ?? 'server_error'
}
