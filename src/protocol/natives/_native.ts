/**
 * A native is the way one provider puts its errors: the status, words, body and headers of each error class, and its
 * names for rate limits. A dialect says how an answer is written; whoever imitates a dialect still has errors of its own.
 */
import type { Millis } from '../../base/index.ts'
import type { NativeId } from '../catalogue.ts'
import type { ErrorClass } from '../error-class.ts'
import { retryAfterHeaders } from '../retry-after.ts'
import type { Failed, RetryAfterForm } from '../signal.ts'
import type { EdgeId } from '../edge.ts'

/** What a provider can answer with. The other classes are the gateway's own, or no answers at all. */
export const PROVIDER_CLASSES = [
  'rate_limited',
  'overloaded',
  'server_error',
  'bad_gateway',
  'gateway_timeout',
  'authentication',
  'payment_required',
  'permission_denied',
  'not_found',
  'request_timeout',
  'payload_too_large',
  'invalid_request',
  'context_length',
  'content_policy',
] as const satisfies readonly ErrorClass[]

export type ProviderClass = (typeof PROVIDER_CLASSES)[number]

export function isProviderClass(errorClass: ErrorClass): errorClass is ProviderClass {
  return (PROVIDER_CLASSES as readonly ErrorClass[]).includes(errorClass)
}

/** What the words of an error may mention. */
export interface Facts {
  readonly model: string
  /** What was exceeded: tokens of context, requests or tokens a minute, bytes of a body. */
  readonly limit?: number
  /** What was asked for, in the same unit. */
  readonly wanted?: number
  readonly retryAfterMs?: Millis | null
}

export interface Saying {
  /** HTTP status when the Signal names none. */
  readonly status: number
  readonly words: (facts: Facts) => string
}

/** What most say besides: a `type`, and some a `code` beside it. */
export interface TypedSaying extends Saying {
  readonly type: string
}

export interface CodedSaying extends TypedSaying {
  readonly code: string | null
}

export function typed(status: number, type: string, words: Saying['words']): TypedSaying {
  return { status, type, words }
}

export function coded(status: number, type: string, code: string | null, words: Saying['words']): CodedSaying {
  return { status, type, code, words }
}

/** The answer that an error is part of. */
export interface Occasion {
  readonly id: string
  readonly model: string
  /** Unix time, in whole seconds. */
  readonly atSeconds: number
}

/** One rate limit as an endpoint knows it. Absent: not told. */
export interface LimitSaid {
  readonly limit?: number
  readonly remaining?: number
  readonly resetMs?: Millis
}

export interface LimitsSaid {
  readonly requests: LimitSaid
  readonly tokens: LimitSaid
}

export interface Native {
  readonly id: NativeId
  /** One sentence: what is its own about these errors. */
  readonly summary: string
  /** Host name on the pages of its edge. */
  readonly host: string
  /** Provider slugs that it answers for, beside its id. */
  readonly slugs: readonly string[]
  readonly says: Readonly<Record<ProviderClass, Saying>>
  /** Words of its bodies that say what happened, separated by spaces. */
  readonly clear: Partial<Record<ErrorClass, string>>
  /** Words that it uses for anything. */
  readonly vague: Partial<Record<ErrorClass, string>>
  readonly jsonType: string
  /** Classes that are never its own words, but the page of an edge in front of it. Absent: none. */
  readonly edges?: Partial<Record<ProviderClass, EdgeId>>
  body(failed: Failed & { readonly class: ProviderClass }, status: number, occasion: Occasion): string
  /** Headers of any answer, and of errors (`failed` is null for the others). */
  headers(occasion: Occasion, failed: Failed | null): Readonly<Record<string, string>>
  /** When to come back, where it says so in headers. */
  hint(ms: Millis, form: RetryAfterForm, occasion: Occasion): Readonly<Record<string, string>>
  /** Its names for rate limits. `failed`: on an error. */
  limits(limits: LimitsSaid, occasion: Occasion, failed: Failed | null): Readonly<Record<string, string>>
}

/** Most write the hint the plain way. */
export function plainHint(ms: Millis, form: RetryAfterForm, { atSeconds }: Occasion): Record<string, string> {
  return retryAfterHeaders(ms, form, atSeconds)
}

/** OpenAI's names, which many imitate: `x-ratelimit-limit-requests` and five more; resets as Go writes durations. */
export function openaiLimits({ requests, tokens }: LimitsSaid): Record<string, string> {
  return { ...sixth('requests', requests), ...sixth('tokens', tokens) }
}

function sixth(unit: string, { limit, remaining, resetMs }: LimitSaid): Record<string, string> {
  return {
    ...(limit !== undefined && { [`x-ratelimit-limit-${unit}`]: String(limit) }),
    ...(remaining !== undefined && { [`x-ratelimit-remaining-${unit}`]: String(remaining) }),
    ...(resetMs !== undefined && { [`x-ratelimit-reset-${unit}`]: goDuration(resetMs) }),
  }
}

export function noLimits(): Record<string, string> {
  return {}
}

/** A duration as Go writes it: `174ms`, `8.64s`, `6m0s`, `2h0m0s`. */
function goDuration(ms: Millis): string {
  const whole = Math.round(ms)
  if (whole < 1000) return `${whole}ms`
  const hours = Math.floor(whole / 3_600_000)
  const minutes = Math.floor(whole / 60_000) % 60
  const seconds = (whole % 60_000) / 1000
  if (hours > 0) return `${hours}h${minutes}m${seconds}s`
  return minutes > 0 ? `${minutes}m${seconds}s` : `${seconds}s`
}

/** `Please try again in 8.64s.`, where there is a hint at all. */
export function tryAgain(retryAfterMs: Millis | null | undefined): string {
  return retryAfterMs === null || retryAfterMs === undefined ? '' : ` Please try again in ${goDuration(retryAfterMs)}.`
}

/** `Limit 30000, Requested 31538`, as far as it is known. */
export function figures({ limit, wanted }: Facts): string {
  if (limit === undefined) return ''
  return wanted === undefined ? `: Limit ${limit}` : `: Limit ${limit}, Requested ${wanted}`
}

/** An opaque id in lower-case hex, always the same for the same text; `length` up to 32. */
export function hexId(text: string, length = 32): string {
  let hex = ''
  for (let salt = 0; hex.length < length; salt += 1) {
    let hash = 0x811c9dc5 ^ salt
    for (let index = 0; index < text.length; index += 1) {
      hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
    }
    hex += (Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d) >>> 0).toString(16).padStart(8, '0')
  }
  return hex.slice(0, length)
}

export function uuid(text: string): string {
  return hexId(text).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}

/** What Cloudflare adds to whatever passes through it. */
export function cloudflare({ id }: Occasion): Record<string, string> {
  return { server: 'cloudflare', 'cf-ray': `${hexId(id, 16)}-FRA`, 'cf-cache-status': 'DYNAMIC' }
}
