/** Whether an attempt was legal under a policy: the oracle behind `policy_violations` and `decision_legality`. */
import type { IsLegal } from '../gates/index.ts'
import type { Asked } from '../ledger/index.ts'
import {
  COMPRESSED_UP_TO,
  PLAIN_GATEWAY,
  pluginSaid,
  readModelName,
  type EndpointSpec,
  type GatewaySpec,
} from '../protocol/index.ts'
import type { Policy, Rule } from '../router/index.ts'

type Half = Pick<Policy, 'provider' | 'service_tier' | 'app' | 'plugins'> & { readonly models: readonly string[] }

/**
 * The oracle that says whether an attempt was legal under its workflow's policy. Written from the contract and apart
 * from the router's funnel on purpose: what checks the router must not be the router.
 */
export function legality(
  policies: readonly Policy[],
  workflowPolicies: readonly number[],
  endpoints: readonly EndpointSpec[],
  gateway: GatewaySpec = PLAIN_GATEWAY,
): IsLegal {
  // By policy; by rule, its own half first; by rung, the whole answer first; by endpoint.
  const halves = policies.map(halvesOf)
  const verdicts = halves.map((rules) =>
    rules.map((rungs) => rungs.map((half) => endpoints.map((spec) => forbidden(half, spec, endpoints, gateway)))),
  )
  return (_request, workflow, endpoint, rule, rung, asked) => {
    const policy = workflowPolicies[workflow]
    if (policy === undefined) return null
    const verdict = verdicts[policy]?.[1 + rule]?.[rung]?.[endpoint] ?? null
    if (verdict !== null || asked === undefined) return verdict
    const [half, spec] = [halves[policy]?.[1 + rule]?.[rung], endpoints[endpoint]]
    return half === undefined || spec === undefined ? null : inability(half, spec, gateway, asked)
  }
}

/** Which endpoints a policy allows for some request or other. */
export function reachable(policy: Policy, endpoints: readonly EndpointSpec[], gateway: GatewaySpec): boolean[] {
  const halves = halvesOf(policy).flat()
  return endpoints.map((spec) => halves.some((half) => forbidden(half, spec, endpoints, gateway) === null))
}

/** What a policy asks for: by rule, its own half first; by rung, the whole answer first. */
function halvesOf(policy: Policy): Half[][] {
  return [policy, ...policy.rules.map((rule) => asked(policy, rule))].map((half) =>
    [half.models, ...rungModels(policy, half.models)].map((models) => ({ ...half, models })),
  )
}

/** Rungs of the ladder may name models of their own; whatever else the policy forbids, they keep to. */
function rungModels(policy: Policy, models: readonly string[]): (readonly string[])[] {
  return (policy.resilience.degrade ?? []).map((line) => ('models' in line ? (line.models as string[]) : models))
}

/** What a policy asks for where one of its rules applies. */
function asked(policy: Policy, { use }: Rule): Half {
  return { ...policy, models: use.models, provider: Object.assign({}, policy.provider, use.provider) }
}

/** Why a request half never means an endpoint, in the company of the others. */
export function forbidden(
  half: Half,
  spec: EndpointSpec,
  endpoints: readonly EndpointSpec[],
  gateway: GatewaySpec,
): string | null {
  return violation(half, spec, gateway) ?? ofFlex(half, spec, endpoints, gateway)
}

export function violation(half: Half, spec: EndpointSpec, gateway: GatewaySpec): string | null {
  return (
    ofModels(half, spec, gateway) ??
    ofProviders(half, spec, gateway) ??
    ofData(half, spec, gateway) ??
    ofPrice(half, spec, gateway)
  )
}

function ofModels({ models, provider: asked, app }: Half, spec: EndpointSpec, gateway: GatewaySpec): string | null {
  const { model, harness_only: isGated } = spec
  if (namesOf(models, spec).length === 0) return `model ${model} is not in the policy`
  if (asked.enforce_distillable_text === true && !gateway.models[model]?.distillable)
    return `the author of ${model} does not let others train on its answers`
  if (isGated && !gateway.account?.harnesses.some((harness) => harness === app))
    return `${model} is for agentic harnesses alone`
  return null
}

/** What the request calls the model of an endpoint, suffixes and all. */
function namesOf(models: readonly string[], { model }: EndpointSpec): string[] {
  return models.filter((name) => name === model || readModelName(name).model === model)
}

/** Tiers of service are asked for by the whole request, or by the suffix of a model. */
function asksForTier({ models, provider: { order }, service_tier: service }: Half, spec: EndpointSpec): boolean {
  if (service === spec.tier || (service === 'fast' && spec.tier === 'priority')) return true
  if (service === 'default' || order?.length) return false
  const suffix = spec.tier === 'priority' ? 'nitro' : 'floor'
  return namesOf(models, spec).some((name) => readModelName(name).suffixes.includes(suffix))
}

/** How a slug names an endpoint: it alone, or as one of its provider's. */
function namingOf(slug: string, { provider, tag, name, region, tier }: EndpointSpec, gateway: GatewaySpec) {
  const folded = (text: string): string => (gateway.choices.slug_case === 'any' ? text.toLowerCase() : text)
  const is = (text: string | undefined): boolean => text !== undefined && folded(text) === folded(slug)
  if (tier !== 'default') return is(tag ?? `${provider}/${tier}`) ? 'alone' : null
  if (is(`${provider}/${region}`) || (is(tag) && tag !== provider)) return 'alone'
  return is(provider) || is(name) || is(tag) ? 'among others' : null
}

function ofProviders(half: Half, spec: EndpointSpec, gateway: GatewaySpec): string | null {
  const { provider: asked } = half
  const { provider, tier, quantization } = spec
  const { account, choices } = gateway
  const isNamed = (list: readonly string[]): boolean => list.some((slug) => namingOf(slug, spec, gateway) !== null)
  const { order = [], only = [], ignore = [], quantizations = [] } = asked
  const lists = [...(order ?? []), ...(only ?? [])]
  const isWanted = lists.some((slug) => namingOf(slug, spec, gateway) === 'alone')

  if (only?.length && !isNamed(only)) return `provider ${provider} is not in \`only\``
  if (account?.allowed_providers && !isNamed(account.allowed_providers))
    return `provider ${provider} is not among those that the account allows`
  if (ignore?.length && isNamed(ignore)) return `provider ${provider} is in \`ignore\``
  if (account?.ignored_providers && isNamed(account.ignored_providers))
    return `the account ignores provider ${provider}`
  if (asked.allow_fallbacks === false && order?.length && !isNamed(order))
    return `provider ${provider} is not in \`order\`, and fallbacks are off`
  if (tier !== 'default' && !isWanted && !asksForTier(half, spec))
    return `nobody has asked for the ${tier} tier of ${provider}`
  if (spec.regional_surcharge && choices.regional_surcharge === 'asked' && !isWanted) {
    const regions = account?.allowed_data_regions ?? []
    if (!regions.some((region) => region !== 'global' && spec.region.startsWith(region.slice(0, 2))))
      return `nobody has asked for region ${spec.region}, which costs more at ${provider}`
  }
  if (quantizations?.length && !quantizations.some((asks) => covers(asks, quantization)))
    return `quantization ${quantization} is not in \`quantizations\``
  return null
}

/**
 * Who asks for `flex` is not served at the standard rate by a model that has endpoints of that tier. What a guardrail
 * makes of these depends on the key: where there are any, nothing is said.
 */
function ofFlex(
  { provider, ...half }: Half,
  { model, tier }: EndpointSpec,
  endpoints: readonly EndpointSpec[],
  gateway: GatewaySpec,
): string | null {
  if (half.service_tier !== 'flex' || tier === 'flex' || gateway.guardrails !== undefined) return null
  // Length, shape, price and quantization are looked at afterwards: they do not bring the standard rate back.
  const { quantizations: _, ...early } = provider
  const isFlex = (other: EndpointSpec): boolean =>
    other.model === model && other.tier === 'flex' && isMeant({ ...half, provider: early }, other, gateway)
  return endpoints.some(isFlex) ? `${model} has endpoints of the flex tier, and that is what was asked for` : null
}

function isMeant(half: Half, spec: EndpointSpec, gateway: GatewaySpec): boolean {
  return (ofModels(half, spec, gateway) ?? ofProviders(half, spec, gateway) ?? ofData(half, spec, gateway)) === null
}

function covers(asked: string, declared: string): boolean {
  if (asked === declared) return true
  return asked === 'fp8' ? declared === 'mxfp8' : asked === 'fp4' && (declared === 'mxfp4' || declared === 'nvfp4')
}

function ofData({ provider: asked }: Half, spec: EndpointSpec, { account }: GatewaySpec): string | null {
  const { provider, model, region, training = spec.data_collection === 'allow' } = spec
  const isFree = model.endsWith(':free')
  const keeps = spec.data_collection === 'allow' || training
  if (keeps && (asked.data_collection === 'deny' || account?.data_collection === 'deny'))
    return `provider ${provider} keeps prompts`
  if (!spec.zdr && asked.zdr === true) return `endpoint of ${provider} has no zero data retention`
  if (account === undefined) return null
  if (training && !(isFree ? account.enable_free_model_training : account.enable_paid_model_training))
    return `provider ${provider} trains on prompts`
  if (spec.publication && isFree && !account.enable_free_model_publication)
    return `provider ${provider} publishes prompts`
  const [author = ''] = model.split('/')
  const group = ['anthropic', 'openai', 'google'].includes(author) ? author : /^x-?ai$/.test(author) ? 'xai' : 'other'
  const mustForget = account.zdr === true || (Array.isArray(account.zdr) && (account.zdr as string[]).includes(group))
  if (!spec.zdr && mustForget) return `the account asks for zero data retention of ${group} models`
  const regions = account.allowed_data_regions ?? ['global']
  const isThere = regions.some((part) => part === 'global' || region.startsWith(part.slice(0, 2)))
  return isThere ? null : `the account does not allow region ${region}`
}

function ofPrice(
  { provider: { max_price: cap } }: Half,
  { price }: EndpointSpec,
  { choices }: GatewaySpec,
): string | null {
  const costs = {
    prompt: price.input,
    completion: price.output,
    request: price.request,
    image: price.image ?? 0,
    audio: price.audio ?? price.input,
  }
  for (const [what, cost] of Object.entries(costs)) {
    const most = cap?.[what as keyof typeof costs]
    if (most == null) continue
    if (cost > most || (cost === most && choices.max_price === 'strict')) return `${what} price above max_price`
  }
  return null
}

/** What of a request an endpoint does not take: its length, what it holds, its tools, and what it must not ignore. */
export function inability(
  { provider, plugins }: Half,
  spec: EndpointSpec,
  gateway: GatewaySpec,
  { inputTokens, maxTokens, shape }: Asked,
): string | null {
  const { model, context_length: context, max_output: longest = context, parameters, supports_tool_choice } = spec
  const { tools, toolChoice, responseFormat, inputs = [] } = shape
  const output = maxTokens ?? 0
  const said = pluginSaid('context-compression', plugins, gateway.plugins)
  const isCut = said === undefined ? context <= COMPRESSED_UP_TO : said.enabled !== false
  if (output > longest) return `it answers at most ${longest} tokens, and ${output} are asked for`
  if (isCut ? output >= context && inputTokens + output > context : inputTokens + output > context)
    return `its context is ${context} tokens, and ${inputTokens + output} are needed`

  const takes = spec.input_modalities ?? gateway.models[model]?.input_modalities ?? []
  const alien = inputs.find((input) => !takes.includes(input))
  if (alien !== undefined) return `it takes no ${alien}`

  // Where tools may be dropped, they may be sent nowhere.
  if (tools.length > 0 && gateway.choices.no_tools !== 'drop') {
    if (!parameters.includes('tools')) return 'it calls no tools'
    if (!supports_tool_choice[toolChoice]) return `it does not know tool_choice ${toolChoice}`
  }
  if (provider.require_parameters !== true) return null
  const format = { text: [], json_object: ['response_format'], json_schema: ['structured_outputs'] }[responseFormat]
  const formats = ['response_format', 'structured_outputs']
  const needed = [...shape.parameters.filter((name) => !formats.includes(name)), ...format]
  const unknown = needed.find((name) => !(parameters as readonly string[]).includes(name))
  return unknown === undefined ? null : `it does not support ${unknown}, and every parameter is required`
}
