/**
 * Guardrails at the door (openrouter.md §8.2): what a prompt holds that it must not. Whom they let serve is a matter of the
 * funnel, what may be spent under them one of the account.
 */
import type { CallFailure } from '../../protocol/index.ts'
import { Guardrails } from '../guardrails.ts'
import type { Stage, StageOptions } from '../stage.ts'

const INJECTION = 'regex-prompt-injection'

export function guardrails({ gateway }: StageOptions): Stage | null {
  if (gateway.guardrails === undefined) return null
  const rules = new Guardrails(gateway)
  return {
    admit(call) {
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
