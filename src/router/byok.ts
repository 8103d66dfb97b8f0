/**
 * Keys of one's own in a plan (openrouter.md §5). Each key has a copy of every endpoint that it applies to:
 *
 *   prioritized keys, by `sort_order`   ▶   shared endpoints, as planned   ▶   fallback keys
 *
 * model by model, or over all models with `partition: none`, and whatever `provider.order` says. A key counts only for
 * those that all its filters match; one that is required, or the only way, takes shared endpoints of its provider out.
 * Copies have passed the steps of the funnel before: no key exempts anybody from `zdr`.
 */
import { at } from '../base/index.ts'
import type { Candidate, FunnelStep } from '../ledger/index.ts'
import type { ByokCopy, ByokKey, Caller, KeySpec, Offer } from '../protocol/index.ts'
import type { Eligibility } from './eligibility.ts'
import type { Terms } from './terms.ts'

const NOBODY = -1

interface Keyed {
  readonly order: readonly Candidate[]
  readonly funnel: readonly FunnelStep[]
}

/** A key that applies to a call, with its copies of the endpoints that may serve it. */
interface Copy {
  readonly endpoint: number
  readonly byok: ByokCopy
  readonly key: ByokKey
}

export class OwnKeys {
  private readonly offers: readonly Offer[]
  private readonly keys: readonly ByokKey[]
  /** Those that apply to whoever calls, by the index of his API key; that of nobody is -1. */
  private readonly active = new Map<number, readonly ByokKey[]>()
  private readonly apiKeys: readonly KeySpec[]
  private readonly models: readonly string[]
  private readonly partition: 'model' | 'none'

  /** null where no key has to do with these models. */
  static of(models: readonly string[], partition: 'model' | 'none', terms: Terms): OwnKeys | null {
    const { offers, gateway } = terms
    if (gateway.byok.length === 0) return null
    const concerned = offers.filter((offer) => models.includes(offer.model))
    const isConcerned = concerned.some(
      (offer) => offer.byok !== null || gateway.byok.some((key) => key.is_byok_only && isOf(key, offer)),
    )
    return isConcerned ? new OwnKeys(models, partition, terms) : null
  }

  private constructor(models: readonly string[], partition: 'model' | 'none', { offers, gateway }: Terms) {
    this.offers = offers
    this.keys = gateway.byok
    this.apiKeys = gateway.keys ?? []
    this.models = [...new Set(models)]
    this.partition = partition
  }

  /** The order with the copies in it, and without the shared endpoints that keys leave out. */
  addTo(order: readonly Candidate[], known: Eligibility, caller: Caller | null): Keyed {
    const { copies: allowed, eligible, funnel } = known
    const active = this.keysOf(caller?.key ?? NOBODY)
    const copies = allowed.flatMap((endpoint): Copy | [] => {
      const byok = at(this.offers, endpoint).byok as ByokCopy
      const key = at(this.keys, byok.key)
      return active.includes(key) ? { endpoint, byok, key } : []
    })
    const shared = order.filter(({ endpoint }) => !isLeftOut(at(this.offers, endpoint), active))
    const place = new Map(order.map(({ endpoint }, index) => [endpoint, index]))
    const placeOf = ({ byok }: Copy): number => place.get(byok.of) ?? order.length
    const sorted = copies.toSorted(
      (a, b) => a.key.sort_order - b.key.sort_order || placeOf(a) - placeOf(b) || a.endpoint - b.endpoint,
    )
    const groups = this.partition === 'none' ? [this.models] : this.models.map((model) => [model])
    let result: readonly Candidate[] = shared
    for (const models of groups.toReversed()) result = this.insert(result, sorted, models)

    // Nobody was left by a step before, which is the one that failed.
    if (result.length === 0 && eligible.length === 0) return { order: result, funnel }
    const left = new Set(result.map(({ endpoint }) => at(this.offers, endpoint).byok?.of ?? endpoint))
    const removed = eligible.filter((endpoint) => !left.has(endpoint))
    const step = { step: 'Add BYOK Endpoints', left: eligible.length - removed.length, removed }
    return { order: result, funnel: [...funnel, step] }
  }

  private keysOf(caller: number): readonly ByokKey[] {
    let keys = this.active.get(caller)
    if (!keys) this.active.set(caller, (keys = this.keys.filter((key) => appliesTo(key, this.apiKeys[caller]))))
    return keys
  }

  /** Put the copies of one group's models around its shared endpoints; where it has none, before those of later models. */
  private insert(
    order: readonly Candidate[],
    copies: readonly Copy[],
    models: readonly string[],
  ): readonly Candidate[] {
    const modelOf = (endpoint: number): string => at(this.offers, endpoint).model
    const mine = copies.filter(({ endpoint }) => models.includes(modelOf(endpoint)))
    if (mine.length === 0) return order
    const isMine = ({ endpoint }: Candidate): boolean => models.includes(modelOf(endpoint))
    const later = this.models.slice(this.models.indexOf(models.at(-1) as string) + 1)
    const first = order.findIndex(isMine)
    const next = order.findIndex(({ endpoint }) => later.includes(modelOf(endpoint)))
    const from = first >= 0 ? first : next >= 0 ? next : order.length
    const to = first >= 0 ? order.findLastIndex(isMine) + 1 : from
    const before = mine.filter(({ key }) => !key.is_fallback).map(candidateOf)
    const after = mine.filter(({ key }) => key.is_fallback).map(candidateOf)
    return [...order.slice(0, from), ...before, ...order.slice(from, to), ...after, ...order.slice(to)]
  }
}

function candidateOf({ endpoint, key }: Copy): Candidate {
  return { endpoint, score: key.sort_order, reason: `BYOK ${key.name}` }
}

function isOf({ provider }: ByokKey, offer: Offer): boolean {
  return provider === offer.provider || provider === offer.tag
}

/** Whether a key that counts keeps a shared endpoint out: its provider's, for the models of the key, or for all. */
function isLeftOut(offer: Offer, keys: readonly ByokKey[]): boolean {
  return keys.some((key) => {
    if (!isOf(key, offer)) return false
    const hasModel = key.allowed_models === undefined || key.allowed_models.includes(offer.model)
    return key.is_byok_only || (key.is_required && hasModel)
  })
}

/** Every filter of a key must match; one that names API keys or users matches nobody who calls without. */
function appliesTo(
  { allowed_api_keys: names, allowed_user_ids: users }: ByokKey,
  caller: KeySpec | undefined,
): boolean {
  if (names !== undefined && (caller === undefined || !names.includes(caller.name))) return false
  const user = caller?.creator_user_id
  return users === undefined || (user !== undefined && users.includes(user))
}
