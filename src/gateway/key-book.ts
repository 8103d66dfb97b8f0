/**
 * The API keys of a gateway that stands: listed, made, changed and taken away by whoever has a management key
 * (openrouter.md §8.4). The keys of the fleet file are there from the beginning; management keys are not listed, and
 * are not changed here. Keys keep their places: what the ledger calls key 3 is never another.
 */
import { z } from 'zod'
import type { Millis } from '../base/index.ts'
import type { Generations } from '../ledger/index.ts'
import {
  DEFAULT_WORKSPACE,
  isoOf,
  KEY_RESETS,
  utcInstant,
  type GatewaySpec,
  type Interval,
  type KeySpec,
} from '../protocol/index.ts'
import type { Page } from './account-pages.ts'
import type { Accounts } from './accounts.ts'

const KEYS_MAX = 10_000
const PAGE = 100
const NAME_MAX = 256

const limit = z.number().min(0).max(1_000_000).nullish()
const limitReset = z.enum(KEY_RESETS).nullish()
const name = z.string().min(1).max(NAME_MAX)

const createBody = z.object({
  name,
  limit,
  limit_reset: limitReset,
  include_byok_in_limit: z.boolean().optional(),
  expires_at: utcInstant().nullish(),
  workspace_id: z.string().optional(),
  creator_user_id: z.string().min(1).max(128).nullish(),
  external: z.object({ user: z.string().min(1).max(256) }).optional(),
})

const updateBody = z.object({
  name: name.optional(),
  disabled: z.boolean().optional(),
  limit,
  limit_reset: limitReset,
  include_byok_in_limit: z.boolean().optional(),
})

const listQuery = z.object({
  offset: z.coerce.number().int().min(0).default(0),
  include_disabled: z.enum(['true', 'false']).default('false'),
  workspace_id: z.string().default(DEFAULT_WORKSPACE),
})

export interface KeyBookOptions {
  /** Its `keys` are changed: it must be nobody else's. */
  readonly gateway: GatewaySpec
  readonly generations: Generations
  readonly accounts: Accounts | undefined
  /** A secret that nobody has yet, and what stands for a secret where it is told of. */
  readonly newSecret: () => string
  readonly hashOf: (secret: string) => string
}

/** The gateway as it stands: with keys of its own, which may be changed. */
export function standing(gateway: GatewaySpec): GatewaySpec {
  return gateway.keys === undefined ? gateway : { ...gateway, keys: [...gateway.keys] }
}

/** What is known of a key besides. */
interface KeyRecord {
  readonly hash: string
  readonly createdAt: number
  updatedAt: number | null
  readonly externalUser: string | null
}

/** A page, or what is told of what was done. */
export type Told = Page | { readonly status: 200 | 201; readonly body: object }

export class KeyBook {
  private readonly options: KeyBookOptions
  private readonly keys: KeySpec[]
  /** By place. */
  private readonly records: KeyRecord[]

  constructor(options: KeyBookOptions) {
    const { gateway, hashOf } = options
    this.options = options
    this.keys = gateway.keys ?? []
    this.records = this.keys.map(({ secret }) => recordOf(hashOf(secret), gateway.epoch, null))
  }

  /** `GET /keys`: the newest first, a hundred at a time. */
  list(query: unknown, now: Millis): Told {
    const asked = listQuery.safeParse(query)
    if (!asked.success) return problemOf(asked.error)
    const { offset, include_disabled: all, workspace_id: workspace } = asked.data
    const places = this.keys
      .map((_, place) => place)
      .filter((place) => this.isListed(place))
      .filter((place) => this.keys[place]?.workspace === workspace && (all === 'true' || !this.keys[place].disabled))
    const age = (place: number): number => -(this.records[place] as KeyRecord).createdAt
    const page = places.toSorted((left, right) => age(left) - age(right)).slice(offset, offset + PAGE)
    return { data: page.map((place) => this.told(place, now)) }
  }

  /** `GET /keys/{hash}`. */
  get(hash: string, now: Millis): Told {
    const place = this.placeOf(hash)
    return place < 0 ? UNKNOWN : { data: this.told(place, now) }
  }

  /** `POST /keys`: the only time that the secret is told. */
  create(body: unknown, now: Millis): Told {
    const asked = createBody.safeParse(body)
    if (!asked.success) return problemOf(asked.error)
    const { data } = asked
    const { gateway, accounts, newSecret, hashOf } = this.options
    const { workspace_id: workspace = DEFAULT_WORKSPACE, limit: usd, expires_at: expiresAt } = data
    if (workspace !== DEFAULT_WORKSPACE && !Object.hasOwn(gateway.account?.workspaces ?? {}, workspace)) {
      return { status: 400, message: `workspace_id: there is no workspace "${workspace}"` }
    }
    if (usd == null && data.limit_reset != null) return NOTHING_TO_RESET
    if (this.keys.length >= KEYS_MAX) return { status: 400, message: `There are ${KEYS_MAX} keys already` }
    const secret = newSecret()
    const hash = hashOf(secret)
    const place = this.keys.length
    this.keys.push({
      // What guardrails and keys of one's own are assigned by: no key of the fleet file is called so.
      name: hash,
      title: data.name,
      secret,
      ...(data.creator_user_id != null && { creator_user_id: data.creator_user_id }),
      ...(usd != null && { limit: nanosOf(usd) }),
      ...(data.limit_reset != null && { limit_reset: data.limit_reset }),
      ...(expiresAt != null && { expires_at: expiresAt }),
      disabled: false,
      management: false,
      workspace,
      include_byok_in_limit: data.include_byok_in_limit ?? false,
    })
    this.records.push(recordOf(hash, gateway.epoch + now, data.external?.user ?? null))
    accounts?.keyChanged(place, () => 0, now)
    return { status: 201, body: { data: this.told(place, now), key: secret } }
  }

  /** `PATCH /keys/{hash}`: what is not said stays as it is. */
  update(hash: string, body: unknown, now: Millis): Told {
    const place = this.placeOf(hash)
    if (place < 0) return UNKNOWN
    const asked = updateBody.safeParse(body)
    if (!asked.success) return problemOf(asked.error)
    const { data } = asked
    const before = this.keys[place] as KeySpec
    const usd = data.limit === undefined ? before.limit : data.limit === null ? undefined : nanosOf(data.limit)
    const reset = data.limit_reset === undefined ? before.limit_reset : (data.limit_reset ?? undefined)
    if (usd === undefined && data.limit_reset != null) return NOTHING_TO_RESET
    const { limit: _limit, limit_reset: _reset, ...others } = before
    this.keys[place] = {
      ...others,
      ...(data.name !== undefined && { title: data.name }),
      ...(usd !== undefined && { limit: usd, ...(reset !== undefined && { limit_reset: reset }) }),
      disabled: data.disabled ?? before.disabled,
      include_byok_in_limit: data.include_byok_in_limit ?? before.include_byok_in_limit,
    }
    const record = this.records[place] as KeyRecord
    record.updatedAt = this.options.gateway.epoch + now
    this.options.accounts?.keyChanged(place, (interval) => this.spentIn(interval, place, now), now)
    return { data: this.told(place, now) }
  }

  /** `DELETE /keys/{hash}`: whoever calls with it from now on is a stranger. */
  remove(hash: string): Told {
    const place = this.placeOf(hash)
    if (place < 0) return UNKNOWN
    this.keys[place] = { ...(this.keys[place] as KeySpec), isDeleted: true }
    return { status: 200, body: { deleted: true } }
  }

  /** -1: there is none. */
  placeOf(hash: string): number {
    return this.records.findIndex((record, place) => record.hash === hash && this.isListed(place))
  }

  private isListed(place: number): boolean {
    const key = this.keys[place]
    return key !== undefined && key.isDeleted !== true && !key.management
  }

  private spentIn(interval: Interval, place: number, now: Millis): number {
    const { total, daily, weekly, monthly } = this.options.generations.ofKey(place, now)
    const { cost, byok } = { daily, weekly, monthly, lifetime: total }[interval]
    return cost + (this.keys[place]?.include_byok_in_limit === true ? byok : 0)
  }

  private told(place: number, now: Millis): object {
    const key = this.keys[place] as KeySpec
    const { hash, createdAt, updatedAt, externalUser } = this.records[place] as KeyRecord
    const { total, daily, weekly, monthly } = this.options.generations.ofKey(place, now)
    const title = key.title ?? key.name
    const left = key.limit === undefined ? null : key.limit - this.spentIn(key.limit_reset ?? 'lifetime', place, now)
    return {
      hash,
      name: title,
      label: title,
      disabled: key.disabled,
      limit: key.limit === undefined ? null : key.limit / NANO,
      limit_remaining: left === null ? null : left / NANO,
      limit_reset: key.limit_reset ?? null,
      include_byok_in_limit: key.include_byok_in_limit,
      usage: total.cost / NANO,
      usage_daily: daily.cost / NANO,
      usage_weekly: weekly.cost / NANO,
      usage_monthly: monthly.cost / NANO,
      byok_usage: total.byok / NANO,
      byok_usage_daily: daily.byok / NANO,
      byok_usage_weekly: weekly.byok / NANO,
      byok_usage_monthly: monthly.byok / NANO,
      created_at: isoOf(createdAt),
      updated_at: updatedAt === null ? null : isoOf(updatedAt),
      expires_at: key.expires_at === undefined ? null : isoOf(key.expires_at),
      creator_user_id: key.creator_user_id ?? null,
      workspace_id: key.workspace,
      external_user: externalUser,
    }
  }
}

const NANO = 1e9
const UNKNOWN = { status: 404, message: 'API key not found' } as const
const NOTHING_TO_RESET = { status: 400, message: 'limit_reset: there is no limit to reset' } as const

function nanosOf(usd: number): number {
  return Math.round(usd * NANO)
}

function recordOf(hash: string, createdAt: number, externalUser: string | null): KeyRecord {
  return { hash, createdAt, updatedAt: null, externalUser }
}

function problemOf({ issues: [issue] }: z.ZodError): Page {
  const where = issue === undefined ? '' : issue.path.join('.')
  return { status: 400, message: `${where === '' ? 'body' : where}: ${issue?.message ?? 'is not valid'}` }
}
