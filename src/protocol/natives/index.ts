/**
 * natives: how each provider puts its errors, one file per provider. An endpoint's native follows from its provider
 * slug, unless its fleet says otherwise; a provider nobody knows answers like the one whose dialect it speaks. To add
 * one: a file here, a line below, and its id in protocol/catalogue.ts.
 */
import { assert } from '../../base/index.ts'
import type { DialectId, EndpointSpec, NativeId } from '../catalogue.ts'
import type { Native } from './_native.ts'
import { anthropic } from './anthropic.ts'
import { azure } from './azure.ts'
import { deepseek } from './deepseek.ts'
import { google } from './google.ts'
import { groq } from './groq.ts'
import { mistral } from './mistral.ts'
import { openai } from './openai.ts'
import { openrouter } from './openrouter.ts'
import { together } from './together.ts'
import { xai } from './xai.ts'

export * from './_edges.ts'
export {
  isProviderClass,
  PROVIDER_CLASSES,
  type Facts,
  type LimitSaid,
  type LimitsSaid,
  type Native,
  type Occasion,
  type ProviderClass,
} from './_native.ts'

export const NATIVES = [
  openai,
  azure,
  anthropic,
  google,
  mistral,
  groq,
  together,
  deepseek,
  openrouter,
  xai,
] as const satisfies readonly Native[]

const BY_SLUG: ReadonlyMap<string, Native> = new Map(
  NATIVES.flatMap((native: Native) => [native.id, ...native.slugs].map((slug): [string, Native] => [slug, native])),
)

const OF_DIALECT: Readonly<Record<DialectId, Native>> = {
  'openai-chat': openai,
  'anthropic-messages': anthropic,
  gemini: google,
  'openai-responses': openai,
}

/** By name, by provider slug (its part before a `/`), else by dialect. */
export function nativeOf({ native, provider, dialect }: Pick<EndpointSpec, 'native' | 'provider' | 'dialect'>): Native {
  if (native !== undefined) return nativeNamed(native)
  return BY_SLUG.get(provider) ?? BY_SLUG.get(provider.split('/')[0] ?? '') ?? OF_DIALECT[dialect]
}

export function nativeNamed(id: NativeId): Native {
  const native = BY_SLUG.get(id)
  assert(native, `every native id has a native, but ${id} has none`)
  return native
}
