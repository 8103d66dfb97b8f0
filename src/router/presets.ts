/** A policy that refers to a preset of the gateway, with the preset's fields where it has none of its own. */
import { modelsOfPreset, presetReference, type PresetsSpec, type PresetSpec } from '../protocol/index.ts'
import { providerPreferencesSchema, wishFields, type Policy, type RequestHalf } from './policy.ts'
import type { Rule } from './rules.ts'

/** The policy itself where it refers to none, or to one that is not there. */
export function presetPolicy(policy: Policy, presets: PresetsSpec): Policy {
  const half = presetHalf(policy, presets)
  const rules = policy.rules.map((rule) => presetRule(rule, presets))
  return half === policy && rules.every((rule, index) => rule === policy.rules[index]) ? policy : { ...half, rules }
}

/** The same for a request half: field by field, and no deeper. What the preset cannot mean is left out. */
export function presetHalf<Half extends RequestHalf>(half: Half, presets: PresetsSpec): Half {
  const reference = presetReference(half)
  const preset = reference === null ? undefined : presets[reference.preset]
  if (reference === null || preset === undefined) return half
  const isOwn = Object.values(half.provider).some((value) => value != null)
  return {
    ...half,
    preset: null,
    models: [...(reference.models.length > 0 ? reference.models : modelsOfPreset(preset))],
    provider: isOwn ? half.provider : (providerPreferencesSchema.safeParse(preset.provider ?? {}).data ?? {}),
    service_tier: half.service_tier ?? wishFields.service_tier.safeParse(preset.service_tier).data,
    plugins: half.plugins ?? preset.plugins,
    cache_enabled: preset.cache_enabled === false ? false : (half.cache_enabled ?? preset.cache_enabled),
    cache_ttl_seconds: half.cache_ttl_seconds ?? preset.cache_ttl_seconds,
  }
}

/** A rule chooses models alone. */
function presetRule(rule: Rule, presets: PresetsSpec): Rule {
  const reference = presetReference({ models: rule.use.models })
  const preset: PresetSpec | undefined = reference === null ? undefined : presets[reference.preset]
  if (reference === null || preset === undefined) return rule
  const models = reference.models.length > 0 ? reference.models : modelsOfPreset(preset)
  return { ...rule, use: { ...rule.use, models: [...models] } }
}
