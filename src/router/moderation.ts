/**
 * The gateway's moderation (openrouter.md §2.2, §3.6): a prompt that it flags never reaches an endpoint that is moderated,
 * and the next one is asked; with the plugin `moderation` it reaches nobody. Nothing is charged for either.
 */
import { pluginUse, type Call, type GatewaySpec, type Offer, type RequestWishes } from '../protocol/index.ts'
import type { Failure } from './failures.ts'

const PLUGIN = 'moderation'
const NOTHING: readonly string[] = []

export class Moderation {
  /** Whether a request with a flagged prompt is refused, whoever would serve it. */
  readonly isForAll: boolean
  private readonly reasons: ReadonlySet<string>

  /** null: nobody moderates for any of these endpoints. */
  static of({ plugins }: RequestWishes, offers: readonly Offer[], gateway: GatewaySpec): Moderation | null {
    if (gateway.moderation === undefined) return null
    const isForAll = pluginUse(PLUGIN, plugins, gateway.plugins) !== null
    if (!isForAll && !offers.some(({ isModerated }) => isModerated)) return null
    return new Moderation(isForAll, new Set(Object.keys(gateway.moderation.reasons)))
  }

  private constructor(isForAll: boolean, reasons: ReadonlySet<string>) {
    this.isForAll = isForAll
    this.reasons = reasons
  }

  /** What a caller is told if a call may not go to an endpoint; null: it may. Noted on the call. */
  objection(call: Call, { isModerated }: Offer): Failure | null {
    if (!this.isForAll && !isModerated) return null
    const contains = call.contains ?? call.request.traits.contains ?? NOTHING
    const reasons = contains.filter((label) => this.reasons.has(label))
    if (reasons.length === 0) return null
    const others = (call.pipeline ?? []).filter(({ name }) => name !== PLUGIN)
    call.pipeline = [...others, { type: 'plugin', name: PLUGIN, data: { flagged: true, reasons } }]
    return { class: 'content_policy', status: 403, retryAfterMs: null, message: 'the prompt was flagged', reasons }
  }
}
