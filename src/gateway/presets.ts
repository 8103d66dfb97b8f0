/**
 * A request's body with the fields of the preset that it refers to (openrouter.md §8.7): what the body says itself stands
 * over them, field by field and no deeper; tools are those of both, each once by its identity.
 */
import { modelsOfPreset, presetReference, type PresetSpec, type PresetsSpec } from '../protocol/index.ts'

type Fields = Readonly<Record<string, unknown>>

/** The body as it is meant; the body itself where it refers to no preset; null for a preset that is not there. */
export function presetBody(body: unknown, presets: PresetsSpec): unknown {
  const reference = referenceIn(body)
  if (!isFields(body) || reference === null) return body
  const preset = Object.hasOwn(presets, reference.preset) ? presets[reference.preset] : undefined
  return preset === undefined ? null : merged(body, preset, reference.models)
}

/** Slug of the preset that a body refers to; null for none. */
export function presetIn(body: unknown): string | null {
  return referenceIn(body)?.preset ?? null
}

function referenceIn(body: unknown): ReturnType<typeof presetReference> {
  if (!isFields(body)) return null
  const named = [body['model'], ...(Array.isArray(body['models']) ? body['models'] : [])].filter(isText)
  return presetReference({ preset: isText(body['preset']) ? body['preset'] : null, models: named })
}

function merged(body: Fields, preset: PresetSpec, own: readonly string[]): Fields {
  const { model: _model, models: _models, preset: _preset, ...said } = body
  const { system_prompt: system, parameters, tools: kept, model: _, models: __, ...fields } = preset
  const [model, ...others] = own.length > 0 ? own : modelsOfPreset(preset)
  const tools = unionOf(kept ?? [], Array.isArray(body['tools']) ? body['tools'] : [])
  const result: Record<string, unknown> = { ...parameters, ...fields, ...withoutNulls(said) }
  if (model !== undefined) result['model'] = model
  if (others.length > 0) result['models'] = others
  if (tools.length > 0) result['tools'] = tools
  if (preset.cache_enabled === false) result['cache_enabled'] = false
  if (system !== undefined && Array.isArray(body['messages']) && !body['messages'].some(isSystem)) {
    result['messages'] = [{ role: 'system', content: system }, ...body['messages']]
  }
  return result
}

/** The preset's first; one that the request has too is the request's. */
function unionOf(kept: readonly unknown[], said: readonly unknown[]): unknown[] {
  const byIdentity = new Map<unknown, unknown>()
  for (const tool of [...kept, ...said]) byIdentity.set(identityOf(tool), tool)
  return [...byIdentity.values()]
}

/** A function is known by its name, whatever else by its type. */
function identityOf(tool: unknown): unknown {
  if (!isFields(tool)) return tool
  const name = isFields(tool['function']) ? tool['function']['name'] : tool['name']
  return isText(name) ? `function ${name}` : (tool['type'] ?? tool)
}

/** Null is the same as absent. */
function withoutNulls(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null))
}

function isSystem(message: unknown): boolean {
  return isFields(message) && (message['role'] === 'system' || message['role'] === 'developer')
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}
