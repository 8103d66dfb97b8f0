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
        path: ['fleet', 'endpoints', index, spec.tag === undefined ? 'provider' : 'tag'],
        needs: 'fleet',
        message: `endpoints[${first}] and endpoints[${index}] are both ${id}`,
        fix: `give one of them a "tag" of its own, like ${spec.provider}/eu`,
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
        if (use.models.indexOf(model) < number) {
          const message = `"${model}" is in the list already: a fallback goes on to another model, and never back`
          misfits.push({ path: where, message, fix: 'remove it' })
        } else if (!models.includes(model)) {
          misfits.push({ path: where, ...unknown('model', model, models, 'the fleet') })
        }
      })
      for (const list of ['order', 'only', 'ignore'] as const) {
        use.provider?.[list]?.forEach((slug, number) => {
          // A policy may name providers that this fleet has not; one that is all but the name of one it has is a slip.
          if (providers.includes(slug) || !didYouMean(slug, providers)) return
          const slip = unknown('provider', slug, providers, 'the fleet')
          misfits.push({ path: [...place, 'provider', list, number], ...slip })
        })
      }
    }
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

function isText(value: string | undefined): value is string {
  return value !== undefined
}
