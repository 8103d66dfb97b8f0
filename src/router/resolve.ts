/**
 * What a request half means, read once: the suffixes of its models, `route`, `service_tier` and `sort` as one answer to
 * who may serve, and in which order (openrouter.md §1.2, §1.10, §1.11, §2.1).
 *
 *   | asked                     | tiers that may serve            | order                                        |
 *   | ------------------------- | ------------------------------- | -------------------------------------------- |
 *   | nothing                   | default                         | load balancing                               |
 *   | `service_tier: priority`  | default, priority               | priority first, each group by throughput     |
 *   | `service_tier: flex`      | flex if there is any            | by price                                     |
 *   | `only`, `order`           | those that are named in full    | as ever, in `order` where it is given        |
 *   | `:nitro`                  | default, priority               | by throughput                                |
 *   | `:floor`                  | default, flex                   | by price                                     |
 *
 * `order` switches load balancing off, and the tiers that a suffix lets in; `service_tier: default` does the latter too.
 * An explicit `sort` goes before the order that a suffix or a tier brings along.
 */
import {
  readModelName,
  type DynamicSuffix,
  type Offer,
  type RequestHalf as WireHalf,
  type Tier,
} from '../protocol/index.ts'
import type { ProviderPreferences, RequestHalf } from './preferences.ts'
import { SORTS } from './strategies/index.ts'

export type SortBy = keyof typeof SORTS

/** A model of the request, and what its name says about who serves it. */
export interface ModelWish {
  readonly model: string
  readonly suffixes: readonly DynamicSuffix[]
}

export interface Intent {
  /** In order of preference, each once. */
  readonly wishes: readonly ModelWish[]
  readonly provider: ProviderPreferences
  /** `none`: endpoints of all models in one list. */
  readonly partition: 'model' | 'none'
  /** Slugs to try first; none for no order of its own. */
  readonly order: readonly string[]
  /** The tier that the request asks for. */
  readonly tier: Tier | null
  /** What the application calls itself; null where it does not say. */
  readonly app: string | null
}

const SORT_OF: Readonly<Partial<Record<DynamicSuffix, SortBy>>> = {
  nitro: 'throughput',
  floor: 'price',
  exacto: 'exacto',
}
const TIER_OF: Readonly<Partial<Record<DynamicSuffix, Tier>>> = { nitro: 'priority', floor: 'flex' }
const TIER_OF_SERVICE = {
  auto: null,
  default: 'default',
  fast: 'priority',
  flex: 'flex',
  priority: 'priority',
  scale: null,
} as const

/** `isOffered`: whether a model of that id is in the catalogue. */
export function resolve(half: RequestHalf, isOffered: (model: string) => boolean): Intent {
  const { provider, service_tier: service, route } = half
  const wishes: ModelWish[] = []
  for (const name of half.models) {
    const wish = readModelName(name, isOffered)
    if (!wishes.some(({ model }) => model === wish.model)) wishes.push(wish)
  }
  const { sort } = provider
  const asked = (typeof sort === 'object' ? sort?.partition : null) ?? (route === 'sort' ? 'none' : null)
  return {
    wishes,
    provider,
    partition: asked ?? 'model',
    order: provider.order ?? [],
    app: half.app ?? null,
    tier: service == null ? null : TIER_OF_SERVICE[service],
  }
}

/** The sort that a request asks for where it is served by this model; null for none. */
export function sortOf({ provider: { sort }, tier }: Intent, { suffixes }: ModelWish): SortBy | null {
  const explicit = typeof sort === 'object' ? sort?.by : sort
  if (explicit) return explicit
  for (const suffix of suffixes) {
    const by = SORT_OF[suffix]
    if (by !== undefined) return by
  }
  if (tier === 'priority') return 'throughput'
  return tier === 'flex' ? 'price' : null
}

/** Whether a request that does not name an endpoint admits its tier, whatever else may be against it. */
export function admitsTier(intent: Intent, { tier, model }: Pick<Offer, 'tier' | 'model'>): boolean {
  if (tier === 'default' || tier === intent.tier) return true
  if (intent.order.length > 0 || intent.tier === 'default') return false
  const wish = intent.wishes.find((candidate) => candidate.model === model)
  return wish?.suffixes.some((suffix) => TIER_OF[suffix] === tier) ?? false
}

/** The plugins of a request half; `:online` asks for one of them. */
export function pluginsOf({ models, plugins }: Half): Half['plugins'] {
  const isOnline = models.some((name) => readModelName(name).suffixes.includes('online'))
  if (!isOnline || plugins?.some(({ id }) => id === WEB)) return plugins
  return [...(plugins ?? []), { id: WEB }]
}

type Half = Pick<WireHalf, 'models' | 'plugins'>

const WEB = 'web'
