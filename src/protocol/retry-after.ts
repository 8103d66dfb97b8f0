/** A hint when to come back, as headers: whole seconds, an HTTP-date (RFC 9110 §10.2.3), or whole milliseconds. */
import type { Millis } from '../base/index.ts'
import type { RetryAfterForm } from './signal.ts'

/** The headers that say so. `atSeconds` is the Unix time of the answer, which the date form is relative to. */
export function retryAfterHeaders(ms: Millis, form: RetryAfterForm, atSeconds: number): Record<string, string> {
  if (form === 'milliseconds') return { 'retry-after-ms': String(Math.ceil(ms)) }
  const seconds = Math.ceil(ms / 1000)
  if (form === 'seconds') return { 'retry-after': String(seconds) }
  return { date: httpDate(atSeconds), 'retry-after': httpDate(atSeconds + seconds) }
}

function httpDate(unixSeconds: number): string {
  return new Date(unixSeconds * 1000).toUTCString()
}
