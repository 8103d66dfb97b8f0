/** The endpoints of a fleet with the copies that keys of one's own make of them: the real ones first, as they are. */
import { streamOf, type EndpointSpec } from './catalogue.ts'
import type { ByokKey } from './contract/byok.ts'

export function withByok(endpoints: readonly EndpointSpec[], keys: readonly ByokKey[]): readonly EndpointSpec[] {
  if (keys.length === 0) return endpoints
  const copies = keys.flatMap((key, index) =>
    endpoints.flatMap((spec, of) => (appliesTo(key, spec) ? [copyFor(key, index, spec, of)] : [])),
  )
  return [...endpoints, ...copies]
}

function appliesTo({ provider, allowed_models: models }: ByokKey, spec: EndpointSpec): boolean {
  return (provider === spec.provider || provider === spec.tag) && (models === undefined || models.includes(spec.model))
}

function copyFor(key: ByokKey, index: number, spec: EndpointSpec, of: number): EndpointSpec {
  return {
    ...spec,
    byok: { name: key.name, key: index, of },
    stream: `${streamOf(spec)}#${key.name}`,
    key: key.name,
    zdr: key.declared_zdr ?? spec.zdr,
    limits: key.limits ?? spec.limits,
    capacity: key.capacity ?? spec.capacity,
  }
}
