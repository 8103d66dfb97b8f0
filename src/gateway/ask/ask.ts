/**
 * A request at `/api/v1` as OpenRouter's contract has it: what is refused before anybody is asked, and what it says
 * about its routing. Dialects read the rest. No provider is called and no money booked for what is refused here.
 */
import type { z } from 'zod'
import { hashName } from '../../base/index.ts'
import {
  EFFORTS,
  MODELS_MAX,
  RESPONSE_CACHE_TTL_MAX,
  SESSION_ID_MAX,
  type CacheWish,
  type CallFailure,
  type Choices,
  type Conversation,
  type Effort,
  type PluginUse,
  type RequestWishes,
} from '../../protocol/index.ts'
import { providerPreferencesSchema } from '../../router/index.ts'
import { CHAT_CHECKS, fieldsOf, SHARED_CHECKS, type Check, type Fields } from './fields.ts'

/** What a request says to the gateway alone, beside models and `provider`. */
export interface Ask {
  /** null: nothing. */
  readonly wishes: RequestWishes | null
  readonly conversation: Conversation | null
  /** What it wants of the response cache; null to leave it alone, undefined where it does not say. */
  readonly cache: CacheWish | null | undefined
  /** The effort of reasoning; null where it does not say. */
  readonly effort: Effort | null
  /** Tokens of reasoning at most; null where it does not say. */
  readonly thinkingMax: number | null
  /** Whom the application asks for; null where it does not say. */
  readonly user: string | null
  /** Slug of the preset that it refers to; null for none. */
  readonly preset: string | null
  /** `debug.echo_upstream_body`, of a stream. */
  readonly echoesUpstream: boolean
  /** Whether the answer is to tell how it was routed (openrouter.md §4.10). */
  readonly tellsRouting: boolean
}

/** Headers by lower-case name. */
type Headers = Readonly<Record<string, string | readonly string[] | undefined>>

// ── what is refused ─────────────────────────────────────────────────────────────────────────────────────────────────

/** Why a body is refused, whatever it is written in; null if it is not. `body`: its JSON, anything where it has none. */
export function askProblem(body: unknown, headers: Headers, choices: Choices): CallFailure | null {
  const fields = fieldsOf(body)
  if (fields === null) return NO_JSON
  const problem = problemIn(fields, SHARED_CHECKS) ?? routingProblem(fields, choices) ?? headerProblem(headers)
  return problem === null ? null : refusal(problem)
}

/** The same for `/chat/completions`, all its fields. */
export function chatProblem(body: unknown, headers: Headers, choices: Choices): CallFailure | null {
  const fields = fieldsOf(body)
  if (fields === null) return NO_JSON
  const problem =
    problemIn(fields, CHAT_CHECKS) ??
    routingProblem(fields, choices) ??
    headerProblem(headers) ??
    effortProblem(fields) ??
    inputProblem(fields)
  return problem === null ? null : refusal(problem)
}

export function refusal(message: string): CallFailure {
  return { class: 'invalid_request', status: 400, retryAfterMs: null, message }
}

const NO_JSON = refusal('Input must have at least 1 token.')

function problemIn(fields: Fields, checks: ReadonlyMap<string, Check>): string | null {
  for (const name in fields) {
    const value = fields[name]
    if (value === null || value === undefined) continue
    const problem = checks.get(name)?.(value)
    if (problem != null) return `${name}: ${problem}`
  }
  return null
}

function routingProblem({ model, models, provider, preset }: Fields, choices: Choices): string | null {
  const named = Array.isArray(models) ? models.length + (choices.model_counts && model != null ? 1 : 0) : 0
  if (named > MODELS_MAX) return `'models' array must have ${MODELS_MAX} items or fewer.`
  // A preset that is there has been put in its place by now.
  if (preset != null) return `@preset/${preset as string} is not a valid model ID`
  return provider == null ? null : providerProblem(provider)
}

const TEXTS_MAX = 256
/** Longer ones are judged every time: nobody who means well sends them, and remembering them would cost their length. */
const TEXT_LENGTH_MAX = 8_192
const judged = new Map<string, string | null>()

/** Objects of one text are judged once: applications send the same preferences with every request. */
export function providerProblem(provider: unknown): string | null {
  const key = JSON.stringify(provider)
  let problem = judged.get(key)
  if (problem !== undefined) return problem
  const { error } = providerPreferencesSchema.safeParse(provider)
  const [first] = error?.issues ?? []
  const issue = first && nearest(first)
  if (issue === undefined) problem = null
  else if (issue.code === 'unrecognized_keys') {
    problem = `Unrecognized key(s) in object: '${issue.keys.join("', '")}'`
  } else problem = `provider.${issue.path.join('.')}: ${issue.message}`
  if (key.length > TEXT_LENGTH_MAX) return problem
  if (judged.size >= TEXTS_MAX) judged.delete([...judged.keys()][0] as string)
  judged.set(key, problem)
  return problem
}

/** What is wrong with a value that may have several forms: with the form that it seems to have, or with all of them. */
function nearest(issue: z.core.$ZodIssue): z.core.$ZodIssue {
  if (issue.code !== 'invalid_union') return issue
  const forms = issue.errors.flatMap(([first]) => first ?? [])
  const meant = forms.find(({ path }) => path.length > 0) ?? forms.find(({ code }) => code !== 'invalid_type')
  if (meant !== undefined) return { ...meant, path: [...issue.path, ...meant.path] }
  return { ...issue, message: forms.map(({ message }) => message).join(', or ') }
}

function effortProblem(fields: Fields): string | null {
  const effort = textOf(fieldsOf(fields['reasoning'])?.['effort'])
  const short = textOf(fields['reasoning_effort'])
  if (effort === null || short === null || effort === short) return null
  return `reasoning_effort: "${short}" differs from reasoning.effort "${effort}"`
}

function inputProblem({ messages, prompt }: Fields): string | null {
  if (Array.isArray(messages) && messages.length > 0) return null
  if (messages == null && typeof prompt === 'string' && prompt !== '') return null
  return 'Input required: specify "prompt" or "messages"'
}

function headerProblem(headers: Headers): string | null {
  const name = textOf(headers['x-session-id'])
  if (name === null || name.length <= SESSION_ID_MAX) return null
  return `x-session-id: expected at most ${SESSION_ID_MAX} characters`
}

// ── what is asked ───────────────────────────────────────────────────────────────────────────────────────────────────

const WISHES = ['route', 'service_tier', 'preset', 'plugins', 'max_tool_calls', 'stop_server_tools_when'] as const

/** The gateway's own affair: no provider ever sees these (openrouter.md §4.1). */
const OWN: ReadonlySet<string> = new Set([
  ...WISHES,
  'prompt',
  'session_id',
  'user',
  'metadata',
  'trace',
  'debug',
  'transforms',
  'cache_enabled',
  'cache_ttl_seconds',
  '__proto__',
])

export function askOf(parameters: Fields, stream: boolean, headers: Headers, preset: string | null = null): Ask {
  const { debug } = parameters
  return {
    wishes: wishesOf(parameters),
    conversation: conversationOf(parameters, headers),
    cache: cacheOf(parameters, headers),
    effort: effortOf(parameters),
    thinkingMax: thinkingMaxOf(parameters),
    user: textOf(parameters['user']),
    preset,
    echoesUpstream: stream && fieldsOf(debug)?.['echo_upstream_body'] === true,
    tellsRouting: METADATA_HEADERS.some((name) => textOf(headers[name])?.toLowerCase() === 'enabled'),
  }
}

/**
 * What providers may see of the parameters: not the gateway's own, and nothing that is null. Of the user they see a
 * hash (openrouter.md §4.1).
 */
export function withoutOwn(parameters: Fields): Fields {
  let isClean = true
  for (const name in parameters) if (OWN.has(name) || parameters[name] === null) isClean = false
  if (isClean) return parameters
  const kept = Object.entries(parameters).filter(([name, value]) => !OWN.has(name) && value !== null)
  const user = textOf(parameters['user'])
  return Object.fromEntries(user === null ? kept : [...kept, ['user', `user_${(hashName(user) >>> 0).toString(16)}`]])
}

const METADATA_HEADERS = ['x-openrouter-metadata', 'x-openrouter-experimental-metadata']

function wishesOf(fields: Fields): RequestWishes | null {
  let wishes: Record<string, unknown> | null = null
  for (const name of WISHES) if (fields[name] != null) (wishes ??= {})[name] = fields[name]
  const { transforms } = fields
  if (Array.isArray(transforms)) (wishes ??= {})['plugins'] = [...listed(fields['plugins']), compression(transforms)]
  return wishes
}

/** What `transforms` meant before there were plugins: `[]` switched the one off that there was. */
function compression(transforms: readonly unknown[]): PluginUse {
  return { id: 'context-compression', enabled: transforms.includes('middle-out') }
}

function listed(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

/**
 * `X-OpenRouter-Cache`, `-TTL` and `-Clear` (openrouter.md §4.9), and the fields that a preset has put into the body. A
 * header that says no beats a preset that says yes, and the other way round.
 */
function cacheOf(fields: Fields, headers: Headers): CacheWish | null | undefined {
  const { cache_enabled: isPreset, cache_ttl_seconds: presetSeconds } = fields
  const asked = textOf(headers['x-openrouter-cache'])?.toLowerCase()
  if (asked === 'false' || isPreset === false) return null
  if (asked !== 'true' && isPreset !== true) return undefined
  const digits = /^\d+/.exec(textOf(headers['x-openrouter-cache-ttl']) ?? '')?.[0]
  const seconds = digits === undefined ? presetSeconds : Number(digits)
  return {
    ttlMs: typeof seconds === 'number' ? Math.min(Math.max(seconds * 1_000, 1_000), RESPONSE_CACHE_TTL_MAX) : null,
    clear: textOf(headers['x-openrouter-cache-clear'])?.toLowerCase() === 'true',
  }
}

function thinkingMaxOf(fields: Fields): number | null {
  const max = fieldsOf(fields['reasoning'])?.['max_tokens']
  return typeof max === 'number' ? max : null
}

function effortOf(fields: Fields): Effort | null {
  const settings = fieldsOf(fields['reasoning'])
  if (settings?.['enabled'] === false) return 'none'
  const effort = settings?.['effort'] ?? fields['reasoning_effort']
  return EFFORTS.find((known) => known === effort) ?? null
}

/** The body's `session_id` goes before the header's, and `prompt_cache_key` comes last (openrouter.md §6.2). */
function conversationOf(fields: Fields, headers: Headers): Conversation | null {
  const { session_id: sessionId, prompt_cache_key: cacheKey } = fields
  const named = textOf(sessionId) ?? textOf(headers['x-session-id'])
  if (named !== null) return { id: named, by: 'session_id' }
  const key = textOf(cacheKey)
  return key === null ? null : { id: shortened(key), by: 'prompt_cache_key' }
}

/** A name that is remembered for a while, and has no limit of its own: of a long one, no more than tells it from others. */
function shortened(name: string): string {
  return name.length <= SESSION_ID_MAX ? name : `${name.length} ${hashName(name)} ${hashName(`once more ${name}`)}`
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null
}
