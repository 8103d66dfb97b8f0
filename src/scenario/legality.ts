/** Whether an attempt was legal under a policy: the oracle behind `policy_violations`. */
import type { IsLegal } from '../gates/index.ts'
import type { EndpointSpec } from '../protocol/index.ts'
import type { Policy, Rule } from '../router/index.ts'

type Half = Pick<Policy, 'models' | 'provider'>

/**
 * The oracle that says whether an attempt was legal under its workflow's policy. Written from the contract and apart
 * from the router's funnel on purpose: what checks the router must not be the router.
 */
export function legality(
  policies: readonly Policy[],
  workflowPolicies: readonly number[],
  endpoints: readonly EndpointSpec[],
): IsLegal {
  // One list of verdicts for the policy's own half, and one for each of its rules.
  const verdicts = policies.map((policy) =>
    [policy, ...policy.rules.map((rule) => asked(policy, rule))].map((half) =>
      endpoints.map((spec) => violation(half, spec)),
    ),
  )
  return (_request, workflow, endpoint, rule) => {
    const policy = workflowPolicies[workflow]
    return policy === undefined ? null : (verdicts[policy]?.[1 + rule]?.[endpoint] ?? null)
  }
}

/** What a policy asks for where one of its rules applies. */
function asked(policy: Policy, { use }: Rule): Half {
  return { models: use.models, provider: Object.assign({}, policy.provider, use.provider) }
}

export function violation({ models, provider: asked }: Half, spec: EndpointSpec): string | null {
  const names = [spec.provider, spec.tag, spec.name]
  const isNamed = (list: readonly string[]): boolean => list.some((name) => names.includes(name))
  const cap = asked.max_price
  if (!models.includes(spec.model)) return `model ${spec.model} is not in the policy`
  if (asked.only && !isNamed(asked.only)) return `provider ${spec.provider} is not in \`only\``
  if (asked.ignore && isNamed(asked.ignore)) return `provider ${spec.provider} is in \`ignore\``
  if (asked.data_collection === 'deny' && spec.data_collection === 'allow')
    return `provider ${spec.provider} keeps prompts`
  if (asked.zdr === true && !spec.zdr) return `endpoint of ${spec.provider} has no zero data retention`
  if (asked.allow_fallbacks === false && asked.order && asked.order.length > 0 && !isNamed(asked.order)) {
    return `provider ${spec.provider} is not in \`order\`, and fallbacks are off`
  }
  if (cap?.prompt != null && spec.price.input > cap.prompt) return 'prompt price above max_price'
  if (cap?.completion != null && spec.price.output > cap.completion) return 'completion price above max_price'
  return null
}
