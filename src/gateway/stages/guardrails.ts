/**
 * Guardrails at the door (openrouter.md §8.2): what a prompt holds that it must not, and what has been spent under them.
 * Whom they let serve is a matter of the funnel.
 */
import type { CallFailure } from '../../protocol/index.ts'
import { GuardrailBudgets } from '../guardrail-budgets.ts'
import { Guardrails } from '../guardrails.ts'
import { guardrailSpent } from '../refusals.ts'
import type { Stage, StageOptions } from '../stage.ts'

const INJECTION = 'regex-prompt-injection'

export function guardrails({ gateway }: StageOptions): Stage | null {
  if (gateway.guardrails === undefined) return null
  const rules = new Guardrails(gateway)
  const budgets = new GuardrailBudgets(gateway)
  return {
    admit(call, now) {
      const unixMs = gateway.epoch + now
      const limit = budgets.reached(rules.of(call.caller), call.caller, unixMs)
      if (limit !== null) return { do: 'refuse', failure: guardrailSpent(limit, unixMs) }
      const found = call.contains ?? call.request.traits.contains ?? NOTHING
      if (found.length === 0) return null
      for (const { label, action } of rules.filtersFor(call.caller)) {
        if (!found.includes(label)) continue
        if (action === 'block') return { do: 'refuse', failure: blocked(label) }
        const data = { label, action }
        call.pipeline = [...(call.pipeline ?? []), { type: 'guardrail', name: 'content-filter', data }]
      }
      return null
    },

    settle({ caller, summary, ownKeyCost: own = 0 }, now) {
      const paid = summary?.billed ?? 0
      if (paid + own > 0) budgets.spend(rules.of(caller), caller, { paid, own }, gateway.epoch + now)
    },
  }
}

const NOTHING: readonly string[] = []

function blocked(label: string): CallFailure {
  const isInjection = label === INJECTION
  const message = isInjection
    ? 'Request blocked: prompt injection patterns detected'
    : `Request blocked by content filter: [${label.toUpperCase()}]`
  const metadata = { provider_name: null, ...(isInjection && { patterns: [label] }) }
  return {
    class: 'permission_denied',
    status: 403,
    retryAfterMs: null,
    message,
    detail: { availability: null, metadata },
  }
}
