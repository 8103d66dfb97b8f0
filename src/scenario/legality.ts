/** Whether an attempt was legal under a policy: the oracle behind `policy_violations`. */
import type { IsLegal } from '../gates/index.ts'
import { readModelName, type EndpointSpec } from '../protocol/index.ts'
import type { Policy, Rule } from '../router/index.ts'

type Half = Pick<Policy, 'models' | 'provider' | 'service_tier'>

/**
 * The oracle that says whether an attempt was legal under its workflow's policy. Written from the contract and apart
 * from the router's funnel on purpose: what checks the router must not be the router.
 */
export function legality(
  policies: readonly Policy[],
  workflowPolicies: readonly number[],
  endpoints: readonly EndpointSpec[],
): IsLegal {
  // By policy; by rule, its own half first; by rung, the whole answer first; by endpoint.
  const verdicts = policies.map((policy) =>
    halvesOf(policy).map((rungs) => rungs.map((half) => endpoints.map((spec) => violation(half, spec)))),
  )
  return (_request, workflow, endpoint, rule, rung) => {
    const policy = workflowPolicies[workflow]
    return policy === undefined ? null : (verdicts[policy]?.[1 + rule]?.[rung]?.[endpoint] ?? null)
  }
}

/** Which endpoints a policy allows for some request or other. */
export function reachable(policy: Policy, endpoints: readonly EndpointSpec[]): boolean[] {
  const halves = halvesOf(policy).flat()
  return endpoints.map((spec) => halves.some((half) => violation(half, spec) === null))
}

/** What a policy asks for: by rule, its own half first; by rung, the whole answer first. */
function halvesOf(policy: Policy): Half[][] {
  return [policy, ...policy.rules.map((rule) => asked(policy, rule))].map((half) =>
    [half.models, ...rungModels(policy, half.models)].map((models) => ({ ...half, models: [...models] })),
  )
}

/** Rungs of the ladder may name models of their own; whatever else the policy forbids, they keep to. */
function rungModels(policy: Policy, models: readonly string[]): (readonly string[])[] {
  return (policy.resilience.degrade ?? []).map((line) => ('models' in line ? (line.models as string[]) : models))
}

/** What a policy asks for where one of its rules applies. */
function asked(policy: Policy, { use }: Rule): Half {
  const provider = Object.assign({}, policy.provider, use.provider)
  return { models: use.models, provider, service_tier: policy.service_tier }
}

export function violation(half: Half, spec: EndpointSpec): string | null {
  const { provider: asked } = half
  const names = [spec.provider, spec.tag, spec.name]
  const isNamed = (list: readonly string[]): boolean => list.some((name) => names.includes(name))
  const cap = asked.max_price
  const named = half.models.filter((name) => name === spec.model || readModelName(name).model === spec.model)
  if (named.length === 0) return `model ${spec.model} is not in the policy`
  if (spec.tier !== 'default' && !asksForTier(half, named, spec)) return `nobody asked for the tier ${spec.tier}`
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

/** Tiers of service are asked for by name, for the whole request, or by the suffix of a model. */
function asksForTier(half: Half, named: readonly string[], { tier, tag }: EndpointSpec): boolean {
  const { provider, service_tier: service } = half
  if (tag !== undefined && (provider.only?.includes(tag) || provider.order?.includes(tag))) return true
  if (service === tier || (service === 'fast' && tier === 'priority')) return true
  if (service === 'default' || (provider.order ?? []).length > 0) return false
  const suffix = tier === 'priority' ? 'nitro' : 'floor'
  return named.some((name) => readModelName(name).suffixes.includes(suffix))
}
