/**
 * The chat request as the core sees it, the handle of one call at the gateway, and prompt size.
 */
import { hashName, mix32, type Millis } from '../base/index.ts'
import type { ToolChoice } from './catalogue.ts'
import type { Modality } from './contract/index.ts'
import type { Effort } from './contract/model-facts.ts'
import type { ErrorClass } from './error-class.ts'
import type { FailureDetail } from './failure-detail.ts'
import type { NanoDollars } from './price.ts'
import type { Usage } from './signal.ts'
import type { ToolSpec } from './tool-call.ts'

/** What besides text a prompt can hold that endpoints may not take. */
export type InputModality = Exclude<Modality, 'text'>

/** What a request asks for beyond its text. Shared by all requests of one mix, so it can be compared by reference. */
export interface RequestShape {
  readonly tools: readonly ToolSpec[]
  /** `function`: a tool that is named. */
  readonly toolChoice: ToolChoice
  readonly responseFormat: 'text' | 'json_object' | 'json_schema'
  /** JSON Schema of the answer when `responseFormat` is `json_schema`. */
  readonly responseSchema: object | null
  /** Names of the parameters the request sets (see PARAMETERS), for `require_parameters`. */
  readonly parameters: readonly string[]
  /** What the prompt holds besides text. Absent: nothing. */
  readonly inputs?: readonly InputModality[]
}

export const PLAIN_CHAT: RequestShape = {
  tools: [],
  toolChoice: 'auto',
  responseFormat: 'text',
  responseSchema: null,
  parameters: ['max_tokens'],
}

/** What a request is about: rules of a policy choose by it. Shared by all requests that are alike. */
export interface RequestTraits {
  /** Kind of work, in the words of the mix: `chat`, `code`, `explain`. Endpoints declare their quality per task. */
  readonly task: string
  /** Estimated difficulty, 0 (trivial) to 1 (hardest). */
  readonly complexity: number
  /** Class of the data in it: `public`, `internal`, `personal`, `regulated`. */
  readonly dataClass: string
  readonly tenant: string
  /** 0 is the most important; load is shed from the highest number down. */
  readonly priority: number
  /** What its text holds that filters of guardrails look for, by label. Absent: nothing. */
  readonly contains?: readonly string[]
}

export const PLAIN_TRAITS: RequestTraits = {
  task: 'chat',
  complexity: 0.5,
  dataClass: 'public',
  tenant: 'default',
  priority: 1,
}

/** The conversation that a request is a turn of. */
export interface SessionTurn {
  /** 32-bit key of the session: the same for all its turns. */
  readonly key: number
  /** 0 for the first turn, then counting. */
  readonly turn: number
  /** Tokens at the head of the prompt that the previous turn ended with: what a prompt cache may know. */
  readonly prefixTokens: number
  /** How many messages it has, and the tokens of so many that are kept from both of its ends. Absent: it has none. */
  readonly messages?: number
  tokensOfEnds?(kept: number): number
}

/** The name that a caller gives to a conversation, and the field it is from (openrouter.md §6.2). */
export interface Conversation {
  readonly id: string
  readonly by: 'session_id' | 'prompt_cache_key'
}

/** How much a request lets a model think: an effort, or tokens at most, or both. */
export interface Thinking {
  readonly effort?: Effort
  readonly maxTokens?: number
}

/** So many tokens that tools have found, and the texts of those that are more than so many words. */
export interface Findings {
  readonly tokens: number
  readonly texts: readonly string[]
}

/** A PDF of a prompt. */
export interface PromptFile {
  readonly pages: number
  /** Whether its text came along, in the annotations of an earlier answer. */
  readonly isKnown: boolean
  /** What was found in it. Absent: a workload has declared it, and nobody has seen it. */
  readonly seen?: {
    readonly hash: string
    readonly name: string
    readonly text: string
    /** What a prompt grows by with it, as `spelledFile` has it. */
    readonly tokens: number
  }
}

/** The text of a file as a model reads it. */
export function spelledFile(name: string, text: string): string {
  return `<file name="${name}">\n${text}\n</file>`
}

/** How the middle of a prompt was cut out: so many messages are left at most, null for all, and then `inputTokens`. */
export interface MiddleCut {
  readonly messagesMax: number | null
}

/** What a client asks. Identified by (workflow, ordinal), so that it meets the same weather under every policy. */
export interface ChatRequest {
  readonly id: RequestId
  /** Index of its workflow in the scenario. */
  readonly workflow: number
  /** 32-bit key of its random streams. */
  readonly weather: number
  readonly inputTokens: number
  /** The cap the client set; null for none. */
  readonly maxTokens: number | null
  /** How long the answer will be if nothing stops it: a property of the question, not of who answers. */
  readonly outputTokens: number
  readonly stream: boolean
  /** Whether a provider that may call a tool will do so. */
  readonly callsTool: boolean
  readonly shape: RequestShape
  readonly traits: RequestTraits
  /** null: a question of its own. */
  readonly session: SessionTurn | null
  /** How a caller names the conversation, or the gateway in his place. Absent: not at all. */
  conversation?: Conversation
  /** Number of the question, where the same is asked again and again. Absent: it is asked once. */
  readonly question?: number
  /** Images of the prompt. Absent: none. */
  readonly images?: number
  /** PDFs of the prompt. Absent: none, or none that the gateway would read. */
  readonly files?: readonly PromptFile[]
  /** Whether what was found stands for its files, which go to nobody then. Absent: they go where the prompt goes. */
  readonly areFilesRead?: true
  /** How much it may think, where endpoints mind. Absent: as they do by themselves. */
  readonly thinking?: Thinking
  /** What tools have found, which is part of the prompt. Absent: nothing. */
  readonly found?: Findings
  /** What was cut out of its middle, for an endpoint that it is too long for. Absent: nothing. */
  readonly cut?: MiddleCut
  /** The request as it was asked, where something has changed it since: a rung of a ladder, a tool, a cut. */
  readonly original?: ChatRequest
  /** Endpoints it has been to, in order; kept by `nextVisit`. */
  visited: readonly number[]
}

/** Count a visit of the request to an endpoint: 0 for the first, whoever sends it there. */
export function nextVisit(request: ChatRequest, endpoint: number): number {
  let visit = 0
  for (const past of request.visited) if (past === endpoint) visit += 1
  request.visited = visit === 0 && request.visited.length === 0 ? [endpoint] : [...request.visited, endpoint]
  return visit
}

/** The request as it is after something has changed it. It is still the same: the same identity, and the same weather. */
export function changed(request: ChatRequest, changes: Partial<ChatRequest>): ChatRequest {
  return { ...request, ...changes, original: request.original ?? request }
}

/** (workflow, ordinal) in one number: workflow × 2^32 + ordinal. */
export type RequestId = number

const ORDINALS = 4294967296

export function requestId(workflow: number, ordinal: number): RequestId {
  return workflow * ORDINALS + ordinal
}

export function workflowOf(id: RequestId): number {
  return Math.floor(id / ORDINALS)
}

export function ordinalOf(id: RequestId): number {
  return id % ORDINALS
}

/** The id of the generation that a call makes, as its answer and `/generation` name it: both numbers, in base 36. */
export function generationId(request: RequestId, call: number): string {
  return `gen-${request.toString(36)}-${call.toString(36)}`
}

/** The call that an id names; null where it names none. */
export function readGenerationId(id: string): { readonly request: RequestId; readonly call: number } | null {
  const [, request = '', call = ''] = /^gen-([0-9a-z]{1,11})-([0-9a-z]{1,6})$/.exec(id) ?? []
  return request === '' ? null : { request: Number.parseInt(request, 36), call: Number.parseInt(call, 36) }
}

/** The key under which all of a request's randomness is drawn; depends on the workflow's name, not on its position. */
export function weatherOf(workflowName: string, ordinal: number): number {
  return mix32(hashName(workflowName) ^ Math.imul(ordinal + 1, 0x9e3779b1))
}

/** Who calls, where the gateway has keys. */
export interface Caller {
  /** Index of the API key in `keys` of the gateway; UNKNOWN_KEY for a secret that is nobody's. */
  readonly key: number
}

export const UNKNOWN_KEY = -1

/**
 * One call of the application at the gateway. A request is one call, unless the application retries by itself.
 * The router fills in the summary when it closes the call, so that whoever holds the handle can tell the story.
 */
export interface Call {
  /** The gateway may put another in its place, before the router sees it. */
  request: ChatRequest
  /** 0 for the first call of a request, then counting. */
  readonly number: number
  /** Index of the policy that applies. */
  readonly policy: number
  /** null: the call came without a key. */
  readonly caller: Caller | null
  /**
   * The request half that came with the call, when it is not the policy's own; null otherwise. The gateway may put
   * another in its place, before the router sees it.
   */
  half: RequestHalf | null
  /** What stages of the gateway did to it, in order. Absent: nothing. */
  pipeline?: readonly PipelineStep[]
  /** The effort of reasoning that it asks for; null where that was taken back. Absent: it does not say. */
  effort?: Effort | null
  /** Tokens of reasoning that it asks for at most. Absent: it does not say. */
  thinkingMax?: number
  /** What filters of guardrails found in its text. Absent: what the workload declares. */
  contains?: readonly string[]
  /** What it wants of the response cache; null to leave it alone. Absent: what its policy says. */
  cache?: CacheWish | null
  /** What the response cache made of it. Absent: it was not asked. */
  cached?: CacheNote
  /** What a search has found, for the answer to cite. Absent: nothing was searched, or found. */
  citations?: readonly Citation[]
  /** How many server tools it was offered, has used, and searched the web with; and which came last. Absent: none. */
  toolUse?: {
    readonly requested: number
    readonly executed: number
    readonly webSearches: number
    readonly last: string
  }
  /** What server tools have cost, which is paid with the answer, even where that is free. Absent: nothing. */
  toolCost?: NanoDollars
  /** What reading its files has cost, which is paid whatever comes of it. Absent: nothing. */
  parseCost?: NanoDollars
  /** The router model that chose its models, and what its choice is called. Absent: nobody did. */
  chosenBy?: { readonly name: string; readonly strategy: 'auto' | 'free' | 'pareto' | 'latest' }
  /** Filled in by the router. */
  summary: CallSummary | null
  /** The router's bookmark: where it keeps this call while it is in flight; -1 otherwise. */
  slot: number
  /** The bookmark of whoever answers it over the wire: where he keeps it until it is answered. Absent: nowhere. */
  visit?: number
}

/** What server tools and the reading of files have cost a call so far. */
export function toolsOf({ toolCost = 0, parseCost = 0 }: Call): NanoDollars {
  return toolCost + parseCost
}

/** A page that an answer cites (`annotations` of type `url_citation`). */
export interface Citation {
  readonly url: string
  readonly title: string
  readonly content: string
}

/** What a call wants of the response cache. */
export interface CacheWish {
  /** How long its answer is kept; null for the default. */
  readonly ttlMs: Millis | null
  /** Whether an answer that is kept is forgotten first. */
  readonly clear: boolean
  /** Hash of the body, in which the order of properties counts. Absent: what is asked stands for it. */
  readonly body?: string
}

/** What came of that: an answer from the cache, or none yet. */
export interface CacheNote {
  readonly status: 'HIT' | 'MISS'
  readonly ageMs: Millis
  readonly ttlMs: Millis
  /** Whose answer it is; null for a miss. */
  readonly source: { readonly request: RequestId; readonly call: number } | null
}

/** Service tiers that a request may ask for (openrouter.md §1.11). `fast` is `priority`. */
export const SERVICE_TIERS = ['auto', 'default', 'fast', 'flex', 'priority', 'scale'] as const
export type ServiceTier = (typeof SERVICE_TIERS)[number]

/** One of `plugins`: its id, whether it is on (absent: yes), and settings of its own. */
export interface PluginUse {
  readonly id: string
  readonly enabled?: boolean | null | undefined
  readonly [setting: string]: unknown
}

/** When a request uses no more server tools, with the field that the type says how to measure by. */
export const STOP_CONDITIONS = [
  'step_count_is', 'max_cost', 'max_tokens_used', 'has_tool_call', 'finish_reason_is',
] as const // prettier-ignore
export interface StopCondition {
  readonly type: (typeof STOP_CONDITIONS)[number]
  readonly [field: string]: unknown
}

/** What a request says of its routing beside models and providers, by the names on the wire. Null is absent. */
export interface RequestWishes {
  /** Deprecated form of `provider.sort.partition`: `fallback` is `model`, `sort` is `none`. */
  readonly route?: 'fallback' | 'sort' | null | undefined
  readonly service_tier?: ServiceTier | null | undefined
  /** Slug of a preset. */
  readonly preset?: string | null | undefined
  readonly plugins?: readonly PluginUse[] | null | undefined
  /** The conversation it belongs to; `prompt_cache_key` names it where this does not. */
  readonly session_id?: string | null | undefined
  readonly prompt_cache_key?: string | null | undefined
  /** Whether the answer may come from, and goes into, the response cache, and for how long. */
  readonly cache_enabled?: boolean | null | undefined
  readonly cache_ttl_seconds?: number | null | undefined
  /** What the application calls itself: its `HTTP-Referer`. */
  readonly app?: string | null | undefined
  /** How many server tools it may use; 30 at most. */
  readonly max_tool_calls?: number | null | undefined
  /** When it is to use no more of them, instead of that. Any is enough. */
  readonly stop_server_tools_when?: readonly StopCondition[] | null | undefined
  /** Settings of reasoning; what stands here beside the effort is passed on unread. */
  readonly reasoning?:
    | {
        readonly effort?: Effort | null | undefined
        readonly max_tokens?: number | null | undefined
        readonly enabled?: boolean | null | undefined
      }
    | null
    | undefined
}

/** What a stage of the gateway did to a call; only those that did something are told. */
export interface PipelineStep {
  readonly type: 'guardrail' | 'plugin' | 'server_tools' | 'response_healing' | 'context_compression'
  readonly name: string
  readonly summary?: string
  readonly data?: Readonly<Record<string, unknown>>
  /** What it cost, in dollars. Absent: nothing. */
  readonly cost_usd?: number
}

/** The part of a call that the contract knows: models in order, the `provider` object, and further fields beside them. */
export interface RequestHalf extends RequestWishes {
  readonly models: readonly string[]
  readonly provider: object
}

export interface CallSummary {
  /** Attempts made. */
  readonly attempts: number
  /** Endpoint that the plan put first, whether or not it could be asked; -1 for an empty plan. */
  readonly firstChoice: number
  /** Endpoint whose answer was committed; -1 for none. */
  readonly servedBy: number
  readonly billed: NanoDollars
  /** Rung of the degradation ladder it ended on; 0 for none. */
  readonly rung: number
  /** The request as it was asked in the end; another than the call's where a rung has changed it. */
  readonly asked: ChatRequest
  /** What the caller got: an answer, one that broke off and was closed where it stood, or a sentence of the policy. */
  readonly delivery: 'answer' | 'partial' | 'canned' | 'none'
  /** How it was routed; absent where it never was. */
  readonly story?: CallStory
}

/** How a call was routed, for whoever asks. */
export interface CallStory {
  /** Endpoints of the plan that it ended with, in order. */
  planned(): readonly number[]
  /** The attempts made, in order; status 0 for one that was given up. */
  tried(): readonly { readonly endpoint: number; readonly status: number }[]
  /** When the attempt that served began, by whose prices the answer is paid; null where none has. */
  servedFrom(): Millis | null
  /** What was counted of the answer; null where there is none. */
  seen(): Usage | null
}

/**
 * One try at one endpoint. Router and provider hold the same object; each keeps its own state elsewhere, the provider
 * under `slot`.
 */
export interface AttemptHandle {
  readonly request: ChatRequest
  /** Number of the call it belongs to; -1 for an emergency attempt past the gateway. */
  readonly call: number
  /** 0 for the first attempt of the call, then counting. */
  readonly number: number
  /** Index of the endpoint. */
  readonly endpoint: number
  /** How often this request has come to this endpoint before: the key of the weather it meets there. */
  readonly visit: number
  /** The fleet's bookmark: where it keeps this attempt while it is in flight; -1 otherwise. */
  slot: number
  /** The call itself. Absent: it belongs to none. */
  readonly from?: Call
  /** The bookmark of whoever carries it over the wire: where he keeps it while it is in flight. Absent: nowhere. */
  way?: number
}

/** Why a call ended without a good answer, as the caller sees it. */
export interface CallFailure {
  readonly class: ErrorClass
  readonly status: number
  readonly retryAfterMs: Millis | null
  readonly message: string
  /** What a surface may say of it beyond that; absent where there is nothing. */
  readonly detail?: FailureDetail
}

const BYTES_PER_TOKEN = 4

/** Prompt size from the UTF-8 length of all message text. The one function that both clocks and the wire share. */
export function promptTokens(bytes: number): number {
  return Math.ceil(bytes / BYTES_PER_TOKEN)
}

/** UTF-8 bytes that make a prompt of exactly so many tokens. */
export function promptBytes(tokens: number): number {
  return tokens * BYTES_PER_TOKEN
}
