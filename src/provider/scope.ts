/** Who shares a limit: endpoints of one scope drain one bucket. */
import { z } from 'zod'
import { endpointId, type EndpointSpec } from '../protocol/index.ts'

const SCOPES = ['endpoint', 'model', 'provider', 'key', 'region', 'target'] as const
type Scope = (typeof SCOPES)[number]

export const scopeParam = z.enum(SCOPES).default('provider').meta({
  description:
    'Who shares it: one endpoint, a model of a provider, a provider, a key or a region of it, or everybody the fault is on.',
})

/** The same for all endpoints that share. */
export function scopeOf(scope: Scope, spec: EndpointSpec): string {
  switch (scope) {
    case 'endpoint':
      return endpointId(spec)
    case 'model':
      return `${spec.provider} ${spec.model}`
    case 'provider':
      return spec.provider
    case 'key':
      return `${spec.provider} ${spec.key}`
    case 'region':
      return `${spec.provider} ${spec.region}`
    case 'target':
      return ''
  }
}

/** One thing per scope, made when it is first needed. */
export class PerScope<T> {
  private readonly things = new Map<string, T>()
  private readonly scope: Scope
  private readonly make: (spec: EndpointSpec) => T

  constructor(scope: Scope, make: (spec: EndpointSpec) => T) {
    this.scope = scope
    this.make = make
  }

  of(spec: EndpointSpec): T {
    const key = scopeOf(this.scope, spec)
    let thing = this.things.get(key)
    if (thing === undefined) this.things.set(key, (thing = this.make(spec)))
    return thing
  }
}
