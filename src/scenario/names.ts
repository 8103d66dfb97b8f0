/** What a fleet and its policies call each other: endpoints that share an id, models and providers that nobody offers. */
import { at, didYouMean } from '../base/index.ts'
import {
  DEFAULT_WORKSPACE,
  endpointId,
  isRouterModel,
  presetReference,
  readModelName,
  tagOf,
  type EndpointSpec,
  type FleetSpec,
  type PresetsSpec,
} from '../protocol/index.ts'
import { providerPreferencesSchema, wishFields, type Policy } from '../router/index.ts'
import { unknown, type Misfit } from './misfit.ts'

export function checkFleet({ endpoints, gateway }: FleetSpec, misfits: Misfit[]): void {
  const seen = new Map<string, number>()
  endpoints.forEach((spec, index) => {
    const id = endpointId(spec)
    const first = seen.get(id)
    if (first === undefined) seen.set(id, index)
    else {
      misfits.push({
        path: ['fleet', 'endpoints', index, spec.tag === undefined ? 'provider' : 'tag'],
        needs: 'fleet',
        message: `endpoints[${first}] and endpoints[${index}] are both ${id}`,
        fix: `give one of them a "tag" of its own, like ${spec.provider}/eu`,
      })
    }
  })
  checkByok(endpoints, gateway, misfits)
  checkGuardrails(gateway, misfits)
  checkWorkspaces(gateway, misfits)
  checkFacts(endpoints, gateway, misfits)
}

/** API keys belong to workspaces that the account must have. */
function checkWorkspaces({ keys = [], account }: FleetSpec['gateway'], misfits: Misfit[]): void {
  const names = [...new Set([DEFAULT_WORKSPACE, ...Object.keys(account?.workspaces ?? {})])]
  keys.forEach(({ workspace }, index) => {
    if (names.includes(workspace)) return
    const stranger = unknown('workspace', workspace, names, '`gateway.account.workspaces`')
    misfits.push({ path: ['fleet', 'gateway', 'keys', index, 'workspace'], ...stranger })
  })
}

/** What the gateway says of providers and models. It may speak of some that this fleet has not. */
function checkFacts(endpoints: readonly EndpointSpec[], gateway: FleetSpec['gateway'], misfits: Misfit[]): void {
  const path = ['fleet', 'gateway']
  const slips = slipFinder(endpoints, gateway)
  for (const list of ['allowed_providers', 'ignored_providers'] as const) {
    misfits.push(...slips(gateway.account?.[list], [...path, 'account', list]))
  }
  const models = [...new Set(endpoints.map(({ model }) => model))]
  gateway.keys?.forEach((key, index) => {
    const place = [...path, 'keys', index]
    misfits.push(...slips(key.allowed_providers, [...place, 'allowed_providers']))
    key.allowed_models?.forEach((model, number) => {
      if (models.includes(model) || !didYouMean(model, models)) return
      misfits.push({ path: [...place, 'allowed_models', number], ...unknown('model', model, models, 'the fleet') })
    })
  })
  for (const model of Object.keys(gateway.models)) {
    if (models.includes(model) || !didYouMean(model, models)) continue
    misfits.push({ path: [...path, 'models', model], isKey: true, ...unknown('model', model, models, 'the fleet') })
  }
}

/** Finds slugs that name nobody of the fleet, and all but name somebody: others may be meant for another fleet. */
function slipFinder(endpoints: readonly EndpointSpec[], { choices }: FleetSpec['gateway']) {
  const names = [...new Set(endpoints.flatMap((spec) => [spec.provider, tagOf(spec), spec.name].filter(isText)))]
  const regions = endpoints.map(({ provider, region }) => `${provider}/${region}`)
  const spelled = (slug: string): string => (choices.slug_case === 'any' ? slug.toLowerCase() : slug)
  const known = new Set([...names, ...regions].map(spelled))
  return (slugs: readonly string[] | null | undefined, path: readonly PropertyKey[]): Misfit[] =>
    (slugs ?? []).flatMap((slug, number) => {
      if (known.has(spelled(slug)) || !didYouMean(slug, names)) return []
      return [{ path: [...path, number], ...unknown('provider', slug, names, 'the fleet') }]
    })
}

/** Guardrails are assigned to API keys that are there, and to users whom one of them names. */
function checkGuardrails({ guardrails = [], keys = [] }: FleetSpec['gateway'], misfits: Misfit[]): void {
  const names = keys.map(({ name }) => name)
  const users = [...new Set(keys.flatMap(({ creator_user_id: user }) => user ?? []))]
  guardrails.forEach((guardrail, index) => {
    const path = ['fleet', 'gateway', 'guardrails', index]
    guardrail.keys.forEach((name, number) => {
      if (names.includes(name)) return
      misfits.push({ path: [...path, 'keys', number], ...unknown('key', name, names, '`gateway.keys`') })
    })
    guardrail.users.forEach((user, number) => {
      if (users.includes(user)) return
      misfits.push({ path: [...path, 'users', number], ...unknown('user', user, users, '`gateway.keys`') })
    })
  })
}

/** Keys of one's own name providers and models that the fleet must have. */
function checkByok(
  endpoints: readonly EndpointSpec[],
  { byok, keys = [] }: FleetSpec['gateway'],
  misfits: Misfit[],
): void {
  const callers = keys.map(({ name }) => name)
  byok.forEach(({ provider, allowed_models: models, allowed_api_keys: names }, index) => {
    const path = ['fleet', 'gateway', 'byok', index]
    names?.forEach((name, number) => {
      if (callers.includes(name)) return
      const stranger = unknown('key', name, callers, '`gateway.keys`')
      misfits.push({ path: [...path, 'allowed_api_keys', number], ...stranger })
    })
    const served = endpoints.filter((spec) => spec.provider === provider || spec.tag === provider)
    if (served.length === 0) {
      const providers = [...new Set(endpoints.map((spec) => spec.provider))]
      misfits.push({ path: [...path, 'provider'], ...unknown('provider', provider, providers, 'the fleet') })
      return
    }
    const known = [...new Set(served.map(({ model }) => model))]
    models?.forEach((model, number) => {
      if (known.includes(model)) return
      const stranger = unknown('model', model, known, `the endpoints of ${provider}`)
      misfits.push({ path: [...path, 'allowed_models', number], ...stranger })
    })
  })
}

/** Policies refer to presets that are there; what presets say of providers is what requests may say. */
export function checkPresets(
  policies: readonly Policy[],
  names: readonly string[],
  presets: PresetsSpec,
  misfits: Misfit[],
): void {
  const known = Object.keys(presets)
  policies.forEach((policy, index) => {
    const slug = presetReference(policy)?.preset
    if (slug === undefined || known.includes(slug)) return
    const path = ['policies', at(names, index), policy.preset == null ? 'models' : 'preset']
    misfits.push({ path, ...unknown('preset', slug, known, '`gateway.presets` of the fleet') })
  })
  for (const [slug, preset] of Object.entries(presets)) {
    const path = ['fleet', 'gateway', 'presets', slug]
    const parts = [
      ['provider', providerPreferencesSchema.safeParse(preset.provider ?? {})],
      ['service_tier', wishFields.service_tier.safeParse(preset.service_tier)],
    ] as const
    for (const [key, { error }] of parts) {
      for (const issue of error?.issues ?? []) {
        misfits.push({ path: [...path, key, ...issue.path], message: issue.message })
      }
    }
  }
}

export function checkPolicies(
  policies: readonly Policy[],
  names: readonly string[],
  workflows: readonly string[],
  { endpoints, gateway }: FleetSpec,
  misfits: Misfit[],
): void {
  const slips = slipFinder(endpoints, gateway)
  const models = [...new Set(endpoints.map(({ model }) => model))]
  const isOffered = (model: string): boolean => models.includes(model)
  policies.forEach((policy, index) => {
    const path = ['policies', at(names, index)]
    const uses: { path: PropertyKey[]; use: Chosen }[] = [
      { path, use: policy },
      ...policy.rules.map(({ use }, rule) => ({ path: [...path, 'rules', rule, 'use'], use })),
      ...(policy.resilience.degrade ?? []).flatMap((line, rung) =>
        'models' in line ? [{ path: [...path, 'resilience', 'degrade', rung], use: line as Chosen }] : [],
      ),
    ]
    for (const { path: place, use } of uses) {
      use.models.forEach((model, number) => {
        const where = [...place, 'models', number]
        const { model: id } = readModelName(model, isOffered)
        if (use.models.findIndex((other) => readModelName(other, isOffered).model === id) < number) {
          const message = `"${id}" is in the list already: a fallback goes on to another model, and never back`
          misfits.push({ path: where, message, fix: 'remove it' })
        } else if (isRouterModel(model)) {
          if (policy.rules.length === 0 && policy.resilience.degrade === undefined) return
          const message = `"${model}" chooses models, and so do the rules and the ladder of this policy`
          misfits.push({ path: where, message, fix: 'keep the one or the other' })
        } else if (!models.includes(id)) {
          misfits.push({ path: where, ...unknown('model', model, models, 'the fleet') })
        }
      })
      for (const list of ['order', 'only', 'ignore'] as const) {
        misfits.push(...slips(use.provider?.[list], [...place, 'provider', list]))
      }
    }
    checkRungs(policy, endpoints, [...path, 'resilience', 'degrade'], misfits)
    policy.rules.forEach(({ when }, rule) => {
      for (const name of [when.workflow ?? []].flat()) {
        // The same with workflows: a policy serves many scenarios.
        if (workflows.includes(name) || !didYouMean(name, workflows)) continue
        const slip = unknown('workflow', name, workflows, 'this scenario')
        misfits.push({ path: [...path, 'rules', rule, 'when', 'workflow'], ...slip })
      }
    })
  })
}

interface Chosen {
  readonly models: readonly string[]
  readonly provider?: Policy['provider'] | undefined
}

/** A larger context that is not, a cheaper model that is not: rungs that promise what the fleet does not have. */
function checkRungs(policy: Policy, endpoints: readonly EndpointSpec[], path: PropertyKey[], misfits: Misfit[]): void {
  const of = (names: readonly string[]) => {
    const models = names.map((name) => readModelName(name, (id) => endpoints.some(({ model }) => model === id)).model)
    return endpoints.filter(({ model }) => models.includes(model))
  }
  const own = of([policy, ...policy.rules.map(({ use }) => use)].flatMap(({ models }) => models))
  policy.resilience.degrade?.forEach((line, rung) => {
    if (!('models' in line)) return
    const offered = of((line as Chosen).models)
    if (offered.length === 0 || own.length === 0) return
    const least = Math.min(...own.map(({ context_length: length }) => length))
    const dearest = Math.max(...own.map(({ price }) => price.output))
    if (line.rung === 'larger_context' && offered.every(({ context_length: length }) => length <= least)) {
      const message = `no model of this rung has a larger context than those of the policy (${least} tokens)`
      misfits.push({ path: [...path, rung, 'models'], message })
    }
    if (line.rung === 'cheaper_model' && offered.every(({ price }) => price.output > dearest)) {
      misfits.push({
        path: [...path, rung, 'models'],
        message: 'every model of this rung is dearer than those of the policy',
      })
    }
  })
}

function isText(value: string | undefined): value is string {
  return value !== undefined
}
