/**
 * What an endpoint says to a request. The length is the question's; the words are made only where they must be read:
 * tool calls and structured output, which somebody will check against a schema.
 */
import { lognormalFromPercentiles, sampleLognormal, type Rng } from '../base/index.ts'
import { EFFORT_SHARES, type ChatRequest, type EndpointSpec, type ToolDelta } from '../protocol/index.ts'
import type { Answer } from './service.ts'

const WORDS = [
  'amber',
  'basin',
  'cedar',
  'delta',
  'ember',
  'fjord',
  'grove',
  'haven',
  'inlet',
  'jetty',
  'knoll',
  'lagoon',
]
const ANSWER_STREAM = 0x616e
const REASONING_STREAM = 0x7274
const ARRAY_ITEMS_MAX = 3
const DEPTH_MAX = 8
const NO_DELTAS: readonly ToolDelta[] = []
const CHARACTERS_PER_TOKEN = 4

interface JsonSchema {
  readonly type?: string
  readonly enum?: readonly unknown[]
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly items?: JsonSchema
  readonly minimum?: number
  readonly maximum?: number
}

/** `key` and `visit` name the endpoint's visit: it says the same whenever it is made. Plain text needs no dice at all. */
export function composeAnswer(request: ChatRequest, spec: EndpointSpec, rng: Rng, key: number, visit: number): Answer {
  const answer = within(outputMax(request, spec), answerTo(request, spec, rng, key, visit))
  if (spec.reasoning === undefined) return answer
  return afterReasoning(answer, request, spec, rng.fork(REASONING_STREAM, key, request.weather, visit))
}

/**
 * The answer of an endpoint that reasons. The cap holds for both together: reasoning may take all of it, and then nothing
 * is said (openrouter.md §4.5).
 */
function afterReasoning(answer: Answer, request: ChatRequest, spec: EndpointSpec, rng: Rng): Answer {
  const cap = outputMax(request, spec)
  const wanted = reasoningFor(answer.outputTokens, request, spec, rng)
  if (wanted === 0) return answer
  if (wanted >= cap) {
    return { ...answer, outputTokens: 0, reasoningTokens: cap, reason: 'length', text: null, toolDeltas: NO_DELTAS }
  }
  return { ...within(cap - wanted, answer), reasoningTokens: wanted }
}

/** An answer that ends where its cap does, in the middle of a tool call or of JSON as well. `cap`: at least 1 token. */
function within(cap: number, answer: Answer): Answer {
  const { outputTokens, text, toolDeltas } = answer
  if (outputTokens <= cap) return answer
  return {
    ...answer,
    outputTokens: cap,
    reason: 'length',
    text: text === null ? null : text.slice(0, cap * CHARACTERS_PER_TOKEN),
    toolDeltas: toolDeltas.length === 0 ? NO_DELTAS : firstOf(toolDeltas, cap),
  }
}

function firstOf(deltas: readonly ToolDelta[], cap: number): ToolDelta[] {
  const said: ToolDelta[] = []
  let left = cap
  for (const delta of deltas) {
    if (left === 0) break
    const tokens = Math.min(delta.tokens, left)
    left -= tokens
    said.push({ ...delta, args: delta.args.slice(0, tokens * CHARACTERS_PER_TOKEN), tokens })
  }
  return said
}

function reasoningFor(said: number, { thinking, maxTokens }: ChatRequest, spec: EndpointSpec, rng: Rng): number {
  const { share, tokens_p50: p50 = 0, tokens_p95: p95 = p50 } = spec.reasoning ?? {}
  const { effort, maxTokens: limit = Infinity } = thinking ?? {}
  const usual =
    share === undefined ? sampleLognormal(lognormalFromPercentiles(p50, p95), rng) : (said * share) / (1 - share)
  const tokens = Math.round((usual * EFFORT_SHARES[effort ?? 'medium']) / EFFORT_SHARES.medium)
  // Whoever names an effort and a cap has said what share of it that is.
  const most = effort === undefined || maxTokens === null ? Infinity : Math.floor(maxTokens * EFFORT_SHARES[effort])
  return Math.min(tokens, limit, most)
}

function answerTo(request: ChatRequest, spec: EndpointSpec, rng: Rng, key: number, visit: number): Answer {
  const { shape } = request
  const billedInputTokens = Math.round(request.inputTokens * spec.input_tokenizer)
  if (request.callsTool && shape.tools.length > 0 && spec.parameters.includes('tools')) {
    const toolDeltas = callTool(request, rng.fork(ANSWER_STREAM, key, request.weather, visit))
    const outputTokens = toolDeltas.reduce((sum, delta) => sum + delta.tokens, 0)
    return { outputTokens, reason: 'tool_calls', text: null, toolDeltas, billedInputTokens }
  }
  if (shape.responseFormat !== 'text') {
    const dice = rng.fork(ANSWER_STREAM, key, request.weather, visit)
    const text = JSON.stringify(instanceOf((shape.responseSchema ?? { type: 'object' }) as JsonSchema, dice))
    return { outputTokens: tokensOf(text), reason: 'stop', text, toolDeltas: NO_DELTAS, billedInputTokens }
  }
  const outputTokens = Math.max(1, request.outputTokens)
  return { outputTokens, reason: 'stop', text: null, toolDeltas: NO_DELTAS, billedInputTokens }
}

/** The longest answer that a request can get of an endpoint, in tokens. */
export function outputMax({ maxTokens }: ChatRequest, spec: EndpointSpec): number {
  return Math.min(maxTokens ?? Infinity, spec.max_output ?? spec.context_length)
}

/** One call of one tool, its arguments in a few pieces. */
function callTool(request: ChatRequest, rng: Rng): ToolDelta[] {
  const tool = request.shape.tools[rng.below(request.shape.tools.length)]
  if (!tool) return []
  const args = JSON.stringify(instanceOf(tool.parameters as JsonSchema, rng))
  const id = `call_${(rng.int32() >>> 0).toString(36)}${(rng.int32() >>> 0).toString(36)}`
  const middle = Math.ceil(args.length / 2)
  return [
    {
      type: 'toolDelta',
      index: 0,
      id,
      name: tool.name,
      args: args.slice(0, middle),
      tokens: tokensOf(args.slice(0, middle)),
    },
    { type: 'toolDelta', index: 0, args: args.slice(middle), tokens: tokensOf(args.slice(middle)) },
  ]
}

function tokensOf(text: string): number {
  return Math.max(1, Math.ceil(text.length / CHARACTERS_PER_TOKEN))
}

/** A small instance of a JSON Schema (the subset that tool schemas use); every property is given. */
function instanceOf(schema: JsonSchema, rng: Rng, depth = 0): unknown {
  if (schema.enum && schema.enum.length > 0) return schema.enum[rng.below(schema.enum.length)]
  switch (schema.type) {
    case 'string':
      return `${WORDS[rng.below(WORDS.length)]} ${WORDS[rng.below(WORDS.length)]}`
    case 'integer':
    case 'number': {
      const low = schema.minimum ?? 1
      return low + rng.below(Math.max(1, (schema.maximum ?? low + 99) - low + 1))
    }
    case 'boolean':
      return rng.chance(0.5)
    case 'null':
      return null
    case 'array': {
      const length = depth >= DEPTH_MAX ? 0 : 1 + rng.below(ARRAY_ITEMS_MAX)
      return Array.from({ length }, () => instanceOf(schema.items ?? { type: 'string' }, rng, depth + 1))
    }
    default:
      return Object.fromEntries(
        Object.entries(schema.properties ?? {}).map(([name, property]) => [name, instanceOf(property, rng, depth + 1)]),
      )
  }
}
