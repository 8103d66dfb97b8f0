/** What endpoints have in common that share the state of a policy. */
import type { Offer } from '../protocol/index.ts'

/** An endpoint alone; all that a provider has for a model; all of a provider; all behind one of its API keys. */
export type Scope = 'endpoint' | 'model' | 'provider' | 'key'

/** The same for endpoints that share a state of this scope. */
export function scopeKey(scope: Scope, offer: Offer): string {
  switch (scope) {
    case 'endpoint':
      return String(offer.index)
    case 'model':
      return `${offer.provider} ${offer.model}`
    case 'provider':
      return offer.provider
    case 'key':
      return `${offer.provider} ${offer.key}`
  }
}
