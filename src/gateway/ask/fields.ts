/**
 * What the fields of a request at `/api/v1` may be (openrouter.md §4.1). Checked by hand and not by a schema: every
 * request comes through here, and most have three fields. Null counts as absent; names that are not here may be anything.
 */
import {
  EFFORTS,
  pdfProblem,
  SERVICE_TIERS,
  SESSION_ID_MAX,
  STOP_CONDITIONS,
  TOOL_STEPS_MAX,
  type PluginUse,
} from '../../protocol/index.ts'

/** What a value should have been; null where it is. */
export type Check = (value: unknown) => string | null

const METADATA_PAIRS_MAX = 16
const METADATA_KEY_MAX = 64
const METADATA_VALUE_MAX = 512
const STOPS_MAX = 4
const TOOLS_MAX = 128
const NAME_MAX = 256
const BIAS_MAX = 100
const SCHEMA_NAME = /^[a-zA-Z0-9_-]{1,64}$/
const SCHEMA_NAME_SAID = 'letters, digits, "_" and "-", at most 64 of them'

export type Fields = Readonly<Record<string, unknown>>

/** An object that is no list. */
export function fieldsOf(value: unknown): Fields | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : null
}

const boolean: Check = (value) => (typeof value === 'boolean' ? null : 'expected a boolean')
const object: Check = (value) => (fieldsOf(value) === null ? 'expected an object' : null)

const oneOf =
  (...words: readonly string[]): Check =>
  (value) =>
    words.includes(value as string) ? null : `expected one of ${words.map((word) => `"${word}"`).join(', ')}`

const text =
  (max: number, min = 0): Check =>
  (value) => {
    if (typeof value !== 'string') return 'expected a string'
    if (value.length > max) return `expected at most ${max} characters`
    return value.length < min ? `expected at least ${min} character` : null
  }

const number =
  (min: number, max: number): Check =>
  (value) =>
    typeof value === 'number' && value >= min && value <= max ? null : `expected a number from ${min} to ${max}`

const above =
  (min: number, max: number): Check =>
  (value) =>
    typeof value === 'number' && value > min && value <= max ? null : `expected a number above ${min}, at most ${max}`

const whole =
  (min: number, max = Number.MAX_SAFE_INTEGER): Check =>
  (value) => {
    if (Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max) return null
    return max === Number.MAX_SAFE_INTEGER
      ? `expected an integer of at least ${min}`
      : `expected an integer from ${min} to ${max}`
  }

const listOf =
  (check: Check, max: number, min = 0): Check =>
  (value) => {
    if (!Array.isArray(value)) return 'expected an array'
    if (value.length < min) return `expected at least ${min} item`
    if (value.length > max) return `expected at most ${max} items`
    for (const item of value) {
      const problem = check(item)
      if (problem !== null) return `of every item: ${problem}`
    }
    return null
  }

const either =
  (first: Check, second: Check): Check =>
  (value) =>
    typeof value === 'string' ? first(value) : second(value)

const stop = either(text(Infinity), listOf(text(Infinity), STOPS_MAX))

const metadata: Check = (value) => {
  const pairs = fieldsOf(value)
  if (pairs === null) return 'expected an object'
  const names = Object.keys(pairs)
  if (names.length > METADATA_PAIRS_MAX) return `expected at most ${METADATA_PAIRS_MAX} pairs`
  for (const name of names) {
    if (name.length > METADATA_KEY_MAX) return `expected keys of at most ${METADATA_KEY_MAX} characters`
    const problem = text(METADATA_VALUE_MAX)(pairs[name])
    if (problem !== null) return `of every value: ${problem}`
  }
  return null
}

const logitBias: Check = (value) => {
  const biases = fieldsOf(value)
  if (biases === null) return 'expected an object'
  for (const name in biases) {
    const problem = number(-BIAS_MAX, BIAS_MAX)(biases[name])
    if (problem !== null) return `of every value: ${problem}`
  }
  return null
}

const plugin: Check = (value) => {
  const plugin = fieldsOf(value)
  if (typeof plugin?.['id'] !== 'string' || plugin['id'] === '') return 'expected an object with an `id`'
  const problem = pdfProblem(plugin as PluginUse)
  return problem === null ? null : `of \`${problem.path.join('.')}\`: ${problem.message}`
}

const responseFormat: Check = (value) => {
  const format = fieldsOf(value)
  if (format === null) return 'expected an object'
  const problem = oneOf('text', 'json_object', 'json_schema', 'grammar', 'python')(format['type'])
  if (problem !== null) return `of \`type\`: ${problem}`
  if (format['type'] === 'grammar' && typeof format['grammar'] !== 'string') return 'expected a `grammar`'
  if (format['type'] !== 'json_schema') return null
  const given = fieldsOf(format['json_schema'])
  const { name } = given ?? {}
  if (typeof name !== 'string' || !SCHEMA_NAME.test(name)) return `expected \`json_schema.name\`: ${SCHEMA_NAME_SAID}`
  return fieldsOf(given?.['schema']) === null ? 'expected `json_schema.schema`' : null
}

const within =
  (fields: Readonly<Record<string, Check>>): Check =>
  (value) => {
    const given = fieldsOf(value)
    if (given === null) return 'expected an object'
    for (const name in fields) {
      const problem = given[name] == null ? null : fields[name]?.(given[name])
      if (problem != null) return `of \`${name}\`: ${problem}`
    }
    return null
  }

const conditions = oneOf(...STOP_CONDITIONS)

/** By name: fields that mean the same whatever a request is written in. */
export const SHARED_CHECKS: ReadonlyMap<string, Check> = new Map<string, Check>([
  ['models', listOf(text(NAME_MAX, 1), Infinity)],
  ['provider', object],
  ['route', oneOf('fallback', 'sort')],
  ['preset', text(NAME_MAX, 1)],
  ['plugins', listOf(plugin, NAME_MAX)],
  ['transforms', listOf(text(NAME_MAX), NAME_MAX)],
  ['max_tool_calls', whole(1, TOOL_STEPS_MAX)],
  ['session_id', text(SESSION_ID_MAX)],
  ['prompt_cache_key', text(Infinity)],
  ['stream', boolean],
  ['user', text(NAME_MAX)],
  ['trace', object],
  ['debug', within({ echo_upstream_body: boolean })],
])

/** All fields of a chat completion. What needs more than its own value is looked at in ask.ts. */
export const CHAT_CHECKS: ReadonlyMap<string, Check> = new Map<string, Check>([
  ...SHARED_CHECKS,
  ['model', text(NAME_MAX, 1)],
  ['service_tier', oneOf(...SERVICE_TIERS)],
  ['stream_options', object],
  ['usage', object],
  ['max_tokens', whole(1)],
  ['max_completion_tokens', whole(1)],
  ['temperature', number(0, 2)],
  ['top_p', above(0, 1)],
  ['top_k', number(0, Infinity)],
  ['min_p', number(0, 1)],
  ['top_a', number(0, 1)],
  ['frequency_penalty', number(-2, 2)],
  ['presence_penalty', number(-2, 2)],
  ['repetition_penalty', above(0, 2)],
  ['seed', whole(Number.MIN_SAFE_INTEGER)],
  ['logit_bias', logitBias],
  ['logprobs', boolean],
  ['top_logprobs', whole(0, 20)],
  ['stop', stop],
  ['response_format', responseFormat],
  ['tools', listOf(object, TOOLS_MAX)],
  ['tool_choice', either(text(Infinity), object)],
  ['parallel_tool_calls', boolean],
  [
    'reasoning',
    within({
      effort: oneOf(...EFFORTS),
      max_tokens: whole(1),
      exclude: boolean,
      enabled: boolean,
      summary: text(NAME_MAX),
    }),
  ],
  ['reasoning_effort', oneOf(...EFFORTS)],
  ['verbosity', oneOf('low', 'medium', 'high', 'xhigh', 'max')],
  ['modalities', listOf(oneOf('text', 'image', 'audio'), NAME_MAX)],
  ['prediction', object],
  ['metadata', metadata],
  ['stop_server_tools_when', listOf((value) => conditions(fieldsOf(value)?.['type']), NAME_MAX, 1)],
  ['cache_control', within({ type: oneOf('ephemeral'), ttl: oneOf('5m', '1h') })],
])
