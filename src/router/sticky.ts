/**
 * Stickiness as OpenRouter has it (openrouter.md §6.2): a conversation stays with the endpoint whose prompt cache knows
 * it. This is the contract's; policies/stickiness.ts is ours, and takes its place where a policy has it.
 *
 *   key      account + model + conversation. A conversation is what the caller calls it (`session_id`, or else
 *            `prompt_cache_key`), or else its first system and user message
 *   begins   with the first answer, where it has a `session_id`; otherwise with the first that tells of a cache
 *   only     where reading from the cache is cheaper than the prompt price, and nobody asks for an `order`
 *   ends     after `sticky_idle` in which nobody went on with it, counted from the last success there. Another endpoint
 *            that answers meanwhile does not take it over
 *
 * All entries live equally long after they are touched, so the order of the map is the order in which they expire.
 */
import { at, type Millis } from '../base/index.ts'
import type { ChatRequest, Choices, Offer, Usage } from '../protocol/index.ts'

/** Conversations remembered at once; beyond that the one that nobody went on with for longest is forgotten. */
export const STICKY_MAX = 1_000_000

interface Stay {
  readonly endpoint: number
  readonly until: Millis
}

export class Sticky {
  private readonly offers: readonly Offer[]
  private readonly idleMs: Millis
  /** Index of the model of each endpoint, among all models. */
  private readonly models: readonly number[]
  private readonly modelCount: number
  private readonly stays = new Map<number | string, Stay>()

  constructor(offers: readonly Offer[], { sticky_idle: idleMs }: Choices) {
    const names = [...new Set(offers.map(({ model }) => model))]
    this.offers = offers
    this.idleMs = idleMs
    this.models = offers.map(({ model }) => names.indexOf(model))
    this.modelCount = names.length
  }

  /** How many conversations are remembered. */
  get size(): number {
    return this.stays.size
  }

  /** Where the conversation of a request stays, as far as this endpoint's model is concerned; -1 for nowhere. */
  stay(request: ChatRequest, endpoint: number, now: Millis): number {
    if (!isTurn(request)) return -1
    const stay = this.stays.get(this.key(request, endpoint))
    return stay === undefined || stay.until <= now ? -1 : stay.endpoint
  }

  /** An endpoint has answered. */
  answered(request: ChatRequest, endpoint: number, usage: Usage | null, now: Millis): void {
    if (!isTurn(request) || !readsCheaper(at(this.offers, endpoint))) return
    this.forgetExpired(now)
    const key = this.key(request, endpoint)
    const stay = this.stays.get(key)
    if (stay === undefined) {
      const usedCache = (usage?.cachedInputTokens ?? 0) > 0 || (usage?.writtenInputTokens ?? 0) > 0
      if (!usedCache && request.conversation?.by !== 'session_id') return
    } else if (stay.endpoint !== endpoint) return
    else this.stays.delete(key)
    this.stays.set(key, { endpoint, until: now + this.idleMs })
    if (this.stays.size > STICKY_MAX) this.forgetFirst()
  }

  private forgetExpired(now: Millis): void {
    for (const [key, { until }] of this.stays) {
      if (until > now) return
      this.stays.delete(key)
    }
  }

  private forgetFirst(): void {
    for (const key of this.stays.keys()) {
      this.stays.delete(key)
      return
    }
  }

  private key({ conversation, session }: ChatRequest, endpoint: number): number | string {
    const model = at(this.models, endpoint)
    return conversation === undefined ? session!.key * this.modelCount + model : `${model} ${conversation.id}`
  }
}

/** Whether a request belongs to a conversation at all. */
function isTurn({ conversation, session }: ChatRequest): boolean {
  return session !== null || conversation !== undefined
}

/** Whether a prompt that is read from the cache costs less there. */
export function readsCheaper({ price }: Offer): boolean {
  return price.cacheReadNanoPerKTok < price.inputNanoPerKTok
}
