/**
 * Rate limits among the headers of a Signal. Between fleet and renderer they have OpenAI's names
 * (`x-ratelimit-remaining-requests`), with resets in whole seconds (`12s`); the native writes them in its own.
 */
import type { LimitSaid, LimitsSaid } from '../natives/index.ts'

const NAME = /^x-ratelimit-(limit|remaining|reset)-(requests|tokens)$/

export function limitsIn(headers: Readonly<Record<string, string>>): {
  readonly limits: LimitsSaid
  readonly others: Readonly<Record<string, string>>
} {
  const limits: Record<'requests' | 'tokens', LimitSaid> = { requests: {}, tokens: {} }
  const others: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    const [, what, unit] = NAME.exec(name) ?? []
    if (what === undefined) others[name] = value
    else {
      const key = unit as 'requests' | 'tokens'
      limits[key] = { ...limits[key], ...said(what, value) }
    }
  }
  return { limits, others }
}

function said(what: string, value: string): LimitSaid {
  if (what === 'reset') return { resetMs: Number.parseFloat(value) * 1000 }
  return what === 'limit' ? { limit: Number(value) } : { remaining: Number(value) }
}
