/** Which models somebody may ask for, whatever the request: what the account, guardrails and his key leave of a fleet. */
import { PLAIN_CHAT, type Caller, type GatewaySpec, type Offer } from '../protocol/index.ts'
import { Funnel } from './eligibility.ts'
import { resolve } from './resolve.ts'
import { TermsByCaller, termsOf } from './terms.ts'

const PLAIN_REQUEST = { shape: PLAIN_CHAT, inputTokens: 0, maxTokens: null }

export class AllowedModels {
  private readonly models: readonly string[]
  private readonly callers: TermsByCaller

  constructor(offers: readonly Offer[], gateway: GatewaySpec) {
    this.models = [...new Set(offers.map(({ model }) => model))]
    this.callers = new TermsByCaller(termsOf(offers, gateway))
  }

  /** Those of which an endpoint is left for a plain request. */
  of(caller: Caller | null): ReadonlySet<string> {
    const terms = this.callers.of(caller)
    const isAllowed = (model: string): boolean => {
      const intent = resolve({ models: [model], provider: {} }, (id) => this.models.includes(id))
      const { eligible, copies } = new Funnel(intent, terms).of(PLAIN_REQUEST)
      return eligible.length + copies.length > 0
    }
    return new Set(this.models.filter(isAllowed))
  }
}
