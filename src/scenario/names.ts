/** What a fleet and its policies call each other: endpoints that share an id, models and providers that nobody offers. */
import { at, didYouMean } from '../base/index.ts'
import { endpointId, type EndpointSpec } from '../protocol/index.ts'
import type { Policy } from '../router/index.ts'
import { unknown, type Misfit } from './misfit.ts'

export function checkFleet(endpoints: readonly EndpointSpec[], misfits: Misfit[]): void {
  const seen = new Map<string, number>()
  endpoints.forEach((spec, index) => {
    const id = endpointId(spec)
    const first = seen.get(id)
    if (first === undefined) seen.set(id, index)
    else {
      misfits.push({
        path: ['fleet'],
        message: `endpoints[${first}] and endpoints[${index}] of the fleet are both ${id}`,
        fix: 'give one of them a `tag` of its own, like `openai/eu`',
      })
    }
  })
}

export function checkPolicies(
  policies: readonly Policy[],
  names: readonly string[],
  workflows: readonly string[],
  endpoints: readonly EndpointSpec[],
  misfits: Misfit[],
): void {
  const models = [...new Set(endpoints.map(({ model }) => model))]
  const providers = [...new Set(endpoints.flatMap(({ provider, tag, name }) => [provider, tag, name].filter(isText)))]
  policies.forEach((policy, index) => {
    const path = ['policies', at(names, index)]
    for (const { models: wanted, provider } of [policy, ...policy.rules.map(({ use }) => use)]) {
      for (const model of wanted) {
        if (!models.includes(model)) misfits.push({ path, ...unknown('model', model, models, 'the fleet') })
      }
      for (const slug of [...(provider?.order ?? []), ...(provider?.only ?? []), ...(provider?.ignore ?? [])]) {
        // A policy may name providers that this fleet has not; one that is all but the name of one it has is a slip.
        const isKnown = providers.includes(slug)
        if (!isKnown && didYouMean(slug, providers))
          misfits.push({ path, ...unknown('provider', slug, providers, 'the fleet') })
      }
    }
    for (const { when } of policy.rules) {
      for (const name of [when.workflow ?? []].flat()) {
        // The same with workflows: a policy serves many scenarios.
        if (!workflows.includes(name) && didYouMean(name, workflows))
          misfits.push({ path, ...unknown('workflow', name, workflows, 'this scenario') })
      }
    }
  })
}

function isText(value: string | undefined): value is string {
  return value !== undefined
}
