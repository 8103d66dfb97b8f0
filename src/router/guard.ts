/**
 * What stands between one policy and one endpoint: cooldown, ejection and breaker, asked in this order, and then the
 * door (door.ts). Endpoints may share a breaker (its `scope`), and those of one model are compared for ejection.
 */
import type { Millis } from '../base/index.ts'
import type { BreakerState } from '../ledger/index.ts'
import type { Offer } from '../protocol/index.ts'
import type { Door } from './door.ts'
import { Breaker, type Admission } from './policies/breaker.ts'
import { OutlierEjection } from './policies/outlier-ejection.ts'
import type { Policy } from './policy.ts'
import { scopeKey } from './scope.ts'

/** Why an endpoint is not asked, for the sake of its health. */
export type HealthCause = 'cooling' | 'ejected' | 'breaker'

type GuardParts = Pick<Guard, 'breaker' | 'sharers' | 'ejection' | 'host' | 'door'>

export class Guard {
  readonly breaker: Breaker | null
  /** Endpoints that share the breaker, this one among them. */
  readonly sharers: readonly number[]
  readonly ejection: OutlierEjection | null
  /** Its number in the ejection. */
  readonly host: number
  /** Limits of our own; null for none. */
  readonly door: Door | null
  coolUntil: Millis = 0

  constructor({ breaker, sharers, ejection, host, door }: GuardParts) {
    this.breaker = breaker
    this.sharers = sharers
    this.ejection = ejection
    this.host = host
    this.door = door
  }

  /** Whether an attempt may go to the endpoint now; changes nothing. */
  admits(now: Millis): Admission {
    if (now < this.coolUntil) return false
    if (this.ejection !== null && this.ejection.isEjected(this.host)) return false
    return this.breaker === null ? true : this.breaker.admits(now)
  }

  /** Why it is held back, and until when; null when that cannot be said. */
  heldBack(now: Millis): { cause: HealthCause; until: Millis | null } {
    if (now < this.coolUntil) return { cause: 'cooling', until: this.coolUntil }
    if (this.ejection !== null && this.ejection.isEjected(this.host)) {
      return { cause: 'ejected', until: this.ejection.ejectedUntil(this.host) }
    }
    return { cause: 'breaker', until: this.breaker?.state === 'open' ? this.breaker.openUntil : null }
  }

  /** The part of its traffic that the endpoint may have: below 1 while its breaker starts slowly. */
  share(now: Millis): number {
    return this.breaker === null ? 1 : this.breaker.share(now)
  }

  /** Its state but for cooldowns, in the words of the ledger. */
  get state(): BreakerState {
    return this.ejection?.isEjected(this.host) === true ? 'ejected' : (this.breaker?.state ?? 'closed')
  }
}

/** The guards of one policy, by endpoint. `changed` hears of ejections: the endpoint, and until when; null when back. */
export function guardsOf(
  { resilience }: Policy,
  offers: readonly Offer[],
  doors: readonly (Door | null)[],
  changed: (endpoint: number, until: Millis | null) => void,
): Guard[] {
  const { breaker: breakerPolicy, outlier_ejection: ejectionPolicy } = resilience
  const sharers = groupBy(offers, (offer) => scopeKey(breakerPolicy?.scope ?? 'endpoint', offer))
  const breakers = new Map([...sharers.keys()].map((key) => [key, breakerPolicy ? new Breaker(breakerPolicy) : null]))
  const models = groupBy(offers, ({ model }) => model)
  const ejections = new Map(
    [...models].map(([model, endpoints]) => [
      model,
      ejectionPolicy
        ? new OutlierEjection(ejectionPolicy, endpoints.length, (host, until) => changed(endpoints[host] ?? -1, until))
        : null,
    ]),
  )
  return offers.map((offer) => {
    const key = scopeKey(breakerPolicy?.scope ?? 'endpoint', offer)
    const host = models.get(offer.model)?.indexOf(offer.index) ?? -1
    return new Guard({
      breaker: breakers.get(key) ?? null,
      sharers: sharers.get(key) ?? [],
      ejection: ejections.get(offer.model) ?? null,
      host,
      door: doors[offer.index] ?? null,
    })
  })
}

/** Indexes of the offers, by what they have in common. */
function groupBy(offers: readonly Offer[], keyOf: (offer: Offer) => string): Map<string, number[]> {
  const groups = new Map<string, number[]>()
  for (const offer of offers) {
    const key = keyOf(offer)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [offer.index])
    else group.push(offer.index)
  }
  return groups
}
