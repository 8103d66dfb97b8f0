/**
 * Context compression (openrouter.md §7.1): where a prompt is too long for an endpoint, its middle is cut out. The plugin
 * `context-compression` switches that on or off; without it, it is on for endpoints with a small context.
 *
 *   | the request, or its account, says | the middle is cut out for                |
 *   | --------------------------------- | ---------------------------------------- |
 *   | nothing                           | endpoints of at most 8,192 tokens        |
 *   | that it is on                     | all                                      |
 *   | `enabled: false`                  | none                                     |
 *
 * An endpoint is considered if it takes half of what prompt and answer need; if none does, the one that takes most. Of
 * more messages than Claude's models take, half are kept from each end.
 */
import type { Millis } from '../base/index.ts'
import type { PromptChanged } from '../ledger/index.ts'
import {
  changed,
  CLAUDE_MESSAGES_MAX,
  COMPRESSED_UP_TO,
  pluginSaid,
  type Call,
  type ChatRequest,
  type Offer,
  type PluginsSpec,
  type RequestWishes,
} from '../protocol/index.ts'

const PLUGIN = 'context-compression'

export class Compression {
  private readonly isForAll: boolean
  /** What was made of requests, by what was left of them: asked several times for one attempt. */
  private readonly known = new WeakMap<ChatRequest, Map<number, ChatRequest>>()

  /** null: it cuts nothing for any of these endpoints. */
  static of({ plugins }: RequestWishes, offers: readonly Offer[], account: PluginsSpec): Compression | null {
    const said = pluginSaid(PLUGIN, plugins, account)
    if (said?.enabled === false) return null
    const compression = new Compression(said !== undefined)
    return offers.some((offer) => compression.cutsFor(offer)) ? compression : null
  }

  private constructor(isForAll: boolean) {
    this.isForAll = isForAll
  }

  cutsFor({ contextLength }: Offer): boolean {
    return this.isForAll || contextLength <= COMPRESSED_UP_TO
  }

  /** Whether enough of a prompt is left where prompt and answer need so much, and the answer so much of it. */
  reaches(offer: Offer, needed: number, output: number): boolean {
    return this.leaves(offer, output) && needed <= 2 * offer.contextLength
  }

  /** Whether it leaves anything at all. */
  leaves(offer: Offer, output: number): boolean {
    return this.cutsFor(offer) && output < offer.contextLength && output <= offer.maxOutput
  }

  /** A request as it goes to an endpoint: itself, if it is not too long. */
  fit(request: ChatRequest, offer: Offer): ChatRequest {
    if (!this.cutsFor(offer)) return request
    const { inputTokens, maxTokens, session } = request
    const { messages = 0 } = session ?? {}
    const isCrowded = messages > CLAUDE_MESSAGES_MAX && isClaude(offer.model)
    const room = offer.contextLength - (maxTokens ?? 0)
    if ((inputTokens <= room || room < 1) && !isCrowded) return request
    const left = isCrowded ? (session?.tokensOfEnds?.(CLAUDE_MESSAGES_MAX) ?? inputTokens) : inputTokens
    const tokens = room < 1 ? left : Math.min(left, room)
    const key = isCrowded ? -tokens : tokens
    let cuts = this.known.get(request)
    if (cuts === undefined) this.known.set(request, (cuts = new Map()))
    let cut = cuts.get(key)
    if (cut === undefined) cuts.set(key, (cut = cutTo(tokens, isCrowded ? CLAUDE_MESSAGES_MAX : null, request)))
    return cut
  }
}

/** What a prompt cache may know of it ends where the cut is. */
function cutTo(inputTokens: number, messagesMax: number | null, request: ChatRequest): ChatRequest {
  const { session } = request
  const head = Math.floor(inputTokens / 2)
  return changed(request, {
    inputTokens,
    cut: { messagesMax },
    ...(session !== null && {
      session: { key: session.key, turn: session.turn, prefixTokens: Math.min(session.prefixTokens, head) },
    }),
  })
}

/** Note on a call that its prompt was cut; of several attempts the last counts. Returns what the ledger is told. */
export function tellCompression(
  call: Call,
  { id, inputTokens: before }: ChatRequest,
  { inputTokens: after }: ChatRequest,
  endpoint: number,
  now: Millis,
): PromptChanged {
  const data = { engine: 'middle-out', tokens_before: before, tokens_after: after }
  const others = (call.pipeline ?? []).filter(({ name }) => name !== PLUGIN)
  call.pipeline = [...others, { type: 'context_compression', name: PLUGIN, data }]
  return {
    kind: 'prompt.changed',
    at: now,
    request: id,
    call: call.number,
    by: 'context_compression',
    endpoint,
    tokensBefore: before,
    tokensAfter: after,
    found: 0,
    hasFailed: false,
    cost: 0,
  }
}

function isClaude(model: string): boolean {
  return model.includes('claude')
}
