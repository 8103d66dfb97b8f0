/**
 * What an account is told of itself: `/key`, `/credits` and `/generation` (openrouter.md §4.7, §4.8), from the fold over
 * the ledger. Amounts are US dollars, as published; the sums behind them are nano-dollars.
 */
import type { Millis } from '../base/index.ts'
import type { Generation, Generations } from '../ledger/index.ts'
import {
  boughtBy,
  DATA_REGIONS,
  DEFAULT_WORKSPACE,
  FREE_HIGH_FROM_USD,
  FREE_PER_DAY,
  FREE_PER_DAY_HIGH,
  generationId,
  guardrailsFor,
  isoOf,
  readGenerationId,
  type GatewaySpec,
  type NanoDollars,
  type Offer,
} from '../protocol/index.ts'
import { activityOf } from './activity.ts'

export interface AccountPagesOptions {
  readonly gateway: GatewaySpec
  readonly offers: readonly Offer[]
  readonly generations: Generations
}

/** A page, or why there is none. */
export type Page = { readonly data: object } | { readonly status: number; readonly message: string }

export class AccountPages {
  private readonly options: AccountPagesOptions

  constructor(options: AccountPagesOptions) {
    this.options = options
  }

  /** `GET /generation?id=…`: not at once, where `choices.generation_delay` says so. */
  generation(id: string, now: Millis): Page {
    const { generations, gateway } = this.options
    const place = readGenerationId(id)
    const found = place === null ? null : generations.of(place.request, place.call)
    if (found === null || now < found.closedAt + gateway.choices.generation_delay) {
      return { status: 404, message: `Generation ${id} not found` }
    }
    return { data: this.told(found) }
  }

  /** `GET /key`: the key that asks; null for somebody without one, where the gateway has none. */
  key(index: number | null, now: Millis): Page {
    const { generations, gateway } = this.options
    const spec = index === null ? undefined : gateway.keys?.[index]
    const sums = generations.ofKey(index ?? -1, now)
    const limit = spec?.limit ?? null
    const counted = { daily: sums.daily, weekly: sums.weekly, monthly: sums.monthly, lifetime: sums.total }[
      spec?.limit_reset ?? 'lifetime'
    ]
    const spent = counted.cost + (spec?.include_byok_in_limit ? counted.byok : 0)
    const isNew = this.bought(now) < FREE_HIGH_FROM_USD * 1e9
    const freeLimit = isNew ? FREE_PER_DAY : FREE_PER_DAY_HIGH
    const freeUsed = generations.freeRequests(now)
    return {
      data: {
        label: spec?.title ?? spec?.name ?? 'anybody',
        limit: limit === null ? null : usd(limit),
        limit_remaining: limit === null ? null : usd(limit - spent),
        limit_reset: spec?.limit_reset ?? null,
        include_byok_in_limit: spec?.include_byok_in_limit ?? false,
        usage: usd(sums.total.cost),
        usage_daily: usd(sums.daily.cost),
        usage_weekly: usd(sums.weekly.cost),
        usage_monthly: usd(sums.monthly.cost),
        byok_usage: usd(sums.total.byok),
        byok_usage_daily: usd(sums.daily.byok),
        byok_usage_weekly: usd(sums.weekly.byok),
        byok_usage_monthly: usd(sums.monthly.byok),
        is_free_tier: this.bought(now) === 0,
        is_management_key: spec?.management ?? false,
        is_provisioning_key: spec?.management ?? false,
        expires_at: spec?.expires_at === undefined ? null : isoOf(spec.expires_at),
        creator_user_id: spec?.creator_user_id ?? null,
        organization_id: null,
        workspace_id: spec?.workspace ?? DEFAULT_WORKSPACE,
        allowed_data_regions: this.regionsFor(index),
        free_model_daily_requests: {
          used: freeUsed,
          limit: freeLimit,
          remaining: Math.max(0, freeLimit - freeUsed),
        },
        rate_limit: { requests: -1, interval: '10s', note: 'This field is deprecated and safe to ignore.' },
      },
    }
  }

  /** `GET /credits`, for management keys. */
  credits(now: Millis): Page {
    const used = (this.options.gateway.account?.used ?? 0) + this.options.generations.all.cost
    return { data: { total_credits: usd(this.bought(now)), total_usage: usd(used) } }
  }

  /** `GET /activity`, for management keys. `placeOf`: of the key with a hash. */
  activity(query: unknown, placeOf: (hash: string) => number, now: Millis): Page {
    const { gateway, offers, generations } = this.options
    const { keys = [], epoch } = gateway
    return activityOf({ usage: generations.activity(), offers, keys, placeOf, unixMs: epoch + now }, query)
  }

  /** Where prompts of a key may be processed: what the account and all its guardrails allow. `global` is anywhere. */
  private regionsFor(index: number | null): readonly string[] {
    const { gateway } = this.options
    const guardrails = guardrailsFor(gateway, index === null ? null : { key: index })
    const lists = [gateway.account, ...guardrails].flatMap((restraint) =>
      restraint?.allowed_data_regions === undefined ? [] : [restraint.allowed_data_regions],
    )
    return DATA_REGIONS.filter((region) => lists.every((list) => list.includes(region) || list.includes('global')))
  }

  private bought(now: Millis): NanoDollars {
    const { account } = this.options.gateway
    // An account that pays by invoice has bought whatever it needs.
    if (account?.credits === undefined) return account === undefined ? 0 : FREE_HIGH_FROM_USD * 1e9
    return boughtBy(account, now)
  }

  private told(found: Generation): object {
    const { offers, gateway } = this.options
    const { request, call, startedAt, closedAt, firstContentAt, outcome, servedBy, responses, bill, billed } = found
    const { retrieved, note } = found
    const offer = offers[servedBy]
    const cached = bill?.cachedInputTokens ?? 0
    const id = generationId(request, call)
    const referer = note?.httpReferer ?? null
    const finish =
      outcome === 'ok'
        ? (note?.finish?.reason ?? 'stop')
        : outcome === 'partial'
          ? 'length'
          : outcome === 'cancelled'
            ? null
            : 'error'
    return {
      id,
      request_id: `req-${request.toString(36)}`,
      upstream_id: null,
      model: offer?.model ?? '',
      router: note?.router ?? null,
      provider_name: offer?.providerName ?? null,
      provider_responses: responses.map(({ endpoint, status, latencyMs }, index) => ({
        endpoint_id: offers[endpoint]?.id ?? '',
        id: `${id}-${index}`,
        is_byok: offers[endpoint]?.byok != null,
        latency: Math.round(latencyMs),
        model_permaslug: offers[endpoint]?.model ?? '',
        provider_name: offers[endpoint]?.providerName ?? '',
        ...(offers[endpoint]?.tier !== 'default' && { routed_service_tier: offers[endpoint]?.tier }),
        status,
      })),
      created_at: isoOf(gateway.epoch + startedAt),
      api_type: 'completions',
      streamed: found.stream,
      cancelled: outcome === 'cancelled',
      latency: firstContentAt === null ? null : Math.round(firstContentAt - startedAt),
      moderation_latency: null,
      generation_time: Math.round(closedAt - (firstContentAt ?? startedAt)),
      finish_reason: finish,
      native_finish_reason: outcome === 'ok' ? (note?.finish?.native ?? finish) : finish,
      tokens_prompt: found.inputTokens,
      tokens_completion: found.outputTokens,
      native_tokens_prompt: found.inputTokens,
      native_tokens_completion: found.outputTokens,
      native_tokens_reasoning: bill?.rarities?.reasoningTokens ?? 0,
      native_tokens_cached: cached,
      native_tokens_completion_images: null,
      num_input_audio_prompt: null,
      num_media_prompt: bill?.rarities?.images ?? null,
      num_media_completion: null,
      num_search_results: retrieved.searchResults,
      num_fetches: retrieved.fetches,
      usage: usd(billed),
      total_cost: usd(billed),
      upstream_inference_cost: bill?.isByok === true ? usd(bill.listCost) : 0,
      cache_discount: bill?.cacheDiscount === undefined ? null : usd(bill.cacheDiscount),
      is_byok: bill?.isByok ?? false,
      origin: referer !== null && URL.canParse(referer) ? new URL(referer).origin : '',
      http_referer: referer,
      user_agent: note?.userAgent ?? null,
      app_id: null,
      external_user: note?.externalUser ?? null,
      session_id: note?.sessionId ?? null,
      preset_id: note?.presetId ?? null,
      workspace_id: gateway.keys?.[bill?.key ?? -1]?.workspace ?? DEFAULT_WORKSPACE,
      data_region: 'global',
      service_tier: offer?.tier ?? null,
      web_search_engine: retrieved.searchResults === null ? null : (gateway.search?.engine ?? null),
      response_cache_source_id: note?.cachedFrom ?? null,
    }
  }
}

function usd(nanos: NanoDollars): number {
  return nanos / 1e9
}
