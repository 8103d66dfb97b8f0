/**
 * Errors of the Responses API. As an HTTP answer they are OpenAI's as everywhere; inside a response they are a code and
 * a message, and OpenRouter has a narrow set of codes for them (openrouter.md §3.9), with its own kind at the top.
 */
import type { ErrorClass } from '../../error-class.ts'
import type { ErrorType } from '../../error-type.ts'
import type { Failed } from '../../signal.ts'
import type { ToldError } from '../_dialect.ts'
import { errorBody as chatBody, VOCABULARY, WORDING } from '../openai-chat/errors.ts'

export { VOCABULARY, WORDING }

/** What a response says of an upstream that gave `error` as its reason to stop (openrouter.md §3.9, recorded). */
export const ENDED_BADLY = 'stream closed with reason: error'

/** Codes where OpenAI's error answers have none, or a number. */
const CODES: Readonly<Partial<Record<ErrorClass, string>>> = {
  server_error: 'server_error',
  bad_gateway: 'cf_bad_gateway',
  gateway_timeout: 'timeout',
  request_timeout: 'request_timeout',
  invalid_request: 'invalid_request',
}

const NARROW: Readonly<Partial<Record<ErrorType, string>>> = {
  rate_limit_exceeded: 'rate_limit_exceeded',
  context_length_exceeded: 'invalid_prompt',
  invalid_request: 'invalid_prompt',
  content_policy_violation: 'image_content_policy_violation',
}

const LENGTHS: ReadonlySet<ErrorType> = new Set<ErrorType>([
  'context_length_exceeded',
  'max_tokens_exceeded',
  'token_limit_exceeded',
  'string_too_long',
])

/** OpenRouter makes a success of these, cut short by its length. */
export function isLength({ errorType }: ToldError): boolean {
  return LENGTHS.has(errorType)
}

/** What a failed response has under `error`, and at its top. */
export function errorInResponse(failed: Failed, told: ToldError | null): { error: object; top: object } {
  if (told) {
    const { errorType, message, beside } = told
    return { error: { code: NARROW[errorType] ?? 'server_error', message }, top: { error_type: errorType, ...beside } }
  }
  const { code } = WORDING[failed.class]
  return { error: { code: CODES[failed.class] ?? code, message: failed.message }, top: {} }
}

/** The body of an error status. */
export function errorBody(failed: Failed, told: ToldError | null): string {
  if (!told) return JSON.stringify(chatBody(failed, 'openai', null))
  const { errorType, message, metadata, more, beside } = told
  const code = told.codes === 'word' ? (NARROW[errorType] ?? 'server_error') : told.code
  const error = { code, message, metadata, ...more }
  return JSON.stringify({ error, error_type: errorType, ...beside })
}
