/** Errors in an endpoint's own words: status, wording and hint as its provider has them (protocol/natives/). */
import { CONNECTED, type EndpointSpec, type Failed } from '../protocol/index.ts'
import { nativeNamed, nativeOf, type Facts, type Native, type ProviderClass } from '../protocol/natives/index.ts'
import type { Refusal, Strike } from './fault.ts'

/** What an error says beyond its class, and what its words may mention. */
export type ErrorDetails = Partial<Omit<Failed, 'type' | 'class' | 'message'>> & Omit<Facts, 'model'>

/** The answer with which an endpoint turns an attempt away. */
export function refusalOf(spec: EndpointSpec, errorClass: ProviderClass, details: ErrorDetails = {}): Failed {
  return spokenBy(nativeOf(spec), spec.model, errorClass, details)
}

/** The same for a fault, which may strike the gateway: that one speaks as OpenRouter does. */
export function strikeError(
  { attempt, endpoint }: Strike,
  errorClass: ProviderClass,
  details: ErrorDetails = {},
): Failed {
  const native = attempt.endpoint < 0 ? nativeNamed('openrouter') : nativeOf(endpoint)
  return spokenBy(native, endpoint.model, errorClass, details)
}

function spokenBy(
  { says }: Native,
  model: string,
  errorClass: ProviderClass,
  { limit, wanted, ...rest }: ErrorDetails,
): Failed {
  const { status, words } = says[errorClass]
  const failed = { status, retryAfterMs: null, where: 'response' as const, ...rest }
  const facts: Facts = {
    model,
    retryAfterMs: failed.retryAfterMs,
    ...(limit !== undefined && { limit }),
    ...(wanted !== undefined && { wanted }),
  }
  return { type: 'failed', class: errorClass, ...failed, message: words(facts) }
}

/** An attempt turned away with an error of a class, in the endpoint's words, or in others. */
export function turnAway(
  strike: Strike,
  errorClass: ProviderClass,
  { message, ...details }: ErrorDetails & { readonly message?: string } = {},
): Refusal {
  const failed = strikeError(strike, errorClass, details)
  return { signals: [CONNECTED, message === undefined ? failed : { ...failed, message }] }
}
